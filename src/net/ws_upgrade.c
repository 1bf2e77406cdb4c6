/*
 * The WebSocket opening handshake (RFC 6455 4.2) and the negotiation of permessage-deflate (RFC 7692 7.1).
 *
 * Of the peer's offers the first that can be met is taken: always without context takeover on both sides; an
 * offer that wants a smaller server window is passed over, because a broadcast is compressed once for all.
 */
#include "net/http_state.h"
#include "net/ws_state.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool valid_key(struct str key)
{
    unsigned char raw[WS_KEY_TEXT];
    return key.n == WS_KEY_TEXT && str_ends(key, STR("==")) && key.p[21] != '=' &&
           EVP_DecodeBlock(raw, (const unsigned char *)key.p, WS_KEY_TEXT) == 18;
}

void ws_accept_text(char to[WS_ACCEPT_TEXT], struct str key)
{
    unsigned char joined[WS_KEY_TEXT + sizeof WS_GUID], digest[SHA_DIGEST_LENGTH];
    memcpy(joined, key.p, WS_KEY_TEXT);
    memcpy(joined + WS_KEY_TEXT, WS_GUID, sizeof WS_GUID - 1);
    SHA1(joined, WS_KEY_TEXT + sizeof WS_GUID - 1, digest);
    EVP_EncodeBlock((unsigned char *)to, digest, SHA_DIGEST_LENGTH);
}

/* One offer: "permessage-deflate; client_max_window_bits; …". Unknown, repeated or unfit parameters: no. */
static bool offer_fits(struct str offer)
{
    struct str part;
    unsigned seen = 0;
    if (!str_cut(&offer, ';', &part) || !str_ieq(str_trim(part), STR("permessage-deflate")))
        return false;
    while (str_cut(&offer, ';', &part)) {
        size_t equals = str_find_char(part, '=');
        struct str name = str_trim(str_sub(part, 0, equals == SIZE_MAX ? part.n : equals));
        struct str value = equals == SIZE_MAX ? STR_NONE : str_trim(str_from(part, equals + 1));
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        uint64_t bits = 0;
        unsigned bit;
        if (str_eq(name, STR("server_no_context_takeover")) && equals == SIZE_MAX)
            bit = 1;
        else if (str_eq(name, STR("client_no_context_takeover")) && equals == SIZE_MAX)
            bit = 2;
        else if (str_eq(name, STR("client_max_window_bits")) &&
                 (equals == SIZE_MAX || (str_to_u64(value, &bits) && bits >= 8 && bits <= 15)))
            bit = 4;
        else if (str_eq(name, STR("server_max_window_bits")) && str_eq(value, STR("15")))
            bit = 8;
        else
            return false;
        if (seen & bit)
            return false;
        seen |= bit;
    }
    return true;
}

static bool offers_deflate(const struct http_req *req)
{
    for (unsigned i = 0; i < req->header_count; i++) {
        struct str rest = req->headers[i].value, offer;
        if (!str_ieq(req->headers[i].name, STR("sec-websocket-extensions")))
            continue;
        while (http_list_next(&rest, &offer)) {
            if (offer_fits(offer))
                return true;
        }
    }
    return false;
}

static void refuse(struct http_req *req, const char *sentence) LOOP
{
    struct error e;
    error_set(&e, ERR_INVALID, "%s", sentence);
    http_reply_error(req, &e);
}

/* Answers and returns false when it is no handshake. */
static bool check(struct http *h, struct str *key) LOOP
{
    struct http_req *req = &h->req;
    struct str version = STR_NONE;
    if (!reply_allowed(h))
        return false;
    if (!h->upgrade || !http_header_has(req, "upgrade", "websocket")) {
        http_set_header(req, "Upgrade", STR("websocket"));
        http_set_header(req, "Connection", STR("Upgrade"));
        http_reply(req, 426, "text/plain; charset=utf-8",
                   STR("Open this address with a WebSocket client (Upgrade: websocket).\n"));
        return false;
    }
    if (req->method != HTTP_GET || h->minor != 1 || req->has_body) {
        refuse(req, "A WebSocket opens with an HTTP/1.1 GET request without a body.");
        return false;
    }
    http_header(req, "sec-websocket-version", &version);
    if (!str_eq(version, STR("13"))) {
        http_set_header(req, "Sec-WebSocket-Version", STR("13"));
        http_reply(req, 426, "text/plain; charset=utf-8",
                   STR("This server speaks version 13 of the WebSocket protocol.\n"));
        return false;
    }
    if (!http_header(req, "sec-websocket-key", key) || !valid_key(*key)) {
        refuse(req, "Sec-WebSocket-Key must be 16 bytes in base64.");
        return false;
    }
    return true;
}

static void send_answer(struct http *h, struct str key, bool deflate, const char *subprotocol) LOOP
{
    struct conn *c = h->conn;
    char accept[WS_ACCEPT_TEXT];
    ws_accept_text(accept, key);
    struct buf *b = &c->nl->scratch;
    buf_clear(b);
    buf_printf(b,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\nX-Request-Id: %.*s\r\n",
               accept, STR_ARG(h->req.request_id));
    if (deflate)
        buf_add(b, STR("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                       "client_no_context_takeover\r\n"));
    if (subprotocol && http_header_has(&h->req, "sec-websocket-protocol", subprotocol))
        buf_printf(b, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    buf_add(b, buf_str(&h->headers));
    buf_add(b, STR("\r\n"));
    struct piece piece = {NULL, b->p, b->n};
    conn_write(c, &piece, 1);
}

struct ws *http_upgrade_ws(struct http_req *req, const struct ws_events *events,
                           const struct ws_options *options, void *arg)
{
    static const struct ws_options defaults;
    struct http *h = http_of(req);
    struct conn *c = h->conn;
    struct str key = STR_NONE;
    if (!options)
        options = &defaults;
    if (!check(h, &key))
        return NULL;
    bool deflate = !options->no_deflate && offers_deflate(req);
    h->status = 101;
    COUNT(c->nl, status[1], 1);
    send_answer(h, key, deflate, options->subprotocol);
    if (c->app->done)
        c->app->done(req, 101, 0, 0, c->app->arg);
    if (conn_dead(c))
        return NULL; /* http_gone() tells on_closed() */
    if (req->on_closed)
        req->on_closed(req, true);
    c->http = NULL;
    http_free(h);
    struct ws *ws = heap_alloc(sizeof *ws);
    ws->conn = c;
    ws->events = events;
    ws->arg = arg;
    ws->code = WS_BROKEN;
    ws->decoder.deflate = deflate;
    ws->decoder.message.max = options->max_message ? options->max_message : conn_limits(c)->ws_message_bytes;
    c->ws = ws;
    c->state = CONN_WS;
    COUNT(c->nl, open_http, -1);
    COUNT(c->nl, open_ws, 1);
    wheel_set(c, conn_limits(c)->ping_ms);
    conn_pause(c, false);
    conn_later(c);
    if (c->nl->stopping)
        ws_stop(c);
    return ws;
}
