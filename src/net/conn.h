/*
 * Inside net: one connection, and net's part on one loop. Nobody outside src/net includes this.
 *
 * A struct conn is a descriptor with a uv_poll handle, a queue of what the peer did not take yet, the bytes
 * that came but could not be used yet, one deadline, and what it speaks now: http (while a request is in
 * progress) or ws. It is kept small: ten thousand idle ones are the normal case.
 *
 * Life: conn_kill() marks it dead, closes the descriptor and the handle; libuv's close callback, which runs
 * at the end of the tick, tells the owner (http_gone, ws_gone) and frees. So no code on the stack ever loses
 * its conn, and code that called the application asks conn_dead() afterwards.
 *
 * Writing: conn_write() sends at once when nothing is queued; the rest is queued as {reference, position} and
 * flushed, up to 64 pieces a call, when the descriptor is writable.
 *
 * Reading: into the loop's one buffer; conn_process() hands it to http_input() or ws_input(), which say how
 * much they used; the rest is kept in conn.in.
 */
#ifndef EIDOLON_NET_CONN_H
#define EIDOLON_NET_CONN_H

#include "net/listen.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

enum {
    READ_BUFFER = 64 * 1024,
    WHEEL_SLOTS = 512,
    WHEEL_TICK_MS = 100,
    FLUSH_PIECES = 64,
    TLS_RECORD = 16384,
};

enum conn_state {
    CONN_HANDSHAKE, /* TLS */
    CONN_HTTP,
    CONN_WS,
    CONN_LINGER, /* all said; reads to the end of what the peer still sends */
    CONN_DEAD
};

struct http;
struct outq;

struct conn {
    uv_poll_t poll;
    struct net_loop *nl;
    struct conn *wheel_next, **wheel_prev; /* in a slot of the wheel; prev NULL: in none */
    uint64_t wheel_at;                     /* the tick at which the wheel will look */
    uint64_t deadline;                     /* loop time in ms, 0: none */
    uint64_t write_deadline;               /* while bytes are queued */
    uint64_t serial;
    struct outq *out;
    size_t queued;
    struct buf in;
    SSL *ssl;
    const struct http_app *app;
    struct http *http;
    struct ws *ws;
    int fd;
    uint32_t slot;
    uint8_t ip[16]; /* IPv6, or IPv4 mapped */
    uint16_t port;
    uint8_t state;
    uint8_t events; /* as given to uv_poll */
    bool unix_socket : 1, ip_counted : 1;
    bool paused : 1;       /* do not read */
    bool eof : 1;          /* the peer will send no more */
    bool in_head : 1;      /* part of a head has come */
    bool finishing : 1;    /* linger once the queue is empty */
    bool above_drain : 1;  /* the queue was above drain_bytes */
    bool later : 1;        /* a deferred conn_settle() is due */
    bool freed : 1;        /* closed while that was due */
    bool processing : 1;   /* conn_process() is on the stack */
    bool read_blocked : 1; /* TLS wants to write before it can read */
    bool wants_turn : 1;   /* more to write: asks for writability though nothing is queued */
};

/* Bytes to send. `ref` says who keeps them: a shared buffer, PIECE_STATIC (they live for ever), or NULL:
 * they are copied if they cannot be sent at once. */
struct piece {
    struct shared *ref;
    const char *p;
    size_t n;
};
extern struct shared piece_static;
#define PIECE_STATIC (&piece_static)

struct net_counts {
    _Atomic uint64_t accepted, refused, closed, open_http, open_ws, open_tls, requests, status[6], bytes_in,
        bytes_out, ws_in, ws_out, bad_heads, timeouts, slow_cut;
};

/* Counters have one writer, their loop: no locked instruction is needed. */
#define COUNT(nl, field, by)                                                                                 \
    atomic_store_explicit(&(nl)->counts.field,                                                               \
                          atomic_load_explicit(&(nl)->counts.field, memory_order_relaxed) + (uint64_t)(by),  \
                          memory_order_relaxed)

struct net_loop {
    struct net *net;
    struct net_limits limits; /* this loop's copy: changed only on it */
    struct loop *loop;
    uv_loop_t *uv; /* set on the loop itself, by its first listener */
    struct conn **slots;
    uint32_t *free_slots;
    uint32_t slot_count, free_count;
    uint32_t open;
    uint64_t serial;
    struct conn *wheel[WHEEL_SLOTS];
    uint64_t wheel_now; /* ticks */
    uv_timer_t tick;
    bool tick_made, tick_on, stopping, reported;
    unsigned listening; /* listeners this loop polls */
    char *read_buffer;  /* READ_BUFFER, allocated at the first connection */
    char *tls_record;   /* TLS_RECORD */
    struct buf scratch; /* a reply's head */
    struct buf packed;  /* a compressed body, an inflated message */
    char date[30];
    int64_t date_s;
    uint64_t date_at; /* loop time when looked at */
    struct net_counts counts;
};

struct net {
    struct loops *loops;
    struct net_config config;
    char *csp;
    struct net_loop *parts; /* one per loop */
    unsigned part_count;
    _Atomic unsigned connections;
    struct net_listener *listeners;
    struct net_tls *tls;
    struct map *per_ip; /* address -> connections, while there is such a limit */
    uv_mutex_t mutex;   /* per_ip, stop */
    uv_cond_t stopped;
    unsigned parts_left;
    bool stopped_before; /* net_stop() was called */
    int spare_fd;        /* given up to refuse politely when descriptors run out */
};

/* conn.c */
struct conn *conn_new(struct net_loop *nl, int fd, SSL *ssl, const struct http_app *app) LOOP;
void conn_kill(struct conn *c) LOOP;
void conn_finish(struct conn *c) LOOP; /* linger when the queue is empty, then close */
void conn_pause(struct conn *c, bool paused) LOOP;
void conn_later(struct conn *c) LOOP; /* conn_settle() at the end of the tick, unless it is on the stack */
void conn_take_turn(
    struct conn *c) LOOP; /* http_drained() comes again after other connections had their turn */
static inline bool conn_dead(const struct conn *c)
{
    return c->state == CONN_DEAD;
}
static inline uint64_t conn_now(const struct conn *c)
{
    return uv_now(c->nl->uv);
}
static inline const struct net_limits *conn_limits(const struct conn *c)
{
    return &c->nl->limits;
}
struct peer conn_peer(const struct conn *c);
void conn_update(struct conn *c) LOOP; /* what to poll for */
void net_loop_release(struct net_loop *nl);

/* conn_write.c */
bool conn_write(struct conn *c, const struct piece *pieces, unsigned count) LOOP; /* false: dead */
void conn_flush(struct conn *c) LOOP;
void outq_free(struct outq *q);

/* wheel.c */
void wheel_set(struct conn *c, uint64_t after_ms) LOOP; /* 0: no deadline */
void wheel_look(struct conn *c) LOOP;                   /* write_deadline changed */
void wheel_remove(struct conn *c);
void wheel_start(struct net_loop *nl) LOOP;
void wheel_close(struct net_loop *nl) LOOP;

/* http.c and ws.c: what a conn calls. Input returns how much of p it used. */
size_t http_input(struct conn *c, char *p, size_t n) LOOP;
void http_settle(struct conn *c) LOOP;
void http_eof(struct conn *c) LOOP;
void http_deadline(struct conn *c) LOOP;
/* The queue is empty, or (drained) fell to drain_bytes after having been above. */
void http_drained(struct conn *c, bool drained) LOOP;
void http_gone(struct conn *c) LOOP;
void http_stop(struct conn *c) LOOP;
void http_ready(struct conn *c) LOOP; /* a new connection may send its first request */
size_t ws_input(struct conn *c, char *p, size_t n) LOOP;
void ws_eof(struct conn *c) LOOP;
void ws_deadline(struct conn *c) LOOP;
void ws_drained(struct conn *c) LOOP;
void ws_gone(struct conn *c) LOOP;
void ws_stop(struct conn *c) LOOP;

/* tls.c: a descriptor's bytes. >0: how many; 0: end (read only); IO_AGAIN, IO_ERROR. */
enum { IO_AGAIN = -1, IO_ERROR = -2 };
SSL *tls_accept(struct net_tls *tls, int fd);
int tls_handshake(struct conn *c, bool *want_write); /* 1: done */
ssize_t tls_read(struct conn *c, char *to, size_t n);
ssize_t tls_write(struct conn *c, const char *p, size_t n);
void tls_free_all(struct net *net);

/* listen.c */
void net_connection_closed(struct conn *c) LOOP;

#endif
