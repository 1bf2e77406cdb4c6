/* One question in a room, and its answer; see ask.h. */
#include "api/ask.h"

#include "api/generate.h"

static void open_room(struct ask *ask) LOOP;

static void fail(struct ask *ask, const struct error *e) LOOP;
static void fail(struct ask *ask, const struct error *e)
{
    ask->error = *e;
    ask->over = true;
    sub_close(&ask->sub);
    ask->done(ask);
}

static void finish(struct ask *ask) LOOP;
static void finish(struct ask *ask)
{
    ask->over = true;
    sub_close(&ask->sub);
    ask->reply = buf_str(&ask->so_far);
    ask->done(ask);
}

/* ---- following the turn */

/* The answer is `whole` so far: what of it was not told yet is a delta. */
static void tell_rest(struct ask *ask, struct str whole) LOOP;
static void tell_rest(struct ask *ask, struct str whole)
{
    if (whole.n <= ask->told)
        return;
    struct str rest = str_from(whole, ask->told);
    ask->told = whole.n;
    if (ask->delta)
        ask->delta(ask, rest);
}

static void on_delta(struct ask *ask, const struct json *data) LOOP;
static void on_delta(struct ask *ask, const struct json *data)
{
    uint64_t index = (uint64_t)json_get_i64(data, "index", 0);
    if (index != ask->next_index)
        return; /* the snapshot had it already */
    ask->next_index = index + 1;
    buf_add(&ask->so_far, json_get_str(data, "text", STR_NONE));
    tell_rest(ask, buf_str(&ask->so_far));
}

static void on_snapshot(struct ask *ask, const struct json *data) LOOP;
static void on_snapshot(struct ask *ask, const struct json *data)
{
    struct str text = json_get_str(data, "text", STR_NONE);
    ask->next_index = (uint64_t)json_get_i64(data, "index", 0);
    if (text.n <= ask->so_far.n)
        return;
    buf_clear(&ask->so_far);
    buf_add(&ask->so_far, text);
    tell_rest(ask, text);
}

/* The stored message: the same text without the white space around it. */
static void on_message(struct ask *ask, const struct json *data, struct str whole_event) LOOP;
static void on_message(struct ask *ask, const struct json *data, struct str whole_event)
{
    struct str text = json_get_str(data, "text", STR_NONE), before = buf_str(&ask->so_far);
    size_t lead = (size_t)(str_trim(before).p ? str_trim(before).p - before.p : 0);
    ask->message = arena_str(call_arena(ask->call), whole_event);
    ask->told = ask->told > lead ? ask->told - lead : 0;
    buf_clear(&ask->so_far);
    buf_add(&ask->so_far, text);
    tell_rest(ask, buf_str(&ask->so_far));
}

static void read_error(struct ask *ask, const struct json *error)
{
    struct gen_end end = {0};
    struct str code = json_get_str(error, "code", STR_NONE);
    gen_end_fail(&end, GEN_UNAVAILABLE, "%.*s", STR_ARG(json_get_str(error, "message", STR_NONE)));
    for (unsigned c = GEN_OK + 1; c < GEN_CODE_COUNT; c++)
        if (str_eq(code, str_c(gen_code_name((enum gen_code)c))))
            end.code = (enum gen_code)c;
    generation_error(&end, &ask->error);
}

static void on_ended(struct ask *ask, const struct json *data) LOOP;
static void on_ended(struct ask *ask, const struct json *data)
{
    struct str outcome = json_get_str(data, "outcome", STR_NONE);
    struct str reason = json_get_str(data, "finish", STR_NONE);
    const struct json *usage = json_get(data, "usage"), *prompt = json_get(data, "prompt");
    for (unsigned f = GEN_STOP; f < GEN_FINISH_COUNT; f++)
        if (str_eq(reason, str_c(gen_finish_name((enum gen_finish)f))))
            ask->finish = (enum gen_finish)f;
    if (usage && usage->type == JSON_OBJECT) {
        ask->usage.known = true;
        ask->usage.prompt_tokens = (uint64_t)json_get_i64(usage, "prompt_tokens", 0);
        ask->usage.completion_tokens = (uint64_t)json_get_i64(usage, "completion_tokens", 0);
    } else {
        ask->usage.prompt_tokens = (uint64_t)json_get_i64(prompt, "tokens", 0);
    }
    ask->cancelled = str_eq(outcome, STR("cancelled"));
    if (str_eq(outcome, STR("failed")))
        read_error(ask, json_get(data, "error"));
    finish(ask);
}

static void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    on_loop();
    struct ask *ask = CONTAINER(sub, struct ask, sub);
    struct arena a = ARENA_INIT;
    struct json *event = NULL;
    if (!id_eq(frame->turn, ask->turn) || json_parse(&a, shared_str(frame->frame), &event, NULL) != ERR_OK) {
        arena_release(&a);
        return;
    }
    const struct json *data = json_get(event, "data");
    enum event_kind kind = EVENT_KINDS;
    event_kind_find(frame->kind, &kind);
    if (kind == EVENT_DELTA)
        on_delta(ask, data);
    else if (kind == EVENT_TURN_SNAPSHOT)
        on_snapshot(ask, data);
    else if (kind == EVENT_MESSAGE)
        on_message(ask, data, event->raw);
    else if (kind == EVENT_MOOD)
        ask->mood = arena_str(call_arena(ask->call), data->raw);
    else if (kind == EVENT_TURN_ENDED)
        on_ended(ask, data);
    arena_release(&a);
}

static void on_joined(struct sub *sub, uint64_t head)
{
    (void)sub;
    (void)head;
}

static bool on_ready(struct sub *sub)
{
    (void)sub;
    return true; /* one answer's text is small, and its reader's queue has a limit of its own */
}

static void on_failed(struct sub *sub, const struct error *e)
{
    on_loop();
    struct error error = *e;
    fail(CONTAINER(sub, struct ask, sub), &error);
}

/* ---- asking */

static void said(struct call *call, struct room_op *op)
{
    on_loop();
    struct ask *ask = call->state;
    static const struct sub_events events = {
        .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};
    if (op->err == ERR_NOT_FOUND && !str_empty(ask->persona) && !ask->created) {
        open_room(ask);
        return;
    }
    if (op->err) {
        fail(ask, &op->error);
        return;
    }
    if (op->turn_count == 0) {
        struct error e = {0};
        error_set(&e, ERR_CONFLICT,
                  "Nobody answers in this room: it has no persona, or it is paused or stopped; start it.");
        fail(ask, &e);
        return;
    }
    ask->turn = op->turns[0];
    ask->said_seq = op->event.seq;
    ask->sub.events = &events;
    ask->sub.format = FORMAT_JSON;
    ask->sub.who = call->who;
    ask->sub.room = ask->room;
    sub_open(call->api->parts.rooms, &ask->sub, ask->said_seq, 0);
}

static void say(struct ask *ask) LOOP;
static void say(struct ask *ask)
{
    struct room_op *op = room_op_new(ROOM_SAY, &ask->call->who, ask->room);
    op->text = arena_str(&op->arena, ask->text);
    op->media = arena_str(&op->arena, ask->media);
    call_room_either(ask->call, op, said);
}

static void opened(struct call *call, struct room_op *op)
{
    on_loop();
    struct ask *ask = call->state;
    /* Somebody else opened it at this moment: as good. */
    if (op->err && op->err != ERR_CONFLICT)
        fail(ask, &op->error);
    else
        say(ask);
}

static void open_room(struct ask *ask)
{
    struct room_op *op = room_op_new(ROOM_CREATE, &ask->call->who, ask->room);
    ask->created = true;
    op->title = arena_str(&op->arena, ask->title);
    op->title_set = op->personas_set = true;
    op->personas = arena_new(&op->arena, struct str);
    op->personas[0] = arena_str(&op->arena, ask->persona);
    op->persona_count = 1;
    op->external = arena_str(&op->arena, ask->external);
    op->quiet = ask->quiet;
    call_room_either(ask->call, op, opened);
}

static void freed(struct room_op *op)
{
    on_loop();
    room_op_free(op);
}

/* The answer may be complete before the turn is (a stop text): then the turn goes on. */
static void leave(struct ask *ask, bool vanished) LOOP;
static void leave(struct ask *ask, bool vanished)
{
    sub_close(&ask->sub);
    if (!ask->over && vanished && ask->cancel_on_leave && !id_none(ask->turn)) {
        struct room_op *op = room_op_new(ROOM_CANCEL, &ask->call->who, ask->room);
        op->turn = ask->turn;
        op->done = freed;
        room_submit(ask->call->api->parts.rooms, op);
    }
    ask->over = true;
}

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct ask *ask = call->state;
    leave(ask, !complete);
    buf_release(&ask->so_far);
}

enum { REPLY_BYTES_MAX = 8 << 20 };

struct ask *ask_new(struct call *call)
{
    struct ask *ask = arena_new(call_arena(call), struct ask);
    ask->call = call;
    ask->so_far = BUF_MAX(REPLY_BYTES_MAX);
    call->state = ask;
    call->req->on_closed = closed;
    return ask;
}

void ask_begin(struct ask *ask)
{
    if (id_none(ask->room)) {
        ask->room = id_new();
        open_room(ask);
    } else {
        say(ask);
    }
}
