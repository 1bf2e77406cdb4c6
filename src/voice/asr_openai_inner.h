/*
 * Listening through OpenAI's transcription API, as the three files of its driver share it: asr_openai.c (the
 * driver, its attempts), asr_openai_form.c (what is posted), asr_openai_answer.c (what comes back).
 *
 * A hearing is in its ear's list until its end() was called or it was cancelled; `busy` keeps its memory
 * while something of it is emitted, `over` stops what would follow. All on the loop. Private to these three.
 */
#ifndef EIDOLON_VOICE_ASR_OPENAI_INNER_H
#define EIDOLON_VOICE_ASR_OPENAI_INNER_H

#include "voice/asr.h"

#include "base/config.h"
#include "base/sse.h"
#include "loop/fetch.h"

struct openai_ear {
    struct asr base;
    struct arena arena;
    struct speech_provider config;
    struct str url, endpoint;
    struct openai_hearing *first;
};

struct openai_hearing {
    struct openai_ear *ear;
    struct openai_hearing *next;
    uint64_t id;
    struct arena arena;
    struct str language, prompt, model;
    const struct asr_emit *emit;
    void *arg;
    struct buf sound, answer, heard; /* samples; a body; deltas so far */
    struct sse sse;
    struct timer timer;
    uint64_t fetch;
    unsigned attempt;
    int status;
    bool plain;  /* verbose_json was refused */
    bool stream; /* what comes is an event stream */
    bool html;   /* what comes is a page for people */
    bool done;   /* transcript.text.done was there */
    bool over, busy;
    int64_t retry_after_ms;
};

/* asr_openai.c */
void asr_openai_attempt(struct openai_hearing *l) LOOP;
/* Later once more, where `may` and there is reason to. False: no. */
bool asr_openai_again(struct openai_hearing *l, bool may) LOOP;
void asr_openai_end(struct openai_hearing *l, enum err err, const struct error *e, struct str json) LOOP;
void asr_openai_free(struct openai_hearing *l) LOOP;

/* asr_openai_form.c: 0 with *e where it cannot be sent. */
uint64_t asr_openai_post(struct openai_hearing *l, struct error *e) LOOP;

/* asr_openai_answer.c */
extern const struct fetch_events asr_openai_events;

#endif
