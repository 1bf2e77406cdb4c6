/*
 * The SQLite driver: opening, sessions, groups of writes, checkpoints. The operations are in sqlite_append.c,
 * sqlite_events.c, sqlite_rooms.c, sqlite_docs.c and sqlite_keep.c.
 *
 * One file, store.db, in WAL mode with synchronous=FULL: a commit is durable when it returns. One connection
 * writes, a few read; a reader's snapshot never blocks the writer. A group is one SQL transaction, an
 * operation in it a savepoint. SQLite never checkpoints by itself here, neither after a commit nor at
 * closing: the writer does, between groups (tidy), and a store that failed is left as it lies, for recovery
 * at the next opening.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEFAULT_CHECKPOINT_PAGES = 2000, DEFAULT_CACHE = 8 << 20, FILE_MODE = 0600 };
/* When readers keep a checkpoint from ending this often, the next one waits for them. */
enum { TIDY_PATIENCE = 8 };

/* ---- opening ------------------------------------------------------------------------------------------- */

static int64_t meta_get(struct conn *c, const char *key, int64_t fallback)
{
    struct query q = query(c, SQL_META_GET);
    put_str(&q, str_c(key));
    int64_t v = query_row(&q) ? col_i64(&q, 0) : fallback;
    query_end(&q);
    return v;
}

static void meta_set(struct conn *c, const char *key, int64_t value)
{
    struct query q = query(c, SQL_META_SET);
    put_str(&q, str_c(key));
    put_i64(&q, value);
    query_run(&q);
}

/* Counts this opening and marks it as running, in one durable commit. */
static enum err note_opening(struct conn *c, struct driver_opened *opened, struct error *e)
{
    struct query q = query(c, SQL_BEGIN_WRITE);
    query_run(&q);
    opened->epoch = (uint64_t)meta_get(c, "epoch", 0) + 1;
    opened->unclean = meta_get(c, "running", 0) != 0;
    meta_set(c, "epoch", (int64_t)opened->epoch);
    meta_set(c, "running", 1);
    q = query(c, SQL_HEAD_POS);
    opened->head_pos = query_row(&q) ? col_u64(&q, 0) : 0;
    query_end(&q);
    q = query(c, SQL_COMMIT);
    query_run(&q);
    return conn_error(c, e);
}

/* The header before SQLite touches it: a clear word where the file is something else. */
static enum err prepare(struct conn *c, const char *path, struct driver_opened *opened, struct error *e)
{
    enum err err = conn_exec(c, "PRAGMA journal_mode = WAL", e);
    if (!err)
        err = schema_migrate(c, path, schema_steps, SCHEMA_VERSION, e);
    if (!err)
        err = note_opening(c, opened, e);
    return err;
}

static enum err open_db(const struct store_options *o, struct driver_db **out, struct driver_opened *opened,
                        struct error *e)
{
    struct driver_db *db = heap_alloc(sizeof *db);
    int n = snprintf(db->path, sizeof db->path, "%.*s/" STORE_FILE, STR_ARG(o->folder));
    db->vfs = o->vfs;
    db->cache_bytes = o->cache_bytes ? (int64_t)o->cache_bytes : DEFAULT_CACHE;
    db->checkpoint_pages = o->checkpoint_pages ? o->checkpoint_pages : DEFAULT_CHECKPOINT_PAGES;
    struct conn c = {0};
    enum err err = n < 0 || n >= (int)sizeof db->path
                       ? error_set(e, ERR_INVALID, "The data folder's path is too long; choose another.")
                       : conn_open(&c, db->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, db->vfs,
                                   db->cache_bytes, e);
    if (!err) {
        chmod(db->path, FILE_MODE);
        err = prepare(&c, db->path, opened, e);
        conn_close(&c);
    }
    if (err) {
        free(db);
        return err;
    }
    db->next_pos = opened->head_pos + 1;
    *out = db;
    return ERR_OK;
}

static void close_db(struct driver_db *db, bool clean)
{
    struct conn c = {0};
    if (clean && conn_open(&c, db->path, SQLITE_OPEN_READWRITE, db->vfs, db->cache_bytes, NULL) == ERR_OK) {
        /* First the checkpoint, so that the mark is the only thing left in the log. */
        sqlite3_wal_checkpoint_v2(c.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        meta_set(&c, "running", 0);
        if (conn_error(&c, NULL) == ERR_OK)
            sqlite3_wal_checkpoint_v2(c.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        conn_close(&c);
    }
    free(db);
}

/* SQLite tells after each commit how many pages are in the log (its file does not shrink, so its size would
 * not say). */
static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db, (void)name;
    ((struct driver_session *)arg)->wal_pages = (unsigned)pages;
    return SQLITE_OK;
}

static enum err open_session(struct driver_db *db, unsigned flags, struct driver_session **out,
                             struct error *e)
{
    struct driver_session *s = heap_alloc(sizeof *s);
    s->db = db;
    s->writes = flags & DRIVER_WRITES;
    enum err err = conn_open(&s->c, db->path, SQLITE_OPEN_READWRITE, db->vfs, db->cache_bytes, e);
    if (!err && !s->writes) {
        err = conn_exec(&s->c, "PRAGMA query_only = ON", e);
        if (err)
            conn_close(&s->c);
    }
    if (err) {
        free(s);
        return err;
    }
    if (s->writes)
        sqlite3_wal_hook(s->c.db, note_wal, s);
    *out = s;
    return ERR_OK;
}

static void close_session(struct driver_session *s)
{
    conn_close(&s->c);
    free(s);
}

/* ---- groups -------------------------------------------------------------------------------------------- */

static void run(struct conn *c, enum sql sql)
{
    struct query q = query(c, sql);
    query_run(&q);
}

static enum err begin(struct driver_session *s, struct error *e)
{
    s->group_pos = s->db->next_pos;
    run(&s->c, SQL_BEGIN_WRITE);
    return conn_error(&s->c, e);
}

static enum err commit(struct driver_session *s, struct error *e)
{
    run(&s->c, SQL_COMMIT);
    enum err err = conn_error(&s->c, e);
    if (err) {
        s->db->next_pos = s->group_pos;
        if (!sqlite3_get_autocommit(s->c.db))
            run(&s->c, SQL_ROLLBACK);
        conn_error(&s->c, NULL);
    }
    return err;
}

static void abort_group(struct driver_session *s)
{
    s->db->next_pos = s->group_pos;
    conn_error(&s->c, NULL);
    if (!sqlite3_get_autocommit(s->c.db))
        run(&s->c, SQL_ROLLBACK);
    conn_error(&s->c, NULL);
}

static sqlite_op_fn *const operations[STORE_OP_KINDS] = {
    [STORE_APPEND] = sqlite_append,
    [STORE_ROOM_GET] = sqlite_room_get,
    [STORE_ROOMS_LIST] = sqlite_rooms_list,
    [STORE_EVENTS_PAGE] = sqlite_events_page,
    [STORE_MESSAGES_PAGE] = sqlite_messages_page,
    [STORE_EVENT_FIND] = sqlite_event_find,
    [STORE_EVENTS_ABOUT] = sqlite_events_about,
    [STORE_CONSUME] = sqlite_consume,
    [STORE_CURSOR_SET] = sqlite_cursor_set,
    [STORE_OPEN_TURNS] = sqlite_open_turns,
    [STORE_IDEM_GET] = sqlite_idem_get,
    [STORE_FORGET] = sqlite_forget,
    [STORE_DOC_PUT] = sqlite_doc_put,
    [STORE_DOC_GET] = sqlite_doc_get,
    [STORE_DOCS_LIST] = sqlite_docs_list,
    [STORE_DOC_DELETE] = sqlite_doc_delete,
    [STORE_DOC_RELIST] = sqlite_doc_relist,
    [STORE_DOCS_UNLISTED] = sqlite_docs_unlisted,
    [STORE_DOCS_FIND] = sqlite_docs_find,
    [STORE_DOC_TAGS] = sqlite_doc_tags,
    [STORE_DOC_VERSIONS] = sqlite_doc_versions,
    [STORE_DOC_VERSION] = sqlite_doc_version,
    [STORE_PURGE] = sqlite_purge,
    [STORE_BLOB_NAMES] = sqlite_blob_names,
};

/* The operation's own refusal, or the connection's failure if there was one: that weighs more. */
static enum err outcome(struct conn *c, enum err err, struct error *e)
{
    enum err machine = conn_error(c, e);
    return machine ? machine : err;
}

static enum err write_op(struct driver_session *s, struct store_op *op, struct error *e)
{
    uint64_t pos = s->db->next_pos;
    run(&s->c, SQL_SAVE);
    enum err err = outcome(&s->c, operations[op->kind](s, op, e), e);
    if (err) {
        s->db->next_pos = pos;
        if (store_machine_failed(err))
            return err; /* the whole group goes */
        run(&s->c, SQL_UNDO);
    }
    run(&s->c, SQL_RELEASE);
    enum err released = conn_error(&s->c, err ? NULL : e);
    return released ? released : err;
}

static enum err read_op(struct driver_session *s, struct store_op *op, struct error *e)
{
    run(&s->c, SQL_BEGIN_READ);
    enum err err = outcome(&s->c, operations[op->kind](s, op, e), e);
    if (!sqlite3_get_autocommit(s->c.db))
        run(&s->c, SQL_COMMIT);
    conn_error(&s->c, NULL);
    return err;
}

/* ---- upkeep -------------------------------------------------------------------------------------------- */

static enum err checkpoint(struct driver_session *s, int mode, bool *whole, struct error *e)
{
    int log = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->c.db, NULL, mode, &log, &done);
    *whole = rc == SQLITE_OK && done == log;
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return ERR_OK;
    s->c.rc = rc & 0xff;
    s->c.extended = sqlite3_extended_errcode(s->c.db);
    snprintf(s->c.message, sizeof s->c.message, "%s", sqlite3_errmsg(s->c.db));
    return conn_error(&s->c, e);
}

/* FTS5 keeps the words of deleted rows until its segments are merged: all into one. Rare: something was
 * erased for good. */
static enum err forget_words(struct driver_session *s, struct error *e)
{
    if (!s->db->words_erased)
        return ERR_OK;
    s->db->words_erased = false;
    run(&s->c, SQL_WORDS_OPTIMIZE);
    return conn_error(&s->c, e);
}

/* Folds the log in when it is due. PASSIVE waits for nobody; only when readers kept it from ending many times
 * does it wait (they are short), so that the log is bounded. */
static enum err tidy(struct driver_session *s, struct error *e)
{
    unsigned due = s->db->checkpoint_pages;
    enum err words = forget_words(s, e);
    if (words)
        return words;
    if (s->wal_pages < due + s->tidy_later)
        return ERR_OK;
    bool whole = false;
    int mode = s->busy_tidy < TIDY_PATIENCE ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
    enum err err = checkpoint(s, mode, &whole, e);
    s->busy_tidy = whole ? 0 : s->busy_tidy + 1;
    s->tidy_later = whole ? 0 : s->wal_pages - due + due / 4;
    s->wal_pages = 0; /* until the next commit says */
    return err;
}

/* The old bytes are in the log and may be in the file: fold the log in (freed bytes are zeroed there) and cut
 * it to nothing. */
static enum err scrub(struct driver_session *s, struct error *e)
{
    bool whole = false;
    enum err err = forget_words(s, e);
    return err ? err : checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, &whole, e);
}

static uint64_t size_of(const char *path, const char *suffix)
{
    char name[PATH_MAX + 8];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void sizes(struct driver_db *db, uint64_t *file_bytes, uint64_t *wal_bytes)
{
    *file_bytes = size_of(db->path, "");
    *wal_bytes = size_of(db->path, "-wal");
}

const struct store_driver store_driver_sqlite = {
    .name = "sqlite",
    .lasting = true,
    .open = open_db,
    .close = close_db,
    .session = open_session,
    .session_close = close_session,
    .begin = begin,
    .commit = commit,
    .abort = abort_group,
    .write = write_op,
    .read = read_op,
    .tidy = tidy,
    .scrub = scrub,
    .sizes = sizes,
    .backup = sqlite_backup,
    .check = sqlite_check,
};
