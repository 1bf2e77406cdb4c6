/* The realtime driver's table; see realtime.h and realtime_inner.h. */
#include "engine/realtime_inner.h"

#include "base/clock.h"
#include "engine/drivers.h"

#include <stdlib.h>

enum { TEXT_MAX = 4 << 20 };

static uint64_t realtime_start(struct provider *base, const struct gen_request *request,
                               const struct gen_emit *emit, void *arg, struct gen_end *end)
{
    on_loop();
    struct realtime *p = CONTAINER(base, struct realtime, base);
    struct rt_gen *g = heap_alloc(sizeof *g);
    struct error e = {0};
    g->provider = p;
    g->emit = *emit;
    g->arg = arg;
    g->text.max = TEXT_MAX;
    g->key = arena_str(&g->arena, request->key);
    g->model = arena_str(&g->arena, request->model);
    g->voice = arena_str(&g->arena, request->voice.n ? request->voice : str_c(p->voice));
    g->sound = request->sound && emit->sound;
    g->max_tokens = request->sampling.max_tokens;
    g->answer = (struct answer){.endpoint = p->endpoint, .model = g->model, .key = str_c(p->key)};
    if (rt_wanted(g, request, &e) != ERR_OK) {
        gen_end_fail(end, GEN_REFUSED, "%s", e.message);
        g->over = true;
        rt_gen_release(g);
        return 0;
    }
    g->id = gen_id_new();
    g->attempt = 1;
    g->started_us = clock_mono_us();
    g->next = p->gens;
    g->link = &p->gens;
    if (g->next)
        g->next->link = &g->next;
    p->gens = g;
    uint64_t id = g->id;
    rt_gen_attempt(g);
    return id;
}

static struct rt_gen *gen_of(struct realtime *p, uint64_t id)
{
    struct rt_gen *g = p->gens;
    while (g && g->id != id)
        g = g->next;
    return g;
}

static void cancel(struct rt_gen *g) LOOP
{
    rt_session_cancel(g);
    rt_gen_silence(g);
    rt_gen_release(g);
}

static void realtime_cancel(struct provider *base, uint64_t id)
{
    on_loop();
    struct rt_gen *g = gen_of(CONTAINER(base, struct realtime, base), id);
    if (g)
        cancel(g);
}

static void realtime_pause(struct provider *base, uint64_t id, bool paused)
{
    on_loop();
    struct rt_gen *g = gen_of(CONTAINER(base, struct realtime, base), id);
    if (!g || g->paused == paused)
        return;
    g->paused = paused;
    g->last_us = clock_mono_us();
    if (!g->began)
        g->attempt_us = g->last_us;
    if (!g->session || g->retrying)
        return;
    rt_session_pause(g->session, paused);
    rt_gen_watch(g);
}

static void realtime_played(struct provider *base, struct str key, uint32_t played_ms)
{
    on_loop();
    rt_session_played(CONTAINER(base, struct realtime, base), key, played_ms);
}

static void realtime_close(struct provider *base)
{
    on_loop();
    struct realtime *p = CONTAINER(base, struct realtime, base);
    while (p->gens)
        cancel(p->gens);
    rt_sessions_close(p);
    for (size_t i = 0; i < p->header_count; i++)
        free(p->header_lines[i]);
    free(p->header_lines);
    free(p->url);
    free(p->key);
    free(p->voice);
    free(p->transcription);
    free(p);
}

/* "wss://host/v1" and "https://host/v1" alike become "wss://host/v1/realtime"; an address that names the
 * path already, or has a query, stays as it is. */
static char *socket_url(struct str base)
{
    CLEANUP_BUF struct buf url = BUF_INIT;
    size_t n;
    bool whole = str_find_char(base, '?') != SIZE_MAX;
    if (str_starts(base, STR("http")))
        buf_add(&url, STR("ws"));
    buf_add(&url, str_starts(base, STR("http")) ? str_from(base, 4) : base);
    while (!whole && url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (!whole && !str_ends(buf_str(&url), STR("/realtime")))
        buf_add(&url, STR("/realtime"));
    return buf_take(&url, &n);
}

static enum err realtime_open(struct loop *loop, const struct config_provider *config, struct provider **out,
                              struct error *e)
{
    static const struct str schemes[] = {STR_INIT("ws://"), STR_INIT("wss://"), STR_INIT("http://"),
                                         STR_INIT("https://")};
    struct str base = str_trim(config->base_url);
    bool known = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        known |= str_starts(base, schemes[i]);
    if (!known)
        return error_set_param(e, ERR_INVALID, "base_url",
                               "The provider '%.*s' needs a base_url, as wss://api.openai.com/v1.",
                               STR_ARG(config->name));
    struct realtime *p = heap_alloc(sizeof *p);
    p->base = (struct provider){&realtime_driver, loop};
    p->url = socket_url(base);
    p->key = heap_cstr(str_trim(config->api_key));
    p->voice = heap_cstr(config->voice);
    p->transcription = heap_cstr(config->transcription);
    fetch_endpoint(p->endpoint, str_c(p->url));
    p->header_lines = heap_alloc((config->headers.n + 1) * sizeof *p->header_lines);
    for (size_t i = 0; i < config->headers.n; i++)
        p->header_lines[p->header_count++] = heap_cstr(config->headers.v[i]);
    p->connect_ms = config->connect_timeout;
    p->first_ms = config->first_token_timeout;
    p->gap_ms = config->stream_timeout;
    p->total_ms = config->total_timeout;
    p->retries = (unsigned)config->retries;
    *out = &p->base;
    return ERR_OK;
}

const struct provider_driver realtime_driver = {
    .name = "realtime",
    .open = realtime_open,
    .start = realtime_start,
    .cancel = realtime_cancel,
    .pause = realtime_pause,
    .close = realtime_close,
    .played = realtime_played,
};
