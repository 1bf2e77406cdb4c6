/* The data folder; see folder.h. */
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, LOCK_MODE = 0600 };

static enum err make_folder(const char *path, struct error *e)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, FOLDER_MODE) != 0 && errno != EEXIST)
            return error_set(e, errno == EROFS || errno == EACCES ? ERR_READ_ONLY : ERR_IO,
                             "The data folder '%s' cannot be made (%s); choose another with --data, or "
                             "make it writable.",
                             path, strerror(errno));
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(e, ERR_INVALID, "'%s' is not a folder; name a folder with --data.", path);
    return ERR_OK;
}

static enum err busy(const struct store_folder *f, int fd, struct error *e)
{
    char pid[16] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return error_set(e, ERR_CONFLICT,
                     "Another server (process %s) is running on the data folder '%s'; stop it, or choose "
                     "another folder with --data.",
                     pid[0] ? pid : "unknown", f->path);
}

enum err store_folder_take(struct store_folder *f, struct str path, struct error *e)
{
    f->lock_fd = -1;
    if (str_empty(path) || !str_copy(f->path, sizeof f->path, path))
        return error_set(e, ERR_INVALID, "The data folder's path is %s; name one with --data.",
                         str_empty(path) ? "empty" : "too long");
    char lock[PATH_MAX];
    enum err err = make_folder(f->path, e);
    if (!err)
        err = store_folder_file(f, "lock", lock, e);
    if (err)
        return err;
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);
    if (fd < 0)
        return error_set(e, errno == EROFS || errno == EACCES ? ERR_READ_ONLY : ERR_IO,
                         "The data folder '%s' cannot be written (%s); make it writable, or choose another "
                         "with --data.",
                         f->path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = busy(f, fd, e);
        close(fd);
        return err;
    }
    char pid[16];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) != n) {
        /* The number is only for the sentence; the lock holds without it. */
    }
    f->lock_fd = fd;
    return ERR_OK;
}

void store_folder_release(struct store_folder *f)
{
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    f->lock_fd = -1;
}

enum err store_folder_file(const struct store_folder *f, const char *name, char to[PATH_MAX], struct error *e)
{
    int n = snprintf(to, PATH_MAX, "%s/%s", f->path, name);
    if (n < 0 || n >= PATH_MAX)
        return error_set(e, ERR_INVALID, "The data folder's path is too long; choose another with --data.");
    return ERR_OK;
}

uint64_t store_folder_free(const struct store_folder *f)
{
    struct statvfs st;
    if (statvfs(f->path, &st) != 0)
        return UINT64_MAX;
    return (uint64_t)st.f_bavail * st.f_frsize;
}

enum err store_sync_folder_of(const char *path, struct error *e)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else if (!str_copy(folder, sizeof folder, str_of(path, slash == path ? 1 : (size_t)(slash - path))))
        return error_set(e, ERR_INVALID, "The path '%s' is too long.", path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return error_set(e, ERR_IO, "The folder '%s' cannot be synced (%s); check the disk.", folder,
                         strerror(why));
    }
    close(fd);
    return ERR_OK;
}
