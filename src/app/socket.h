/*
 * The socket of a data folder: DATA/eidolon.sock, on which a server listens for the commands of its owner.
 *
 * A Unix socket's path has room for 107 bytes, a data folder's path may be longer. Then the folder is opened
 * and the path goes by way of its descriptor (/proc/self/fd/N/eidolon.sock), which is as good for bind() and
 * connect(); so the descriptor stays open until socket_release(). Plain thread.
 */
#ifndef EIDOLON_APP_SOCKET_H
#define EIDOLON_APP_SOCKET_H

#include "base/error.h"

#include <sys/un.h>

#define SOCKET_NAME "eidolon.sock"

struct data_socket {
    int folder_fd; /* -1 where the path is short enough */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* Finds the path; ERR_NOT_FOUND where there is no such folder, ERR_UNAVAILABLE where the path is too long and
 * the machine has no /proc. */
enum err socket_of_folder(struct data_socket *s, struct str folder, struct error *e);
void socket_release(struct data_socket *s);
/* Whether somebody listens there. */
bool socket_answers(const struct data_socket *s);
/* The mark beside the socket of a server that lives in a command (home.h). */
void socket_mark(const struct data_socket *s, bool of_command);
bool socket_of_command(const struct data_socket *s);

#endif
