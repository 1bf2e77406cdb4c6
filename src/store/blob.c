/* Files kept by their SHA-256: putting, opening, reading; see blob.h. Sweeping and sets are in blob_sweep.c.
 */
#include "store/blob_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, COPY_CHUNK = 1 << 18 };

struct blob_text blob_text(const struct blob_hash *hash)
{
    static const char digits[] = "0123456789abcdef";
    struct blob_text text = {0};
    for (size_t i = 0; i < sizeof hash->b; i++) {
        text.c[2 * i] = digits[hash->b[i] >> 4];
        text.c[2 * i + 1] = digits[hash->b[i] & 15];
    }
    return text;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool blob_parse(struct str hex, struct blob_hash *out)
{
    struct blob_hash hash;
    if (hex.n != BLOB_HEX)
        return false;
    for (size_t i = 0; i < sizeof hash.b; i++) {
        int high = digit_of(hex.p[2 * i]), low = digit_of(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        hash.b[i] = (uint8_t)(high << 4 | low);
    }
    *out = hash;
    return true;
}

void blob_hash_of(struct str bytes, struct blob_hash *out)
{
    SHA256((const unsigned char *)bytes.p, bytes.n, out->b);
}

enum err blobs_open(struct str folder, struct blobs **out, struct error *e)
{
    struct blobs *blobs = heap_alloc(sizeof *blobs);
    pthread_mutex_init(&blobs->lock, NULL);
    int n = snprintf(blobs->folder, sizeof blobs->folder, "%.*s/" BLOB_FOLDER, STR_ARG(folder));
    if (n < 0 || (size_t)n >= sizeof blobs->folder) {
        blobs_close(blobs);
        return error_set(e, ERR_INVALID, "The data folder's path is too long; choose another with --data.");
    }
    *out = blobs;
    return ERR_OK;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs)
        pthread_mutex_destroy(&blobs->lock);
    free(blobs);
}

void blob_path(const struct blobs *blobs, const struct blob_hash *hash, char to[PATH_MAX])
{
    struct blob_text text = blob_text(hash);
    snprintf(to, PATH_MAX, "%s/%.2s/%s", blobs->folder, text.c, text.c);
}

static enum err failed(const char *path, const char *what, struct error *e)
{
    int why = errno;
    bool full = why == ENOSPC || why == EDQUOT;
    return error_set(e, ERR_IO, "The file '%.200s' cannot be %s (%s); %s.", path, what, strerror(why),
                     full ? "free some disk space and try again" : "check the disk and the folder's rights");
}

static enum err sync_folder(const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = fd >= 0 && fsync(fd) == 0 ? ERR_OK : failed(path, "synced", e);
    if (fd >= 0)
        close(fd);
    return err;
}

static enum err make_folder(const char *path, struct error *e)
{
    return mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST ? ERR_OK : failed(path, "made", e);
}

enum err blobs_make(const struct blobs *blobs, struct error *e)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/" BLOB_NEW, blobs->folder);
    enum err err = make_folder(blobs->folder, e);
    return err ? err : make_folder(path, e);
}

/* Makes blobs/, blobs/new and blobs/xx where they are missing. */
static enum err make_folders(const struct blobs *blobs, const struct blob_hash *hash, struct error *e)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/%.2s", blobs->folder, blob_text(hash).c);
    if (access(path, F_OK) == 0)
        return ERR_OK;
    enum err err = blobs_make(blobs, e);
    if (!err)
        err = make_folder(path, e);
    return err ? err : sync_folder(blobs->folder, e);
}

static enum err write_all(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        bytes = str_from(bytes, (size_t)n);
    }
    return ERR_OK;
}

static enum err write_new(const char *path, struct str bytes, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return failed(path, "made", e);
    enum err err = write_all(fd, bytes) == ERR_OK && fdatasync(fd) == 0 ? ERR_OK : failed(path, "written", e);
    close(fd);
    if (err)
        unlink(path);
    return err;
}

/* Where the blob is there already it is made young, so that a sweep under way leaves it. */
static bool touch(struct blobs *blobs, const char *path)
{
    pthread_mutex_lock(&blobs->lock);
    bool there = utimensat(AT_FDCWD, path, NULL, 0) == 0;
    pthread_mutex_unlock(&blobs->lock);
    return there;
}

static enum err put_in_place(const char *from, const char *path, struct error *e)
{
    char folder[PATH_MAX];
    if (rename(from, path) != 0)
        return failed(path, "put in place", e);
    str_copy(folder, sizeof folder, str_of(path, strlen(path) - BLOB_HEX - 1));
    return sync_folder(folder, e);
}

void blob_new_path(const struct blobs *blobs, char to[PATH_MAX])
{
    static _Atomic unsigned long last;
    snprintf(to, PATH_MAX, "%s/" BLOB_NEW "/%ld-%lu", blobs->folder, (long)getpid(),
             atomic_fetch_add(&last, 1));
}

enum err blob_put(struct blobs *blobs, struct str bytes, struct blob_hash *out, struct error *e)
{
    char path[PATH_MAX], new[PATH_MAX];
    blob_hash_of(bytes, out);
    blob_path(blobs, out, path);
    if (touch(blobs, path))
        return ERR_OK;
    enum err err = make_folders(blobs, out, e);
    blob_new_path(blobs, new);
    if (!err)
        err = write_new(new, bytes, e);
    if (!err) {
        err = put_in_place(new, path, e);
        if (err)
            unlink(new);
    }
    return err;
}

enum err blob_hash_fd(int fd, struct blob_hash *out)
{
    char *chunk = heap_alloc(COPY_CHUNK);
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    ssize_t n = 0;
    off_t at = 0;
    if (!sum || EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1)
        abort();
    while ((n = pread(fd, chunk, COPY_CHUNK, at)) > 0) {
        EVP_DigestUpdate(sum, chunk, (size_t)n);
        at += n;
    }
    EVP_DigestFinal_ex(sum, out->b, NULL);
    EVP_MD_CTX_free(sum);
    free(chunk);
    return n < 0 ? ERR_IO : ERR_OK;
}

enum err blob_adopt(struct blobs *blobs, const char *from, struct blob_hash *out, struct error *e)
{
    char path[PATH_MAX];
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(from, "opened", e);
    enum err err = blob_hash_fd(fd, out) == ERR_OK && fdatasync(fd) == 0 ? ERR_OK : failed(from, "read", e);
    close(fd);
    if (err)
        return err;
    blob_path(blobs, out, path);
    if (touch(blobs, path)) {
        unlink(from);
        return ERR_OK;
    }
    err = make_folders(blobs, out, e);
    return err ? err : put_in_place(from, path, e);
}

bool blob_exists(struct blobs *blobs, const struct blob_hash *hash)
{
    char path[PATH_MAX];
    blob_path(blobs, hash, path);
    return access(path, F_OK) == 0;
}

enum err blob_open(struct blobs *blobs, const struct blob_hash *hash, int *fd, uint64_t *size,
                   struct error *e)
{
    char path[PATH_MAX];
    struct stat st;
    blob_path(blobs, hash, path);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return error_set(e, ERR_NOT_FOUND,
                         "The file %.12s is not in the data folder; put back a backup that has it.",
                         blob_text(hash).c);
    if (file < 0)
        return failed(path, "opened", e);
    if (fstat(file, &st) != 0) {
        enum err err = failed(path, "read", e);
        close(file);
        return err;
    }
    *fd = file;
    *size = (uint64_t)st.st_size;
    return ERR_OK;
}

static enum err read_all(int fd, char *to, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, to + at, n - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ERR_IO;
        at += (size_t)got;
    }
    return ERR_OK;
}

enum err blob_read(struct blobs *blobs, const struct blob_hash *hash, struct arena *a, size_t max,
                   struct str *out, struct error *e)
{
    int fd = -1;
    uint64_t size = 0;
    struct blob_hash is;
    enum err err = blob_open(blobs, hash, &fd, &size, e);
    if (err)
        return err;
    if (size > max) {
        close(fd);
        return error_set(e, ERR_TOO_BIG, "The file %.12s has %llu bytes; at most %zu can be read at once.",
                         blob_text(hash).c, (unsigned long long)size, max);
    }
    char *bytes = arena_alloc(a, size + 1);
    err = read_all(fd, bytes, size);
    close(fd);
    if (err)
        return error_set(e, ERR_IO, "The file %.12s cannot be read; check the disk.", blob_text(hash).c);
    blob_hash_of(str_of(bytes, size), &is);
    if (memcmp(is.b, hash->b, sizeof is.b) != 0)
        return error_set(e, ERR_CORRUPT,
                         "The file %.12s is damaged; put back a backup with 'eidolon restore'.",
                         blob_text(hash).c);
    *out = str_of(bytes, size);
    return ERR_OK;
}
