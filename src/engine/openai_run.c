/*
 * A generation's attempts, timeouts and end; see openai.c for the rules and openai_inner.h for who owns what.
 */
#include "engine/openai_inner.h"

#include "base/clock.h"

#include <stdlib.h>

enum { BACKOFF_MS = 500, BACKOFF_MAX_MS = 8000, HEADERS_MAX = 16 };

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

void run_release_if_over(struct generation *g)
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
void run_silence(struct generation *g)
{
    if (g->fetch)
        fetch_cancel(g->fetch);
    g->fetch = 0;
    timer_cancel(&g->timer);
    unlink_generation(g);
    g->over = true;
}

void run_finish(struct generation *g, struct gen_end *end)
{
    struct gen_emit emit = g->emit;
    void *arg = g->arg;
    end->began = g->began;
    end->usage = g->answer.usage;
    if (end->http_status == 0)
        end->http_status = g->status;
    run_silence(g);
    g->busy++; /* end->raw_error may lie in the generation */
    emit.end(arg, end);
    g->busy--;
    run_release_if_over(g);
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
void run_fail(struct generation *g, struct gen_end *end)
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
    run_finish(g, end);
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
    run_fail(g, &end);
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

void run_watch_time(struct generation *g)
{
    enum gen_code why;
    uint64_t due = due_us(g, &why), now = clock_mono_us();
    timer_arm(&g->timer, due > now ? (due - now + 999) / 1000 : 0, on_due);
}

uint64_t run_transfer(struct generation *g, struct error *e)
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
    return fetch_start(p->base.loop, &request, &stream_events, g, e);
}

static void attempt(struct generation *g)
{
    struct error e = {0};
    struct gen_end end;
    g->attempt++;
    g->attempt_us = clock_mono_us();
    stream_reset(g);
    g->fetch = run_transfer(g, &e);
    if (g->fetch) {
        if (g->paused)
            fetch_pause(g->fetch);
        run_watch_time(g);
        return;
    }
    gen_end_fail(&end, GEN_UNAVAILABLE, "%s", e.message);
    run_finish(g, &end);
}
