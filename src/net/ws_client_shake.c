/*
 * The opening handshake, client side (RFC 6455 4.1): the address, the request, and the answer.
 *
 * An answer that is no 101 is read to its end (by length, chunks, or the end of the connection, and never
 * more than WS_CLIENT_BODY_MAX), because servers say in its body why they refuse.
 */
#include "net/ws_client_inner.h"

#include "base/arena.h"
#include "base/id.h"
#include "net/chunk.h"
#include "net/parse_head.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { KEY_BYTES = 16, PORT_TEXT_MAX = 5, STATUS_SWITCH = 101 };

/* ---- the address ---- */

static enum err bad_url(struct error *e, struct str url)
{
    char at[FETCH_ENDPOINT_TEXT];
    fetch_endpoint(at, url);
    return error_set(e, ERR_INVALID,
                     "'%s' is no address of a WebSocket; it must look like wss://host/path, without user and "
                     "password.",
                     at);
}

static bool split_authority(struct str authority, struct str *host, struct str *port)
{
    size_t colon = SIZE_MAX;
    *port = STR_NONE;
    if (authority.n && authority.p[0] == '[') {
        size_t close = str_find_char(authority, ']');
        if (close == SIZE_MAX)
            return false;
        *host = str_sub(authority, 1, close - 1);
        struct str rest = str_from(authority, close + 1);
        *port = rest.n ? str_from(rest, 1) : STR_NONE;
        return host->n && (!rest.n || rest.p[0] == ':');
    }
    colon = str_find_char(authority, ':');
    *host = str_sub(authority, 0, colon);
    if (colon != SIZE_MAX)
        *port = str_from(authority, colon + 1);
    return host->n && str_find_char(*port, ':') == SIZE_MAX;
}

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    }
    return true;
}

enum err ws_target_read(struct ws_target *to, struct str url, struct error *e)
{
    static const struct {
        struct str prefix;
        bool tls;
    } schemes[] = {{STR_INIT("ws://"), false},
                   {STR_INIT("wss://"), true},
                   {STR_INIT("http://"), false},
                   {STR_INIT("https://"), true}};
    struct str rest = STR_NONE, host, port;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (str_ieq(str_sub(url, 0, schemes[i].prefix.n), schemes[i].prefix)) {
            rest = str_from(url, schemes[i].prefix.n);
            to->tls = schemes[i].tls;
        }
    }
    rest = str_sub(rest, 0, str_find_char(rest, '#'));
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    struct str authority = str_sub(rest, 0, n), path = str_from(rest, n);
    uint64_t number = 0;
    if (!printable(url) || str_find_char(authority, '@') != SIZE_MAX ||
        !split_authority(authority, &host, &port) || port.n > PORT_TEXT_MAX ||
        (port.n && (!str_to_u64(port, &number) || number == 0 || number > UINT16_MAX)))
        return bad_url(e, url);
    bool query_only = path.n && path.p[0] == '?';
    CLEANUP_BUF struct buf whole = BUF_INIT;
    buf_add(&whole, !path.n || query_only ? STR("/") : STR_NONE);
    buf_add(&whole, path);
    unsigned char address[sizeof(struct in6_addr)];
    to->host = heap_cstr(host);
    to->port = heap_cstr(port.n ? port : to->tls ? STR("443") : STR("80"));
    to->path = heap_cstr(buf_str(&whole));
    to->authority = heap_cstr(authority);
    to->is_ip = inet_pton(AF_INET, to->host, address) == 1 || inet_pton(AF_INET6, to->host, address) == 1;
    return ERR_OK;
}

void ws_target_release(struct ws_target *t)
{
    free(t->host);
    free(t->port);
    free(t->path);
    free(t->authority);
}

/* ---- the request ---- */

static enum err put_protocols(struct ws_client *c, const struct ws_client_request *r, struct buf *to,
                              struct error *e)
{
    CLEANUP_BUF struct buf list = BUF_INIT;
    size_t n;
    if (!r->subprotocol_count)
        return ERR_OK;
    for (size_t i = 0; i < r->subprotocol_count; i++) {
        if (!http_is_token(r->subprotocols[i]) || i >= WS_CLIENT_PROTOCOLS_MAX)
            return error_set(e, ERR_INVALID, "A WebSocket's subprotocols are at most %d plain words.",
                             WS_CLIENT_PROTOCOLS_MAX);
        buf_add(&list, i ? STR(", ") : STR_NONE);
        buf_add(&list, r->subprotocols[i]);
    }
    c->offered = buf_take(&list, &n);
    buf_printf(to, "Sec-WebSocket-Protocol: %s\r\n", c->offered);
    return ERR_OK;
}

enum err ws_shake_write(struct ws_client *c, const struct ws_client_request *r, struct error *e)
{
    CLEANUP_BUF struct buf b = BUF_MAX(WS_CLIENT_HEAD_MAX);
    unsigned char random[KEY_BYTES];
    random_bytes(random, sizeof random);
    EVP_EncodeBlock((unsigned char *)c->key, random, KEY_BYTES);
    buf_printf(&b,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
               c->target.path, c->target.authority, c->key);
    if (put_protocols(c, r, &b, e) != ERR_OK)
        return e ? e->err : ERR_INVALID;
    for (size_t i = 0; i < r->header_count; i++) {
        if (!http_is_token(r->headers[i].name) || !http_is_field_value(r->headers[i].value))
            return error_set(e, ERR_INVALID,
                             "A header for the WebSocket at %s is not 'Name: value' in plain characters.",
                             c->endpoint);
        buf_printf(&b, "%.*s: %.*s\r\n", STR_ARG(r->headers[i].name), STR_ARG(r->headers[i].value));
    }
    buf_add(&b, STR("\r\n"));
    if (buf_check(&b, "The WebSocket's opening request", e) != ERR_OK)
        return ERR_TOO_BIG;
    c->request = buf_take(&b, &c->request_n);
    return ERR_OK;
}

/* ---- the answer ---- */

static struct str header(const struct ws_client *c, const char *name)
{
    for (size_t i = 0; i < c->header_count; i++) {
        if (str_ieq(c->headers[i].name, str_c(name)))
            return c->headers[i].value;
    }
    return STR_NONE;
}

static bool header_has(const struct ws_client *c, const char *name, struct str token)
{
    struct str rest = header(c, name), element;
    while (http_list_next(&rest, &element)) {
        if (str_ieq(element, token))
            return true;
    }
    return false;
}

/* "HTTP/1.1 101 Switching Protocols" and the header lines; false: no HTTP. */
static bool read_head(struct ws_client *c, struct str head)
{
    struct str line, name;
    uint64_t status;
    if (!str_cut(&head, '\n', &line) || line.n < 12 || !str_starts(line, STR("HTTP/1.")) ||
        line.p[8] != ' ' || !str_to_u64(str_sub(line, 9, 3), &status) ||
        (line.n > 12 && line.p[12] != ' ' && line.p[12] != '\r'))
        return false;
    c->status = (int)status;
    c->header_count = 0;
    while (str_cut(&head, '\n', &line)) {
        struct str value = str_trim(line);
        if (!value.n)
            continue;
        size_t colon = str_find_char(value, ':');
        if (colon == SIZE_MAX || c->header_count == WS_CLIENT_HEADERS_MAX)
            return false;
        name = str_sub(value, 0, colon);
        value = str_trim(str_from(value, colon + 1));
        if (!http_is_token(name) || !http_is_field_value(value))
            return false;
        c->headers[c->header_count++] = (struct fetch_header){name, value};
    }
    return true;
}

/* What is wrong with a 101, or NULL. */
static const char *wrong(const struct ws_client *c)
{
    char accept[WS_ACCEPT_TEXT];
    struct str chosen = header(c, "Sec-WebSocket-Protocol"), rest = str_c(c->offered), one;
    ws_accept_text(accept, str_of(c->key, WS_KEY_TEXT));
    if (!header_has(c, "Upgrade", STR("websocket")) || !header_has(c, "Connection", STR("upgrade")))
        return "its answer does not upgrade the connection";
    if (!str_eq(header(c, "Sec-WebSocket-Accept"), str_c(accept)))
        return "Sec-WebSocket-Accept does not answer the key that was sent";
    if (header(c, "Sec-WebSocket-Extensions").n)
        return "it uses an extension that was not offered";
    if (!chosen.n)
        return NULL;
    while (http_list_next(&rest, &one)) {
        if (str_eq(one, chosen))
            return NULL;
    }
    return "it chose a subprotocol that was not offered";
}

static void add_body(struct ws_client *c, struct str bytes)
{
    size_t room = c->body.max - c->body.n;
    buf_add(&c->body, str_sub(bytes, 0, room));
}

/* More of a refusal. */
static void refusal_bytes(struct ws_client *c, struct str bytes) LOOP
{
    bool done = false;
    if (c->chunked) {
        struct str data;
        for (enum chunk_result r = CHUNK_DATA; r == CHUNK_DATA;) {
            r = chunk_next(&c->chunks, &bytes, &data);
            if (r == CHUNK_DATA)
                add_body(c, data);
            done = r == CHUNK_END || r == CHUNK_BAD;
        }
    } else {
        size_t n = bytes.n < c->body_left ? bytes.n : (size_t)c->body_left;
        add_body(c, str_sub(bytes, 0, n));
        if (c->body_left != UINT64_MAX)
            c->body_left -= n;
        done = c->body_left == 0;
    }
    if (done || c->body.n == c->body.max)
        ws_client_over(c, WS_CLIENT_REFUSED, NULL);
}

static void begin_refusal(struct ws_client *c, struct str rest) LOOP
{
    uint64_t length;
    for (size_t i = 0; i < c->header_count; i++) /* they lie in the head, which is reused */
        c->headers[i] = (struct fetch_header){arena_str(&c->arena, c->headers[i].name),
                                              arena_str(&c->arena, c->headers[i].value)};
    c->phase = PHASE_REFUSED;
    c->chunked = header_has(c, "Transfer-Encoding", STR("chunked"));
    c->body_left = str_to_u64(header(c, "Content-Length"), &length) ? length : UINT64_MAX;
    refusal_bytes(c, rest);
}

/* One whole head: the upgrade, a refusal, or an interim answer that is passed over. */
static void whole_head(struct ws_client *c, size_t end) LOOP
{
    struct str rest = str_from(buf_str(&c->head), end);
    if (!read_head(c, str_sub(buf_str(&c->head), 0, end))) {
        ws_client_over(c, WS_CLIENT_GARBAGE, "its answer is no HTTP");
        return;
    }
    if (c->status >= 100 && c->status < 200 && c->status != STATUS_SWITCH) {
        buf_drop(&c->head, end);
        c->scanned = 0;
        ws_shake_bytes(c, STR_NONE);
        return;
    }
    if (c->status != STATUS_SWITCH) {
        begin_refusal(c, rest);
        return;
    }
    const char *why = wrong(c);
    if (why)
        ws_client_over(c, WS_CLIENT_GARBAGE, why);
    else
        ws_client_opened(c, header(c, "Sec-WebSocket-Protocol"), rest);
}

void ws_shake_bytes(struct ws_client *c, struct str bytes)
{
    static const char begins[] = "HTTP/1.";
    size_t end;
    if (c->phase == PHASE_REFUSED) {
        refusal_bytes(c, bytes);
        return;
    }
    buf_add(&c->head, bytes);
    size_t look = c->head.n < sizeof begins - 1 ? c->head.n : sizeof begins - 1;
    if (memcmp(c->head.p ? c->head.p : "", begins, look) != 0) {
        ws_client_over(c, WS_CLIENT_GARBAGE, "its answer is no HTTP");
        return;
    }
    switch (head_find(buf_str(&c->head), WS_CLIENT_HEAD_MAX, &c->scanned, &end)) {
    case HEAD_MORE:
        break;
    case HEAD_WHOLE:
        whole_head(c, end);
        break;
    case HEAD_BARE_LF:
        ws_client_over(c, WS_CLIENT_GARBAGE, "its answer is no HTTP");
        break;
    case HEAD_TOO_LONG:
        ws_client_over(c, WS_CLIENT_GARBAGE, "its answer's head is too long");
        break;
    }
}

void ws_shake_eof(struct ws_client *c)
{
    if (c->phase == PHASE_REFUSED)
        ws_client_over(c, WS_CLIENT_REFUSED, NULL);
    else
        ws_client_over(c, WS_CLIENT_CUT, "it answered nothing");
}
