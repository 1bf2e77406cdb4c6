/*
 * Blobs in a backup: a table `blobs` of the backup's database, filled from the data folder and unpacked into
 * it again; see blob.h.
 *
 * Large blobs are copied piece by piece (SQLite's incremental blobs), so memory stays small. A row can hold
 * SQLite's SQLITE_MAX_LENGTH (1,000,000,000 bytes by default); a larger file is refused with a sentence.
 */
#include "store/blob_inner.h"
#include "store/folder.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* These databases are copies: one that fails half-way is thrown away, so nothing need be undone. The server
 * turns the log on again when it opens its store. */
#define NO_JOURNAL "PRAGMA journal_mode = OFF;"
enum { PIECE = 1 << 18, FILE_MODE = 0600 };

struct packing {
    struct conn *c;
    sqlite3_stmt *insert;
    struct error *error;
    char *piece;
};

static enum err sql_failed(struct conn *c, struct error *e)
{
    c->rc = sqlite3_errcode(c->db) & 0xff;
    snprintf(c->message, sizeof c->message, "%s", sqlite3_errmsg(c->db));
    return conn_error(c, e);
}

static enum err copy_in(struct packing *p, int fd, int64_t row, uint64_t size)
{
    sqlite3_blob *to = NULL;
    enum err err = ERR_OK;
    if (sqlite3_blob_open(p->c->db, "main", "blobs", "data", row, 1, &to) != SQLITE_OK)
        err = sql_failed(p->c, p->error);
    for (uint64_t at = 0; !err && at < size;) {
        ssize_t n = pread(fd, p->piece, size - at < PIECE ? size - at : PIECE, (off_t)at);
        if (n <= 0)
            err = error_set(p->error, ERR_IO, "A file of the data folder cannot be read (%s).",
                            n < 0 ? strerror(errno) : "it became shorter");
        else if (sqlite3_blob_write(to, p->piece, (int)n, (int)at) != SQLITE_OK)
            err = sql_failed(p->c, p->error);
        else
            at += (uint64_t)n;
    }
    sqlite3_blob_close(to);
    return err;
}

static enum err pack_one(void *arg, const char *path, const struct blob_hash *hash)
{
    struct packing *p = arg;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return ERR_OK; /* swept meanwhile: nothing named it */
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > INT32_MAX) {
        enum err err = error_set(p->error, ERR_IO, "'%.200s' cannot be put into the backup (%s).", path,
                                 fd < 0 ? strerror(errno) : "it is too large");
        if (fd >= 0)
            close(fd);
        return err;
    }
    sqlite3_bind_blob(p->insert, 1, hash->b, sizeof hash->b, SQLITE_STATIC);
    sqlite3_bind_zeroblob(p->insert, 2, (int)st.st_size);
    enum err err = sqlite3_step(p->insert) == SQLITE_DONE ? ERR_OK : sql_failed(p->c, p->error);
    sqlite3_reset(p->insert);
    if (!err)
        err = copy_in(p, fd, sqlite3_last_insert_rowid(p->c->db), (uint64_t)st.st_size);
    close(fd);
    return err;
}

enum err blobs_pack(struct str folder, struct conn *to, struct error *e)
{
    struct blobs *blobs = NULL;
    struct packing p = {.c = to, .error = e};
    enum err err = blobs_open(folder, &blobs, e);
    if (err)
        return err;
    err = conn_exec(to,
                    NO_JOURNAL
                    "BEGIN; CREATE TABLE IF NOT EXISTS blobs(n INTEGER PRIMARY KEY, sha256 BLOB NOT NULL "
                    "UNIQUE, data BLOB NOT NULL); DELETE FROM blobs;",
                    e);
    if (!err && sqlite3_prepare_v2(to->db, "INSERT INTO blobs(sha256, data) VALUES(?, ?)", -1, &p.insert,
                                   NULL) != SQLITE_OK)
        err = sql_failed(to, e);
    p.piece = heap_alloc(PIECE);
    if (!err)
        err = blobs_each(blobs, pack_one, &p);
    sqlite3_finalize(p.insert);
    free(p.piece);
    if (!err)
        err = conn_exec(to, "COMMIT;", e);
    blobs_close(blobs);
    return err;
}

/* ---- unpacking ---- */

static enum err copy_out(struct packing *p, int64_t row, int fd)
{
    sqlite3_blob *from = NULL;
    enum err err = ERR_OK;
    if (sqlite3_blob_open(p->c->db, "main", "blobs", "data", row, 0, &from) != SQLITE_OK)
        return sql_failed(p->c, p->error);
    int size = sqlite3_blob_bytes(from);
    for (int at = 0; !err && at < size;) {
        int n = size - at < PIECE ? size - at : PIECE;
        if (sqlite3_blob_read(from, p->piece, n, at) != SQLITE_OK)
            err = sql_failed(p->c, p->error);
        else if (pwrite(fd, p->piece, (size_t)n, at) != n)
            err =
                error_set(p->error, ERR_IO, "A file of the backup cannot be written (%s).", strerror(errno));
        at += n;
    }
    sqlite3_blob_close(from);
    return err;
}

static enum err unpack_one(struct packing *p, struct blobs *blobs, int64_t row, const struct blob_hash *hash)
{
    char path[PATH_MAX];
    struct blob_hash is;
    if (blob_exists(blobs, hash))
        return ERR_OK;
    blob_new_path(blobs, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return error_set(p->error, ERR_IO, "'%.200s' cannot be made (%s).", path, strerror(errno));
    enum err err = copy_out(p, row, fd);
    close(fd);
    if (!err)
        err = blob_adopt(blobs, path, &is, p->error);
    if (!err && memcmp(is.b, hash->b, sizeof is.b) != 0)
        err = error_set(p->error, ERR_CORRUPT,
                        "The backup is damaged: the file %.12s in it is not what its hash says.",
                        blob_text(hash).c);
    if (err)
        unlink(path);
    return err;
}

static enum err unpack_all(struct packing *p, struct blobs *blobs)
{
    sqlite3_stmt *all = NULL;
    enum err err = ERR_OK;
    int rc = sqlite3_prepare_v2(p->c->db, "SELECT n, sha256 FROM blobs", -1, &all, NULL);
    while (!err && rc == SQLITE_OK && (rc = sqlite3_step(all)) == SQLITE_ROW) {
        struct blob_hash hash;
        rc = SQLITE_OK;
        if (sqlite3_column_bytes(all, 1) != sizeof hash.b) {
            err = error_set(p->error, ERR_CORRUPT, "The backup is damaged: a file in it has no hash.");
            break;
        }
        memcpy(hash.b, sqlite3_column_blob(all, 1), sizeof hash.b);
        err = unpack_one(p, blobs, sqlite3_column_int64(all, 0), &hash);
    }
    if (!err && rc != SQLITE_DONE)
        err = sql_failed(p->c, p->error);
    sqlite3_finalize(all);
    return err;
}

static bool has_table(struct conn *c)
{
    sqlite3_stmt *s = NULL;
    bool has =
        sqlite3_prepare_v2(c->db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'blobs'", -1,
                           &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return has;
}

enum err blobs_unpack(struct str folder, struct conn *from, struct error *e)
{
    struct blobs *blobs = NULL;
    struct packing p = {.c = from, .error = e};
    if (!has_table(from))
        return ERR_OK;
    enum err err = blobs_open(folder, &blobs, e);
    if (err)
        return err;
    p.piece = heap_alloc(PIECE);
    err = blobs_make(blobs, e);
    if (!err)
        err = unpack_all(&p, blobs);
    free(p.piece);
    blobs_close(blobs);
    if (!err)
        err = conn_exec(from, NO_JOURNAL "PRAGMA temp_store = FILE; DROP TABLE blobs; VACUUM;", e);
    return err;
}
