/*
 * Sound that came whole, in an item: heard by a listener of its own, which is committed at once. See
 * realtime.h.
 */
#include "api/realtime_ear.h"

#include <stdlib.h>

struct recording {
    struct recording *next;
    struct rt_ear *ear;
    struct listener *listener;
    struct rt_item *item;
};

static void unlink_recording(struct recording *rec)
{
    struct recording **at = &rec->ear->recordings;
    while (*at != rec)
        at = &(*at)->next;
    *at = rec->next;
}

/* From inside one of its listener's events. */
static void over(struct recording *rec) LOOP;
static void over(struct recording *rec)
{
    unlink_recording(rec);
    listener_close(rec->listener);
    rec->ear->session->waits--;
    loop_defer(loop_self(), free, rec);
}

static void on_utterance(void *arg, const struct heard *heard)
{
    on_loop();
    struct recording *rec = arg;
    struct realtime *s = rec->ear->session;
    rt_item_heard(s, rec->item, heard, false);
    over(rec);
    rt_go_on(s);
}

static void on_failed(void *arg, const struct error *e)
{
    on_loop();
    struct recording *rec = arg;
    struct realtime *s = rec->ear->session;
    rt_item_unheard(s, rec->item, e);
    over(rec);
    rt_go_on(s);
}

static void on_mark(void *arg, uint32_t at_ms)
{
    (void)arg;
    (void)at_ms;
}

enum err rt_sound_check(const struct realtime *s, const struct rt_item *item, struct error *e)
{
    size_t count = 0;
    int16_t *samples = item->sound.n ? rt_decode(s->config.in, item->sound, &count, e) : NULL;
    free(samples);
    if (item->sound.n && !samples) {
        str_copy(e->param, sizeof e->param, STR("item.content.audio"));
        return e->err;
    }
    if (count > (size_t)rt_format_rate(s->config.in) * (LISTEN_UTTERANCE_MS / 1000))
        return rt_refuse(e, "invalid_value", "item.content.audio",
                         "The sound of an item may last %d seconds; use input_audio_buffer.append for more.",
                         LISTEN_UTTERANCE_MS / 1000);
    return ERR_OK;
}

static enum err hear(struct rt_ear *ear, struct rt_item *item, struct error *e) LOOP;
static enum err hear(struct rt_ear *ear, struct rt_item *item, struct error *e)
{
    static const struct listen_events events = {
        .speech_started = on_mark, .speech_stopped = on_mark, .utterance = on_utterance, .failed = on_failed};
    const struct rt_config *c = &ear->session->config;
    struct listener_options options = rt_listener_options(c);
    size_t count = 0;
    int16_t *samples = rt_decode(c->in, item->sound, &count, e);
    free((char *)item->sound.p);
    item->sound = STR_NONE;
    if (!samples)
        return e->err;
    struct recording *rec = heap_alloc(sizeof *rec);
    rec->ear = ear;
    rec->item = item;
    options.mode = LISTEN_PUSH_TO_TALK;
    rec->listener = listener_open(ear->session->api->parts.listening, &options, &events, rec, e);
    enum err err = rec->listener ? listener_feed(rec->listener, samples, count, e) : e->err;
    free(samples);
    if (err) {
        if (rec->listener)
            listener_close(rec->listener);
        free(rec);
        return err;
    }
    rec->next = ear->recordings;
    ear->recordings = rec;
    ear->session->waits++;
    listener_commit(rec->listener);
    return ERR_OK;
}

void rt_hear_item(struct realtime *s, struct rt_item *item)
{
    struct error e = {0};
    if (hear(rt_ear_of(s), item, &e) != ERR_OK)
        rt_item_unheard(s, item, &e);
}

void rt_recordings_drop(struct rt_ear *ear)
{
    while (ear->recordings) {
        struct recording *rec = ear->recordings;
        ear->recordings = rec->next;
        listener_close(rec->listener);
        free(rec);
    }
}
