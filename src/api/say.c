/*
 * Saying something: POST /api/rooms/{room}/messages.
 *
 * Answered with the stored message once it is durable; or, for Accept: text/event-stream, with the message
 * and every event of the room until the turns that this message caused have ended. Which turns those are the
 * room says with the answer; for a message that was stored before (the same Idempotency-Key, the same client
 * id) the log says it: their turn.started names the message as its cause.
 */
#include "api/follow.h"
#include "api/idem.h"
#include "api/render.h"

struct saying {
    struct event_row event;
    struct id *turns;
    size_t turn_count, open;
};

static void send_message(struct call *call, const struct event_row *row) LOOP;
static void send_message(struct call *call, const struct event_row *row)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    render_message_event(&w, call_arena(call), row);
    call_json(call, 201, buf_str(&b));
}

/* ---- as a stream */

static void sent(struct follow *follow, const struct sub_frame *frame)
{
    on_loop();
    struct saying *saying = follow->arg;
    if (frame->seq == saying->event.seq && saying->open == 0) {
        follow_end(follow);
        return;
    }
    if (!str_eq(frame->kind, event_kind_info(EVENT_TURN_ENDED)->name))
        return;
    for (size_t i = 0; i < saying->turn_count; i++) {
        if (!id_eq(saying->turns[i], frame->turn))
            continue;
        saying->turns[i] = ID_NONE;
        if (--saying->open == 0)
            follow_end(follow);
        return;
    }
}

static void stream(struct call *call, struct saying *saying) LOOP;
static void stream(struct call *call, struct saying *saying)
{
    struct follow *follow = follow_new(call, saying->event.room);
    saying->open = saying->turn_count;
    follow->arg = saying;
    follow->sent = sent;
    follow_begin(follow, saying->event.seq - 1, 0);
}

static void started_found(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_events_page *page = (struct store_events_page *)op;
    struct saying *saying = call->state;
    saying->turns = arena_array(call_arena(call), struct id, page->count + 1);
    for (size_t i = 0; i < page->count; i++)
        if (page->rows[i].cause == saying->event.seq)
            saying->turns[saying->turn_count++] = page->rows[i].turn;
    stream(call, saying);
}

enum { STARTED_MAX = 64 }; /* turn.started events that follow a message at once */

static void find_started(struct call *call, struct saying *saying) LOOP;
static void find_started(struct call *call, struct saying *saying)
{
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    call->state = saying;
    page->tenant = call->who.tenant;
    page->room = saying->event.room;
    page->after = saying->event.seq;
    page->limit = STARTED_MAX;
    page->kinds = &event_kind_info(EVENT_TURN_STARTED)->name;
    page->kind_count = 1;
    call_store(call, &page->op, started_found);
}

/* ---- either way */

static void answer(struct call *call, const struct event_row *row, const struct id *turns, size_t turn_count,
                   bool again) LOOP;
static void answer(struct call *call, const struct event_row *row, const struct id *turns, size_t turn_count,
                   bool again)
{
    if (!call_wants_stream(call)) {
        send_message(call, row);
        return;
    }
    struct arena *a = call_arena(call);
    struct saying *saying = arena_new(a, struct saying);
    saying->event = event_copy(a, row);
    if (again) {
        find_started(call, saying);
        return;
    }
    saying->turns = arena_array(a, struct id, turn_count + 1);
    saying->turn_count = turn_count;
    for (size_t i = 0; i < turn_count; i++)
        saying->turns[i] = turns[i];
    stream(call, saying);
}

static void message_found(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_event_find *find = (struct store_event_find *)op;
    idem_mark_replayed(call);
    answer(call, &find->found.row, NULL, 0, true);
}

static void replay(struct call *call, struct str result)
{
    on_loop();
    struct store_event_find *find = STORE_NEW(event_find, EVENT_FIND);
    find->tenant = call->who.tenant;
    id_parse(call_param(call, 0), &find->room);
    id_parse(result, &find->ref);
    call_store(call, &find->op, message_found);
}

static void said(struct call *call, struct room_op *op)
{
    on_loop();
    if (op->err == ERR_CONFLICT)
        idem_lost(call, &op->error, replay);
    else if (op->err)
        call_error(call, &op->error);
    else
        answer(call, &op->event, op->turns, op->turn_count, op->deduped);
}

static void say(struct call *call)
{
    on_loop();
    struct id room = ID_NONE;
    struct str reply_to = json_get_str(call->body, "reply_to", STR_NONE);
    id_parse(call_param(call, 0), &room);
    struct room_op *op = room_op_new(ROOM_SAY, &call->who, room);
    op->text = arena_str(&op->arena, json_get_str(call->body, "text", STR_NONE));
    op->client_id = arena_str(&op->arena, json_get_str(call->body, "id", STR_NONE));
    const struct json *media = json_get(call->body, "media");
    op->media = media && media->type == JSON_ARRAY ? arena_str(&op->arena, media->raw) : STR_NONE;
    if (!str_empty(reply_to) && !id_parse(reply_to, &op->reply_to)) {
        room_op_free(op);
        call_refuse_param(call, ERR_INVALID, "reply_to", "'reply_to' must be the id of a message.");
        return;
    }
    op->idem = idem_of(call, &op->arena);
    call_room_either(call, op, said);
}

void handle_message_post(struct call *call)
{
    struct id room;
    if (call_param_id(call, 0, "room", &room))
        idem_check(call, say, replay);
}
