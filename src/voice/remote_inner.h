/*
 * A call to a speech provider, as its three files share it: remote_tts.c (begins and cancels calls),
 * remote_call.c (attempts, time, the transfer), remote_sound.c (what the answer means).
 *
 * Ownership: a call belongs to its provider's list until it ended or was cancelled; `busy` keeps its memory
 * while something of it is being emitted, and the provider's `busy` keeps its memory while it has calls.
 * After `over` nothing of a call is emitted any more. Private to these three.
 */
#ifndef EIDOLON_VOICE_REMOTE_INNER_H
#define EIDOLON_VOICE_REMOTE_INNER_H

#include "voice/remote_tts.h"

#include "loop/loop.h"

enum call_kind { CALL_SPEAK, CALL_LIST, CALL_CLONE, CALL_UNCLONE };

struct remote_call {
    struct remote_call *next, **link; /* link NULL: in no list */
    struct remote *r;
    enum call_kind kind;
    uint64_t id, fetch;
    struct arena arena, doc; /* the call's, the document's in hand */
    struct tts_request request;
    struct tts_clone cloned;
    struct str name; /* of the voice that is removed */
    const struct tts_emit *emit;
    tts_listed_fn *on_listed;
    tts_cloned_fn *on_cloned;
    void *arg;

    unsigned attempt, doors_tried;
    uint64_t started_us, attempt_us, last_us; /* the whole, this attempt, the last progress (0: none) */
    bool began, over;
    unsigned busy;
    struct timer timer;

    struct remote_ask ask;
    int status;
    int64_t retry_after_ms;
    struct sound_in in;
    struct json_stream documents;
    struct buf samples, text; /* decoded, not yet emitted; a whole document or a complaint */
    bool formatted;
    uint64_t heard; /* samples */
    struct aligner aligner;
};

/* remote_call.c */
/* The first attempt or another one; false with *e filled where it could not even begin. */
bool remote_call_attempt(struct remote_call *c, struct error *e) LOOP;
/* An attempt failed: another one, or the end. */
void remote_call_fail(struct remote_call *c, const struct error *e) LOOP;
void remote_call_malformed(struct remote_call *c, const struct error *why) LOOP;
void remote_call_end(struct remote_call *c, enum err err, const struct error *e) LOOP; /* tells it */
void remote_call_silence(struct remote_call *c) LOOP; /* nothing more is emitted */
void remote_call_settle(struct remote_call *c) LOOP;  /* its memory goes, where it is over and idle */

/* remote_sound.c */
void remote_call_sound(struct remote_call *c,
                       struct str bytes) LOOP;       /* sound of the body, decoded and told */
bool remote_call_document(void *c, struct str text); /* one JSON document of a stream */
/* The answer is wholly there: that of CALL_SPEAK, that of the others. */
void remote_call_spoken(struct remote_call *c) LOOP;
void remote_call_answered(struct remote_call *c) LOOP;

#endif
