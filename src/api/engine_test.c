/* The engine test of the settings page: a short question, and what came back in what time. */
#include "api/call.h"
#include "api/generate.h"
#include "base/clock.h"
#include "engine/engine.h"

#define TEST_QUESTION "Say hello in one short sentence."
enum { TEST_TOKENS = 64, TEST_REPLY_MAX = 2000 };

static void finished(struct generation *g, const struct gen_end *end)
{
    on_loop();
    struct error e = {0};
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_bool(&w, "ok", end->code == GEN_OK);
    jw_kv_u64(&w, "latency_ms", (clock_mono_us() - g->began_us) / 1000);
    if (end->code == GEN_OK) {
        jw_kv_string(&w, "reply", str_sub(buf_str(&g->text), 0, TEST_REPLY_MAX));
    } else {
        generation_error(end, &e);
        jw_key(&w, STR("error"));
        error_object_write(&w, &e, STR_NONE);
    }
    jw_end_object(&w);
    call_json(g->call, 200, buf_str(&b));
}

void handle_engine_test(struct call *call)
{
    struct str name = call_param(call, 0);
    if (!engines_known(call->api->parts.engines, name)) {
        call_refuse(call, ERR_NOT_FOUND, "There is no engine called '%.*s'.", STR_ARG(str_sub(name, 0, 64)));
        return;
    }
    struct generation *g = generation_new(call);
    struct gen_message *message = arena_new(call_arena(call), struct gen_message);
    message->role = GEN_USER;
    message->content = STR(TEST_QUESTION);
    g->request.messages = message;
    g->request.message_count = 1;
    g->request.stream = true;
    g->request.alone = true; /* a fallback's answer would say nothing about this engine */
    g->request.sampling.max_tokens = TEST_TOKENS;
    g->finished = finished;
    generation_start(g, name);
}
