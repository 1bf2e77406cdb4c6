/*
 * What a transfer brings: head, bytes, end; turned into documents, and those into what is emitted. See
 * openai.c for the rules.
 */
#include "engine/openai_inner.h"
#include "loop/peer.h"

#include "base/clock.h"

/* Output. The limit in force changes at the first one only; later ones just move last_us. */
static void progress(struct generation *g) LOOP
{
    bool first = !g->began;
    g->began = true;
    g->last_us = clock_mono_us();
    if (first)
        run_watch_time(g);
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

static void fail_answer(struct generation *g) LOOP
{
    struct gen_end end = g->answer.end;
    run_fail(g, &end);
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
    g->retry_after_ms = peer_retry_after(fetch_head_get(head, "retry-after-ms"),
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
        g->whole = BUF_MAX(head->status == 200 ? OPENAI_WHOLE_MAX : OPENAI_REFUSAL_MAX);
}

/* A server that does not say what it sends: a document begins with a brace, a stream with a field. */
static void guess_form(struct generation *g, struct str bytes)
{
    struct str text = str_trim(bytes);
    if (text.n == 0)
        return;
    g->form = text.p[0] == '{' || text.p[0] == '<' ? FORM_WHOLE : FORM_STREAM;
    if (g->form == FORM_WHOLE)
        g->whole = BUF_MAX(OPENAI_WHOLE_MAX);
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
        run_release_if_over(g);
    } else if (err == ERR_TOO_BIG) {
        struct gen_end end;
        gen_end_fail(&end, GEN_MALFORMED, "The endpoint at %s sent a line of more than %d bytes.",
                     g->provider->endpoint, SSE_LINE_MAX);
        run_fail(g, &end);
    } else if (g->answer.failed) {
        fail_answer(g);
    } else if (g->done) {
        end_stream(g);
    }
}

static void succeed(struct generation *g) LOOP
{
    struct gen_end end = {.code = GEN_OK, .finish = g->answer.finish, .retry_after_ms = -1};
    run_finish(g, &end);
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
    run_fail(g, &end);
}

static void end_whole(struct generation *g) LOOP
{
    struct gen_end end;
    g->answer.whole = true;
    g->busy++;
    if (g->whole.overflow)
        gen_end_fail(&g->answer.end, GEN_MALFORMED, "The endpoint at %s sent more than %d bytes.",
                     g->provider->endpoint, OPENAI_WHOLE_MAX);
    else
        read_document(g, STR_NONE, str_trim(buf_str(&g->whole)));
    g->busy--;
    if (g->over) {
        run_release_if_over(g);
    } else if (g->answer.failed || g->whole.overflow) {
        fail_answer(g);
    } else if (g->answer.finished) {
        succeed(g);
    } else {
        gen_end_fail(&end, GEN_CUT,
                     "The endpoint at %s ended its answer without saying that it was finished.",
                     g->provider->endpoint);
        run_fail(g, &end);
    }
}

static void end_refused(struct generation *g) LOOP
{
    answer_refused(&g->answer, g->status, buf_str(&g->whole), g->retry_after_ms, str_c(g->should_retry));
    struct gen_end end = g->answer.end;
    if (g->pass_through)
        end.raw_error = buf_str(&g->whole);
    run_fail(g, &end);
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
        [FETCH_PRIVATE] = GEN_UNAVAILABLE,
        [FETCH_FAILED] = GEN_UNAVAILABLE,
    };
    struct gen_end end;
    gen_end_fail(&end, codes[at->result], "%s", at->error.message);
    /* Who cannot be reached at all is not reached half a second later either: leave it to a fallback. */
    if (at->result != FETCH_CUT)
        end.flags &= ~(unsigned)GEN_RETRY;
    run_fail(g, &end);
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
            run_release_if_over(g);
        else if (g->answer.failed)
            fail_answer(g);
        else
            end_stream(g);
    } else
        end_stream(g);
}

const struct fetch_events stream_events = {on_head, on_data, on_end};

void stream_reset(struct generation *g)
{
    struct openai *p = g->provider;
    sse_release(&g->sse);
    sse_init(&g->sse, on_event, g);
    buf_release(&g->whole);
    buf_clear(&g->held);
    g->whole = BUF_MAX(OPENAI_WHOLE_MAX);
    g->form = FORM_UNKNOWN;
    g->status = 0;
    g->retry_after_ms = -1;
    g->should_retry[0] = '\0';
    g->done = false;
    g->answer = (struct answer){.endpoint = p->endpoint, .model = str_c(g->model), .key = str_c(p->key)};
}
