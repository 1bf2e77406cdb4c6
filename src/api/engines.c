/* Engines: named choices of provider, model and sampling. `scripted` is built in and always listed. */
#include "api/providers.h"
#include "api/settings.h"
#include "base/config_value.h"
#include "engine/engine.h"

/* ---- showing */

static void write_tail(struct jw *w, struct call *call, struct str name, bool locked) LOOP;
static void write_tail(struct jw *w, struct call *call, struct str name, bool locked)
{
    jw_kv_bool(w, "default", str_eq(engines_default(call->api->parts.engines), name));
    jw_kv_bool(w, "locked", locked);
    jw_end_object(w);
}

static bool is_locked(const struct config_engine *engine)
{
    return config_named_locked(CONFIG_ENGINES, (const struct config_named *)engine);
}

static void write_engine(struct jw *w, struct call *call, const struct config_engine *engine) LOOP;
static void write_engine(struct jw *w, struct call *call, const struct config_engine *engine)
{
    const struct config_row *rows = config_kind(CONFIG_ENGINES)->rows;
    size_t count = config_kind(CONFIG_ENGINES)->count;
    jw_object(w);
    jw_kv_string(w, "name", engine->name);
    for (size_t i = 0; i < count; i++) {
        jw_key(w, str_c(rows[i].key));
        config_value_write_json(w, &rows[i], engine);
    }
    write_tail(w, call, engine->name, is_locked(engine));
}

static void write_scripted(struct jw *w, struct call *call) LOOP;
static void write_scripted(struct jw *w, struct call *call)
{
    static const char *const unset[] = {
        "temperature",      "top_p",      "top_k", "min_p",         "repeat_penalty", "frequency_penalty",
        "presence_penalty", "max_tokens", "seed",  "context_tokens"};
    jw_object(w);
    jw_kv_string(w, "name", STR("scripted"));
    jw_kv_string(w, "provider", STR("scripted"));
    jw_kv_string(w, "model", STR("scripted"));
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        jw_kv_null(w, unset[i]);
    jw_kv_raw(w, "stop", STR("[]"));
    jw_kv_string(w, "style", STR("system"));
    jw_kv_raw(w, "fallback", STR("[]"));
    write_tail(w, call, STR("scripted"), true);
}

void handle_engines_page(struct call *call)
{
    const struct config *config = call_config(call);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    struct page page;
    if (!page_begin(&page, call))
        return;
    list_begin(&w, &b);
    if (page_has(&page, STR("scripted")))
        write_scripted(&w, call);
    for (size_t i = 0; i < config->engine_count; i++)
        if (page_has(&page, config->engines[i].name))
            write_engine(&w, call, &config->engines[i]);
    list_end(&w, page_next(&page));
    call_json(call, 200, buf_str(&b));
}

void engine_send(struct call *call, struct str name, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct config_engine *engine = config_engine(call_config(call), name);
    if (str_eq(name, STR("scripted"))) {
        write_scripted(&w, call);
    } else if (engine) {
        write_engine(&w, call, engine);
    } else {
        call_refuse(call, ERR_NOT_FOUND, "There is no engine called '%.*s'.", STR_ARG(str_sub(name, 0, 64)));
        return;
    }
    call_json(call, status, buf_str(&b));
}

void handle_engine_show(struct call *call)
{
    engine_send(call, call_param(call, 0), 200);
}

/* ---- changing */

/* Every field of an engine; what the body leaves out, or gives as null, is unset. */
static enum err take_fields(struct call *call, struct settings_change *change, struct error *e)
{
    const struct config_row *rows = config_kind(CONFIG_ENGINES)->rows;
    size_t count = config_kind(CONFIG_ENGINES)->count;
    change->values = arena_array(&change->arena, struct settings_value, count);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_get(call->body, rows[i].key);
        struct settings_value *v = &change->values[change->count++];
        v->key = str_c(rows[i].key);
        v->unset = !value || value->type == JSON_NULL || (value->type == JSON_ARRAY && value->count == 0);
        if (!v->unset && !settings_text(&change->arena, value, &v->value))
            return error_set_param(e, ERR_REFUSED, rows[i].key, "The members of '%s' may not have commas.",
                                   rows[i].key);
    }
    return ERR_OK;
}

static void made(struct call *call, struct settings_change *change)
{
    on_loop();
    engine_send(call, change->name, 201);
}

static void changed(struct call *call, struct settings_change *change)
{
    on_loop();
    engine_send(call, change->name, 200);
}

static void removed(struct call *call, struct settings_change *change)
{
    on_loop();
    (void)change;
    call_status(call, 204);
}

static bool not_locked(struct call *call, struct str name) LOOP;
static bool not_locked(struct call *call, struct str name)
{
    const struct config_engine *engine = config_engine(call_config(call), name);
    if (!engine || !is_locked(engine))
        return true;
    call_refuse(call, ERR_CONFLICT,
                "The engine '%.*s' is set by the configuration file, the environment or a flag; change it "
                "there.",
                STR_ARG(name));
    return false;
}

static void change(struct call *call, struct str name, bool create) LOOP;
static void change(struct call *call, struct str name, bool create)
{
    struct error e = {0};
    if (!settings_name_ok(call, name) || !not_locked(call, name))
        return;
    if (str_empty(json_get_str(call->body, "provider", STR_NONE))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "provider",
                          "An engine needs a provider: the name of one, or scripted.");
        return;
    }
    struct settings_change *c = settings_change_new(SETTINGS_ENGINE, name);
    c->create = create;
    if (take_fields(call, c, &e)) {
        settings_change_free(c);
        call_error(call, &e);
        return;
    }
    settings_change_call(call, c, create ? made : changed);
}

void handle_engine_post(struct call *call)
{
    const struct json *name = json_get(call->body, "name");
    /* "default" is the name of a setting, engine.default. */
    if (!name)
        call_refuse_param(call, ERR_MISSING_FIELD, "name", "An engine needs a name.");
    else if (str_eq(name->string, STR("default")))
        call_refuse_param(call, ERR_REFUSED, "name", "'default' cannot be an engine's name.");
    else
        change(call, name->string, true);
}

void handle_engine_put(struct call *call)
{
    struct str name = call_param(call, 0);
    const struct json *given = json_get(call->body, "name");
    if ((given && !str_eq(given->string, name)) || str_eq(name, STR("default")))
        call_refuse_param(call, ERR_REFUSED, "name", "An engine keeps its name; add another one instead.");
    else
        change(call, name, false);
}

void handle_engine_delete(struct call *call)
{
    struct str name = call_param(call, 0);
    if (!settings_name_ok(call, name) || !not_locked(call, name))
        return;
    struct settings_change *c = settings_change_new(SETTINGS_ENGINE, name);
    c->remove = true;
    settings_change_call(call, c, removed);
}
