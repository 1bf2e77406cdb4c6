/*
 * Providers: the endpoints that reach language models. Their keys are taken, never given.
 *
 * `scripted` is built in and always listed; it has no settings.
 */
#include "api/providers.h"

#include "api/named.h"

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

static bool is_locked(const struct config_provider *p)
{
    return config_named_locked(CONFIG_PROVIDERS, (const struct config_named *)p);
}

static const char *const shown[] = {"type", "base_url", NULL};

static void write_provider(struct jw *w, const struct config_provider *p)
{
    jw_object(w);
    jw_kv_string(w, "name", p->name);
    jw_kv_string(w, "type", p->type);
    jw_kv_string(w, "base_url", p->base_url);
    jw_kv_bool(w, "api_key_set", !str_empty(p->api_key));
    jw_kv_bool(w, "headers_set", p->headers.n > 0);
    named_write_settings(w, CONFIG_PROVIDERS, (const struct config_named *)p, shown);
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

static void send_provider(struct call *call, struct str name, int status)
{
    on_loop();
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

static const struct named_kind kind = {
    .settings = SETTINGS_PROVIDER,
    .config = CONFIG_PROVIDERS,
    .noun = "provider",
    .a = "A provider",
    .required = "base_url",
    .required_sentence = "A provider needs a base_url, as http://127.0.0.1:1234/v1.",
    .send = send_provider,
};

void handle_provider_post(struct call *call)
{
    named_post(call, &kind);
}

void handle_provider_put(struct call *call)
{
    named_put(call, &kind);
}

void handle_provider_delete(struct call *call)
{
    named_delete(call, &kind);
}
