/* Inside realtime*.c: what realtime_hear.c, realtime_turns.c and realtime_recording.c share. See realtime.h.
 */
#ifndef EIDOLON_API_REALTIME_EAR_H
#define EIDOLON_API_REALTIME_EAR_H

#include "api/realtime.h"
#include "voice/barge.h"
#include "voice/listen.h"

enum { REALTIME_HEARD_MAX = 16 /* turns whose transcripts are on their way */ };

struct recording;

struct rt_ear {
    struct realtime *session;
    struct listener *listener; /* of the input buffer; NULL: nothing was appended since the configuration */
    struct listener_options options; /* it was opened with these */
    char language[32];
    bool stale;           /* others are wanted, as soon as the transcripts on their way are there */
    struct rt_item *next; /* what the next utterance will be; not in the list yet */
    struct rt_item *waiting[REALTIME_HEARD_MAX]; /* NULL: whether it is an item is still to be judged */
    size_t waiting_count;
    uint64_t fed; /* samples since the last commit or clear */
    uint32_t stopped_ms;
    bool speaking;        /* speech_started was told */
    struct error failure; /* of the utterance that comes next */
    struct buf earlier;   /* text before the last part of what is committed by hand */

    bool partials; /* the ears tell what they hear while it is said */
    bool judging;  /* speech into an answer, of which nothing is told yet */
    struct barge barge;
    struct timer due;
    uint32_t judged_from_ms;
    struct recording *recordings;
};

struct rt_ear *rt_ear_of(struct realtime *s) LOOP;
struct listener_options rt_listener_options(const struct rt_config *c);
/* Samples of what a client sent, on the heap; NULL with the error. */
int16_t *rt_decode(enum rt_format format, struct str base64, size_t *count, struct error *e);
/* realtime_turns.c */
extern const struct listen_events rt_turn_events;
void rt_turn_commit(struct rt_ear *ear) LOOP;  /* by hand: the turn is over */
void rt_turns_forget(struct rt_ear *ear) LOOP; /* what was being judged */

/* realtime_said.c */
struct rt_item *rt_sound_item(void); /* of an utterance whose text is on its way */
/* It is in the conversation: told, with input_audio_buffer.committed before it. */
void rt_sound_committed(struct realtime *s, struct rt_item *item) LOOP;
void rt_item_unheard(struct realtime *s, struct rt_item *item, const struct error *e) LOOP;
/* What was heard of this item: told, said, and answered if that is wanted. */
void rt_item_heard(struct realtime *s, struct rt_item *item, const struct heard *heard, bool answered) LOOP;
/* realtime_recording.c */
void rt_recordings_drop(struct rt_ear *ear) LOOP;

#endif
