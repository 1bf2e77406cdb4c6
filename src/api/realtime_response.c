/*
 * Responses of a realtime session: made, stopped, and what becomes of what their sources tell. See
 * realtime.h; the events themselves are in realtime_output.c.
 *
 * One response at a time is in the conversation; others (conversation "none") may run beside it. A response
 * is over when its text is over and, if it is spoken, its sound is out.
 */
#include "api/realtime_output.h"

#include "base/clock.h"

#include <stdlib.h>

enum { SILENT_MS = 30000 /* after the text: how long a voice may make nothing */ };

struct rt_response *rt_response_active(const struct realtime *s)
{
    for (struct rt_response *r = s->responses; r; r = r->next)
        if (r->in_conversation)
            return r;
    return NULL;
}

static unsigned count_responses(const struct realtime *s)
{
    unsigned n = 0;
    for (const struct rt_response *r = s->responses; r; r = r->next)
        n++;
    return n;
}

/* ---- making one ---- */

static struct rt_response *response_new(struct realtime *s)
{
    const struct rt_config *c = &s->config;
    struct rt_response *r = heap_alloc(sizeof *r);
    r->session = s;
    rt_id(r->id, "resp");
    r->in_conversation = true;
    r->audio = c->audio;
    r->out = c->out;
    r->speed = c->speed;
    r->max_tokens = c->max_tokens;
    r->voice = arena_str(&r->arena, c->voice);
    r->instructions = arena_str(&r->arena, c->instructions);
    r->tools = arena_str(&r->arena, c->tools);
    r->tool_choice = arena_str(&r->arena, c->tool_choice);
    return r;
}

static void response_free(void *arg)
{
    on_loop();
    struct rt_response *r = arg;
    timer_close(&r->guard);
    for (size_t i = 0; i < r->item_count; i++)
        if (!r->items[i]->listed)
            rt_item_free(r->items[i]);
    arena_release(&r->arena);
    free(r);
}

static void unlink_response(struct rt_response *r)
{
    struct rt_response **at = &r->session->responses;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

static void begin(struct realtime *s, struct rt_response *r) LOOP;
static void begin(struct realtime *s, struct rt_response *r)
{
    r->next = s->responses;
    s->responses = r;
    timer_cancel(&s->idle);
    rt_tell_created(r);
    r->source = r->in_conversation && s->persona && !r->input.n && !s->reordered ? RT_ROOM : RT_DIRECT;
    if (r->source == RT_ROOM)
        rt_room_answer(r);
    else
        rt_direct_answer(r);
}

void rt_answer(struct realtime *s)
{
    if (rt_response_active(s))
        s->answer_wanted = true;
    else
        begin(s, response_new(s));
}

void rt_response_create(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct rt_response *r = response_new(s), *active = rt_response_active(s);
    enum err err = rt_response_read(r, json_get(event, "response"), &e);
    if (!err && r->in_conversation && active)
        err = rt_refuse(
            &e, "conversation_already_has_active_response", "",
            "Conversation already has an active response in progress: %s. Wait until the response is "
            "finished before creating a new one.",
            active->id);
    if (!err && count_responses(s) >= REALTIME_RESPONSES_MAX)
        err = rt_refuse(&e, "too_many_responses", "", "%d responses are running; wait for one to end.",
                        REALTIME_RESPONSES_MAX);
    if (err) {
        response_free(r);
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    begin(s, r);
}

/* ---- its end ---- */

static void finish(struct rt_response *r) LOOP;
static void finish(struct rt_response *r)
{
    struct realtime *s = r->session;
    bool talked = r->in_conversation, done = !r->cancelling && !r->error.err;
    uint32_t heard_in_ms = 0;
    r->done = true;
    rt_tell_done(r);
    if (r->first_sound_us && r->message) {
        uint64_t passed = (clock_mono_us() - r->first_sound_us) / 1000;
        heard_in_ms = r->message->sound_ms > passed ? r->message->sound_ms - (uint32_t)passed : 0;
    }
    if (talked)
        s->plays_until_us = done ? clock_mono_us() + (uint64_t)heard_in_ms * 1000 : 0;
    rt_voice_drop(r);
    rt_speak_drop(r);
    rt_direct_cancel(r);
    unlink_response(r);
    loop_defer(loop_self(), response_free, r);
    if (!talked)
        return;
    if (r->source == RT_DIRECT && r->message && r->message->text.n)
        rt_item_say(s, r->message, NULL); /* a room's answer is in its log already */
    if (s->answer_wanted) {
        s->answer_wanted = false;
        begin(s, response_new(s));
    } else if (done) {
        rt_hear_idle(s, heard_in_ms);
    }
}

static void check_over(struct rt_response *r) LOOP;
static void check_over(struct rt_response *r)
{
    if (!r->done && r->text_over && (r->sound_over || !r->audio || !r->message || r->error.err))
        finish(r);
}

/* The voice said neither more nor that it is over. */
static void fell_silent(struct timer *timer)
{
    on_loop();
    struct rt_response *r = CONTAINER(timer, struct rt_response, guard);
    struct error e = {0};
    error_set(&e, ERR_UPSTREAM_TIMEOUT, "The voice fell silent; the transcript has the whole answer.");
    str_copy(e.code, sizeof e.code, STR("speech_failed"));
    rt_error(r->session, &e, STR_NONE);
    rt_response_sound_over(r);
}

void rt_response_guard(struct rt_response *r)
{
    if (r->audio && r->text_over && !r->sound_over && !r->done)
        timer_arm(&r->guard, SILENT_MS, fell_silent);
}

void rt_response_text_over(struct rt_response *r)
{
    if (r->text_over)
        return;
    r->text_over = true;
    if (r->speak && !r->cancelling)
        rt_speak_end(r);
    if (r->cancelling)
        r->sound_over = true;
    rt_response_guard(r);
    check_over(r);
}

void rt_response_sound_over(struct rt_response *r)
{
    r->sound_over = true;
    check_over(r);
}

void rt_response_fail(struct rt_response *r, const struct error *e)
{
    if (r->done)
        return;
    r->error = *e;
    r->text_over = true;
    finish(r);
}

void rt_response_stop(struct rt_response *r, const char *reason)
{
    if (r->cancelling || r->done)
        return;
    r->cancelling = true;
    r->cancel_reason = reason;
    rt_voice_drop(r);
    rt_speak_drop(r);
    if (r->source == RT_DIRECT)
        rt_direct_cancel(r);
    else
        rt_room_cancel(r);
    finish(r);
}

void rt_response_cancel(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct str id = json_get_str(event, "response_id", STR_NONE);
    struct rt_response *r = s->responses;
    while (r && (id.n ? !str_eq(str_c(r->id), id) : !r->in_conversation))
        r = r->next;
    if (r && !r->cancelling) {
        rt_response_stop(r, "client_cancelled");
        return;
    }
    rt_refuse(&e, "response_cancel_not_active", id.n ? "response_id" : "",
              "Cancellation failed: no active response found.");
    rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
}

void rt_responses_drop(struct realtime *s)
{
    while (s->responses) {
        struct rt_response *r = s->responses;
        s->responses = r->next;
        rt_voice_drop(r);
        rt_speak_drop(r);
        if (r->source == RT_DIRECT)
            rt_direct_cancel(r);
        else if (!r->cancelling)
            rt_room_cancel(r);
        response_free(r);
    }
}
