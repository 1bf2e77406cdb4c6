/*
 * Fuzzes what a peer answers to an outgoing WebSocket: the head of its answer (an upgrade, a refusal with its
 * body by length or in chunks, interim answers), then frames. The first byte gives the size of the pieces
 * in which the rest is fed, and whether a right answer to the handshake goes before it.
 *
 * Whatever comes, in whatever pieces: end() once, open() and messages only before it, the same story; texts
 * are UTF-8, sentences too; nothing is read or kept beyond its bound. There is no connection below: what the
 * socket would write goes nowhere.
 */
#include "net/ws_client_inner.h"

#include "base/utf8.h"

#include <semaphore.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_MESSAGE = 4096 };

static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==",
                  accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                               "Sec-WebSocket-Protocol: realtime\r\n\r\n";

struct story {
    struct buf told;
    unsigned opens, ends;
};

static void on_open(void *arg, struct str subprotocol)
{
    on_loop();
    struct story *s = arg;
    if (s->opens++ || s->ends || !utf8_valid(subprotocol))
        abort();
    buf_printf(&s->told, "open %.*s;", STR_ARG(subprotocol));
}

static void on_message(void *arg, struct str payload, bool text)
{
    on_loop();
    struct story *s = arg;
    if (!s->opens || s->ends || payload.n > MAX_MESSAGE || (text && !utf8_valid(payload)))
        abort();
    buf_printf(&s->told, "%c%zu:", text ? 't' : 'b', payload.n);
    buf_add(&s->told, payload);
}

static void on_end(void *arg, const struct ws_client_end *end)
{
    on_loop();
    struct story *s = arg;
    bool quiet = end->result == WS_CLIENT_CLOSED && !end->error.message[0];
    if (s->ends++ || end->opened != (s->opens == 1) || !utf8_valid(str_c(end->error.message)) ||
        (!quiet && !end->error.message[0]) || end->body.n > WS_CLIENT_BODY_MAX)
        abort();
    buf_printf(&s->told, ";end %u %u %d ", (unsigned)end->result, end->code, end->status);
    buf_add(&s->told, end->reason);
    buf_add(&s->told, end->body);
    for (size_t i = 0; i < end->header_count; i++) {
        buf_add(&s->told, end->headers[i].name);
        buf_add(&s->told, end->headers[i].value);
    }
}

static const struct ws_client_events events = {.open = on_open, .message = on_message, .end = on_end};

static struct ws_client *socket_new(struct ws_clients *all, struct story *s)
{
    struct ws_client *c = heap_alloc(sizeof *c);
    c->all = all;
    c->events = &events;
    c->arg = s;
    c->code = WS_BROKEN;
    c->phase = PHASE_ASKING;
    c->handshake_ms = c->ping_ms = c->pong_ms = WS_CLIENT_PING_MS;
    c->max_queue = WS_CLIENT_QUEUE_MAX;
    c->decoder.message.max = MAX_MESSAGE;
    c->decoder.unmasked_peer = true;
    c->head.max = WS_CLIENT_HEAD_MAX + WS_CLIENT_READ;
    c->body.max = WS_CLIENT_BODY_MAX;
    c->offered = heap_cstr(STR("realtime"));
    str_copy(c->key, sizeof c->key, str_c(key));
    str_copy(c->endpoint, sizeof c->endpoint, STR("ws://h"));
    c->busy = 1; /* ours */
    return c;
}

static void tell(struct ws_clients *all, struct str bytes, size_t step, struct story *s) LOOP;
static void tell(struct ws_clients *all, struct str bytes, size_t step, struct story *s)
{
    struct ws_client *c = socket_new(all, s);
    for (size_t at = 0; at < bytes.n && !c->over; at += step) {
        /* Of its own size, so that a read beyond it is seen; and writable, as frames are unmasked in place.
         */
        size_t n = bytes.n - at < step ? bytes.n - at : step;
        char *piece = heap_alloc(n);
        memcpy(piece, bytes.p + at, n);
        ws_client_bytes(c, piece, n);
        free(piece);
    }
    if (!c->over)
        ws_client_eof(c);
    if (s->ends != 1 || c->busy != 1)
        abort();
    ws_client_release(c);
}

/* ---- on a loop's thread, as sockets live there ---- */

struct input {
    struct str bytes;
    size_t step;
    sem_t done;
};

static void run(void *arg)
{
    on_loop();
    struct input *in = arg;
    static struct ws_clients *all;
    struct story whole = {.told = BUF_INIT}, pieces = {.told = BUF_INIT};
    if (!all)
        all = heap_alloc(sizeof *all);
    all->loop = loop_self();
    tell(all, in->bytes, in->bytes.n, &whole);
    tell(all, in->bytes, in->step, &pieces);
    if (!str_eq(buf_str(&whole.told), buf_str(&pieces.told)))
        abort();
    buf_release(&whole.told);
    buf_release(&pieces.told);
    sem_post(&in->done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct loops *loops;
    CLEANUP_BUF struct buf all = BUF_INIT;
    if (n < 2)
        return 0;
    if (!loops) {
        if (loops_new(1, &loops, NULL) != ERR_OK)
            abort();
        loops_start(loops);
    }
    if (data[0] & 1)
        buf_add(&all, str_c(accepted));
    buf_add(&all, str_of((const char *)data + 1, n - 1));
    struct input in = {.bytes = buf_str(&all), .step = (data[0] >> 1) + 1};
    sem_init(&in.done, 0, 0);
    loop_call(loops_get(loops, 0), run, &in);
    sem_wait(&in.done);
    sem_destroy(&in.done);
    return 0;
}
