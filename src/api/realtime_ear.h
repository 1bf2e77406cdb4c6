/* Inside realtime*.c: what realtime_hear.c and realtime_recording.c share. See realtime.h. */
#ifndef EIDOLON_API_REALTIME_EAR_H
#define EIDOLON_API_REALTIME_EAR_H

#include "api/realtime.h"
#include "voice/listen.h"

enum { REALTIME_HEARD_MAX = 16 /* turns whose transcripts are on their way */ };

struct recording;

struct rt_ear {
    struct realtime *session;
    struct listener *listener; /* of the input buffer; NULL: nothing was appended since the configuration */
    struct rt_item *next;      /* what the next utterance will be; not in the list yet */
    struct rt_item *waiting[REALTIME_HEARD_MAX];
    size_t waiting_count;
    uint64_t fed; /* samples since the last commit or clear */
    uint32_t stopped_ms;
    bool speaking; /* speech_started was told */
    struct recording *recordings;
};

struct rt_ear *rt_ear_of(struct realtime *s) LOOP;
struct listener_options rt_listener_options(const struct rt_config *c);
/* Samples of what a client sent, on the heap; NULL with the error. */
int16_t *rt_decode(enum rt_format format, struct str base64, size_t *count, struct error *e);
/* What was heard of this item: told, said, and answered if that is wanted. */
void rt_item_heard(struct realtime *s, struct rt_item *item, const struct heard *heard, bool answered) LOOP;
void rt_recordings_drop(struct rt_ear *ear) LOOP;

#endif
