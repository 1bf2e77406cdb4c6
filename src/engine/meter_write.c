/* Engines and endpoints in Prometheus' text format 0.0.4; see engine_metrics_write() in meter.h. */
#include "engine/meter.h"

#include <inttypes.h>

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP eidolon_%s %s\n# TYPE eidolon_%s %s\n", name, help, name, type);
}

static void write_calls(struct buf *b)
{
    head(b, "engine_started_total", "counter", "Generations begun, by engine.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        buf_printf(b, "eidolon_engine_started_total{engine=\"%s\"} %" PRIu64 "\n", m->name,
                   atomic_load(&m->started));
    head(b, "engine_ended_total", "counter", "Generations that ended, by engine and error code.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next) {
        for (unsigned code = 0; code < GEN_CODE_COUNT; code++) {
            uint64_t count = atomic_load(&m->ended[code]);
            if (count || code == GEN_OK)
                buf_printf(b, "eidolon_engine_ended_total{engine=\"%s\",code=\"%s\"} %" PRIu64 "\n", m->name,
                           gen_code_name(code), count);
        }
    }
    head(b, "engine_fallbacks_total", "counter", "Generations that went on to the engine's fallback.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        buf_printf(b, "eidolon_engine_fallbacks_total{engine=\"%s\"} %" PRIu64 "\n", m->name,
                   atomic_load(&m->fallbacks));
    head(b, "engine_running", "gauge", "Generations under way.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        buf_printf(b, "eidolon_engine_running{engine=\"%s\"} %" PRId64 "\n", m->name,
                   atomic_load(&m->in_flight));
    head(b, "engine_tokens_total", "counter", "Tokens as the providers counted them.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        buf_printf(b,
                   "eidolon_engine_tokens_total{engine=\"%s\",kind=\"prompt\"} %" PRIu64 "\n"
                   "eidolon_engine_tokens_total{engine=\"%s\",kind=\"completion\"} %" PRIu64 "\n",
                   m->name, atomic_load(&m->prompt_tokens), m->name, atomic_load(&m->completion_tokens));
    head(b, "engine_audio_tokens_total", "counter", "Those of them that were sound, heard and spoken.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        buf_printf(b,
                   "eidolon_engine_audio_tokens_total{engine=\"%s\",kind=\"prompt\"} %" PRIu64 "\n"
                   "eidolon_engine_audio_tokens_total{engine=\"%s\",kind=\"completion\"} %" PRIu64 "\n",
                   m->name, atomic_load(&m->prompt_audio_tokens), m->name,
                   atomic_load(&m->completion_audio_tokens));
}

static void write_first_output(struct buf *b)
{
    static const uint64_t bounds_ms[METER_BUCKETS] = METER_BUCKETS_MS;
    head(b, "engine_first_output_seconds", "histogram", "From a generation's start to its first output.");
    for (struct engine_meter *m = engine_meters(); m; m = m->next) {
        uint64_t below = 0;
        for (unsigned i = 0; i <= METER_BUCKETS; i++) {
            below += atomic_load(&m->first_bucket[i]);
            buf_printf(b, "eidolon_engine_first_output_seconds_bucket{engine=\"%s\",le=\"", m->name);
            if (i < METER_BUCKETS)
                buf_printf(b, "%g", (double)bounds_ms[i] / 1000);
            else
                buf_add(b, STR("+Inf"));
            buf_printf(b, "\"} %" PRIu64 "\n", below);
        }
        /* The sum of the buckets as they were read: the parts never exceed the whole. */
        buf_printf(b,
                   "eidolon_engine_first_output_seconds_sum{engine=\"%s\"} %.9g\n"
                   "eidolon_engine_first_output_seconds_count{engine=\"%s\"} %" PRIu64 "\n",
                   m->name, (double)atomic_load(&m->first_us_sum) / 1e6, m->name, below);
    }
}

static void write_providers(struct buf *b)
{
    head(b, "provider_up", "gauge", "1: in use; 0: left alone after failing again and again.");
    for (struct provider_meter *m = provider_meters(); m; m = m->next) {
        pthread_mutex_lock(&m->breaker.lock);
        enum breaker_state state = m->breaker.state;
        pthread_mutex_unlock(&m->breaker.lock);
        buf_printf(b, "eidolon_provider_up{provider=\"%s\"} %d\n", m->name, state == BREAKER_CLOSED);
    }
    head(b, "provider_opened_total", "counter", "How often the provider's breaker has opened.");
    for (struct provider_meter *m = provider_meters(); m; m = m->next) {
        pthread_mutex_lock(&m->breaker.lock);
        uint64_t opened = m->breaker.opened_count;
        pthread_mutex_unlock(&m->breaker.lock);
        buf_printf(b, "eidolon_provider_opened_total{provider=\"%s\"} %" PRIu64 "\n", m->name, opened);
    }
}

void engine_metrics_write(struct buf *to)
{
    if (!engine_meters())
        return;
    write_calls(to);
    write_first_output(to);
    write_providers(to);
}
