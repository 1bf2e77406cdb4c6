/*
 * WebSocket connections: messages, pings, the close handshake; see ws.h. The handshake is in ws_upgrade.c.
 *
 * The close handshake: whoever begins sends Close and waits close_ms for the other's; then the server shuts
 * down writing and reads to the end (conn_finish), again within close_ms. After our Close nothing but the
 * peer's Close matters.
 */
#include "net/ws_state.h"

#include "net/deflate.h"

#include <stdlib.h>

static bool send_piece(struct ws *ws, unsigned opcode, bool compressed, struct piece payload) LOOP
{
    char head[WS_HEAD_MAX];
    struct piece pieces[2] = {{NULL, head, ws_frame_head(head, opcode, compressed, payload.n)}, payload};
    return conn_write(ws->conn, pieces, payload.n ? 2 : 1);
}

static bool is_open(const struct ws *ws)
{
    return ws->conn->state == CONN_WS && !ws->close_sent;
}

bool ws_send(struct ws *ws, struct str payload, bool text)
{
    if (!is_open(ws))
        return false;
    COUNT(ws->conn->nl, ws_out, 1);
    unsigned opcode = text ? WS_TEXT : WS_BINARY;
    if (ws->decoder.deflate && payload.n >= DEFLATE_WORTH) {
        CLEANUP_BUF struct buf packed = BUF_MAX(payload.n);
        if (deflate_message(payload, &packed) && packed.n < payload.n)
            return send_piece(ws, opcode, true, (struct piece){NULL, packed.p, packed.n});
    }
    return send_piece(ws, opcode, false, (struct piece){NULL, payload.p, payload.n});
}

static struct shared *frame(unsigned opcode, bool compressed, struct str payload)
{
    char head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, opcode, compressed, payload.n);
    struct shared *s = shared_make(n + payload.n);
    memcpy(s->p, head, n);
    if (payload.n)
        memcpy(s->p + n, payload.p, payload.n);
    return s;
}

struct shared *ws_frame_new(struct str payload, bool text)
{
    return frame(text ? WS_TEXT : WS_BINARY, false, payload);
}

struct shared *ws_frame_deflated(struct str payload, bool text)
{
    if (payload.n < DEFLATE_WORTH)
        return NULL;
    CLEANUP_BUF struct buf packed = BUF_MAX(payload.n);
    if (!deflate_message(payload, &packed) || packed.n >= payload.n)
        return NULL;
    return frame(text ? WS_TEXT : WS_BINARY, true, buf_str(&packed));
}

bool ws_send_shared(struct ws *ws, struct shared *plain, struct shared *deflated)
{
    if (!is_open(ws))
        return false;
    COUNT(ws->conn->nl, ws_out, 1);
    struct shared *s = deflated && ws->decoder.deflate ? deflated : plain;
    struct piece piece = {s, s->p, s->n};
    return conn_write(ws->conn, &piece, 1);
}

static void send_close(struct ws *ws, unsigned code, struct str reason) LOOP
{
    char payload[WS_CONTROL_MAX];
    size_t n = 0;
    if (ws->close_sent)
        return;
    if (code != WS_NO_CODE) {
        payload[0] = (char)(code >> 8);
        payload[1] = (char)code;
        /* Cut at a character's boundary: str_copy() does, and writes a NUL behind. */
        char cut[WS_CONTROL_MAX - 1];
        str_copy(cut, sizeof cut, reason);
        n = strlen(cut);
        memcpy(payload + 2, cut, n);
        n += 2;
    }
    send_piece(ws, WS_CLOSE, false, (struct piece){NULL, payload, n});
    ws->close_sent = true;
    wheel_set(ws->conn, conn_limits(ws->conn)->close_ms);
}

void ws_close(struct ws *ws, unsigned code, struct str reason)
{
    if (!is_open(ws))
        return;
    ws->code = (uint16_t)code;
    send_close(ws, code, reason);
}

void ws_kill(struct ws *ws)
{
    conn_kill(ws->conn);
}

static unsigned on_control(void *arg, unsigned opcode, struct str payload)
{
    on_loop();
    struct ws *ws = arg;
    if (opcode == WS_PING) {
        if (!ws->close_sent)
            send_piece(ws, WS_PONG, false, (struct piece){NULL, payload.p, payload.n});
        /* A peer that only pings and never reads its pongs is held by the queue's limit. */
    } else if (opcode == WS_CLOSE) {
        unsigned code = 0, refuse = 0;
        struct str reason;
        if (!ws_close_payload(payload, &code, &reason, &refuse))
            return refuse;
        if (!ws->close_sent)
            ws->code = (uint16_t)code;
        send_close(ws, code, STR_NONE);
        conn_finish(ws->conn);
        return WS_STOP;
    }
    return conn_dead(ws->conn) ? WS_STOP : 0;
}

static unsigned inflate(struct ws *ws, struct str *payload, bool text)
{
    struct buf *out = &ws->conn->nl->packed;
    *out = (struct buf){.p = out->p, .cap = out->cap, .max = ws->decoder.message.max};
    switch (inflate_message(*payload, out)) {
    case INFLATE_TOO_BIG:
        return WS_TOO_BIG;
    case INFLATE_BAD:
        return WS_BAD_DATA;
    case INFLATE_OK:
        break;
    }
    *payload = buf_str(out);
    return text && !utf8_valid(*payload) ? WS_BAD_DATA : 0;
}

static unsigned on_message(void *arg, unsigned opcode, bool compressed, struct str payload)
{
    on_loop();
    struct ws *ws = arg;
    bool text = opcode == WS_TEXT;
    if (ws->close_sent)
        return 0;
    struct buf kept = BUF_INIT;
    if (compressed) {
        unsigned refuse = inflate(ws, &payload, text);
        if (refuse)
            return refuse;
        /* Answers may be compressed in the same buffer: take ours out of it while the message is used. */
        kept = ws->conn->nl->packed;
        ws->conn->nl->packed = BUF_INIT;
    }
    COUNT(ws->conn->nl, ws_in, 1);
    ws->events->message(ws, payload, text, ws->arg);
    buf_release(&kept);
    return conn_dead(ws->conn) ? WS_STOP : 0;
}

size_t ws_input(struct conn *c, char *p, size_t n)
{
    static const struct ws_sink sink = {on_message, on_control};
    struct ws *ws = c->ws;
    ws->pinged = false;
    if (!ws->close_sent)
        wheel_set(c, conn_limits(c)->ping_ms);
    unsigned refuse = ws_decode(&ws->decoder, p, n, &sink, ws);
    if (refuse > WS_STOP && !conn_dead(c)) {
        if (!ws->close_sent)
            ws->code = (uint16_t)refuse;
        send_close(ws, refuse, STR_NONE);
        conn_finish(c);
    }
    return n;
}

void ws_eof(struct conn *c)
{
    conn_kill(c);
}

void ws_deadline(struct conn *c)
{
    struct ws *ws = c->ws;
    if (ws->close_sent) {
        conn_finish(c); /* no answer to our Close */
    } else if (ws->pinged) {
        COUNT(c->nl, timeouts, 1);
        conn_kill(c);
    } else {
        struct piece ping = {PIECE_STATIC, "\x89\x00", 2};
        ws->pinged = true;
        if (conn_write(c, &ping, 1))
            wheel_set(c, conn_limits(c)->pong_ms);
    }
}

void ws_drained(struct conn *c)
{
    if (c->ws->events->drain && is_open(c->ws))
        c->ws->events->drain(c->ws, c->ws->arg);
}

void ws_gone(struct conn *c)
{
    struct ws *ws = c->ws;
    ws->events->closed(ws, ws->code, ws->arg);
    ws_decoder_release(&ws->decoder);
    free(ws);
    c->ws = NULL;
}

void ws_stop(struct conn *c)
{
    if (c->state == CONN_WS)
        ws_close(c->ws, WS_GOING_AWAY, STR("the server is stopping"));
}

size_t ws_queued(const struct ws *ws)
{
    return ws->conn->queued;
}

bool ws_is_deflated(const struct ws *ws)
{
    return ws->decoder.deflate;
}

void *ws_arg(const struct ws *ws)
{
    return ws->arg;
}

struct peer ws_peer(const struct ws *ws)
{
    return conn_peer(ws->conn);
}

struct ws_ref ws_ref(const struct ws *ws)
{
    return (struct ws_ref){.at = ws->conn->nl, .serial = ws->conn->serial, .slot = ws->conn->slot};
}

struct ws *ws_find(struct ws_ref ref)
{
    struct net_loop *nl = ref.at;
    struct conn *c = nl && ref.slot < nl->slot_count ? nl->slots[ref.slot] : NULL;
    if (!c || c->serial != ref.serial || c->state != CONN_WS)
        return NULL;
    return c->ws;
}

struct loop *ws_ref_loop(struct ws_ref ref)
{
    return ((struct net_loop *)ref.at)->loop;
}
