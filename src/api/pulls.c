/* Downloads of models: begin, look, cancel (engine/model_pull.h does them). */
#include "api/ask_models.h"
#include "base/share.h"

static void begun(struct call *call, struct llama_op *op)
{
    on_loop();
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 202, op->json);
}

/* The model of the catalogue that has the id; NULL: none. */
static const struct json *in_catalogue(struct arena *a, struct str id)
{
    struct share_file file;
    struct json *catalogue = NULL;
    if (!share_get(STR("models/catalogue.json"), &file) ||
        json_parse(a, file.bytes, &catalogue, NULL) != ERR_OK)
        return NULL;
    const struct json *models = json_get(catalogue, "models");
    for (const struct json *model = models ? models->child : NULL; model; model = model->next)
        if (str_eq(json_get_str(model, "id", STR_NONE), id))
            return model;
    return NULL;
}

/* Fills what the catalogue knows. False: answered. */
static bool from_catalogue(struct call *call, struct llama_op *op, struct str id) LOOP;
static bool from_catalogue(struct call *call, struct llama_op *op, struct str id)
{
    const struct json *model = in_catalogue(call_arena(call), id);
    if (!model) {
        call_refuse_param(call, ERR_NOT_FOUND, "catalogue",
                          "The catalogue has no model '%.*s'; GET /api/models/catalogue lists them.",
                          STR_ARG(str_sub(id, 0, 80)));
        return false;
    }
    op->url = arena_str(&op->arena, json_get_str(model, "url", STR_NONE));
    op->licence = arena_str(&op->arena, json_get_str(model, "licence", STR_NONE));
    if (!op->sha256.n)
        op->sha256 = arena_str(&op->arena, json_get_str(model, "sha256", STR_NONE));
    if (op->url.n)
        return true;
    call_refuse_param(call, ERR_REFUSED, "catalogue",
                      "%.*s does not run at home: it is too large. Connect it as a "
                      "provider instead, or choose one that stands in for it.",
                      STR_ARG(json_get_str(model, "name", id)));
    return false;
}

void handle_pull_post(struct call *call)
{
    struct str url = json_get_str(call->body, "url", STR_NONE);
    struct str id = json_get_str(call->body, "catalogue", STR_NONE);
    if (!url.n == !id.n) {
        call_refuse_param(call, ERR_MISSING_FIELD, "url", "Give one of url and catalogue.");
        return;
    }
    struct llama_op *op = models_op(call, LLAMA_PULL, json_get_str(call->body, "name", STR_NONE), begun);
    op->url = arena_str(&op->arena, url);
    op->sha256 = arena_str(&op->arena, json_get_str(call->body, "sha256", STR_NONE));
    if (id.n && !from_catalogue(call, op, id))
        llama_op_free(op);
    else
        models_submit(call, op);
}

void handle_pulls_page(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_PULLS, STR_NONE, models_answer_list));
}

void handle_pull_show(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_PULL_SHOW, call_param(call, 0), models_answer));
}

static void ended(struct call *call, struct llama_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_pull_end(struct call *call)
{
    models_submit(call, models_op(call, LLAMA_PULL_END, call_param(call, 0), ended));
}
