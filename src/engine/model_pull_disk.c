/* Disk work of downloads, on workers; see model_pull_inner.h. */
#include "engine/model_pull_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void failed(struct pull_job *j, const char *what)
{
    error_set(&j->error, ERR_IO, "%s: %s. Mend that and try again.", what, strerror(errno));
}

/* The whole text in place of the file, or the old one as it was. */
static bool put_file(struct pull_job *j, struct str path, struct str text)
{
    struct str beside = arena_printf(&j->job.arena, "%.*s.new", STR_ARG(path));
    int fd = open(beside.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (good && rename(beside.p, path.p) == 0)
        return true;
    failed(j, "The record of the download cannot be written");
    unlink(beside.p);
    return false;
}

static void make_folder(struct pull_job *j)
{
    struct str path = j->part;
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    char *folder = arena_cstr(&j->job.arena, str_sub(path, 0, path.n ? path.n - 1 : 0));
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        failed(j, "The models folder cannot be made");
}

static void prepare(struct pull_job *j)
{
    struct stat st;
    make_folder(j);
    if (j->error.err)
        return;
    if (access(j->file.p, F_OK) == 0) {
        j->whole = true; /* a part that is in its place already */
        j->have = stat(j->file.p, &st) == 0 ? (uint64_t)st.st_size : 0;
        return;
    }
    j->fd = open(j->part.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->fd < 0 || fstat(j->fd, &st) != 0)
        failed(j, "The download cannot be kept in the models folder");
    else if (put_file(j, j->record, j->record_text))
        j->have = (uint64_t)st.st_size;
}

static bool fits(struct pull_job *j)
{
    struct statvfs disk;
    if (!j->needs || fstatvfs(j->fd, &disk) != 0)
        return true;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (free_bytes >= j->needs + PULL_SPARE)
        return true;
    error_set(
        &j->error, ERR_IO,
        "The disk has %.1f GB left, and the download needs %.1f GB more. Make room, or set llama.models to a "
        "folder on a larger disk, and try again.",
        (double)free_bytes / 1e9, (double)j->needs / 1e9);
    return false;
}

static void write_piece(struct pull_job *j)
{
    struct str rest = buf_str(&j->piece);
    uint64_t at = j->offset;
    if (j->truncate && ftruncate(j->fd, (off_t)j->offset) != 0) {
        failed(j, "The download cannot be begun anew");
        return;
    }
    if (!fits(j) || (j->record_text.n && !put_file(j, j->record, j->record_text)))
        return;
    while (rest.n) {
        ssize_t n = pwrite(j->fd, rest.p, rest.n, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            failed(j, errno == ENOSPC ? "The disk is full" : "The download cannot be written");
            return;
        }
        rest = str_from(rest, (size_t)n);
        at += (uint64_t)n;
    }
    j->have = at;
}

static void hash_slice(struct pull_job *j)
{
    enum { STEP = 1 << 20 };
    char *bytes = heap_alloc(STEP);
    uint64_t at = j->offset;
    if (at == 0)
        EVP_DigestInit_ex(j->hash, EVP_sha256(), NULL);
    while (at < j->offset + PULL_SLICE && !job_cancelled(&j->job)) {
        ssize_t n = pread(j->fd, bytes, STEP, (off_t)at);
        if (n < 0) {
            failed(j, "The download cannot be read again");
            break;
        }
        if (n == 0) {
            unsigned char digest[EVP_MAX_MD_SIZE];
            EVP_DigestFinal_ex(j->hash, digest, NULL);
            for (size_t i = 0; i < 32; i++)
                snprintf(j->sha256 + 2 * i, 3, "%02x", digest[i]);
            j->whole = true;
            break;
        }
        EVP_DigestUpdate(j->hash, bytes, (size_t)n);
        at += (uint64_t)n;
    }
    j->have = at;
    free(bytes);
}

/* Durable before it has its name, so that the name never stands for less than the whole. */
static void place(struct pull_job *j)
{
    struct str path = j->file;
    if (fsync(j->fd) != 0) {
        failed(j, "The download cannot be made durable");
        return;
    }
    if (j->origin.n && !put_file(j, j->origin_file, j->origin))
        return;
    /* link() refuses where rename() would put it in another file's place. */
    if (link(j->part.p, j->file.p) != 0 && (errno == EEXIST || rename(j->part.p, j->file.p) != 0)) {
        failed(j, "The model cannot be put into its place");
        return;
    }
    unlink(j->part.p);
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    int folder = open(arena_cstr(&j->job.arena, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        fsync(folder);
        close(folder);
    }
    if (j->record_text.n)
        put_file(j, j->record, j->record_text);
    else
        unlink(j->record.p);
}

static void remove_part(struct pull_job *j)
{
    unlink(j->part.p);
    unlink(j->record.p);
}

void pull_disk(struct job *job)
{
    on_worker();
    struct pull_job *j = CONTAINER(job, struct pull_job, job);
    struct stat st;
    switch (j->task) {
    case TASK_PREPARE:
        prepare(j);
        break;
    case TASK_WRITE:
        write_piece(j);
        break;
    case TASK_HASH:
        hash_slice(j);
        break;
    case TASK_PLACE:
        place(j);
        break;
    case TASK_KEEP:
        make_folder(j);
        if (!j->error.err)
            put_file(j, j->record, j->record_text);
        if (stat(j->part.p, &st) == 0 && st.st_size == 0)
            unlink(j->part.p);
        break;
    case TASK_REMOVE:
        remove_part(j);
        break;
    }
}
