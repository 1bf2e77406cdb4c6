/*
 * HTTP/1.1 requests and replies, on the loop that accepted the connection.
 *
 * When a request's head is complete, net calls the application's head(). Then, at once or later, exactly one
 * of these decides what becomes of it:
 *   http_take_body()   the body is collected in memory, then on_body() is called;
 *   http_take_file()   the body is streamed into a temporary file with back-pressure, then on_body();
 *   http_reply…()      the answer; a body not taken is read and thrown away within limits, or the connection
 *                      is closed after the answer;
 *   http_stream_begin() an answer in pieces;
 *   http_upgrade_ws()  (ws.h) the connection becomes a WebSocket; the request is gone when it returns.
 * Until somebody decides, nothing more is read. Not deciding is how an answer waits for another loop or the
 * store: keep an http_ref (not the pointer) across the gap and look it up again with http_find().
 *
 * Ownership: net owns the request; it lives until its answer is handed over or its connection died. Then
 * on_closed() is called, once, and the pointer, its arena and every view out of it are dead. Nothing is freed
 * within a callback before that callback returns. All functions here run on the request's loop.
 *
 * What arrives was already checked by the strict parser (parse_head.h): a head that two servers could
 * understand in two ways never reaches the application. Errors that net itself answers (400, 408, 413,
 * 431...) have their body written by the application's error_body().
 */
#ifndef EIDOLON_NET_HTTP_H
#define EIDOLON_NET_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "loop/loop.h"
#include "net/shared.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* any other token; `method_text` has it */
};

struct http_header {
    struct str name, value; /* value without surrounding white space */
};

/* Who is at the other end, as the socket says (never as a header says). */
struct peer {
    bool loopback; /* 127.0.0.0/8, ::1 and their mapped forms */
    bool unix_socket;
    bool tls;
    char address[46]; /* "192.0.2.7", "2001:db8::1", or "unix" */
    uint16_t port;
};

enum { HTTP_ID_MAX = 64 };

struct http_req {
    enum http_method method;
    struct str method_text;
    struct str target; /* as sent */
    struct str path;   /* decoded and normalised once: valid UTF-8, no NUL, no dot segments; begins with / */
    struct str query;  /* after the ?, still encoded; see http_query() */
    struct str host;   /* of the absolute target or the Host header, with its port; may be empty */
    struct str request_id; /* the peer's X-Request-Id where it is sane, else generated; goes out again */
    const struct http_header *headers;
    unsigned header_count;
    int64_t content_length; /* -1: none announced (no body, or chunked) */
    bool has_body;
    struct peer peer;
    struct arena arena; /* the request's memory, for the application too */

    /* After http_take_body() or http_take_file(), at on_body(): */
    struct str body;       /* in memory; empty for a file */
    const char *body_path; /* the temporary file; removed at the request's end unless renamed away */
    uint64_t body_size;

    /* The application's own; net only calls them. Set them in head(). */
    void *user;
    /* The request ends: `complete` if its answer was wholly handed over. Runs once if set. */
    void (*on_closed)(struct http_req *req, bool complete);
    /* While streaming: queued bytes fell to net_limits.drain_bytes or below after having been above. */
    void (*on_drain)(struct http_req *req);
    /* The server is stopping and wants this stream to end soon (http_stream_end()). */
    void (*on_stop)(struct http_req *req);
};

/* What the application gives when a listener is made; it outlives the listener. Callbacks begin with
 * on_loop(). */
struct http_app {
    void *arg;
    void (*head)(struct http_req *req, void *arg);
    /* Appends the body of an error answer; *content_type has a default (text/plain). May be NULL. */
    void (*error_body)(const struct error *e, struct str request_id, struct buf *out,
                       const char **content_type);
    /* A request was answered (for logs and metrics); bytes of body. May be NULL. */
    void (*done)(const struct http_req *req, int status, uint64_t bytes, uint64_t took_us, void *arg);
};

/* Reading. Names in any case. The first of several; false and *value untouched when there is none. */
bool http_header(const struct http_req *req, const char *name, struct str *value);
/* Is `token` in the comma-separated list(s) of this header? Without case. */
bool http_header_has(const struct http_req *req, const char *name, const char *token);
/* A query parameter, decoded (+ is a space) into the request's arena. ERR_INVALID names the parameter when
 * its encoding is broken, is no UTF-8 or has a NUL. ERR_NOT_FOUND without a sentence when it is absent. */
enum err http_query(struct http_req *req, const char *name, struct str *value, struct error *e);
/* The n-th parameter, for handlers that refuse unknown ones; false past the last. */
bool http_query_at(struct http_req *req, unsigned n, struct str *name, struct str *value);
/* May the answer have this type, by Accept? Absent Accept: yes. Ranges and q=0 are understood. */
bool http_accepts(const struct http_req *req, const char *type);
/* Does Accept name the type itself (not by a wildcard)? For "as JSON, unless an event stream is asked". */
bool http_accepts_exactly(const struct http_req *req, const char *type);

/* Taking the body. on_body runs once, after head() returned, unless the body is refused (too long: 413 as
 * soon as the length or the running count tells; too slow: 408), when only on_closed() runs. */
void http_take_body(struct http_req *req, size_t max, void (*on_body)(struct http_req *req)) LOOP;
void http_take_file(struct http_req *req, const char *folder, uint64_t max,
                    void (*on_body)(struct http_req *req)) LOOP;

/* Answering. Headers first; net adds Date, Content-Length, Connection, X-Request-Id, the security headers,
 * Content-Encoding and Vary. False: the name or value has bytes that a header cannot carry, nothing was set.
 * Setting a name twice sends it twice (Set-Cookie, Link). */
bool http_set_header(struct http_req *req, const char *name, struct str value) LOOP;
/* One body, copied (or compressed: from 1 KB, a compressible type, by Accept-Encoding). HEAD sends none. */
void http_reply(struct http_req *req, int status, const char *content_type, struct str body) LOOP;
/* An error's own status, its body by error_body(). 405 needs http_set_header("Allow") before. */
void http_reply_error(struct http_req *req, const struct error *e) LOOP;
/* A body that lives for ever: not copied, not compressed. GET and HEAD get ranges, and 304 by `etag` (quoted;
 * NULL: none). */
void http_reply_static(struct http_req *req, const char *content_type, struct str body,
                       const char *etag) LOOP;
/* A file on disk, with ranges, ETag, Last-Modified and their conditions; 404 when it is no readable file. */
void http_reply_file(struct http_req *req, const char *path, const char *content_type) LOOP;
/* The same for a file already open; takes the descriptor. */
void http_reply_fd(struct http_req *req, int fd, const char *content_type) LOOP;

/* An answer in pieces: chunked under HTTP/1.1, until the end of the connection under 1.0. False: the peer is
 * gone or was cut because more than net_limits.queue_bytes were waiting (on_closed() follows at the end of
 * the tick); stop writing. */
void http_stream_begin(struct http_req *req, int status, const char *content_type) LOOP;
bool http_stream_write(struct http_req *req, struct str bytes) LOOP;
bool http_stream_shared(struct http_req *req,
                        struct shared *bytes) LOOP; /* takes no reference of the caller's */
void http_stream_end(struct http_req *req) LOOP;
/* Breaks the connection, so that the peer sees the answer as cut: for a source that failed in the middle. */
void http_stream_abort(struct http_req *req) LOOP;
/* Bytes that wait for the peer to read. */
size_t http_queued(const struct http_req *req);

/* Server-sent events (WHATWG HTML 9.2). A frame is encoded once and may go to many streams. Idle event
 * streams get a comment every net_limits.ping_ms from net itself. */
void http_sse_begin(struct http_req *req) LOOP;
/* `id` and `event` may be empty; they hold no line ends. Lines of `data` are split as the format wants. */
struct shared *http_sse_frame(struct str id, struct str event, struct str data);
bool http_sse_send(struct http_req *req, struct shared *frame) LOOP;

/* A name for a request that survives it. */
struct http_ref {
    void *at; /* the net's part on one loop */
    uint64_t serial;
    uint32_t slot;
};
struct http_ref http_ref(const struct http_req *req);
struct http_req *http_find(struct http_ref ref) LOOP; /* NULL: gone. On the loop of http_ref_loop(). */
struct loop *http_ref_loop(struct http_ref ref);      /* any thread; where to post the answer */

/* Shared by replies and assets. */
bool http_etag_matches(struct str header, struct str etag); /* an If-None-Match list, weakly compared */
const char *http_reason(int status);

#endif
