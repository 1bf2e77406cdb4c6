/*
 * The openai driver: any endpoint that speaks OpenAI's chat completions; see provider.h for the contract.
 *
 * A generation is one request that may take several attempts: until the first output, what is worth another
 * try (enum gen_code_flags) is tried again after .5 s * 2^n, at most 8 s, or after what the endpoint asks for
 * if that is no longer; a longer wait is left to the caller. After the first output nothing is retried.
 *
 * Success is a finish reason and [DONE] (`lenient_end` lets the end of the connection stand for [DONE]); one
 * JSON document, where a server answers so, needs the finish reason only. Timeouts are measured in output:
 * keep-alive comments and empty chunks do not count as progress, and a paused reader is not the endpoint's
 * fault.
 */
#include "engine/drivers.h"
#include "engine/openai_inner.h"

#include "base/clock.h"

#include <stdlib.h>

enum { BODY_MAX = 64 << 20 /* of a request */ };

/* The driver's table. */

static uint64_t openai_start(struct provider *base, const struct gen_request *request,
                             const struct gen_emit *emit, void *arg, struct gen_end *end)
{
    on_loop();
    struct openai *p = CONTAINER(base, struct openai, base);
    CLEANUP_BUF struct buf body = BUF_MAX(BODY_MAX);
    struct error e = {0};
    if (openai_body(&body, request, p->own_host, &e) != ERR_OK ||
        buf_check(&body, "The prompt", &e) != ERR_OK) {
        gen_end_fail(end, GEN_REFUSED, "%s", e.message);
        return 0;
    }
    struct generation *g = heap_alloc(sizeof *g);
    g->provider = p;
    g->id = gen_id_new();
    g->emit = *emit;
    g->arg = arg;
    g->model = heap_cstr(request->model);
    g->stream = request->stream;
    g->pass_through = request->raw_body.n > 0;
    g->started_us = g->attempt_us = clock_mono_us();
    g->body = buf_take(&body, &g->body_n);
    g->attempt = 1;
    stream_reset(g);
    g->fetch = run_transfer(g, &e);
    if (!g->fetch) {
        gen_end_fail(end, GEN_UNAVAILABLE, "%s", e.message);
        g->over = true;
        run_release_if_over(g);
        return 0;
    }
    g->next = p->list;
    g->link = &p->list;
    if (g->next)
        g->next->link = &g->next;
    p->list = g;
    run_watch_time(g);
    return g->id;
}

static struct generation *generation_of(struct openai *p, uint64_t id)
{
    struct generation *g = p->list;
    while (g && g->id != id)
        g = g->next;
    return g;
}

static void openai_cancel(struct provider *base, uint64_t id)
{
    on_loop();
    struct generation *g = generation_of(CONTAINER(base, struct openai, base), id);
    if (!g)
        return;
    run_silence(g);
    run_release_if_over(g);
}

static void openai_pause(struct provider *base, uint64_t id, bool paused)
{
    on_loop();
    struct generation *g = generation_of(CONTAINER(base, struct openai, base), id);
    if (!g || g->paused == paused)
        return;
    g->paused = paused;
    g->last_us = clock_mono_us();
    if (!g->began)
        g->attempt_us = g->last_us;
    if (!g->fetch) /* waiting for its next attempt */
        return;
    (paused ? fetch_pause : fetch_resume)(g->fetch);
    run_watch_time(g);
}

static void openai_close(struct provider *base)
{
    on_loop();
    struct openai *p = CONTAINER(base, struct openai, base);
    while (p->list) {
        struct generation *g = p->list;
        run_silence(g);
        run_release_if_over(g);
    }
    for (size_t i = 0; i < p->header_count; i++)
        free(p->header_lines[i]);
    free(p->header_lines);
    free(p->url);
    free(p->key);
    free(p->bearer);
    free(p);
}

static char *join(struct str a, struct str b)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    size_t n;
    buf_add(&text, a);
    buf_add(&text, b);
    return buf_take(&text, &n);
}

static enum err openai_open(struct loop *loop, const struct config_provider *config, struct provider **out,
                            struct error *e)
{
    struct str base = str_trim(config->base_url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    if (!str_starts(base, STR("http://")) && !str_starts(base, STR("https://")))
        return error_set_param(e, ERR_INVALID, "base_url",
                               "The provider '%.*s' needs a base_url that begins with http:// or https://.",
                               STR_ARG(config->name));
    struct openai *p = heap_alloc(sizeof *p);
    p->base = (struct provider){&openai_driver, loop};
    p->url = join(base, STR("/chat/completions"));
    p->key = heap_cstr(str_trim(config->api_key));
    p->bearer = p->key[0] ? join(STR("Bearer "), str_c(p->key)) : NULL;
    fetch_endpoint(p->endpoint, base);
    p->own_host = str_eq(str_c(p->endpoint), STR("https://api.openai.com"));
    p->header_lines = heap_alloc((config->headers.n + 1) * sizeof *p->header_lines);
    for (size_t i = 0; i < config->headers.n; i++)
        p->header_lines[p->header_count++] = heap_cstr(config->headers.v[i]);
    p->connect_ms = config->connect_timeout;
    p->first_ms = config->first_token_timeout;
    p->gap_ms = config->stream_timeout;
    p->total_ms = config->total_timeout;
    p->retries = (unsigned)config->retries;
    p->lenient_end = config->lenient_end;
    *out = &p->base;
    return ERR_OK;
}

const struct provider_driver openai_driver = {
    .name = "openai",
    .open = openai_open,
    .start = openai_start,
    .cancel = openai_cancel,
    .pause = openai_pause,
    .close = openai_close,
};
