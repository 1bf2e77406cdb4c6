/*
 * HTTP requests on a connection: from bytes to head(), and on to the next request; see http.h, http_state.h.
 */
#include "net/http_state.h"

#include "base/clock.h"
#include "base/id.h"
#include "net/target.h"

#include <stdlib.h>
#include <unistd.h>

void http_ready(struct conn *c)
{
    c->in_head = false;
    wheel_set(c, conn_limits(c)->idle_ms);
}

static struct http *request_new(struct conn *c)
{
    struct http *h = heap_alloc(sizeof *h);
    h->conn = c;
    h->serial = ++c->nl->serial;
    h->started_us = clock_mono_us();
    h->file_fd = -1;
    h->req.content_length = -1;
    return h;
}

void http_free(struct http *h)
{
    if (h->file_fd >= 0)
        close(h->file_fd);
    if (h->upload)
        upload_free(h->upload, h);
    buf_release(&h->body);
    buf_release(&h->headers);
    arena_release(&h->req.arena);
    free(h);
}

static bool sane_id(struct str id)
{
    if (!id.n || id.n > HTTP_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char ch = id.p[i];
        bool ok = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                  ch == '-' || ch == '_' || ch == '.' || ch == ':';
        if (!ok)
            return false;
    }
    return true;
}

static void choose_id(struct http_req *req)
{
    if (http_header(req, "x-request-id", &req->request_id) && sane_id(req->request_id))
        return;
    static const char hex[] = "0123456789abcdef";
    uint64_t r = random_u64();
    char *text = arena_alloc(&req->arena, 17);
    for (unsigned i = 0; i < 16; i++)
        text[i] = hex[r >> (4 * i) & 15];
    req->request_id = str_of(text, 16);
}

static enum err fill_request(struct http *h, struct str bytes, struct error *e)
{
    struct http_req *req = &h->req;
    unsigned max = conn_limits(h->conn)->header_count;
    struct head head;
    /* The views point into a copy, because an answer may come long after the read buffer was reused. */
    struct str copy = arena_str(&req->arena, bytes);
    unsigned lines = 0;
    for (size_t i = 0; i < copy.n; i++)
        lines += copy.p[i] == '\n';
    struct http_header *headers = arena_array(&req->arena, struct http_header, lines < max ? lines : max);
    enum err err = head_parse(copy, headers, max, &head, e);
    req->method = head.method;
    if (err)
        return err;
    req->method_text = head.method_text;
    req->target = head.target;
    req->host = head.host;
    req->headers = head.headers;
    req->header_count = head.count;
    req->content_length = head.content_length;
    req->has_body = head.chunked || head.content_length > 0;
    h->minor = head.minor & 1u;
    h->chunked = head.chunked;
    h->keep_alive = head.keep_alive && !h->conn->nl->stopping;
    h->upgrade = head.upgrade;
    h->expect = head.expect && req->has_body;
    h->body_left = head.content_length > 0 ? (uint64_t)head.content_length : 0;
    h->body_done = !req->has_body;
    choose_id(req);
    return target_split(&req->arena, req->target, &req->path, &req->query, e);
}

/* A head that was refused: the request exists only to be answered. */
static void refuse(struct http *h, const struct error *e) LOOP
{
    COUNT(h->conn->nl, bad_heads, 1);
    h->keep_alive = false;
    h->body_done = true;
    h->minor = 1;
    if (!h->req.request_id.n)
        choose_id(&h->req);
    http_reply_error(&h->req, e);
}

static void refuse_unparsed(struct conn *c, enum err err, const char *sentence) LOOP
{
    struct error e;
    error_set(&e, err, "%s", sentence);
    c->http = request_new(c);
    refuse(c->http, &e);
}

static void begin_request(struct conn *c, struct str bytes) LOOP
{
    struct error e;
    struct http *h = request_new(c);
    c->http = h;
    c->in_head = false;
    wheel_set(c, 0);
    h->req.peer = conn_peer(c);
    COUNT(c->nl, requests, 1);
    if (fill_request(h, bytes, &e)) {
        refuse(h, &e);
        return;
    }
    if (str_eq(h->req.target, STR("*"))) {
        http_set_header(&h->req, "Allow", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        http_reply(&h->req, 204, NULL, STR_NONE);
        return;
    }
    c->app->head(&h->req, c->app->arg);
}

/* Looks for a head at the start of p; returns the bytes used. */
static size_t head_input(struct conn *c, char *p, size_t n) LOOP
{
    /* One empty line before a request line is forgiven (RFC 9112 2.2). */
    size_t skip = n >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
    if (n == 1 && p[0] == '\r')
        return 0;
    struct str bytes = str_of(p + skip, n - skip);
    size_t end = 0, scanned = 0;
    switch (head_find(bytes, conn_limits(c)->head_bytes, &scanned, &end)) {
    case HEAD_WHOLE:
        begin_request(c, str_sub(bytes, 0, end));
        return skip + end;
    case HEAD_MORE:
        if (!c->in_head && bytes.n) {
            c->in_head = true;
            wheel_set(c, conn_limits(c)->head_ms);
        }
        return bytes.n ? 0 : skip;
    case HEAD_BARE_LF:
        refuse_unparsed(c, ERR_INVALID, "Header lines must end in CR LF.");
        break;
    case HEAD_TOO_LONG:
        if (str_find(bytes, STR("\r\n")) < conn_limits(c)->head_bytes)
            refuse_unparsed(c, ERR_HEADERS_TOO_BIG,
                            "The request's headers are too big; send fewer or shorter.");
        else
            refuse_unparsed(c, ERR_URI_TOO_LONG, "The request line is too long; send a shorter target.");
        break;
    }
    return n;
}

size_t http_input(struct conn *c, char *p, size_t n)
{
    http_settle(c); /* a request answered from elsewhere makes way for the next */
    if (conn_dead(c) || c->state != CONN_HTTP || c->finishing)
        return 0;
    struct http *h = c->http;
    size_t used = 0;
    if (!h) {
        /* Answers nobody reads stop the reading of requests. */
        if (c->queued <= conn_limits(c)->drain_bytes)
            used = head_input(c, p, n);
    } else if (!h->body_done && h->mode != BODY_UNDECIDED) {
        used = body_input(h, str_of(p, n));
    }
    http_settle(c);
    if (!used && !conn_dead(c) && c->state == CONN_HTTP && !c->finishing && (c->http || c->out) &&
        n >= conn_limits(c)->pipeline_bytes)
        conn_pause(c, true);
    return used;
}

/* The request is over: tell the application, free, and see what the connection does next. */
static void end_request(struct conn *c) LOOP
{
    struct http *h = c->http;
    if (c->app->done)
        c->app->done(&h->req, h->status, h->sent, clock_mono_us() - h->started_us, c->app->arg);
    if (h->req.on_closed)
        h->req.on_closed(&h->req, true);
    c->http = NULL;
    bool keep = h->keep_alive;
    http_free(h);
    if (conn_dead(c))
        return;
    if (!keep) {
        conn_finish(c);
        return;
    }
    http_ready(c);
    if (!c->out)
        conn_pause(c, false);
}

void http_settle(struct conn *c)
{
    struct http *h = c->http;
    if (!h || h->in_settle || conn_dead(c))
        return;
    h->in_settle = true;
    if (body_ready(h))
        body_deliver(h);
    if (conn_dead(c) || c->state != CONN_HTTP)
        return; /* killed, or upgraded by on_body(); h may be gone */
    h->in_settle = false;
    if (h->answered && (h->body_done || !h->keep_alive))
        end_request(c);
}

void http_eof(struct conn *c)
{
    struct http *h = c->http;
    if (!h) {
        /* What is queued still goes out; conn_finish() closes at once when there is nothing. */
        conn_finish(c);
        return;
    }
    h->keep_alive = false;
    /* Half a body will never be whole. A stream's reader that closed its side has gone; one that sent a whole
     * request and then closed still waits for its answer. */
    if (h->streaming || (!h->body_done && !h->answered))
        conn_kill(c);
}

void http_deadline(struct conn *c)
{
    struct http *h = c->http;
    if (h && h->sse) {
        struct piece ping = {PIECE_STATIC, "3\r\n:\n\n\r\n", 8};
        if (!h->chunked_out)
            ping = (struct piece){PIECE_STATIC, ":\n\n", 3};
        if (!c->out && !conn_write(c, &ping, 1))
            return;
        wheel_set(c, conn_limits(c)->ping_ms);
        return;
    }
    if (!h && !c->in_head) {
        conn_finish(c); /* idle keep-alive */
        return;
    }
    COUNT(c->nl, timeouts, 1);
    if (!h) {
        refuse_unparsed(c, ERR_TIMEOUT, "The request's head did not arrive in time.");
        http_settle(c);
    } else if (!h->answered && !h->head_sent) {
        struct error e;
        error_set(&e, ERR_TIMEOUT, "The request's body did not arrive in time.");
        h->keep_alive = false;
        http_reply_error(&h->req, &e);
        http_settle(c);
    } else {
        conn_kill(c);
    }
}

void http_drained(struct conn *c, bool drained)
{
    struct http *h = c->http;
    bool empty = !c->out;
    if (!h) {
        if (empty && c->paused)
            conn_pause(c, false);
        else if (c->in.n)
            conn_later(c);
        return;
    }
    if (empty && h->file_left)
        file_pump(h);
    else if (drained && h->streaming && !h->answered && h->req.on_drain)
        h->req.on_drain(&h->req);
    if (!conn_dead(c) && c->http == h && h->answered)
        conn_later(c);
}

void http_gone(struct conn *c)
{
    struct http *h = c->http;
    if (h->req.on_closed)
        h->req.on_closed(&h->req, false);
    c->http = NULL;
    http_free(h);
}

void http_stop(struct conn *c)
{
    struct http *h = c->http;
    if (!h) {
        conn_finish(c);
        return;
    }
    h->keep_alive = false;
    if (h->streaming && !h->answered && h->req.on_stop)
        h->req.on_stop(&h->req);
}

struct http_ref http_ref(const struct http_req *req)
{
    const struct http *h = http_of(req);
    return (struct http_ref){.at = h->conn->nl, .serial = h->serial, .slot = h->conn->slot};
}

struct http_req *http_find(struct http_ref ref)
{
    struct net_loop *nl = ref.at;
    struct conn *c = nl && ref.slot < nl->slot_count ? nl->slots[ref.slot] : NULL;
    if (!c || conn_dead(c) || !c->http || c->http->serial != ref.serial || c->http->answered)
        return NULL;
    return &c->http->req;
}

struct loop *http_ref_loop(struct http_ref ref)
{
    return ((struct net_loop *)ref.at)->loop;
}
