/*
 * A storm on two loops: many clients at once speak every kind of request, cut at random, pipelined, left in
 * the middle, upgraded, reset. Nothing may leak or be used after its end (the sanitizers watch), every
 * request must end once, and a plain request afterwards must be answered.
 */
#include "serve.h"

#include "base/id.h"

#include <pthread.h>

enum { CLIENTS = 8, ROUNDS = 150, PIECES_MAX = 12 };

#define HOST "Host: x\r\n"

static const char *const pieces[PIECES_MAX] = {
    "GET /hello HTTP/1.1\r\n" HOST "\r\n",
    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n12345",
    "POST /echo HTTP/1.1\r\n" HOST
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n",
    "POST /ignore HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n123456789",
    "POST /file HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfile",
    "GET /late HTTP/1.1\r\n" HOST "\r\n",
    "GET /stream HTTP/1.1\r\n" HOST "\r\n",
    "GET /text HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
    "GET /sse HTTP/1.1\r\n" HOST "\r\n",
    "GET /flood HTTP/1.1\r\n" HOST "\r\n",
    "GET /hello HTTP/1.1\r\nbroken\r\n\r\n",
    "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    "\x81\x82\x01\x02\x03\x04\x69\x6b\x89\x80\x01\x02\x03\x04\x01\x81\x01\x02\x03\x04\x60",
};

static void one_client(uint64_t random)
{
    char text[8192], got[16384];
    size_t n = 0, sent = 0;
    unsigned count = 1 + random % 6;
    for (unsigned i = 0; i < count; i++) {
        const char *piece = pieces[(random >> (8 + 4 * i)) % PIECES_MAX];
        size_t length = strlen(piece);
        memcpy(text + n, piece, length);
        n += length;
    }
    if (random >> 40 & 1)
        n -= random % 20; /* the last one stays unfinished */
    int fd = client();
    while (sent < n) {
        size_t step = 1 + random_u64() % 200;
        if (step > n - sent)
            step = n - sent;
        client_send(fd, text + sent, step);
        sent += step;
        if (random_u64() % 4 == 0)
            recv(fd, got, sizeof got, MSG_DONTWAIT);
    }
    if (random >> 41 & 1)
        usleep((useconds_t)(random_u64() % 3000));
    if (random >> 42 & 1)
        shutdown(fd, SHUT_WR);
    recv(fd, got, sizeof got, MSG_DONTWAIT);
    struct linger reset = {.l_onoff = random >> 43 & 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void *run_client(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++)
        one_client(random_u64());
    return NULL;
}

static void storm(void **state)
{
    (void)state;
    static char out[4096];
    pthread_t threads[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, run_client, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    struct net_counters c = net_counters(server.net);
    for (int i = 0; i < 600 && c.open_http + c.open_ws; i++) {
        usleep(10000);
        c = net_counters(server.net);
    }
    assert_int_equal(c.open_http, 0);
    assert_int_equal(c.open_ws, 0);
    assert_int_equal(c.accepted, c.closed);
    assert_int_equal(c.accepted, CLIENTS * ROUNDS);
    assert_has(ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", out, sizeof out),
               "\r\n\r\nhello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(storm)};
    struct net_limits limits = {
        .close_ms = 500, .idle_ms = 1000, .head_ms = 1000, .body_ms = 1000, .write_ms = 1000};
    server_start(2, &limits);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    server_stop();
    rmdir(folder);
    return failed;
}
