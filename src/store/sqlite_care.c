/*
 * The SQLite driver's care: copying the running store, and the long check.
 *
 * A copy reads from one snapshot (an open read transaction), so that the writer's commits neither restart nor
 * tear it. It is written beside its target, synced and renamed: a target that exists is complete.
 */
#include "store/folder.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { COPY_PAGES = 512, COPY_CACHE = 2 << 20, CHECK_CACHE = 4 << 20 };

static enum err copy_pages(struct conn *from, struct conn *to,
                           void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg,
                           struct error *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to->db, "main", from->db, "main");
    int rc = b ? SQLITE_OK : sqlite3_errcode(to->db);
    while (rc == SQLITE_OK) {
        rc = sqlite3_backup_step(b, COPY_PAGES);
        if (progress) {
            uint64_t all = (uint64_t)sqlite3_backup_pagecount(b);
            progress(arg, all - (uint64_t)sqlite3_backup_remaining(b), all);
        }
    }
    if (b)
        sqlite3_backup_finish(b);
    to->rc = rc == SQLITE_DONE ? SQLITE_OK : rc & 0xff;
    snprintf(to->message, sizeof to->message, "%s", sqlite3_errstr(rc));
    return conn_error(to, e);
}

static enum err sync_file(const char *path, struct error *e)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return good ? ERR_OK
                : error_set(e, ERR_IO, "'%s' cannot be synced (%s); check the disk.", path, strerror(why));
}

/* `files`: the data folder whose blobs go along, or NULL. */
static enum err copy_to(struct conn *from, const char *to, const char *files,
                        void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e)
{
    struct conn c = {0};
    enum err err = conn_open(&c, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL, COPY_CACHE, e);
    if (!err) {
        err = copy_pages(from, &c, progress, arg, e);
        if (!err && files)
            err = blobs_pack(str_c(files), &c, e);
        conn_close(&c);
    }
    return err ? err : sync_file(to, e);
}

enum err sqlite_copy(const char *from, const char *vfs, const char *to, const char *files,
                     void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part)
        return error_set(e, ERR_INVALID, "The path '%.200s' is too long; choose a shorter one.", to);
    struct conn c = {0};
    enum err err = conn_open(&c, from, SQLITE_OPEN_READWRITE, vfs, COPY_CACHE, e);
    if (err)
        return err;
    unlink(part);
    err = conn_exec(&c, "BEGIN; SELECT count(*) FROM sqlite_schema;", e);
    if (!err)
        err = copy_to(&c, part, files, progress, arg, e);
    conn_close(&c);
    if (!err && rename(part, to) != 0)
        err = error_set(e, ERR_IO, "The copy cannot be put at '%.200s' (%s); choose another place.", to,
                        strerror(errno));
    if (err) {
        unlink(part);
        return err;
    }
    return store_sync_folder_of(to, e);
}

enum err sqlite_backup(struct driver_db *db, struct str path,
                       void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e)
{
    char to[PATH_MAX];
    if (str_empty(path) || !str_copy(to, sizeof to, path))
        return error_set(e, ERR_INVALID, "The backup needs a path, shorter than %d bytes.", PATH_MAX);
    char folder[PATH_MAX];
    const char *slash = strrchr(db->path, '/');
    str_copy(folder, sizeof folder, slash ? str_of(db->path, (size_t)(slash - db->path)) : STR("."));
    return sqlite_copy(db->path, db->vfs, to, folder, progress, arg, e);
}

enum err sqlite_check(struct driver_db *db, struct error *e)
{
    struct conn c = {0};
    enum err err = conn_open(&c, db->path, SQLITE_OPEN_READWRITE, db->vfs, CHECK_CACHE, e);
    if (err)
        return err;
    sqlite3_stmt *s = NULL;
    c.rc = sqlite3_prepare_v2(c.db, "PRAGMA quick_check(1)", -1, &s, NULL);
    int rc = c.rc == SQLITE_OK ? sqlite3_step(s) : c.rc;
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    const char *line = said ? strrchr(said, '\n') : NULL; /* the first lines only name the database */
    if (said && strcmp(said, "ok") != 0) {
        err = error_set(e, ERR_CORRUPT,
                        "The store is damaged (%.200s): stop the server and put back a backup with 'eidolon "
                        "restore'.",
                        line ? line + 1 : said);
    } else if (!said) {
        c.rc = rc & 0xff;
        snprintf(c.message, sizeof c.message, "%s", sqlite3_errmsg(c.db));
        err = conn_error(&c, e);
    }
    sqlite3_finalize(s);
    conn_close(&c);
    return err;
}
