/*
 * WebSocket over real sockets: a table of cases in the order of RFC 6455 (framing, pings, reserved bits,
 * opcodes, fragments, UTF-8, closing, limits) and RFC 7692; then timers, stopping, refs and broadcasts.
 *
 * Each case sends raw frames and expects an exact sequence of frames back, in a notation of its own: "t:hi" a
 * text frame, "b:" binary, "p:" pong, "c1002" a close frame with that code, "c-" one without; then the end of
 * the connection. Every case runs twice: sent at once, and byte by byte.
 */
#include "serve.h"

#include "net/deflate.h"
#include "net/ws_codec.h"

#include <time.h>

enum { FIN = 0x80, RSV1 = 0x40, RSV2 = 0x20, RSV3 = 0x10 };

static const char handshake[] =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

static char out[1 << 20];

static int ws_open(const char *more)
{
    int fd = client();
    client_say(fd, handshake);
    client_say(fd, more);
    client_say(fd, "\r\n");
    size_t n = 0;
    while (n < 4 || memcmp(out + n - 4, "\r\n\r\n", 4) != 0) {
        if (recv(fd, out + n, 1, 0) != 1)
            fail_msg("no handshake: %.*s", (int)n, out);
        n++;
    }
    out[n] = '\0';
    if (strncmp(out, "HTTP/1.1 101", 12) != 0)
        fail_msg("no upgrade: %s", out);
    return fd;
}

/* A masked frame into `to`; `head` is its first byte. */
static size_t put_frame(char *to, unsigned head, const char *payload, size_t n)
{
    static const uint8_t mask[4] = {0x12, 0xa4, 0x77, 0xfe};
    size_t at = ws_frame_head(to, 0, false, n);
    to[0] = (char)head;
    to[1] = (char)(to[1] | 0x80);
    memcpy(to + at, mask, 4);
    memcpy(to + at + 4, payload, n);
    ws_mask(to + at + 4, n, mask);
    return at + 4 + n;
}

static void receive(int fd, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = recv(fd, (char *)to + got, n - got, 0);
        if (r <= 0)
            fail_msg("the connection ended in a frame (%s)", r ? strerror(errno) : "end");
        got += (size_t)r;
    }
}

/* Reads one frame; its first byte and payload length, or false at the end of the connection. */
static bool get_frame(int fd, unsigned *head, char *payload, size_t *n)
{
    uint8_t b[10];
    ssize_t r = recv(fd, b, 1, 0);
    if (r < 0 && errno == EAGAIN)
        fail_msg("neither a frame nor the end came");
    if (r <= 0)
        return false;
    receive(fd, b + 1, 1);
    *n = b[1];
    if (*n >= 126) {
        size_t bytes = *n == 126 ? 2 : 8;
        receive(fd, b + 2, bytes);
        *n = 0;
        for (size_t i = 0; i < bytes; i++)
            *n = *n << 8 | b[2 + i];
    }
    *head = b[0];
    receive(fd, payload, *n);
    return true;
}

/* What came until the end, in the notation above. */
static void transcript(int fd, char *to, size_t max)
{
    static char payload[1 << 20];
    unsigned head;
    size_t n, at = 0;
    to[0] = '\0';
    while (get_frame(fd, &head, payload, &n)) {
        if ((head & 0x0f) == WS_CLOSE) {
            if (n >= 2)
                at += (size_t)snprintf(to + at, max - at, "c%u ",
                                       (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1]);
            else
                at += (size_t)snprintf(to + at, max - at, "c- ");
            continue;
        }
        char kind = (head & 0x0f) == WS_TEXT ? 't' : (head & 0x0f) == WS_BINARY ? 'b' : 'p';
        at += (size_t)snprintf(to + at, max - at, "%c:%.*s ", kind, n > 40 ? 40 : (int)n, payload);
        if (n > 40)
            at += (size_t)snprintf(to + at, max - at, "(%zu) ", n);
    }
}

struct part {
    unsigned head;
    const char *payload;
    size_t n;
};
#define P(head, lit)                                                                                         \
    {                                                                                                        \
        (head), "" lit, sizeof(lit) - 1                                                                      \
    }
#define BYE P(FIN | WS_CLOSE, "\x03\xe8")

static const struct {
    const char *name, *expect;
    struct part parts[8];
} cases[] = {
    {"1 text", "t:hello c1000 ", {P(FIN | WS_TEXT, "hello"), BYE}},
    {"1 empty text", "t: c1000 ", {P(FIN | WS_TEXT, ""), BYE}},
    {"1 binary", "b:\x01\xff c1000 ", {P(FIN | WS_BINARY, "\x01\xff"), BYE}},
    {"1 empty binary", "b: c1000 ", {P(FIN | WS_BINARY, ""), BYE}},
    {"2 ping", "p:x c1000 ", {P(FIN | WS_PING, "x"), BYE}},
    {"2 empty ping", "p: c1000 ", {P(FIN | WS_PING, ""), BYE}},
    {"2 pong is ignored", "t:a c1000 ", {P(FIN | WS_PONG, "x"), P(FIN | WS_TEXT, "a"), BYE}},
    {"2 pings in order",
     "p:1 p:2 p:3 c1000 ",
     {P(FIN | WS_PING, "1"), P(FIN | WS_PING, "2"), P(FIN | WS_PING, "3"), BYE}},
    {"3 rsv1", "t:a c1002 ", {P(FIN | WS_TEXT, "a"), P(FIN | RSV1 | WS_TEXT, "a")}},
    {"3 rsv2", "c1002 ", {P(FIN | RSV2 | WS_TEXT, "a")}},
    {"3 rsv3", "c1002 ", {P(FIN | RSV3 | WS_BINARY, "a")}},
    {"3 rsv on ping", "c1002 ", {P(FIN | RSV1 | WS_PING, "")}},
    {"4 opcode 3", "c1002 ", {P(FIN | 3, "a")}},
    {"4 opcode 7", "c1002 ", {P(FIN | 7, "")}},
    {"4 opcode 11", "t:a c1002 ", {P(FIN | WS_TEXT, "a"), P(FIN | 11, "")}},
    {"4 opcode 15", "c1002 ", {P(FIN | 15, "")}},
    {"5 fragmented ping", "c1002 ", {P(WS_PING, "a"), P(FIN | WS_CONTINUE, "b")}},
    {"5 two fragments", "t:ab c1000 ", {P(WS_TEXT, "a"), P(FIN | WS_CONTINUE, "b"), BYE}},
    {"5 empty fragments", "t: c1000 ", {P(WS_TEXT, ""), P(WS_CONTINUE, ""), P(FIN | WS_CONTINUE, ""), BYE}},
    {"5 middle fragment",
     "t:ab c1000 ",
     {P(WS_TEXT, ""), P(WS_CONTINUE, "ab"), P(FIN | WS_CONTINUE, ""), BYE}},
    {"5 ping between",
     "p:x t:ab c1000 ",
     {P(WS_TEXT, "a"), P(FIN | WS_PING, "x"), P(FIN | WS_CONTINUE, "b"), BYE}},
    {"5 close between", "c1000 ", {P(WS_TEXT, "a"), BYE}},
    {"5 continuation of nothing", "c1002 ", {P(FIN | WS_CONTINUE, "a")}},
    {"5 unfinished of nothing", "c1002 ", {P(WS_CONTINUE, "a")}},
    {"5 after a message", "t:a c1002 ", {P(FIN | WS_TEXT, "a"), P(FIN | WS_CONTINUE, "a")}},
    {"5 text within text", "c1002 ", {P(WS_TEXT, "a"), P(FIN | WS_TEXT, "b")}},
    {"5 binary within text", "c1002 ", {P(WS_TEXT, "a"), P(FIN | WS_BINARY, "b")}},
    {"6 utf-8",
     "t:\xce\xba\xe2\x82\xac\xf0\x9f\x98\x80 c1000 ",
     {P(FIN | WS_TEXT, "\xce\xba\xe2\x82\xac\xf0\x9f\x98\x80"), BYE}},
    {"6 split character",
     "t:\xe2\x82\xac c1000 ",
     {P(WS_TEXT, "\xe2"), P(WS_CONTINUE, "\x82"), P(FIN | WS_CONTINUE, "\xac"), BYE}},
    {"6 NUL is text", "t: c1000 ", {P(FIN | WS_TEXT, "\0"), BYE}},
    {"6 bad byte", "c1007 ", {P(FIN | WS_TEXT, "a\xff")}},
    {"6 bad at once", "c1007 ", {P(WS_TEXT, "\xce\xba\xed\xa0\x80"), P(WS_CONTINUE, "more")}},
    {"6 surrogate", "c1007 ", {P(FIN | WS_TEXT, "\xed\xa0\x80")}},
    {"6 overlong", "c1007 ", {P(FIN | WS_TEXT, "\xc0\xaf")}},
    {"6 above U+10FFFF", "c1007 ", {P(FIN | WS_TEXT, "\xf4\x90\x80\x80")}},
    {"6 cut character", "c1007 ", {P(FIN | WS_TEXT, "\xe2\x82")}},
    {"6 binary is free", "b:\xff c1000 ", {P(FIN | WS_BINARY, "\xff"), BYE}},
    {"7 close", "c1000 ", {BYE}},
    {"7 close without a code", "c- ", {P(FIN | WS_CLOSE, "")}},
    {"7 close with a reason", "c1001 ", {P(FIN | WS_CLOSE, "\x03\xe9so long")}},
    {"7 nothing after close", "c1000 ", {BYE, P(FIN | WS_TEXT, "a")}},
    {"7 no ping after close", "c1000 ", {BYE, P(FIN | WS_PING, "a")}},
    {"7 close of one byte", "c1002 ", {P(FIN | WS_CLOSE, "\x03")}},
    {"7 bad reason", "c1007 ", {P(FIN | WS_CLOSE, "\x03\xe8\xff")}},
    {"7 code 0", "c1002 ", {P(FIN | WS_CLOSE, "\x00\x00")}},
    {"7 code 999", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xe7")}},
    {"7 code 1004", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xec")}},
    {"7 code 1005", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xed")}},
    {"7 code 1006", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xee")}},
    {"7 code 1015", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xf7")}},
    {"7 code 1016", "c1002 ", {P(FIN | WS_CLOSE, "\x03\xf8")}},
    {"7 code 2999", "c1002 ", {P(FIN | WS_CLOSE, "\x0b\xb7")}},
    {"7 code 5000", "c1002 ", {P(FIN | WS_CLOSE, "\x13\x88")}},
    {"7 code 1014", "c1014 ", {P(FIN | WS_CLOSE, "\x03\xf6")}},
    {"7 code 3000", "c3000 ", {P(FIN | WS_CLOSE, "\x0b\xb8")}},
    {"7 code 4999", "c4999 ", {P(FIN | WS_CLOSE, "\x13\x87")}},
};

static void run_case(size_t i, bool by_byte)
{
    static char bytes[4096], got[4096];
    size_t n = 0;
    for (const struct part *p = cases[i].parts; p->payload; p++)
        n += put_frame(bytes + n, p->head, p->payload, p->n);
    int fd = ws_open("");
    for (size_t at = 0; at < n; at += by_byte ? 1 : n)
        client_send(fd, bytes + at, by_byte ? 1 : n);
    transcript(fd, got, sizeof got);
    if (strcmp(got, cases[i].expect) != 0)
        fail_msg("case '%s'%s: got '%s', expected '%s'", cases[i].name, by_byte ? " by byte" : "", got,
                 cases[i].expect);
    close(fd);
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(i, false);
        run_case(i, true);
    }
}

static void lengths(void **state)
{
    (void)state;
    static const size_t sizes[] = {125, 126, 127, 128, 65535, 65536, 300000, 1 << 20};
    char *frame = malloc((1 << 20) + 64), *payload = malloc(1 << 20), *back = malloc(1 << 20);
    for (size_t i = 0; i < (1 << 20); i++)
        payload[i] = (char)(i * 7 + (i >> 8));
    int fd = ws_open("");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned head;
        size_t n = put_frame(frame, FIN | WS_BINARY, payload, sizes[i]);
        client_send(fd, frame, n);
        assert_true(get_frame(fd, &head, back, &n));
        assert_int_equal(head, FIN | WS_BINARY);
        assert_int_equal(n, sizes[i]);
        assert_memory_equal(back, payload, n);
    }
    close(fd);
    free(frame);
    free(payload);
    free(back);
}

static void expect_end(const char *bytes, size_t n, const char *expect)
{
    char got[256];
    int fd = ws_open("");
    client_send(fd, bytes, n);
    transcript(fd, got, sizeof got);
    assert_string_equal(got, expect);
    close(fd);
}

static void malformed_frames(void **state)
{
    (void)state;
    expect_end("\x81\x01x", 3, "c1002 ");                                 /* not masked */
    expect_end("\x82\xfe\x00\x7d\0\0\0\0", 8, "c1002 ");                  /* 125 in the long form */
    expect_end("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, "c1002 ");     /* 65535 in the longest form */
    expect_end("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, "c1002 ");       /* the top bit */
    expect_end("\x89\xfe\x00\x7e\0\0\0\0", 8, "c1002 ");                  /* a ping of 126 bytes */
    expect_end("\x82\xff\0\0\0\0\x00\x10\x00\x01\0\0\0\0", 14, "c1009 "); /* 1 MiB and a byte */
}

static void fragments_over_the_limit(void **state)
{
    (void)state;
    char *frame = malloc((600 << 10) + 64), *payload = calloc(1, 600 << 10), got[256];
    int fd = ws_open("");
    client_send(fd, frame, put_frame(frame, WS_BINARY, payload, 600 << 10));
    client_send(fd, frame, put_frame(frame, FIN | WS_CONTINUE, payload, 600 << 10));
    transcript(fd, got, sizeof got);
    assert_string_equal(got, "c1009 ");
    close(fd);
    free(frame);
    free(payload);
}

static void handshakes(void **state)
{
    (void)state;
    int fd = ws_open("");
    assert_non_null(strstr(out, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_null(strstr(out, "Sec-WebSocket-Extensions"));
    close(fd);
#define W "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: WebSocket\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    assert_has(ask("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", out, sizeof out), "426 ");
    struct str a = ask(W KEY "Sec-WebSocket-Version: 8\r\n\r\n", out, sizeof out);
    assert_has(a, "426 ");
    assert_has(a, "Sec-WebSocket-Version: 13\r\n");
    assert_has(ask(W "Sec-WebSocket-Version: 13\r\n\r\n", out, sizeof out), "400 ");
    assert_has(ask(W "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n", out, sizeof out),
               "400 ");
}

static void deflated(void **state)
{
    (void)state;
    static const char *const offers[] = {
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: foo, permessage-deflate; client_max_window_bits\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9, permessage-deflate\r\n",
    };
    static const char *const refused[] = {
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; nonsense\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=7\r\n",
        "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n",
    };
    for (size_t i = 0; i < 4; i++) {
        int fd = ws_open(refused[i]);
        assert_null(strstr(out, "Extensions"));
        close(fd);
    }
    static char text[20000], frame[21000], payload[20000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "abcdefgh"[i % 8 ^ (i / 512 % 3)];
    for (size_t i = 0; i < 3; i++) {
        int fd = ws_open(offers[i]);
        assert_non_null(
            strstr(out, "permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"));
        CLEANUP_BUF struct buf packed = BUF_INIT;
        assert_true(deflate_message(str_of(text, sizeof text), &packed));
        for (int twice = 0; twice < 2; twice++) {
            unsigned head;
            size_t n = put_frame(frame, RSV1 | WS_TEXT, packed.p, packed.n / 2);
            n += put_frame(frame + n, FIN | WS_PING, "", 0);
            n += put_frame(frame + n, FIN | WS_CONTINUE, packed.p + packed.n / 2, packed.n - packed.n / 2);
            client_send(fd, frame, n);
            assert_true(get_frame(fd, &head, payload, &n));
            assert_int_equal(head, FIN | WS_PONG);
            assert_true(get_frame(fd, &head, payload, &n));
            assert_int_equal(head, FIN | RSV1 | WS_TEXT);
            CLEANUP_BUF struct buf back = BUF_MAX(sizeof text);
            assert_int_equal(inflate_message(str_of(payload, n), &back), INFLATE_OK);
            assert_int_equal(back.n, sizeof text);
            assert_memory_equal(back.p, text, back.n);
        }
        close(fd);
    }
}

static void deflate_bombs_and_rubbish(void **state)
{
    (void)state;
    static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    char *zeros = calloc(1, 16 << 20), *frame = malloc(100000), got[256];
    CLEANUP_BUF struct buf packed = BUF_INIT, latin = BUF_INIT;
    assert_true(deflate_message(str_of(zeros, 16 << 20), &packed));
    assert_true(deflate_message(STR("caf\xe9"), &latin));
    const struct {
        struct part part;
        const char *expect;
    } bad[] = {{{FIN | RSV1 | WS_BINARY, packed.p, packed.n}, "c1009 "},
               {{FIN | RSV1 | WS_TEXT, latin.p, latin.n}, "c1007 "},
               {{FIN | RSV1 | WS_BINARY, "\xff\xff\xff", 3}, "c1007 "},
               {{FIN | RSV1 | WS_CONTINUE, "", 0}, "c1002 "},
               {{FIN | RSV1 | WS_PING, "", 0}, "c1002 "}};
    for (size_t i = 0; i < 5; i++) {
        int fd = ws_open(offer);
        client_send(fd, frame, put_frame(frame, bad[i].part.head, bad[i].part.payload, bad[i].part.n));
        transcript(fd, got, sizeof got);
        assert_string_equal(got, bad[i].expect);
        close(fd);
    }
    free(zeros);
    free(frame);
}

static void server_closes(void **state)
{
    (void)state;
    /* Sockets of earlier tests have gone, and their closed() was called. */
    for (int i = 0; i < 500 && net_counters(server.net).open_ws; i++)
        usleep(10000);
    usleep(20000);
    char frame[64], payload[128];
    unsigned head, closed = server.ws_closed;
    size_t n;
    int fd = ws_open("");
    client_send(fd, frame, put_frame(frame, FIN | WS_TEXT, "close me", 8));
    assert_true(get_frame(fd, &head, payload, &n));
    assert_int_equal(head, FIN | WS_CLOSE);
    assert_memory_equal(payload,
                        "\x0f\xa0"
                        "as you asked",
                        14);
    client_send(fd, frame, put_frame(frame, FIN | WS_CLOSE, "\x0f\xa0", 2));
    assert_false(get_frame(fd, &head, payload, &n));
    close(fd);
    wait_for(&server.ws_closed, closed + 1);
    assert_int_equal(server.ws_code, 4000);
    /* A peer that just goes */
    fd = ws_open("");
    close(fd);
    wait_for(&server.ws_closed, closed + 2);
    assert_int_equal(server.ws_code, WS_BROKEN);
}

static void timers(void **state)
{
    (void)state;
    struct net_limits limits = {.ping_ms = 200, .pong_ms = 300, .close_ms = 300};
    char frame[64], payload[128];
    unsigned head;
    size_t n;
    server_stop();
    server_start(1, &limits);
    int fd = ws_open("");
    for (int i = 0; i < 3; i++) { /* answered pings keep it open */
        assert_true(get_frame(fd, &head, payload, &n));
        assert_int_equal(head, FIN | WS_PING);
        client_send(fd, frame, put_frame(frame, FIN | WS_PONG, "", 0));
    }
    assert_true(get_frame(fd, &head, payload, &n)); /* not answered: dropped */
    assert_false(get_frame(fd, &head, payload, &n));
    wait_for(&server.ws_closed, 1); /* the loop says so after the socket ended */
    assert_int_equal(server.ws_code, WS_BROKEN);
    close(fd);
    fd = ws_open(""); /* Close is not answered: the timer ends it */
    client_send(fd, frame, put_frame(frame, FIN | WS_TEXT, "close me", 8));
    assert_true(get_frame(fd, &head, payload, &n));
    assert_false(get_frame(fd, &head, payload, &n));
    wait_for(&server.ws_closed, 2);
    close(fd);
    server_stop();
    server_start(2, NULL);
}

static void stop_says_going_away(void **state)
{
    (void)state;
    char got[256];
    int fd = ws_open("");
    /* Never answers the Close: the deadline cuts it, and net_stop() returns. */
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    net_stop(server.net, 300);
    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 4000);
    transcript(fd, got, sizeof got);
    assert_string_equal(got, "c1001 ");
    assert_int_equal(server.ws_closed, 1);
    net_stop(server.net, 300); /* a second stop finds nothing to do */
    close(fd);
    workers_free(server.workers);
    loops_stop(server.loops);
    net_free(server.net);
    server_start(2, NULL);
}

static int setup(void **state)
{
    (void)state;
    server_start(2, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    server_stop();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes),
        cmocka_unit_test(table),
        cmocka_unit_test(lengths),
        cmocka_unit_test(malformed_frames),
        cmocka_unit_test(fragments_over_the_limit),
        cmocka_unit_test(deflated),
        cmocka_unit_test(deflate_bombs_and_rubbish),
        cmocka_unit_test(server_closes),
        cmocka_unit_test(timers),
        cmocka_unit_test(stop_says_going_away),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
