/*
 * Answers in OpenAI's chat format, and what they mean when they are none; see openai_inner.h.
 *
 * The order matters: `error` is looked at before `choices`, because servers put errors into a 200 and into
 * the middle of a stream, as {"error":{"message",...}}, as {"error":"text"}, under an SSE event "error", or
 * (older vLLM) as {"object":"error","message":...}.
 */
#include "engine/openai_inner.h"

#include "base/utf8.h"
#include "loop/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MODEL = 80 };

static bool mentions(struct str text, const char *const *words, size_t count)
{
    char lower[1024];
    str_copy(lower, sizeof lower, text);
    for (size_t i = 0; i < count; i++) {
        if (strcasestr(lower, words[i]))
            return true;
    }
    return false;
}

static const char *const context_words[] = {
    "context_length",  "context length", "context window",     "context size",  "maximum context",
    "too many tokens", "exceed_context", "prompt is too long", "max_model_len", "n_ctx"};
static const char *const quota_words[] = {
    "insufficient_quota", "exceeded your current quota", "billing", "insufficient balance", "credit",
    "payment required"};
static const char *const filter_words[] = {"content_policy", "content_filter", "content management policy",
                                           "safety"};
static const char *const overload_words[] = {"overloaded", "queue is full", "server busy", "at capacity",
                                             "insufficient_system_resource"};
static const char *const rate_words[] = {"rate_limit", "rate limit", "too many requests"};
#define MENTIONS(text, words) mentions((text), (words), sizeof(words) / sizeof *(words))

/* The peer's error, taken apart: what it said, and all of it as text to look for words in. */
struct complaint {
    struct str message, all;
    int status;
};

static struct complaint read_complaint(const struct json *body, struct str text, int status)
{
    struct complaint c = {.all = text, .status = status};
    const struct json *error = json_get(body, "error");
    if (error && error->type == JSON_STRING)
        c.message = error->string;
    else if (error && error->type == JSON_OBJECT)
        c.message = json_get_str(error, "message", json_get_str(error, "code", STR_NONE));
    if (c.message.n == 0)
        c.message = json_get_str(body, "message", json_get_str(body, "detail", STR_NONE));
    if (c.message.n == 0 && !body)
        c.message = text;
    if (status == 200) { /* inside a stream: the status may be in the error */
        int64_t code = json_get_i64(error, "code", json_get_i64(error, "status", 0));
        code = code ? code : json_get_i64(body, "code", 0);
        c.status = code >= 400 && code <= 599 ? (int)code : 0;
    }
    return c;
}

static void explain_auth(struct answer *a, int status)
{
    gen_end_fail(&a->end, GEN_AUTH,
                 a->key.n
                     ? "The endpoint at %s answered %d: the API key was refused. Check the key in Settings "
                       "→ Engines."
                     : "The endpoint at %s answered %d: it wants an API key. Set one in Settings → Engines.",
                 a->endpoint, status);
}

static void explain(struct answer *a, const struct complaint *c)
{
    char said[PEER_QUOTE_TEXT];
    peer_quote(said, c->message, a->key);
    const char *at = a->endpoint, *dash = said[0] ? ": " : "";
    int status = c->status;
    if (status == 401 || status == 403) {
        explain_auth(a, status);
    } else if (status == 402 || MENTIONS(c->all, quota_words)) {
        gen_end_fail(&a->end, GEN_QUOTA,
                     "The account at %s is out of budget%s%s. Top it up there, or choose another engine in "
                     "Settings → Engines.",
                     at, dash, said);
    } else if (status == 413 || (status != 429 && MENTIONS(c->all, context_words))) {
        gen_end_fail(
            &a->end, GEN_CONTEXT_TOO_LONG,
            "The conversation is longer than the model '%.*s' at %s can read%s%s. Lower the engine's "
            "context_tokens, or load the model with a larger context.",
            STR_ARG(str_sub(a->model, 0, SHOWN_MODEL)), at, dash, said);
    } else if (status == 429 || MENTIONS(c->all, rate_words)) {
        gen_end_fail(
            &a->end, GEN_RATE_LIMIT,
            "The endpoint at %s allows no more requests for now%s%s. Wait a little, or add a fallback "
            "in Settings → Engines.",
            at, dash, said);
    } else if (status == 503 || status == 529 || status == 408 || status == 409 ||
               MENTIONS(c->all, overload_words)) {
        gen_end_fail(&a->end, GEN_OVERLOADED, "The endpoint at %s is overloaded%s%s. Try again in a moment.",
                     at, dash, said);
    } else if (MENTIONS(c->all, filter_words)) {
        gen_end_fail(&a->end, GEN_REFUSED, "The endpoint at %s refused this conversation%s%s. Rephrase it.",
                     at, dash, said);
    } else if (status == 404 || status == 405) {
        gen_end_fail(
            &a->end, GEN_UNAVAILABLE,
            "The endpoint at %s knows no model '%.*s' or no chat API (%d)%s%s. Check base_url and model "
            "in Settings → Engines.",
            at, STR_ARG(str_sub(a->model, 0, SHOWN_MODEL)), status, dash, said);
        a->end.flags = GEN_FALLBACK;
    } else if (status >= 300 && status < 400) {
        gen_end_fail(&a->end, GEN_MALFORMED,
                     "The endpoint at %s answered %d: it has moved. Correct base_url in Settings → Engines.",
                     at, status);
    } else if (status >= 400 && status < 500) {
        gen_end_fail(
            &a->end, GEN_REFUSED,
            "The endpoint at %s refused the request (%d)%s%s. Check the engine's model and sampling in "
            "Settings → Engines.",
            at, status, dash, said);
        a->end.flags = GEN_FALLBACK;
    } else {
        gen_end_fail(&a->end, GEN_UNAVAILABLE, "The endpoint at %s failed%s%s. See its log, or try again.",
                     at, dash, said);
    }
    a->failed = true;
}

void answer_refused(struct answer *a, int status, struct str body, int64_t retry_after_ms,
                    struct str should_retry)
{
    struct arena arena = ARENA_INIT;
    struct json *json = NULL;
    if (json_parse(&arena, body, &json, NULL) != ERR_OK)
        json = NULL;
    /* A page of HTML explains nothing to anybody. */
    if (!json && str_starts(str_trim(body), STR("<")))
        body = STR_NONE;
    struct complaint c = read_complaint(json, body, status);
    explain(a, &c);
    a->end.http_status = status;
    a->end.retry_after_ms = retry_after_ms;
    if (str_eq(should_retry, STR("true")))
        a->end.flags |= GEN_RETRY;
    else if (str_eq(should_retry, STR("false")))
        a->end.flags &= ~(unsigned)GEN_RETRY;
    arena_release(&arena);
}

/* Answers proper. */

static void read_usage(struct answer *a, const struct json *usage)
{
    if (!usage || usage->type != JSON_OBJECT)
        return;
    const struct json *prompt = json_get(usage, "prompt_tokens_details");
    const struct json *completion = json_get(usage, "completion_tokens_details");
    int64_t cached = json_get_i64(usage, "prompt_cache_hit_tokens", 0);
    a->usage.known = true;
    a->usage.prompt_tokens = (uint64_t)json_get_i64(usage, "prompt_tokens", 0);
    a->usage.completion_tokens = (uint64_t)json_get_i64(usage, "completion_tokens", 0);
    a->usage.cached_tokens = (uint64_t)json_get_i64(prompt, "cached_tokens", cached);
    a->usage.reasoning_tokens = (uint64_t)json_get_i64(completion, "reasoning_tokens", 0);
}

static void read_finish(struct answer *a, struct str reason, const struct json *choice, struct str all)
{
    static const struct {
        const char *name;
        enum gen_finish finish;
    } known[] = {
        {"stop", GEN_STOP},
        {"length", GEN_LENGTH},
        {"tool_calls", GEN_TOOL_CALLS},
        {"function_call", GEN_TOOL_CALLS},
        {"content_filter", GEN_CONTENT_FILTER},
    };
    if (str_eq(reason, STR("error")) || str_eq(reason, STR("insufficient_system_resource"))) {
        struct complaint c = read_complaint(choice, all, 200);
        explain(a, &c);
        return;
    }
    a->finished = true;
    a->finish = GEN_STOP; /* "eos", "end_turn" and other servers' own words */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_eq(reason, str_c(known[i].name)))
            a->finish = known[i].finish;
    }
}

/* Text, or (Mistral) a list of parts of which those with a text count. */
static void read_content(const struct json *content, const struct answer_sink *sink)
{
    if (!content)
        return;
    if (content->type == JSON_STRING && content->string.n)
        sink->text(sink->arg, content->string);
    if (content->type != JSON_ARRAY)
        return;
    json_each (part, content) {
        struct str text = json_get_str(part, "text", STR_NONE);
        if (text.n)
            sink->text(sink->arg, text);
    }
}

static void read_message(const struct json *message, const struct answer_sink *sink)
{
    struct str thought =
        json_get_str(message, "reasoning_content", json_get_str(message, "reasoning", STR_NONE));
    if (thought.n)
        sink->reasoning(sink->arg, thought);
    read_content(json_get(message, "content"), sink);
    read_content(json_get(message, "refusal"), sink);
    const struct json *calls = json_get(message, "tool_calls");
    if (!calls || calls->type != JSON_ARRAY)
        return;
    json_each (call, calls) {
        sink->tool_call(sink->arg, call->raw);
    }
}

static void read_choices(struct answer *a, const struct json *choices, const struct answer_sink *sink,
                         struct str all)
{
    json_each (choice, choices) {
        if (json_get_i64(choice, "index", 0) != 0)
            continue;
        const struct json *message = json_get(choice, "delta");
        if (!message || message->type != JSON_OBJECT)
            message = json_get(choice, "message");
        if (!a->finished)
            read_message(message, sink);
        struct str reason = json_get_str(choice, "finish_reason", STR_NONE);
        if (reason.n && !a->finished)
            read_finish(a, reason, choice, all);
    }
}

/* Bytes that are no UTF-8, lone surrogates and NULs become U+FFFD: what some servers send when they cut a
 * character into two tokens. */
static void mend(struct str text, struct buf *to)
{
    while (text.n) {
        if (text.n >= 6 && text.p[0] == '\\' && text.p[1] == 'u') {
            char hex[5] = {text.p[2], text.p[3], text.p[4], text.p[5], '\0'};
            unsigned long unit = strtoul(hex, NULL, 16);
            bool pair = unit >= 0xD800 && unit < 0xDC00 && text.n >= 12 && text.p[6] == '\\' &&
                        text.p[7] == 'u' && strchr("dD", text.p[8]) && strchr("cdefCDEF", text.p[9]);
            bool bad = unit == 0 || (unit >= 0xD800 && unit < 0xE000 && !pair);
            buf_add(to, bad ? STR("\\ufffd") : str_sub(text, 0, pair ? 12 : 6));
            text = str_from(text, pair ? 12 : 6);
        } else if (text.n >= 2 && text.p[0] == '\\') {
            buf_add(to, str_sub(text, 0, 2));
            text = str_from(text, 2);
        } else {
            char bytes[4];
            buf_add(to, str_of(bytes, utf8_put(bytes, utf8_next(&text))));
        }
    }
}

static struct json *parse_or_mend(struct arena *arena, struct str text)
{
    struct json *json = NULL;
    if (json_parse(arena, text, &json, NULL) == ERR_OK)
        return json;
    CLEANUP_BUF struct buf mended = BUF_INIT;
    mend(text, &mended);
    if (json_parse(arena, arena_str(arena, buf_str(&mended)), &json, NULL) == ERR_OK)
        return json;
    return NULL;
}

bool answer_read(struct answer *a, struct str event, struct str text, const struct answer_sink *sink)
{
    struct arena arena = ARENA_INIT;
    struct json *json = parse_or_mend(&arena, text);
    const struct json *error = json_get(json, "error"), *choices = json_get(json, "choices");
    bool named = str_eq(event, STR("error")), known = true;
    bool complains =
        (error && error->type != JSON_NULL) || str_eq(json_get_str(json, "object", STR_NONE), STR("error"));
    if (named || complains) {
        struct complaint c = read_complaint(json, text, 200);
        explain(a, &c);
    } else if (choices && choices->type == JSON_ARRAY) {
        read_usage(a, json_get(json, "usage"));
        read_choices(a, choices, sink, text);
    } else if (json && json->type == JSON_OBJECT && json_get(json, "usage")) {
        read_usage(a, json_get(json, "usage"));
    } else if (!json || json->type != JSON_OBJECT || a->whole) {
        char said[PEER_QUOTE_TEXT];
        peer_quote(said, text, a->key);
        gen_end_fail(
            &a->end, GEN_MALFORMED,
            "The endpoint at %s answered with something that is no chat completion: '%s'. Check base_url "
            "in Settings → Engines.",
            a->endpoint, said);
        a->failed = true;
        known = false;
    }
    arena_release(&arena);
    return known;
}
