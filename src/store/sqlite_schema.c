/*
 * The SQLite schema and its migrations, forward only.
 *
 * PRAGMA user_version counts the steps done. A database that already holds data is copied to PATH.vN before
 * step N runs, so that a failed or regretted migration can be undone by hand (eidolon restore). A database of
 * a higher version was made by a newer program and is refused untouched.
 *
 * Rooms have a small integer key of their own (rooms.n), so that the events table and its indexes stay
 * compact. events is keyed by the global position: rows of a commit lie together, consumers scan in order.
 * messages folds what later events did to a message, so that a page of history is one index range.
 *
 * Step 2: what documents show in lists and are found by (sqlite_list.c), and their earlier versions
 * (sqlite_history.c). Personas that were there before are listed by their names at once; the program fills in
 * the rest at its first start (form 0).
 */
#include "store/sqlite.h"

#include <stdio.h>

const struct schema_step schema_steps[SCHEMA_VERSION] = {
    {
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE rooms("
        " n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, tenant BLOB, owner BLOB, title TEXT NOT NULL,"
        " state TEXT NOT NULL, members TEXT NOT NULL, settings TEXT NOT NULL, external TEXT,"
        " created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL,"
        " head_seq INTEGER NOT NULL, cleared INTEGER NOT NULL, version INTEGER NOT NULL,"
        " epoch INTEGER NOT NULL, last_at INTEGER NOT NULL);"
        "CREATE INDEX rooms_recent ON rooms(tenant, owner, last_at, id);"
        "CREATE UNIQUE INDEX rooms_external ON rooms(tenant, external)"
        " WHERE external IS NOT NULL AND deleted = 0;"
        "CREATE INDEX rooms_deleted ON rooms(deleted) WHERE deleted <> 0;"
        "CREATE TABLE events("
        " pos INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES rooms(n), seq INTEGER NOT NULL,"
        " at INTEGER NOT NULL, kind TEXT NOT NULL, v INTEGER NOT NULL, author_type INTEGER NOT NULL,"
        " author BLOB, author_name TEXT NOT NULL, turn BLOB, cause INTEGER, parent INTEGER, audience TEXT,"
        " ref BLOB, of INTEGER, client TEXT, data TEXT NOT NULL, key_id INTEGER NOT NULL);"
        "CREATE UNIQUE INDEX events_seq ON events(room, seq);"
        "CREATE INDEX events_of ON events(room, of, seq) WHERE of IS NOT NULL;"
        "CREATE INDEX events_client ON events(room, client) WHERE client IS NOT NULL;"
        "CREATE TABLE messages("
        " room INTEGER NOT NULL, seq INTEGER NOT NULL, pos INTEGER NOT NULL, ref BLOB,"
        " edited INTEGER, deleted INTEGER NOT NULL, PRIMARY KEY(room, seq)) WITHOUT ROWID;"
        "CREATE INDEX messages_ref ON messages(ref);"
        "CREATE TABLE open_turns("
        " turn BLOB PRIMARY KEY, room INTEGER NOT NULL, pos INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE cursors(name TEXT PRIMARY KEY, pos INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE idem("
        " principal BLOB, route TEXT NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL, result TEXT NOT NULL,"
        " at INTEGER NOT NULL, UNIQUE(principal, route, key));"
        "CREATE INDEX idem_at ON idem(at);"
        "CREATE TABLE ops(id BLOB PRIMARY KEY, at INTEGER NOT NULL, result BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX ops_at ON ops(at);"
        "CREATE TABLE docs("
        " type TEXT NOT NULL, id BLOB NOT NULL, tenant BLOB, owner BLOB, slug TEXT,"
        " sort TEXT NOT NULL COLLATE NOCASE, version INTEGER NOT NULL, created INTEGER NOT NULL,"
        " updated INTEGER NOT NULL, deleted INTEGER NOT NULL, data TEXT NOT NULL, key_id INTEGER NOT NULL,"
        " UNIQUE(tenant, type, id));"
        "CREATE UNIQUE INDEX docs_slug ON docs(tenant, type, slug) WHERE slug IS NOT NULL AND deleted = 0;"
        "CREATE INDEX docs_sort ON docs(tenant, type, sort, id);"
        "CREATE INDEX docs_created ON docs(tenant, type, created, id);"
        "CREATE INDEX docs_deleted ON docs(deleted) WHERE deleted <> 0;",
    },
    {
        "CREATE TABLE shelves("
        " k INTEGER PRIMARY KEY, tenant BLOB, type TEXT NOT NULL, count INTEGER NOT NULL, next INTEGER NOT "
        "NULL,"
        " UNIQUE(tenant, type));"
        "CREATE TABLE doc_list("
        " n INTEGER PRIMARY KEY, shelf INTEGER NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL,"
        " created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL, version INTEGER NOT "
        "NULL,"
        " form INTEGER NOT NULL, favourite INTEGER NOT NULL, brief TEXT NOT NULL, UNIQUE(shelf, id));"
        "CREATE INDEX doc_list_name ON doc_list(shelf, name, id) WHERE deleted = 0;"
        "CREATE INDEX doc_list_updated ON doc_list(shelf, updated, id) WHERE deleted = 0;"
        "CREATE INDEX doc_list_created ON doc_list(shelf, created, id) WHERE deleted = 0;"
        "CREATE INDEX doc_list_form ON doc_list(shelf, form) WHERE deleted = 0;"
        "CREATE INDEX doc_list_favourite ON doc_list(shelf) WHERE favourite = 1 AND deleted = 0;"
        "CREATE TABLE tags("
        " t INTEGER PRIMARY KEY, shelf INTEGER NOT NULL, tag TEXT NOT NULL, shown TEXT NOT NULL,"
        " count INTEGER NOT NULL, UNIQUE(shelf, tag));"
        "CREATE TABLE tagged(t INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(t, n)) WITHOUT ROWID;"
        "CREATE INDEX tagged_n ON tagged(n);"
        "CREATE VIRTUAL TABLE doc_words USING"
        " fts5(words, detail = none, columnsize = 0, prefix = '1 2 3 4', tokenize = 'ascii');"
        "CREATE TABLE doc_history("
        " n INTEGER PRIMARY KEY, tenant BLOB, type TEXT NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL,"
        " at INTEGER NOT NULL, author BLOB, author_name TEXT NOT NULL, note TEXT NOT NULL, fields TEXT NOT "
        "NULL,"
        " data TEXT, UNIQUE(tenant, type, id, version));"
        "INSERT INTO shelves(tenant, type, count, next)"
        " SELECT tenant, type, sum(deleted = 0), count(*) + 1 FROM docs WHERE type = 'persona' GROUP BY "
        "tenant;"
        "INSERT INTO doc_list(n, shelf, id, name, created, updated, deleted, version, form, favourite, brief)"
        " SELECT (s.k << 32) + row_number() OVER (PARTITION BY s.k ORDER BY d.created, d.id), s.k, d.id,"
        " lower(d.sort), d.created, d.updated, d.deleted, d.version, 0, 0, ''"
        " FROM docs d JOIN shelves s ON s.tenant = d.tenant AND s.type = d.type;"
        "INSERT INTO doc_words(rowid, words) SELECT n, '' FROM doc_list WHERE deleted = 0;",
    }};

static enum err number(struct conn *c, const char *pragma, int64_t *out, struct error *e)
{
    sqlite3_stmt *s = NULL;
    c->rc = sqlite3_prepare_v2(c->db, pragma, -1, &s, NULL);
    if (c->rc == SQLITE_OK) {
        int rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            *out = sqlite3_column_int64(s, 0);
        else
            c->rc = rc;
        sqlite3_finalize(s);
    }
    return conn_error(c, e);
}

static enum err run_step(struct conn *c, const struct schema_step *step, unsigned version, struct error *e)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %u; PRAGMA application_id = %d;", version,
             STORE_APPLICATION_ID);
    enum err err = conn_exec(c, "BEGIN IMMEDIATE", e);
    if (!err)
        err = conn_exec(c, step->sql, e);
    if (!err)
        err = conn_exec(c, mark, e);
    if (!err)
        err = conn_exec(c, "COMMIT", e);
    if (err)
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static enum err versions(struct conn *c, int64_t *version, int64_t *application, struct error *e)
{
    enum err err = number(c, "PRAGMA user_version", version, e);
    return err ? err : number(c, "PRAGMA application_id", application, e);
}

static enum err too_new(int64_t version, unsigned known, struct error *e)
{
    return error_set(e, ERR_REFUSED,
                     "The store was written by a newer Eidolon (version %lld of its format, this program "
                     "knows %u); update the program.",
                     (long long)version, known);
}

enum err schema_acceptable(struct conn *c, const char *path, struct error *e)
{
    int64_t version = 0, application = 0;
    enum err err = versions(c, &version, &application, e);
    if (err)
        return err;
    if (version < 1 || application != STORE_APPLICATION_ID)
        return error_set(e, ERR_CORRUPT, "'%.200s' is no backup of an Eidolon store; name another file.",
                         path);
    return version > SCHEMA_VERSION ? too_new(version, SCHEMA_VERSION, e) : ERR_OK;
}

enum err schema_migrate(struct conn *c, const char *path, const struct schema_step *steps, unsigned count,
                        struct error *e)
{
    int64_t version = 0, application = 0;
    enum err err = versions(c, &version, &application, e);
    if (err)
        return err;
    if (version > 0 && application != STORE_APPLICATION_ID)
        return error_set(e, ERR_CORRUPT,
                         "'%.200s' is no Eidolon store; move it away, or choose another folder.", path);
    if (version > (int64_t)count)
        return too_new(version, count, e);
    for (unsigned v = (unsigned)version; v < count; v++) {
        char backup[PATH_MAX + 16];
        snprintf(backup, sizeof backup, "%s.v%u", path, v);
        if (v > 0)
            err = sqlite_copy(path, NULL, backup, NULL, NULL, NULL, e);
        if (!err)
            err = run_step(c, &steps[v], v + 1, e);
        if (err)
            return err;
    }
    return ERR_OK;
}
