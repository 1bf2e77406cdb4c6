/*
 * How speech providers fare: counters, breaker and last failure of each, of all loops, for /metrics, the
 * health page and GET /api/voice.
 *
 * A meter is made when a name is first seen and stays for the life of the process; names come from the
 * configuration, so there are few. The breaker in it (base/breaker.h) is the provider's, for all loops. Any
 * thread.
 */
#ifndef EIDOLON_VOICE_METER_H
#define EIDOLON_VOICE_METER_H

#include "base/breaker.h"
#include "base/buf.h"

#include <stdatomic.h>

/* Upper bounds of the first-sound histogram, milliseconds; one more bucket for what is slower. */
#define VOICE_METER_BUCKETS_MS                                                                               \
    {                                                                                                        \
        25, 60, 120, 250, 500, 1000, 2000, 5000, 10000                                                       \
    }
enum { VOICE_METER_BUCKETS = 9, VOICE_METER_NAME = 72, VOICE_METER_REASON = 384 };

struct voice_meter {
    struct voice_meter *next;
    char name[VOICE_METER_NAME];
    struct breaker breaker;
    _Atomic uint64_t started, done, failed, cancelled;
    _Atomic uint64_t fallbacks; /* sentences, or rests of such, that another provider spoke in its place */
    _Atomic uint64_t first_us_sum, first_bucket[VOICE_METER_BUCKETS + 1]; /* not cumulative */
    _Atomic int64_t last_ok_ms, last_failure_ms;                          /* wall clock; 0: never */
    pthread_mutex_t lock;
    char reason[VOICE_METER_REASON]; /* under lock: the last failure's sentence */
};

struct voice_meter *voice_meter(struct str name); /* found or made */
struct voice_meter *voice_meters(void);           /* all, oldest first; NULL ends */

void voice_meter_first(struct voice_meter *m, uint64_t us);
void voice_meter_failed(struct voice_meter *m, const char *sentence);
/* Whether it is in use, and why it is not (or why it last failed, where that was its latest word). */
bool voice_meter_ok(struct voice_meter *m, char reason[VOICE_METER_REASON]);

void voice_metrics_write(struct buf *to); /* for /metrics */

#endif
