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

/* ---- reading response.create ---- */

static enum err read_conversation(struct rt_response *r, const struct json *from, struct error *e)
{
    struct str conversation = json_get_str(from, "conversation", STR("auto"));
    const struct json *input = json_get(from, "input");
    if (!str_eq(conversation, STR("auto")) && !str_eq(conversation, STR("none")))
        return rt_refuse(e, "invalid_value", "response.conversation",
                         "Invalid value for 'response.conversation': supported are auto and none.");
    r->in_conversation = str_eq(conversation, STR("auto"));
    if (!input)
        return ERR_OK;
    if (input->type != JSON_ARRAY || input->raw.n > REALTIME_TEXT_MAX)
        return rt_refuse(e, "invalid_value", "response.input",
                         "'response.input' is an array of items, of %d bytes at most.", REALTIME_TEXT_MAX);
    if (r->in_conversation)
        return rt_refuse(
            e, "invalid_value", "response.input",
            "An answer to other input than the conversation stands outside it here: send conversation "
            "\"none\" with it.");
    r->input = arena_str(&r->arena, input->raw);
    return ERR_OK;
}

static enum err read_output(struct rt_response *r, const struct json *from, struct error *e)
{
    const struct json *modalities = json_get(from, "output_modalities"),
                      *tokens = json_get(from, "max_output_tokens"),
                      *audio = json_get(json_get(from, "audio"), "output"),
                      *format = json_get(audio, "format");
    enum err err = ERR_OK;
    if (modalities)
        err = rt_read_modalities(modalities, &r->audio, "response.output_modalities", e);
    if (!err && tokens)
        err = rt_read_max_tokens(tokens, "response.max_output_tokens", &r->max_tokens, e);
    if (!err && format)
        err = rt_read_format(format, "response.audio.output.format", &r->out, e);
    struct str voice = json_get_str(audio, "voice", STR_NONE);
    if (!err && voice.n && !str_eq(voice, r->voice) && r->session->audio_sent)
        err = rt_refuse(e, "cannot_update_voice", "response.audio.output.voice",
                        "The voice of a session cannot be changed once it was heard.");
    if (!err && voice.n)
        r->voice = arena_str(&r->arena, voice);
    return err;
}

static enum err read_response(struct rt_response *r, const struct json *from, struct error *e)
{
    const struct json *tools = json_get(from, "tools"), *choice = json_get(from, "tool_choice"),
                      *metadata = json_get(from, "metadata");
    if (!from || from->type == JSON_NULL)
        return ERR_OK;
    if (from->type != JSON_OBJECT)
        return rt_refuse(e, "invalid_type", "response", "'response' must be an object.");
    enum err err = read_conversation(r, from, e);
    if (!err)
        err = read_output(r, from, e);
    if (!err && tools)
        err = rt_check_tools(tools, e);
    if (!err && tools)
        r->tools = arena_str(&r->arena, tools->raw);
    if (!err && choice)
        r->tool_choice = arena_str(&r->arena, choice->raw);
    if (!err && metadata && metadata->raw.n <= REALTIME_TEXT_MAX)
        r->metadata = arena_str(&r->arena, metadata->raw);
    struct str instructions = json_get_str(from, "instructions", STR_NONE);
    if (!err && instructions.n > REALTIME_TEXT_MAX)
        err = rt_refuse(e, "string_above_max_length", "response.instructions",
                        "'response.instructions' may have at most %d bytes.", REALTIME_TEXT_MAX);
    if (!err && json_get(from, "instructions"))
        r->instructions = arena_str(&r->arena, instructions);
    return err;
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
    r->source = r->in_conversation && s->persona ? RT_ROOM : RT_DIRECT;
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
    enum err err = read_response(r, json_get(event, "response"), &e);
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
    rt_voice_drop(r);
    rt_speak_drop(r);
    rt_direct_cancel(r);
    unlink_response(r);
    loop_defer(loop_self(), response_free, r);
    if (!talked)
        return;
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
