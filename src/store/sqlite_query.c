/*
 * Connections, prepared statements, values and error sentences of the SQLite driver; see sqlite.h.
 */
#include "store/sqlite.h"

#include "base/json.h"

#include <pthread.h>
#include <stdio.h>

enum { BUSY_MS = 5000 };

/* Column lists stand between two literals. NOLINTBEGIN(bugprone-suspicious-missing-comma) */
static const char *const sql_text[SQL_COUNT] = {
#define SQL(symbol, text) text,
#include "store/sqlite_sql.def"
#undef SQL
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

/* ---- failures ------------------------------------------------------------------------------------------ */

static void fail(struct conn *c, int rc)
{
    if (c->rc != SQLITE_OK || rc == SQLITE_OK)
        return;
    c->rc = rc & 0xff;
    c->extended = c->db ? sqlite3_extended_errcode(c->db) : rc;
    snprintf(c->message, sizeof c->message, "%s", c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
}

bool conn_bad(const struct conn *c)
{
    return c->rc != SQLITE_OK;
}

bool conn_not_unique(const struct conn *c)
{
    return c->rc == SQLITE_CONSTRAINT &&
           (c->extended == SQLITE_CONSTRAINT_UNIQUE || c->extended == SQLITE_CONSTRAINT_PRIMARYKEY);
}

enum err conn_error(struct conn *c, struct error *e)
{
    if (c->rc == SQLITE_OK)
        return ERR_OK;
    int rc = c->rc & 0xff;
    char why[sizeof c->message];
    snprintf(why, sizeof why, "%s", c->message[0] ? c->message : sqlite3_errstr(rc));
    c->rc = SQLITE_OK;
    c->message[0] = '\0';
    switch (rc) {
    case SQLITE_FULL:
        return error_set(
            e, ERR_READ_ONLY,
            "The disk of the data folder is full: nothing more is written; free space and restart "
            "the server.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return error_set(e, ERR_READ_ONLY,
                         "The store cannot be written (%s): make the data folder and its files writable and "
                         "restart the server.",
                         why);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(e, ERR_CORRUPT,
                         "The store is damaged (%s): stop the server and put back a backup with 'eidolon "
                         "restore'.",
                         why);
    case SQLITE_IOERR:
        return error_set(
            e, ERR_IO,
            "The disk of the data folder failed (%s, code %d): nothing more is written; check the "
            "disk and restart the server.",
            why, c->extended);
    case SQLITE_TOOBIG:
        return error_set(e, ERR_TOO_BIG, "The text is too large for the store; make it shorter.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(e, ERR_BUSY, "Another program holds the store; close it and try again.");
    default:
        return error_set(e, ERR_INTERNAL, "The store failed: %s (code %d); report this as a bug.", why, rc);
    }
}

/* ---- connections --------------------------------------------------------------------------------------- */

enum err conn_exec(struct conn *c, const char *sql, struct error *e)
{
    fail(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
    return conn_error(c, e);
}

/* SQLite counts its memory under one lock for the whole process, which every thread here would queue for;
 * nobody reads that count. Must come before SQLite is used; where it comes too late, nothing changes. */
static void count_no_memory(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err conn_open(struct conn *c, const char *path, int flags, const char *vfs, int64_t cache_bytes,
                   struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, count_no_memory);
    *c = (struct conn){0};
    fail(c, sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, vfs));
    enum err err = conn_error(c, e);
    if (!err) {
        char pragmas[320];
        sqlite3_busy_timeout(c->db, BUSY_MS);
        sqlite3_extended_result_codes(c->db, 0);
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        snprintf(pragmas, sizeof pragmas,
                 "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
                 "PRAGMA cache_size = -%lld; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
                 "PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON;",
                 (long long)(cache_bytes / 1024));
        err = conn_exec(c, pragmas, e);
    }
    if (err)
        conn_close(c);
    return err;
}

void conn_close(struct conn *c)
{
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(c->statements[i]);
    sqlite3_close(c->db);
    *c = (struct conn){0};
}

/* ---- statements ---------------------------------------------------------------------------------------- */

struct query query(struct conn *c, enum sql sql)
{
    struct query q = {c, NULL, 1};
    if (c->rc != SQLITE_OK)
        return q;
    if (!c->statements[sql])
        fail(c, sqlite3_prepare_v3(c->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &c->statements[sql],
                                   NULL));
    q.s = c->statements[sql];
    return q;
}

void put_i64(struct query *q, int64_t v)
{
    if (q->s)
        fail(q->c, sqlite3_bind_int64(q->s, q->next++, v));
}

void put_u64(struct query *q, uint64_t v)
{
    put_i64(q, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void put_some(struct query *q, uint64_t v)
{
    if (v)
        put_u64(q, v);
    else
        q->next++; /* bindings are cleared: NULL */
}

void put_blob(struct query *q, const void *p, size_t n)
{
    if (q->s)
        fail(q->c, sqlite3_bind_blob64(q->s, q->next++, p, n, SQLITE_TRANSIENT));
}

void put_id(struct query *q, struct id id)
{
    if (id_none(id))
        q->next++;
    else
        put_blob(q, id.b, sizeof id.b);
}

void put_str(struct query *q, struct str s)
{
    if (q->s)
        fail(q->c, sqlite3_bind_text64(q->s, q->next++, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8));
}

void put_opt(struct query *q, struct str s)
{
    if (str_empty(s))
        q->next++;
    else
        put_str(q, s);
}

void put_list(struct query *q, struct arena *a, const struct str *list, size_t count)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    for (size_t i = 0; i < count; i++)
        jw_string(&w, list[i]);
    jw_end_array(&w);
    put_str(q, arena_str(a, buf_str(&b)));
    buf_release(&b);
}

bool query_row(struct query *q)
{
    if (!q->s || q->c->rc != SQLITE_OK)
        return false;
    int rc = sqlite3_step(q->s);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail(q->c, rc);
    return false;
}

void query_end(struct query *q)
{
    if (!q->s)
        return;
    sqlite3_reset(q->s);
    sqlite3_clear_bindings(q->s);
    q->s = NULL;
}

void query_run(struct query *q)
{
    query_row(q);
    query_end(q);
}

/* ---- columns ------------------------------------------------------------------------------------------- */

int64_t col_i64(struct query *q, int i)
{
    return sqlite3_column_int64(q->s, i);
}

uint64_t col_u64(struct query *q, int i)
{
    int64_t v = sqlite3_column_int64(q->s, i);
    return v < 0 ? 0 : (uint64_t)v;
}

struct id col_id(struct query *q, int i)
{
    struct id id = ID_NONE;
    const void *p = sqlite3_column_blob(q->s, i);
    if (p && sqlite3_column_bytes(q->s, i) == (int)sizeof id.b)
        memcpy(id.b, p, sizeof id.b);
    return id;
}

struct str col_str(struct query *q, int i, struct arena *a)
{
    const char *p = (const char *)sqlite3_column_text(q->s, i);
    int n = sqlite3_column_bytes(q->s, i);
    return p && n > 0 ? arena_str(a, str_of(p, (size_t)n)) : STR_NONE;
}

void col_event(struct query *q, struct arena *a, struct event_row *row)
{
    *row = (struct event_row){
        .seq = col_u64(q, 0),
        .pos = col_u64(q, 1),
        .at_ms = col_i64(q, 2),
        .kind = col_str(q, 3, a),
        .v = (uint16_t)col_i64(q, 4),
        .author_type = (enum author_type)col_i64(q, 5),
        .author = col_id(q, 6),
        .author_name = col_str(q, 7, a),
        .turn = col_id(q, 8),
        .cause = col_u64(q, 9),
        .parent = col_u64(q, 10),
        .audience = col_str(q, 11, a),
        .ref = col_id(q, 12),
        .of = col_u64(q, 13),
        .client_id = col_str(q, 14, a),
        .data = col_str(q, 15, a),
        .key_id = (uint32_t)col_i64(q, 16),
    };
}
