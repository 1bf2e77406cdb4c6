/* Answers in pieces and server-sent events; see http.h. */
#include "net/http_state.h"

static void begin(struct http *h, int status, const char *type) LOOP
{
    reply_head(h, status, type, -1);
    h->streaming = true;
    struct buf *head = &h->conn->nl->scratch;
    struct piece piece = {NULL, head->p, head->n};
    conn_write(h->conn, &piece, 1);
}

void http_stream_begin(struct http_req *req, int status, const char *content_type)
{
    struct http *h = http_of(req);
    if (reply_allowed(h))
        begin(h, status, content_type);
}

static bool stream_piece(struct http *h, struct piece body) LOOP
{
    if (!h->streaming || h->answered || conn_dead(h->conn))
        return false;
    if (h->no_body || !body.n)
        return true;
    h->sent += body.n;
    if (!h->chunked_out)
        return conn_write(h->conn, &body, 1);
    char line[CHUNK_LINE];
    struct piece pieces[3] = {{NULL, line, chunk_line(line, body.n)}, body, {PIECE_STATIC, "\r\n", 2}};
    return conn_write(h->conn, pieces, 3);
}

bool http_stream_write(struct http_req *req, struct str bytes)
{
    return stream_piece(http_of(req), (struct piece){NULL, bytes.p, bytes.n});
}

bool http_stream_shared(struct http_req *req, struct shared *bytes)
{
    return stream_piece(http_of(req), (struct piece){bytes, bytes->p, bytes->n});
}

void http_stream_end(struct http_req *req)
{
    struct http *h = http_of(req);
    if (!h->streaming || h->answered)
        return;
    struct piece last = {PIECE_STATIC, "0\r\n\r\n", 5};
    if (h->chunked_out && !h->no_body)
        conn_write(h->conn, &last, 1);
    reply_done(h);
}

void http_stream_abort(struct http_req *req)
{
    conn_kill(http_of(req)->conn);
}

size_t http_queued(const struct http_req *req)
{
    return http_of(req)->conn->queued;
}

void http_sse_begin(struct http_req *req)
{
    struct http *h = http_of(req);
    if (!reply_allowed(h))
        return;
    /* The connection ends with the stream: a stream lives long enough to be worth one, and node 18 takes the
     * end of a chunked answer on a connection that is kept for a premature one (node-fetch, and so OpenAI's
     * client 4). */
    h->keep_alive = false;
    http_set_header(req, "Cache-Control", STR("no-store"));
    http_set_header(req, "X-Accel-Buffering", STR("no")); /* nginx: do not collect events */
    begin(h, 200, "text/event-stream; charset=utf-8");
    h->sse = true;
    wheel_set(h->conn, conn_limits(h->conn)->ping_ms);
}

/* Lines end at LF, CR or CR LF, as the receiver's parser has it. */
static void add_data(struct buf *b, struct str data)
{
    do {
        size_t end = 0;
        while (end < data.n && data.p[end] != '\n' && data.p[end] != '\r')
            end++;
        buf_add(b, STR("data: "));
        buf_add(b, str_sub(data, 0, end));
        buf_add_char(b, '\n');
        bool more = end < data.n;
        if (more && data.p[end] == '\r' && end + 1 < data.n && data.p[end + 1] == '\n')
            end++;
        data = more ? str_from(data, end + 1) : STR_NONE;
        if (more && !data.n)
            buf_add(b, STR("data: \n"));
    } while (data.n);
}

struct shared *http_sse_frame(struct str id, struct str event, struct str data)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (id.n) {
        buf_add(&b, STR("id: "));
        buf_add(&b, id);
        buf_add_char(&b, '\n');
    }
    if (event.n) {
        buf_add(&b, STR("event: "));
        buf_add(&b, event);
        buf_add_char(&b, '\n');
    }
    add_data(&b, data);
    buf_add_char(&b, '\n');
    /* The frame is one whole HTTP chunk, so that a broadcast is one piece a stream. */
    char line[CHUNK_LINE];
    size_t n = chunk_line(line, b.n);
    struct shared *s = shared_make(n + b.n + 2);
    memcpy(s->p, line, n);
    memcpy(s->p + n, b.p, b.n);
    memcpy(s->p + n + b.n, "\r\n", 2);
    return s;
}

bool http_sse_send(struct http_req *req, struct shared *frame)
{
    struct http *h = http_of(req);
    if (!h->streaming || h->answered || conn_dead(h->conn))
        return false;
    if (h->no_body)
        return true;
    struct piece piece = {frame, frame->p, frame->n};
    if (!h->chunked_out) {
        const char *lf = memchr(frame->p, '\n', frame->n);
        size_t line = (size_t)(lf - frame->p) + 1;
        piece = (struct piece){frame, frame->p + line, frame->n - line - 2};
    }
    h->sent += piece.n;
    return conn_write(h->conn, &piece, 1);
}
