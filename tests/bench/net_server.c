/*
 * The server that the network benches measure: src/net and one or more loops, nothing else.
 *
 *   net_server LOOPS [CERT KEY]    prints its port, serves until its standard input ends
 *
 * GET /small answers 200 bytes. GET /ws joins a broadcast: a text message "go N SIZE" from any socket sends
 * SIZE bytes, with a time stamp at the front, to every socket of the loop N times, 50 a second.
 */
#include "base/arena.h"
#include "net/listen.h"
#include "net/ws.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 200, SOCKETS_MAX = 20000, EVERY_MS = 20 };

static char small[SMALL];
static struct ws *sockets[SOCKETS_MAX];
static unsigned socket_count;

static struct {
    struct timer timer;
    unsigned left, size;
    uint64_t started, sent;
} cast;

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void broadcast(struct timer *timer)
{
    on_loop();
    char payload[4096];
    memset(payload, '.', sizeof payload);
    /* Keep the pace over the whole run, however late one tick is. */
    uint64_t due = cast.started + ++cast.sent * EVERY_MS * 1000, now = now_us();
    snprintf(payload, sizeof payload, "%020" PRIu64, now);
    struct shared *frame = ws_frame_new(str_of(payload, cast.size), true);
    for (unsigned i = 0; i < socket_count; i++)
        ws_send_shared(sockets[i], frame, NULL);
    shared_unref(frame);
    if (--cast.left)
        timer_arm(timer, due > now ? (due - now) / 1000 : 0, broadcast);
    else
        timer_close(timer);
}

static void message(struct ws *ws, struct str payload, bool text, void *arg)
{
    (void)text;
    (void)arg;
    on_loop();
    unsigned count, size;
    char line[64];
    str_copy(line, sizeof line, payload);
    if (sscanf(line, "go %u %u", &count, &size) != 2 || size < 32 || size > 4000) {
        ws_send(ws, payload, true);
        return;
    }
    cast.left = count;
    cast.size = size;
    cast.started = now_us();
    cast.sent = 0;
    timer_arm(&cast.timer, EVERY_MS, broadcast);
}

static void closed(struct ws *ws, unsigned code, void *arg)
{
    (void)code;
    (void)arg;
    on_loop();
    for (unsigned i = 0; i < socket_count; i++) {
        if (sockets[i] == ws) {
            sockets[i] = sockets[--socket_count];
            return;
        }
    }
}

static const struct ws_events events = {.message = message, .closed = closed};

static void head(struct http_req *req, void *arg)
{
    (void)arg;
    on_loop();
    if (str_eq(req->path, STR("/ws"))) {
        struct ws *ws = http_upgrade_ws(req, &events, NULL, NULL);
        if (ws && socket_count < SOCKETS_MAX)
            sockets[socket_count++] = ws;
    } else {
        http_reply_static(req, "text/plain", str_of(small, SMALL), NULL);
    }
}

int main(int argc, char **argv)
{
    static const struct http_app app = {.head = head};
    struct net_config config = {.limits = {.connections = SOCKETS_MAX}};
    struct error e;
    struct loops *loops;
    struct net *net;
    struct net_tls *tls = NULL;
    struct net_listener *l;
    memset(small, 'x', SMALL);
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    enum err err = loops_new(count, &loops, &e);
    if (!err) {
        loops_start(loops);
        err = net_new(loops, &config, &net, &e);
    }
    if (!err && argc > 3)
        err = net_tls_new(net, argv[2], argv[3], &tls, &e);
    if (!err)
        err = net_listen_tcp(net, "127.0.0.1:0", &app, tls, &l, &e);
    if (err) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    printf("%u\n", net_listener_port(l));
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    net_stop(net, 0);
    loops_stop(loops);
    net_free(net);
    return 0;
}
