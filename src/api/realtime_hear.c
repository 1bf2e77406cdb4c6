/*
 * Sound into a realtime session: the input buffer is a listener (voice/listen.h), whose utterances become
 * items (realtime_turns.c). See realtime.h.
 *
 * The listener stands as long as what it was opened with is wanted: a change of other members of the session
 * leaves what is being said alone. Where it has to be another, transcripts of the old one that are on their
 * way are waited for, and what comes in meanwhile stands in line.
 */
#include "api/realtime_ear.h"

#include "base/base64.h"
#include "voice/g711.h"

#include <stdlib.h>

enum { SEMANTIC_SILENCE_MS = 700, LOW_MS = 1200, HIGH_MS = 400 };

struct listener_options rt_listener_options(const struct rt_config *c)
{
    bool low = str_eq(c->eagerness, STR("low")), high = str_eq(c->eagerness, STR("high"));
    unsigned silence = c->turns == RT_TURNS_SERVER ? c->silence_ms
                       : low                       ? LOW_MS
                       : high                      ? HIGH_MS
                                                   : SEMANTIC_SILENCE_MS;
    static const double least = .01; /* a listener takes 0 for its default */
    return (struct listener_options){.mode = c->turns == RT_TURNS_MANUAL ? LISTEN_PUSH_TO_TALK
                                                                         : LISTEN_HANDS_FREE,
                                     .rate = rt_format_rate(c->in),
                                     .threshold = c->threshold > least ? c->threshold : least,
                                     .prefix_ms = c->prefix_ms ? c->prefix_ms : 1,
                                     .silence_ms = silence ? silence : 1,
                                     .complete = c->turns == RT_TURNS_SEMANTIC,
                                     .language = c->language};
}

static bool same(const struct listener_options *a, const struct listener_options *b)
{
    return a->mode == b->mode && a->rate == b->rate && a->threshold == b->threshold &&
           a->prefix_ms == b->prefix_ms && a->silence_ms == b->silence_ms && a->complete == b->complete &&
           str_eq(a->language, b->language);
}

struct rt_ear *rt_ear_of(struct realtime *s)
{
    if (!s->ear) {
        s->ear = heap_alloc(sizeof *s->ear);
        s->ear->session = s;
    }
    return s->ear;
}

static void close_listener(struct rt_ear *ear) LOOP;
static void close_listener(struct rt_ear *ear)
{
    if (ear->listener)
        listener_close(ear->listener);
    ear->listener = NULL;
    ear->stale = ear->speaking = false;
    ear->fed = 0;
    buf_clear(&ear->earlier);
    rt_turns_forget(ear);
}

/* With its listener; NULL: told why not. */
static struct rt_ear *listening_ear(struct realtime *s) LOOP;
static struct rt_ear *listening_ear(struct realtime *s)
{
    struct error e = {0};
    struct rt_ear *ear = rt_ear_of(s);
    if (ear->stale && !ear->waiting_count)
        close_listener(ear);
    if (ear->listener)
        return ear;
    struct listener_options options = rt_listener_options(&s->config);
    ear->listener = listener_open(s->api->parts.listening, &options, &rt_turn_events, ear, &e);
    if (!ear->listener) {
        rt_error(s, &e, STR_NONE);
        return NULL;
    }
    str_copy(ear->language, sizeof ear->language, options.language);
    ear->options = options;
    ear->options.language = str_c(ear->language);
    return ear;
}

bool rt_hear_stale(const struct realtime *s)
{
    return s->ear && s->ear->stale && s->ear->waiting_count;
}

void rt_hear_config(struct realtime *s)
{
    struct rt_ear *ear = s->ear;
    if (!ear || !ear->listener)
        return;
    struct listener_options options = rt_listener_options(&s->config);
    ear->stale = !same(&options, &ear->options);
    if (ear->stale && !ear->waiting_count)
        close_listener(ear);
}

int16_t *rt_decode(enum rt_format format, struct str base64, size_t *count, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct str bytes;
    if (!base64_decode(&a, base64, &bytes)) {
        rt_refuse(e, "invalid_value", "audio", "Invalid 'audio': it must be base64.");
    } else if (bytes.n > REALTIME_APPEND_MAX) {
        rt_refuse(e, "invalid_value", "audio", "One event may carry %d MiB of sound; send it in pieces.",
                  REALTIME_APPEND_MAX >> 20);
    } else if (format == RT_PCM && bytes.n % 2) {
        rt_refuse(e, "invalid_value", "audio",
                  "Invalid 'audio': 16-bit samples are an even number of bytes.");
    } else {
        *count = format == RT_PCM ? bytes.n / 2 : bytes.n;
        int16_t *samples = heap_alloc(*count * sizeof *samples + 2);
        if (format == RT_PCM)
            memcpy(samples, bytes.p, bytes.n);
        for (size_t i = 0; format != RT_PCM && i < bytes.n; i++)
            samples[i] =
                format == RT_PCMU ? g711_from_ulaw((uint8_t)bytes.p[i]) : g711_from_alaw((uint8_t)bytes.p[i]);
        arena_release(&a);
        return samples;
    }
    arena_release(&a);
    return NULL;
}

void rt_hear_append(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    const struct json *audio = json_get(event, "audio");
    size_t count = 0;
    int16_t *samples = NULL;
    if (!audio || audio->type != JSON_STRING)
        rt_refuse(&e, "missing_required_parameter", "audio", "The event needs its 'audio', in base64.");
    else
        samples = rt_decode(s->config.in, audio->string, &count, &e);
    if (!samples) {
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    struct rt_ear *ear = listening_ear(s);
    if (ear) {
        ear->fed += count;
        if (listener_feed(ear->listener, samples, count, &e) != ERR_OK)
            rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
    }
    free(samples);
}

void rt_hear_commit(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct rt_ear *ear = s->ear;
    double ms = ear ? (double)ear->fed * 1000 / rt_format_rate(s->config.in) : 0;
    if (ms < REALTIME_COMMIT_LEAST_MS || !ear->listener) {
        rt_refuse(
            &e, "input_audio_buffer_commit_empty", "",
            "Error committing input audio buffer: buffer too small. Expected at least %dms of audio, but "
            "buffer only has %.2fms of audio.",
            REALTIME_COMMIT_LEAST_MS, ms);
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    ear->fed = 0;
    rt_turn_commit(ear);
    listener_commit(ear->listener);
}

void rt_hear_clear(struct realtime *s, const struct json *event)
{
    (void)event;
    if (s->ear && s->ear->listener) {
        listener_clear(s->ear->listener);
        s->ear->fed = 0;
        s->ear->speaking = false;
        buf_clear(&s->ear->earlier);
        rt_turns_forget(s->ear);
    }
    struct rt_event ev;
    rt_begin(&ev, "input_audio_buffer.cleared");
    rt_send(s, &ev);
}

void rt_hear_close(struct realtime *s)
{
    struct rt_ear *ear = s->ear;
    s->ear = NULL;
    if (!ear)
        return;
    close_listener(ear);
    timer_close(&ear->due);
    rt_recordings_drop(ear);
    buf_release(&ear->earlier);
    if (ear->next)
        rt_item_free(ear->next);
    free(ear);
}
