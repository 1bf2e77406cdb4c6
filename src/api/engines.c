/* Engines: named choices of provider, model and sampling. `scripted` is built in and always listed. */
#include "api/named.h"
#include "api/providers.h"
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
    jw_kv_string(w, "vision", STR("off"));
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

static void send_engine(struct call *call, struct str name, int status)
{
    on_loop();
    engine_send(call, name, status);
}

/* engine.default is a setting. */
static bool is_default(struct str name)
{
    return str_eq(name, STR("default"));
}

static const struct named_kind kind = {
    .settings = SETTINGS_ENGINE,
    .config = CONFIG_ENGINES,
    .noun = "engine",
    .a = "An engine",
    .required = "provider",
    .required_sentence = "An engine needs a provider: the name of one, or scripted.",
    .taken = is_default,
    .taken_sentence = "'default' cannot be an engine's name.",
    .send = send_engine,
};

void handle_engine_post(struct call *call)
{
    named_post(call, &kind);
}

void handle_engine_put(struct call *call)
{
    named_put(call, &kind);
}

void handle_engine_delete(struct call *call)
{
    named_delete(call, &kind);
}
