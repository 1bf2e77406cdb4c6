/*
 * Providers: the endpoints that reach language models. Their keys are taken, never given.
 *
 * `scripted` is built in and always listed; it has no settings.
 */
#include "api/providers.h"

#include "api/settings.h"
#include "base/config_value.h"

/* ---- what all settings routes share */

bool settings_text(struct arena *a, const struct json *value, struct str *out)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    switch (value->type) {
    case JSON_STRING:
        *out = arena_str(a, value->string);
        return true;
    case JSON_NUMBER:
    case JSON_BOOL:
        *out = arena_str(a, value->raw);
        return true;
    case JSON_ARRAY:
        json_each (item, value) {
            if (item->type != JSON_STRING)
                return false;
            config_list_add(&b, item->string);
        }
        *out = arena_str(a, buf_str(&b));
        return true;
    default:
        return false;
    }
}

enum { NAME_MAX_BYTES = 64 };

bool settings_name_ok(struct call *call, struct str name)
{
    bool ok = name.n > 0 && name.n <= NAME_MAX_BYTES;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
    }
    if (ok && !str_eq(name, STR("scripted")))
        return true;
    if (ok)
        call_refuse_param(call, ERR_CONFLICT, "name", "'scripted' is built in; choose another name.");
    else
        call_refuse_param(call, ERR_REFUSED, "name",
                          "A name has 1 to %d lower-case letters, digits, '-', '_' and '.'.", NAME_MAX_BYTES);
    return false;
}

struct change_waiting {
    struct http_ref ref;
    void (*then)(struct call *, struct settings_change *);
};

static void change_done(struct settings_change *change)
{
    on_loop();
    const struct change_waiting *waiting = change->arg;
    struct http_req *req = http_find(waiting->ref);
    if (req && change->err)
        call_error(req->user, &change->error);
    else if (req)
        waiting->then(req->user, change);
    settings_change_free(change);
}

void settings_change_call(struct call *call, struct settings_change *change,
                          void (*then)(struct call *call, struct settings_change *change))
{
    struct change_waiting *waiting = arena_new(&change->arena, struct change_waiting);
    waiting->ref = http_ref(call->req);
    waiting->then = then;
    change->arg = waiting;
    change->done = change_done;
    settings_submit(call->api->parts.settings, change);
}

/* ---- showing */

static void write_settings(struct jw *w, const struct config_provider *p)
{
    const struct config_row *rows = config_kind(CONFIG_PROVIDERS)->rows;
    size_t count = config_kind(CONFIG_PROVIDERS)->count;
    jw_key(w, STR("settings"));
    jw_object(w);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].flags & CONFIG_SECRET || p->sources[i] == CONFIG_FROM_DEFAULT ||
            strcmp(rows[i].key, "type") == 0 || strcmp(rows[i].key, "base_url") == 0)
            continue;
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw value = JW(&b);
        config_value_write_json(&value, &rows[i], p);
        jw_key(w, str_c(rows[i].key));
        if (b.n && b.p[0] == '"')
            jw_raw(w, buf_str(&b));
        else
            jw_string(w, buf_str(&b));
    }
    jw_end_object(w);
}

static bool is_locked(const struct config_provider *p)
{
    return config_named_locked(CONFIG_PROVIDERS, (const struct config_named *)p);
}

static void write_provider(struct jw *w, const struct config_provider *p)
{
    jw_object(w);
    jw_kv_string(w, "name", p->name);
    jw_kv_string(w, "type", p->type);
    jw_kv_string(w, "base_url", p->base_url);
    jw_kv_bool(w, "api_key_set", !str_empty(p->api_key));
    jw_kv_bool(w, "headers_set", p->headers.n > 0);
    write_settings(w, p);
    jw_kv_bool(w, "locked", is_locked(p));
    jw_end_object(w);
}

static void write_scripted(struct jw *w)
{
    jw_raw(w, STR("{\"name\":\"scripted\",\"type\":\"scripted\",\"base_url\":\"\",\"api_key_set\":false,"
                  "\"headers_set\":false,\"settings\":{},\"locked\":true}"));
}

/* Models on this machine, unless a section took the name. */
static bool has_llama(const struct config *config)
{
    return !config_provider(config, STR("llama"));
}

static void write_llama(struct jw *w)
{
    jw_raw(w, STR("{\"name\":\"llama\",\"type\":\"llama\",\"base_url\":\"\",\"api_key_set\":false,"
                  "\"headers_set\":false,\"settings\":{},\"locked\":true}"));
}

void providers_write(struct jw *w, const struct api *api)
{
    const struct config *config = settings_config(api->parts.settings);
    write_scripted(w);
    if (has_llama(config))
        write_llama(w);
    for (size_t i = 0; i < config->provider_count; i++)
        write_provider(w, &config->providers[i]);
}

void handle_providers_page(struct call *call)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    struct page page;
    if (!page_begin(&page, call))
        return;
    const struct config *config = call_config(call);
    list_begin(&w, &b);
    if (page_has(&page, STR("scripted")))
        write_scripted(&w);
    if (has_llama(config) && page_has(&page, STR("llama")))
        write_llama(&w);
    for (size_t i = 0; i < config->provider_count; i++)
        if (page_has(&page, config->providers[i].name))
            write_provider(&w, &config->providers[i]);
    list_end(&w, page_next(&page));
    call_json(call, 200, buf_str(&b));
}

static void send_provider(struct call *call, struct str name, int status) LOOP;
static void send_provider(struct call *call, struct str name, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct config_provider *p = config_provider(call_config(call), name);
    if (str_eq(name, STR("scripted"))) {
        write_scripted(&w);
    } else if (!p && str_eq(name, STR("llama"))) {
        write_llama(&w);
    } else if (p) {
        write_provider(&w, p);
    } else {
        call_refuse(call, ERR_NOT_FOUND, "There is no provider called '%.*s'.",
                    STR_ARG(str_sub(name, 0, 64)));
        return;
    }
    call_json(call, status, buf_str(&b));
}

void handle_provider_show(struct call *call)
{
    send_provider(call, call_param(call, 0), 200);
}

/* ---- changing */

/* Every field of a provider; what the body leaves out is unset, but for secrets, which stay. */
static enum err take_fields(struct call *call, struct settings_change *change, struct error *e)
{
    const struct config_row *rows = config_kind(CONFIG_PROVIDERS)->rows;
    size_t count = config_kind(CONFIG_PROVIDERS)->count;
    const struct json *settings = json_get(call->body, "settings");
    change->values = arena_array(&change->arena, struct settings_value, count);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_get(call->body, rows[i].key);
        if (!value)
            value = json_get(settings, rows[i].key);
        if (!value && rows[i].flags & CONFIG_SECRET)
            continue;
        struct settings_value *v = &change->values[change->count++];
        v->key = str_c(rows[i].key);
        v->unset =
            !value || value->type == JSON_NULL || (value->type == JSON_STRING && str_empty(value->string));
        if (!v->unset && !settings_text(&change->arena, value, &v->value))
            return error_set_param(e, ERR_WRONG_TYPE, rows[i].key, "'%s' must be a string.", rows[i].key);
    }
    for (const struct json *field = settings ? settings->child : NULL; field; field = field->next) {
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || str_eq(field->key, str_c(rows[i].key));
        if (!known)
            return error_set_param(e, ERR_UNKNOWN_FIELD, "settings", "A provider has no setting '%.*s'.",
                                   STR_ARG(str_sub(field->key, 0, 64)));
    }
    return ERR_OK;
}

static void made(struct call *call, struct settings_change *change)
{
    on_loop();
    send_provider(call, change->name, 201);
}

static void changed(struct call *call, struct settings_change *change)
{
    on_loop();
    send_provider(call, change->name, 200);
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
    const struct config_provider *p = config_provider(call_config(call), name);
    if (!p || !is_locked(p))
        return true;
    call_refuse(call, ERR_CONFLICT,
                "The provider '%.*s' is set by the configuration file, the environment or a flag; change it "
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
    if (str_empty(json_get_str(call->body, "base_url", STR_NONE))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "base_url",
                          "A provider needs a base_url, as http://127.0.0.1:1234/v1.");
        return;
    }
    struct settings_change *c = settings_change_new(SETTINGS_PROVIDER, name);
    c->create = create;
    if (take_fields(call, c, &e)) {
        settings_change_free(c);
        call_error(call, &e);
        return;
    }
    settings_change_call(call, c, create ? made : changed);
}

void handle_provider_post(struct call *call)
{
    const struct json *name = json_get(call->body, "name");
    if (name)
        change(call, name->string, true);
    else
        call_refuse_param(call, ERR_MISSING_FIELD, "name", "A provider needs a name.");
}

void handle_provider_put(struct call *call)
{
    struct str name = call_param(call, 0);
    const struct json *given = json_get(call->body, "name");
    if (given && !str_eq(given->string, name))
        call_refuse_param(call, ERR_REFUSED, "name", "A provider keeps its name; add another one instead.");
    else
        change(call, name, false);
}

void handle_provider_delete(struct call *call)
{
    struct str name = call_param(call, 0);
    if (!settings_name_ok(call, name) || !not_locked(call, name))
        return;
    struct settings_change *c = settings_change_new(SETTINGS_PROVIDER, name);
    c->remove = true;
    settings_change_call(call, c, removed);
}
