/*
 * POST /v1/embeddings, as OpenAI has it: texts to vectors, by a model on this machine. `model` is engine/NAME
 * of an engine of the provider llama, or the model's own name (llama.embedding's, say).
 */
#include "api/embedder_llama.h"
#include "api/openai.h"
#include "engine/engine.h"

#include <stdlib.h>

enum { EMBEDDING_BYTES_MAX = 64 << 20 };

struct embed_call {
    struct http_ref ref;
    struct embedder *embedder;
    uint64_t id;
    bool base64;
    void (*closed)(struct http_req *, bool);
};

static void put_base64(struct buf *to, const void *data, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = data;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v =
            (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0) | (i + 2 < n ? b[i + 2] : 0);
        char four[4] = {letters[v >> 18], letters[v >> 12 & 63], i + 1 < n ? letters[v >> 6 & 63] : '=',
                        i + 2 < n ? letters[v & 63] : '='};
        buf_add(to, str_of(four, 4));
    }
}

static void put_vector(struct jw *w, const float *v, size_t n, bool base64)
{
    jw_key(w, STR("embedding"));
    if (base64) { /* little-endian floats, as this machine has them */
        CLEANUP_BUF struct buf text = BUF_INIT;
        put_base64(&text, v, n * sizeof *v);
        jw_string(w, buf_str(&text));
        return;
    }
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        jw_double(w, (double)v[i]);
    jw_end_array(w);
}

static void answer_vectors(struct call *call, const struct embedder_answer *answer) LOOP;
static void answer_vectors(struct call *call, const struct embedder_answer *answer)
{
    const struct embed_call *c = call->state;
    CLEANUP_BUF struct buf b = BUF_MAX(EMBEDDING_BYTES_MAX);
    struct jw w = JW(&b);
    struct error e = {0};
    jw_object(&w);
    jw_kv_string(&w, "object", STR("list"));
    jw_key(&w, STR("data"));
    jw_array(&w);
    for (size_t i = 0; i < answer->count; i++) {
        jw_object(&w);
        jw_kv_string(&w, "object", STR("embedding"));
        jw_kv_u64(&w, "index", i);
        put_vector(&w, answer->vectors + i * answer->dimensions, answer->dimensions, c->base64);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_kv_string(&w, "model", json_get_str(call->body, "model", STR_NONE));
    jw_key(&w, STR("usage"));
    jw_object(&w);
    jw_kv_u64(&w, "prompt_tokens", answer->tokens);
    jw_kv_u64(&w, "total_tokens", answer->tokens);
    jw_end_object(&w);
    jw_end_object(&w);
    if (buf_check(&b, "The answer", &e))
        call_error(call, &e);
    else
        call_json(call, 200, buf_str(&b));
}

static void embedded(void *arg, const struct embedder_answer *answer)
{
    on_loop();
    struct embed_call *c = arg;
    struct http_req *req = http_find(c->ref);
    c->id = 0;
    if (!req)
        return;
    if (answer->error.err)
        call_error(req->user, &answer->error);
    else
        answer_vectors(req->user, answer);
}

/* The client is gone, or has its answer. */
static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct embed_call *c = call->state;
    c->embedder->driver->close(c->embedder);
    if (c->closed)
        c->closed(req, complete);
}

/* A string, or a list of them. Token numbers are refused: they are another model's. */
static bool read_input(struct call *call, struct str **texts, size_t *count) LOOP;
static bool read_input(struct call *call, struct str **texts, size_t *count)
{
    const struct json *input = json_get(call->body, "input");
    size_t most = input && input->type == JSON_ARRAY ? input->count : 1;
    bool good = input && (input->type == JSON_STRING || (input->type == JSON_ARRAY && most));
    struct str *v = arena_array(call_arena(call), struct str, most);
    *count = 0;
    if (good && input->type == JSON_STRING)
        v[(*count)++] = input->string;
    for (const struct json *item = good && input->type == JSON_ARRAY ? input->child : NULL; item;
         item = item->next) {
        good = good && item->type == JSON_STRING;
        v[(*count)++] = item->string;
    }
    for (size_t i = 0; i < *count; i++)
        good = good && v[i].n > 0;
    *texts = v;
    if (!good)
        call_refuse_param(
            call, ERR_INVALID, "input",
            "'input' must be a text, or a list of texts, none of them empty; token numbers are not taken.");
    else if (*count > EMBEDDER_TEXTS_MAX)
        call_refuse_param(call, ERR_INVALID, "input", "'input' may have at most %d texts.",
                          EMBEDDER_TEXTS_MAX);
    return good && *count <= EMBEDDER_TEXTS_MAX;
}

/* The model's name on this machine; empty: answered. */
static struct str read_model(struct call *call) LOOP;
static struct str read_model(struct call *call)
{
    static const struct str prefix = STR_INIT("engine/");
    struct str model = json_get_str(call->body, "model", STR_NONE);
    if (!str_starts(model, prefix)) {
        if (!str_empty(model) && str_eq(model, call_config(call)->llama.embedding))
            return model;
        model_unknown(call, model);
        return STR_NONE;
    }
    const struct engine_info *engine =
        model.n > prefix.n ? engines_find(call->api->parts.engines, str_from(model, prefix.n)) : NULL;
    const struct config_provider *provider =
        engine ? config_provider(call_config(call), engine->provider) : NULL;
    bool local =
        engine && (provider ? str_eq(provider->type, STR("llama")) : str_eq(engine->provider, STR("llama")));
    if (!engine)
        model_unknown(call, model);
    else if (!local)
        call_refuse_param(
            call, ERR_REFUSED, "model",
            "Embeddings are made by models on this machine; '%.*s' is reached through another provider.",
            STR_ARG(str_sub(model, 0, 100)));
    return local ? engine->model : STR_NONE;
}

void handle_embeddings_post(struct call *call)
{
    struct str *texts = NULL, format = json_get_str(call->body, "encoding_format", STR("float"));
    const struct json *dimensions = json_get(call->body, "dimensions");
    size_t count = 0;
    struct error e = {0};
    struct str model = read_model(call);
    if (!model.n || !read_input(call, &texts, &count))
        return;
    if (dimensions && dimensions->type != JSON_NULL) {
        call_refuse_param(call, ERR_REFUSED, "dimensions",
                          "The length of a vector is the model's own: leave dimensions out.");
        return;
    }
    if (!str_eq(format, STR("float")) && !str_eq(format, STR("base64"))) {
        call_refuse_param(call, ERR_INVALID, "encoding_format", "'encoding_format' is float or base64.");
        return;
    }
    struct embed_call *c = arena_new(call_arena(call), struct embed_call);
    c->ref = http_ref(call->req);
    c->base64 = str_eq(format, STR("base64"));
    c->embedder = embedder_llama.open(loop_self());
    c->closed = call->req->on_closed;
    call->state = c;
    call->req->on_closed = closed;
    const struct embedder_request request = {.model = model, .texts = texts, .count = count};
    c->id = c->embedder->driver->start(c->embedder, &request, embedded, c, &e);
    if (!c->id)
        call_error(call, &e);
}
