/*
 * What the tests of net share: a small application on a real server, and a blocking client socket.
 *
 * Included by one test program each; everything is static. The client reads with a time limit, so that a
 * server that does not answer fails a test instead of stopping it.
 */
#ifndef EIDOLON_TESTS_NET_SERVE_H
#define EIDOLON_TESTS_NET_SERVE_H

#include "../../unit/unit.h"

#include "net/asset.h"
#include "net/listen.h"
#include "net/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAYBE_UNUSED __attribute__((unused))

struct server {
    struct loops *loops;
    struct workers *workers;
    struct net *net;
    struct net_listener *listener;
    int port;
    _Atomic unsigned closed_ok, closed_cut, ws_closed, ws_code, drained, messages;
};

static struct server server;
static char folder[] = "/tmp/eidolon-net-XXXXXX";

static void ws_message(struct ws *ws, struct str payload, bool text, void *arg)
{
    (void)arg;
    on_loop();
    server.messages++;
    if (text && str_eq(payload, STR("close me")))
        ws_close(ws, 4000, STR("as you asked"));
    else
        ws_send(ws, payload, text);
}

static void ws_closed_event(struct ws *ws, unsigned code, void *arg)
{
    (void)ws;
    (void)arg;
    on_loop();
    server.ws_code = code;
    server.ws_closed++;
}

static const struct ws_events echo = {.message = ws_message, .closed = ws_closed_event};

static void echo_body(struct http_req *req)
{
    on_loop();
    http_reply(req, 200, "application/octet-stream", req->body);
}

/* Answers size and sum of the uploaded file. */
static void sum_file(struct http_req *req)
{
    on_loop();
    unsigned char block[65536];
    uint64_t sum = 0, size = 0;
    int fd = open(req->body_path, O_RDONLY);
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;) {
        for (ssize_t i = 0; i < n; i++)
            sum += block[i];
        size += (uint64_t)n;
    }
    close(fd);
    http_reply(req, 200, "text/plain",
               arena_printf(&req->arena, "%llu %llu %llu", (unsigned long long)req->body_size,
                            (unsigned long long)size, (unsigned long long)sum));
}

static void count_closed(struct http_req *req, bool complete)
{
    (void)req;
    on_loop();
    if (complete)
        server.closed_ok++;
    else
        server.closed_cut++;
}

enum { FLOOD_PIECE = 64 * 1024, FLOOD_PIECES = 400 };
static char flood_bytes[FLOOD_PIECE];

/* Streams 25 MB, never holding more than the drain mark: what on_drain is for. */
static void flood(struct http_req *req)
{
    on_loop();
    uintptr_t sent = (uintptr_t)req->user;
    server.drained++;
    while (sent < FLOOD_PIECES && http_queued(req) <= net_limits_default.drain_bytes) {
        sent++;
        req->user = (void *)sent;
        if (!http_stream_write(req, str_of(flood_bytes, FLOOD_PIECE)))
            return;
    }
    if (sent == FLOOD_PIECES) {
        req->on_drain = NULL;
        http_stream_end(req);
    }
}

struct later {
    struct timer timer;
    struct http_ref ref;
};

static void answer_later(struct timer *t)
{
    on_loop();
    struct later *l = CONTAINER(t, struct later, timer);
    struct http_req *req = http_find(l->ref);
    if (req)
        http_reply(req, 200, "text/plain", STR("late"));
    timer_close(t);
    free(l);
}

static void reply_late(struct http_req *req)
{
    on_loop();
    struct later *l = calloc(1, sizeof *l);
    l->ref = http_ref(req);
    timer_arm(&l->timer, 60, answer_later);
}

static void stop_stream(struct http_req *req)
{
    on_loop();
    http_stream_end(req);
}

static void send_events(struct http_req *req)
{
    on_loop();
    http_sse_begin(req);
    struct shared *frame = http_sse_frame(STR("7"), STR("note"), STR("one\ntwo"));
    http_sse_send(req, frame);
    shared_unref(frame);
    req->on_stop = stop_stream;
}

static const struct asset asset_list[] = {
    {.path = "/app.js",
     .type = "text/javascript",
     .etag = "\"abc\"",
     .immutable = true,
     .plain = STR_INIT("plain bytes of the script"),
     .gzip = STR_INIT("GZ"),
     .brotli = STR_INIT("BR")},
    {.path = "/index.html",
     .type = "text/html; charset=utf-8",
     .etag = "\"def\"",
     .plain = STR_INIT("<!doctype html>")},
};
static const struct assets assets = {asset_list, 2};

static void test_head(struct http_req *req, void *arg)
{
    (void)arg;
    on_loop();
    req->on_closed = count_closed;
    const struct asset *asset = asset_find(&assets, req->path);
    if (asset) {
        http_reply_asset(req, asset);
    } else if (str_eq(req->path, STR("/hello"))) {
        http_reply(req, 200, "text/plain", STR("hello"));
    } else if (str_eq(req->path, STR("/echo"))) {
        http_take_body(req, 100000, echo_body);
    } else if (str_eq(req->path, STR("/file"))) {
        http_take_file(req, folder, 64 << 20, sum_file);
    } else if (str_eq(req->path, STR("/ignore"))) {
        http_reply(req, 200, "text/plain", STR("ignored"));
    } else if (str_eq(req->path, STR("/late"))) {
        reply_late(req);
    } else if (str_eq(req->path, STR("/never"))) {
        return;
    } else if (str_eq(req->path, STR("/range"))) {
        http_reply_static(req, "text/plain", STR("0123456789"), "\"r1\"");
    } else if (str_eq(req->path, STR("/disk"))) {
        http_reply_file(req, arena_printf(&req->arena, "%s/disk.bin", folder).p, "application/octet-stream");
    } else if (str_eq(req->path, STR("/text"))) {
        char *p = arena_alloc(&req->arena, 5000);
        memset(p, 'x', 5000);
        http_reply(req, 200, "application/json", str_of(p, 5000));
    } else if (str_eq(req->path, STR("/flood"))) {
        http_stream_begin(req, 200, "application/octet-stream");
        req->on_drain = flood;
        flood(req);
    } else if (str_eq(req->path, STR("/slow"))) {
        /* More than the queue may hold, at once: the reader is cut. */
        http_stream_begin(req, 200, "application/octet-stream");
        for (int i = 0; i < 1000 && http_stream_write(req, str_of(flood_bytes, FLOOD_PIECE)); i++)
            ;
    } else if (str_eq(req->path, STR("/stream"))) {
        http_stream_begin(req, 200, "text/plain");
        http_stream_write(req, STR("one"));
        http_stream_write(req, STR("two"));
        http_stream_end(req);
    } else if (str_eq(req->path, STR("/sse"))) {
        send_events(req);
    } else if (str_eq(req->path, STR("/ws"))) {
        http_upgrade_ws(req, &echo, NULL, NULL);
    } else {
        struct error e;
        error_set(&e, ERR_NOT_FOUND, "Nothing here.");
        http_reply_error(req, &e);
    }
}

static const struct http_app test_app = {.head = test_head};

static MAYBE_UNUSED void server_start(unsigned loops, const struct net_limits *limits)
{
    struct error e = {.message = ""};
    struct net_config config = {.limits = limits ? *limits : (struct net_limits){0}};
    memset(&server, 0, sizeof server);
    if (access(folder, F_OK) != 0)
        assert_non_null(mkdtemp(folder));
    assert_int_equal(loops_new(loops, &server.loops, &e), ERR_OK);
    server.workers = workers_new(2);
    config.workers = server.workers;
    loops_start(server.loops);
    assert_int_equal(net_new(server.loops, &config, &server.net, &e), ERR_OK);
    if (net_listen_tcp(server.net, "127.0.0.1:0", &test_app, NULL, &server.listener, &e))
        fail_msg("%s", e.message);
    server.port = net_listener_port(server.listener);
}

static MAYBE_UNUSED void server_stop(void)
{
    net_stop(server.net, 2000);
    workers_free(server.workers);
    loops_stop(server.loops);
    net_free(server.net);
}

/* The client. */

enum { CLIENT_MS = 5000 };

static int client_to(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        fail_msg("cannot connect: %s", strerror(errno));
    struct timeval limit = {CLIENT_MS / 1000, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

static int client(void)
{
    return client_to(server.port);
}

static void client_send(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server may have refused early */
        p += sent;
        n -= (size_t)sent;
    }
}

static void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Everything until the server closes; fails on the time limit. */
static MAYBE_UNUSED struct str client_all(int fd, char *to, size_t max)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, to + n, max - 1 - n, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            fail_msg("the server did not close within %d ms; so far: %.*s", CLIENT_MS, (int)n, to);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n >= max - 1)
            break;
    }
    to[n] = '\0';
    return str_of(to, n);
}

/* Reads until `text` has come, within the limit. */
static MAYBE_UNUSED struct str client_until(int fd, char *to, size_t max, const char *text)
{
    size_t n = 0;
    while (n < max - 1) {
        ssize_t got = recv(fd, to + n, max - 1 - n, 0);
        if (got <= 0)
            fail_msg("'%s' did not come; got: %.*s", text, (int)n, to);
        n += (size_t)got;
        to[n] = '\0';
        if (memmem(to, n, text, strlen(text)))
            break;
    }
    return str_of(to, n);
}

/* One request on a connection of its own (with Connection: close), the whole answer. */
static MAYBE_UNUSED struct str ask(const char *request, char *to, size_t max)
{
    int fd = client();
    client_say(fd, request);
    struct str answer = client_all(fd, to, max);
    close(fd);
    return answer;
}

static MAYBE_UNUSED bool has(struct str s, const char *part)
{
    return str_find(s, str_c(part)) != SIZE_MAX;
}

#define assert_has(answer, part)                                                                             \
    do {                                                                                                     \
        if (!has(answer, part))                                                                              \
            fail_msg("'%s' is missing in: %.*s", part, STR_ARG(answer));                                     \
    } while (0)

static MAYBE_UNUSED void wait_for(_Atomic unsigned *counter, unsigned value)
{
    for (int i = 0; i < 500 && *counter < value; i++)
        usleep(10000);
    if (*counter < value)
        fail_msg("waited for %u, got %u", value, *counter);
}

#endif
