/* A room's events: a page of them, or all from a number on, live. */
#include "api/follow.h"

static void answer_page(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_events_page *page = (struct store_events_page *)op;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < page->count; i++)
        event_write(&w, &page->rows[i]);
    struct str next = STR_NONE;
    if (page->more && page->count)
        next = arena_printf(call_arena(call), "%llu", (unsigned long long)page->rows[page->count - 1].seq);
    list_end(&w, next);
    call_json(call, 200, buf_str(&b));
}

static void room_known(struct call *call, struct room_op *op)
{
    on_loop();
    uint64_t after = 0;
    unsigned limit;
    if (!call_query_limit(call, &limit) || !call_query_u64(call, "after", &after))
        return;
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = call->who.tenant;
    page->room = op->view.id;
    page->after = after;
    page->limit = limit;
    call_store(call, &page->op, answer_page);
}

static void stream(struct call *call, struct id room) LOOP;
static void stream(struct call *call, struct id room)
{
    uint64_t after = 0;
    struct str last;
    if (!call_query_u64(call, "after", &after))
        return;
    /* A browser that resumes sends the address of its first connection again; the header knows better. */
    if (http_header(call->req, "Last-Event-ID", &last) && !str_empty(last) && !str_to_u64(last, &after)) {
        call_refuse_param(call, ERR_INVALID, "Last-Event-ID",
                          "Last-Event-ID must be the number of the last event that was seen.");
        return;
    }
    follow_begin(follow_new(call, room), after, 0);
}

void handle_events_get(struct call *call)
{
    struct id room;
    if (!call_param_id(call, 0, "room", &room))
        return;
    if (call->req->method == HTTP_GET && call_wants_stream(call))
        stream(call, room);
    else
        call_room(call, room_op_new(ROOM_GET, &call->who, room), room_known);
}
