/* Removing blobs that no document names, and sets of hashes; see blob.h. */
#include "base/clock.h"
#include "store/blob_inner.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void blob_set_release(struct blob_set *set)
{
    free(set->v);
    *set = (struct blob_set){0};
}

void blob_set_add(struct blob_set *set, const struct blob_hash *hash)
{
    if (set->n == set->cap) {
        set->cap = set->cap ? set->cap * 2 : 64;
        set->v = heap_realloc(set->v, set->cap * sizeof *set->v);
    }
    set->v[set->n++] = *hash;
    set->sorted = false;
}

static bool hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

void blob_set_add_text(struct blob_set *set, struct str text)
{
    struct blob_hash hash;
    for (size_t i = 0, from = 0; i <= text.n; i++) {
        if (i < text.n && hex(text.p[i]))
            continue;
        if (i - from == BLOB_HEX && blob_parse(str_sub(text, from, BLOB_HEX), &hash))
            blob_set_add(set, &hash);
        from = i + 1;
    }
}

static int order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct blob_hash));
}

void blob_set_move(struct blob_set *set, struct arena *a, struct blob_hash **out, size_t *count)
{
    if (set->n)
        qsort(set->v, set->n, sizeof *set->v, order);
    *out = arena_array(a, struct blob_hash, set->n);
    if (set->n)
        memcpy(*out, set->v, set->n * sizeof *set->v);
    *count = set->n;
    blob_set_release(set);
}

bool blob_set_has(struct blob_set *set, const struct blob_hash *hash)
{
    if (!set->sorted && set->n)
        qsort(set->v, set->n, sizeof *set->v, order);
    set->sorted = true;
    return set->n && bsearch(hash, set->v, set->n, sizeof *set->v, order);
}

static enum err each_in(const char *folder, const char *prefix,
                        enum err (*each)(void *arg, const char *path, const struct blob_hash *hash),
                        void *arg)
{
    char path[PATH_MAX + 300];
    enum err err = ERR_OK;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !err; entry = readdir(dir)) {
        struct blob_hash hash;
        if (!blob_parse(str_c(entry->d_name), &hash) || strncmp(entry->d_name, prefix, 2) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        err = each(arg, path, &hash);
    }
    if (dir)
        closedir(dir);
    return err;
}

enum err blobs_each(const struct blobs *blobs,
                    enum err (*each)(void *arg, const char *path, const struct blob_hash *hash), void *arg)
{
    enum err err = ERR_OK;
    char folder[PATH_MAX + 4], prefix[3];
    for (unsigned i = 0; i < 256 && !err; i++) {
        snprintf(prefix, sizeof prefix, "%02x", i);
        snprintf(folder, sizeof folder, "%s/%s", blobs->folder, prefix);
        err = each_in(folder, prefix, each, arg);
    }
    return err;
}

struct sweep {
    struct blobs *blobs;
    struct blob_set *named;
    int64_t before_ms;
    struct blobs_swept swept;
    struct error *error;
};

static int64_t changed_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static enum err remove_old(struct sweep *s, const char *path, bool *removed)
{
    struct stat st;
    *removed = false;
    if (lstat(path, &st) != 0 || changed_ms(&st) > s->before_ms)
        return ERR_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set(s->error, ERR_IO, "'%.200s' is used by nothing and cannot be removed (%s).", path,
                         strerror(errno));
    *removed = true;
    s->swept.removed++;
    s->swept.removed_bytes += (uint64_t)st.st_size;
    return ERR_OK;
}

void blob_remove(struct blobs *blobs, const struct blob_hash *hash, int64_t before_ms, struct error *e)
{
    struct sweep s = {.blobs = blobs, .before_ms = before_ms, .error = e};
    char path[PATH_MAX];
    bool removed;
    blob_path(blobs, hash, path);
    pthread_mutex_lock(&blobs->lock);
    remove_old(&s, path, &removed);
    pthread_mutex_unlock(&blobs->lock);
}

static enum err look_at(void *arg, const char *path, const struct blob_hash *hash)
{
    struct sweep *s = arg;
    bool removed = false;
    enum err err = ERR_OK;
    if (!blob_set_has(s->named, hash)) {
        pthread_mutex_lock(&s->blobs->lock);
        err = remove_old(s, path, &removed);
        pthread_mutex_unlock(&s->blobs->lock);
    }
    if (!removed)
        s->swept.kept++;
    return err;
}

/* What a put left behind that did not live to its end. */
static enum err remove_unfinished(struct sweep *s)
{
    char folder[PATH_MAX + 8], path[2 * PATH_MAX];
    bool removed;
    enum err err = ERR_OK;
    snprintf(folder, sizeof folder, "%s/" BLOB_NEW, s->blobs->folder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !err; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        err = remove_old(s, path, &removed);
    }
    if (dir)
        closedir(dir);
    return err;
}

enum err blobs_sweep(struct blobs *blobs, struct blob_set *named, int64_t grace_ms, struct blobs_swept *out,
                     struct error *e)
{
    struct sweep s = {.blobs = blobs, .named = named, .before_ms = clock_wall_ms() - grace_ms, .error = e};
    enum err err = blobs_each(blobs, look_at, &s);
    if (!err)
        err = remove_unfinished(&s);
    *out = s.swept;
    return err;
}
