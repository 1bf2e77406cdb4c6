/*
 * Messages: pages of them as they read now, one of them, and what is done to one: edit, delete, retry; and
 * the cancelling of turns. Saying something is in say.c.
 */
#include "api/render.h"

static struct str page_cursor(struct call *call, const struct store_messages_page *page)
{
    if (!page->more || page->count == 0)
        return STR_NONE;
    return arena_printf(call_arena(call), "%llu", (unsigned long long)page->rows[page->count - 1].row.seq);
}

static void answer_page(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_messages_page *page = (struct store_messages_page *)op;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < page->count; i++)
        render_message(&w, call_arena(call), &page->rows[i]);
    list_end(&w, page_cursor(call, page));
    call_json(call, 200, buf_str(&b));
}

/* ?after= goes on in the order of the page, so in a descending one it bounds from above, as ?before= does. */
static bool read_page(struct call *call, struct store_messages_page *page) LOOP;
static bool read_page(struct call *call, struct store_messages_page *page)
{
    struct str order;
    uint64_t after = 0, before = 0;
    bool all = false;
    if (!call_query_limit(call, &page->limit) || !call_query(call, "order", &order) ||
        !call_query_u64(call, "after", &after) || !call_query_u64(call, "before", &before) ||
        !call_query_flag(call, "cleared", &all))
        return false;
    page->desc = str_empty(order) ? !after || before : str_eq(order, STR("desc"));
    if (!page->desc && !str_empty(order) && !str_eq(order, STR("asc"))) {
        call_refuse_param(call, ERR_INVALID, "order", "'order' is asc or desc.");
        return false;
    }
    page->cleared = all;
    page->before = before;
    if (page->desc && after && (!before || after < before))
        page->before = after;
    else if (!page->desc)
        page->after = after;
    return true;
}

static void room_known(struct call *call, struct room_op *op)
{
    on_loop();
    struct store_messages_page *page = STORE_NEW(messages_page, MESSAGES_PAGE);
    page->tenant = call->who.tenant;
    page->room = op->view.id;
    if (read_page(call, page))
        call_store(call, &page->op, answer_page);
    else
        store_op_free(&page->op);
}

void handle_messages_page(struct call *call)
{
    struct id room;
    if (call_param_id(call, 0, "room", &room))
        call_room(call, room_op_new(ROOM_GET, &call->who, room), room_known);
}

/* ---- one message */

static void answer_message(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_event_find *find = (struct store_event_find *)op;
    if (!str_eq(find->found.row.kind, event_kind_info(EVENT_MESSAGE)->name) || find->found.deleted) {
        call_refuse(call, ERR_NOT_FOUND, "No message of this room has that id; it may have been deleted.");
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    render_message(&w, call_arena(call), &find->found);
    call_json(call, 200, buf_str(&b));
}

static void find_message(struct call *call, struct room_op *op)
{
    on_loop();
    struct store_event_find *find = STORE_NEW(event_find, EVENT_FIND);
    find->tenant = call->who.tenant;
    find->room = op->view.id;
    id_parse(call_param(call, 1), &find->ref);
    call_store(call, &find->op, answer_message);
}

/* An operation on the message that the path names; NULL: answered. */
static struct room_op *op_new(struct call *call, enum room_verb verb) LOOP;
static struct room_op *op_new(struct call *call, enum room_verb verb)
{
    struct id room, message;
    if (!call_param_id(call, 0, "room", &room) || !call_param_id(call, 1, "message", &message))
        return NULL;
    struct room_op *op = room_op_new(verb, &call->who, room);
    op->message = message;
    return op;
}

void handle_message_show(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_GET);
    if (op)
        call_room(call, op, find_message);
}

static void send_event(struct call *call, struct room_op *op, int status) LOOP;
static void send_event(struct call *call, struct room_op *op, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    event_write(&w, &op->event);
    call_json(call, status, buf_str(&b));
}

static void edited(struct call *call, struct room_op *op)
{
    on_loop();
    send_event(call, op, 200);
}

void handle_message_patch(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_EDIT);
    if (!op)
        return;
    op->text = arena_str(&op->arena, json_get_str(call->body, "text", STR_NONE));
    call_room(call, op, edited);
}

static void deleted(struct call *call, struct room_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_message_delete(struct call *call)
{
    bool forget = false;
    struct room_op *op;
    if (!call_query_flag(call, "forget", &forget) ||
        !(op = op_new(call, forget ? ROOM_FORGET : ROOM_DELETE_MESSAGE)))
        return;
    call_room(call, op, deleted);
}

static void retrying(struct call *call, struct room_op *op)
{
    on_loop();
    send_event(call, op, 201);
}

void handle_message_retry(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_RETRY);
    if (op)
        call_room(call, op, retrying);
}

/* ---- turns */

static void cancelled(struct call *call, struct room_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "turn", str_c(id_text(op->turn).c));
    jw_kv_string(&w, "room", str_c(id_text(op->room).c));
    jw_kv_string(&w, "status", STR("ended"));
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

void handle_turn_cancel(struct call *call)
{
    struct id room, turn;
    if (!call_param_id(call, 0, "room", &room) || !call_param_id(call, 1, "turn", &turn))
        return;
    struct room_op *op = room_op_new(ROOM_CANCEL, &call->who, room);
    op->turn = turn;
    call_room(call, op, cancelled);
}
