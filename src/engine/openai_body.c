/* Requests in OpenAI's chat format; see openai_inner.h. */
#include "engine/openai_inner.h"

#include <math.h>

static const char *const role_names[] = {"system", "user", "assistant", "tool"};

static void put_double(struct jw *w, const char *key, double value)
{
    if (!isnan(value))
        jw_kv_double(w, key, value);
}

static void put_raw(struct jw *w, const char *key, struct str json)
{
    if (json.n)
        jw_kv_raw(w, key, json);
}

static void put_message(struct jw *w, const struct gen_message *m, struct str before)
{
    jw_object(w);
    jw_kv_string(w, "role", str_c(role_names[m->role]));
    if (m->name.n)
        jw_kv_string(w, "name", m->name);
    if (m->content_raw.n) {
        jw_kv_raw(w, "content", m->content_raw);
    } else if (before.n) {
        CLEANUP_BUF struct buf text = BUF_INIT;
        buf_add(&text, before);
        buf_add(&text, STR("\n\n"));
        buf_add(&text, m->content);
        jw_kv_string(w, "content", buf_str(&text));
    } else if (m->tool_calls.n && m->content.n == 0) {
        jw_kv_null(w, "content");
    } else {
        jw_kv_string(w, "content", m->content);
    }
    if (m->tool_call_id.n)
        jw_kv_string(w, "tool_call_id", m->tool_call_id);
    put_raw(w, "tool_calls", m->tool_calls);
    jw_end_object(w);
}

/* For models that know no system role: all system texts, in front of the first user message. */
static void put_merged(struct jw *w, const struct gen_request *r)
{
    CLEANUP_BUF struct buf system = BUF_INIT;
    bool given = false;
    for (size_t i = 0; i < r->message_count; i++) {
        if (r->messages[i].role != GEN_SYSTEM)
            continue;
        buf_add(&system, system.n ? STR("\n\n") : STR(""));
        buf_add(&system, r->messages[i].content);
    }
    for (size_t i = 0; i < r->message_count; i++) {
        const struct gen_message *m = &r->messages[i];
        if (m->role == GEN_SYSTEM)
            continue;
        bool first = !given && m->role == GEN_USER && m->content_raw.n == 0;
        put_message(w, m, first ? buf_str(&system) : STR_NONE);
        given = given || first;
    }
    if (!given && system.n) {
        struct gen_message m = {.role = GEN_USER, .content = buf_str(&system)};
        put_message(w, &m, STR_NONE);
    }
}

static void put_sampling(struct jw *w, const struct gen_sampling *s, bool openai)
{
    put_double(w, "temperature", s->temperature);
    put_double(w, "top_p", s->top_p);
    put_double(w, "frequency_penalty", s->frequency_penalty);
    put_double(w, "presence_penalty", s->presence_penalty);
    if (!openai) {
        put_double(w, "min_p", s->min_p);
        put_double(w, "repeat_penalty", s->repeat_penalty);
        if (s->top_k != CONFIG_NO_INT)
            jw_kv_i64(w, "top_k", s->top_k);
    }
    if (s->max_tokens != CONFIG_NO_INT)
        jw_kv_i64(w, openai ? "max_completion_tokens" : "max_tokens", s->max_tokens);
    if (s->seed != CONFIG_NO_INT)
        jw_kv_i64(w, "seed", s->seed);
    if (s->stop_count) {
        jw_key(w, STR("stop"));
        jw_array(w);
        for (size_t i = 0; i < s->stop_count; i++)
            jw_string(w, s->stop[i]);
        jw_end_array(w);
    }
}

/* The client's own object, every member as it was written, but for the model's name. */
static enum err pass_through(struct jw *w, const struct gen_request *r, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *body = NULL;
    enum err err = json_parse(&a, r->raw_body, &body, e);
    if (err == ERR_OK && body->type != JSON_OBJECT)
        err = error_set(e, ERR_WRONG_TYPE, "The body must be a JSON object.");
    if (err == ERR_OK) {
        jw_object(w);
        jw_kv_string(w, "model", r->model);
        json_each (member, body) {
            if (str_eq(member->key, STR("model")))
                continue;
            jw_key(w, member->key);
            jw_raw(w, member->raw);
        }
        jw_end_object(w);
    }
    arena_release(&a);
    return err;
}

void openai_messages(struct jw *w, const struct gen_request *r)
{
    jw_key(w, STR("messages"));
    jw_array(w);
    if (r->merge_system)
        put_merged(w, r);
    for (size_t i = 0; i < r->message_count && !r->merge_system; i++)
        put_message(w, &r->messages[i], STR_NONE);
    jw_end_array(w);
}

enum err openai_body(struct buf *to, const struct gen_request *r, bool openai, struct error *e)
{
    struct jw w = JW(to);
    if (r->raw_body.n)
        return pass_through(&w, r, e);
    jw_object(&w);
    jw_kv_string(&w, "model", r->model);
    openai_messages(&w, r);
    put_sampling(&w, &r->sampling, openai);
    put_raw(&w, "tools", r->tools);
    put_raw(&w, "tool_choice", r->tool_choice);
    put_raw(&w, "response_format", r->response_format);
    jw_kv_bool(&w, "stream", r->stream);
    if (r->stream) {
        jw_key(&w, STR("stream_options"));
        jw_object(&w);
        jw_kv_bool(&w, "include_usage", true);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    return ERR_OK;
}
