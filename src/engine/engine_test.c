/* The settings page's test of a provider and model; see engines_test() in engine.h. */
#include "engine/engine.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEST_TOKENS = 64 };

struct trial {
    struct loop *loop;
    struct provider *provider;
    struct engine_test_result result;
    engine_test_fn *done;
    void *arg;
    uint64_t started_us;
    size_t answer_n;
};

static void tell(void *arg)
{
    on_loop();
    struct trial *t = arg;
    if (t->provider)
        t->provider->driver->close(t->provider);
    t->done(t->arg, &t->result);
    free(t);
}

static void on_output(struct trial *t)
{
    if (t->result.first_us == 0)
        t->result.first_us = clock_mono_us() - t->started_us;
}

static void on_text(void *arg, struct str text)
{
    on_loop();
    struct trial *t = arg;
    on_output(t);
    str_copy(t->result.answer + t->answer_n, sizeof t->result.answer - t->answer_n, text);
    t->answer_n += strlen(t->result.answer + t->answer_n);
}

static void on_reasoning(void *arg, struct str text)
{
    on_loop();
    (void)text;
    on_output(arg);
}

static void fail(struct trial *t, const struct gen_end *end)
{
    t->result.code = end->code;
    memcpy(t->result.sentence, end->sentence, sizeof t->result.sentence);
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct trial *t = arg;
    t->result.total_us = clock_mono_us() - t->started_us;
    t->result.ok = end->code == GEN_OK;
    if (!t->result.ok)
        fail(t, end);
    else if (t->answer_n)
        snprintf(t->result.sentence, sizeof t->result.sentence,
                 "The model answered '%s' after %" PRIu64 " ms.", t->result.answer,
                 t->result.first_us / 1000);
    else
        snprintf(t->result.sentence, sizeof t->result.sentence,
                 "The endpoint works, but the model used its %d tokens without writing a word.", TEST_TOKENS);
    loop_defer(t->loop, tell, t); /* the provider is not closed inside its own callback */
}

void engines_test(struct loop *loop, const struct config_provider *provider,
                  const struct config_engine *engine, engine_test_fn *done, void *arg)
{
    static const struct gen_emit emit = {.delta = on_text, .reasoning = on_reasoning, .end = on_end};
    const struct gen_message message = {.role = GEN_USER, .content = STR("Answer with the one word OK.")};
    struct gen_request request = {
        .model = engine->model, .messages = &message, .message_count = 1, .stream = true};
    struct error e = {0};
    struct gen_end end;
    struct trial *t = heap_alloc(sizeof *t);
    *t = (struct trial){.loop = loop, .done = done, .arg = arg, .started_us = clock_mono_us()};
    gen_sampling_init(&request.sampling);
    request.sampling.max_tokens = TEST_TOKENS;
    const struct provider_driver *driver = provider_driver(provider->type);
    if (!driver) {
        gen_end_fail(&end, GEN_UNAVAILABLE, "This build has no driver for providers of the type '%.*s'.",
                     STR_ARG(provider->type));
    } else if (driver->open(loop, provider, &t->provider, &e) != ERR_OK) {
        t->provider = NULL;
        gen_end_fail(&end, GEN_UNAVAILABLE, "%s", e.message);
    } else if (driver->start(t->provider, &request, &emit, t, &end) != 0) {
        return;
    }
    fail(t, &end);
    loop_defer(loop, tell, t);
}
