/*
 * One text spoken into one answer: as a file, as a stream, as events, or as JSON with its words and mouth
 * shapes.
 *
 * Encoding is work for a worker: what was spoken meanwhile waits, and goes with the next job, so that order
 * stays. It outlives its request while a job encodes. Private to speech.c and speech_send.c.
 */
#ifndef EIDOLON_API_SPEECH_H
#define EIDOLON_API_SPEECH_H

#include "api/call.h"
#include "voice/encode.h"
#include "voice/speech.h"

/* One answer in the making. */
struct spoken {
    struct job job;
    struct call *call; /* NULL: the request is gone */
    struct speech *speech;
    struct encoder *encoder;
    enum sound_format format;
    unsigned to_rate, rate;
    bool stream, sse, json;
    bool begun, encoding, ended;
    struct buf waiting, work; /* samples: spoken meanwhile, and the job's */
    struct buf made;          /* encoded */
    struct buf visemes, words;
    uint64_t samples;
    bool last;       /* the job ends the file */
    enum err failed; /* the speech; while a job runs, the two below are the job's */
    struct error why;
    enum err err;
    struct error error;
};

struct spoken *spoken_new(struct call *call);
void spoken_free(struct spoken *s); /* one that was not begun; else it goes by itself */
/* Speaks, and answers the call however it goes. */
void spoken_begin(struct spoken *s, struct str text, const struct voice *voice) LOOP;

#endif
