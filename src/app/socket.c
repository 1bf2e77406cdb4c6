/* Where a data folder's socket is; see socket.h. */
#include "app/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum err socket_of_folder(struct data_socket *s, struct str folder, struct error *e)
{
    *s = (struct data_socket){.folder_fd = -1};
    int n = snprintf(s->path, sizeof s->path, "%.*s/" SOCKET_NAME, STR_ARG(folder));
    if (n > 0 && (size_t)n < sizeof s->path)
        return ERR_OK;
    char path[PATH_MAX];
    str_copy(path, sizeof path, folder);
    s->folder_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->folder_fd < 0)
        return error_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "The data folder %s cannot be opened (%s); name one with --data.", path,
                         strerror(errno));
    snprintf(s->path, sizeof s->path, "/proc/self/fd/%d", s->folder_fd);
    if (access(s->path, F_OK) == 0) {
        snprintf(s->path, sizeof s->path, "/proc/self/fd/%d/" SOCKET_NAME, s->folder_fd);
        return ERR_OK;
    }
    socket_release(s);
    return error_set(
        e, ERR_UNAVAILABLE,
        "The path of the data folder is too long for a socket in it, and there is no /proc here; "
        "reach the server with --url, or use a folder with a shorter path.");
}

void socket_release(struct data_socket *s)
{
    if (s->folder_fd >= 0)
        close(s->folder_fd);
    s->folder_fd = -1;
}

bool socket_answers(const struct data_socket *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(a.sun_path, s->path, sizeof a.sun_path);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return answers;
}

static void mark_path(const struct data_socket *s, char to[sizeof s->path + 16])
{
    snprintf(to, sizeof s->path + 16, "%s.command", s->path);
}

void socket_mark(const struct data_socket *s, bool of_command)
{
    char path[sizeof s->path + 16];
    mark_path(s, path);
    int fd = of_command ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR) : -1;
    if (fd >= 0)
        close(fd);
    if (!of_command)
        unlink(path);
}

bool socket_of_command(const struct data_socket *s)
{
    char path[sizeof s->path + 16];
    mark_path(s, path);
    return access(path, F_OK) == 0;
}
