/* The house: its snapshot, and changes of it; see house.h. */
#include "persona/house.h"

#include "base/clock.h"
#include "persona/registry.h"

#include <pthread.h>
#include <stdlib.h>

#define HOUSE_DOC_TYPE STR("house")
#define PROFILE_DOC_TYPE STR("profile")
enum { RETIRED_MS = 60 * 1000 };

struct snapshot {
    struct house house;
    struct arena arena;
    uint64_t number; /* of the load that made it: a slower, earlier one must not replace it */
    struct snapshot *older;
    uint64_t retired_us;
};

struct house_store {
    _Atomic(struct snapshot *) now;
    pthread_mutex_t lock; /* of replacing */
    uint64_t loads;
};

static struct house nothing; /* everything off, nobody there */

const struct house *personas_house(const struct personas *ps)
{
    const struct snapshot *s = ps->house->now;
    return s ? &s->house : &nothing;
}

const struct profile *house_profile_of(const struct house *house, struct id id)
{
    for (size_t i = 0; i < house->profile_count; i++) {
        if (id_eq(house->profiles[i].id, id))
            return &house->profiles[i];
    }
    return NULL;
}

const struct profile *house_profile(const struct house *house, struct id id)
{
    const struct profile *p = id_none(id) ? NULL : house_profile_of(house, id);
    for (size_t i = 0; i < house->profile_count && !p; i++) {
        if (house->profiles[i].is_default)
            p = &house->profiles[i];
    }
    return p;
}

/* ---- snapshots ---- */

static void free_snapshot(struct snapshot *s)
{
    arena_release(&s->arena);
    free(s);
}

void house_free(struct house_store *h)
{
    if (!h)
        return;
    for (struct snapshot *s = h->now, *older; s; s = older) {
        older = s->older;
        free_snapshot(s);
    }
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Puts the snapshot in place and frees what was replaced long ago. */
static void install(struct house_store *h, struct snapshot *s)
{
    pthread_mutex_lock(&h->lock);
    struct snapshot *was = h->now;
    if (was && was->number > s->number) {
        free_snapshot(s);
    } else {
        uint64_t now = clock_mono_us();
        s->older = was;
        if (was)
            was->retired_us = now;
        h->now = s;
        for (struct snapshot **at = &s->older; *at;) {
            struct snapshot *old = *at;
            if (now - old->retired_us < (uint64_t)RETIRED_MS * 1000) {
                at = &old->older;
                continue;
            }
            *at = old->older;
            free_snapshot(old);
        }
    }
    pthread_mutex_unlock(&h->lock);
}

struct house_store *house_new(void)
{
    struct house_store *h = heap_alloc(sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

/* ---- reading ---- */

static struct persona_list read_list(struct arena *a, const struct json *doc, const char *name)
{
    const struct json *value = json_get(doc, name);
    struct persona_list list = {0};
    if (!value || value->type != JSON_ARRAY)
        return list;
    list.v = arena_array(a, struct str, value->count);
    json_each (member, value) {
        if (member->type == JSON_STRING && list.n < LIMITS_LIST_MAX && !str_empty(str_trim(member->string)))
            list.v[list.n++] = arena_str(a, str_sub(str_trim(member->string), 0, LIMITS_TEXT_MAX));
    }
    return list;
}

static void read_limits(struct arena *a, const struct json *doc, struct content_limits *out)
{
    out->adult = json_get_bool(doc, "adult", false);
    out->romance = out->adult && json_get_bool(doc, "romance", false);
    out->confirmed_ms = json_get_i64(doc, "confirmed_ms", 0);
    out->avoid_words = read_list(a, doc, "avoid_words");
    out->avoid_themes = read_list(a, doc, "avoid_themes");
}

static struct id house_id(void)
{
    return id_of_name(STR("setting"), STR("house"));
}

/* A load under way: the house's document, then the profiles. */
struct load {
    struct deed *deed;
    struct snapshot *snapshot;
    struct id preferred;
};

static LOOP void load_end(struct load *l, enum err err, const struct error *e)
{
    struct deed *d = l->deed;
    if (err == ERR_OK)
        install(d->ps->house, l->snapshot);
    else
        free_snapshot(l->snapshot);
    free(l);
    if (err == ERR_OK)
        deed_end(d);
    else
        deed_fail(d, err, e);
}

static void read_profile(struct load *l, const struct doc_row *doc)
{
    struct arena *a = &l->snapshot->arena;
    struct house *h = &l->snapshot->house;
    struct json *json = NULL;
    if (json_parse(a, arena_str(a, doc->data), &json, NULL) != ERR_OK)
        return;
    h->profiles[h->profile_count++] = (struct profile){
        .id = doc->id,
        .name = json_get_str(json, "name", STR_NONE),
        .description = json_get_str(json, "description", STR_NONE),
        .version = doc->version,
        .created_ms = doc->created_ms,
        .updated_ms = doc->updated_ms,
    };
}

static void profiles_read(struct store_op *op)
{
    on_loop();
    struct store_docs_list *list = (struct store_docs_list *)op;
    struct load *l = op->arg;
    struct house *h = &l->snapshot->house;
    enum err err = op->err;
    struct error e = op->error;
    h->profiles = arena_array(&l->snapshot->arena, struct profile, list->count);
    for (size_t i = list->count; err == ERR_OK && i-- > 0;) /* newest first */
        read_profile(l, &list->rows[i]);
    store_op_free(op);
    struct profile *preferred = (struct profile *)house_profile_of(h, l->preferred);
    if (!preferred && h->profile_count)
        preferred = &h->profiles[0];
    if (preferred)
        preferred->is_default = true;
    load_end(l, err, &e);
}

static void house_read(struct store_op *op)
{
    on_loop();
    struct store_doc_get *get = (struct store_doc_get *)op;
    struct load *l = op->arg;
    struct personas *ps = l->deed->ps;
    struct arena *a = &l->snapshot->arena;
    struct json *json = NULL;
    bool none = op->err == ERR_NOT_FOUND || op->err == ERR_GONE;
    if (op->err != ERR_OK && !none) {
        enum err err = op->err;
        struct error e = op->error;
        store_op_free(op);
        load_end(l, err, &e);
        return;
    }
    if (!none && json_parse(a, arena_str(a, get->doc.data), &json, NULL) == ERR_OK) {
        read_limits(a, json, &l->snapshot->house.limits);
        id_parse(json_get_str(json, "default_profile", STR_NONE), &l->preferred);
    }
    l->snapshot->house.limits_version = none ? 0 : get->doc.version;
    store_op_free(op);
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    list->type = PROFILE_DOC_TYPE;
    list->tenant = ps->options.tenant;
    list->limit = PROFILES_MAX;
    list->newest_first = true;
    list->op.done = profiles_read;
    list->op.arg = l;
    store_submit(ps->store, &list->op);
}

/* Reads everything anew, then ends the deed. */
static LOOP void load(struct deed *d)
{
    struct load *l = heap_alloc(sizeof *l);
    struct house_store *h = d->ps->house;
    l->deed = d;
    l->snapshot = heap_alloc(sizeof *l->snapshot);
    pthread_mutex_lock(&h->lock);
    l->snapshot->number = ++h->loads;
    pthread_mutex_unlock(&h->lock);
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = HOUSE_DOC_TYPE;
    get->tenant = d->ps->options.tenant;
    get->id = house_id();
    get->op.done = house_read;
    get->op.arg = l;
    store_submit(d->ps->store, &get->op);
}

void personas_house_load(struct personas *ps, struct personas_op *op)
{
    load(deed_new(ps, op));
}

/* ---- changing ---- */

static void end_now(void *arg)
{
    on_loop();
    deed_end(arg);
}

static LOOP void refuse(struct deed *d, enum err err)
{
    d->op->err = err;
    loop_defer(d->loop, end_now, d);
}

static void write_list(struct jw *w, const char *name, const struct persona_list *list)
{
    jw_key(w, str_c(name));
    jw_array(w);
    for (size_t i = 0; i < list->n; i++)
        jw_string(w, list->v[i]);
    jw_end_array(w);
}

static struct str house_text(struct arena *a, const struct content_limits *limits, struct id preferred)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_bool(&w, "adult", limits->adult);
    jw_kv_bool(&w, "romance", limits->romance);
    jw_kv_i64(&w, "confirmed_ms", limits->confirmed_ms);
    write_list(&w, "avoid_words", &limits->avoid_words);
    write_list(&w, "avoid_themes", &limits->avoid_themes);
    if (!id_none(preferred))
        jw_kv_string(&w, "default_profile", str_c(id_text(preferred).c));
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

/* A document was written: the snapshot follows, then the op is answered. */
static void stored(struct store_op *op)
{
    on_loop();
    struct deed *d = op->arg;
    enum err err = op->err;
    struct error e = op->error;
    store_op_free(op);
    if (err != ERR_OK)
        deed_fail(d, err, &e);
    else
        load(d);
}

static LOOP void put_house(struct deed *d, const struct content_limits *limits, struct id preferred)
{
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    put->doc = (struct doc_row){.type = HOUSE_DOC_TYPE,
                                .id = house_id(),
                                .tenant = d->ps->options.tenant,
                                .owner = d->ps->options.owner,
                                .data = house_text(&put->op.arena, limits, preferred)};
    put->expect_version = personas_house(d->ps)->limits_version;
    put->undelete = true;
    put->op.done = stored;
    put->op.arg = d;
    store_submit(d->ps->store, &put->op);
}

static struct id preferred_now(const struct house *h)
{
    const struct profile *p = house_profile(h, ID_NONE);
    return p ? p->id : ID_NONE;
}

void personas_limits_set(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    const struct house *h = personas_house(ps);
    struct json *body = NULL;
    struct content_limits limits = {0};
    enum err err = json_parse(op->arena, op->body, &body, &op->error);
    if (err == ERR_OK && json_get_bool(body, "romance", false) && !json_get_bool(body, "adult", false))
        err = error_set_param(&op->error, ERR_REFUSED, "romance",
                              "Romance needs 'adult': confirm that you are an adult, then choose it.");
    if (err != ERR_OK) {
        refuse(d, err);
        return;
    }
    read_limits(op->arena, body, &limits);
    if (limits.adult)
        limits.confirmed_ms = h->limits.adult ? h->limits.confirmed_ms : clock_wall_ms();
    put_house(d, &limits, preferred_now(h));
}

/* ---- profiles ---- */

static void then_default(struct store_op *op);

static LOOP void put_profile(struct deed *d, struct id id, struct str name, struct str description,
                             uint64_t version)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    struct arena *a = &put->op.arena;
    jw_object(&w);
    jw_kv_string(&w, "name", name);
    jw_kv_string(&w, "description", description);
    jw_end_object(&w);
    put->doc = (struct doc_row){.type = PROFILE_DOC_TYPE,
                                .id = id,
                                .tenant = d->ps->options.tenant,
                                .owner = d->ps->options.owner,
                                .sort = arena_str(a, name),
                                .data = arena_str(a, buf_str(&b))};
    put->create = version == 0;
    put->expect_version = version;
    put->idem = d->op->idem;
    if (put->idem && str_empty(put->idem->result))
        put->idem->result = arena_str(d->op->arena, str_c(id_text(id).c));
    put->op.done = d->make_default ? then_default : stored;
    put->op.arg = d;
    store_submit(d->ps->store, &put->op);
}

/* The profile is stored; now it also becomes the default. */
static void then_default(struct store_op *op)
{
    on_loop();
    struct deed *d = op->arg;
    enum err err = op->err;
    struct error e = op->error;
    const struct house *h = personas_house(d->ps);
    store_op_free(op);
    if (err != ERR_OK)
        deed_fail(d, err, &e);
    else
        put_house(d, &h->limits, d->op->made);
}

static bool check_text(struct personas_op *op, struct str name, struct str description, enum err *err)
{
    if (str_empty(str_trim(name)))
        *err = error_set_param(&op->error, ERR_MISSING_FIELD, "name",
                               "A profile needs a name; send the field 'name'.");
    else if (name.n > PROFILE_NAME_MAX)
        *err = error_set_param(&op->error, ERR_TEXT_TOO_LONG, "name",
                               "The field 'name' has %zu bytes; at most %d are allowed.", name.n,
                               PROFILE_NAME_MAX);
    else if (description.n > PROFILE_TEXT_MAX)
        *err = error_set_param(&op->error, ERR_TEXT_TOO_LONG, "description",
                               "The field 'description' has %zu bytes; at most %d are allowed.",
                               description.n, PROFILE_TEXT_MAX);
    return *err == ERR_OK;
}

static LOOP void write_profile(struct deed *d, const struct json *body, const struct profile *was)
{
    struct personas_op *op = d->op;
    struct str name = was ? was->name : STR_NONE, description = was ? was->description : STR_NONE;
    enum err err = ERR_OK;
    name = str_trim(json_get_str(body, "name", name));
    description = json_get(body, "description") ? json_get_str(body, "description", STR_NONE) : description;
    const struct json *flag = json_get(body, "default");
    bool make = flag && flag->type == JSON_BOOL && flag->boolean;
    if (check_text(op, name, description, &err) && flag && flag->type == JSON_BOOL && !make && was &&
        was->is_default)
        err = error_set_param(&op->error, ERR_REFUSED, "default",
                              "One profile is always the default: make another one the default instead.");
    if (err == ERR_OK && !was && personas_house(d->ps)->profile_count >= PROFILES_MAX)
        err = error_set(&op->error, ERR_REFUSED, "There are %d profiles already; delete one first.",
                        PROFILES_MAX);
    if (err != ERR_OK) {
        refuse(d, err);
        return;
    }
    op->made = was ? was->id : id_new();
    d->make_default = make && !(was && was->is_default);
    put_profile(d, op->made, name, description, was ? was->version : 0);
}

void personas_profile_create(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    struct json *body = NULL;
    enum err err = json_parse(op->arena, op->body, &body, &op->error);
    if (err != ERR_OK)
        refuse(d, err);
    else
        write_profile(d, body, NULL);
}

/* NULL: refused. */
static LOOP const struct profile *find(struct deed *d)
{
    struct personas_op *op = d->op;
    struct id id = ID_NONE;
    const struct profile *p = id_parse(op->key, &id) ? house_profile_of(personas_house(d->ps), id) : NULL;
    if (!p) {
        refuse(d, error_set(&op->error, ERR_NOT_FOUND,
                            "There is no profile '%.*s'; see GET /api/profiles for those there are.",
                            STR_ARG(str_sub(op->key, 0, 64))));
        return NULL;
    }
    struct str etag = arena_printf(op->arena, "\"%llu\"", (unsigned long long)p->version);
    if (str_empty(op->if_match) || str_eq(op->if_match, STR("*")) || str_eq(str_trim(op->if_match), etag))
        return p;
    refuse(d,
           error_set(&op->error, ERR_PRECONDITION,
                     "The profile was changed meanwhile (it is at version %llu); read it again and repeat.",
                     (unsigned long long)p->version));
    return NULL;
}

void personas_profile_change(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    struct json *body = NULL;
    enum err err = json_parse(op->arena, op->body, &body, &op->error);
    if (err != ERR_OK) {
        refuse(d, err);
        return;
    }
    const struct profile *p = find(d);
    if (p)
        write_profile(d, body, p);
}

void personas_profile_delete(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    const struct profile *p = find(d);
    if (!p)
        return;
    struct store_doc_delete *del = STORE_NEW(doc_delete, DOC_DELETE);
    del->type = PROFILE_DOC_TYPE;
    del->tenant = ps->options.tenant;
    del->id = p->id;
    del->erase = true;
    del->op.done = stored;
    del->op.arg = d;
    store_submit(ps->store, &del->op);
}
