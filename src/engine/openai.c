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
 *
 * Ownership: a generation belongs to its provider's list until it ends. Callbacks may cancel or close from
 * inside, so `busy` keeps the memory until they have returned, and `over` stops what would follow.
 */
#include "engine/drivers.h"
#include "engine/openai_inner.h"
#include "engine/sse.h"
#include "loop/fetch.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX = 64 << 20,    /* of a request */
    WHOLE_MAX = 16 << 20,   /* of an answer that is one document */
    REFUSAL_MAX = 64 << 10, /* of an error's body that is looked at */
    BACKOFF_MS = 500,
    BACKOFF_MAX_MS = 8000,
    HEADERS_MAX = 16,
};

struct generation {
    struct generation *next, **link; /* link NULL: in no list */
    struct openai *provider;         /* gone once `over` */
    uint64_t id, fetch;
    struct gen_emit emit;
    void *arg;
    char *body, *model;
    size_t body_n;
    bool stream, pass_through;

    unsigned attempt;
    uint64_t started_us, attempt_us, last_us; /* the whole; this attempt; the last output */
    bool began, paused, over, done;           /* output seen; [DONE] seen */
    unsigned busy;
    struct timer timer;
    struct sse sse;
    struct buf whole;
    struct buf held; /* pass-through: documents (a size_t, then the bytes) from before the first output */
    enum { FORM_UNKNOWN, FORM_STREAM, FORM_WHOLE } form;
    int status;
    int64_t retry_after_ms;
    char should_retry[8];
    struct answer answer;
};

struct openai {
    struct provider base;
    char *url, *key, *bearer;
    char **header_lines;
    size_t header_count;
    char endpoint[FETCH_ENDPOINT_TEXT];
    bool own_host; /* OpenAI's */
    uint64_t connect_ms, first_ms, gap_ms, total_ms;
    unsigned retries;
    bool lenient_end;
    struct generation *list;
};

static void attempt(struct generation *g) LOOP;

/* Life and end. */

static void unlink_generation(struct generation *g)
{
    if (!g->link)
        return;
    *g->link = g->next;
    if (g->next)
        g->next->link = g->link;
    g->link = NULL;
}

static void release_if_over(struct generation *g) LOOP
{
    if (!g->over || g->busy)
        return;
    timer_close(&g->timer);
    sse_release(&g->sse);
    buf_release(&g->whole);
    buf_release(&g->held);
    free(g->body);
    free(g->model);
    free(g);
}

/* Nothing is emitted any more; the memory goes when no callback is running. */
static void silence(struct generation *g) LOOP
{
    if (g->fetch)
        fetch_cancel(g->fetch);
    g->fetch = 0;
    timer_cancel(&g->timer);
    unlink_generation(g);
    g->over = true;
}

static void finish(struct generation *g, struct gen_end *end) LOOP
{
    struct gen_emit emit = g->emit;
    void *arg = g->arg;
    end->began = g->began;
    end->usage = g->answer.usage;
    if (end->http_status == 0)
        end->http_status = g->status;
    silence(g);
    g->busy++; /* end->raw_error may lie in the generation */
    emit.end(arg, end);
    g->busy--;
    release_if_over(g);
}

static uint64_t backoff_ms(unsigned attempts)
{
    uint64_t ms = (uint64_t)BACKOFF_MS << (attempts < 8 ? attempts : 8);
    ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
    return (uint64_t)((double)ms * (1 - 0.25 * random_unit())); /* so that many do not come back as one */
}

static void on_retry(struct timer *timer)
{
    on_loop();
    attempt(CONTAINER(timer, struct generation, timer));
}

/* A failed attempt: again, or the end. */
static void fail(struct generation *g, struct gen_end *end) LOOP
{
    struct openai *p = g->provider;
    bool again = !g->began && (end->flags & GEN_RETRY) && g->attempt <= p->retries;
    uint64_t wait = end->retry_after_ms >= 0 ? (uint64_t)end->retry_after_ms : backoff_ms(g->attempt - 1);
    uint64_t spent = (clock_mono_us() - g->started_us) / 1000;
    if (again && wait <= BACKOFF_MAX_MS && spent + wait < p->total_ms) {
        if (g->fetch)
            fetch_cancel(g->fetch);
        g->fetch = 0;
        timer_arm(&g->timer, wait, on_retry);
        return;
    }
    finish(g, end);
}

static void fail_answer(struct generation *g) LOOP
{
    struct gen_end end = g->answer.end;
    fail(g, &end);
}

/* Timeouts. */

static uint64_t due_us(const struct generation *g, enum gen_code *why)
{
    const struct openai *p = g->provider;
    uint64_t due = g->started_us + p->total_ms * 1000;
    *why = GEN_TIMEOUT_TOTAL;
    uint64_t next = g->began ? g->last_us + p->gap_ms * 1000 : g->attempt_us + p->first_ms * 1000;
    if (next < due && !g->paused) {
        due = next;
        *why = g->began ? GEN_TIMEOUT_STREAM : GEN_TIMEOUT_FIRST_TOKEN;
    }
    return due;
}

static void time_out(struct generation *g, enum gen_code why) LOOP
{
    const struct openai *p = g->provider;
    struct gen_end end;
    if (why == GEN_TIMEOUT_FIRST_TOKEN)
        gen_end_fail(
            &end, why,
            "The endpoint at %s did not begin its answer within %llu s. If it still loads its model, try "
            "again, or raise first_token_timeout.",
            p->endpoint, (unsigned long long)(p->first_ms / 1000));
    else if (why == GEN_TIMEOUT_STREAM)
        gen_end_fail(&end, why, "The endpoint at %s fell silent for %llu s in the middle of its answer.",
                     p->endpoint, (unsigned long long)(p->gap_ms / 1000));
    else
        gen_end_fail(&end, why, "The endpoint at %s did not finish its answer within %llu s.", p->endpoint,
                     (unsigned long long)(p->total_ms / 1000));
    fail(g, &end);
}

static void on_due(struct timer *timer)
{
    on_loop();
    struct generation *g = CONTAINER(timer, struct generation, timer);
    enum gen_code why;
    uint64_t due = due_us(g, &why), now = clock_mono_us();
    if (due > now)
        timer_arm(&g->timer, (due - now + 999) / 1000, on_due);
    else
        time_out(g, why);
}

static void watch_time(struct generation *g) LOOP
{
    enum gen_code why;
    uint64_t due = due_us(g, &why), now = clock_mono_us();
    timer_arm(&g->timer, due > now ? (due - now + 999) / 1000 : 0, on_due);
}

/* Output. The limit in force changes at the first one only; later ones just move last_us. */
static void progress(struct generation *g) LOOP
{
    bool first = !g->began;
    g->began = true;
    g->last_us = clock_mono_us();
    if (first)
        watch_time(g);
}

static void sink_text(void *arg, struct str text)
{
    on_loop();
    struct generation *g = arg;
    if (g->over)
        return;
    progress(g);
    if (g->emit.delta)
        g->emit.delta(g->arg, text);
}

static void sink_reasoning(void *arg, struct str text)
{
    on_loop();
    struct generation *g = arg;
    if (g->over)
        return;
    progress(g);
    if (g->emit.reasoning)
        g->emit.reasoning(g->arg, text);
}

static void sink_tool_call(void *arg, struct str json)
{
    on_loop();
    struct generation *g = arg;
    if (g->over)
        return;
    progress(g);
    if (g->emit.tool_call)
        g->emit.tool_call(g->arg, json);
}

static void emit_raw(struct generation *g, struct str text) LOOP
{
    if (g->emit.raw && !g->over)
        g->emit.raw(g->arg, text);
}

/* Pass-through: documents without output (a role, say) wait for the first that has some, so that until then
 * another attempt, or another engine, can still take over. */
static void pass(struct generation *g, struct str text) LOOP
{
    if (!g->began && !g->answer.finished) {
        buf_add(&g->held, str_of((const char *)&text.n, sizeof text.n));
        buf_add(&g->held, text);
        return;
    }
    progress(g);
    for (struct str held = buf_str(&g->held); held.n;) {
        size_t n;
        memcpy(&n, held.p, sizeof n);
        emit_raw(g, str_sub(held, sizeof n, n));
        held = str_from(held, sizeof n + n);
    }
    buf_clear(&g->held);
    emit_raw(g, text);
}

static void read_document(struct generation *g, struct str event, struct str text) LOOP
{
    const struct answer_sink sink = {sink_text, sink_reasoning, sink_tool_call, g};
    answer_read(&g->answer, event, text, &sink);
    if (!g->over && !g->answer.failed && g->pass_through)
        pass(g, text);
}

static bool on_event(void *arg, struct str name, struct str data)
{
    on_loop();
    struct generation *g = arg;
    if (g->done)
        return false;
    if (str_eq(str_trim(data), STR("[DONE]")))
        g->done = true;
    else
        read_document(g, name, data);
    return !g->over && !g->done && !g->answer.failed;
}

/* The transfer. */

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct generation *g = arg;
    g->status = head->status;
    g->retry_after_ms = retry_after(fetch_head_get(head, "retry-after-ms"),
                                    fetch_head_get(head, "retry-after"), clock_wall_ms());
    str_copy(g->should_retry, sizeof g->should_retry, fetch_head_get(head, "x-should-retry"));
    struct str type = fetch_head_get(head, "content-type");
    if (head->status != 200)
        g->form = FORM_WHOLE;
    else if (str_starts(type, STR("text/event-stream")))
        g->form = FORM_STREAM;
    else if (str_starts(type, STR("application/json")))
        g->form = FORM_WHOLE;
    if (g->form == FORM_WHOLE)
        g->whole = BUF_MAX(head->status == 200 ? WHOLE_MAX : REFUSAL_MAX);
}

/* A server that does not say what it sends: a document begins with a brace, a stream with a field. */
static void guess_form(struct generation *g, struct str bytes)
{
    struct str text = str_trim(bytes);
    if (text.n == 0)
        return;
    g->form = text.p[0] == '{' || text.p[0] == '<' ? FORM_WHOLE : FORM_STREAM;
    if (g->form == FORM_WHOLE)
        g->whole = BUF_MAX(WHOLE_MAX);
}

static void end_stream(struct generation *g) LOOP;

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct generation *g = arg;
    if (g->form == FORM_UNKNOWN)
        guess_form(g, bytes);
    if (g->form == FORM_WHOLE)
        buf_add(&g->whole, bytes);
    if (g->form != FORM_STREAM)
        return;
    g->busy++;
    enum err err = sse_feed(&g->sse, bytes);
    g->busy--;
    if (g->over) {
        release_if_over(g);
    } else if (err == ERR_TOO_BIG) {
        struct gen_end end;
        gen_end_fail(&end, GEN_MALFORMED, "The endpoint at %s sent a line of more than %d bytes.",
                     g->provider->endpoint, SSE_LINE_MAX);
        fail(g, &end);
    } else if (g->answer.failed) {
        fail_answer(g);
    } else if (g->done) {
        end_stream(g);
    }
}

static void succeed(struct generation *g) LOOP
{
    struct gen_end end = {.code = GEN_OK, .finish = g->answer.finish, .retry_after_ms = -1};
    finish(g, &end);
}

/* [DONE], or the connection's end. */
static void end_stream(struct generation *g) LOOP
{
    const struct openai *p = g->provider;
    struct gen_end end;
    if (g->answer.finished && (g->done || p->lenient_end)) {
        succeed(g);
        return;
    }
    if (!g->done)
        gen_end_fail(&end, GEN_CUT, "The endpoint at %s closed the connection in the middle of its answer.",
                     p->endpoint);
    else if (!g->began)
        gen_end_fail(
            &end, GEN_MALFORMED,
            "The endpoint at %s ended its answer without a word. The conversation may be longer than "
            "the context its model was loaded with.",
            p->endpoint);
    else
        gen_end_fail(&end, GEN_CUT,
                     "The endpoint at %s ended its answer without saying that it was finished.", p->endpoint);
    fail(g, &end);
}

static void end_whole(struct generation *g) LOOP
{
    struct gen_end end;
    g->answer.whole = true;
    g->busy++;
    if (g->whole.overflow)
        gen_end_fail(&g->answer.end, GEN_MALFORMED, "The endpoint at %s sent more than %d bytes.",
                     g->provider->endpoint, WHOLE_MAX);
    else
        read_document(g, STR_NONE, str_trim(buf_str(&g->whole)));
    g->busy--;
    if (g->over) {
        release_if_over(g);
    } else if (g->answer.failed || g->whole.overflow) {
        fail_answer(g);
    } else if (g->answer.finished) {
        succeed(g);
    } else {
        gen_end_fail(&end, GEN_CUT,
                     "The endpoint at %s ended its answer without saying that it was finished.",
                     g->provider->endpoint);
        fail(g, &end);
    }
}

static void end_refused(struct generation *g) LOOP
{
    answer_refused(&g->answer, g->status, buf_str(&g->whole), g->retry_after_ms, str_c(g->should_retry));
    struct gen_end end = g->answer.end;
    if (g->pass_through)
        end.raw_error = buf_str(&g->whole);
    fail(g, &end);
}

static void end_broken(struct generation *g, const struct fetch_end *at) LOOP
{
    static const enum gen_code codes[] = {
        [FETCH_NO_HOST] = GEN_UNAVAILABLE,
        [FETCH_NO_CONNECT] = GEN_UNAVAILABLE,
        [FETCH_TLS] = GEN_UNAVAILABLE,
        [FETCH_TIMEOUT_CONNECT] = GEN_UNAVAILABLE,
        [FETCH_TIMEOUT_FIRST_BYTE] = GEN_TIMEOUT_FIRST_TOKEN,
        [FETCH_TIMEOUT_IDLE] = GEN_TIMEOUT_STREAM,
        [FETCH_TIMEOUT_TOTAL] = GEN_TIMEOUT_TOTAL,
        [FETCH_CUT] = GEN_CUT,
        [FETCH_GARBAGE] = GEN_MALFORMED,
        [FETCH_TOO_BIG] = GEN_MALFORMED,
        [FETCH_FAILED] = GEN_UNAVAILABLE,
    };
    struct gen_end end;
    gen_end_fail(&end, codes[at->result], "%s", at->error.message);
    /* Who cannot be reached at all is not reached half a second later either: leave it to a fallback. */
    if (at->result != FETCH_CUT)
        end.flags &= ~(unsigned)GEN_RETRY;
    fail(g, &end);
}

static void on_end(void *arg, const struct fetch_end *at)
{
    on_loop();
    struct generation *g = arg;
    g->fetch = 0;
    bool stream = g->status == 200 && g->form != FORM_WHOLE;
    if (g->status && g->status != 200 && (at->result == FETCH_DONE || g->whole.n))
        end_refused(g);
    else if (at->result != FETCH_DONE && !(stream && at->result == FETCH_CUT && g->answer.finished))
        end_broken(g, at);
    else if (!stream)
        end_whole(g);
    else if (sse_pending(&g->sse).n && str_starts(str_trim(sse_pending(&g->sse)), STR("{"))) {
        /* An error without framing: what is left over is a document. */
        g->busy++;
        read_document(g, STR_NONE, str_trim(sse_pending(&g->sse)));
        g->busy--;
        if (g->over)
            release_if_over(g);
        else if (g->answer.failed)
            fail_answer(g);
        else
            end_stream(g);
    } else
        end_stream(g);
}

static const struct fetch_events transfer_events = {on_head, on_data, on_end};

static void reset_answer(struct generation *g)
{
    struct openai *p = g->provider;
    sse_release(&g->sse);
    sse_init(&g->sse, on_event, g);
    buf_release(&g->whole);
    buf_clear(&g->held);
    g->whole = BUF_MAX(WHOLE_MAX);
    g->form = FORM_UNKNOWN;
    g->status = 0;
    g->retry_after_ms = -1;
    g->should_retry[0] = '\0';
    g->done = false;
    g->answer = (struct answer){.endpoint = p->endpoint, .model = str_c(g->model), .key = str_c(p->key)};
}

static uint64_t start_transfer(struct generation *g, struct error *e) LOOP
{
    struct openai *p = g->provider;
    struct fetch_header headers[HEADERS_MAX];
    size_t n = 0;
    headers[n++] = (struct fetch_header){STR("Content-Type"), STR("application/json")};
    headers[n++] = (struct fetch_header){STR("Accept"), g->stream ? STR("text/event-stream, application/json")
                                                                  : STR("application/json")};
    headers[n++] = (struct fetch_header){STR("User-Agent"), STR("eidolon/" EIDOLON_VERSION)};
    if (p->bearer)
        headers[n++] = (struct fetch_header){STR("Authorization"), str_c(p->bearer)};
    for (size_t i = 0; i < p->header_count && n < HEADERS_MAX; i++) {
        struct str value = str_c(p->header_lines[i]), name;
        if (str_cut(&value, ':', &name))
            headers[n++] = (struct fetch_header){str_trim(name), str_trim(value)};
    }
    const struct fetch_request request = {
        .method = STR("POST"),
        .url = str_c(p->url),
        .headers = headers,
        .header_count = n,
        .body = str_of(g->body, g->body_n),
        .connect_ms = p->connect_ms,
    };
    return fetch_start(p->base.loop, &request, &transfer_events, g, e);
}

static void attempt(struct generation *g)
{
    struct error e = {0};
    struct gen_end end;
    g->attempt++;
    g->attempt_us = clock_mono_us();
    reset_answer(g);
    g->fetch = start_transfer(g, &e);
    if (g->fetch) {
        if (g->paused)
            fetch_pause(g->fetch);
        watch_time(g);
        return;
    }
    gen_end_fail(&end, GEN_UNAVAILABLE, "%s", e.message);
    finish(g, &end);
}

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
    reset_answer(g);
    g->fetch = start_transfer(g, &e);
    if (!g->fetch) {
        gen_end_fail(end, GEN_UNAVAILABLE, "%s", e.message);
        g->over = true;
        release_if_over(g);
        return 0;
    }
    g->next = p->list;
    g->link = &p->list;
    if (g->next)
        g->next->link = &g->next;
    p->list = g;
    watch_time(g);
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
    silence(g);
    release_if_over(g);
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
    watch_time(g);
}

static void openai_close(struct provider *base)
{
    on_loop();
    struct openai *p = CONTAINER(base, struct openai, base);
    while (p->list) {
        struct generation *g = p->list;
        silence(g);
        release_if_over(g);
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
