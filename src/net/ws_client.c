/* Outgoing WebSockets: their life, frames and end; see ws_client.h and ws_client_inner.h. */
#include "net/ws_client_inner.h"

#include "base/arena.h"
#include "base/id.h"

#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_REASON = 120, CLOSE_REASON_MAX = WS_CONTROL_MAX - 2 };

static _Thread_local struct ws_clients *current;

static struct ws_clients *clients_of(struct loop *loop) LOOP
{
    if (current)
        return current;
    signal(SIGPIPE, SIG_IGN);
    current = heap_alloc(sizeof *current);
    current->loop = loop;
    return current;
}

static struct ws_client *find(uint64_t id)
{
    struct ws_client *c = current ? current->first : NULL;
    while (c && c->id != id)
        c = c->next;
    return c;
}

uint64_t ws_client_now(const struct ws_client *c)
{
    return uv_now(loop_uv(c->all->loop));
}

/* ---- life and end ---- */

static void unlink_client(struct ws_client *c)
{
    if (!c->prev)
        return;
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->prev = NULL;
}

static void free_client(struct ws_client *c) LOOP
{
    timer_close(&c->timer);
    ws_link_drop(c);
    ws_target_release(&c->target);
    ws_decoder_release(&c->decoder);
    buf_release(&c->head);
    buf_release(&c->body);
    arena_release(&c->arena);
    free(c->request);
    free(c->offered);
    free(c);
}

void ws_client_release(struct ws_client *c)
{
    if (c->busy)
        c->busy--;
    if (c->over && !c->busy)
        free_client(c);
}

/* Nothing is told any more. */
static void silence(struct ws_client *c) LOOP
{
    c->over = true;
    timer_cancel(&c->timer);
    ws_link_drop(c);
    unlink_client(c);
}

static const char *shown_reason(const struct ws_client *c, char to[SHOWN_REASON + 4])
{
    to[0] = '\0';
    if (!c->reason.n)
        return to;
    memcpy(to, ": ", 2);
    str_copy(to + 2, SHOWN_REASON, c->reason);
    for (char *p = to; *p; p++)
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    return to;
}

static void explain(struct ws_client *c, enum ws_client_result result, const char *detail, struct error *e)
{
    char reason[SHOWN_REASON + 4];
    const char *at = c->endpoint, *why = detail ? detail : "no reason was given";
    switch (result) {
    case WS_CLIENT_CLOSED:
        if (c->code != WS_OK && c->code != WS_GOING_AWAY && c->code != WS_BROKEN)
            error_set(e, ERR_UPSTREAM, "%s closed the connection (%u%s).", at, c->code,
                      shown_reason(c, reason));
        break;
    case WS_CLIENT_NO_HOST:
        error_set(e, ERR_UPSTREAM,
                  "The host name of %s cannot be resolved; check the address and this machine's network.",
                  at);
        break;
    case WS_CLIENT_NO_CONNECT:
        error_set(e, ERR_UPSTREAM, "Nothing answers at %s (%s); check that the server there runs.", at, why);
        break;
    case WS_CLIENT_TLS:
        error_set(e, ERR_UPSTREAM, "The secure connection to %s failed: %s.", at, why);
        break;
    case WS_CLIENT_TIMEOUT:
        error_set(e, ERR_UPSTREAM_TIMEOUT,
                  c->phase == PHASE_ASKING
                      ? "%s did not answer the WebSocket's opening request within %" PRIu64 " ms."
                      : "%s could not be reached within %" PRIu64 " ms; check the address.",
                  at, c->phase == PHASE_ASKING ? c->handshake_ms : c->connect_ms);
        break;
    case WS_CLIENT_REFUSED:
        error_set(e, ERR_UPSTREAM, "%s answered the WebSocket's opening request with %d.", at, c->status);
        break;
    case WS_CLIENT_GARBAGE:
        error_set(e, ERR_UPSTREAM, "What answers at %s speaks no WebSocket: %s.", at, why);
        break;
    case WS_CLIENT_CUT:
        error_set(e, ERR_UPSTREAM, "%s cut the connection%s%s.", at, detail ? ": " : "",
                  detail ? detail : "");
        break;
    case WS_CLIENT_SILENT:
        error_set(e, ERR_UPSTREAM_TIMEOUT, "%s fell silent: a ping had no answer within %" PRIu64 " ms.", at,
                  c->pong_ms);
        break;
    case WS_CLIENT_PROTOCOL:
        error_set(e, ERR_UPSTREAM, "%s broke the WebSocket protocol: %s.", at, why);
        break;
    case WS_CLIENT_TOO_BIG:
        error_set(e, ERR_TOO_BIG, "%s sent a message of more than the %zu bytes allowed.", at,
                  c->decoder.message.max);
        break;
    case WS_CLIENT_SLOW:
        error_set(e, ERR_UPSTREAM, "%s takes what it is sent too slowly: more than %zu bytes waited.", at,
                  c->max_queue);
        break;
    }
}

static void fill_end(struct ws_client *c, enum ws_client_result result, const char *detail)
{
    c->end = (struct ws_client_end){
        .result = result, .opened = c->opened, .code = c->code, .reason = c->reason, .status = c->status};
    explain(c, result, detail, &c->end.error);
}

static void tell_end(struct ws_client *c) LOOP
{
    if (c->end.result == WS_CLIENT_REFUSED) {
        c->end.body = buf_str(&c->body);
        c->end.headers = c->headers;
        c->end.header_count = c->header_count;
    }
    silence(c);
    c->busy++;
    c->events->end(c->arg, &c->end);
    ws_client_release(c);
}

void ws_client_over(struct ws_client *c, enum ws_client_result result, const char *detail)
{
    if (c->over)
        return;
    if (!c->failing)
        fill_end(c, result, detail);
    tell_end(c);
}

static void on_timer(struct timer *timer);

void ws_client_over_later(struct ws_client *c, enum ws_client_result result, const char *detail)
{
    if (c->over || c->failing)
        return;
    c->failing = true;
    fill_end(c, result, detail);
    timer_arm(&c->timer, 0, on_timer);
}

/* ---- time ---- */

/* An open socket: silence is broken by a ping, a silent answer ends it. A paused one hears nothing by its own
 * choice. */
static void check_silence(struct ws_client *c) LOOP
{
    uint64_t now = ws_client_now(c);
    if (c->paused)
        c->heard_ms = now;
    uint64_t due = c->heard_ms + c->ping_ms + (c->pinged ? c->pong_ms : 0);
    if (now >= due && c->pinged) {
        ws_client_over(c, WS_CLIENT_SILENT, NULL);
        return;
    }
    if (now >= due) {
        char frame[WS_HEAD_MAX];
        uint8_t mask[4];
        random_bytes(mask, sizeof mask);
        c->pinged = true;
        ws_link_write(c, str_of(frame, ws_frame_head_masked(frame, WS_PING, 0, mask)));
    }
    ws_client_watch(c);
}

static void on_timer(struct timer *timer)
{
    on_loop();
    struct ws_client *c = CONTAINER(timer, struct ws_client, timer);
    if (c->failing) {
        tell_end(c);
    } else if (c->phase == PHASE_OPEN) {
        check_silence(c);
    } else if (c->phase == PHASE_CONNECTING && c->link && ws_client_now(c) < c->deadline_ms) {
        ws_link_next(c);
    } else if (c->phase == PHASE_CLOSING) {
        ws_client_over(c, WS_CLIENT_CLOSED, NULL);
    } else {
        ws_client_over(c, c->phase == PHASE_REFUSED ? WS_CLIENT_REFUSED : WS_CLIENT_TIMEOUT, NULL);
    }
}

void ws_client_watch(struct ws_client *c)
{
    uint64_t now = ws_client_now(c), due = c->deadline_ms;
    if (c->over || c->failing)
        return;
    if (c->phase == PHASE_OPEN)
        due = c->heard_ms + c->ping_ms + (c->pinged ? c->pong_ms : 0);
    else if (c->phase == PHASE_CONNECTING && c->address_deadline_ms && c->address_deadline_ms < due)
        due = c->address_deadline_ms;
    timer_arm(&c->timer, due > now ? due - now : 0, on_timer);
}

static void phase(struct ws_client *c, enum ws_phase to, uint64_t limit_ms) LOOP
{
    c->phase = to;
    c->deadline_ms = ws_client_now(c) + limit_ms;
    ws_client_watch(c);
}

/* ---- frames ---- */

static void send_frame(struct ws_client *c, unsigned opcode, struct str payload) LOOP
{
    CLEANUP_BUF struct buf frame = BUF_MAX(payload.n + WS_HEAD_MAX);
    uint8_t mask[4];
    random_bytes(mask, sizeof mask);
    char *to = buf_reserve(&frame, payload.n + WS_HEAD_MAX);
    size_t n = ws_frame_head_masked(to, opcode, payload.n, mask);
    if (payload.n)
        memcpy(to + n, payload.p, payload.n);
    ws_mask(to + n, payload.n, mask);
    ws_link_write(c, str_of(to, n + payload.n));
}

static void send_close(struct ws_client *c, unsigned code, struct str reason) LOOP
{
    char payload[WS_CONTROL_MAX + 1];
    if (c->close_sent)
        return;
    c->close_sent = true;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    str_copy(payload + 2, CLOSE_REASON_MAX + 1, reason);
    send_frame(c, WS_CLOSE, str_of(payload, code == WS_NO_CODE ? 0 : 2 + strlen(payload + 2)));
}

static unsigned on_message(void *arg, unsigned opcode, bool compressed, struct str payload)
{
    on_loop();
    struct ws_client *c = arg;
    (void)compressed;
    if (c->phase == PHASE_OPEN)
        c->events->message(c->arg, payload, opcode == WS_TEXT);
    return c->over ? WS_STOP : 0;
}

static unsigned on_control(void *arg, unsigned opcode, struct str payload)
{
    on_loop();
    struct ws_client *c = arg;
    unsigned code, refuse;
    struct str reason;
    if (opcode == WS_PING && c->phase == PHASE_OPEN)
        send_frame(c, WS_PONG, payload);
    if (opcode != WS_CLOSE)
        return c->over || c->failing ? WS_STOP : 0;
    if (!ws_close_payload(payload, &code, &reason, &refuse))
        return refuse;
    c->code = code;
    c->reason = arena_str(&c->arena, reason);
    send_close(c, code, STR_NONE);
    ws_client_over(c, WS_CLIENT_CLOSED, NULL);
    return WS_STOP;
}

static void broken(struct ws_client *c, unsigned code) LOOP
{
    send_close(c, code, STR_NONE);
    if (code == WS_TOO_BIG)
        ws_client_over(c, WS_CLIENT_TOO_BIG, NULL);
    else
        ws_client_over(c, WS_CLIENT_PROTOCOL,
                       code == WS_BAD_DATA ? "a text that is not UTF-8" : "a frame that may not be");
}

void ws_client_bytes(struct ws_client *c, char *p, size_t n)
{
    static const struct ws_sink sink = {on_message, on_control};
    c->heard_ms = ws_client_now(c);
    c->pinged = false;
    c->busy++;
    if (c->phase == PHASE_ASKING || c->phase == PHASE_REFUSED) {
        ws_shake_bytes(c, str_of(p, n));
    } else if (!c->failing) {
        unsigned code = ws_decode(&c->decoder, p, n, &sink, c);
        if (code && code != WS_STOP && !c->over)
            broken(c, code);
    }
    ws_client_release(c);
}

void ws_client_eof(struct ws_client *c)
{
    if (c->phase == PHASE_ASKING || c->phase == PHASE_REFUSED)
        ws_shake_eof(c);
    else if (c->phase == PHASE_CLOSING)
        ws_client_over(c, WS_CLIENT_CLOSED, NULL);
    else
        ws_client_over(c, WS_CLIENT_CUT, NULL);
}

void ws_client_connected(struct ws_client *c)
{
    phase(c, PHASE_ASKING, c->handshake_ms);
    ws_link_write(c, str_of(c->request, c->request_n));
}

void ws_client_opened(struct ws_client *c, struct str subprotocol, struct str rest)
{
    CLEANUP_BUF struct buf after = BUF_INIT;
    buf_add(&after, rest); /* it lies in the head, which goes */
    c->opened = true;
    c->heard_ms = ws_client_now(c);
    phase(c, PHASE_OPEN, 0);
    c->busy++;
    if (c->events->open)
        c->events->open(c->arg, subprotocol);
    buf_release(&c->head);
    if (!c->over && after.n)
        ws_client_bytes(c, after.p, after.n);
    ws_client_release(c);
}

void ws_client_drained(struct ws_client *c)
{
    if (!c->above_drain || c->over || ws_link_queued(c) > WS_CLIENT_DRAIN)
        return;
    c->above_drain = false;
    if (!c->events->drain || c->phase != PHASE_OPEN)
        return;
    c->busy++;
    c->events->drain(c->arg);
    ws_client_release(c);
}

/* ---- what callers do ---- */

static uint64_t either(uint64_t wanted, uint64_t otherwise)
{
    return wanted ? wanted : otherwise;
}

uint64_t ws_client_start(struct loop *loop, const struct ws_client_request *request,
                         const struct ws_client_events *events, void *arg, struct error *e)
{
    static _Atomic uint64_t last;
    on_loop();
    struct ws_client *c = heap_alloc(sizeof *c);
    c->all = clients_of(loop);
    c->events = events;
    c->arg = arg;
    c->code = WS_BROKEN;
    c->connect_ms = either(request->connect_ms, WS_CLIENT_CONNECT_MS);
    c->handshake_ms = either(request->handshake_ms, WS_CLIENT_HANDSHAKE_MS);
    c->ping_ms = either(request->ping_ms, WS_CLIENT_PING_MS);
    c->pong_ms = either(request->pong_ms, WS_CLIENT_PONG_MS);
    c->max_queue = request->max_queue ? request->max_queue : WS_CLIENT_QUEUE_MAX;
    c->decoder.message.max = request->max_message ? request->max_message : WS_CLIENT_MESSAGE_MAX;
    c->decoder.unmasked_peer = true;
    c->head.max = WS_CLIENT_HEAD_MAX + WS_CLIENT_READ;
    c->body.max = WS_CLIENT_BODY_MAX;
    fetch_endpoint(c->endpoint, request->url);
    if (ws_target_read(&c->target, request->url, e) != ERR_OK || ws_shake_write(c, request, e) != ERR_OK) {
        free_client(c);
        return 0;
    }
    c->id = atomic_fetch_add(&last, 1) + 1;
    c->next = c->all->first;
    c->prev = &c->all->first;
    if (c->next)
        c->next->prev = &c->next;
    c->all->first = c;
    phase(c, PHASE_CONNECTING, c->connect_ms);
    if (!ws_link_start(c))
        ws_client_over_later(c, WS_CLIENT_NO_HOST, NULL);
    return c->id;
}

bool ws_client_send(uint64_t id, struct str payload, bool text)
{
    on_loop();
    struct ws_client *c = find(id);
    if (!c || c->phase != PHASE_OPEN || c->failing)
        return false;
    if (ws_link_queued(c) + payload.n > c->max_queue) {
        ws_client_over_later(c, WS_CLIENT_SLOW, NULL);
        return false;
    }
    send_frame(c, text ? WS_TEXT : WS_BINARY, payload);
    if (ws_link_queued(c) > WS_CLIENT_DRAIN)
        c->above_drain = true;
    return true;
}

void ws_client_close(uint64_t id, unsigned code, struct str reason)
{
    on_loop();
    struct ws_client *c = find(id);
    if (!c || c->failing || c->phase == PHASE_CLOSING)
        return;
    if (c->phase != PHASE_OPEN) {
        ws_client_over_later(c, WS_CLIENT_CLOSED, NULL);
        return;
    }
    send_close(c, code, reason);
    ws_link_pause(c, false);
    phase(c, PHASE_CLOSING, WS_CLIENT_CLOSE_MS);
}

void ws_client_cancel(uint64_t id)
{
    on_loop();
    struct ws_client *c = find(id);
    if (!c)
        return;
    c->busy++;
    if (c->phase == PHASE_OPEN && !c->failing)
        send_close(c, WS_OK, STR_NONE);
    silence(c);
    ws_client_release(c);
}

void ws_client_pause(uint64_t id, bool paused)
{
    on_loop();
    struct ws_client *c = find(id);
    if (!c || c->phase != PHASE_OPEN || c->paused == paused)
        return;
    c->paused = paused;
    c->heard_ms = ws_client_now(c);
    ws_link_pause(c, paused);
}

size_t ws_client_queued(uint64_t id)
{
    const struct ws_client *c = find(id);
    return c ? ws_link_queued(c) : 0;
}

void ws_client_stop(struct loop *loop)
{
    on_loop();
    (void)loop;
    while (current && current->first)
        ws_client_cancel(current->first->id);
    free(current);
    current = NULL;
}
