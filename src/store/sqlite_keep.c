/*
 * The SQLite driver's memory of requests and operations, consumers' places, and what is past its time.
 */
#include "base/clock.h"
#include "store/sqlite.h"

/* ---- operations seen before ---------------------------------------------------------------------------- */

bool sqlite_op_replay(struct conn *c, struct id op_id, uint64_t values[OP_VALUES])
{
    if (id_none(op_id))
        return false;
    struct query q = query(c, SQL_OP_GET);
    put_id(&q, op_id);
    bool found = query_row(&q) && sqlite3_column_bytes(q.s, 0) == OP_VALUES * (int)sizeof *values;
    if (found)
        memcpy(values, sqlite3_column_blob(q.s, 0), OP_VALUES * sizeof *values);
    query_end(&q);
    return found;
}

void sqlite_op_remember(struct conn *c, struct id op_id, const uint64_t values[OP_VALUES])
{
    if (id_none(op_id))
        return;
    struct query q = query(c, SQL_OP_PUT);
    put_id(&q, op_id);
    put_i64(&q, clock_wall_ms());
    put_blob(&q, values, OP_VALUES * sizeof *values);
    query_run(&q);
}

/* ---- Idempotency-Key ----------------------------------------------------------------------------------- */

static bool idem_find(struct conn *c, struct query *q, const struct store_idem *idem)
{
    *q = query(c, SQL_IDEM_GET);
    put_blob(q, idem->principal.b, sizeof idem->principal.b);
    put_str(q, idem->route);
    put_str(q, idem->key);
    put_i64(q, clock_wall_ms() - STORE_IDEM_MS);
    return query_row(q);
}

enum err sqlite_idem_keep(struct conn *c, const struct store_idem *idem, struct error *e)
{
    struct query q;
    bool known = idem_find(c, &q, idem);
    query_end(&q);
    if (known)
        return error_set_param(e, ERR_CONFLICT, "Idempotency-Key",
                               "This Idempotency-Key was used already; send another with a new request.");
    q = query(c, SQL_IDEM_PUT);
    put_blob(&q, idem->principal.b, sizeof idem->principal.b);
    put_str(&q, idem->route);
    put_str(&q, idem->key);
    put_blob(&q, idem->hash, sizeof idem->hash);
    put_str(&q, idem->result);
    put_i64(&q, clock_wall_ms());
    query_run(&q);
    return ERR_OK;
}

enum err sqlite_idem_get(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_idem_get *g = (struct store_idem_get *)op;
    struct query q;
    bool known = idem_find(&s->c, &q, &g->idem);
    if (known) {
        const void *hash = sqlite3_column_blob(q.s, 0);
        if (hash && sqlite3_column_bytes(q.s, 0) == (int)sizeof g->idem.hash)
            memcpy(g->idem.hash, hash, sizeof g->idem.hash);
        g->idem.result = col_str(&q, 1, &op->arena);
    }
    query_end(&q);
    return known ? ERR_OK : error_set(e, ERR_NOT_FOUND, "This Idempotency-Key was not used before.");
}

/* ---- places of consumers ------------------------------------------------------------------------------- */

enum err sqlite_cursor_set(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_cursor_set *p = (struct store_cursor_set *)op;
    if (str_empty(p->consumer))
        return error_set(e, ERR_INVALID, "A consumer needs a name.");
    struct query q = query(&s->c, SQL_CURSOR_SET);
    put_str(&q, p->consumer);
    put_u64(&q, p->pos);
    query_run(&q);
    return ERR_OK;
}

/* ---- purge --------------------------------------------------------------------------------------------- */

static uint64_t purge(struct conn *c, enum sql sql, int64_t value)
{
    struct query q = query(c, sql);
    put_i64(&q, value);
    query_run(&q);
    return (uint64_t)sqlite3_changes(c->db);
}

/* The first room deleted before that time; 0: none. */
static int64_t room_to_purge(struct conn *c, int64_t before_ms)
{
    struct query q = query(c, SQL_ROOMS_PURGE_FIND);
    put_i64(&q, before_ms);
    int64_t n = query_row(&q) ? col_i64(&q, 0) : 0;
    query_end(&q);
    return n;
}

/* Erases one document that was deleted before that time; false: there is none left. */
static bool purge_document(struct driver_session *s, int64_t before_ms)
{
    struct arena a = ARENA_INIT;
    struct query q = query(&s->c, SQL_DOCS_PURGE_FIND);
    put_i64(&q, before_ms);
    bool found = query_row(&q);
    struct id tenant = ID_NONE, id = ID_NONE;
    struct str type = STR_NONE;
    if (found) {
        tenant = col_id(&q, 0);
        type = col_str(&q, 1, &a);
        id = col_id(&q, 2);
    }
    query_end(&q);
    if (found)
        sqlite_doc_erase(s, tenant, type, id);
    arena_release(&a);
    return found && !conn_bad(&s->c);
}

enum err sqlite_purge(struct driver_session *s, struct store_op *op, struct error *e)
{
    struct store_purge *p = (struct store_purge *)op;
    int64_t room;
    (void)e;
    /* Positions are never given twice, also when the newest events go. */
    struct query q = query(&s->c, SQL_META_SET);
    put_str(&q, STR("purged_pos"));
    put_u64(&q, s->db->next_pos - 1);
    query_run(&q);
    while ((room = room_to_purge(&s->c, p->deleted_before_ms))) {
        purge(&s->c, SQL_ROOM_PURGE_TURNS, room);
        purge(&s->c, SQL_ROOM_PURGE_MESSAGES, room);
        purge(&s->c, SQL_ROOM_PURGE_EVENTS, room);
        p->removed += purge(&s->c, SQL_ROOM_PURGE, room);
    }
    while (purge_document(s, p->deleted_before_ms))
        p->removed++;
    p->removed += purge(&s->c, SQL_IDEM_PURGE, p->idem_before_ms);
    p->removed += purge(&s->c, SQL_OPS_PURGE, p->idem_before_ms);
    return ERR_OK;
}
