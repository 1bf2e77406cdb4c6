/*
 * Inside net: one HTTP request in progress and what the http_*.c files share.
 *
 * The life of a request, all in http_settle():
 *   head came -> head() -> [body taken -> on_body()] -> answered -> body done or given up -> gone
 * `answered` means that all bytes of the answer are sent or queued; `body_done` that the peer's body was read
 * to its end. A request ends when both hold, or when it is answered and the connection will be closed anyway.
 */
#ifndef EIDOLON_NET_HTTP_STATE_H
#define EIDOLON_NET_HTTP_STATE_H

#include "net/chunk.h"
#include "net/conn.h"
#include "net/parse_head.h"

enum body_mode { BODY_UNDECIDED, BODY_BUFFER, BODY_FILE, BODY_DRAIN };

enum { FILE_STEP = 64 * 1024, FILE_STEPS_A_TURN = 16 };

struct upload;

struct http {
    struct http_req req; /* first: the application's pointer is ours */
    struct conn *conn;
    uint64_t serial, started_us, sent;
    struct chunk chunk;
    struct buf body; /* max is the limit */
    uint64_t body_max, body_have, body_left;
    uint32_t body_mark; /* bytes since the deadline moved */
    void (*on_body)(struct http_req *);
    struct upload *upload;
    struct buf headers; /* set by the application, as lines */
    uint64_t file_at, file_left;
    int file_fd;
    int status;
    uint8_t mode; /* enum body_mode */
    unsigned minor : 1;
    bool chunked : 1, keep_alive : 1, upgrade : 1, expect : 1;
    bool head_sent : 1, streaming : 1, chunked_out : 1, sse : 1, no_body : 1;
    bool has_csp : 1, has_coding : 1, has_retry : 1;
    bool body_done : 1, delivered : 1, answered : 1, in_settle : 1;
};

static inline struct http *http_of(const struct http_req *req)
{
    return (struct http *)(uintptr_t)req;
}

/* http_read.c */
bool accepts_coding(const struct http_req *req, const char *coding); /* by Accept-Encoding; absent: no */

/* http.c */
void http_free(struct http *h) LOOP;

/* http_body.c */
size_t body_input(struct http *h, struct str bytes) LOOP; /* returns how much was used */
bool body_ready(const struct http *h);                    /* whole, taken, and not yet delivered */
void body_deliver(struct http *h) LOOP;
void body_give_up(struct http *h) LOOP; /* an answer goes out: drain the rest, or close after it */
void upload_free(struct upload *u, struct http *h) LOOP;

/* http_reply.c */
/* The answer's head into nl->scratch; `length` -1: not known (chunked or until the end). */
void reply_head(struct http *h, int status, const char *type, int64_t length) LOOP;
/* Head and body in one write, and the request is answered. */
void reply_send(struct http *h, int status, const char *type, struct piece body) LOOP;
bool reply_allowed(struct http *h);
void reply_done(struct http *h) LOOP;
const char *http_now(struct net_loop *nl) LOOP; /* Date */

/* http_file.c */
void file_pump(struct http *h) LOOP;

#endif
