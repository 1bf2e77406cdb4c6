/*
 * Bodies that lie somewhere: in the executable or in a file; with ranges and conditions (RFC 9110 13, 14).
 *
 * A file is read in steps of 64 KB whenever the queue is empty, so a slow reader costs one step of memory.
 */
#include "net/http_state.h"

#include "net/range.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct body {
    uint64_t size, from, n;
    struct str etag;
    int64_t modified; /* 0: unknown */
};

static bool reads(const struct http_req *req)
{
    return req->method == HTTP_GET || req->method == HTTP_HEAD;
}

static bool not_modified(const struct http_req *req, const struct body *b)
{
    struct str header;
    int64_t since = 0;
    if (!reads(req))
        return false;
    if (http_header(req, "if-none-match", &header))
        return b->etag.n && http_etag_matches(header, b->etag);
    return b->modified && http_header(req, "if-modified-since", &header) && http_date_parse(header, &since) &&
           b->modified <= since;
}

/* If-Range: the range counts only if the body is still the one the peer has part of. */
static bool range_holds(const struct http_req *req, const struct body *b)
{
    struct str header;
    int64_t when = 0;
    if (!http_header(req, "if-range", &header))
        return true;
    if (header.n && header.p[0] == '"')
        return str_eq(header, b->etag);
    return b->modified && http_date_parse(header, &when) && when == b->modified;
}

/* The status, with b->from and b->n set; the headers that belong to it are set. */
static int choose(struct http_req *req, struct body *b) LOOP
{
    struct str header;
    if (b->etag.n)
        http_set_header(req, "ETag", b->etag);
    if (b->modified) {
        char date[HTTP_DATE];
        http_date(date, b->modified);
        http_set_header(req, "Last-Modified", str_c(date));
    }
    b->from = 0;
    b->n = b->size;
    if (not_modified(req, b))
        return 304;
    if (!reads(req))
        return 200;
    http_set_header(req, "Accept-Ranges", STR("bytes"));
    if (req->method != HTTP_GET || !http_header(req, "range", &header) || !range_holds(req, b))
        return 200;
    enum range_kind kind = range_parse(header, b->size, &b->from, &b->n);
    if (kind == RANGE_WHOLE)
        return 200;
    struct str text =
        kind == RANGE_PART
            ? arena_printf(&req->arena, "bytes %llu-%llu/%llu", (unsigned long long)b->from,
                           (unsigned long long)(b->from + b->n - 1), (unsigned long long)b->size)
            : arena_printf(&req->arena, "bytes */%llu", (unsigned long long)b->size);
    http_set_header(req, "Content-Range", text);
    return kind == RANGE_PART ? 206 : 416;
}

static void unsatisfiable(struct http_req *req) LOOP
{
    struct error e;
    error_set(&e, ERR_RANGE, "The range lies outside of the body; Content-Range says how long it is.");
    http_reply_error(req, &e);
}

void http_reply_static(struct http_req *req, const char *content_type, struct str bytes, const char *etag)
{
    struct http *h = http_of(req);
    if (!reply_allowed(h))
        return;
    struct body b = {.size = bytes.n, .etag = str_c(etag)};
    int status = choose(req, &b);
    if (status == 416)
        unsatisfiable(req);
    else if (status == 304)
        reply_send(h, 304, NULL, (struct piece){NULL, NULL, 0});
    else
        reply_send(h, status, content_type, (struct piece){PIECE_STATIC, bytes.p + b.from, (size_t)b.n});
}

void file_pump(struct http *h)
{
    struct conn *c = h->conn;
    for (unsigned i = 0; i < FILE_STEPS_A_TURN && h->file_left && !c->out; i++) {
        size_t want = h->file_left < FILE_STEP ? (size_t)h->file_left : FILE_STEP;
        struct shared *step = shared_make(want);
        ssize_t n = pread(h->file_fd, step->p, want, (off_t)h->file_at);
        if (n <= 0) {
            shared_unref(step);
            conn_kill(c); /* the file shrank: the length that was announced cannot be kept */
            return;
        }
        h->file_at += (uint64_t)n;
        h->file_left -= (uint64_t)n;
        h->sent += (uint64_t)n;
        struct piece piece = {step, step->p, (size_t)n};
        bool alive = conn_write(c, &piece, 1);
        shared_unref(step);
        if (!alive)
            return;
    }
    if (!h->file_left)
        reply_done(h);
    else if (!c->out)
        conn_take_turn(c); /* a fast reader: let the others have their turn */
}

void http_reply_fd(struct http_req *req, int fd, const char *content_type)
{
    struct http *h = http_of(req);
    struct stat st;
    if (!reply_allowed(h)) {
        close(fd);
        return;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        struct error e;
        close(fd);
        error_set(&e, ERR_NOT_FOUND, "There is no such file.");
        http_reply_error(req, &e);
        return;
    }
    h->file_fd = fd;
    struct body b = {.size = (uint64_t)st.st_size, .modified = (int64_t)st.st_mtim.tv_sec};
    b.etag = arena_printf(
        &req->arena, "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
        (unsigned long long)st.st_mtim.tv_sec * 1000000000ull + (unsigned long long)st.st_mtim.tv_nsec);
    int status = choose(req, &b);
    if (status == 416) {
        unsatisfiable(req);
        return;
    }
    if (status == 304) {
        reply_send(h, 304, NULL, (struct piece){NULL, NULL, 0});
        return;
    }
    reply_head(h, status, content_type, (int64_t)b.n);
    struct buf *head = &h->conn->nl->scratch;
    struct piece piece = {NULL, head->p, head->n};
    if (!conn_write(h->conn, &piece, 1))
        return;
    h->file_at = b.from;
    h->file_left = h->no_body ? 0 : b.n;
    file_pump(h);
}

void http_reply_file(struct http_req *req, const char *path, const char *content_type)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        struct error e;
        error_set(&e, ERR_NOT_FOUND, "There is no such file.");
        http_reply_error(req, &e);
        return;
    }
    http_reply_fd(req, fd, content_type);
}
