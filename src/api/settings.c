/* The settings in force and their change; see settings.h. */
#include "api/settings.h"

#include "tenant/principal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What is stored, as flat names: "engine.default", "provider.lm.base_url". */
struct stored {
    struct str name, value;
    struct stored *next;
};

struct version {
    struct config config;
    struct version *older;
};

struct settings {
    struct settings_sources sources;
    struct store *store;
    _Atomic(const struct config *) now;
    void (*applied)(void *arg, const struct config *now);
    void *applied_arg;

    pthread_mutex_t lock; /* all below */
    struct version *versions;
    struct arena memory; /* of `stored`; what was replaced stays until the end: changes are few */
    struct stored *stored;
    bool changing;
};

static const struct {
    const char *type, *prefix; /* of documents; of flat names */
    const char *called;        /* in sentences */
    enum config_kind named;
} kinds[SETTINGS_KINDS] = {
    [SETTINGS_PLAIN] = {"setting", "", "setting", CONFIG_KINDS},
    [SETTINGS_PROVIDER] = {"provider", "provider.", "provider", CONFIG_PROVIDERS},
    [SETTINGS_ENGINE] = {"engine", "engine.", "engine", CONFIG_ENGINES},
    [SETTINGS_SPEECH] = {"speech_provider", "speech.", "speech provider", CONFIG_SPEECH_PROVIDERS},
};

/* Everything plain is one document. */
#define PLAIN_NAME "all"

const struct config *settings_config(const struct settings *s)
{
    return atomic_load_explicit(&s->now, memory_order_acquire);
}

void settings_on_change(struct settings *s, void (*applied)(void *arg, const struct config *now), void *arg)
{
    s->applied = applied;
    s->applied_arg = arg;
}

/* ---- building a config */

static enum err read_sources(const struct settings_sources *from, struct config *c, struct error *e)
{
    enum err err = ERR_OK;
    if (from->file_name)
        err = config_read_text(c, from->file_text, from->file_name, e);
    if (!err && from->environment)
        err = config_read_environment(c, from->environment, e);
    for (char *const *flag = from->flags; !err && flag && *flag; flag++) {
        bool used = false;
        err = config_read_flag(c, *flag, &used, e);
    }
    return err;
}

static enum err build(const struct settings *s, const struct stored *stored, struct version **out,
                      struct error *e)
{
    struct version *v = heap_alloc(sizeof *v);
    config_init(&v->config);
    enum err err = read_sources(&s->sources, &v->config, e);
    for (; !err && stored; stored = stored->next)
        err = config_set(&v->config, stored->name, stored->value, CONFIG_FROM_STORED, "The setting", e);
    if (!err)
        err = config_check(&v->config, e);
    if (err) {
        config_release(&v->config);
        free(v);
        return err;
    }
    *out = v;
    return ERR_OK;
}

static void put_in_force(struct settings *s, struct version *v)
{
    v->older = s->versions;
    s->versions = v;
    atomic_store_explicit(&s->now, &v->config, memory_order_release);
}

enum err settings_new(const struct settings_sources *sources, struct settings **out, struct error *e)
{
    struct settings *s = heap_alloc(sizeof *s);
    struct version *v = NULL;
    s->sources = *sources;
    pthread_mutex_init(&s->lock, NULL);
    enum err err = build(s, NULL, &v, e);
    if (err) {
        settings_free(s);
        return err;
    }
    put_in_force(s, v);
    *out = s;
    return ERR_OK;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    while (s->versions) {
        struct version *v = s->versions;
        s->versions = v->older;
        config_release(&v->config);
        free(v);
    }
    arena_release(&s->memory);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- what is stored */

static void remember(struct arena *a, struct stored **list, struct str name, struct str value)
{
    struct stored *item = arena_new(a, struct stored);
    item->name = arena_str(a, name);
    item->value = arena_str(a, value);
    while (*list)
        list = &(*list)->next;
    *list = item;
}

static struct str flat_name(struct arena *a, enum settings_kind kind, struct str name, struct str key)
{
    if (kind == SETTINGS_PLAIN)
        return arena_str(a, key);
    return arena_printf(a, "%s%.*s.%.*s", kinds[kind].prefix, STR_ARG(name), STR_ARG(key));
}

/* One document: an object of strings. */
static void remember_doc(struct arena *a, struct stored **list, enum settings_kind kind,
                         const struct doc_row *doc)
{
    struct json *values = NULL;
    if (json_parse(a, doc->data, &values, NULL) != ERR_OK)
        return;
    json_each (value, values)
        remember(a, list, flat_name(a, kind, doc->slug, value->key), value->string);
}

enum { LOAD_PAGE = 200 };

static enum err load_kind(struct settings *s, enum settings_kind kind, struct error *e)
{
    struct str after = STR_NONE;
    for (bool more = true; more;) {
        struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
        list->type = str_c(kinds[kind].type);
        list->tenant = tenant_local();
        list->after = after;
        list->limit = LOAD_PAGE;
        enum err err = store_wait(s->store, &list->op);
        /* Other parts keep documents of the kind "setting" too; ours has this name. */
        for (size_t i = 0; !err && i < list->count; i++)
            if (kind != SETTINGS_PLAIN || str_eq(list->rows[i].slug, STR(PLAIN_NAME)))
                remember_doc(&s->memory, &s->stored, kind, &list->rows[i]);
        after = arena_str(&s->memory, list->next);
        more = !err && !str_empty(after);
        if (err && e)
            *e = list->op.error;
        store_op_free(&list->op);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err settings_load(struct settings *s, struct store *store, struct error *complaint, struct error *e)
{
    s->store = store;
    for (enum settings_kind kind = SETTINGS_PLAIN; kind < SETTINGS_KINDS; kind++) {
        enum err err = load_kind(s, kind, e);
        if (err)
            return err;
    }
    struct version *v = NULL;
    if (s->stored && build(s, s->stored, &v, complaint) == ERR_OK)
        put_in_force(s, v);
    return ERR_OK;
}

/* ---- a change */

struct changing {
    struct settings *s;
    struct settings_change *change;
    struct stored *stored;   /* as it will be */
    struct version *version; /* the config that goes with it */
};

struct settings_change *settings_change_new(enum settings_kind kind, struct str name)
{
    struct settings_change *change = heap_alloc(sizeof *change);
    change->kind = kind;
    change->name = arena_str(&change->arena, name);
    return change;
}

void settings_change_free(struct settings_change *change)
{
    arena_release(&change->arena);
    free(change);
}

static bool named(const struct settings_change *change, struct arena *a, struct str stored_name,
                  struct str *key)
{
    if (change->kind == SETTINGS_PLAIN) {
        *key = stored_name;
        return !str_starts(stored_name, STR("provider.")) && !str_starts(stored_name, STR("speech.")) &&
               (!str_starts(stored_name, STR("engine.")) || str_eq(stored_name, STR("engine.default")));
    }
    struct str prefix = arena_printf(a, "%s%.*s.", kinds[change->kind].prefix, STR_ARG(change->name));
    *key = str_from(stored_name, prefix.n);
    /* A name may have dots ("lm.studio"), a field has none. */
    return str_starts(stored_name, prefix) && str_find_char(*key, '.') == SIZE_MAX;
}

/* Is this stored value replaced, unset or removed by the change? */
static bool displaced(const struct settings_change *change, struct str key)
{
    for (size_t i = 0; i < change->count; i++)
        if (str_eq(change->values[i].key, key))
            return true;
    return change->remove;
}

/* The stored values with the change applied; *doc: those of the change's document, as JSON. */
static struct stored *changed_list(const struct settings *s, const struct settings_change *change,
                                   struct arena *a, struct buf *doc)
{
    struct stored *list = NULL;
    struct jw w = JW(doc);
    jw_object(&w);
    for (const struct stored *item = s->stored; item; item = item->next) {
        struct str key = STR_NONE;
        bool ours = named(change, a, item->name, &key) && key.p;
        if (ours && displaced(change, key))
            continue;
        remember(a, &list, item->name, item->value);
        if (ours) {
            jw_key(&w, key);
            jw_string(&w, item->value);
        }
    }
    for (size_t i = 0; !change->remove && i < change->count; i++) {
        const struct settings_value *v = &change->values[i];
        if (v->unset)
            continue;
        remember(a, &list, flat_name(a, change->kind, change->name, v->key), v->value);
        jw_key(&w, v->key);
        jw_string(&w, v->value);
    }
    jw_end_object(&w);
    return list;
}

static void finish(struct changing *c, enum err err, const struct error *e) LOOP;
static void finish(struct changing *c, enum err err, const struct error *e)
{
    struct settings *s = c->s;
    struct settings_change *change = c->change;
    pthread_mutex_lock(&s->lock);
    s->changing = false;
    if (err) {
        config_release(&c->version->config);
        free(c->version);
    } else {
        s->stored = NULL;
        for (const struct stored *item = c->stored; item; item = item->next)
            remember(&s->memory, &s->stored, item->name, item->value);
        put_in_force(s, c->version);
    }
    pthread_mutex_unlock(&s->lock);
    if (!err && s->applied)
        s->applied(s->applied_arg, settings_config(s));
    change->err = err;
    if (err)
        change->error = *e;
    change->done(change);
}

static void stored_done(struct store_op *op)
{
    on_loop();
    struct changing *c = op->arg;
    /* Removing what was never written (a provider without fields) is no failure. */
    enum err err = op->kind == STORE_DOC_DELETE && op->err == ERR_NOT_FOUND ? ERR_OK : op->err;
    struct error e = op->error;
    store_op_free(op);
    finish(c, err, &e);
}

static void store_change(struct changing *c, struct str doc) LOOP;
static void store_change(struct changing *c, struct str doc)
{
    const struct settings_change *change = c->change;
    struct str type = str_c(kinds[change->kind].type);
    struct str name = change->kind == SETTINGS_PLAIN ? STR(PLAIN_NAME) : change->name;
    struct id id = id_of_name(type, name);
    if (change->remove) {
        struct store_doc_delete *delete = STORE_NEW(doc_delete, DOC_DELETE);
        delete->type = type;
        delete->tenant = tenant_local();
        delete->id = id;
        delete->erase = true;
        delete->op.arg = c;
        delete->op.done = stored_done;
        store_submit(c->s->store, &delete->op);
        return;
    }
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    put->doc = (struct doc_row){.type = type,
                                .id = id,
                                .tenant = tenant_local(),
                                .owner = tenant_owner(),
                                .slug = name,
                                .sort = name,
                                .data = arena_str(&put->op.arena, doc)};
    put->op.arg = c;
    put->op.done = stored_done;
    store_submit(c->s->store, &put->op);
}

/* Refused before anything was stored; answered at the end of the tick, as every change is answered later. */
static void refused(void *arg)
{
    on_loop();
    struct settings_change *change = arg;
    change->done(change);
}

static enum err prepare(struct settings *s, struct changing *c, struct buf *doc)
{
    struct settings_change *change = c->change;
    const struct config *now = settings_config(s);
    bool there =
        change->kind == SETTINGS_PLAIN || config_named(now, kinds[change->kind].named, change->name) != NULL;
    if (change->create && there)
        return error_set_param(&change->error, ERR_CONFLICT, "name",
                               "There is a %s called '%.*s' already; change that one or choose another name.",
                               kinds[change->kind].called, STR_ARG(change->name));
    if (change->remove && !there)
        return error_set(&change->error, ERR_NOT_FOUND, "There is no %s called '%.*s'.",
                         kinds[change->kind].called, STR_ARG(change->name));
    if (s->changing)
        return error_set(&change->error, ERR_BUSY, "Another change of the settings is under way; try again.");
    c->stored = changed_list(s, change, &change->arena, doc);
    return build(s, c->stored, &c->version, &change->error);
}

void settings_submit(struct settings *s, struct settings_change *change)
{
    CLEANUP_BUF struct buf doc = BUF_INIT;
    struct changing *c = arena_new(&change->arena, struct changing);
    c->s = s;
    c->change = change;
    pthread_mutex_lock(&s->lock);
    change->err = prepare(s, c, &doc);
    s->changing = s->changing || !change->err;
    pthread_mutex_unlock(&s->lock);
    if (change->err)
        loop_defer(loop_self(), refused, change);
    else
        store_change(c, buf_str(&doc));
}
