/* /v1/models: every persona by its slug, every engine as engine/NAME. */
#include "api/openai.h"
#include "engine/engine.h"

static void write_model(struct jw *w, struct str id, int64_t created_s, struct str owner)
{
    jw_object(w);
    jw_kv_string(w, "id", id);
    jw_kv_string(w, "object", STR("model"));
    jw_kv_i64(w, "created", created_s);
    jw_kv_string(w, "owned_by", owner);
    jw_end_object(w);
}

static void write_persona(struct jw *w, const struct persona *p)
{
    write_model(w, p->slug, p->created_ms / 1000, STR("eidolon"));
}

static void write_engine(struct jw *w, struct arena *a, const struct engine_info *engine)
{
    write_model(w, arena_printf(a, "engine/%.*s", STR_ARG(engine->name)), 0, engine->provider);
}

/* ---- the list: personas page by page, then engines */

struct listing {
    struct buf b;
    struct jw w;
};

static void next_page(struct call *call, struct str after) LOOP;

static void finish_list(struct call *call) LOOP;
static void finish_list(struct call *call)
{
    struct listing *l = call->state;
    size_t count = 0;
    const struct engine_info *engines = engines_list(call->api->parts.engines, &count);
    for (size_t i = 0; i < count; i++)
        write_engine(&l->w, call_arena(call), &engines[i]);
    jw_end_array(&l->w);
    jw_end_object(&l->w);
    call_json(call, 200, buf_str(&l->b));
}

static void got_page(struct call *call, struct personas_op *op)
{
    on_loop();
    struct listing *l = call->state;
    for (size_t i = 0; i < op->count; i++)
        write_persona(&l->w, op->list[i]);
    if (str_empty(op->next))
        finish_list(call);
    else
        next_page(call, op->next);
}

enum { LIST_PAGE = 200 };

static void next_page(struct call *call, struct str after)
{
    struct persona_deed *deed = call_persona(call, got_page);
    deed->op.after = arena_str(&deed->arena, after);
    deed->op.limit = LIST_PAGE;
    personas_list(call->api->parts.personas, &deed->op);
}

static void closed(struct http_req *req, bool complete)
{
    struct call *call = req->user;
    struct listing *l = call->state;
    (void)complete;
    buf_release(&l->b);
}

void handle_models_list(struct call *call)
{
    struct listing *l = arena_new(call_arena(call), struct listing);
    call->state = l;
    call->req->on_closed = closed;
    l->w = JW(&l->b);
    jw_object(&l->w);
    jw_kv_string(&l->w, "object", STR("list"));
    jw_key(&l->w, STR("data"));
    jw_array(&l->w);
    next_page(call, STR_NONE);
}

/* ---- one */

void model_unknown(struct call *call, struct str name)
{
    struct error e = {0};
    error_set_param(&e, ERR_NOT_FOUND, "model",
                    "The model '%.*s' does not exist here; GET /v1/models lists what there is.",
                    STR_ARG(str_sub(name, 0, 100)));
    str_copy(e.code, sizeof e.code, STR("model_not_found"));
    call_error(call, &e);
}

static void got_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    if (op->err == ERR_NOT_FOUND || op->err == ERR_GONE) {
        model_unknown(call, call_param(call, 0));
        return;
    }
    if (op->err) {
        call_error(call, &op->error);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    write_persona(&w, op->persona);
    call_json(call, 200, buf_str(&b));
}

void handle_model_show(struct call *call)
{
    struct str name = call_param(call, 0);
    if (!str_starts(name, STR("engine/"))) {
        struct persona_deed *deed = call_persona(call, got_persona);
        deed->failures = true;
        deed->op.key = arena_str(&deed->arena, name);
        personas_get(call->api->parts.personas, &deed->op);
        return;
    }
    struct str engine_name = str_from(name, sizeof "engine/" - 1);
    const struct engine_info *engine =
        str_empty(engine_name) ? NULL : engines_find(call->api->parts.engines, engine_name);
    if (!engine) {
        model_unknown(call, name);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    write_engine(&w, call_arena(call), engine);
    call_json(call, 200, buf_str(&b));
}
