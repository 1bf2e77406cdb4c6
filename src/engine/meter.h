/*
 * What engines have done, for /metrics and the health page: counters of all loops, read from any thread.
 *
 * A meter is made when a name is first seen and stays for the life of the process, so pointers to it never
 * dangle; names come from the configuration, so there are few.
 */
#ifndef EIDOLON_ENGINE_METER_H
#define EIDOLON_ENGINE_METER_H

#include "base/breaker.h"
#include "base/buf.h"
#include "engine/provider.h"

#include <stdatomic.h>

/* Upper bounds of the first-output histogram, milliseconds; one more bucket for what is slower. */
#define METER_BUCKETS_MS                                                                                     \
    {                                                                                                        \
        50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000                                             \
    }
enum { METER_BUCKETS = 10, METER_NAME = 72 };

struct engine_meter {
    struct engine_meter *next;
    char name[METER_NAME];
    _Atomic uint64_t started, ended[GEN_CODE_COUNT], fallbacks;
    _Atomic uint64_t prompt_tokens, completion_tokens;
    _Atomic uint64_t prompt_audio_tokens, completion_audio_tokens;               /* parts of those two */
    _Atomic uint64_t first_us_sum, first_count, first_bucket[METER_BUCKETS + 1]; /* not cumulative */
    _Atomic int64_t in_flight;
};

/* An endpoint's health. */
struct provider_meter {
    struct provider_meter *next;
    char name[METER_NAME];
    struct breaker breaker;
    _Atomic int64_t last_ok_ms, last_failure_ms; /* wall clock; 0: never */
    _Atomic int last_code;                       /* enum gen_code of the last call */
};

struct engine_meter *engine_meter(struct str name); /* found or made; any thread */
struct provider_meter *provider_meter(struct str name);
/* All of them, oldest first; NULL ends. Any thread, without locks. */
struct engine_meter *engine_meters(void);
struct provider_meter *provider_meters(void);

void engine_meter_first(struct engine_meter *m, uint64_t us);
void engine_meter_end(struct engine_meter *m, const struct gen_end *end);

/* All of it for /metrics: Prometheus' text format. Any thread. Names need no escaping (config.h). */
void engine_metrics_write(struct buf *to);

#endif
