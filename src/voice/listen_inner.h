/*
 * A listener, as its three files share it: listen.c (opened, fed, closed; the figures), listen_turn.c (what
 * the detector says becomes turns), listen_text.c (a turn's transcript).
 *
 * Sound is cut into windows of the detector; its answers come back in order, so the number of answers is the
 * clock: window k lies at k * 32 ms. What is not yet answered, and the prefix before it, wait in `sound`.
 *
 * A turn (struct talk) begins with the first speech and holds one utterance of the ears; when it is over the
 * listener lets go of it, and it lives on until its transcript is there. So somebody may go on speaking while
 * what they said before is still being written down; transcripts come in order. Private to these three.
 */
#ifndef EIDOLON_VOICE_LISTEN_INNER_H
#define EIDOLON_VOICE_LISTEN_INNER_H

#include "voice/listen.h"

#include "loop/loop.h"
#include "voice/ears.h"
#include "voice/vad.h"
#include "voice/vad_live.h"

#include <soxr.h>
#include <stdatomic.h>

enum {
    LISTEN_WINDOW_MS = VAD_WINDOW * 1000 / VAD_RATE,
    LISTEN_STARVED_MS = 3000, /* without any sound while somebody speaks: the client fell silent */
};

struct listening {
    struct ears *ears;
    struct vad_host *vad;
    atomic_uint_fast64_t open, opened, utterances, empty;
    atomic_uint_fast64_t end_count, end_us_sum, end_us[LISTEN_HISTOGRAM];
    atomic_uint_fast64_t text_count, text_us_sum, text_us[LISTEN_HISTOGRAM];
};

struct talk {
    struct listener *listener;
    struct talk *next;
    uint64_t ear; /* of ears_start(); 0: none */
    struct buf text, sound;
    struct buf silence; /* since the last speech: the ears get it if speech goes on */
    bool resting;       /* they were told that it may be over */
    struct arena arena; /* of the transcript */
    struct heard heard;
    struct error error;
    bool over, done;
};

struct listener {
    struct listening *house;
    struct loop *loop;
    struct listener_options options;
    const struct listen_events *events;
    void *arg;
    struct vad_mic *mic;
    soxr_t resampler;
    struct buf sound;   /* from sample `base` on */
    uint64_t base, fed; /* samples: at the front of `sound`; that came in */
    uint64_t speaker;   /* who it is to recognisers (asr.h) */
    uint64_t windows, answered;
    uint64_t came_us[VAD_PENDING_MAX]; /* when each window on its way was full */
    struct talk *talks;                /* oldest first; the last one may be open */
    struct talk *now;                  /* that is spoken; NULL: nobody speaks */
    bool vad_on, closed;
    unsigned loud;                 /* windows of speech in a row */
    uint64_t loud_from, speech_to; /* windows */
    uint64_t commit_at;            /* windows that must be answered first; 0: nothing to commit */
    uint64_t awake_until_us;
    struct timer timer; /* starved, or a commit that waits for nothing */
};

/* Where a window lies, in milliseconds since the beginning; or how long so many are. */
static inline uint32_t listener_ms(uint64_t windows)
{
    return (uint32_t)(windows * LISTEN_WINDOW_MS);
}

/* listen_turn.c: the detector's answer to a window; no sound came for long, or a commit that waits for none.
 */
void listener_on_window(void *arg, double p);
void listener_on_starved(struct timer *timer);

/* listen_text.c: of a turn's transcript. */
void talk_on_partial(void *arg, struct str text);
void talk_on_heard(void *arg, enum err err, const struct error *e, const struct ears_heard *heard);
void talk_transcribed(struct talk *t) LOOP; /* it has one, or will have none */
void talk_free(struct talk *t) LOOP;
/* Into a histogram of struct listening. */
void listening_count(atomic_uint_fast64_t *count, atomic_uint_fast64_t *sum, atomic_uint_fast64_t *buckets,
                     uint64_t us);

#endif
