/* Named sections of the settings; see named.h. */
#include "api/named.h"

#include "api/providers.h"
#include "base/config_value.h"

/* ---- showing ---- */
static bool listed(const char *const *list, const char *key)
{
    for (; *list; list++) {
        if (strcmp(*list, key) == 0)
            return true;
    }
    return false;
}

void named_write_settings(struct jw *w, enum config_kind kind, const struct config_named *named,
                          const char *const *shown)
{
    const struct config_kind_info *info = config_kind(kind);
    jw_key(w, STR("settings"));
    jw_object(w);
    for (size_t i = 0; i < info->count; i++) {
        const struct config_row *row = &info->rows[i];
        if (row->flags & CONFIG_SECRET || named->sources[i] == CONFIG_FROM_DEFAULT || listed(shown, row->key))
            continue;
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw value = JW(&b);
        config_value_write_json(&value, row, named);
        jw_key(w, str_c(row->key));
        if (b.n && b.p[0] == '"')
            jw_raw(w, buf_str(&b));
        else
            jw_string(w, buf_str(&b));
    }
    jw_end_object(w);
}

/* ---- taking ---- */
static bool unsets(const struct json *value)
{
    return !value || value->type == JSON_NULL || (value->type == JSON_STRING && str_empty(value->string)) ||
           (value->type == JSON_ARRAY && value->count == 0);
}

/* A field may stand in the body itself or in its `settings`. */
static const struct json *field(const struct json *body, const char *key)
{
    const struct json *value = json_get(body, key);
    return value ? value : json_get(json_get(body, "settings"), key);
}

static enum err take_fields(struct call *call, const struct named_kind *kind, bool whole,
                            struct settings_change *change, struct error *e)
{
    const struct config_kind_info *info = config_kind(kind->config);
    const struct json *settings = json_get(call->body, "settings");
    change->values = arena_array(&change->arena, struct settings_value, info->count);
    for (size_t i = 0; i < info->count; i++) {
        const struct json *value = field(call->body, info->rows[i].key);
        if (!value && (!whole || info->rows[i].flags & CONFIG_SECRET))
            continue;
        struct settings_value *v = &change->values[change->count++];
        v->key = str_c(info->rows[i].key);
        v->unset = unsets(value);
        if (!v->unset && !settings_text(&change->arena, value, &v->value))
            return error_set_param(e, ERR_WRONG_TYPE, info->rows[i].key,
                                   "'%s' must be a text, a number or a list of texts.", info->rows[i].key);
    }
    for (const struct json *one = settings ? settings->child : NULL; one; one = one->next) {
        bool known = false;
        for (size_t i = 0; i < info->count; i++)
            known = known || str_eq(one->key, str_c(info->rows[i].key));
        if (!known)
            return error_set_param(e, ERR_UNKNOWN_FIELD, "settings", "%s has no setting '%.*s'.", kind->a,
                                   STR_ARG(str_sub(one->key, 0, 64)));
    }
    return ERR_OK;
}

/* ---- changing ---- */
static void changed(struct call *call, struct settings_change *change)
{
    on_loop();
    const struct named_kind *const *kind = call->state;
    if (change->remove)
        call_status(call, 204);
    else
        (*kind)->send(call, change->name, change->create ? 201 : 200);
}

static LOOP void submit(struct call *call, const struct named_kind *kind, struct settings_change *change)
{
    const struct named_kind **kept = arena_new(call_arena(call), const struct named_kind *);
    *kept = kind;
    call->state = kept;
    settings_change_call(call, change, changed);
}

static LOOP bool may_change(struct call *call, const struct named_kind *kind, struct str name)
{
    if (!settings_name_ok(call, name))
        return false;
    if (kind->taken && kind->taken(name)) {
        call_refuse_param(call, ERR_REFUSED, "name", "%s", kind->taken_sentence);
        return false;
    }
    const struct config_named *named = config_named(call_config(call), kind->config, name);
    if (!named || !config_named_locked(kind->config, named))
        return true;
    call_refuse(call, ERR_CONFLICT,
                "The %s '%.*s' is set by the configuration file, the environment or a flag; change it "
                "there.",
                kind->noun, STR_ARG(name));
    return false;
}

static LOOP void change(struct call *call, const struct named_kind *kind, struct str name, bool create,
                        bool whole)
{
    struct error e = {0};
    if (!may_change(call, kind, name))
        return;
    if (whole && kind->required && unsets(json_get(call->body, kind->required))) {
        call_refuse_param(call, ERR_MISSING_FIELD, kind->required, "%s", kind->required_sentence);
        return;
    }
    struct settings_change *c = settings_change_new(kind->settings, name);
    c->create = create;
    if (take_fields(call, kind, whole, c, &e)) {
        settings_change_free(c);
        call_error(call, &e);
        return;
    }
    submit(call, kind, c);
}

void named_post(struct call *call, const struct named_kind *kind)
{
    const struct json *name = json_get(call->body, "name");
    if (name)
        change(call, kind, name->string, true, true);
    else
        call_refuse_param(call, ERR_MISSING_FIELD, "name", "%s needs a name.", kind->a);
}

static LOOP bool same_name(struct call *call, const struct named_kind *kind)
{
    const struct json *given = json_get(call->body, "name");
    if (!given || str_eq(given->string, call_param(call, 0)))
        return true;
    call_refuse_param(call, ERR_REFUSED, "name", "%s keeps its name; add another one instead.", kind->a);
    return false;
}

void named_put(struct call *call, const struct named_kind *kind)
{
    if (same_name(call, kind))
        change(call, kind, call_param(call, 0), false, true);
}

void named_patch(struct call *call, const struct named_kind *kind)
{
    struct str name = call_param(call, 0);
    if (!same_name(call, kind))
        return;
    if (config_named(call_config(call), kind->config, name) || (kind->taken && kind->taken(name)))
        change(call, kind, name, false, false);
    else
        call_refuse(call, ERR_NOT_FOUND, "There is no %s called '%.*s'.", kind->noun,
                    STR_ARG(str_sub(name, 0, 64)));
}

void named_delete(struct call *call, const struct named_kind *kind)
{
    struct str name = call_param(call, 0);
    if (!may_change(call, kind, name))
        return;
    struct settings_change *c = settings_change_new(kind->settings, name);
    c->remove = true;
    submit(call, kind, c);
}
