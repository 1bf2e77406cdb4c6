/*
 * A server for tests, on 127.0.0.1 and a free port: one thread a connection, and a handler that is given each
 * request (head and body) and answers on the raw socket as well or as badly as it likes.
 */
#ifndef EIDOLON_TESTS_PEER_H
#define EIDOLON_TESTS_PEER_H

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEER_CONNECTIONS = 128, PEER_REQUEST_MAX = 4 << 20 };

struct peer {
    int listener, port;
    pthread_t acceptor, threads[PEER_CONNECTIONS];
    atomic_int fds[PEER_CONNECTIONS];
    atomic_int connections, requests;
    atomic_bool stopping;
    /* Returns false to close. `body` is NUL-terminated. */
    bool (*handle)(struct peer *peer, int fd, const char *head, const char *body);
    void *arg;
};

struct peer_link {
    struct peer *peer;
    int fd;
};

static inline void peer_send(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static inline void peer_text(int fd, const char *text)
{
    peer_send(fd, text, strlen(text));
}

/* Sleeps, but not past the peer's end. */
static inline void peer_sleep(struct peer *peer, int ms)
{
    for (int i = 0; i < ms && !atomic_load(&peer->stopping); i++)
        usleep(1000);
}

static inline void *peer_serve(void *arg)
{
    struct peer_link link = *(struct peer_link *)arg;
    free(arg);
    char *text = malloc(PEER_REQUEST_MAX + 1);
    size_t n = 0;
    for (bool open = true; open;) {
        char *end = NULL;
        text[n] = '\0';
        while (!(end = strstr(text, "\r\n\r\n")) && n < PEER_REQUEST_MAX) {
            ssize_t got = recv(link.fd, text + n, PEER_REQUEST_MAX - n, 0);
            if (got <= 0)
                break;
            n += (size_t)got;
            text[n] = '\0';
        }
        if (!end)
            break;
        size_t head = (size_t)(end - text) + 4, length = 0;
        char *field = strcasestr(text, "\r\ncontent-length:");
        if (field && field < end)
            length = (size_t)strtoul(field + 17, NULL, 10);
        while (n < head + length) {
            ssize_t got = recv(link.fd, text + n, PEER_REQUEST_MAX - n, 0);
            if (got <= 0)
                break;
            n += (size_t)got;
        }
        char *body = strndup(text + head, length);
        text[head - 2] = '\0';
        atomic_fetch_add(&link.peer->requests, 1);
        open = link.peer->handle(link.peer, link.fd, text, body);
        free(body);
        n = 0; /* the tests do not pipeline */
    }
    shutdown(link.fd, SHUT_RDWR);
    free(text);
    return NULL;
}

static inline void *peer_accept(void *arg)
{
    struct peer *peer = arg;
    for (;;) {
        int fd = accept(peer->listener, NULL, NULL), one = 1;
        if (fd < 0)
            return NULL;
        int i = atomic_load(&peer->connections);
        if (atomic_load(&peer->stopping) || i >= PEER_CONNECTIONS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct peer_link *link = malloc(sizeof *link);
        *link = (struct peer_link){peer, fd};
        atomic_store(&peer->fds[i], fd);
        pthread_create(&peer->threads[i], NULL, peer_serve, link);
        atomic_fetch_add(&peer->connections, 1);
    }
}

static inline void peer_start(struct peer *peer,
                              bool (*handle)(struct peer *, int, const char *, const char *))
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    memset(peer, 0, sizeof *peer);
    peer->handle = handle;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(peer->listener, 256), 0);
    getsockname(peer->listener, (struct sockaddr *)&at, &n);
    peer->port = ntohs(at.sin_port);
    pthread_create(&peer->acceptor, NULL, peer_accept, peer);
}

static inline void peer_stop(struct peer *peer)
{
    atomic_store(&peer->stopping, true);
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->acceptor, NULL);
    close(peer->listener);
    for (int i = 0; i < atomic_load(&peer->connections); i++) {
        shutdown(atomic_load(&peer->fds[i]), SHUT_RDWR);
        pthread_join(peer->threads[i], NULL);
        close(atomic_load(&peer->fds[i]));
    }
}

#endif
