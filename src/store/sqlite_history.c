/*
 * The SQLite driver's earlier versions of documents (store.h, doc_change).
 *
 * doc_history has a row for each version that was made with a change, the present one too: who made it, when,
 * what changed. The text of the present one is the document's own; when the next version comes, the text
 * moves here. What was there before anybody kept versions gets its row at that moment, without an author.
 */
#include "store/sqlite.h"

enum { VERSIONS_DEFAULT = 50 };

static void put_key(struct query *q, struct id tenant, struct str type, struct id id)
{
    put_id(q, tenant);
    put_str(q, type);
    put_id(q, id);
}

/* What goes: beyond `keep` the old, beyond its multiple all, and what exceeds the bytes. */
static void trim(struct conn *c, const struct doc_row *d, const struct doc_change *change)
{
    struct query q = query(c, SQL_HISTORY_TRIM);
    put_key(&q, d->tenant, d->type, d->id);
    put_i64(&q, (int64_t)change->keep);
    put_i64(&q, change->keep_after_ms);
    put_i64(&q, (int64_t)change->keep * DOC_VERSIONS_FACTOR);
    put_i64(&q, DOC_VERSIONS_BYTES);
    query_run(&q);
}

void sqlite_history_add(struct conn *c, const struct doc_row *old, const struct doc_row *now,
                        const struct doc_change *change)
{
    struct query q;
    if (old) {
        q = query(c, SQL_HISTORY_KEEP);
        put_key(&q, old->tenant, old->type, old->id);
        put_u64(&q, old->version);
        put_i64(&q, old->updated_ms);
        put_str(&q, old->data);
        query_run(&q);
    }
    q = query(c, SQL_HISTORY_ADD);
    put_key(&q, now->tenant, now->type, now->id);
    put_u64(&q, now->version);
    put_i64(&q, now->updated_ms);
    put_id(&q, change->author);
    put_str(&q, change->author_name);
    put_str(&q, change->note);
    put_str(&q, str_empty(change->fields) ? STR("[]") : change->fields);
    query_run(&q);
    if (old)
        trim(c, now, change);
}

void sqlite_history_follow(struct conn *c, const struct doc_row *d, uint64_t from, uint64_t to)
{
    struct query q = query(c, SQL_HISTORY_FOLLOW);
    put_u64(&q, to);
    put_key(&q, d->tenant, d->type, d->id);
    put_u64(&q, from);
    query_run(&q);
}

void sqlite_history_erase(struct conn *c, struct id tenant, struct str type, struct id id)
{
    struct query q = query(c, SQL_HISTORY_ERASE);
    put_key(&q, tenant, type, id);
    query_run(&q);
}

static void col_version(struct query *q, struct arena *a, struct doc_version *v)
{
    *v = (struct doc_version){.version = col_u64(q, 0),
                              .at_ms = col_i64(q, 1),
                              .author = col_id(q, 2),
                              .author_name = col_str(q, 3, a),
                              .note = col_str(q, 4, a),
                              .fields = col_str(q, 5, a)};
}

enum err sqlite_doc_versions(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_versions *p = (struct store_doc_versions *)op;
    struct doc_row now;
    size_t cap = 0, limit = p->limit == 0               ? VERSIONS_DEFAULT
                            : p->limit > STORE_PAGE_MAX ? STORE_PAGE_MAX
                                                        : p->limit;
    enum err err = sqlite_doc_find(&s->c, &op->arena, p->tenant, p->type, p->id, &now, e);
    if (err)
        return err;
    struct query q = query(&s->c, SQL_HISTORY_LIST);
    put_key(&q, p->tenant, p->type, p->id);
    put_u64(&q, p->before ? p->before : INT64_MAX);
    put_u64(&q, limit + 1);
    bool present = false;
    while (!p->more && query_row(&q)) {
        p->more = p->count == limit;
        if (p->more)
            break;
        p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
        col_version(&q, &op->arena, &p->rows[p->count]);
        present |= p->rows[p->count++].version == now.version;
    }
    query_end(&q);
    if (p->before || present || p->count == limit)
        return ERR_OK;
    /* The document is at a version that nobody kept a row for: what the store knows of it goes first. */
    p->rows = store_grow(&op->arena, p->rows, p->count, &cap, sizeof *p->rows);
    memmove(p->rows + 1, p->rows, p->count++ * sizeof *p->rows);
    p->rows[0] = (struct doc_version){.version = now.version, .at_ms = now.updated_ms, .fields = STR("[]")};
    return ERR_OK;
}

enum err sqlite_doc_version(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_doc_version *p = (struct store_doc_version *)op;
    struct doc_row now;
    enum err err = sqlite_doc_find(&s->c, &op->arena, p->tenant, p->type, p->id, &now, e);
    if (err)
        return err;
    struct query q = query(&s->c, SQL_HISTORY_GET);
    put_key(&q, p->tenant, p->type, p->id);
    put_u64(&q, p->version);
    bool found = query_row(&q);
    if (found) {
        col_version(&q, &op->arena, &p->row);
        p->row.data = col_str(&q, 6, &op->arena);
    }
    query_end(&q);
    if (p->version == now.version) {
        if (!found)
            p->row =
                (struct doc_version){.version = now.version, .at_ms = now.updated_ms, .fields = STR("[]")};
        p->row.data = now.data;
        return ERR_OK;
    }
    if (!found)
        return error_set(e, ERR_NOT_FOUND, "The %.*s has no version %llu, or it is no longer kept.",
                         STR_ARG(p->type), (unsigned long long)p->version);
    return ERR_OK;
}
