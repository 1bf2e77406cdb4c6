/*
 * Sound into a realtime session: the input buffer is a listener (voice/listen.h), its utterances become
 * items. See realtime.h.
 *
 * With turn detection the listener ends turns by itself: speech_started, speech_stopped, committed and the
 * item are told as they happen; the transcript follows, is said in the room, and is answered. By hand, a
 * commit ends the turn. What was said reaches the persona as text, so a turn of which nothing is understood
 * is answered by nobody, whatever create_response says.
 */
#include "api/realtime_ear.h"

#include "base/base64.h"
#include "base/clock.h"
#include "voice/g711.h"

#include <math.h>
#include <stdlib.h>

enum { SEMANTIC_SILENCE_MS = 700, LOW_MS = 1200, HIGH_MS = 400 };

/* ---- items ---- */

static void committed(struct realtime *s, struct rt_item *item) LOOP;
static void committed(struct realtime *s, struct rt_item *item)
{
    struct rt_event ev;
    rt_item_add(s, item);
    rt_begin(&ev, "input_audio_buffer.committed");
    const struct rt_item *before = item->before;
    while (before && before->gone)
        before = before->before;
    if (before)
        jw_kv_string(&ev.w, "previous_item_id", str_c(before->id));
    else
        jw_kv_null(&ev.w, "previous_item_id");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    rt_send(s, &ev);
    rt_item_tell(s, "conversation.item.added", item);
    rt_item_tell(s, "conversation.item.done", item);
}

static struct rt_item *sound_item(void)
{
    struct rt_item *item = rt_item_new(RT_MESSAGE, RT_USER);
    item->audio = item->heard_pending = true;
    return item;
}

/* The item that the next utterance will be; made when its speech begins. */
static struct rt_item *next_item(struct rt_ear *ear)
{
    if (!ear->next)
        ear->next = sound_item();
    return ear->next;
}

/* The turn is over: the item is in the conversation, and what comes behind it waits for its text. */
static void turn_over(struct rt_ear *ear) LOOP;
static void turn_over(struct rt_ear *ear)
{
    struct rt_item *item = next_item(ear);
    if (ear->waiting_count == REALTIME_HEARD_MAX)
        return;
    ear->next = NULL;
    ear->waiting[ear->waiting_count++] = item;
    ear->session->waits++;
    committed(ear->session, item);
}

static void tell_transcript(struct realtime *s, const struct rt_item *item, double seconds) LOOP;
static void tell_transcript(struct realtime *s, const struct rt_item *item, double seconds)
{
    struct rt_event ev;
    if (str_empty(s->config.transcription))
        return;
    if (item->text.n) {
        rt_begin(&ev, "conversation.item.input_audio_transcription.delta");
        jw_kv_string(&ev.w, "item_id", str_c(item->id));
        jw_kv_u64(&ev.w, "content_index", 0);
        jw_kv_string(&ev.w, "delta", buf_str(&item->text));
        rt_send(s, &ev);
    }
    rt_begin(&ev, "conversation.item.input_audio_transcription.completed");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_kv_string(&ev.w, "transcript", buf_str(&item->text));
    jw_key(&ev.w, STR("usage"));
    jw_object(&ev.w);
    jw_kv_string(&ev.w, "type", STR("duration"));
    jw_kv_double(&ev.w, "seconds", seconds);
    jw_end_object(&ev.w);
    rt_send(s, &ev);
}

static void answer(struct realtime *s, struct rt_step *step)
{
    on_loop();
    (void)step;
    rt_answer(s);
}

/* What was heard of this item: told, said, and answered if that is wanted. */
void rt_item_heard(struct realtime *s, struct rt_item *item, const struct heard *heard, bool answered)
{
    struct str text = str_trim(heard->text);
    item->heard_pending = false;
    buf_clear(&item->text);
    buf_add(&item->text, text);
    tell_transcript(s, item, (double)(heard->to_ms - heard->from_ms) / 1000);
    if (str_empty(text))
        return;
    if (answered)
        rt_step_add(s, answer, STR_NONE, NULL, true);
    struct room_spoken spoken = {.last_sound_us = heard->last_sound_us,
                                 .end_of_turn_us = heard->end_of_turn_us,
                                 .transcript_us = heard->transcript_us,
                                 .confidence = heard->confidence,
                                 .duration_ms = heard->to_ms - heard->from_ms,
                                 .language = heard->language};
    s->spoken = spoken;
    s->spoken.language = STR_NONE;
    s->spoken_new = true;
    rt_item_say(s, item, &spoken);
}

const struct room_spoken *rt_last_spoken(struct realtime *s, struct arena *a)
{
    if (!s->spoken_new)
        return NULL;
    struct room_spoken *spoken = arena_new(a, struct room_spoken);
    *spoken = s->spoken;
    s->spoken_new = false;
    return spoken;
}

/* ---- what the listener tells ---- */

static void on_speech_started(void *arg, uint32_t at_ms)
{
    on_loop();
    struct rt_ear *ear = arg;
    struct realtime *s = ear->session;
    if (s->config.turns == RT_TURNS_MANUAL || ear->speaking)
        return;
    ear->speaking = true;
    timer_cancel(&s->idle);
    struct rt_event ev;
    rt_begin(&ev, "input_audio_buffer.speech_started");
    jw_kv_u64(&ev.w, "audio_start_ms", at_ms > s->config.prefix_ms ? at_ms - s->config.prefix_ms : 0);
    jw_kv_string(&ev.w, "item_id", str_c(next_item(ear)->id));
    rt_send(s, &ev);
    struct rt_response *r = rt_response_active(s);
    if (r && s->config.interrupt_response)
        rt_response_stop(r, "turn_detected");
}

static void on_speech_stopped(void *arg, uint32_t at_ms)
{
    on_loop();
    struct rt_ear *ear = arg;
    ear->stopped_ms = at_ms;
}

static void tell_stopped(struct rt_ear *ear) LOOP;
static void tell_stopped(struct rt_ear *ear)
{
    struct rt_event ev;
    if (!ear->speaking)
        return;
    ear->speaking = false;
    rt_begin(&ev, "input_audio_buffer.speech_stopped");
    jw_kv_u64(&ev.w, "audio_end_ms", ear->stopped_ms);
    jw_kv_string(&ev.w, "item_id", str_c(next_item(ear)->id));
    rt_send(ear->session, &ev);
}

static void on_ended(void *arg)
{
    on_loop();
    struct rt_ear *ear = arg;
    if (ear->session->config.turns == RT_TURNS_MANUAL)
        return; /* the commit told it */
    tell_stopped(ear);
    turn_over(ear);
}

static void on_utterance(void *arg, const struct heard *heard)
{
    on_loop();
    struct rt_ear *ear = arg;
    struct realtime *s = ear->session;
    bool by_hand = s->config.turns == RT_TURNS_MANUAL || heard->committed;
    if (ear->waiting_count == 0) {
        if (by_hand || str_empty(str_trim(heard->text)))
            return;
        tell_stopped(ear);
        turn_over(ear);
    }
    struct rt_item *item = ear->waiting[0];
    ear->waiting_count--;
    memmove(ear->waiting, ear->waiting + 1, ear->waiting_count * sizeof *ear->waiting);
    s->waits--;
    rt_item_heard(s, item, heard, !by_hand && s->config.create_response);
    rt_go_on(s);
}

static void on_failed(void *arg, const struct error *e)
{
    on_loop();
    struct rt_ear *ear = arg;
    struct realtime *s = ear->session;
    if (ear->waiting_count == 0) {
        rt_error(s, e, STR_NONE);
        return;
    }
    struct rt_item *item = ear->waiting[0];
    struct rt_event ev;
    ear->waiting_count--;
    memmove(ear->waiting, ear->waiting + 1, ear->waiting_count * sizeof *ear->waiting);
    s->waits--;
    item->heard_pending = false;
    rt_begin(&ev, "conversation.item.input_audio_transcription.failed");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_key(&ev.w, STR("error"));
    jw_object(&ev.w);
    jw_kv_string(&ev.w, "type", STR("transcription_error"));
    jw_kv_string(&ev.w, "code", str_c(error_code(e)));
    jw_kv_string(&ev.w, "message", str_c(e->message));
    jw_kv_null(&ev.w, "param");
    jw_end_object(&ev.w);
    jw_end_object(&ev.w);
    rt_send(s, &ev);
    rt_go_on(s);
}

/* ---- the listener ---- */

static const struct listen_events events = {.speech_started = on_speech_started,
                                            .speech_stopped = on_speech_stopped,
                                            .ended = on_ended,
                                            .utterance = on_utterance,
                                            .failed = on_failed};

struct listener_options rt_listener_options(const struct rt_config *c)
{
    bool low = str_eq(c->eagerness, STR("low")), high = str_eq(c->eagerness, STR("high"));
    return (struct listener_options){.mode = c->turns == RT_TURNS_MANUAL ? LISTEN_PUSH_TO_TALK
                                                                         : LISTEN_HANDS_FREE,
                                     .rate = rt_format_rate(c->in),
                                     .threshold = c->threshold,
                                     .prefix_ms = c->prefix_ms,
                                     .silence_ms = c->turns == RT_TURNS_SERVER ? c->silence_ms
                                                   : low                       ? LOW_MS
                                                   : high                      ? HIGH_MS
                                                                               : SEMANTIC_SILENCE_MS,
                                     .complete = c->turns == RT_TURNS_SEMANTIC,
                                     .language = c->language};
}

struct rt_ear *rt_ear_of(struct realtime *s)
{
    if (!s->ear) {
        s->ear = heap_alloc(sizeof *s->ear);
        s->ear->session = s;
    }
    return s->ear;
}

/* With its listener; NULL: told why not. */
static struct rt_ear *listening_ear(struct realtime *s) LOOP;
static struct rt_ear *listening_ear(struct realtime *s)
{
    struct error e = {0};
    if (!rt_ear_of(s)->listener) {
        struct listener_options options = rt_listener_options(&s->config);
        s->ear->listener = listener_open(s->api->parts.listening, &options, &events, s->ear, &e);
        if (!s->ear->listener) {
            rt_error(s, &e, STR_NONE);
            return NULL;
        }
    }
    return s->ear;
}

void rt_hear_config(struct realtime *s)
{
    struct rt_ear *ear = s->ear;
    if (!ear || !ear->listener)
        return;
    /* What is not over yet is forgotten with the listener; a transcript on its way is waited for. */
    if (ear->waiting_count)
        return;
    listener_close(ear->listener);
    ear->listener = NULL;
    ear->speaking = false;
    ear->fed = 0;
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
    tell_stopped(ear);
    turn_over(ear);
    listener_commit(ear->listener);
}

void rt_hear_clear(struct realtime *s, const struct json *event)
{
    (void)event;
    if (s->ear && s->ear->listener) {
        listener_clear(s->ear->listener);
        s->ear->fed = 0;
        s->ear->speaking = false;
    }
    struct rt_event ev;
    rt_begin(&ev, "input_audio_buffer.cleared");
    rt_send(s, &ev);
}

/* ---- silence ---- */

static void too_quiet(struct timer *timer)
{
    on_loop();
    struct realtime *s = CONTAINER(timer, struct realtime, idle);
    if (rt_response_active(s) || (s->ear && (s->ear->speaking || s->ear->waiting_count)))
        return;
    struct rt_item *item = sound_item();
    item->heard_pending = false;
    uint32_t now = s->ear && s->ear->listener ? listener_fed_ms(s->ear->listener) : 0;
    struct rt_event ev;
    rt_begin(&ev, "input_audio_buffer.timeout_triggered");
    jw_kv_u64(&ev.w, "audio_start_ms", now > s->config.idle_ms ? now - s->config.idle_ms : 0);
    jw_kv_u64(&ev.w, "audio_end_ms", now);
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    rt_send(s, &ev);
    committed(s, item);
    rt_answer(s);
}

void rt_hear_idle(struct realtime *s, uint32_t after_ms)
{
    if (s->config.turns == RT_TURNS_SERVER && s->config.idle_ms && s->ear && s->ear->listener)
        timer_arm(&s->idle, s->config.idle_ms + after_ms, too_quiet);
}

void rt_hear_close(struct realtime *s)
{
    struct rt_ear *ear = s->ear;
    s->ear = NULL;
    if (!ear)
        return;
    if (ear->listener)
        listener_close(ear->listener);
    rt_recordings_drop(ear);
    if (ear->next)
        rt_item_free(ear->next);
    free(ear);
}
