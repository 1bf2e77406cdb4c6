/* Connections: birth, reading, pausing, the end; see conn.h. */
#include "net/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_poll(uv_poll_t *poll, int status, int events);

void conn_update(struct conn *c)
{
    if (conn_dead(c))
        return;
    int events = 0;
    if (!c->paused && !c->eof)
        events |= UV_READABLE;
    if (c->out || c->read_blocked || c->wants_turn)
        events |= UV_WRITABLE;
    if (events == c->events)
        return;
    c->events = (uint8_t)events;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

static uint32_t take_slot(struct net_loop *nl, struct conn *c)
{
    if (!nl->free_count) {
        uint32_t old = nl->slot_count, count = old ? old * 2 : 64;
        nl->slots = heap_realloc(nl->slots, count * sizeof *nl->slots);
        nl->free_slots = heap_realloc(nl->free_slots, count * sizeof *nl->free_slots);
        for (uint32_t i = old; i < count; i++) {
            nl->slots[i] = NULL;
            nl->free_slots[nl->free_count++] = count - 1 - (i - old);
        }
        nl->slot_count = count;
    }
    uint32_t slot = nl->free_slots[--nl->free_count];
    nl->slots[slot] = c;
    return slot;
}

static void learn_peer(struct conn *c)
{
    struct sockaddr_storage address = {0};
    socklen_t n = sizeof address;
    if (getpeername(c->fd, (struct sockaddr *)&address, &n) != 0)
        address.ss_family = AF_UNSPEC;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&address;
        c->ip[10] = c->ip[11] = 0xff;
        memcpy(c->ip + 12, &in->sin_addr, 4);
        c->port = ntohs(in->sin_port);
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)&address;
        memcpy(c->ip, &in->sin6_addr, 16);
        c->port = ntohs(in->sin6_port);
    } else if (address.ss_family == AF_UNIX) {
        c->unix_socket = true;
    }
}

struct peer conn_peer(const struct conn *c)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, loop6[16] = {[15] = 1};
    struct peer peer = {.unix_socket = c->unix_socket, .tls = c->ssl != NULL, .port = c->port};
    if (c->unix_socket) {
        str_copy(peer.address, sizeof peer.address, STR("unix"));
    } else if (memcmp(c->ip, mapped, sizeof mapped) == 0) {
        peer.loopback = c->ip[12] == 127;
        inet_ntop(AF_INET, c->ip + 12, peer.address, sizeof peer.address);
    } else {
        peer.loopback = memcmp(c->ip, loop6, sizeof loop6) == 0;
        inet_ntop(AF_INET6, c->ip, peer.address, sizeof peer.address);
    }
    return peer;
}

struct conn *conn_new(struct net_loop *nl, int fd, SSL *ssl, const struct http_app *app)
{
    if (!nl->read_buffer) {
        nl->read_buffer = heap_realloc(NULL, READ_BUFFER);
        nl->tls_record = heap_realloc(NULL, TLS_RECORD);
    }
    struct conn *c = heap_alloc(sizeof *c);
    c->nl = nl;
    c->fd = fd;
    c->ssl = ssl;
    c->app = app;
    c->serial = ++nl->serial;
    c->in.max = READ_BUFFER + nl->limits.head_bytes + nl->limits.pipeline_bytes;
    if (uv_poll_init(nl->uv, &c->poll, fd) != 0) {
        free(c);
        return NULL;
    }
    c->poll.data = c;
    c->slot = take_slot(nl, c);
    nl->open++;
    learn_peer(c);
    COUNT(nl, accepted, 1);
    if (ssl) {
        COUNT(nl, open_tls, 1);
        c->state = CONN_HANDSHAKE;
        wheel_set(c, nl->limits.handshake_ms);
    } else {
        c->state = CONN_HTTP;
        COUNT(nl, open_http, 1);
        http_ready(c);
    }
    conn_update(c);
    return c;
}

static void free_conn(struct conn *c)
{
    if (c->later) {
        c->freed = true;
        return;
    }
    free(c);
}

static void on_closed(uv_handle_t *handle)
{
    on_loop();
    struct conn *c = handle->data;
    struct net_loop *nl = c->nl;
    if (c->http)
        http_gone(c);
    if (c->ws)
        ws_gone(c);
    if (c->ssl)
        SSL_free(c->ssl);
    outq_free(c->out);
    buf_release(&c->in);
    nl->slots[c->slot] = NULL;
    nl->free_slots[nl->free_count++] = c->slot;
    nl->open--;
    net_connection_closed(c);
    free_conn(c);
}

void conn_kill(struct conn *c)
{
    if (conn_dead(c))
        return;
    struct net_loop *nl = c->nl;
    COUNT(nl, closed, 1);
    if (c->ssl)
        COUNT(nl, open_tls, -1);
    if (c->ws)
        COUNT(nl, open_ws, -1);
    else if (c->state != CONN_HANDSHAKE)
        COUNT(nl, open_http, -1);
    c->state = CONN_DEAD;
    wheel_remove(c);
    /* libuv forgets the descriptor first, or a reused number would poll the wrong socket. */
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
}

void conn_finish(struct conn *c)
{
    if (conn_dead(c) || c->state == CONN_LINGER)
        return;
    if (c->out) {
        c->finishing = true;
        return;
    }
    if (c->eof) {
        conn_kill(c);
        return;
    }
    if (c->ssl)
        SSL_shutdown(c->ssl);
    shutdown(c->fd, SHUT_WR);
    c->finishing = true;
    c->state = CONN_LINGER;
    c->paused = false;
    wheel_set(c, conn_limits(c)->close_ms);
    conn_update(c);
}

static size_t input(struct conn *c, char *p, size_t n) LOOP
{
    switch ((enum conn_state)c->state) {
    case CONN_HTTP:
        return c->finishing ? n : http_input(c, p, n);
    case CONN_WS:
        return ws_input(c, p, n);
    case CONN_LINGER:
    case CONN_HANDSHAKE:
    case CONN_DEAD:
        break;
    }
    return n;
}

/* Hands on bytes until whoever they are for takes no more; returns how many were used. */
static size_t input_all(struct conn *c, char *p, size_t n) LOOP
{
    size_t used = 0;
    while (used < n) {
        uint8_t state = c->state;
        size_t took = input(c, p + used, n - used);
        used += took;
        if (!took && c->state == state)
            break;
    }
    return used;
}

static void process(struct conn *c, char *p, size_t n) LOOP
{
    c->processing = true;
    if (c->in.n) {
        if (n)
            buf_add(&c->in, str_of(p, n));
        if (c->in.overflow) {
            conn_kill(c);
        } else {
            size_t used = input_all(c, c->in.p, c->in.n);
            if (used == c->in.n)
                buf_release(&c->in);
            else
                buf_drop(&c->in, used);
        }
    } else {
        size_t used = input_all(c, p, n);
        if (used < n)
            buf_add(&c->in, str_of(p + used, n - used));
    }
    if (c->state == CONN_HTTP) {
        http_settle(c);
        if (c->eof && !c->http)
            http_eof(c);
    }
    c->processing = false;
}

static void on_eof(struct conn *c) LOOP
{
    c->eof = true;
    if (c->state == CONN_HTTP)
        http_eof(c);
    else if (c->state == CONN_WS)
        ws_eof(c);
    else
        conn_kill(c);
}

static void handshake(struct conn *c) LOOP
{
    bool want_write = false;
    int result = tls_handshake(c, &want_write);
    if (result == IO_ERROR) {
        conn_kill(c);
        return;
    }
    c->read_blocked = want_write;
    if (result == 1) {
        c->state = CONN_HTTP;
        COUNT(c->nl, open_http, 1);
        http_ready(c);
    }
    conn_update(c);
}

static ssize_t read_plain(struct conn *c, char *to, size_t n)
{
    for (;;) {
        ssize_t got = recv(c->fd, to, n, 0);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return IO_AGAIN;
        if (errno != EINTR)
            return IO_ERROR;
    }
}

static void read_some(struct conn *c) LOOP
{
    char *p = c->nl->read_buffer;
    ssize_t n = c->ssl ? tls_read(c, p, READ_BUFFER) : read_plain(c, p, READ_BUFFER);
    if (n == IO_AGAIN) {
        conn_update(c);
        return;
    }
    if (n == IO_ERROR) {
        conn_kill(c);
        return;
    }
    if (n == 0) {
        on_eof(c);
    } else {
        COUNT(c->nl, bytes_in, n);
        process(c, p, (size_t)n);
        /* What OpenSSL holds decrypted makes no descriptor readable. */
        if (c->ssl && !conn_dead(c) && SSL_pending(c->ssl))
            conn_later(c);
    }
    conn_update(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    on_loop();
    struct conn *c = poll->data;
    if (status < 0) {
        conn_kill(c);
        return;
    }
    if (c->state == CONN_HANDSHAKE) {
        handshake(c);
        return;
    }
    if (events & UV_WRITABLE) {
        bool blocked = c->read_blocked;
        c->read_blocked = c->wants_turn = false;
        conn_flush(c);
        if (blocked)
            events |= UV_READABLE;
    }
    if ((events & UV_READABLE) && !conn_dead(c) && !c->paused && !c->eof)
        read_some(c);
}

static void settle(void *arg)
{
    on_loop();
    struct conn *c = arg;
    c->later = false;
    if (c->freed) {
        free(c);
        return;
    }
    if (conn_dead(c))
        return;
    process(c, NULL, 0);
    if (!conn_dead(c) && c->ssl && !c->paused && !c->eof && SSL_pending(c->ssl))
        read_some(c);
    conn_update(c);
}

void conn_later(struct conn *c)
{
    if (c->later || c->processing || conn_dead(c))
        return;
    c->later = true;
    loop_defer(c->nl->loop, settle, c);
}

void conn_take_turn(struct conn *c)
{
    c->wants_turn = true;
    conn_update(c);
}

void conn_pause(struct conn *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    if (!paused)
        conn_later(c);
    conn_update(c);
}

void net_loop_release(struct net_loop *nl)
{
    free(nl->slots);
    free(nl->free_slots);
    free(nl->read_buffer);
    free(nl->tls_record);
    buf_release(&nl->scratch);
    buf_release(&nl->packed);
}
