/*
 * The llama driver: models on this machine, as every loop sees them; see provider.h for the contract and
 * llama.h for what stands behind.
 *
 * A generation is asked of the home loop and answered by events, which are held back while the reader is
 * paused. The text is written by one child process; what stops here is only the way to it.
 */
#include "engine/llama.h"

#include "engine/drivers.h"
#include "engine/llama_inner.h"
#include "engine/llama_raw.h"
#include "engine/openai_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_BYTES = 64 << 20 };

struct local;

struct writing {
    struct llama_wait wait;
    struct writing *next;
    struct local *provider; /* NULL once it is over */
    struct gen_emit emit;
    void *arg;
    bool gateway, began, paused;
    unsigned busy;
    struct llama_raw raw;
    struct llama_event *held, **held_tail;
    struct timer timer; /* total_timeout; or: what was held back */
};

struct local {
    struct provider base;
    uint64_t total_ms;
    struct writing *list;
};

/* ---- the request */

static void put_sampling(struct jw *w, const struct gen_sampling *s)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"temperature", s->temperature},
                   {"top_p", s->top_p},
                   {"min_p", s->min_p},
                   {"repeat_penalty", s->repeat_penalty},
                   {"frequency_penalty", s->frequency_penalty},
                   {"presence_penalty", s->presence_penalty}};
    jw_key(w, STR("sampling"));
    jw_object(w);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!isnan(numbers[i].value))
            jw_kv_double(w, numbers[i].key, numbers[i].value);
    if (s->top_k != CONFIG_NO_INT)
        jw_kv_i64(w, "top_k", s->top_k);
    if (s->seed != CONFIG_NO_INT)
        jw_kv_i64(w, "seed", s->seed);
    if (s->max_tokens != CONFIG_NO_INT)
        jw_kv_i64(w, "max_tokens", s->max_tokens);
    if (s->stop_count) {
        jw_key(w, STR("stop"));
        jw_array(w);
        for (size_t i = 0; i < s->stop_count; i++)
            jw_string(w, s->stop[i]);
        jw_end_array(w);
    }
    jw_end_object(w);
}

/* response_format as OpenAI has it. */
static enum err put_format(struct jw *w, struct str text, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *format = NULL;
    enum err err = text.n ? json_parse(&a, text, &format, e) : ERR_OK;
    struct str type = json_get_str(format, "type", STR("text"));
    const struct json *schema = json_get(json_get(format, "json_schema"), "schema");
    if (err == ERR_OK && str_eq(type, STR("json_object")))
        jw_kv_bool(w, "json", true);
    else if (err == ERR_OK && str_eq(type, STR("json_schema")) && schema)
        jw_kv_raw(w, "json_schema", schema->raw);
    else if (err == ERR_OK && !str_eq(type, STR("text")))
        err = error_set_param(
            e, ERR_REFUSED, "response_format",
            "response_format is text, json_object, or json_schema with a json_schema.schema.");
    arena_release(&a);
    return err;
}

/* What a client may add that OpenAI does not know, as llama-server has it. */
static void put_extras(struct jw *w, struct str body)
{
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    if (body.n && json_parse(&a, body, &json, NULL) == ERR_OK) {
        struct str grammar = json_get_str(json, "grammar", STR_NONE);
        if (grammar.n)
            jw_kv_string(w, "grammar", grammar);
    }
    arena_release(&a);
}

static bool has_pictures(struct str parts)
{
    struct arena a = ARENA_INIT;
    struct json *list = NULL;
    bool found = false;
    if (parts.n && json_parse(&a, parts, &list, NULL) == ERR_OK && list->type == JSON_ARRAY)
        json_each (part, list)
            found = found || !str_eq(json_get_str(part, "type", STR("text")), STR("text"));
    arena_release(&a);
    return found;
}

static enum err write_request(struct buf *to, uint64_t id, const struct gen_request *r, struct error *e)
{
    struct jw w = JW(to);
    struct gen_request plain = *r;
    struct arena a = ARENA_INIT;
    struct gen_message *messages = arena_array(&a, struct gen_message, r->message_count);
    enum err err = ERR_OK;
    for (size_t i = 0; i < r->message_count && !err; i++) {
        messages[i] = r->messages[i];
        if (has_pictures(messages[i].content_raw))
            err = error_set_param(e, ERR_REFUSED, "messages",
                                  "Models on this machine read text only: leave pictures and sound out.");
        messages[i].content_raw = STR_NONE; /* its text is in content */
    }
    plain.messages = messages;
    jw_object(&w);
    jw_kv_string(&w, "op", STR("generate"));
    jw_kv_u64(&w, "id", id);
    openai_messages(&w, &plain);
    if (r->key.n)
        jw_kv_string(&w, "key", r->key);
    put_sampling(&w, &r->sampling);
    if (r->tools.n)
        jw_kv_raw(&w, "tools", r->tools);
    if (r->tool_choice.n)
        jw_kv_raw(&w, "tool_choice", r->tool_choice);
    put_extras(&w, r->raw_body);
    if (!err)
        err = put_format(&w, r->response_format, e);
    jw_end_object(&w);
    arena_release(&a);
    return err;
}

/* ---- a generation's life */

static void release_if_over(struct writing *g) LOOP
{
    if (g->provider || g->busy)
        return;
    while (g->held) {
        struct llama_event *event = g->held;
        g->held = event->next;
        free(event);
    }
    timer_close(&g->timer);
    llama_raw_release(&g->raw);
    free(g);
}

/* Nothing is emitted any more. */
static void silence(struct writing *g) LOOP
{
    if (!g->provider)
        return;
    for (struct writing **at = &g->provider->list; *at; at = &(*at)->next) {
        if (*at == g) {
            *at = g->next;
            break;
        }
    }
    llama_wait_drop(&g->wait);
    timer_cancel(&g->timer);
    g->provider = NULL;
}

static void finish(struct writing *g, struct gen_end *end) LOOP
{
    end->began = g->began;
    silence(g);
    g->emit.end(g->arg, end);
}

static void take_back(struct writing *g) LOOP
{
    if (llama_shared())
        llama_take_back(llama_shared(), g->wait.id);
}

static void emit_raw(struct writing *g, const struct buf *b) LOOP
{
    g->began = true;
    if (g->provider && g->emit.raw)
        g->emit.raw(g->arg, buf_str(b));
}

static void piece(struct writing *g, const struct llama_event *event) LOOP
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct str text = str_of(event->text, event->n);
    bool thought = event->kind == LLAMA_REASONING, call = event->kind == LLAMA_TOOL_CALL;
    gen_delta_fn *emit = call ? g->emit.tool_call : thought ? g->emit.reasoning : g->emit.delta;
    if (emit) {
        g->began = true;
        emit(g->arg, text);
    }
    if (!g->provider || !g->gateway)
        return;
    if (call ? llama_raw_call(&g->raw, text, &b) : llama_raw_text(&g->raw, text, thought, &b))
        emit_raw(g, &b);
}

static void ended(struct writing *g, const struct gen_end *at) LOOP
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct gen_end end = *at;
    for (unsigned n = 0;
         g->gateway && end.code == GEN_OK && g->provider && llama_raw_end(&g->raw, n, &end, &b); n++)
        emit_raw(g, &b);
    if (g->provider)
        finish(g, &end);
}

static void on_total(struct timer *timer);

static void take(struct writing *g, struct llama_event *event) LOOP
{
    g->busy++;
    if (event->kind == LLAMA_BEGUN)
        timer_arm(&g->timer, g->provider->total_ms, on_total);
    else if (event->kind == LLAMA_END)
        ended(g, &event->end);
    else
        piece(g, event);
    g->busy--;
    free(event);
}

static void on_event(struct llama_wait *wait, struct llama_event *event)
{
    on_loop();
    struct writing *g = CONTAINER(wait, struct writing, wait);
    if (g->paused || g->held) {
        event->next = NULL;
        *g->held_tail = event;
        g->held_tail = &event->next;
        return;
    }
    take(g, event);
    release_if_over(g);
}

static void on_total(struct timer *timer)
{
    on_loop();
    struct writing *g = CONTAINER(timer, struct writing, timer);
    struct gen_end end;
    if (g->held && !g->paused) { /* what was held back */
        g->busy++;
        while (g->held && !g->paused && g->provider) {
            struct llama_event *event = g->held;
            g->held = event->next;
            if (!g->held)
                g->held_tail = &g->held;
            take(g, event);
        }
        g->busy--;
        if (g->provider && !g->paused)
            timer_arm(&g->timer, g->provider->total_ms, on_total);
        release_if_over(g);
        return;
    }
    gen_end_fail(&end, GEN_TIMEOUT_TOTAL,
                 "The model on this machine did not finish its answer within %llu s.",
                 (unsigned long long)(g->provider->total_ms / 1000));
    end.flags = GEN_FALLBACK;
    take_back(g);
    finish(g, &end);
    release_if_over(g);
}

/* ---- the driver's table */

static uint64_t local_start(struct provider *base, const struct gen_request *request,
                            const struct gen_emit *emit, void *arg, struct gen_end *end)
{
    on_loop();
    struct local *p = CONTAINER(base, struct local, base);
    CLEANUP_BUF struct buf frame = BUF_MAX(BODY_BYTES);
    struct error e = {0};
    uint64_t id = gen_id_new();
    struct writing *g = heap_alloc(sizeof *g);
    g->gateway = request->raw_body.n > 0;
    enum err err = g->gateway ? llama_raw_init(&g->raw, request->raw_body, &e) : ERR_OK;
    if (!err)
        err = write_request(&frame, id, request, &e);
    if (!err)
        err = buf_check(&frame, "The prompt", &e);
    if (err || !llama_shared()) {
        gen_end_fail(end, err ? GEN_REFUSED : GEN_UNAVAILABLE, "%s",
                     err ? e.message : "Models on this machine need the running server.");
        end->flags &= GEN_FALLBACK;
        release_if_over(g);
        return 0;
    }
    g->wait.id = id;
    g->wait.event = on_event;
    g->provider = p;
    g->emit = *emit;
    g->arg = arg;
    g->held_tail = &g->held;
    g->next = p->list;
    p->list = g;
    llama_wait_add(&g->wait);
    llama_ask(llama_shared(), id, request->model, buf_str(&frame));
    return id;
}

static struct writing *writing_of(struct local *p, uint64_t id)
{
    struct writing *g = p->list;
    while (g && g->wait.id != id)
        g = g->next;
    return g;
}

static void local_cancel(struct provider *base, uint64_t id)
{
    on_loop();
    struct writing *g = writing_of(CONTAINER(base, struct local, base), id);
    if (!g)
        return;
    take_back(g);
    silence(g);
    release_if_over(g);
}

static void local_pause(struct provider *base, uint64_t id, bool paused)
{
    on_loop();
    struct writing *g = writing_of(CONTAINER(base, struct local, base), id);
    if (!g || g->paused == paused)
        return;
    g->paused = paused;
    if (!paused && g->held)
        timer_arm(&g->timer, 0, on_total);
}

static void local_close(struct provider *base)
{
    on_loop();
    struct local *p = CONTAINER(base, struct local, base);
    for (struct writing *g = p->list, *next; g; g = next) {
        next = g->next;
        take_back(g);
        silence(g);
        release_if_over(g);
    }
    free(p);
}

static enum err local_open(struct loop *loop, const struct config_provider *config, struct provider **out,
                           struct error *e)
{
    struct local *p = heap_alloc(sizeof *p);
    (void)e;
    p->base = (struct provider){&llama_driver, loop};
    p->total_ms = config->total_timeout;
    *out = &p->base;
    return ERR_OK;
}

const struct provider_driver llama_driver = {
    .name = "llama",
    .open = local_open,
    .start = local_start,
    .cancel = local_cancel,
    .pause = local_pause,
    .close = local_close,
};
