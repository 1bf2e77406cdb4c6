/*
 * The settings page's settings: GET and PUT /api/config. (Providers and engines have files of their own.)
 *
 * What file, environment or flags set is shown and locked: it is changed there. Secrets are taken, never
 * given.
 */
#include "api/providers.h"
#include "api/settings.h"
#include "base/config_value.h"

static struct str row_key(struct arena *a, const struct config_row *row)
{
    return arena_printf(a, "%s.%s", row->section, row->key);
}

static bool has_value(const struct config *config, const struct config_row *row)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!(row->flags & CONFIG_SECRET))
        return config_source_of(config, row) != CONFIG_FROM_DEFAULT;
    config_value_write_json(&w, row, config);
    return str_find(buf_str(&b), STR("true")) != SIZE_MAX;
}

static void write_row(struct jw *w, struct arena *a, const struct config *config,
                      const struct config_row *row)
{
    static const char *const sources[] = {"default", "stored", "file", "environment", "flag"};
    static const char *const types[] = {
        [CONFIG_TEXT] = "text", [CONFIG_PATH] = "path",   [CONFIG_CHOICE] = "choice",
        [CONFIG_INT] = "int",   [CONFIG_FLOAT] = "float", [CONFIG_SIZE] = "size",
        [CONFIG_BOOL] = "bool", [CONFIG_LIST] = "list",   [CONFIG_DURATION] = "duration",
    };
    enum config_source source = config_source_of(config, row);
    jw_object(w);
    jw_kv_string(w, "key", row_key(a, row));
    jw_key(w, STR("value"));
    if (row->flags & CONFIG_SECRET) {
        jw_null(w);
    } else if (row->type == CONFIG_LIST) {
        const struct config_list *list = (const void *)((const char *)config + row->offset);
        CLEANUP_BUF struct buf b = BUF_INIT;
        for (size_t i = 0; i < list->n; i++) {
            if (i)
                buf_add(&b, STR(", "));
            buf_add(&b, list->v[i]);
        }
        jw_string(w, buf_str(&b));
    } else {
        config_value_write_json(w, row, config);
    }
    jw_kv_string(w, "default", str_c(row->fallback));
    jw_kv_string(w, "doc", str_c(row->doc));
    jw_kv_string(w, "type", str_c(types[row->type]));
    jw_kv_string(w, "limits", str_c(row->limits));
    jw_kv_bool(w, "secret", row->flags & CONFIG_SECRET);
    jw_kv_bool(w, "set", has_value(config, row));
    jw_kv_bool(w, "restart", !(row->flags & CONFIG_LIVE));
    jw_kv_string(w, "from", str_c(sources[source]));
    jw_kv_bool(w, "locked", source > CONFIG_FROM_STORED);
    jw_end_object(w);
}

/* All of them always: a settings page wants no pages. */
void handle_config_list(struct call *call)
{
    size_t count = 0;
    const struct config_row *rows = config_rows(&count);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < count; i++)
        write_row(&w, call_arena(call), call_config(call), &rows[i]);
    list_end(&w, STR_NONE);
    call_json(call, 200, buf_str(&b));
}

/* ---- change */

static const struct config_row *find_row(struct arena *a, struct str key)
{
    size_t count = 0;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++)
        if (str_eq(row_key(a, &rows[i]), key))
            return &rows[i];
    return NULL;
}

static enum err take_value(struct call *call, struct settings_change *change, struct str key,
                           const struct json *value, struct error *e)
{
    char param[64];
    const struct config_row *row = find_row(&change->arena, key);
    str_copy(param, sizeof param, key);
    if (!row)
        return error_set_param(e, ERR_UNKNOWN_FIELD, param,
                               "There is no setting '%s'; GET /api/config lists what there is.", param);
    if (config_source_of(call_config(call), row) > CONFIG_FROM_STORED)
        return error_set_param(e, ERR_CONFLICT, param,
                               "'%s' is set by the configuration file, the environment or a flag; change it "
                               "there.",
                               param);
    struct settings_value *v = &change->values[change->count++];
    v->key = arena_str(&change->arena, key);
    v->unset = value->type == JSON_NULL;
    if (!v->unset && !settings_text(&change->arena, value, &v->value))
        return error_set_param(e, ERR_WRONG_TYPE, param,
                               "'%s' must be a string, a number, true or false, or a list of strings.",
                               param);
    return ERR_OK;
}

static enum err take_all(struct call *call, struct settings_change *change, struct error *e)
{
    size_t room = 0;
    json_each (item, call->body)
        room += item->type == JSON_OBJECT ? item->count : 1;
    change->values = arena_array(&change->arena, struct settings_value, room);
    json_each (item, call->body) {
        enum err err = ERR_OK;
        if (item->type != JSON_OBJECT) {
            err = take_value(call, change, item->key, item, e);
        } else {
            /* A whole section: {"user":{"name":"Ana"}}. */
            for (const struct json *field = item->child; field && !err; field = field->next) {
                struct str key =
                    arena_printf(&change->arena, "%.*s.%.*s", STR_ARG(item->key), STR_ARG(field->key));
                err = take_value(call, change, key, field, e);
            }
        }
        if (err)
            return err;
    }
    return ERR_OK;
}

static void changed(struct call *call, struct settings_change *change)
{
    on_loop();
    (void)change;
    handle_config_list(call);
}

void handle_config_put(struct call *call)
{
    struct error e = {0};
    struct settings_change *change = settings_change_new(SETTINGS_PLAIN, STR_NONE);
    if (take_all(call, change, &e)) {
        settings_change_free(change);
        call_error(call, &e);
        return;
    }
    settings_change_call(call, change, changed);
}
