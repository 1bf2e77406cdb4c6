/* Event streams; see follow.h. */
#include "api/follow.h"

/* How long a client waits before it connects again (the `retry` field of WHATWG HTML 9.2). */
#define RETRY_FIELD "retry: 2000\n\n"

static void joined(struct sub *sub, uint64_t head)
{
    on_loop();
    struct follow *follow = CONTAINER(sub, struct follow, sub);
    (void)head;
    follow->begun = true;
    http_sse_begin(follow->call->req);
    http_stream_write(follow->call->req, STR(RETRY_FIELD));
}

static void frame(struct sub *sub, const struct sub_frame *f)
{
    on_loop();
    struct follow *follow = CONTAINER(sub, struct follow, sub);
    if (http_sse_send(follow->call->req, f->frame) && follow->sent)
        follow->sent(follow, f);
}

static bool ready(struct sub *sub)
{
    const struct follow *follow = CONTAINER(sub, struct follow, sub);
    return http_queued(follow->call->req) <= call_config(follow->call)->net.send_queue_max;
}

static void failed(struct sub *sub, const struct error *e)
{
    on_loop();
    struct follow *follow = CONTAINER(sub, struct follow, sub);
    struct call *call = follow->call;
    struct error error = *e;
    sub_close(sub);
    if (follow->begun)
        http_stream_end(call->req);
    else
        call_error(call, &error);
}

static void drained(struct http_req *req)
{
    on_loop();
    struct call *call = req->user;
    struct follow *follow = call->state;
    sub_resume(&follow->sub);
}

static void stopping(struct http_req *req)
{
    on_loop();
    struct call *call = req->user;
    follow_end(call->state);
}

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct follow *follow = call->state;
    (void)complete;
    sub_close(&follow->sub);
}

struct follow *follow_new(struct call *call, struct id room)
{
    static const struct sub_events events = {
        .joined = joined, .frame = frame, .ready = ready, .failed = failed};
    struct follow *follow = arena_new(call_arena(call), struct follow);
    follow->call = call;
    follow->sub.events = &events;
    follow->sub.format = FORMAT_SSE;
    follow->sub.who = call->who;
    follow->sub.room = room;
    call->state = follow;
    return follow;
}

void follow_begin(struct follow *follow, uint64_t after, unsigned flags)
{
    struct http_req *req = follow->call->req;
    req->on_closed = closed;
    req->on_drain = drained;
    req->on_stop = stopping;
    sub_open(follow->call->api->parts.rooms, &follow->sub, after, flags);
}

void follow_end(struct follow *follow)
{
    sub_close(&follow->sub);
    if (follow->begun)
        http_stream_end(follow->call->req);
    else
        call_refuse(follow->call, ERR_UNAVAILABLE, "The server is stopping; try again in a moment.");
}
