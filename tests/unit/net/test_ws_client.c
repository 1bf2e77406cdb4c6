/*
 * The outgoing WebSocket: against our own server in the clear and over TLS, and against raw sockets that
 * answer as badly as they can (each scenario is a path). What a probe saw is told as one line: "open",
 * messages, "end RESULT code".
 */
#include "serve.h"

#include "base/base64.h"
#include "base/clock.h"
#include "net/ws_client.h"
#include "net/ws_state.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <semaphore.h>

/* ---- a server that misbehaves ---- */

struct raw {
    int listener, port;
    pthread_t thread;
} raw;

static void say(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        n -= (size_t)sent;
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

static void say_101(int fd, const char *head, const char *more)
{
    char accept[WS_ACCEPT_TEXT], line[512];
    const char *key = strstr(head, "Sec-WebSocket-Key: ");
    ws_accept_text(accept, str_of(key + 19, WS_KEY_TEXT));
    snprintf(line, sizeof line,
             "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n"
             "sec-websocket-accept: %s\r\n%s\r\n",
             accept, more);
    say_text(fd, line);
}

/* Reads until the client has gone, so that it is never met by a reset. */
static void drain(int fd)
{
    char block[4096];
    while (recv(fd, block, sizeof block, 0) > 0)
        ;
}

static void misbehave(int fd, const char *head)
{
    static char big[70000];
    char path[64] = "";
    sscanf(head, "GET /%63s", path);
    if (!strcmp(path, "accept")) {
        say_text(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    } else if (!strcmp(path, "extension")) {
        say_101(fd, head, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    } else if (!strcmp(path, "protocol")) {
        say_101(fd, head, "Sec-WebSocket-Protocol: other\r\n");
    } else if (!strcmp(path, "masked")) {
        say_101(fd, head, "");
        say(fd, "\x81\x82\1\2\3\4ab", 8);
    } else if (!strcmp(path, "utf8")) {
        say_101(fd, head, "");
        say(fd, "\x81\x02\xff\xfe", 4);
    } else if (!strcmp(path, "rsv")) {
        say_101(fd, head, "");
        say(fd, "\xc1\x01\x61", 3);
    } else if (!strcmp(path, "big")) {
        say_101(fd, head, "");
        say(fd, "\x82\x7f\0\0\0\0\0\1\x11\x70", 10);
        say(fd, big, sizeof big);
    } else if (!strcmp(path, "cut")) {
        say_101(fd, head, "");
        say(fd, "\x81\x05he", 4);
        return;
    } else if (!strcmp(path, "early")) { /* the first frames come with the head, a split one after */
        say_101(fd, head, "");
        say(fd,
            "\x81\x02hi\x89\x01!\x01\x01"
            "a",
            10);
        usleep(20000);
        say(fd,
            "\x80\x01"
            "b\x88\x02\x0f\xa0",
            7);
    } else if (!strcmp(path, "closes")) {
        say_101(fd, head, "");
        say(fd, "\x88\x0b\x0f\xa1too late!", 13);
    } else if (!strcmp(path, "401")) {
        say_text(fd,
                 "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n"
                 "{\"error\":{\"message\":\"that key is wrong\"}}");
    } else if (!strcmp(path, "429")) {
        say_text(fd, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n");
        usleep(20000);
        say_text(fd, "2\r\n1}\r\n0\r\n\r\n");
    } else if (!strcmp(path, "html")) {
        say_text(fd, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>hello");
        return;
    } else if (!strcmp(path, "flood")) {
        say_text(fd, "HTTP/1.1 500 No\r\n\r\n");
        for (int i = 0; i < 10; i++)
            say(fd, big, sizeof big);
    } else if (!strcmp(path, "ssh")) {
        say_text(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    } else if (!strcmp(path, "head")) {
        say_text(fd, "HTTP/1.1 101 X\r\n");
        for (int i = 0; i < 20000; i++)
            say_text(fd, "X-A: b\r\n");
    } else if (!strcmp(path, "silent")) {
        say_101(fd, head, "");
    } else if (!strcmp(path, "deaf")) { /* upgrades, then reads nothing */
        say_101(fd, head, "");
        usleep(1500000);
    } /* "slow": says nothing at all */
    drain(fd);
}

static void *serve_one(void *arg)
{
    char head[4096];
    int fd = (int)(intptr_t)arg;
    size_t n = 0;
    ssize_t got;
    while (n < sizeof head - 1 && (got = recv(fd, head + n, sizeof head - 1 - n, 0)) > 0) {
        n += (size_t)got;
        head[n] = '\0';
        if (strstr(head, "\r\n\r\n")) {
            misbehave(fd, head);
            break;
        }
    }
    close(fd);
    return NULL;
}

static void *serve_raw(void *arg)
{
    (void)arg;
    for (int fd; (fd = accept(raw.listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
    return NULL;
}

static void raw_start(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    raw.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(raw.listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(raw.listener, 64), 0);
    getsockname(raw.listener, (struct sockaddr *)&a, &n);
    raw.port = ntohs(a.sin_port);
    pthread_create(&raw.thread, NULL, serve_raw, NULL);
}

/* ---- a probe ---- */

struct probe {
    struct ws_client_request request;
    char url[128], said[4096];
    uint64_t id;
    const char *first, *second; /* sent at open; sent at the first message */
    size_t bulk;                /* bytes sent at open */
    bool close_at_message, cancel_at_message, cancel_at_open, pause_at_open, binary;
    int ends, opens, messages, drains;
    size_t received;
    struct ws_client_end end;
    char body[256], reason[64], retry[16], protocol[32];
    sem_t done;
    struct error error;
};

static void note(struct probe *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct probe *p, const char *format, ...)
{
    size_t n = strlen(p->said);
    va_list args;
    va_start(args, format);
    vsnprintf(p->said + n, sizeof p->said - n, format, args);
    va_end(args);
}

static void on_open(void *arg, struct str subprotocol)
{
    on_loop();
    struct probe *p = arg;
    p->opens++;
    str_copy(p->protocol, sizeof p->protocol, subprotocol);
    note(p, "open ");
    if (p->first)
        assert_true(ws_client_send(p->id, str_c(p->first), !p->binary));
    if (p->bulk) {
        char *bytes = calloc(1, p->bulk);
        ws_client_send(p->id, str_of(bytes, p->bulk), false);
        free(bytes);
    }
    if (p->pause_at_open)
        ws_client_pause(p->id, true);
    if (p->cancel_at_open) {
        ws_client_cancel(p->id);
        sem_post(&p->done);
    }
}

static void on_message(void *arg, struct str payload, bool text)
{
    on_loop();
    struct probe *p = arg;
    p->messages++;
    p->received += payload.n;
    if (payload.n < 40)
        note(p, "%s:%.*s ", text ? "t" : "b", STR_ARG(payload));
    if (p->second) {
        ws_client_send(p->id, str_c(p->second), true);
        p->second = NULL;
    }
    if (p->close_at_message)
        ws_client_close(p->id, WS_OK, STR("bye"));
    if (p->cancel_at_message) {
        ws_client_cancel(p->id);
        sem_post(&p->done);
    }
}

static void on_drain(void *arg)
{
    on_loop();
    ((struct probe *)arg)->drains++;
}

static void on_end(void *arg, const struct ws_client_end *end)
{
    on_loop();
    struct probe *p = arg;
    static const char *const names[] = {"closed",  "no_host", "no_connect", "tls",      "timeout", "refused",
                                        "garbage", "cut",     "silent",     "protocol", "too_big", "slow"};
    p->ends++;
    p->end = *end;
    str_copy(p->body, sizeof p->body, end->body);
    str_copy(p->reason, sizeof p->reason, end->reason);
    for (size_t i = 0; i < end->header_count; i++) {
        if (str_ieq(end->headers[i].name, STR("retry-after")))
            str_copy(p->retry, sizeof p->retry, end->headers[i].value);
    }
    note(p, "end %s %u", names[end->result], end->code);
    ws_client_send(p->id, STR("too late"), true);
    ws_client_cancel(p->id);
    sem_post(&p->done);
}

static const struct ws_client_events events = {on_open, on_message, on_drain, on_end};

static void begin(void *arg)
{
    on_loop();
    struct probe *p = arg;
    p->id = ws_client_start(loop_self(), &p->request, &events, p, &p->error);
    assert_int_equal(p->opens + p->ends, 0);
    if (!p->id)
        sem_post(&p->done);
}

static struct loop *home(void)
{
    return loops_get(server.loops, 0);
}

static bool await(struct probe *p, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return sem_timedwait(&p->done, &until) == 0;
}

static void run(struct probe *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void run(struct probe *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->url, sizeof p->url, format, args);
    va_end(args);
    p->request.url = str_c(p->url);
    sem_init(&p->done, 0, 0);
    loop_call(home(), begin, p);
    if (!await(p, 8000))
        fail_msg("%s: neither an end nor what was waited for; so far: %s", p->url, p->said);
}

/* ---- tests ---- */

static void test_echo(void **state)
{
    (void)state;
    struct probe p = {.first = "hello", .second = "close me"};
    run(&p, "ws://localhost:%d/ws?a=b#part", server.port);
    assert_string_equal(p.said, "open t:hello end closed 4000");
    assert_string_equal(p.reason, "as you asked");
    assert_true(p.end.opened);
    assert_non_null(strstr(p.end.error.message, "(4000: as you asked)"));

    struct probe q = {.first = "\1\2", .binary = true, .close_at_message = true};
    run(&q, "ws://127.0.0.1:%d/ws", server.port);
    assert_string_equal(q.said, "open b:\1\2 end closed 1000");
    assert_int_equal(q.end.error.err, ERR_OK);

    struct probe large = {.bulk = 1000000, .close_at_message = true};
    run(&large, "ws://127.0.0.1:%d/ws", server.port);
    assert_string_equal(large.said, "open end closed 1000");
    assert_int_equal(large.received, 1000000);
}

static void test_cancel(void **state)
{
    (void)state;
    struct probe p = {.cancel_at_open = true}, q = {.first = "x", .cancel_at_message = true};
    run(&p, "ws://127.0.0.1:%d/ws", server.port);
    run(&q, "ws://127.0.0.1:%d/ws", server.port);
    assert_false(await(&p, 100));
    assert_int_equal(p.ends + q.ends, 0);
    assert_string_equal(q.said, "open t:x ");
}

static void test_raw(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want, *sentence;
    } cases[] = {
        {"accept", "end garbage 1006", "Sec-WebSocket-Accept"},
        {"extension", "end garbage 1006", "extension"},
        {"protocol", "end garbage 1006", "subprotocol"},
        {"masked", "open end protocol 1006", "frame"},
        {"utf8", "open end protocol 1006", "UTF-8"},
        {"rsv", "open end protocol 1006", "frame"},
        {"big", "open end too_big 1006", "60000 bytes"},
        {"cut", "open end cut 1006", "cut the connection"},
        {"early", "open t:hi t:ab end closed 4000", "(4000)"},
        {"closes", "open end closed 4001", "too late!"},
        {"401", "end refused 1006", "with 401"},
        {"429", "end refused 1006", "with 429"},
        {"html", "end refused 1006", "with 200"},
        {"flood", "end refused 1006", "with 500"},
        {"ssh", "end garbage 1006", "no HTTP"},
        {"head", "end garbage 1006", "too long"},
        {"slow", "end timeout 1006", "within 300 ms"},
        {"silent", "open end silent 1006", "fell silent"},
        {"deaf", "open end slow 1006", "too slowly"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct probe p = {.request = {.handshake_ms = 300,
                                      .ping_ms = 100,
                                      .pong_ms = 100,
                                      .max_message = 60000,
                                      .max_queue = 30 << 20}};
        p.bulk = strcmp(cases[i].path, "deaf") ? 0 : 31 << 20;
        run(&p, "ws://127.0.0.1:%d/%s", raw.port, cases[i].path);
        if (strcmp(p.said, cases[i].want) || !strstr(p.end.error.message, cases[i].sentence))
            fail_msg("%s: '%s', '%s'", cases[i].path, p.said, p.end.error.message);
        assert_int_equal(p.ends, 1);
        assert_null(strstr(p.end.error.message, cases[i].path[0] == '4' ? "/4" : "127.0.0.1:/"));
        if (!strcmp(cases[i].path, "401"))
            assert_string_equal(p.body, "{\"error\":{\"message\":\"that key is wrong\"}}");
        if (!strcmp(cases[i].path, "429")) {
            assert_string_equal(p.body, "{\"a\":1}");
            assert_string_equal(p.retry, "7");
            assert_int_equal(p.end.status, 429);
        }
    }
}

static void test_nobody(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0); /* bound, but nobody listens */
    getsockname(fd, (struct sockaddr *)&a, &n);
    struct probe p = {0}, q = {0};
    run(&p, "ws://127.0.0.1:%d/", ntohs(a.sin_port));
    assert_string_equal(p.said, "end no_connect 1006");
    close(fd);
    run(&q, "ws://nobody.invalid/");
    assert_string_equal(q.said, "end no_host 1006");
}

static void test_not_begun(void **state)
{
    (void)state;
    static const char *const bad[] = {"ftp://x/",  "ws://",      "wss://user:key@x/", "ws://x:70000/",
                                      "ws://x y/", "ws://[::1/", "ws://[::1]x/",      "ws://x:1:2/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct probe p = {0};
        run(&p, "%s", bad[i]);
        assert_int_equal(p.id, 0);
        assert_int_equal(p.error.err, ERR_INVALID);
        assert_null(strstr(p.error.message, "key"));
    }
    const struct fetch_header split = {STR("X"), STR("a\r\nY: b")};
    struct probe p = {.request = {.headers = &split, .header_count = 1}};
    run(&p, "ws://x/");
    assert_int_equal(p.id, 0);
}

static void resume(void *arg)
{
    on_loop();
    ws_client_pause(((struct probe *)arg)->id, false);
}

static void test_pause(void **state)
{
    (void)state;
    struct probe p = {.request = {.ping_ms = 50, .pong_ms = 50},
                      .first = "hello",
                      .pause_at_open = true,
                      .close_at_message = true};
    snprintf(p.url, sizeof p.url, "ws://127.0.0.1:%d/ws", server.port);
    p.request.url = str_c(p.url);
    sem_init(&p.done, 0, 0);
    loop_call(home(), begin, &p);
    assert_false(await(&p, 300)); /* reads nothing, and its own silence is no reason to end */
    loop_call(home(), resume, &p);
    assert_true(await(&p, 2000));
    assert_string_equal(p.said, "open t:hello end closed 1000");
}

/* ---- TLS ---- */

static char cert_path[80], key_path[80];

static void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_path, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(key_path, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void test_tls(void **state)
{
    (void)state;
    struct error e = {.message = ""};
    struct net_tls *good, *untrusted;
    struct net_listener *listener, *other;
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    make_certificate();
    assert_int_equal(net_tls_new(server.net, cert_path, key_path, &good, &e), ERR_OK);
    assert_int_equal(net_listen_tcp(server.net, "127.0.0.1:0", &test_app, good, &listener, &e), ERR_OK);
    char trusted[120];
    snprintf(trusted, sizeof trusted, "%s.trusted", cert_path);
    assert_int_equal(rename(cert_path, trusted), 0);
    setenv("SSL_CERT_FILE", trusted, 1); /* before the first TLS connection of this process */
    make_certificate();
    assert_int_equal(net_tls_new(server.net, cert_path, key_path, &untrusted, &e), ERR_OK);
    assert_int_equal(net_listen_tcp(server.net, "127.0.0.1:0", &test_app, untrusted, &other, &e), ERR_OK);
    int port = net_listener_port(listener);

    struct probe p = {.first = "hello", .bulk = 900000, .second = "close me"};
    run(&p, "wss://localhost:%d/ws", port);
    assert_string_equal(p.said, "open t:hello end closed 4000");
    assert_int_equal(p.received, 900005);

    struct probe name = {0}, stranger = {0}, plain = {0}, clear = {.request = {.connect_ms = 500}};
    run(&name, "wss://127.0.0.1:%d/ws", port);
    assert_string_equal(name.said, "end tls 1006");
    assert_non_null(strstr(name.end.error.message, "mismatch"));
    run(&stranger, "wss://localhost:%d/ws", net_listener_port(other));
    assert_string_equal(stranger.said, "end tls 1006");
    run(&plain, "wss://localhost:%d/ws", server.port); /* a server without TLS */
    assert_string_equal(plain.said, "end tls 1006");
    run(&clear, "wss://localhost:%d/", raw.port); /* one that never answers a TLS hello */
    assert_string_equal(clear.said, "end timeout 1006");
    unlink(trusted);
}

static void stop(void *arg)
{
    on_loop();
    (void)arg;
    ws_client_stop(loop_self());
}

static void test_stop(void **state)
{
    (void)state;
    static struct probe probes[8];
    for (size_t i = 0; i < 8; i++) {
        sem_init(&probes[i].done, 0, 0);
        snprintf(probes[i].url, sizeof probes[i].url,
                 i % 2 ? "ws://127.0.0.1:%d/silent" : "ws://127.0.0.1:%d/slow", raw.port);
        probes[i].request.url = str_c(probes[i].url);
        loop_call(home(), begin, &probes[i]);
    }
    usleep(50000);
    loop_call(home(), stop, NULL);
    usleep(50000);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(probes[i].ends, 0);
}

static int setup(void **state)
{
    (void)state;
    server_start(1, NULL);
    raw_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_call(home(), stop, NULL);
    server_stop();
    shutdown(raw.listener, SHUT_RDWR);
    pthread_join(raw.thread, NULL);
    close(raw.listener);
    unlink(cert_path);
    unlink(key_path);
    rmdir(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),   cmocka_unit_test(test_cancel),    cmocka_unit_test(test_raw),
        cmocka_unit_test(test_nobody), cmocka_unit_test(test_not_begun), cmocka_unit_test(test_pause),
        cmocka_unit_test(test_tls),    cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
