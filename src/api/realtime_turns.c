/*
 * Turns of a realtime session's microphone: what its listener tells becomes items, interruptions and answers.
 * See realtime.h and realtime_hear.c.
 *
 * With turn detection the listener ends turns by itself: speech_started, speech_stopped, committed and the
 * item are told as they happen; the transcript follows, is said in the room, and is answered. By hand, a
 * commit ends the turn. What was said reaches the persona as text, so a turn of which nothing is understood
 * is answered by nobody, whatever create_response says.
 *
 * Interruption: with server_vad any speech ends the answer, as OpenAI has it. With semantic_vad, speech into
 * an answer that is being heard is judged by the house's rules (voice/barge.h) before anything is told of it,
 * since clients fall silent at speech_started: real words are told and end the answer, a cough or "mm-hm"
 * leaves no trace.
 */
#include "api/realtime_ear.h"

#include "base/clock.h"

#include <stdlib.h>

/* ---- interruption ---- */

/* The item that the next utterance will be; made when its speech begins. */
static struct rt_item *next_item(struct rt_ear *ear)
{
    if (!ear->next)
        ear->next = rt_sound_item();
    return ear->next;
}

static void begin_speech(struct rt_ear *ear, uint32_t at_ms) LOOP;
static void begin_speech(struct rt_ear *ear, uint32_t at_ms)
{
    struct realtime *s = ear->session;
    struct rt_response *r = rt_response_active(s);
    struct rt_event ev;
    ear->speaking = true;
    s->prompted = false;
    timer_cancel(&s->idle);
    rt_begin(&ev, "input_audio_buffer.speech_started");
    jw_kv_u64(&ev.w, "audio_start_ms", at_ms > s->config.prefix_ms ? at_ms - s->config.prefix_ms : 0);
    jw_kv_string(&ev.w, "item_id", str_c(next_item(ear)->id));
    rt_send(s, &ev);
    if (r && s->config.interrupt_response)
        rt_response_stop(r, "turn_detected");
}

/* Whether the client is playing an answer, by the clock: sound is played as it comes. */
static bool playing(const struct realtime *s)
{
    const struct rt_response *r = rt_response_active(s);
    return r ? r->audio && r->first_sound_us : clock_mono_us() < s->plays_until_us;
}

void rt_turns_forget(struct rt_ear *ear)
{
    timer_cancel(&ear->due);
    ear->judging = false;
}

/* It is an interruption: told as from where it began. */
static void let_out(struct rt_ear *ear) LOOP;
static void let_out(struct rt_ear *ear)
{
    if (!ear->judging)
        return;
    rt_turns_forget(ear);
    ear->session->plays_until_us = 0;
    begin_speech(ear, ear->judged_from_ms);
}

static void judged(struct rt_ear *ear, unsigned todo) LOOP;

static void on_due(struct timer *timer)
{
    on_loop();
    struct rt_ear *ear = CONTAINER(timer, struct rt_ear, due);
    judged(ear, barge_tick(&ear->barge, clock_mono_us() / 1000));
}

static void judged(struct rt_ear *ear, unsigned todo)
{
    uint64_t now = clock_mono_us() / 1000, due;
    if (todo & BARGE_STOP)
        let_out(ear);
    due = ear->judging ? barge_due_ms(&ear->barge) : 0;
    if (due)
        timer_arm(&ear->due, due > now ? due - now : 1, on_due);
    else
        timer_cancel(&ear->due);
}

static void judge(struct rt_ear *ear, uint32_t at_ms) LOOP;
static void judge(struct rt_ear *ear, uint32_t at_ms)
{
    uint64_t now = clock_mono_us() / 1000;
    struct call call = {.api = ear->session->api};
    if (!ear->judging) {
        ear->barge = (struct barge){.language = str_c(ear->language),
                                    .resume_ms = (unsigned)call_config(&call)->ear.resume_after,
                                    .no_partials = !ear->partials};
        barge_persona_starts(&ear->barge, now);
        ear->judging = true;
        ear->judged_from_ms = at_ms;
    }
    judged(ear, barge_speech_started(&ear->barge, now));
}

/* ---- what the listener tells ---- */

static void on_speech_started(void *arg, uint32_t at_ms)
{
    on_loop();
    struct rt_ear *ear = arg;
    const struct rt_config *c = &ear->session->config;
    if (c->turns == RT_TURNS_MANUAL || ear->speaking)
        return;
    if (c->turns == RT_TURNS_SEMANTIC && c->interrupt_response && (ear->judging || playing(ear->session)))
        judge(ear, at_ms);
    else
        begin_speech(ear, at_ms);
}

static void on_speech_stopped(void *arg, uint32_t at_ms)
{
    on_loop();
    struct rt_ear *ear = arg;
    ear->stopped_ms = at_ms;
    if (ear->judging)
        judged(ear, barge_speech_stopped(&ear->barge, clock_mono_us() / 1000));
}

static void on_partial(void *arg, struct str text)
{
    on_loop();
    struct rt_ear *ear = arg;
    ear->partials = true;
    if (ear->judging)
        judged(ear, barge_partial(&ear->barge, text, clock_mono_us() / 1000));
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

/* The turn is over: its item is in the conversation, and what comes behind it waits for its text. */
static void turn_over(struct rt_ear *ear) LOOP;
static void turn_over(struct rt_ear *ear)
{
    struct rt_item *item;
    if (ear->waiting_count == REALTIME_HEARD_MAX)
        return;
    ear->session->waits++;
    if (ear->judging) { /* the text says whether there is one */
        ear->waiting[ear->waiting_count++] = NULL;
        return;
    }
    tell_stopped(ear);
    item = next_item(ear);
    ear->next = NULL;
    ear->waiting[ear->waiting_count++] = item;
    rt_sound_committed(ear->session, item);
}

void rt_turn_commit(struct rt_ear *ear)
{
    let_out(ear);
    turn_over(ear);
}

static void on_ended(void *arg)
{
    on_loop();
    struct rt_ear *ear = arg;
    if (ear->session->config.turns != RT_TURNS_MANUAL) /* else the commit told it */
        turn_over(ear);
}

/* The item of an utterance that was held back, if it is one after all; else NULL. */
static struct rt_item *judge_text(struct rt_ear *ear, const struct heard *heard) LOOP;
static struct rt_item *judge_text(struct rt_ear *ear, const struct heard *heard)
{
    uint64_t now = clock_mono_us() / 1000;
    uint32_t length = heard->to_ms > heard->from_ms ? heard->to_ms - heard->from_ms : 0;
    struct rt_item *item;
    if (!playing(ear->session))
        barge_persona_ends(&ear->barge, now);
    unsigned todo = barge_utterance(&ear->barge, heard->text, heard->sure, length, now);
    if (!(todo & BARGE_SAY)) {
        if (!ear->barge.hearing)
            rt_turns_forget(ear);
        return NULL;
    }
    let_out(ear);
    tell_stopped(ear);
    item = next_item(ear);
    ear->next = NULL;
    rt_sound_committed(ear->session, item);
    return item;
}

/* Sound that is committed by hand may be longer than a listener's utterance: what came before it. */
static bool only_a_part(struct rt_ear *ear, const struct heard *heard)
{
    struct str text = str_trim(heard->text);
    if (ear->session->config.turns != RT_TURNS_MANUAL || heard->committed)
        return false;
    if (ear->earlier.n && text.n)
        buf_add_char(&ear->earlier, ' ');
    buf_add(&ear->earlier, text);
    return true;
}

static void heard_item(struct rt_ear *ear, struct rt_item *item, const struct heard *heard,
                       const struct error *failure) LOOP;
static void heard_item(struct rt_ear *ear, struct rt_item *item, const struct heard *heard,
                       const struct error *failure)
{
    struct realtime *s = ear->session;
    bool by_hand = s->config.turns == RT_TURNS_MANUAL || heard->committed;
    struct heard all = *heard;
    if (heard->committed && ear->earlier.n) {
        buf_add_char(&ear->earlier, ' ');
        buf_add(&ear->earlier, heard->text);
        all.text = buf_str(&ear->earlier);
    }
    if (failure->err)
        rt_item_unheard(s, item, failure);
    else
        rt_item_heard(s, item, &all, !by_hand && s->config.create_response);
    if (heard->committed)
        buf_clear(&ear->earlier);
}

static void on_utterance(void *arg, const struct heard *heard)
{
    on_loop();
    struct rt_ear *ear = arg;
    struct realtime *s = ear->session;
    struct error failure = ear->failure;
    ear->failure = (struct error){0};
    if (only_a_part(ear, heard))
        return;
    if (ear->waiting_count == 0) { /* its end was not told: too many were on their way */
        if (failure.err)
            rt_error(s, &failure, STR_NONE);
        return;
    }
    struct rt_item *item = ear->waiting[0];
    ear->waiting_count--;
    memmove(ear->waiting, ear->waiting + 1, ear->waiting_count * sizeof *ear->waiting);
    s->waits--;
    if (!item)
        item = judge_text(ear, heard);
    if (item)
        heard_item(ear, item, heard, &failure);
    rt_go_on(s);
}

/* The ears failed: the utterance follows, without its text. */
static void on_failed(void *arg, const struct error *e)
{
    on_loop();
    struct rt_ear *ear = arg;
    ear->failure = *e;
}

const struct listen_events rt_turn_events = {.speech_started = on_speech_started,
                                             .speech_stopped = on_speech_stopped,
                                             .partial = on_partial,
                                             .ended = on_ended,
                                             .utterance = on_utterance,
                                             .failed = on_failed};

/* ---- silence ---- */

static void too_quiet(struct timer *timer)
{
    on_loop();
    struct realtime *s = CONTAINER(timer, struct realtime, idle);
    if (rt_response_active(s) || (s->ear && (s->ear->speaking || s->ear->waiting_count)))
        return;
    struct rt_item *item = rt_sound_item();
    item->heard_pending = false;
    s->prompted = true;
    uint32_t now = s->ear && s->ear->listener ? listener_fed_ms(s->ear->listener) : 0;
    struct rt_event ev;
    rt_begin(&ev, "input_audio_buffer.timeout_triggered");
    jw_kv_u64(&ev.w, "audio_start_ms", now > s->config.idle_ms ? now - s->config.idle_ms : 0);
    jw_kv_u64(&ev.w, "audio_end_ms", now);
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    rt_send(s, &ev);
    rt_sound_committed(s, item);
    rt_answer(s);
}

void rt_hear_idle(struct realtime *s, uint32_t after_ms)
{
    /* Once: nobody may be there. */
    if (s->config.turns == RT_TURNS_SERVER && s->config.idle_ms && s->ear && s->ear->listener && !s->prompted)
        timer_arm(&s->idle, s->config.idle_ms + after_ms, too_quiet);
}
