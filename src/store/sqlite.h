/*
 * Inside of the SQLite driver: a connection with its prepared statements, and short ways to run them.
 *
 * A statement of sqlite_sql.def is prepared at its first use and kept with the connection. Failures stick:
 * the first bad result code is kept in `conn.rc`, later steps do nothing, and conn_error() says it once at
 * the end of an operation. So operations read as a list of steps.
 *
 *   struct query q = query(c, SQL_ROOM_BY_ID);
 *   put_id(&q, room);
 *   if (query_row(&q)) n = col_i64(&q, 0);
 *   query_end(&q);
 *
 * A connection belongs to one thread.
 */
#ifndef EIDOLON_STORE_SQLITE_H
#define EIDOLON_STORE_SQLITE_H

#include "store/cursor.h"
#include "store/driver.h"

#include <limits.h>
#include <sqlite3.h>

enum sql {
#define SQL(symbol, text) SQL_##symbol,
#include "store/sqlite_sql.def"
#undef SQL
    SQL_COUNT
};

/* "EIDO": PRAGMA application_id of a store. */
enum { STORE_APPLICATION_ID = 0x4549444f };
#define STORE_FILE "store.db"

struct conn {
    sqlite3 *db;
    int rc; /* first failure of this operation */
    int extended;
    char message[160];
    sqlite3_stmt *statements[SQL_COUNT];
};

/* What an open database shares between its connections. */
struct driver_db {
    char path[PATH_MAX];
    const char *vfs;
    int64_t cache_bytes;
    unsigned checkpoint_pages;
    uint64_t next_pos; /* writer only */
    bool words_erased; /* writer only: FTS5 still holds words of a document that was erased */
};

struct driver_session {
    struct conn c;
    struct driver_db *db;
    bool writes;
    unsigned wal_pages;  /* after the last commit */
    uint64_t group_pos;  /* next_pos when the group began */
    unsigned busy_tidy;  /* checkpoints that readers kept from ending, in a row */
    unsigned tidy_later; /* pages more until the next try, after such a one */
};

/* Opens and sets the pragmas; flags as sqlite3_open_v2(). */
enum err conn_open(struct conn *c, const char *path, int flags, const char *vfs, int64_t cache_bytes,
                   struct error *e);
void conn_close(struct conn *c);
/* Runs text without results. */
enum err conn_exec(struct conn *c, const char *sql, struct error *e);
/* ERR_OK, or the kept failure as a sentence; the connection is ready for the next operation. */
enum err conn_error(struct conn *c, struct error *e);
bool conn_bad(const struct conn *c);
/* The kept failure is a broken UNIQUE rule (and nothing worse). */
bool conn_not_unique(const struct conn *c);

struct query {
    struct conn *c;
    sqlite3_stmt *s; /* NULL after a failure */
    int next;        /* parameter */
};
struct query query(struct conn *c, enum sql sql);
void put_i64(struct query *q, int64_t v);
void put_u64(struct query *q, uint64_t v);
void put_some(struct query *q, uint64_t v);  /* 0 as NULL */
void put_id(struct query *q, struct id id);  /* none as NULL */
void put_str(struct query *q, struct str s); /* text; must live until query_end() */
void put_opt(struct query *q, struct str s); /* empty as NULL */
void put_blob(struct query *q, const void *p, size_t n);
/* NULL or a JSON array of the strings, made in the arena. */
void put_list(struct query *q, struct arena *a, const struct str *list, size_t count);
bool query_row(struct query *q);
void query_end(struct query *q);
/* One step and end: for INSERT, UPDATE, DELETE. */
void query_run(struct query *q);

int64_t col_i64(struct query *q, int i);
uint64_t col_u64(struct query *q, int i);
struct id col_id(struct query *q, int i);
struct str col_str(struct query *q, int i, struct arena *a); /* a copy */

/* The columns EVENT_COLUMNS of sqlite_sql.def, from column 0. tenant and room are the caller's to set. */
enum { EVENT_COLUMN_COUNT = 18 };
void col_event(struct query *q, struct arena *a, struct event_row *row);

struct room_ref {
    int64_t n; /* the room's own key in the tables */
    uint64_t head_seq, epoch, version, cleared_seq;
    int64_t created_ms;
};
/* ERR_NOT_FOUND with a sentence. */
enum err sqlite_room_find(struct conn *c, struct id tenant, struct id room, struct room_ref *out,
                          struct error *e);
enum err sqlite_room_missing(struct id room, struct error *e);

/* Remembers what a write answered, for the same op_id again; up to OP_VALUES numbers. */
enum { OP_VALUES = 6 };
bool sqlite_op_replay(struct conn *c, struct id op_id, uint64_t values[OP_VALUES]);
void sqlite_op_remember(struct conn *c, struct id op_id, const uint64_t values[OP_VALUES]);
/* ERR_CONFLICT if the key is known. */
enum err sqlite_idem_keep(struct conn *c, const struct store_idem *idem, struct error *e);

/* The operations: the caller has a transaction open; conn failures are looked at by it. */
typedef enum err sqlite_op_fn(struct driver_session *s, struct store_op *op, struct error *e);
sqlite_op_fn sqlite_append, sqlite_forget, sqlite_cursor_set, sqlite_doc_put, sqlite_doc_delete, sqlite_purge,
    sqlite_room_get, sqlite_rooms_list, sqlite_events_page, sqlite_messages_page, sqlite_event_find,
    sqlite_events_about, sqlite_consume, sqlite_open_turns, sqlite_idem_get, sqlite_doc_get, sqlite_docs_list,
    sqlite_doc_relist, sqlite_docs_unlisted, sqlite_docs_find, sqlite_doc_tags, sqlite_doc_versions,
    sqlite_doc_version, sqlite_blob_names;

/* Inserts rows after the room's head: numbers, folds, open turns. */
enum err sqlite_rows_insert(struct driver_session *s, struct id tenant, struct id room, struct room_ref *ref,
                            struct event_row *rows, size_t count, struct error *e);

/* A document, also a deleted one. ERR_NOT_FOUND. */
enum err sqlite_doc_find(struct conn *c, struct arena *a, struct id tenant, struct str type, struct id id,
                         struct doc_row *out, struct error *e);

/* The document with its listing and its earlier versions. */
void sqlite_doc_erase(struct driver_session *s, struct id tenant, struct str type, struct id id);

/* sqlite_list.c: the listing of a document that was written, deleted, erased. */
void sqlite_listing_put(struct conn *c, const struct doc_row *d, const struct doc_listing *l);
void sqlite_listing_deleted(struct conn *c, struct id tenant, struct str type, struct id id, int64_t at_ms);
void sqlite_listing_erase(struct driver_session *s, struct id tenant, struct str type, struct id id);

/* sqlite_history.c: the version `now` was made of `old` (NULL: it is the first). */
void sqlite_history_add(struct conn *c, const struct doc_row *old, const struct doc_row *now,
                        const struct doc_change *change);
/* The document's version went on without a change that is kept: its row goes along. */
void sqlite_history_follow(struct conn *c, const struct doc_row *d, uint64_t from, uint64_t to);
void sqlite_history_erase(struct conn *c, struct id tenant, struct str type, struct id id);

/* Schema. Steps lead from version i to i + 1. */
struct schema_step {
    const char *sql;
};
enum { SCHEMA_VERSION = 2 };
extern const struct schema_step schema_steps[SCHEMA_VERSION];
/* Brings the database to `count` steps, each with a backup of the file before it (but for an empty one).
 * ERR_REFUSED: it is newer. */
enum err schema_migrate(struct conn *c, const char *path, const struct schema_step *steps, unsigned count,
                        struct error *e);

/* ERR_CORRUPT: no store of ours; ERR_REFUSED: newer than this program. Changes nothing. */
enum err schema_acceptable(struct conn *c, const char *path, struct error *e);

driver_backup_fn sqlite_backup;
driver_check_fn sqlite_check;
/* Copies through SQLite's online backup from one snapshot; the target is made durable. `files`: the data
 * folder whose blobs go along, or NULL. */
enum err sqlite_copy(const char *from, const char *vfs, const char *to, const char *files,
                     void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e);

#endif
