/*
 * Answers: the head, bodies in one piece, errors; see http.h.
 *
 * The head is written into the loop's scratch buffer and goes out with the body in one send. Bodies the
 * caller does not keep are copied only if the socket does not take them at once.
 */
#include "net/http_state.h"

#include "base/clock.h"
#include "net/deflate.h"
#include "net/range.h"

enum {
    HEADERS_MAX = 64 * 1024,
    GZIP_MAX = 1024 * 1024, /* compressing more would keep the loop busy too long */
};

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

const char *http_now(struct net_loop *nl)
{
    uint64_t now = uv_now(nl->uv);
    if (!nl->date_s || now - nl->date_at >= 500) {
        int64_t s = clock_wall_ms() / 1000;
        if (s != nl->date_s)
            http_date(nl->date, s);
        nl->date_s = s;
        nl->date_at = now;
    }
    return nl->date;
}

bool http_set_header(struct http_req *req, const char *name, struct str value)
{
    struct http *h = http_of(req);
    struct str key = str_c(name);
    if (!http_is_token(key) || !http_is_field_value(value) || h->head_sent)
        return false;
    h->headers.max = HEADERS_MAX;
    if (h->headers.n + key.n + value.n + 4 > HEADERS_MAX)
        return false;
    h->has_csp = h->has_csp || str_ieq(key, STR("content-security-policy"));
    h->has_coding = h->has_coding || str_ieq(key, STR("content-encoding"));
    h->has_retry = h->has_retry || str_ieq(key, STR("retry-after"));
    buf_add(&h->headers, key);
    buf_add(&h->headers, STR(": "));
    buf_add(&h->headers, value);
    buf_add(&h->headers, STR("\r\n"));
    return true;
}

bool reply_allowed(struct http *h)
{
    return !h->answered && !h->head_sent && !conn_dead(h->conn);
}

static void add_line(struct buf *b, const char *name, struct str value)
{
    buf_add(b, str_c(name));
    buf_add(b, value);
    buf_add(b, STR("\r\n"));
}

/* What keeps a page from being framed, sniffed, or fed from elsewhere. */
static void add_security(struct http *h, struct buf *b, struct str type)
{
    struct net *net = h->conn->nl->net;
    buf_add(b, STR("X-Content-Type-Options: nosniff\r\n"));
    if (str_starts(type, STR("text/html"))) {
        if (!h->has_csp)
            add_line(b, "Content-Security-Policy: ", str_c(net->csp));
        buf_add(b, STR("X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
                       "Cross-Origin-Opener-Policy: same-origin\r\n"
                       "Permissions-Policy: camera=(self), microphone=(self), xr-spatial-tracking=(self), "
                       "geolocation=(), payment=(), usb=()\r\n"));
    }
    if (net->config.hsts && h->conn->ssl)
        buf_add(b, STR("Strict-Transport-Security: max-age=31536000\r\n"));
}

void reply_head(struct http *h, int status, const char *type, int64_t length)
{
    struct net_loop *nl = h->conn->nl;
    struct buf *b = &nl->scratch;
    body_give_up(h);
    if (nl->stopping)
        h->keep_alive = false;
    bool bare = status == 204 || status == 304 || status < 200;
    h->no_body = bare || h->req.method == HTTP_HEAD;
    h->chunked_out = length < 0 && h->minor == 1 && !bare;
    if (length < 0 && !h->chunked_out && !bare)
        h->keep_alive = false;
    h->status = status;
    h->head_sent = true;
    COUNT(nl, status[status >= 100 && status < 600 ? status / 100 : 0], 1);
    b->max = HEADERS_MAX + 8192;
    buf_clear(b);
    buf_add(b, STR("HTTP/1.1 "));
    buf_add_u64(b, (uint64_t)status);
    buf_add_char(b, ' ');
    add_line(b, http_reason(status), STR_NONE);
    add_line(b, "Date: ", str_of(http_now(nl), 29));
    if (nl->net->config.server_header)
        buf_add(b, STR("Server: eidolon\r\n"));
    if (type && !bare)
        add_line(b, "Content-Type: ", str_c(type));
    if (h->chunked_out) {
        buf_add(b, STR("Transfer-Encoding: chunked\r\n"));
    } else if (!bare && length >= 0) {
        buf_add(b, STR("Content-Length: "));
        buf_add_u64(b, (uint64_t)length);
        buf_add(b, STR("\r\n"));
    }
    if (!h->keep_alive)
        buf_add(b, STR("Connection: close\r\n"));
    else if (h->minor == 0)
        buf_add(b, STR("Connection: keep-alive\r\n"));
    add_line(b, "X-Request-Id: ", h->req.request_id);
    add_security(h, b, str_c(type));
    buf_add(b, buf_str(&h->headers));
    buf_add(b, STR("\r\n"));
}

void reply_done(struct http *h)
{
    h->answered = true;
    conn_later(h->conn);
}

void reply_send(struct http *h, int status, const char *type, struct piece body)
{
    reply_head(h, status, type, (int64_t)body.n);
    struct buf *head = &h->conn->nl->scratch;
    struct piece pieces[2] = {{NULL, head->p, head->n}, body};
    bool with_body = !h->no_body && body.n;
    if (with_body)
        h->sent = body.n;
    conn_write(h->conn, pieces, with_body ? 2 : 1);
    reply_done(h);
}

void http_reply(struct http_req *req, int status, const char *type, struct str body)
{
    struct http *h = http_of(req);
    if (!reply_allowed(h))
        return;
    struct piece piece = {NULL, body.p, body.n};
    if (body.n >= DEFLATE_WORTH && !h->has_coding && type && compressible_type(str_c(type))) {
        struct buf *packed = &h->conn->nl->packed;
        http_set_header(req, "Vary", STR("Accept-Encoding"));
        *packed = (struct buf){.p = packed->p, .cap = packed->cap, .max = GZIP_MAX};
        if (body.n <= GZIP_MAX && accepts_coding(req, "gzip") && gzip_body(body, packed) &&
            packed->n < body.n) {
            http_set_header(req, "Content-Encoding", STR("gzip"));
            piece = (struct piece){NULL, packed->p, packed->n};
        }
    }
    reply_send(h, status, type, piece);
}

void http_reply_error(struct http_req *req, const struct error *e)
{
    struct http *h = http_of(req);
    if (!reply_allowed(h))
        return;
    int status = err_info(e->err)->http_status;
    CLEANUP_BUF struct buf body = BUF_INIT;
    const char *type = "text/plain; charset=utf-8";
    const struct http_app *app = h->conn->app;
    if (app->error_body) {
        app->error_body(e, req->request_id, &body, &type);
    } else {
        buf_add(&body, str_c(e->message));
        buf_add_char(&body, '\n');
    }
    if ((status == 429 || status == 503) && !h->has_retry)
        http_set_header(req, "Retry-After", STR("1"));
    http_reply(req, status, type, buf_str(&body));
}
