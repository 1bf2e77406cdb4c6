/* Counters of engines and endpoints; see meter.h. Appended under a lock, walked without one. */
#include "engine/meter.h"

#include "base/arena.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct engine_meter *engines;
static struct provider_meter *providers;

struct engine_meter *engine_meters(void)
{
    return __atomic_load_n(&engines, __ATOMIC_ACQUIRE);
}

struct provider_meter *provider_meters(void)
{
    return __atomic_load_n(&providers, __ATOMIC_ACQUIRE);
}

struct engine_meter *engine_meter(struct str name)
{
    char text[METER_NAME];
    str_copy(text, sizeof text, name);
    pthread_mutex_lock(&lock);
    struct engine_meter **at = &engines;
    while (*at && strcmp((*at)->name, text) != 0)
        at = &(*at)->next;
    if (!*at) {
        struct engine_meter *m = heap_alloc(sizeof *m);
        memcpy(m->name, text, sizeof text);
        __atomic_store_n(at, m, __ATOMIC_RELEASE);
    }
    struct engine_meter *found = *at;
    pthread_mutex_unlock(&lock);
    return found;
}

struct provider_meter *provider_meter(struct str name)
{
    char text[METER_NAME];
    str_copy(text, sizeof text, name);
    pthread_mutex_lock(&lock);
    struct provider_meter **at = &providers;
    while (*at && strcmp((*at)->name, text) != 0)
        at = &(*at)->next;
    if (!*at) {
        struct provider_meter *m = heap_alloc(sizeof *m);
        memcpy(m->name, text, sizeof text);
        breaker_init(&m->breaker);
        __atomic_store_n(at, m, __ATOMIC_RELEASE);
    }
    struct provider_meter *found = *at;
    pthread_mutex_unlock(&lock);
    return found;
}

void engine_meter_first(struct engine_meter *m, uint64_t us)
{
    static const uint64_t bounds_ms[METER_BUCKETS] = METER_BUCKETS_MS;
    unsigned bucket = 0;
    while (bucket < METER_BUCKETS && us > bounds_ms[bucket] * 1000)
        bucket++;
    atomic_fetch_add(&m->first_bucket[bucket], 1);
    atomic_fetch_add(&m->first_us_sum, us);
    atomic_fetch_add(&m->first_count, 1);
}

void engine_meter_end(struct engine_meter *m, const struct gen_end *end)
{
    atomic_fetch_add(&m->ended[end->code], 1);
    atomic_fetch_add(&m->prompt_tokens, end->usage.prompt_tokens);
    atomic_fetch_add(&m->completion_tokens, end->usage.completion_tokens);
    atomic_fetch_add(&m->prompt_audio_tokens, end->usage.prompt_audio_tokens);
    atomic_fetch_add(&m->completion_audio_tokens, end->usage.completion_audio_tokens);
    atomic_fetch_sub(&m->in_flight, 1);
}
