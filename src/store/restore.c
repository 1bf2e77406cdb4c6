/*
 * Putting a backup in the place of a folder's store, offline.
 *
 * The backup is looked over first (its mark, its version, quick_check), copied beside the store and synced;
 * the files (blobs) in it are put into the folder, each checked by its hash;
 * then what was there is renamed, all three files of it, and the copy takes its place. The search index goes:
 * its cursor belongs to another history. Whatever fails before the renames leaves the store as it was.
 */
#include "base/clock.h"
#include "store/folder.h"
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { LOOK_CACHE = 4 << 20 };

static enum err look_over(const char *path, struct error *e)
{
    struct conn c = {0};
    struct driver_db db = {.cache_bytes = LOOK_CACHE};
    if (access(path, R_OK) != 0)
        return error_set(e, ERR_NOT_FOUND, "The backup '%.200s' cannot be read (%s).", path, strerror(errno));
    enum err err = conn_open(&c, path, SQLITE_OPEN_READWRITE, NULL, LOOK_CACHE, e);
    if (!err) {
        /* Refuses what is newer, brings what is older up to date only when the server opens it. */
        err = schema_acceptable(&c, path, e);
        conn_close(&c);
    }
    if (err)
        return err;
    str_copy(db.path, sizeof db.path, str_c(path));
    return sqlite_check(&db, e);
}

static enum err move_aside(const char *store, int64_t now_ms, struct error *e)
{
    static const char *const suffixes[] = {"-wal", "-shm", ""};
    char from[PATH_MAX + 8], to[PATH_MAX + 64];
    for (int i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s%s", store, suffixes[i]);
        snprintf(to, sizeof to, "%s.before-%lld%s", store, (long long)now_ms, suffixes[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return error_set(e, ERR_IO, "'%.200s' cannot be moved aside (%s); nothing was restored.", from,
                             strerror(errno));
    }
    return ERR_OK;
}

static void remove_index(const struct store_folder *f)
{
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm"};
    char path[PATH_MAX];
    for (int i = 0; i < 3; i++)
        if (store_folder_file(f, names[i], path, NULL) == ERR_OK)
            unlink(path);
}

/* The files of the backup go to their places first: files that no store names harm nobody. */
static enum err unpack_files(const struct store_folder *f, const char *copy, struct error *e)
{
    struct conn c = {0};
    enum err err = conn_open(&c, copy, SQLITE_OPEN_READWRITE, NULL, LOOK_CACHE, e);
    if (err)
        return err;
    err = blobs_unpack(str_c(f->path), &c, e);
    conn_close(&c);
    return err;
}

static enum err put_in_place(const struct store_folder *f, const char *backup, struct error *e)
{
    char store[PATH_MAX], copy[PATH_MAX];
    enum err err = store_folder_file(f, STORE_FILE, store, e);
    if (!err)
        err = store_folder_file(f, STORE_FILE ".restoring", copy, e);
    if (!err)
        err = sqlite_copy(backup, NULL, copy, NULL, NULL, NULL, e);
    if (!err)
        err = unpack_files(f, copy, e);
    if (!err)
        err = move_aside(store, clock_wall_ms(), e);
    if (!err && rename(copy, store) != 0)
        err = error_set(e, ERR_IO,
                        "The restored store cannot be put in place (%s); it lies at '%.200s', what was there "
                        "before beside it.",
                        strerror(errno), copy);
    if (!err) {
        remove_index(f);
        err = store_sync_folder_of(store, e);
    }
    return err;
}

enum err store_restore(struct str folder, struct str path, struct error *e)
{
    char backup[PATH_MAX];
    struct store_folder f;
    if (str_empty(path) || !str_copy(backup, sizeof backup, path))
        return error_set(e, ERR_INVALID, "Name the backup's file.");
    enum err err = look_over(backup, e);
    if (!err)
        err = store_folder_take(&f, folder, e);
    if (err)
        return err;
    err = put_in_place(&f, backup, e);
    store_folder_release(&f);
    return err;
}

enum err store_copy(struct str folder, struct str path,
                    void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e)
{
    char from[PATH_MAX], to[PATH_MAX], data[PATH_MAX];
    if (str_empty(path) || !str_copy(to, sizeof to, path))
        return error_set(e, ERR_INVALID, "The backup needs a path, shorter than %d bytes.", PATH_MAX);
    if (snprintf(from, sizeof from, "%.*s/" STORE_FILE, STR_ARG(folder)) >= (int)sizeof from)
        return error_set(e, ERR_INVALID, "The path of the data folder is too long.");
    if (access(from, R_OK) != 0)
        return error_set(e, ERR_NOT_FOUND,
                         "There is no store in %.*s (%s); name the data folder with --data.", STR_ARG(folder),
                         strerror(errno));
    str_copy(data, sizeof data, folder);
    return sqlite_copy(from, NULL, to, data, progress, arg, e);
}
