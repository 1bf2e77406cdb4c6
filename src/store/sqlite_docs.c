/*
 * The SQLite driver's documents.
 */
#include "base/clock.h"
#include "store/cursor.h"
#include "store/sqlite.h"

enum { DOCS_DEFAULT = 50 };

static void col_doc(struct query *q, struct arena *a, struct doc_row *d)
{
    *d = (struct doc_row){
        .type = col_str(q, 0, a),
        .id = col_id(q, 1),
        .tenant = col_id(q, 2),
        .owner = col_id(q, 3),
        .slug = col_str(q, 4, a),
        .sort = col_str(q, 5, a),
        .version = col_u64(q, 6),
        .created_ms = col_i64(q, 7),
        .updated_ms = col_i64(q, 8),
        .deleted_ms = col_i64(q, 9),
        .data = col_str(q, 10, a),
        .key_id = (uint32_t)col_i64(q, 11),
    };
}

static void put_key(struct query *q, struct id tenant, struct str type, struct id id)
{
    put_id(q, tenant);
    put_str(q, type);
    put_id(q, id);
}

static bool find(struct conn *c, struct arena *a, struct id tenant, struct str type, struct id id,
                 struct doc_row *out)
{
    struct query q = query(c, SQL_DOC_GET);
    put_key(&q, tenant, type, id);
    bool found = query_row(&q);
    if (found)
        col_doc(&q, a, out);
    query_end(&q);
    return found;
}

static enum err missing(struct str type, struct id id, struct str slug, struct error *e)
{
    return error_set(e, ERR_NOT_FOUND, "There is no %.*s '%.*s'.", STR_ARG(type),
                     STR_ARG(id_none(id) ? str_sub(slug, 0, 100) : str_c(id_text(id).c)));
}

enum err sqlite_doc_find(struct conn *c, struct arena *a, struct id tenant, struct str type, struct id id,
                         struct doc_row *out, struct error *e)
{
    return find(c, a, tenant, type, id, out) ? ERR_OK : missing(type, id, STR_NONE, e);
}

static enum err gone(struct str type, struct id id, struct error *e)
{
    return error_set(e, ERR_GONE, "The %.*s '%s' was deleted; restore it first.", STR_ARG(type),
                     id_text(id).c);
}

static enum err changed(struct str type, uint64_t version, struct error *e)
{
    return error_set(e, ERR_PRECONDITION,
                     "The %.*s was changed meanwhile (it is at version %llu); read it again.", STR_ARG(type),
                     (unsigned long long)version);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static enum err may_put(const struct store_doc_put *p, bool there, const struct doc_row *old, struct error *e)
{
    if (there && p->create)
        return error_set_param(e, ERR_CONFLICT, "id", "A %.*s with the id '%s' is there already.",
                               STR_ARG(p->doc.type), id_text(p->doc.id).c);
    if (there && old->deleted_ms && !p->undelete)
        return gone(p->doc.type, p->doc.id, e);
    if (!there && !p->create && p->expect_version)
        return missing(p->doc.type, p->doc.id, STR_NONE, e);
    if (there && p->expect_version && p->expect_version != old->version)
        return changed(p->doc.type, old->version, e);
    return ERR_OK;
}

static void write_doc(struct conn *c, const struct doc_row *d, bool there)
{
    struct query q = query(c, there ? SQL_DOC_UPDATE : SQL_DOC_INSERT);
    put_id(&q, d->owner);
    put_opt(&q, d->slug);
    put_str(&q, d->sort);
    put_i64(&q, d->updated_ms);
    put_str(&q, d->data);
    put_i64(&q, d->key_id);
    put_u64(&q, d->version);
    put_key(&q, d->tenant, d->type, d->id);
    if (!there)
        put_i64(&q, d->created_ms);
    query_run(&q);
}

enum err sqlite_doc_put(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_put *p = (struct store_doc_put *)op;
    struct doc_row *d = &p->doc, old = {0};
    uint64_t v[OP_VALUES];
    if (sqlite_op_replay(&s->c, op->op_id, v)) {
        d->version = v[0];
        d->created_ms = (int64_t)v[1];
        d->updated_ms = (int64_t)v[2];
        d->deleted_ms = 0;
        memcpy(d->id.b, &v[3], sizeof d->id.b);
        return ERR_OK;
    }
    if (id_none(d->id))
        d->id = id_new();
    bool there = find(&s->c, &op->arena, d->tenant, d->type, d->id, &old);
    enum err err = may_put(p, there, &old, e);
    if (!err && p->idem)
        err = sqlite_idem_keep(&s->c, p->idem, e);
    if (err)
        return err;
    int64_t now = clock_wall_ms();
    d->created_ms = there ? old.created_ms : d->created_ms ? d->created_ms : now;
    d->updated_ms = now;
    d->deleted_ms = 0;
    d->version = old.version + 1;
    write_doc(&s->c, d, there);
    if (conn_not_unique(&s->c)) {
        conn_error(&s->c, NULL);
        return error_set_param(e, ERR_CONFLICT, "slug",
                               "Another %.*s has the name '%.*s' already; choose another.", STR_ARG(d->type),
                               STR_ARG(str_sub(d->slug, 0, 100)));
    }
    if (p->listing)
        sqlite_listing_put(&s->c, d, p->listing);
    if (p->change)
        sqlite_history_add(&s->c, there ? &old : NULL, d, p->change);
    else if (there && p->listing)
        sqlite_history_follow(&s->c, d, old.version, d->version);
    v[0] = d->version;
    v[1] = (uint64_t)d->created_ms;
    v[2] = (uint64_t)d->updated_ms;
    memcpy(&v[3], d->id.b, sizeof d->id.b);
    v[5] = 0;
    sqlite_op_remember(&s->c, op->op_id, v);
    return ERR_OK;
}

void sqlite_doc_erase(struct driver_session *s, struct id tenant, struct str type, struct id id)
{
    sqlite_listing_erase(s, tenant, type, id);
    sqlite_history_erase(&s->c, tenant, type, id);
    struct query q = query(&s->c, SQL_DOC_ERASE);
    put_key(&q, tenant, type, id);
    query_run(&q);
}

enum err sqlite_doc_delete(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_delete *p = (struct store_doc_delete *)op;
    struct doc_row old = {0};
    uint64_t v[OP_VALUES] = {0};
    if (sqlite_op_replay(&s->c, op->op_id, v))
        return ERR_OK;
    if (!find(&s->c, &op->arena, p->tenant, p->type, p->id, &old))
        return missing(p->type, p->id, STR_NONE, e);
    if (p->expect_version && p->expect_version != old.version)
        return changed(p->type, old.version, e);
    if (p->erase) {
        sqlite_doc_erase(s, p->tenant, p->type, p->id);
    } else if (old.deleted_ms) {
        return ERR_OK;
    } else {
        int64_t now = clock_wall_ms();
        struct query q = query(&s->c, SQL_DOC_DELETE);
        put_i64(&q, now);
        put_key(&q, p->tenant, p->type, p->id);
        query_run(&q);
        sqlite_listing_deleted(&s->c, p->tenant, p->type, p->id, now);
        sqlite_history_follow(&s->c, &old, old.version, old.version + 1);
    }
    sqlite_op_remember(&s->c, op->op_id, v);
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

enum err sqlite_doc_get(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_get *p = (struct store_doc_get *)op;
    bool found;
    if (id_none(p->id)) {
        struct query q = query(&s->c, SQL_DOC_BY_SLUG);
        put_id(&q, p->tenant);
        put_str(&q, p->type);
        put_str(&q, p->slug);
        put_i64(&q, p->deleted);
        found = query_row(&q);
        if (found)
            col_doc(&q, &op->arena, &p->doc);
        query_end(&q);
    } else {
        found = find(&s->c, &op->arena, p->tenant, p->type, p->id, &p->doc);
    }
    if (!found)
        return missing(p->type, p->id, p->slug, e);
    if (p->doc.deleted_ms && !p->deleted)
        return gone(p->type, p->doc.id, e);
    return ERR_OK;
}

static void put_place(struct query *q, const struct store_docs_list *p, const struct list_place *from)
{
    if (p->newest_first)
        put_i64(q, from->number);
    else
        put_str(q, from->text);
    put_blob(q, from->id.b, sizeof from->id.b);
}

static struct list_place first_place(bool newest_first)
{
    struct list_place from = {.number = INT64_MAX};
    if (newest_first)
        memset(from.id.b, 0xff, sizeof from.id.b);
    return from;
}

enum err sqlite_docs_list(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_docs_list *p = (struct store_docs_list *)op;
    struct list_place from = first_place(p->newest_first);
    enum err err = str_empty(p->after) ? ERR_OK : list_place_read(&op->arena, p->after, &from, e);
    if (err)
        return err;
    unsigned limit = p->limit == 0 ? DOCS_DEFAULT : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : p->limit;
    size_t cap = 0;
    bool more = false;
    struct query q = query(&s->c, p->newest_first ? SQL_DOCS_BY_CREATED : SQL_DOCS_BY_SORT);
    put_id(&q, p->tenant);
    put_str(&q, p->type);
    put_place(&q, p, &from);
    put_i64(&q, p->deleted);
    put_id(&q, p->owner);
    put_opt(&q, p->find);
    put_u64(&q, limit + 1);
    while (!more && query_row(&q)) {
        more = p->count == limit;
        if (more)
            break;
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        col_doc(&q, &op->arena, &p->rows[p->count++]);
    }
    query_end(&q);
    const struct doc_row *last = p->count ? &p->rows[p->count - 1] : NULL;
    if (more)
        p->next =
            list_place_write(&op->arena, &(struct list_place){.number = last->created_ms,
                                                              .text = p->newest_first ? STR_NONE : last->sort,
                                                              .id = last->id});
    return ERR_OK;
}

enum err sqlite_blob_names(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_blob_names *p = (struct store_blob_names *)op;
    static const enum sql sources[] = {SQL_DOCS_DATA, SQL_EVENTS_MEDIA};
    struct blob_set set = {0};
    (void)e;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct query q = query(&s->c, sources[i]);
        while (query_row(&q))
            blob_set_add_text(&set, str_of((const char *)sqlite3_column_blob(q.s, 0),
                                           (size_t)sqlite3_column_bytes(q.s, 0)));
        query_end(&q);
    }
    blob_set_move(&set, &op->arena, &p->hashes, &p->count);
    return ERR_OK;
}
