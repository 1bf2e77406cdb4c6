/* Counters of speech providers; see meter.h. Appended under a lock, walked without one. */
#include "voice/meter.h"

#include "base/arena.h"
#include "base/clock.h"

#include <inttypes.h>

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct voice_meter *all;

struct voice_meter *voice_meters(void)
{
    return __atomic_load_n(&all, __ATOMIC_ACQUIRE);
}

struct voice_meter *voice_meter(struct str name)
{
    char text[VOICE_METER_NAME];
    str_copy(text, sizeof text, name);
    pthread_mutex_lock(&all_lock);
    struct voice_meter **at = &all;
    while (*at && strcmp((*at)->name, text) != 0)
        at = &(*at)->next;
    if (!*at) {
        struct voice_meter *m = heap_alloc(sizeof *m);
        memcpy(m->name, text, sizeof text);
        breaker_init(&m->breaker);
        pthread_mutex_init(&m->lock, NULL);
        __atomic_store_n(at, m, __ATOMIC_RELEASE);
    }
    struct voice_meter *found = *at;
    pthread_mutex_unlock(&all_lock);
    return found;
}

void voice_meter_first(struct voice_meter *m, uint64_t us)
{
    static const uint64_t bounds_ms[VOICE_METER_BUCKETS] = VOICE_METER_BUCKETS_MS;
    unsigned bucket = 0;
    while (bucket < VOICE_METER_BUCKETS && us > bounds_ms[bucket] * 1000)
        bucket++;
    atomic_fetch_add(&m->first_bucket[bucket], 1);
    atomic_fetch_add(&m->first_us_sum, us);
}

void voice_meter_failed(struct voice_meter *m, const char *sentence)
{
    atomic_fetch_add(&m->failed, 1);
    atomic_store(&m->last_failure_ms, clock_wall_ms());
    pthread_mutex_lock(&m->lock);
    str_copy(m->reason, sizeof m->reason, str_c(sentence));
    pthread_mutex_unlock(&m->lock);
}

static enum breaker_state state_of(struct voice_meter *m, uint64_t *opened)
{
    pthread_mutex_lock(&m->breaker.lock);
    enum breaker_state state = m->breaker.state;
    *opened = m->breaker.opened_count;
    pthread_mutex_unlock(&m->breaker.lock);
    return state;
}

bool voice_meter_ok(struct voice_meter *m, char reason[VOICE_METER_REASON])
{
    uint64_t opened;
    bool failed_last = atomic_load(&m->last_failure_ms) > atomic_load(&m->last_ok_ms);
    reason[0] = '\0';
    pthread_mutex_lock(&m->lock);
    if (failed_last)
        memcpy(reason, m->reason, sizeof m->reason);
    pthread_mutex_unlock(&m->lock);
    return state_of(m, &opened) == BREAKER_CLOSED && !failed_last;
}

/* ---- Prometheus' text format 0.0.4 ---- */
static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP eidolon_%s %s\n# TYPE eidolon_%s %s\n", name, help, name, type);
}

static void write_first(struct buf *b)
{
    static const uint64_t bounds_ms[VOICE_METER_BUCKETS] = VOICE_METER_BUCKETS_MS;
    head(b, "voice_provider_first_sound_seconds", "histogram", "From a sentence to its first sound.");
    for (struct voice_meter *m = voice_meters(); m; m = m->next) {
        uint64_t below = 0;
        for (unsigned i = 0; i <= VOICE_METER_BUCKETS; i++) {
            below += atomic_load(&m->first_bucket[i]);
            buf_printf(b, "eidolon_voice_provider_first_sound_seconds_bucket{provider=\"%s\",le=\"", m->name);
            if (i < VOICE_METER_BUCKETS)
                buf_printf(b, "%g", (double)bounds_ms[i] / 1000);
            else
                buf_add(b, STR("+Inf"));
            buf_printf(b, "\"} %" PRIu64 "\n", below);
        }
        buf_printf(b,
                   "eidolon_voice_provider_first_sound_seconds_sum{provider=\"%s\"} %.9g\n"
                   "eidolon_voice_provider_first_sound_seconds_count{provider=\"%s\"} %" PRIu64 "\n",
                   m->name, (double)atomic_load(&m->first_us_sum) / 1e6, m->name, below);
    }
}

void voice_metrics_write(struct buf *b)
{
    uint64_t opened;
    if (!voice_meters())
        return;
    head(b, "voice_provider_sentences_total", "counter", "Sentences begun, by speech provider and outcome.");
    for (struct voice_meter *m = voice_meters(); m; m = m->next)
        buf_printf(b,
                   "eidolon_voice_provider_sentences_total{provider=\"%s\",outcome=\"done\"} %" PRIu64 "\n"
                   "eidolon_voice_provider_sentences_total{provider=\"%s\",outcome=\"failed\"} %" PRIu64 "\n"
                   "eidolon_voice_provider_sentences_total{provider=\"%s\",outcome=\"cancelled\"} %" PRIu64
                   "\n",
                   m->name, atomic_load(&m->done), m->name, atomic_load(&m->failed), m->name,
                   atomic_load(&m->cancelled));
    head(b, "voice_provider_fallbacks_total", "counter", "Sentences another provider spoke in its place.");
    for (struct voice_meter *m = voice_meters(); m; m = m->next)
        buf_printf(b, "eidolon_voice_provider_fallbacks_total{provider=\"%s\"} %" PRIu64 "\n", m->name,
                   atomic_load(&m->fallbacks));
    head(b, "voice_provider_up", "gauge", "1: in use; 0: left alone after failing again and again.");
    for (struct voice_meter *m = voice_meters(); m; m = m->next)
        buf_printf(b, "eidolon_voice_provider_up{provider=\"%s\"} %d\n", m->name,
                   state_of(m, &opened) == BREAKER_CLOSED);
    head(b, "voice_provider_opened_total", "counter", "How often the provider's breaker has opened.");
    for (struct voice_meter *m = voice_meters(); m; m = m->next) {
        state_of(m, &opened);
        buf_printf(b, "eidolon_voice_provider_opened_total{provider=\"%s\"} %" PRIu64 "\n", m->name, opened);
    }
    write_first(b);
}
