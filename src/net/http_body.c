/*
 * Request bodies: collected in memory, streamed to a temporary file, or thrown away; see http.h.
 *
 * Uploads to a file are written by a worker, one block in flight while the next is collected; when both are
 * full the connection is not read, so the peer's own TCP window is the back-pressure. The file lies in the
 * caller's folder, is made with O_TMPFILE-like privacy (mode 0600, a random name) and removed at the end of
 * the request unless the application renamed it.
 */
#include "net/http_state.h"

#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UPLOAD_BLOCK = 256 * 1024 };

struct upload {
    struct job job;
    struct http *http; /* NULL: the request is gone */
    int fd;
    char *path;
    char *filling, *writing; /* UPLOAD_BLOCK each */
    size_t filled, to_write;
    int error; /* errno of the write that failed */
    bool busy; /* the job is under way */
};

static void free_upload(struct upload *u)
{
    close(u->fd);
    unlink(u->path); /* fails where the application renamed it */
    free(u->path);
    free(u->filling);
    free(u->writing);
    free(u);
}

void upload_free(struct upload *u, struct http *h)
{
    h->upload = NULL;
    u->http = NULL;
    if (!u->busy)
        free_upload(u);
}

static void write_block(struct upload *u)
{
    size_t done = 0;
    while (done < u->to_write && !u->error) {
        ssize_t n = write(u->fd, u->writing + done, u->to_write - done);
        if (n < 0 && errno != EINTR)
            u->error = errno;
        if (n > 0)
            done += (size_t)n;
    }
}

static void run_write(struct job *job)
{
    on_worker();
    write_block(CONTAINER(job, struct upload, job));
}

static bool upload_failed(struct http *h) LOOP
{
    if (!h->upload->error || h->answered || h->head_sent)
        return h->upload->error != 0;
    struct error e;
    errno = h->upload->error;
    error_set(&e, ERR_IO, "The upload could not be written to disk (%m); free some space and try again.");
    h->keep_alive = false;
    http_reply_error(&h->req, &e);
    return true;
}

static void write_done(struct job *job)
{
    on_loop();
    struct upload *u = CONTAINER(job, struct upload, job);
    u->busy = false;
    struct http *h = u->http;
    if (!h) {
        free_upload(u);
        return;
    }
    if (conn_dead(h->conn))
        return;
    if (!upload_failed(h))
        conn_pause(h->conn, false);
    conn_later(h->conn);
}

static void start_write(struct http *h) LOOP
{
    struct upload *u = h->upload;
    char *full = u->filling;
    u->filling = u->writing;
    u->writing = full;
    u->to_write = u->filled;
    u->filled = 0;
    struct workers *workers = h->conn->nl->net->config.workers;
    if (!workers) {
        write_block(u);
        return;
    }
    if (!u->filling)
        u->filling = heap_realloc(NULL, UPLOAD_BLOCK);
    u->busy = true;
    u->job = (struct job){.run = run_write, .done = write_done};
    workers_submit(workers, &u->job);
}

/* Takes what fits; less than all means: pause. */
static size_t upload_bytes(struct http *h, struct str bytes) LOOP
{
    struct upload *u = h->upload;
    size_t used = 0;
    while (used < bytes.n && !u->error) {
        if (u->filled == UPLOAD_BLOCK) {
            if (u->busy)
                break;
            start_write(h);
        }
        if (!u->filling)
            u->filling = heap_realloc(NULL, UPLOAD_BLOCK);
        size_t room = UPLOAD_BLOCK - u->filled;
        size_t take = bytes.n - used < room ? bytes.n - used : room;
        memcpy(u->filling + u->filled, bytes.p + used, take);
        u->filled += take;
        used += take;
    }
    if (upload_failed(h))
        return bytes.n;
    return used;
}

static void too_long(struct http *h) LOOP
{
    struct error e;
    error_set(&e, ERR_TOO_BIG, "The body is larger than the %llu bytes allowed here.",
              (unsigned long long)h->body_max);
    h->keep_alive = false;
    http_reply_error(&h->req, &e);
}

/* Uses body bytes (of one chunk, or counted by Content-Length); returns how many. */
static size_t take_bytes(struct http *h, struct str bytes) LOOP
{
    size_t used = bytes.n;
    h->body_mark += (uint32_t)used;
    if (h->body_mark >= conn_limits(h->conn)->body_step) {
        h->body_mark = 0;
        wheel_set(h->conn, conn_limits(h->conn)->body_ms);
    }
    if (h->body_have + used > h->body_max) {
        if (h->mode == BODY_DRAIN || h->answered)
            h->keep_alive = false; /* enough: http_settle() ends the request, the connection lingers */
        else
            too_long(h);
        return used;
    }
    if (h->mode == BODY_BUFFER)
        buf_add(&h->body, bytes);
    else if (h->mode == BODY_FILE && !h->answered)
        used = upload_bytes(h, bytes);
    h->body_have += used;
    return used;
}

static size_t chunked_input(struct http *h, struct str bytes) LOOP
{
    struct str rest = bytes, data;
    while (!h->answered || h->keep_alive) {
        switch (chunk_next(&h->chunk, &rest, &data)) {
        case CHUNK_MORE:
            return bytes.n;
        case CHUNK_END:
            h->body_done = true;
            return bytes.n - rest.n;
        case CHUNK_DATA: {
            size_t used = take_bytes(h, data);
            if (used == data.n)
                break;
            chunk_untake(&h->chunk, data.n - used);
            return (size_t)(data.p - bytes.p) + used;
        }
        case CHUNK_BAD: {
            struct error e;
            h->keep_alive = false;
            h->body_done = true;
            COUNT(h->conn->nl, bad_heads, 1);
            if (h->head_sent || h->answered)
                return bytes.n;
            error_set(&e, ERR_INVALID, "The chunked body is malformed.");
            http_reply_error(&h->req, &e);
            return bytes.n;
        }
        }
    }
    return bytes.n;
}

size_t body_input(struct http *h, struct str bytes)
{
    size_t used;
    h->expect = false; /* the peer did not wait */
    if (h->chunked) {
        used = chunked_input(h, bytes);
    } else {
        used = take_bytes(h, str_sub(bytes, 0, h->body_left < bytes.n ? (size_t)h->body_left : bytes.n));
        h->body_left -= used;
        h->body_done = h->body_done || h->body_left == 0;
    }
    if (h->upload && h->upload->busy && h->upload->filled == UPLOAD_BLOCK)
        conn_pause(h->conn, true);
    if (h->body_done && !conn_dead(h->conn))
        wheel_set(h->conn, 0);
    return used;
}

bool body_ready(const struct http *h)
{
    if (!h->body_done || h->delivered || !h->on_body || h->answered || h->head_sent)
        return false;
    return !h->upload || !h->upload->busy;
}

void body_deliver(struct http *h)
{
    struct upload *u = h->upload;
    if (u && u->filled) {
        start_write(h);
        if (u->busy)
            return; /* comes again when it is written */
    }
    if (u && upload_failed(h))
        return;
    h->delivered = true;
    h->req.body = buf_str(&h->body);
    h->req.body_size = h->body_have;
    h->on_body(&h->req);
}

static void begin_body(struct http *h, enum body_mode mode, uint64_t max,
                       void (*on_body)(struct http_req *)) LOOP
{
    struct conn *c = h->conn;
    if (h->mode != BODY_UNDECIDED || h->answered || h->head_sent)
        abort(); /* a request's body is taken once, before its answer */
    h->mode = (uint8_t)mode;
    h->body_max = max;
    h->on_body = on_body;
    if (h->req.content_length > 0 && (uint64_t)h->req.content_length > max) {
        too_long(h);
        conn_later(c);
        return;
    }
    if (!h->body_done) {
        wheel_set(c, conn_limits(c)->body_ms);
        conn_pause(c, false);
        struct piece go = {PIECE_STATIC, "HTTP/1.1 100 Continue\r\n\r\n", 25};
        if (h->expect && !c->in.n)
            conn_write(c, &go, 1);
        h->expect = false;
    }
    conn_later(c);
}

void http_take_body(struct http_req *req, size_t max, void (*on_body)(struct http_req *))
{
    struct http *h = http_of(req);
    h->body.max = max ? max : 1;
    begin_body(h, BODY_BUFFER, max, on_body);
}

void http_take_file(struct http_req *req, const char *folder, uint64_t max,
                    void (*on_body)(struct http_req *))
{
    struct http *h = http_of(req);
    struct id_text name = id_text(id_new());
    size_t n = strlen(folder) + sizeof name + 16;
    char *path = heap_alloc(n);
    snprintf(path, n, "%s/upload-%s", folder, name.c);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        struct error e;
        error_set(&e, ERR_IO, "The upload could not be stored (%m); see that the data folder is writable.");
        free(path);
        http_reply_error(req, &e);
        return;
    }
    struct upload *u = heap_alloc(sizeof *u);
    u->http = h;
    u->fd = fd;
    u->path = path;
    h->upload = u;
    req->body_path = u->path;
    begin_body(h, BODY_FILE, max, on_body);
}

void body_give_up(struct http *h)
{
    size_t limit = conn_limits(h->conn)->drain_body_bytes;
    if (h->body_done || !h->keep_alive)
        return;
    if (h->expect || (!h->chunked && h->body_left > limit)) {
        h->keep_alive = false;
        return;
    }
    h->mode = BODY_DRAIN;
    h->body_max = h->body_have + limit;
    wheel_set(h->conn, conn_limits(h->conn)->body_ms);
    conn_pause(h->conn, false);
}
