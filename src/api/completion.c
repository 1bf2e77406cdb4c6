/* OpenAI's chat completion shapes; see completion.h. */
#include "api/completion.h"

#include "base/clock.h"
#include "persona/compose.h"

enum { COMPLETION_BYTES_MAX = 8 << 20, TOKEN_BYTES = 4 };

/* ---- the request */

static bool read_stops(struct completion *c) LOOP;
static bool read_stops(struct completion *c)
{
    const struct json *stop = json_get(c->call->body, "stop");
    if (!stop || stop->type == JSON_NULL)
        return true;
    if (stop->type == JSON_STRING) {
        if (!str_empty(stop->string))
            c->stops[c->stop_count++] = stop->string;
        return true;
    }
    if (stop->count > COMPLETION_STOPS_MAX) {
        call_refuse_param(c->call, ERR_INVALID, "stop", "'stop' may have at most %d texts.",
                          COMPLETION_STOPS_MAX);
        return false;
    }
    json_each (item, stop)
        if (!str_empty(item->string))
            c->stops[c->stop_count++] = item->string;
    return true;
}

bool completion_init(struct completion *c, struct call *call)
{
    const struct json *body = call->body;
    int64_t tokens = json_get_i64(body, "max_completion_tokens", json_get_i64(body, "max_tokens", 0));
    *c = (struct completion){.call = call, .text = BUF_MAX(COMPLETION_BYTES_MAX)};
    c->id = arena_printf(call_arena(call), "chatcmpl-%s", id_text(id_new()).c);
    c->model = json_get_str(body, "model", STR_NONE);
    c->created_s = clock_wall_ms() / 1000;
    c->stream = json_get_bool(body, "stream", false);
    c->usage_wanted = json_get_bool(json_get(body, "stream_options"), "include_usage", false);
    if (json_get_i64(body, "n", 1) != 1) {
        call_refuse_param(call, ERR_INVALID, "n", "Only n = 1 is served; ask again for another answer.");
        return false;
    }
    if (tokens < 0) {
        call_refuse_param(call, ERR_INVALID, "max_tokens", "'max_tokens' must be at least 1.");
        return false;
    }
    c->max_bytes = (uint64_t)tokens * TOKEN_BYTES;
    return read_stops(c);
}

void completion_release(struct completion *c)
{
    buf_release(&c->text);
    buf_release(&c->held);
}

/* ---- chunks */

static void chunk_head(struct completion *c, struct jw *w, const char *object)
{
    jw_object(w);
    jw_kv_string(w, "id", c->id);
    jw_kv_string(w, "object", str_c(object));
    jw_kv_i64(w, "created", c->created_s);
    jw_kv_string(w, "model", c->model);
    jw_kv_null(w, "system_fingerprint");
}

static void send_chunk(struct completion *c, struct buf *b) LOOP;
static void send_chunk(struct completion *c, struct buf *b)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    if (!c->begun) {
        c->begun = true;
        http_sse_begin(c->call->req);
    }
    buf_add(&line, STR("data: "));
    buf_add(&line, buf_str(b));
    buf_add(&line, STR("\n\n"));
    http_stream_write(c->call->req, buf_str(&line));
}

/* `delta` is the JSON of choices[0].delta; finish NULL: not the end. */
static void send_choice(struct completion *c, struct str delta, const char *finish) LOOP;
static void send_choice(struct completion *c, struct str delta, const char *finish)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    chunk_head(c, &w, "chat.completion.chunk");
    jw_key(&w, STR("choices"));
    jw_array(&w);
    jw_object(&w);
    jw_kv_u64(&w, "index", 0);
    jw_kv_raw(&w, "delta", delta);
    jw_kv_null(&w, "logprobs");
    if (finish)
        jw_kv_string(&w, "finish_reason", str_c(finish));
    else
        jw_kv_null(&w, "finish_reason");
    jw_end_object(&w);
    jw_end_array(&w);
    if (c->usage_wanted)
        jw_kv_null(&w, "usage");
    jw_end_object(&w);
    send_chunk(c, &b);
}

static void begin(struct completion *c) LOOP;
static void begin(struct completion *c)
{
    if (!c->begun)
        send_choice(c, STR("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"), NULL);
}

static void give(struct completion *c, struct str text) LOOP;
static void give(struct completion *c, struct str text)
{
    if (str_empty(text))
        return;
    c->given += text.n;
    buf_add(&c->text, text);
    if (!c->stream)
        return;
    begin(c);
    CLEANUP_BUF struct buf delta = BUF_INIT;
    struct jw w = JW(&delta);
    jw_object(&w);
    jw_kv_string(&w, "content", text);
    jw_end_object(&w);
    send_choice(c, buf_str(&delta), NULL);
}

/* ---- stop texts and length */

static size_t first_stop(const struct completion *c, struct str text)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < c->stop_count; i++) {
        size_t at = str_find(text, c->stops[i]);
        if (at < first)
            first = at;
    }
    return first;
}

/* How many bytes at the end of the text may be the beginning of a stop text. */
static size_t maybe_stop(const struct completion *c, struct str text)
{
    size_t most = 0;
    for (size_t i = 0; i < c->stop_count; i++) {
        size_t n = c->stops[i].n - 1 < text.n ? c->stops[i].n - 1 : text.n;
        for (; n > most; n--)
            if (str_starts(c->stops[i], str_from(text, text.n - n)))
                most = n;
    }
    return most;
}

/* As much of the text as the length leaves room for, whole characters. */
static struct str fit(const struct completion *c, struct str text)
{
    size_t left = c->max_bytes > c->given ? (size_t)(c->max_bytes - c->given) : 0;
    if (!c->max_bytes || !text.p || text.n <= left)
        return text;
    while (left && ((unsigned char)text.p[left] & 0xC0) == 0x80)
        left--;
    return str_sub(text, 0, left);
}

bool completion_delta(struct completion *c, struct str text)
{
    if (c->over)
        return false;
    buf_add(&c->held, text);
    struct str all = buf_str(&c->held);
    size_t stop = first_stop(c, all);
    struct str ready = str_sub(all, 0, stop != SIZE_MAX ? stop : all.n - maybe_stop(c, all));
    struct str fitting = fit(c, ready);
    give(c, fitting);
    if (fitting.n < ready.n || stop != SIZE_MAX) {
        buf_clear(&c->held);
        completion_end(c, fitting.n < ready.n ? GEN_LENGTH : GEN_STOP, NULL, STR_NONE);
        return false;
    }
    buf_drop(&c->held, ready.n);
    return true;
}

void completion_tool_call(struct completion *c, struct str json)
{
    if (!c->stream || c->over)
        return;
    begin(c);
    CLEANUP_BUF struct buf delta = BUF_INIT;
    buf_printf(&delta, "{\"tool_calls\":[%.*s]}", STR_ARG(json));
    send_choice(c, buf_str(&delta), NULL);
}

/* ---- the end */

static void write_usage(struct jw *w, const struct completion *c, const struct gen_usage *usage)
{
    uint64_t prompt = usage ? usage->prompt_tokens : 0;
    uint64_t completion =
        usage && usage->known ? usage->completion_tokens : compose_tokens(buf_str(&c->text));
    jw_key(w, STR("usage"));
    jw_object(w);
    jw_kv_u64(w, "prompt_tokens", prompt);
    jw_kv_u64(w, "completion_tokens", completion);
    jw_kv_u64(w, "total_tokens", prompt + completion);
    if (usage && usage->cached_tokens) {
        jw_key(w, STR("prompt_tokens_details"));
        jw_object(w);
        jw_kv_u64(w, "cached_tokens", usage->cached_tokens);
        jw_end_object(w);
    }
    if (usage && usage->reasoning_tokens) {
        jw_key(w, STR("completion_tokens_details"));
        jw_object(w);
        jw_kv_u64(w, "reasoning_tokens", usage->reasoning_tokens);
        jw_end_object(w);
    }
    jw_end_object(w);
}

static void end_stream(struct completion *c, const char *reason, const struct gen_usage *usage) LOOP;
static void end_stream(struct completion *c, const char *reason, const struct gen_usage *usage)
{
    begin(c);
    send_choice(c, STR("{}"), reason);
    if (c->usage_wanted) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw w = JW(&b);
        chunk_head(c, &w, "chat.completion.chunk");
        jw_kv_raw(&w, "choices", STR("[]"));
        write_usage(&w, c, usage);
        jw_end_object(&w);
        send_chunk(c, &b);
    }
    http_stream_write(c->call->req, STR("data: [DONE]\n\n"));
    http_stream_end(c->call->req);
}

static void end_whole(struct completion *c, const char *reason, const struct gen_usage *usage,
                      struct str tool_calls) LOOP;
static void end_whole(struct completion *c, const char *reason, const struct gen_usage *usage,
                      struct str tool_calls)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    chunk_head(c, &w, "chat.completion");
    jw_key(&w, STR("choices"));
    jw_array(&w);
    jw_object(&w);
    jw_kv_u64(&w, "index", 0);
    jw_key(&w, STR("message"));
    jw_object(&w);
    jw_kv_string(&w, "role", STR("assistant"));
    if (c->text.n == 0 && tool_calls.n)
        jw_kv_null(&w, "content");
    else
        jw_kv_string(&w, "content", buf_str(&c->text));
    jw_kv_null(&w, "refusal");
    if (tool_calls.n) {
        jw_key(&w, STR("tool_calls"));
        jw_raw(&w, arena_printf(call_arena(c->call), "[%.*s]", STR_ARG(tool_calls)));
    }
    jw_end_object(&w);
    jw_kv_null(&w, "logprobs");
    jw_kv_string(&w, "finish_reason", str_c(reason));
    jw_end_object(&w);
    jw_end_array(&w);
    write_usage(&w, c, usage);
    jw_end_object(&w);
    call_json(c->call, 200, buf_str(&b));
}

void completion_end(struct completion *c, enum gen_finish finish, const struct gen_usage *usage,
                    struct str tool_calls)
{
    if (c->over)
        return;
    struct str rest = fit(c, buf_str(&c->held));
    if (rest.n < c->held.n)
        finish = GEN_LENGTH;
    give(c, rest);
    buf_clear(&c->held);
    c->over = true;
    if (c->stream)
        end_stream(c, gen_finish_name(finish), usage);
    else
        end_whole(c, gen_finish_name(finish), usage, tool_calls);
}

void completion_fail(struct completion *c, const struct error *e)
{
    if (c->over)
        return;
    c->over = true;
    if (!c->begun) {
        call_error(c->call, e);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("error"));
    error_object_write(&w, e, c->call->req->request_id);
    jw_end_object(&w);
    send_chunk(c, &b);
    http_stream_end(c->call->req);
}
