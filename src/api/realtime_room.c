/*
 * A realtime session's room: made at the first thing that is said, asked for answers, read. See realtime.h.
 *
 * Two subscriptions: one for what is said, and, while answers are spoken, one that listens (a persona speaks
 * where somebody listens). Deltas, calls, mouth shapes and sound of a turn go to the response that has it.
 *
 * A cancelled response is over for the client at once. What of it was heard is known a moment later, when the
 * client sends conversation.item.truncate; so the room is told after INTERRUPT_WAIT_MS, or before anything
 * else is asked of it, and without a word from the client by the clock.
 */
#include "api/realtime_room.h"

#include "base/clock.h"

#include <stdlib.h>

static struct rt_response *of_turn(const struct realtime *s, struct id turn)
{
    for (struct rt_response *r = s->responses; r; r = r->next)
        if (r->source == RT_ROOM && id_eq(r->turn, turn))
            return r;
    return NULL;
}

/* ---- what the room tells ---- */

static void on_delta(struct rt_response *r, const struct json *data) LOOP;
static void on_delta(struct rt_response *r, const struct json *data)
{
    uint64_t index = (uint64_t)json_get_i64(data, "index", 0);
    if (index < r->next_index)
        return; /* a snapshot had it already */
    r->next_index = index + 1;
    struct str text = json_get_str(data, "text", STR_NONE);
    r->told += text.n;
    rt_response_text(r, text);
}

static void on_snapshot(struct rt_response *r, const struct json *data) LOOP;
static void on_snapshot(struct rt_response *r, const struct json *data)
{
    struct str text = json_get_str(data, "text", STR_NONE);
    r->next_index = (uint64_t)json_get_i64(data, "index", 0);
    if (text.n <= r->told)
        return;
    struct str rest = str_from(text, r->told);
    r->told = text.n;
    rt_response_text(r, rest);
}

/* The stored message: the item's own text, and its id for what comes after. */
static void on_message(struct realtime *s, struct id turn, const struct json *data)
{
    for (struct rt_item *item = s->first; item; item = item->next) {
        if (item->type != RT_MESSAGE || item->role != RT_ASSISTANT || !id_eq(item->turn, turn))
            continue;
        id_parse(json_get_str(data, "id", STR_NONE), &item->message);
        buf_clear(&item->text);
        buf_add(&item->text, json_get_str(data, "text", STR_NONE));
    }
}

static void read_error(const struct json *error, struct error *e)
{
    error_set(e, ERR_UPSTREAM, "%.*s", STR_ARG(json_get_str(error, "message", STR("The answer failed."))));
    str_copy(e->code, sizeof e->code, json_get_str(error, "code", STR("server_error")));
}

static void on_ended(struct rt_response *r, const struct json *data) LOOP;
static void on_ended(struct rt_response *r, const struct json *data)
{
    struct str outcome = json_get_str(data, "outcome", STR_NONE),
               reason = json_get_str(data, "finish", STR_NONE);
    const struct json *usage = json_get(data, "usage");
    for (unsigned f = GEN_STOP; f < GEN_FINISH_COUNT; f++)
        if (str_eq(reason, str_c(gen_finish_name((enum gen_finish)f))))
            r->finish = (enum gen_finish)f;
    r->usage.known = usage && usage->type == JSON_OBJECT;
    r->usage.completion_tokens = (uint64_t)json_get_i64(usage, "completion_tokens", 0);
    r->usage.prompt_tokens =
        (uint64_t)json_get_i64(usage, "prompt_tokens", json_get_i64(json_get(data, "prompt"), "tokens", 0));
    struct error e = {0};
    if (str_eq(outcome, STR("failed"))) {
        read_error(json_get(data, "error"), &e);
        rt_response_fail(r, &e);
    } else if (str_eq(outcome, STR("cancelled"))) {
        /* Somebody stopped it in the room. */
        rt_response_stop(r, "client_cancelled");
    } else {
        rt_response_text_over(r);
    }
}

static void on_speech_ended(struct rt_response *r, const struct json *data) LOOP;
static void on_speech_ended(struct rt_response *r, const struct json *data)
{
    const struct json *index = json_get(data, "index");
    if (index && index->type != JSON_NULL)
        return;
    if (str_eq(json_get_str(data, "reason", STR_NONE), STR("failed"))) {
        struct error e = {0};
        read_error(json_get(data, "error"), &e);
        str_copy(e.code, sizeof e.code, STR("speech_failed"));
        rt_error(r->session, &e, STR_NONE);
    }
    rt_voice_end(r);
}

static void on_event(struct realtime *s, const struct sub_frame *frame, const struct json *data) LOOP;
static void on_event(struct realtime *s, const struct sub_frame *frame, const struct json *data)
{
    struct rt_response *r = of_turn(s, frame->turn);
    enum event_kind kind = EVENT_KINDS;
    event_kind_find(frame->kind, &kind);
    if (kind == EVENT_MESSAGE && frame->author_type == AUTHOR_PERSONA)
        on_message(s, frame->turn, data);
    if (!r)
        return;
    if (kind == EVENT_DELTA)
        on_delta(r, data);
    else if (kind == EVENT_TURN_SNAPSHOT)
        on_snapshot(r, data);
    else if (kind == EVENT_TOOL_CALL && json_get(data, "call"))
        rt_response_call(r, json_get(data, "call"));
    else if (kind == EVENT_VISEMES && r->audio)
        rt_visemes(r, json_get(data, "frames"),
                   rt_sentence_from(r, (unsigned)json_get_i64(data, "index", 0)));
    else if (kind == EVENT_SPEECH_ENDED && r->audio)
        on_speech_ended(r, data);
    else if (kind == EVENT_TURN_ENDED)
        on_ended(r, data);
}

static void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    on_loop();
    struct realtime *s = CONTAINER(sub, struct realtime, sub);
    struct arena a = ARENA_INIT;
    struct json *event = NULL;
    if (!id_none(frame->turn) && json_parse(&a, shared_str(frame->frame), &event, NULL) == ERR_OK)
        on_event(s, frame, json_get(event, "data"));
    arena_release(&a);
}

static void on_sound(struct sub *sub, const struct sub_sound *sound)
{
    on_loop();
    struct realtime *s = CONTAINER(sub, struct realtime, ear_sub);
    struct rt_response *r = of_turn(s, sound->turn);
    if (!r || !r->audio || !r->message || sound->codec != SOUND_PCM_FRAMES)
        return;
    rt_sentence_begins(r->message, sound->index, rt_voice_ms(r));
    /* The bytes may lie at any address. */
    size_t count = sound->bytes.n / 2;
    int16_t *samples = heap_alloc(count * sizeof *samples + 1);
    memcpy(samples, sound->bytes.p, count * sizeof *samples);
    rt_voice_sound(r, sound->rate, samples, count);
    free(samples);
}

static void on_joined(struct sub *sub, uint64_t head)
{
    (void)sub;
    (void)head;
}

static void on_ear_frame(struct sub *sub, const struct sub_frame *frame)
{
    (void)sub;
    (void)frame;
}

static bool on_ready(struct sub *sub)
{
    (void)sub;
    return true; /* the socket's own queue has a limit; losing sound would be heard */
}

static void lost(struct realtime *s, const struct error *e) LOOP;
static void lost(struct realtime *s, const struct error *e)
{
    struct error error = *e;
    rt_error(s, &error, STR_NONE);
    if (s->ws)
        ws_close(s->ws, 1011, STR("The session's room is gone."));
}

static void on_failed(struct sub *sub, const struct error *e)
{
    on_loop();
    lost(CONTAINER(sub, struct realtime, sub), e);
}

static void on_ear_failed(struct sub *sub, const struct error *e)
{
    on_loop();
    lost(CONTAINER(sub, struct realtime, ear_sub), e);
}

static void subscribe(struct realtime *s) LOOP;
static void subscribe(struct realtime *s)
{
    static const struct sub_events events = {
        .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};
    s->sub = (struct sub){.events = &events, .format = FORMAT_JSON, .who = s->who, .room = s->room};
    s->sub_open = true;
    sub_open(s->api->parts.rooms, &s->sub, 0, SUB_LIVE_ONLY);
}

/* Listens, or no longer. */
static void listen_to(struct realtime *s, bool on) LOOP;
static void listen_to(struct realtime *s, bool on)
{
    static const struct sub_events events = {.joined = on_joined,
                                             .frame = on_ear_frame,
                                             .ready = on_ready,
                                             .failed = on_ear_failed,
                                             .sound = on_sound};
    if (on == s->ear_open)
        return;
    s->ear_open = on;
    if (!on) {
        sub_close(&s->ear_sub);
        return;
    }
    s->ear_sub = (struct sub){
        .events = &events, .format = FORMAT_JSON, .who = s->who, .room = s->room, .sound = SOUND_PCM_FRAMES};
    sub_open(s->api->parts.rooms, &s->ear_sub, 0, SUB_LIVE_ONLY);
}

/* ---- making it ---- */

static void made(struct room_op *op)
{
    on_loop();
    struct realtime *s = op->arg;
    if (!rt_op_over(s, true)) {
        room_op_free(op);
        return;
    }
    s->room_ready = !op->err;
    if (op->err) {
        s->room = ID_NONE;
        rt_error(s, &op->error, STR_NONE);
    } else {
        subscribe(s);
    }
    room_op_free(op);
    rt_go_on(s);
}

static void make(struct realtime *s) LOOP;
static void make(struct realtime *s)
{
    s->room = id_new();
    struct room_op *op = rt_op(s, ROOM_CREATE);
    op->title = arena_printf(&op->arena, "%.*s · realtime", STR_ARG(persona_called(s->persona)));
    op->title_set = op->personas_set = true;
    op->personas = arena_new(&op->arena, struct str);
    op->personas[0] = arena_str(&op->arena, str_c(id_text(s->persona->id).c));
    op->persona_count = 1;
    op->external = arena_printf(&op->arena, "realtime:%s", s->id);
    op->settings = STR("{\"origin\":\"realtime\"}");
    op->quiet = true;
    rt_submit(s, op, made, true);
}

void rt_room_need(struct realtime *s, void (*then)(struct realtime *, struct rt_step *), void *arg)
{
    rt_step_add(s, then, STR_NONE, arg, true);
    if (id_none(s->room))
        make(s);
    rt_go_on(s);
}

void rt_room_close(struct realtime *s)
{
    rt_interrupt_now(s);
    if (s->sub_open)
        sub_close(&s->sub);
    if (s->ear_open)
        sub_close(&s->ear_sub);
    s->sub_open = s->ear_open = false;
}

/* ---- answers ---- */

static struct rt_response *by_id(const struct realtime *s, struct str id)
{
    for (struct rt_response *r = s->responses; r; r = r->next)
        if (str_eq(str_c(r->id), id))
            return r;
    return NULL;
}

static void asked(struct room_op *op)
{
    on_loop();
    struct realtime *s = op->arg;
    bool there = rt_op_over(s, true);
    struct rt_response *r = there ? by_id(s, op->client_id) : NULL;
    if (r && op->err) {
        rt_response_fail(r, &op->error);
    } else if (r) {
        r->turn = op->turn_count ? op->turns[0] : ID_NONE;
    } else if (!op->err && op->turn_count) {
        /* It was cancelled, or the client left, before it had a turn. */
        rt_cancel_turn(op->rooms, &op->who, op->room, op->turns[0]);
    }
    room_op_free(op);
    if (there)
        rt_go_on(s);
}

/* The response's instructions, then what system messages of the conversation say. */
static struct str instruction(struct arena *a, const struct realtime *s, const struct rt_response *r)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_add(&b, r->instructions);
    for (const struct rt_item *item = s->first; item; item = item->next) {
        if (item->gone || item->type != RT_MESSAGE || item->role != RT_SYSTEM)
            continue;
        if (b.n)
            buf_add_char(&b, '\n');
        buf_add(&b, buf_str(&item->text));
    }
    return arena_str(a, buf_str(&b));
}

static void ask(struct realtime *s, struct rt_step *step)
{
    on_loop();
    struct rt_response *r = by_id(s, str_c(step->arg));
    struct error e = {0};
    if (!r)
        return;
    if (!s->room_ready) {
        error_set(&e, ERR_UNAVAILABLE, "The session's room could not be made.");
        rt_response_fail(r, &e);
        return;
    }
    rt_interrupt_now(s);
    listen_to(s, r->audio);
    struct room_op *op = rt_op(s, ROOM_ANSWER);
    struct room_asked *what = arena_new(&op->arena, struct room_asked);
    *what = (struct room_asked){.instruction = instruction(&op->arena, s, r),
                                .tools = arena_str(&op->arena, rt_tools_chat(&op->arena, r->tools)),
                                .exchange = rt_exchange(&op->arena, s),
                                .max_tokens = r->max_tokens};
    if (what->tools.n)
        what->tool_choice = arena_str(&op->arena, rt_tool_choice_chat(&op->arena, r->tool_choice));
    rt_ask_voice(r, what, &op->arena);
    op->asked = what;
    op->spoken = rt_last_spoken(s, &op->arena);
    op->client_id = arena_str(&op->arena, str_c(r->id));
    op->personas = arena_new(&op->arena, struct str);
    op->personas[0] = arena_str(&op->arena, str_c(id_text(s->persona->id).c));
    op->persona_count = 1;
    rt_submit(s, op, asked, true);
}

void rt_room_answer(struct rt_response *r)
{
    rt_room_need(r->session, ask, heap_cstr(str_c(r->id)));
}
