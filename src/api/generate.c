/* Engines asked for one request; see generate.h. */
#include "api/generate.h"

#include "base/clock.h"
#include "engine/engine.h"

enum { REPLY_BYTES_MAX = 4 << 20 };

static void on_delta(void *arg, struct str text)
{
    on_loop();
    struct generation *g = arg;
    buf_add(&g->text, text);
    if (g->delta)
        g->delta(g, text);
}

static void on_tool_call(void *arg, struct str json)
{
    on_loop();
    struct generation *g = arg;
    if (g->tool_calls.n)
        buf_add_char(&g->tool_calls, ',');
    buf_add(&g->tool_calls, json);
    if (g->tool_call)
        g->tool_call(g, json);
}

static void on_raw(void *arg, struct str json)
{
    on_loop();
    struct generation *g = arg;
    if (g->raw)
        g->raw(g, json);
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct generation *g = arg;
    g->id = 0;
    g->finished(g, end);
}

static void request_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct generation *g = call->state;
    (void)complete;
    generation_cancel(g);
    buf_release(&g->text);
    buf_release(&g->tool_calls);
}

/* Back-pressure: an engine that is faster than its reader waits. */
static void drained(struct http_req *req)
{
    on_loop();
    struct call *call = req->user;
    struct generation *g = call->state;
    if (g->id)
        engines_pause(call->api->parts.engines, g->id, false);
}

struct generation *generation_new(struct call *call)
{
    struct generation *g = arena_new(call_arena(call), struct generation);
    g->call = call;
    g->text = BUF_MAX(REPLY_BYTES_MAX);
    g->tool_calls = BUF_MAX(REPLY_BYTES_MAX);
    gen_sampling_init(&g->request.sampling);
    call->state = g;
    call->req->on_closed = request_closed;
    call->req->on_drain = drained;
    return g;
}

void generation_start(struct generation *g, struct str engine)
{
    static const struct gen_emit emit = {
        .delta = on_delta, .tool_call = on_tool_call, .raw = on_raw, .end = on_end};
    static const struct gen_emit emit_plain = {.delta = on_delta, .tool_call = on_tool_call, .end = on_end};
    struct gen_end end = {0};
    g->began_us = clock_mono_us();
    g->id = engines_start(g->call->api->parts.engines, engine, &g->request, g->raw ? &emit : &emit_plain, g,
                          &end);
    if (!g->id)
        g->finished(g, &end);
}

void generation_cancel(struct generation *g)
{
    if (g->id)
        engines_cancel(g->call->api->parts.engines, g->id);
    g->id = 0;
}

void generation_error(const struct gen_end *end, struct error *e)
{
    /* The house's error whose status is that of the engine's code; the wire code is the engine's own. */
    static const struct {
        int status;
        enum err err;
    } map[] = {{401, ERR_UNAUTHORIZED}, {403, ERR_FORBIDDEN},   {404, ERR_NOT_FOUND},
               {422, ERR_REFUSED},      {429, ERR_LIMIT},       {499, ERR_CANCELLED},
               {502, ERR_UPSTREAM},     {503, ERR_UNAVAILABLE}, {504, ERR_UPSTREAM_TIMEOUT}};
    enum err err = ERR_UPSTREAM;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].status == gen_code_status(end->code))
            err = map[i].err;
    error_set(e, err, "%s", end->sentence);
    str_copy(e->code, sizeof e->code, str_c(gen_code_name(end->code)));
}
