/* OpenAI's shape of a local model's answer; see llama_raw.h. */
#include "engine/llama_raw.h"

#include "base/clock.h"
#include "base/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { WHOLE_MAX = 16 << 20, ARGUMENTS_MAX = 1 << 20 };

enum err llama_raw_init(struct llama_raw *raw, struct str text, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *body = NULL;
    enum err err = json_parse(&a, text, &body, e);
    *raw = (struct llama_raw){
        .created_s = clock_wall_ms() / 1000, .text = BUF_MAX(WHOLE_MAX), .thoughts = BUF_MAX(WHOLE_MAX)};
    if (err == ERR_OK && json_get_i64(body, "n", 1) > 1)
        err = error_set_param(e, ERR_REFUSED, "n",
                              "A model on this machine gives one answer at a time: leave n out.");
    if (err == ERR_OK && json_get_bool(body, "logprobs", false))
        err = error_set_param(e, ERR_REFUSED, "logprobs",
                              "Probabilities are not given by models on this machine: leave logprobs out.");
    if (err == ERR_OK) {
        raw->stream = json_get_bool(body, "stream", false);
        raw->usage_wanted = json_get_bool(json_get(body, "stream_options"), "include_usage", false);
        raw->model = heap_str(json_get_str(body, "model", STR_NONE));
        snprintf(raw->id, sizeof raw->id, "chatcmpl-%016llx", (unsigned long long)random_u64());
    }
    arena_release(&a);
    return err;
}

void llama_raw_release(struct llama_raw *raw)
{
    buf_release(&raw->text);
    buf_release(&raw->thoughts);
    for (size_t i = 0; i < raw->call_count; i++) {
        buf_release(&raw->calls[i].id);
        buf_release(&raw->calls[i].name);
        buf_release(&raw->calls[i].type);
        buf_release(&raw->calls[i].arguments);
    }
    free(raw->calls);
    free((char *)raw->model.p);
    *raw = (struct llama_raw){0};
}

static void write_head(const struct llama_raw *raw, struct jw *w)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(raw->id));
    jw_kv_string(w, "object", raw->stream ? STR("chat.completion.chunk") : STR("chat.completion"));
    jw_kv_i64(w, "created", raw->created_s);
    jw_kv_string(w, "model", raw->model);
    jw_key(w, STR("choices"));
    jw_array(w);
}

static void begin_delta(const struct llama_raw *raw, struct jw *w)
{
    write_head(raw, w);
    jw_object(w);
    jw_kv_i64(w, "index", 0);
    jw_key(w, STR("delta"));
    jw_object(w);
}

static void end_delta(struct jw *w, const char *finish)
{
    jw_end_object(w);
    if (finish)
        jw_kv_string(w, "finish_reason", str_c(finish));
    else
        jw_kv_null(w, "finish_reason");
    jw_end_object(w);
    jw_end_array(w);
    jw_end_object(w);
}

/* Every answer's first chunk says who speaks. */
static void put_role(struct llama_raw *raw, struct jw *w)
{
    if (!raw->begun)
        jw_kv_string(w, "role", STR("assistant"));
    raw->begun = true;
}

bool llama_raw_text(struct llama_raw *raw, struct str text, bool thought, struct buf *to)
{
    struct jw w = JW(to);
    buf_clear(to);
    if (!raw->stream) {
        buf_add(thought ? &raw->thoughts : &raw->text, text);
        return false;
    }
    begin_delta(raw, &w);
    put_role(raw, &w);
    jw_kv_string(&w, thought ? "reasoning_content" : "content", text);
    end_delta(&w, NULL);
    return true;
}

/* The pieces of a call are put together by its index. */
static void keep_call(struct llama_raw *raw, const struct json *call)
{
    int64_t index = json_get_i64(call, "index", (int64_t)raw->call_count);
    const struct json *function = json_get(call, "function");
    if (index < 0 || index >= LLAMA_CALLS_MAX)
        return;
    if (!raw->calls)
        raw->calls = heap_alloc(LLAMA_CALLS_MAX * sizeof *raw->calls);
    if ((size_t)index >= raw->call_count)
        raw->call_count = (size_t)index + 1;
    struct llama_call *c = &raw->calls[index];
    c->arguments.max = ARGUMENTS_MAX;
    buf_add(&c->id, json_get_str(call, "id", STR_NONE));
    if (!c->type.n)
        buf_add(&c->type, json_get_str(call, "type", STR("function")));
    buf_add(&c->name, json_get_str(function, "name", STR_NONE));
    buf_add(&c->arguments, json_get_str(function, "arguments", STR_NONE));
}

bool llama_raw_call(struct llama_raw *raw, struct str text, struct buf *to)
{
    struct jw w = JW(to);
    struct arena a = ARENA_INIT;
    struct json *call = NULL;
    buf_clear(to);
    if (!raw->stream) {
        if (json_parse(&a, text, &call, NULL) == ERR_OK)
            keep_call(raw, call);
        arena_release(&a);
        return false;
    }
    begin_delta(raw, &w);
    put_role(raw, &w);
    jw_key(&w, STR("tool_calls"));
    jw_array(&w);
    jw_raw(&w, text);
    jw_end_array(&w);
    end_delta(&w, NULL);
    return true;
}

static void write_usage(struct jw *w, const struct gen_usage *u)
{
    jw_key(w, STR("usage"));
    jw_object(w);
    jw_kv_u64(w, "prompt_tokens", u->prompt_tokens);
    jw_kv_u64(w, "completion_tokens", u->completion_tokens);
    jw_kv_u64(w, "total_tokens", u->prompt_tokens + u->completion_tokens);
    jw_key(w, STR("prompt_tokens_details"));
    jw_object(w);
    jw_kv_u64(w, "cached_tokens", u->cached_tokens);
    jw_end_object(w);
    jw_end_object(w);
}

static void write_calls(const struct llama_raw *raw, struct jw *w)
{
    jw_key(w, STR("tool_calls"));
    jw_array(w);
    for (size_t i = 0; i < raw->call_count; i++) {
        const struct llama_call *c = &raw->calls[i];
        jw_object(w);
        jw_kv_string(w, "id", buf_str(&c->id));
        jw_kv_string(w, "type", buf_str(&c->type));
        jw_key(w, STR("function"));
        jw_object(w);
        jw_kv_string(w, "name", buf_str(&c->name));
        jw_kv_string(w, "arguments", buf_str(&c->arguments));
        jw_end_object(w);
        jw_end_object(w);
    }
    jw_end_array(w);
}

static void write_whole(const struct llama_raw *raw, struct jw *w, const struct gen_end *end)
{
    write_head(raw, w);
    jw_object(w);
    jw_kv_i64(w, "index", 0);
    jw_key(w, STR("message"));
    jw_object(w);
    jw_kv_string(w, "role", STR("assistant"));
    if (raw->text.n || !raw->call_count)
        jw_kv_string(w, "content", buf_str(&raw->text));
    else
        jw_kv_null(w, "content");
    if (raw->thoughts.n)
        jw_kv_string(w, "reasoning_content", buf_str(&raw->thoughts));
    if (raw->call_count)
        write_calls(raw, w);
    jw_end_object(w);
    jw_kv_null(w, "logprobs");
    jw_kv_string(w, "finish_reason", str_c(gen_finish_name(end->finish)));
    jw_end_object(w);
    jw_end_array(w);
    write_usage(w, &end->usage);
    jw_end_object(w);
}

bool llama_raw_end(struct llama_raw *raw, unsigned n, const struct gen_end *end, struct buf *to)
{
    struct jw w = JW(to);
    buf_clear(to);
    if (!raw->stream) {
        if (n == 0)
            write_whole(raw, &w, end);
        return n == 0;
    }
    if (n == 0) {
        begin_delta(raw, &w);
        put_role(raw, &w);
        end_delta(&w, gen_finish_name(end->finish));
        return true;
    }
    if (n > 1 || !raw->usage_wanted)
        return false;
    write_head(raw, &w);
    jw_end_array(&w);
    write_usage(&w, &end->usage);
    jw_end_object(&w);
    return true;
}
