/* A generation of the realtime driver: attempts, timeouts, output, end; see realtime_inner.h. */
#include "engine/realtime_inner.h"

#include "base/base64.h"
#include "base/clock.h"
#include "loop/peer.h"

#include <stdlib.h>

enum { BACKOFF_MS = 500, BACKOFF_MAX_MS = 8000 };

static void on_timer(struct timer *timer);

/* ---- life and end ---- */

void rt_gen_release(struct rt_gen *g)
{
    if (!g->over || g->busy)
        return;
    timer_close(&g->timer);
    buf_release(&g->text);
    arena_release(&g->arena);
    free(g);
}

void rt_gen_silence(struct rt_gen *g)
{
    timer_cancel(&g->timer);
    if (g->link) {
        *g->link = g->next;
        if (g->next)
            g->next->link = g->link;
    }
    g->link = NULL;
    g->over = true;
}

static void finish(struct rt_gen *g, struct gen_end *end, bool keep) LOOP
{
    rt_session_leave(g, keep);
    end->began = g->began;
    end->usage = g->answer.usage;
    rt_gen_silence(g);
    g->busy++; /* end->raw_error may lie in the event's arena, which outlives this */
    g->emit.end(g->arg, end);
    g->busy--;
    rt_gen_release(g);
}

static uint64_t backoff_ms(unsigned attempts)
{
    uint64_t ms = (uint64_t)BACKOFF_MS << (attempts < 8 ? attempts : 8);
    ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
    return (uint64_t)((double)ms * (1 - 0.25 * random_unit()));
}

void rt_gen_attempt(struct rt_gen *g)
{
    g->warm = g->answer.failed = false;
    g->attempt_us = clock_mono_us();
    rt_gen_watch(g);
    rt_session_take(g);
}

void rt_gen_fail(struct rt_gen *g, struct gen_end *end)
{
    struct realtime *p = g->provider;
    uint64_t spent = (clock_mono_us() - g->started_us) / 1000;
    uint64_t wait = end->retry_after_ms >= 0 ? (uint64_t)end->retry_after_ms : backoff_ms(g->attempt - 1);
    bool again = !g->began && (end->flags & GEN_RETRY) && g->attempt <= p->retries;
    if (!again || wait > BACKOFF_MAX_MS || spent + wait >= p->total_ms) {
        finish(g, end, false);
        return;
    }
    rt_session_leave(g, false);
    g->attempt++;
    g->retrying = true;
    timer_arm(&g->timer, wait, on_timer);
}

/* A session that was warm and turns out to be dead costs its turn nothing but time. */
static bool replace_session(struct rt_gen *g) LOOP
{
    if (!g->warm || g->reopened || g->began)
        return false;
    g->reopened = true;
    rt_session_leave(g, false);
    rt_gen_attempt(g);
    return true;
}

/* ---- failures in words ---- */

static void explain(struct rt_gen *g, int status, struct str body, int64_t retry_after_ms)
{
    answer_refused(&g->answer, status, body, retry_after_ms, STR_NONE);
}

/* An error object, of an event or of a response that failed: what HTTP status would have said the same. */
static int status_of(const struct rt_event *event)
{
    static const struct {
        struct str word;
        int status;
    } words[] = {
        {STR_INIT("insufficient_quota"), 402},
        {STR_INIT("rate_limit_exceeded"), 429},
        {STR_INIT("tokens"), 429},
        {STR_INIT("requests"), 429},
        {STR_INIT("invalid_api_key"), 401},
        {STR_INIT("authentication_error"), 401},
        {STR_INIT("permission_error"), 403},
        {STR_INIT("model_not_found"), 404},
        {STR_INIT("overloaded"), 503},
        {STR_INIT("server_overloaded"), 503},
        {STR_INIT("invalid_request_error"), 400},
        {STR_INIT("server_error"), 500},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_eq(event->error_code, words[i].word) || str_eq(event->error_type, words[i].word))
            return words[i].status;
    }
    return 500;
}

static void fail_event(struct rt_gen *g, const struct rt_event *event) LOOP
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    buf_add(&body, STR("{\"error\":"));
    buf_add(&body, event->error.n ? event->error : STR("{\"message\":\"no reason was given\"}"));
    buf_add(&body, STR("}"));
    explain(g, status_of(event), buf_str(&body), -1);
    struct gen_end end = g->answer.end;
    end.http_status = 0;
    if (str_eq(event->error_code, STR("session_expired")) && replace_session(g))
        return;
    rt_gen_fail(g, &end);
}

void rt_gen_malformed(struct rt_gen *g)
{
    struct gen_end end;
    gen_end_fail(&end, GEN_MALFORMED,
                 "The endpoint at %s sent something that is no event of the Realtime API. Check base_url in "
                 "Settings → Engines.",
                 g->provider->endpoint);
    rt_gen_fail(g, &end);
}

static int64_t asked_wait(const struct ws_client_end *end)
{
    struct str ms = STR_NONE, after = STR_NONE;
    for (size_t i = 0; i < end->header_count; i++) {
        if (str_ieq(end->headers[i].name, STR("retry-after-ms")))
            ms = end->headers[i].value;
        else if (str_ieq(end->headers[i].name, STR("retry-after")))
            after = end->headers[i].value;
    }
    return peer_retry_after(ms, after, clock_wall_ms());
}

void rt_gen_lost(struct rt_gen *g, const struct ws_client_end *end)
{
    struct gen_end fail;
    if (end->opened && replace_session(g))
        return;
    switch (end->result) {
    case WS_CLIENT_REFUSED:
        explain(g, end->status == 200 ? 404 : end->status, end->body, asked_wait(end));
        fail = g->answer.end;
        fail.http_status = end->status;
        fail.raw_error = end->body;
        break;
    case WS_CLIENT_GARBAGE:
    case WS_CLIENT_PROTOCOL:
    case WS_CLIENT_TOO_BIG:
        gen_end_fail(&fail, GEN_MALFORMED, "%s Check base_url in Settings → Engines.", end->error.message);
        break;
    case WS_CLIENT_TIMEOUT:
        gen_end_fail(&fail, GEN_TIMEOUT_FIRST_TOKEN, "%s", end->error.message);
        break;
    case WS_CLIENT_NO_HOST:
    case WS_CLIENT_NO_CONNECT:
    case WS_CLIENT_TLS:
        gen_end_fail(&fail, GEN_UNAVAILABLE, "%s", end->error.message);
        break;
    default:
        gen_end_fail(&fail, GEN_CUT,
                     "The endpoint at %s ended the session before its answer was complete%s%s",
                     g->provider->endpoint, end->error.message[0] ? ": " : ".", end->error.message);
        break;
    }
    rt_gen_fail(g, &fail);
}

/* ---- time ---- */

static uint64_t due_us(const struct rt_gen *g, enum gen_code *why)
{
    const struct realtime *p = g->provider;
    uint64_t due = g->started_us + p->total_ms * 1000;
    uint64_t next = g->began ? g->last_us + p->gap_ms * 1000 : g->attempt_us + p->first_ms * 1000;
    *why = GEN_TIMEOUT_TOTAL;
    if (next < due && !g->paused) {
        due = next;
        *why = g->began ? GEN_TIMEOUT_STREAM : GEN_TIMEOUT_FIRST_TOKEN;
    }
    return due;
}

static void time_out(struct rt_gen *g, enum gen_code why) LOOP
{
    const struct realtime *p = g->provider;
    struct gen_end end;
    if (why == GEN_TIMEOUT_FIRST_TOKEN && replace_session(g))
        return;
    if (why == GEN_TIMEOUT_FIRST_TOKEN)
        gen_end_fail(&end, why, "The endpoint at %s did not begin its answer within %llu s.", p->endpoint,
                     (unsigned long long)(p->first_ms / 1000));
    else if (why == GEN_TIMEOUT_STREAM)
        gen_end_fail(&end, why, "The endpoint at %s fell silent for %llu s in the middle of its answer.",
                     p->endpoint, (unsigned long long)(p->gap_ms / 1000));
    else
        gen_end_fail(&end, why, "The endpoint at %s did not finish its answer within %llu s.", p->endpoint,
                     (unsigned long long)(p->total_ms / 1000));
    rt_gen_fail(g, &end);
}

static void on_timer(struct timer *timer)
{
    on_loop();
    struct rt_gen *g = CONTAINER(timer, struct rt_gen, timer);
    enum gen_code why;
    if (g->answer.failed && !g->session && !g->retrying) { /* it could not even begin */
        struct gen_end end = g->answer.end;
        rt_gen_fail(g, &end);
        return;
    }
    if (g->retrying) {
        g->retrying = false;
        rt_gen_attempt(g);
        return;
    }
    uint64_t due = due_us(g, &why), now = clock_mono_us();
    if (due > now)
        timer_arm(&g->timer, (due - now + 999) / 1000, on_timer);
    else
        time_out(g, why);
}

void rt_gen_watch(struct rt_gen *g)
{
    enum gen_code why;
    uint64_t due = due_us(g, &why), now = clock_mono_us();
    timer_arm(&g->timer, due > now ? (due - now + 999) / 1000 : 0, on_timer);
}

void rt_gen_stillborn(struct rt_gen *g, const struct error *e)
{
    gen_end_fail(&g->answer.end, GEN_UNAVAILABLE, "%s", e->message);
    g->answer.end.flags = GEN_FALLBACK;
    g->answer.failed = true;
    timer_arm(&g->timer, 0, on_timer);
}

/* ---- output ---- */

static void progress(struct rt_gen *g) LOOP
{
    bool first = !g->began;
    g->began = true;
    g->last_us = clock_mono_us();
    if (first)
        rt_gen_watch(g);
}

/* Before the first text: this answer brings its own sound. */
static void announce(struct rt_gen *g) LOOP
{
    const struct gen_sound none = {.rate = REALTIME_RATE};
    if (g->announced || !g->sound)
        return;
    g->announced = true;
    g->emit.sound(g->arg, &none);
}

static void say(struct rt_gen *g, struct str text) LOOP
{
    if (!text.n)
        return;
    progress(g);
    announce(g);
    if (g->over)
        return;
    buf_add(&g->text, text);
    if (g->emit.delta)
        g->emit.delta(g->arg, text);
}

/* A piece may end in the middle of a sample; its other half comes with the next. */
static void sound(struct rt_gen *g, struct str base64) LOOP
{
    struct arena a = ARENA_INIT;
    struct str bytes;
    if (!base64_decode(&a, base64, &bytes)) {
        arena_release(&a);
        rt_gen_malformed(g);
        return;
    }
    progress(g);
    announce(g);
    size_t total = bytes.n + (g->has_odd ? 1 : 0);
    int16_t *samples = arena_array(&a, int16_t, total / 2 + 1);
    char *to = (char *)samples;
    if (g->has_odd)
        *to++ = g->odd;
    if (bytes.n)
        memcpy(to, bytes.p, bytes.n);
    g->has_odd = total % 2;
    if (g->has_odd)
        g->odd = bytes.p[bytes.n - 1];
    const struct gen_sound piece = {samples, total / 2, REALTIME_RATE};
    g->samples += piece.count;
    if (!g->over && g->sound && piece.count)
        g->emit.sound(g->arg, &piece);
    arena_release(&a);
}

static void call_tool(struct rt_gen *g, const struct rt_event *event) LOOP
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct jw w = JW(&json);
    jw_object(&w);
    jw_kv_u64(&w, "index", g->calls++);
    jw_kv_string(&w, "id", event->call_id);
    jw_kv_string(&w, "type", STR("function"));
    jw_key(&w, STR("function"));
    jw_object(&w);
    jw_kv_string(&w, "name", event->name);
    jw_kv_string(&w, "arguments", event->text);
    jw_end_object(&w);
    jw_end_object(&w);
    progress(g);
    if (g->session && g->session->key.n) {
        struct rt_item item = {
            .kind = RT_ITEM_CALL, .role = GEN_ASSISTANT, .text = event->text, .call_id = event->call_id};
        str_copy(item.id, sizeof item.id, event->item_id);
        rt_item_keep(g->session, &item);
    }
    if (g->emit.tool_call)
        g->emit.tool_call(g->arg, buf_str(&json));
}

static void done(struct rt_gen *g, const struct rt_event *event) LOOP
{
    struct gen_end end = {.code = GEN_OK, .finish = GEN_STOP, .retry_after_ms = -1};
    g->answer.usage = event->usage;
    if (str_eq(event->status, STR("failed"))) {
        fail_event(g, event);
        return;
    }
    if (!g->text.n && event->text.n)
        say(g, event->text);
    if (g->over)
        return;
    if (str_eq(event->status, STR("cancelled"))) {
        gen_end_fail(&end, GEN_CUT, "The endpoint at %s broke off its answer (%.*s).", g->provider->endpoint,
                     STR_ARG(event->reason.n ? str_sub(event->reason, 0, 80) : STR("no reason was given")));
        rt_gen_fail(g, &end);
        return;
    }
    if (str_eq(event->status, STR("incomplete")))
        end.finish = str_eq(event->reason, STR("content_filter")) ? GEN_CONTENT_FILTER : GEN_LENGTH;
    else if (g->calls)
        end.finish = GEN_TOOL_CALLS;
    finish(g, &end, true);
}

void rt_gen_event(struct rt_gen *g, const struct rt_event *event)
{
    g->busy++;
    switch (event->kind) {
    case RT_TEXT:
        say(g, event->text);
        break;
    case RT_SOUND:
        sound(g, event->sound);
        break;
    case RT_CALL:
        call_tool(g, event);
        break;
    case RT_HEARD:
        if (g->emit.heard && event->text.n)
            g->emit.heard(g->arg, event->text);
        break;
    case RT_DONE:
        done(g, event);
        break;
    case RT_ERROR:
        fail_event(g, event);
        break;
    default:
        break;
    }
    g->busy--;
    rt_gen_release(g);
}
