/*
 * The search index's file, index.db: made, opened, and thrown away when it is of no use, since the log has
 * everything in it.
 *
 * synchronous=NORMAL: after a power loss the last batches may be missing, never half there, and the cursor,
 * which is in the same transaction, says so.
 */
#include "store/index_inner.h"

#include "base/log.h"
#include "store/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INDEX_CACHE = 16 << 20, INDEX_APPLICATION_ID = 0x45494458 /* "EIDX" */ };

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rooms(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);"
    "CREATE TABLE scopes(n INTEGER PRIMARY KEY, owner BLOB NOT NULL, persona BLOB NOT NULL,"
    " docs INTEGER NOT NULL, tokens INTEGER NOT NULL, UNIQUE(owner, persona));"
    /* AUTOINCREMENT: a turn's number is never given again, and postings are in its order. */
    "CREATE TABLE docs(id INTEGER PRIMARY KEY AUTOINCREMENT, scope INTEGER NOT NULL, room INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, at INTEGER NOT NULL, author_type INTEGER NOT NULL, author BLOB,"
    " length INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE UNIQUE INDEX docs_seq ON docs(room, seq, scope);"
    "CREATE TABLE postings(scope INTEGER NOT NULL, term TEXT NOT NULL, first INTEGER NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(scope, term, first)) WITHOUT ROWID;"
    "COMMIT;";

uint64_t index_meta_get(struct conn *c, const char *key)
{
    struct query q = query(c, SQL_INDEX_META_GET);
    put_str(&q, str_c(key));
    uint64_t v = query_row(&q) ? col_u64(&q, 0) : 0;
    query_end(&q);
    return v;
}

void index_meta_set(struct conn *c, const char *key, uint64_t value)
{
    struct query q = query(c, SQL_INDEX_META_SET);
    put_str(&q, str_c(key));
    put_u64(&q, value);
    query_run(&q);
}

static void remove_file(const struct index *index)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[PATH_MAX + 8];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", index->path, suffixes[i]);
        unlink(path);
    }
}

static void close_session(struct index_session *s)
{
    index_terms_close(s);
    conn_close(&s->c);
    free(s->slots);
    *s = (struct index_session){0};
}

static enum err open_session(struct index *index, struct index_session *s, bool writes, struct error *e)
{
    int flags = SQLITE_OPEN_READWRITE | (writes ? SQLITE_OPEN_CREATE : 0);
    *s = (struct index_session){0};
    enum err err = conn_open(&s->c, index->path, flags, index->vfs, INDEX_CACHE, e);
    if (err)
        return err;
    err = conn_exec(&s->c,
                    writes ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"
                           : "PRAGMA query_only = ON; SELECT count(*) FROM sqlite_schema",
                    e);
    if (!err)
        err = index_terms_open(s, e);
    if (err)
        close_session(s);
    return err;
}

static int64_t pragma_number(struct conn *c, const char *text)
{
    sqlite3_stmt *s = NULL;
    int64_t v = -1;
    if (sqlite3_prepare_v2(c->db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        v = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return v;
}

/* Makes the tables in an empty file; false if the file holds something else than we would make. */
static bool ready_schema(struct conn *c)
{
    int64_t version = pragma_number(c, "PRAGMA user_version");
    if (version == 0 && pragma_number(c, "SELECT count(*) FROM sqlite_schema") == 0) {
        char mark[80];
        snprintf(mark, sizeof mark, "PRAGMA user_version = %d; PRAGMA application_id = %d", INDEX_VERSION,
                 INDEX_APPLICATION_ID);
        return conn_exec(c, schema, NULL) == ERR_OK && conn_exec(c, mark, NULL) == ERR_OK;
    }
    return version == INDEX_VERSION && pragma_number(c, "PRAGMA application_id") == INDEX_APPLICATION_ID;
}

static enum err open_all(struct index *index, bool *useless, struct error *e)
{
    enum err err = open_session(index, &index->writer, true, e);
    *useless = err == ERR_CORRUPT;
    if (err)
        return err;
    struct conn *c = &index->writer.c;
    *useless = !ready_schema(c);
    if (*useless)
        return error_set(e, ERR_CORRUPT, "The search index cannot be used.");
    for (unsigned i = 0; i < index->readers && !err; i++)
        err = open_session(index, &index->reader[i], false, e);
    if (!err) {
        atomic_store(&index->cursor, index_meta_get(c, "cursor"));
        struct query q = query(c, SQL_INDEX_COUNT);
        atomic_store(&index->docs, query_row(&q) ? col_u64(&q, 0) : 0);
        query_end(&q);
        err = conn_error(c, e);
    }
    *useless = *useless || err == ERR_CORRUPT;
    return err;
}

void index_file_close(struct index *index)
{
    for (unsigned i = 0; i < index->readers; i++)
        close_session(&index->reader[i]);
    close_session(&index->writer);
}

enum err index_file_replace(struct index *index, struct error *e)
{
    bool useless;
    index_file_close(index);
    remove_file(index);
    atomic_store(&index->rebuilt, true);
    return open_all(index, &useless, e);
}

enum err index_file_open(struct index *index, struct error *e)
{
    bool useless = false, missing = access(index->path, F_OK) != 0;
    enum err err = open_all(index, &useless, e);
    atomic_store(&index->rebuilt, missing);
    if (err && useless) {
        log_warn("store",
                 "The search index is damaged or of another version; it is built anew from the log.");
        err = index_file_replace(index, e);
    }
    if (err)
        index_file_close(index);
    return err;
}
