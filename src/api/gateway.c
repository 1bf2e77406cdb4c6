/*
 * engine/NAME: a plain call through an engine.
 *
 * A provider that speaks OpenAI's shape is passed through untouched: the client's body goes out as it is but
 * for the model's name, and the provider's documents come back as it wrote them. Where a provider speaks
 * otherwise (scripted, also as a fallback; the realtime ones) the same answer is written from its pieces.
 */
#include "api/generate.h"
#include "api/openai.h"
#include "engine/engine.h"
#include "engine/scripted.h"

struct passage {
    struct completion *completion;
    bool written; /* the answer is ours to write: the provider speaks another shape */
    bool passed;  /* something of the provider's went out */
    void (*closed)(struct http_req *, bool);
};

static bool speaks_openai(const struct generation *g) LOOP;
static bool speaks_openai(const struct generation *g)
{
    struct engines *engines = g->call->api->parts.engines;
    struct str name = engines_answered(engines, g->id);
    const struct engine_info *info = engines_find(engines, name);
    return info && !str_eq(info->provider, STR("scripted")) && !engines_speaks(engines, name);
}

static void on_delta(struct generation *g, struct str text)
{
    on_loop();
    struct passage *p = g->arg;
    if (!p->passed && !p->written)
        p->written = !speaks_openai(g);
    if (p->written)
        completion_delta(p->completion, text);
}

/* One document of the provider's: a chunk, or the whole completion. */
static void on_raw(struct generation *g, struct str json)
{
    on_loop();
    struct passage *p = g->arg;
    struct completion *c = p->completion;
    if (c->over)
        return;
    if (!c->stream) {
        p->passed = c->over = true;
        call_json(g->call, 200, json);
        return;
    }
    CLEANUP_BUF struct buf line = BUF_INIT;
    if (!p->passed)
        http_sse_begin(g->call->req);
    p->passed = c->begun = true;
    buf_add(&line, STR("data: "));
    buf_add(&line, json);
    buf_add(&line, STR("\n\n"));
    http_stream_write(g->call->req, buf_str(&line));
    if (http_queued(g->call->req) > call_config(g->call)->net.send_queue_max)
        engines_pause(g->call->api->parts.engines, g->id, true);
}

/* The provider's own error body, where it has the shape that clients expect. */
static bool pass_error(struct call *call, const struct gen_end *end) LOOP;
static bool pass_error(struct call *call, const struct gen_end *end)
{
    struct json *body = NULL;
    if (end->http_status < 400 || json_parse(call_arena(call), end->raw_error, &body, NULL) ||
        !json_get(body, "error"))
        return false;
    if (end->retry_after_ms >= 0)
        http_set_header(
            call->req, "Retry-After",
            arena_printf(call_arena(call), "%lld", (long long)(end->retry_after_ms + 999) / 1000));
    call_json(call, end->http_status, arena_str(call_arena(call), end->raw_error));
    return true;
}

static void on_finished(struct generation *g, const struct gen_end *end)
{
    on_loop();
    struct passage *p = g->arg;
    struct completion *c = p->completion;
    struct error e = {0};
    if (c->over)
        return;
    if (end->code != GEN_OK) {
        generation_error(end, &e);
        if (!c->begun && pass_error(g->call, end))
            c->over = true;
        else
            completion_fail(c, &e);
    } else if (p->passed) {
        c->over = true;
        http_stream_write(g->call->req, STR("data: [DONE]\n\n"));
        http_stream_end(g->call->req);
    } else {
        completion_end(c, end->finish, &end->usage, buf_str(&g->tool_calls));
    }
}

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct generation *g = call->state;
    struct passage *p = g->arg;
    completion_release(p->completion);
    p->closed(req, complete);
}

/* What the scripted responder needs where it is the engine or the fallback: a plain voice and the messages.
 */
static const struct scripted_input *plain_hints(struct arena *a, const struct chat_messages *messages)
{
    struct scripted_input *in = arena_new(a, struct scripted_input);
    struct scripted_turn *turns = arena_array(a, struct scripted_turn, messages->n);
    for (size_t i = 0; i < messages->n; i++) {
        const struct gen_message *m = &messages->v[i];
        if (m->role != GEN_SYSTEM)
            turns[in->transcript_count++] = (struct scripted_turn){
                .author = m->role == GEN_ASSISTANT ? SCRIPTED_SELF : SCRIPTED_PERSON, .text = m->content};
    }
    in->persona = (struct scripted_persona){
        .name = STR("Eidolon"), .style = STR("plain"), .warmth = .5, .humor = .5, .talkativeness = .5};
    in->transcript = turns;
    in->seed = random_u64();
    return in;
}

void gateway_start(struct completion *c, struct str engine, const struct chat_messages *messages)
{
    struct call *call = c->call;
    struct generation *g = generation_new(call);
    struct passage *p = arena_new(call_arena(call), struct passage);
    p->completion = c;
    p->closed = call->req->on_closed;
    call->req->on_closed = closed;
    g->arg = p;
    g->delta = on_delta;
    g->raw = on_raw;
    g->finished = on_finished;
    g->request.messages = messages->v;
    g->request.message_count = messages->n;
    g->request.stream = c->stream;
    g->request.raw_body = call->body->raw;
    g->request.hints = plain_hints(call_arena(call), messages);
    chat_read_options(call->body, call_arena(call), &g->request);
    generation_start(g, engine);
}
