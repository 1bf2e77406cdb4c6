/* The registry: opening, finding, listing, and keeping each loop's cache true; see personas.h. */
#include "persona/registry.h"

#include "base/clock.h"
#include "base/fold.h"
#include "persona/house.h"
#include "persona/listing.h"

#include <stdlib.h>

enum { CACHE_DEFAULT = 256, LIST_DEFAULT = 50, LIST_LIMIT = 200, DAY_MS = 24 * 3600 * 1000 };

enum err personas_new(struct store *store, struct loops *loops, const struct personas_options *options,
                      struct personas **out, struct error *e)
{
    struct personas *ps = heap_alloc(sizeof *ps);
    (void)e;
    ps->store = store;
    ps->loops = loops;
    ps->house = house_new();
    ps->options = *options;
    ps->lorebooks = lorebooks_new(store, loops, options->tenant, options->owner);
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        ps->caches[i].max = options->cache ? options->cache : CACHE_DEFAULT;
    *out = ps;
    return ERR_OK;
}

void personas_free(struct personas *ps)
{
    if (!ps)
        return;
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        persona_cache_release(&ps->caches[i]);
    house_free(ps->house);
    lorebooks_free(ps->lorebooks);
    free(ps);
}

struct lorebooks *personas_lorebooks(struct personas *ps)
{
    return ps->lorebooks;
}

static LOOP struct persona_cache *cache_here(struct personas *ps)
{
    return &ps->caches[loop_index(loop_self())];
}

/* ---- one op under way ---- */

struct deed *deed_new(struct personas *ps, struct personas_op *op)
{
    struct deed *d = heap_alloc(sizeof *d);
    d->ps = ps;
    d->op = op;
    d->loop = loop_self();
    d->changes = cache_here(ps)->changes;
    op->err = ERR_OK;
    op->error = (struct error){0};
    op->persona = NULL;
    op->list = NULL;
    op->count = 0;
    op->rows = NULL;
    op->tag_list = NULL;
    op->other = NULL;
    op->versions = NULL;
    op->next = STR_NONE;
    op->total = 0;
    return d;
}

void deed_end(struct deed *d)
{
    struct personas_op *op = d->op;
    free(d);
    op->done(op);
}

void deed_fail(struct deed *d, enum err err, const struct error *e)
{
    d->op->err = err;
    if (e != &d->op->error)
        d->op->error = *e;
    deed_end(d);
}

/* ---- documents ---- */

enum err persona_of_doc(struct arena *a, const struct doc_row *doc, struct persona **out, struct error *e)
{
    struct persona *p = NULL;
    enum err err = persona_stored_read(a, doc->data, &p, e);
    if (err != ERR_OK)
        return err;
    p->id = doc->id;
    p->owner = doc->owner;
    p->slug = doc->slug;
    p->version = doc->version;
    p->created_ms = doc->created_ms;
    p->updated_ms = doc->updated_ms;
    p->deleted_ms = doc->deleted_ms;
    *out = p;
    return ERR_OK;
}

struct store_doc_put *persona_doc_put(const struct personas *ps, const struct persona *p)
{
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    struct arena *a = &put->op.arena;
    CLEANUP_BUF struct buf data = BUF_INIT;
    persona_stored_write(&data, p);
    char *sort = arena_cstr(a, p->name);
    for (char *c = sort; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    }
    put->doc = (struct doc_row){.type = PERSONA_DOC_TYPE,
                                .id = p->id,
                                .tenant = ps->options.tenant,
                                .owner = p->owner,
                                .slug = arena_str(a, p->slug),
                                .sort = str_c(sort),
                                .data = arena_str(a, buf_str(&data))};
    put->listing = persona_listing(a, p);
    return put;
}

static bool expired(const struct persona *p)
{
    return p->deleted_ms &&
           clock_gap_ms(p->deleted_ms, clock_wall_ms()) > (int64_t)PERSONA_UNDO_DAYS * DAY_MS;
}

static enum err nobody(struct str key, struct error *e)
{
    int n = key.n > 64 ? 64 : (int)key.n;
    return error_set(e, ERR_NOT_FOUND,
                     "There is no persona '%.*s'; see GET /api/personas for those there are.", n,
                     key.p ? key.p : "");
}

static void doc_read(struct store_op *op)
{
    on_loop();
    struct store_doc_get *get = (struct store_doc_get *)op;
    struct deed *d = op->arg;
    enum err err = op->err;
    struct error e = op->error;
    struct persona *p = NULL;
    if (err == ERR_OK)
        err = persona_of_doc(&op->arena, &get->doc, &p, &e);
    if (err == ERR_OK && expired(p))
        err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        nobody(d->op->key, &e);
    if (err == ERR_GONE)
        error_set(&e, ERR_GONE, "The persona '%.*s' was deleted; restore it within %d days of that.",
                  STR_ARG(str_sub(d->op->key, 0, 64)), PERSONA_UNDO_DAYS);
    if (err == ERR_OK)
        d->persona = persona_copy(d->op->arena, p);
    store_op_free(op);
    if (err != ERR_OK)
        deed_fail(d, err, &e);
    else
        d->found(d);
}

void deed_find(struct deed *d, struct str key, bool deleted, void (*found)(struct deed *))
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = PERSONA_DOC_TYPE;
    get->tenant = d->ps->options.tenant;
    if (!id_parse(key, &get->id))
        get->slug = arena_str(&get->op.arena, key);
    get->deleted = deleted;
    get->op.done = doc_read;
    get->op.arg = d;
    d->found = found;
    store_submit(d->ps->store, &get->op);
}

/* ---- get ---- */

static void got(struct deed *d)
{
    on_loop();
    struct persona_cache *cache = cache_here(d->ps);
    if (!d->persona->deleted_ms && cache->changes == d->changes)
        persona_cache_put(cache, d->persona);
    d->op->persona = d->persona;
    deed_end(d);
}

static void end_later(void *arg)
{
    on_loop();
    deed_end(arg);
}

const struct persona *personas_peek(struct personas *ps, struct id id)
{
    return persona_cache_id(cache_here(ps), id);
}

void personas_get(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    struct id id;
    const struct persona *p = id_parse(op->key, &id) ? persona_cache_id(cache_here(ps), id)
                                                     : persona_cache_slug(cache_here(ps), op->key);
    if (!p && str_empty(op->key)) {
        op->err = nobody(op->key, &op->error);
        loop_defer(d->loop, end_later, d);
    } else if (!p) {
        deed_find(d, op->key, op->deleted, got);
    } else {
        op->persona = persona_copy(op->arena, p);
        loop_defer(d->loop, end_later, d);
    }
}

/* ---- list ---- */

static void listed(struct store_op *base)
{
    on_loop();
    struct store_docs_list *list = (struct store_docs_list *)base;
    struct deed *d = base->arg;
    struct personas_op *op = d->op;
    op->err = base->err;
    op->error = base->error;
    if (op->err == ERR_OK) {
        op->list = arena_array(op->arena, struct persona *, list->count);
        for (size_t i = 0; i < list->count && op->err == ERR_OK; i++) {
            struct persona *p = NULL;
            op->err = persona_of_doc(&base->arena, &list->rows[i], &p, &op->error);
            if (op->err == ERR_OK && !expired(p))
                op->list[op->count++] = persona_copy(op->arena, p);
        }
        op->next = arena_str(op->arena, list->next);
    }
    store_op_free(base);
    deed_end(d);
}

static LOOP void list_deleted(struct personas *ps, struct personas_op *op)
{
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    list->type = PERSONA_DOC_TYPE;
    list->tenant = ps->options.tenant;
    list->owner = op->owner;
    list->after = arena_str(&list->op.arena, op->after);
    list->limit = op->limit == 0 ? LIST_DEFAULT : op->limit > LIST_LIMIT ? LIST_LIMIT : op->limit;
    list->deleted = true;
    list->op.done = listed;
    list->op.arg = deed_new(ps, op);
    store_submit(ps->store, &list->op);
}

static enum err take_row(struct personas_op *op, struct arena *a, const struct doc_row *doc)
{
    if (op->brief && !str_empty(doc->brief)) {
        op->rows[op->count++] = (struct persona_row){doc->id, doc->version, doc->created_ms, doc->updated_ms,
                                                     arena_str(op->arena, doc->brief)};
        return ERR_OK;
    }
    struct persona *p = NULL;
    enum err err = persona_of_doc(a, doc, &p, &op->error);
    if (err != ERR_OK)
        return err;
    if (op->brief)
        op->rows[op->count++] = (struct persona_row){p->id, p->version, p->created_ms, p->updated_ms,
                                                     persona_listing(op->arena, p)->brief};
    else
        op->list[op->count++] = persona_copy(op->arena, p);
    return ERR_OK;
}

static void found_page(struct store_op *base)
{
    on_loop();
    struct store_docs_find *find = (struct store_docs_find *)base;
    struct deed *d = base->arg;
    struct personas_op *op = d->op;
    op->err = base->err;
    op->error = base->error;
    if (op->err == ERR_OK) {
        op->list = arena_array(op->arena, struct persona *, find->count);
        op->rows = arena_array(op->arena, struct persona_row, find->count);
        for (size_t i = 0; i < find->count && op->err == ERR_OK; i++)
            op->err = take_row(op, &base->arena, &find->rows[i]);
        op->next = arena_str(op->arena, find->next);
        op->total = find->total;
    }
    store_op_free(base);
    deed_end(d);
}

void personas_list(struct personas *ps, struct personas_op *op)
{
    if (op->deleted) {
        list_deleted(ps, op);
        return;
    }
    size_t words = 0;
    fold_list(op->arena, op->find, &words);
    if (words == 0 && !str_empty(str_trim(op->find))) {
        /* Signs alone find nobody. */
        struct deed *d = deed_new(ps, op);
        loop_defer(d->loop, end_later, d);
        return;
    }
    struct store_docs_find *find = STORE_NEW(docs_find, DOCS_FIND);
    struct arena *a = &find->op.arena;
    find->type = PERSONA_DOC_TYPE;
    find->tenant = ps->options.tenant;
    find->words = fold_list(a, op->find, &find->word_count);
    if (find->word_count > PERSONA_FIND_WORDS)
        find->word_count = PERSONA_FIND_WORDS;
    struct str *tags = arena_array(a, struct str, op->tag_count);
    for (size_t i = 0; i < op->tag_count; i++)
        tags[i] = arena_str(a, op->tags[i]);
    find->tags = tags;
    find->tag_count = op->tag_count;
    find->favourites = op->favourites;
    find->order = op->order;
    find->descending = op->descending;
    find->after = arena_str(a, op->after);
    find->limit = op->limit == 0 ? LIST_DEFAULT : op->limit > LIST_LIMIT ? LIST_LIMIT : op->limit;
    find->whole = !op->brief;
    find->op.done = found_page;
    find->op.arg = deed_new(ps, op);
    store_submit(ps->store, &find->op);
}

static void tags_read(struct store_op *base)
{
    on_loop();
    struct store_doc_tags *tags = (struct store_doc_tags *)base;
    struct deed *d = base->arg;
    struct personas_op *op = d->op;
    op->err = base->err;
    op->error = base->error;
    op->count = tags->count;
    op->tag_list = arena_array(op->arena, struct doc_tag, tags->count);
    for (size_t i = 0; i < tags->count; i++)
        op->tag_list[i] = (struct doc_tag){arena_str(op->arena, tags->tags[i].tag), tags->tags[i].count};
    store_op_free(base);
    deed_end(d);
}

void personas_tags(struct personas *ps, struct personas_op *op)
{
    struct store_doc_tags *tags = STORE_NEW(doc_tags, DOC_TAGS);
    tags->type = PERSONA_DOC_TYPE;
    tags->tenant = ps->options.tenant;
    tags->op.done = tags_read;
    tags->op.arg = deed_new(ps, op);
    store_submit(ps->store, &tags->op);
}

/* ---- changes ---- */

struct drop {
    struct msg msg;
    struct personas *ps;
    struct id id;
};

static void drop_here(struct msg *msg)
{
    on_loop();
    struct drop *drop = CONTAINER(msg, struct drop, msg);
    persona_cache_drop(cache_here(drop->ps), drop->id);
    free(drop);
}

void personas_changed(struct personas *ps, struct id id)
{
    struct loop *self = loop_self();
    persona_cache_drop(cache_here(ps), id);
    for (unsigned i = 0; i < loops_count(ps->loops); i++) {
        struct loop *other = loops_get(ps->loops, i);
        if (other == self)
            continue;
        struct drop *drop = heap_alloc(sizeof *drop);
        drop->msg.deliver = drop_here;
        drop->ps = ps;
        drop->id = id;
        loop_post(other, &drop->msg);
    }
}
