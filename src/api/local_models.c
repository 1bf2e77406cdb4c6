/*
 * Models on this machine: what lies there, what is loaded, and an engine for one in a single call. (Models
 * as OpenAI's clients list them are models.c; downloads are pulls.c.)
 */
#include "api/ask_models.h"
#include "api/providers.h"
#include "api/settings.h"
#include "base/share.h"
#include "engine/engine.h"

#include <stdio.h>

/* ---- asking the home of the models */

struct waiting {
    struct http_ref ref;
    void (*then)(struct call *, struct llama_op *);
};

static void asked(struct llama_op *op)
{
    on_loop();
    const struct waiting *waiting = op->arg;
    struct http_req *req = http_find(waiting->ref);
    if (req && op->err)
        call_error(req->user, &op->error);
    else if (req)
        waiting->then(req->user, op);
    llama_op_free(op);
}

struct llama_op *models_op(struct call *call, enum llama_verb verb, struct str name,
                           void (*then)(struct call *, struct llama_op *))
{
    struct llama_op *op = llama_op_new(verb, name);
    struct waiting *waiting = arena_new(&op->arena, struct waiting);
    waiting->ref = http_ref(call->req);
    waiting->then = then;
    op->arg = waiting;
    op->done = asked;
    return op;
}

void models_submit(struct call *call, struct llama_op *op)
{
    llama_submit(call->api->parts.llama, op);
}

void models_answer(struct call *call, struct llama_op *op)
{
    on_loop();
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 200, op->json);
}

void models_answer_list(struct call *call, struct llama_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_printf(&b, "{\"data\":%.*s,\"next\":null}", STR_ARG(op->json));
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 200, buf_str(&b));
}

void handle_local_models(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_LIST, STR_NONE, models_answer_list));
}

void handle_local_model_library(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_LIBRARY, STR_NONE, models_answer));
}

void handle_local_model_show(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_SHOW, call_param(call, 0), models_answer));
}

void handle_local_model_load(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_LOAD, call_param(call, 0), models_answer));
}

void handle_local_model_unload(struct call *call)
{
    bool force = false;
    if (!call_query_flag(call, "force", &force))
        return;
    struct llama_op *op = models_op(call, LLAMA_UNLOAD, call_param(call, 0), models_answer);
    op->force = force;
    models_submit(call, op);
}

static void removed(struct call *call, struct llama_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_local_model_delete(struct call *call)
{
    bool force = false;
    if (!call_query_flag(call, "force", &force))
        return;
    struct llama_op *op = models_op(call, LLAMA_DELETE, call_param(call, 0), removed);
    op->force = force;
    models_submit(call, op);
}

void handle_local_model_catalogue(struct call *call)
{
    struct share_file file;
    if (!share_get(STR("models/catalogue.json"), &file))
        call_refuse(call, ERR_NOT_FOUND, "This build has no catalogue of models inside.");
    else
        call_json(call, 200, file.bytes);
}

/* ---- an engine for a model */

enum { CONTEXT_LEAST = 256, ENGINE_NAME_MAX = 48 };

struct engine_wish {
    struct str model, engine;
    bool make_default;
};

/* "Qwen2-7B Instruct" -> "qwen2-7b-instruct" */
static struct str engine_name_of(struct arena *a, struct str model)
{
    char *name = arena_alloc(a, ENGINE_NAME_MAX + 1);
    size_t n = 0;
    for (size_t i = 0; i < model.n && n < ENGINE_NAME_MAX; i++) {
        char c = model.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 'a' - 'A');
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (plain || (n && name[n - 1] != '-'))
            name[n++] = plain ? c : '-';
    }
    while (n && name[n - 1] == '-')
        n--;
    struct str made = str_of(name, n);
    bool taken = !n || str_eq(made, STR("scripted")) || str_eq(made, STR("default"));
    return taken ? arena_printf(a, "%.*s-model", STR_ARG(n ? made : STR("local"))) : made;
}

static void send_engine_made(struct call *call) LOOP;
static void send_engine_made(struct call *call)
{
    const struct engine_wish *wish = call->state;
    engine_send(call, wish->engine, 201);
}

static void default_set(struct call *call, struct settings_change *change)
{
    on_loop();
    (void)change;
    send_engine_made(call);
}

static void engine_set(struct call *call, struct settings_change *change)
{
    on_loop();
    const struct engine_wish *wish = call->state;
    (void)change;
    if (!wish->make_default) {
        send_engine_made(call);
        return;
    }
    struct settings_change *c = settings_change_new(SETTINGS_PLAIN, STR_NONE);
    c->values = arena_array(&c->arena, struct settings_value, 1);
    c->count = 1;
    c->values[0] =
        (struct settings_value){.key = STR("engine.default"), .value = arena_str(&c->arena, wish->engine)};
    settings_change_call(call, c, default_set);
}

/* What a prompt may take: a model is not asked for more than it was made for, nor than the cache holds. */
static uint64_t prompt_tokens(struct call *call, const struct json *model) LOOP;
static uint64_t prompt_tokens(struct call *call, const struct json *model)
{
    uint64_t cache = (uint64_t)call_config(call)->llama.context;
    uint64_t trained = (uint64_t)json_get_i64(model, "context", 0);
    uint64_t most = trained && trained < cache ? trained : cache;
    uint64_t prompt = most / 4 * 3; /* the rest is for the answer */
    return prompt < CONTEXT_LEAST ? CONTEXT_LEAST : prompt;
}

static void model_there(struct call *call, struct llama_op *op)
{
    on_loop();
    struct engine_wish *wish = call->state;
    struct json *model = NULL;
    if (json_parse(call_arena(call), arena_str(call_arena(call), op->json), &model, NULL) != ERR_OK)
        model = NULL;
    const struct config_engine *engine = config_engine(call_config(call), wish->engine);
    const struct config_provider *provider = config_provider(call_config(call), STR("llama"));
    if (provider && !str_eq(provider->type, STR("llama"))) {
        call_refuse(call, ERR_CONFLICT,
                    "A provider of yours is called llama and is something else; give it another name, so "
                    "that models on "
                    "this machine can have it.");
        return;
    }
    if (engine && (!str_eq(engine->provider, STR("llama")) || !str_eq(engine->model, wish->model))) {
        call_refuse_param(
            call, ERR_CONFLICT, "name",
            "There is an engine called '%.*s' already, for something else; choose another name.",
            STR_ARG(wish->engine));
        return;
    }
    if (engine) {
        engine_set(call, NULL);
        return;
    }
    struct settings_change *c = settings_change_new(SETTINGS_ENGINE, wish->engine);
    c->values = arena_array(&c->arena, struct settings_value, 3);
    c->count = 3;
    c->values[0] = (struct settings_value){.key = STR("provider"), .value = STR("llama")};
    c->values[1] = (struct settings_value){.key = STR("model"), .value = arena_str(&c->arena, wish->model)};
    c->values[2] = (struct settings_value){
        .key = STR("context_tokens"),
        .value = arena_printf(&c->arena, "%llu", (unsigned long long)prompt_tokens(call, model))};
    settings_change_call(call, c, engine_set);
}

void handle_local_model_engine(struct call *call)
{
    struct arena *a = call_arena(call);
    struct engine_wish *wish = arena_new(a, struct engine_wish);
    wish->model = call_param(call, 0);
    wish->engine = json_get_str(call->body, "name", STR_NONE);
    wish->make_default = json_get_bool(call->body, "default", false);
    if (str_empty(wish->engine))
        wish->engine = engine_name_of(a, wish->model);
    if (str_eq(wish->engine, STR("default"))) {
        call_refuse_param(call, ERR_REFUSED, "name", "'default' cannot be an engine's name.");
        return;
    }
    if (!settings_name_ok(call, wish->engine))
        return;
    call->state = wish;
    models_submit(call, models_op(call, LLAMA_SHOW, wish->model, model_there));
}
