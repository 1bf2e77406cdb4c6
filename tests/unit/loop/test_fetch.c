/* Outgoing HTTP against a real server on this machine: answers, limits, back-pressure, cancelling, reuse. */
#include "../peer.h"
#include "../unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "loop/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <semaphore.h>

static struct peer peer;
static struct loops *loops;

/* What one transfer of a test saw, and what it does meanwhile. */
struct probe {
    uint64_t id;
    struct fetch_request request;
    char url[128];
    int heads, ends;
    int status;
    struct fetch_end end;
    struct buf body;
    char type[64];
    bool cancel_at_head, cancel_at_data, pause_at_data, chain;
    struct probe *next; /* started by chain, from inside data() */
    sem_t done;
    struct error error;
};

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct probe *p = arg;
    p->heads++;
    p->status = head->status;
    str_copy(p->type, sizeof p->type, fetch_head_get(head, "Content-TYPE"));
    if (p->cancel_at_head) {
        fetch_cancel(p->id);
        sem_post(&p->done);
    }
}

static void begin(void *arg);

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct probe *p = arg;
    buf_add(&p->body, bytes);
    if (p->chain) {
        p->chain = false;
        begin(p->next);
    }
    if (p->cancel_at_data) {
        fetch_cancel(p->id);
        sem_post(&p->done);
    }
    if (p->pause_at_data) {
        p->pause_at_data = false;
        fetch_pause(p->id);
        sem_post(&p->done);
    }
}

static void on_end(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct probe *p = arg;
    p->ends++;
    p->end = *end;
    fetch_cancel(p->id); /* over: ignored */
    sem_post(&p->done);
}

static const struct fetch_events events = {on_head, on_data, on_end};

static void begin(void *arg)
{
    on_loop();
    struct probe *p = arg;
    p->id = fetch_start(loop_self(), &p->request, &events, p, &p->error);
    if (!p->id)
        sem_post(&p->done);
}

static void resume(void *arg)
{
    on_loop();
    fetch_resume(((struct probe *)arg)->id);
}

static void cancel(void *arg)
{
    on_loop();
    fetch_cancel(((struct probe *)arg)->id);
}

static void probe_init(struct probe *p, const char *path)
{
    memset(p, 0, sizeof *p);
    snprintf(p->url, sizeof p->url, "http://127.0.0.1:%d%s", peer.port, path);
    p->request.url = str_c(p->url);
    sem_init(&p->done, 0, 0);
}

static void probe_release(struct probe *p)
{
    buf_release(&p->body);
    sem_destroy(&p->done);
}

static void flush_probe(void *arg)
{
    sem_post(arg);
}

/* Everything that was posted to the loop before is done. */
static void flush(void)
{
    sem_t done;
    sem_init(&done, 0, 0);
    loop_call(loops_get(loops, 0), flush_probe, &done);
    sem_wait(&done);
    sem_destroy(&done);
}

static void run(struct probe *p)
{
    loop_call(loops_get(loops, 0), begin, p);
    sem_wait(&p->done);
    flush();
}

static void send_answer(int fd, const char *extra, const char *body, size_t n)
{
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n", extra, n);
    peer_text(fd, head);
    peer_send(fd, body, n);
}

enum { BIG = 8 << 20 };
static atomic_size_t big_sent;

static bool send_big(int fd)
{
    char *chunk = malloc(64 << 10);
    char head[128];
    memset(chunk, 'x', 64 << 10);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    peer_text(fd, head);
    atomic_store(&big_sent, 0);
    for (int i = 0; i < BIG / (64 << 10); i++) {
        peer_send(fd, chunk, 64 << 10);
        atomic_fetch_add(&big_sent, 64 << 10);
    }
    free(chunk);
    return true;
}

static bool handle(struct peer *at, int fd, const char *head, const char *body)
{
    if (strstr(head, " /echo "))
        send_answer(fd, "", body, strlen(body));
    else if (strstr(head, " /headers "))
        send_answer(fd, "", head, strlen(head));
    else if (strstr(head, " /big "))
        return send_big(fd);
    else if (strstr(head, " /informational ")) {
        peer_text(fd, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
        send_answer(fd, "", "ok", 2);
    } else if (strstr(head, " /redirect "))
        peer_text(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(head, " /stall "))
        peer_sleep(at, 5000);
    else if (strstr(head, " /silent ")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        peer_sleep(at, 5000);
    } else if (strstr(head, " /drip ")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (int i = 0; i < 1000 && !atomic_load(&at->stopping); i++) {
            peer_text(fd, ".");
            peer_sleep(at, 10);
        }
    } else if (strstr(head, " /cut ")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        return false;
    } else if (strstr(head, " /cut-chunk ")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        return false;
    } else if (strstr(head, " /garbage ")) {
        peer_text(fd, "this is no http\r\n\r\nat all");
        return false;
    } else if (strstr(head, " /huge-head ")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 2000; i++)
            peer_text(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n");
        return false;
    } else
        return false;
    return true;
}

static void gets_and_posts(void **state)
{
    (void)state;
    struct probe p;
    probe_init(&p, "/echo");
    p.request.body = STR("hello there");
    run(&p);
    assert_int_equal(p.ends, 1);
    assert_int_equal(p.end.result, FETCH_DONE);
    assert_int_equal(p.status, 200);
    assert_int_equal(p.heads, 1);
    assert_string_equal(p.type, "text/plain");
    assert_str(buf_str(&p.body), "hello there");
    assert_int_equal(p.end.bytes, 11);
    assert_true(p.end.total_us > 0);
    probe_release(&p);

    const struct fetch_header headers[] = {{STR("X-One"), STR("1")}, {STR("X-Empty"), STR("")}};
    probe_init(&p, "/headers");
    p.request.method = STR("DELETE");
    p.request.headers = headers;
    p.request.header_count = 2;
    run(&p);
    assert_true(str_starts(buf_str(&p.body), STR("DELETE /headers HTTP/1.1\r\n")));
    assert_true(str_find(buf_str(&p.body), STR("X-One: 1\r\n")) != SIZE_MAX);
    assert_true(str_find(buf_str(&p.body), STR("X-Empty:\r\n")) != SIZE_MAX);
    assert_true(str_find(buf_str(&p.body), STR("Expect")) == SIZE_MAX);
    probe_release(&p);

    probe_init(&p, "/informational");
    run(&p);
    assert_int_equal(p.heads, 1);
    assert_int_equal(p.status, 200);
    probe_release(&p);

    probe_init(&p, "/redirect");
    run(&p);
    assert_int_equal(p.status, 302);
    assert_int_equal(p.end.result, FETCH_DONE);
    probe_release(&p);
}

static void connections_are_reused(void **state)
{
    (void)state;
    int before = atomic_load(&peer.connections);
    for (int i = 0; i < 20; i++) {
        struct probe p;
        probe_init(&p, "/echo");
        p.request.body = STR("x");
        run(&p);
        assert_int_equal(p.end.result, FETCH_DONE);
        if (i > 0)
            assert_true(p.end.reused);
        probe_release(&p);
    }
    assert_true(atomic_load(&peer.connections) <= before + 1);
}

static void big_bodies(void **state)
{
    (void)state;
    struct probe p;
    probe_init(&p, "/big");
    run(&p);
    assert_int_equal(p.end.result, FETCH_DONE);
    assert_int_equal(p.body.n, BIG);
    probe_release(&p);

    probe_init(&p, "/big");
    p.request.max_bytes = 100000;
    run(&p);
    assert_int_equal(p.end.result, FETCH_TOO_BIG);
    assert_int_equal(p.end.error.err, ERR_TOO_BIG);
    assert_true(p.body.n <= 100000);
    probe_release(&p);

    char *up = malloc((1 << 20) + 1);
    memset(up, 'u', 1 << 20);
    up[1 << 20] = '\0';
    probe_init(&p, "/echo");
    p.request.body = str_of(up, 1 << 20);
    run(&p);
    assert_int_equal(p.end.result, FETCH_DONE);
    assert_int_equal(p.body.n, 1 << 20);
    probe_release(&p);
    free(up);
}

static void pause_is_back_pressure(void **state)
{
    (void)state;
    struct probe p;
    probe_init(&p, "/big");
    p.pause_at_data = true;
    p.request.idle_ms = 60; /* must not fire while we are the slow one */
    loop_call(loops_get(loops, 0), begin, &p);
    sem_wait(&p.done);
    usleep(300000);
    flush();
    size_t held = p.body.n, sent = atomic_load(&big_sent);
    assert_int_equal(p.ends, 0);
    assert_true(held < BIG / 2);
    assert_true(sent < BIG); /* the sender is stuck: its window is closed */
    usleep(100000);
    flush();
    assert_int_equal(p.body.n, held);
    loop_call(loops_get(loops, 0), resume, &p);
    sem_wait(&p.done);
    assert_int_equal(p.end.result, FETCH_DONE);
    assert_int_equal(p.body.n, BIG);
    probe_release(&p);
}

static void cancelling(void **state)
{
    (void)state;
    struct probe p;
    for (int i = 0; i < 2; i++) {
        probe_init(&p, "/big");
        p.cancel_at_head = i == 0;
        p.cancel_at_data = i == 1;
        run(&p);
        usleep(50000);
        flush();
        assert_int_equal(p.heads, 1);
        assert_int_equal(p.ends, 0);
        assert_true(i == 1 ? p.body.n > 0 : p.body.n == 0);
        probe_release(&p);
    }
    /* Before anything came, while paused, and at once. */
    probe_init(&p, "/stall");
    loop_call(loops_get(loops, 0), begin, &p);
    usleep(50000);
    loop_call(loops_get(loops, 0), cancel, &p);
    flush();
    usleep(20000);
    assert_int_equal(p.ends, 0);
    loop_call(loops_get(loops, 0), begin, &p);
    loop_call(loops_get(loops, 0), cancel, &p);
    flush();
    assert_int_equal(p.ends, 0);
    probe_release(&p);
    probe_init(&p, "/big");
    p.pause_at_data = true;
    run(&p);
    usleep(50000);
    loop_call(loops_get(loops, 0), resume, &p);
    loop_call(loops_get(loops, 0), cancel, &p);
    flush();
    assert_int_equal(p.ends, 0);
    probe_release(&p);
}

static void starting_inside_a_callback(void **state)
{
    (void)state;
    struct probe p, q;
    probe_init(&p, "/big");
    probe_init(&q, "/echo");
    q.request.body = STR("inner");
    p.chain = true;
    p.next = &q;
    loop_call(loops_get(loops, 0), begin, &p);
    sem_wait(&q.done);
    sem_wait(&p.done);
    flush();
    assert_str(buf_str(&q.body), "inner");
    assert_int_equal(p.body.n, BIG);
    probe_release(&p);
    probe_release(&q);
}

static void failing(const char *path, enum fetch_result want, const char *sentence,
                    struct fetch_request limits)
{
    struct probe p;
    probe_init(&p, path);
    limits.url = p.request.url;
    p.request = limits;
    uint64_t before = clock_mono_us();
    run(&p);
    assert_int_equal(p.ends, 1);
    if (p.end.result != want || !strstr(p.end.error.message, sentence))
        fail_msg("%s: result %d (want %d), '%s'", path, p.end.result, want, p.end.error.message);
    assert_true(clock_mono_us() - before < 2000000);
    probe_release(&p);
}

static void limits_and_failures(void **state)
{
    (void)state;
    failing("/stall", FETCH_TIMEOUT_FIRST_BYTE, "did not begin to answer within 80 ms",
            (struct fetch_request){.first_byte_ms = 80});
    failing("/silent", FETCH_TIMEOUT_IDLE, "fell silent for 80 ms",
            (struct fetch_request){.first_byte_ms = 5000, .idle_ms = 80});
    failing("/drip", FETCH_TIMEOUT_TOTAL, "did not finish its answer within 150 ms",
            (struct fetch_request){.idle_ms = 5000, .total_ms = 150});
    failing("/cut", FETCH_CUT, "before its answer was complete", (struct fetch_request){0});
    failing("/cut-chunk", FETCH_CUT, "before its answer was complete", (struct fetch_request){0});
    failing("/none", FETCH_CUT, "before its answer was complete", (struct fetch_request){0});
    failing("/garbage", FETCH_GARBAGE, "does not speak HTTP", (struct fetch_request){0});
    failing("/huge-head", FETCH_TOO_BIG, "larger than", (struct fetch_request){0});
}

/* A port that nobody listens on: bound, then closed. */
static void nobody_listens(void **state)
{
    (void)state;
    struct peer gone;
    peer_start(&gone, handle);
    peer_stop(&gone);
    struct probe p;
    probe_init(&p, "/");
    snprintf(p.url, sizeof p.url, "http://user:secret@127.0.0.1:%d/path?key=secret", gone.port);
    p.request.url = str_c(p.url);
    run(&p);
    assert_int_equal(p.end.result, FETCH_NO_CONNECT);
    assert_non_null(strstr(p.end.error.message, "Nothing answers at http://127.0.0.1:"));
    assert_null(strstr(p.end.error.message, "secret"));
    probe_release(&p);

    probe_init(&p, "/");
    snprintf(p.url, sizeof p.url, "http://no-such-host.invalid/");
    p.request.url = str_c(p.url);
    p.request.total_ms = 1500; /* some resolvers never say no */
    run(&p);
    assert_true(p.end.result == FETCH_NO_HOST || p.end.result == FETCH_TIMEOUT_TOTAL);
    probe_release(&p);

    probe_init(&p, "/");
    snprintf(p.url, sizeof p.url, "https://127.0.0.1:%d/", peer.port);
    p.request.url = str_c(p.url);
    p.request.connect_ms = 150; /* the peer there waits for a head and never shakes hands */
    run(&p);
    assert_int_equal(p.end.result, FETCH_TIMEOUT_CONNECT);
    probe_release(&p);
}

/* A certificate that nobody vouches for, made on the spot. */
static SSL_CTX *self_signed(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_sign(cert, key, EVP_sha256());
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

struct tls_peer {
    int listener;
    bool got_request;
};

static void *serve_tls(void *arg)
{
    struct tls_peer *at = arg;
    SSL_CTX *ctx = self_signed();
    int fd = accept(at->listener, NULL, NULL);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    char text[256];
    if (SSL_accept(ssl) == 1)
        at->got_request = SSL_read(ssl, text, sizeof text) > 0;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return NULL;
}

static void certificates_are_verified(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct tls_peer tls = {.listener = socket(AF_INET, SOCK_STREAM, 0)};
    pthread_t thread;
    assert_int_equal(bind(tls.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(tls.listener, 1), 0);
    getsockname(tls.listener, (struct sockaddr *)&at, &n);
    pthread_create(&thread, NULL, serve_tls, &tls);
    struct probe p;
    probe_init(&p, "/");
    snprintf(p.url, sizeof p.url, "https://127.0.0.1:%d/", ntohs(at.sin_port));
    p.request.url = str_c(p.url);
    run(&p);
    pthread_join(thread, NULL);
    close(tls.listener);
    assert_int_equal(p.end.result, FETCH_TLS);
    assert_non_null(strstr(p.end.error.message, "certificate"));
    assert_false(tls.got_request);
    probe_release(&p);
}

static void refused_requests(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp://127.0.0.1/x", "file:///etc/passwd", "127.0.0.1:80", "",
                                       "http://",           "http://a b/",        "gopher://x"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct probe p;
        probe_init(&p, "/");
        p.request.url = str_c(urls[i]);
        run(&p);
        assert_int_equal(p.id, 0);
        assert_int_equal(p.error.err, ERR_INVALID);
        probe_release(&p);
    }
    const struct fetch_header bad[] = {{STR("X-One"), STR("1\r\nX-Two: 2")}};
    struct probe p;
    probe_init(&p, "/echo");
    p.request.headers = bad;
    p.request.header_count = 1;
    run(&p);
    assert_int_equal(p.error.err, ERR_INVALID);
    probe_release(&p);
}

/* Many at once, some of which are cancelled: descriptors are closed and reused under our feet. */
static void a_crowd(void **state)
{
    (void)state;
    enum { CROWD = 60 };
    static const char *const paths[] = {"/echo", "/cut", "/stall", "/big"};
    struct probe *all = calloc(CROWD, sizeof *all);
    for (int i = 0; i < CROWD; i++) {
        probe_init(&all[i], paths[i % 4]);
        all[i].request.body = STR("x");
        if (i % 4 == 3)
            all[i].cancel_at_data = true;
        if (i % 4 == 2)
            all[i].request.first_byte_ms = 100 + (uint64_t)i;
        loop_call(loops_get(loops, 0), begin, &all[i]);
    }
    for (int i = 0; i < CROWD; i++)
        sem_wait(&all[i].done);
    flush();
    for (int i = 0; i < CROWD; i++) {
        static const enum fetch_result want[] = {FETCH_DONE, FETCH_CUT, FETCH_TIMEOUT_FIRST_BYTE};
        if (i % 4 < 3)
            assert_int_equal(all[i].end.result, want[i % 4]);
        assert_int_equal(all[i].ends, i % 4 < 3 ? 1 : 0);
        probe_release(&all[i]);
    }
    free(all);
}

static void endpoints(void **state)
{
    (void)state;
    char to[FETCH_ENDPOINT_TEXT];
    fetch_endpoint(to, STR("https://u:p@api.x.org:8443/v1?k=1#f"));
    assert_string_equal(to, "https://api.x.org:8443");
    fetch_endpoint(to, STR("http://[::1]:8/a@b"));
    assert_string_equal(to, "http://[::1]:8");
}

static void stop_fetching(void *arg)
{
    on_loop();
    fetch_stop(loop_self());
    sem_post(arg);
}

static int setup(void **state)
{
    struct error e;
    (void)state;
    peer_start(&peer, handle);
    assert_int_equal(loops_new(1, &loops, &e), ERR_OK);
    loops_start(loops);
    return 0;
}

/* With one transfer still running. */
static int teardown(void **state)
{
    struct probe p;
    sem_t done;
    (void)state;
    probe_init(&p, "/drip");
    p.cancel_at_data = false;
    loop_call(loops_get(loops, 0), begin, &p);
    usleep(50000);
    sem_init(&done, 0, 0);
    loop_call(loops_get(loops, 0), stop_fetching, &done);
    sem_wait(&done);
    assert_int_equal(p.ends, 0);
    loops_stop(loops);
    probe_release(&p);
    peer_stop(&peer);
    sem_destroy(&done);
    return 0;
}

static bool is_public(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        return fetch_is_public((struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return fetch_is_public((struct sockaddr *)&in6);
}

static void public_addresses(void **state)
{
    static const char *const yes[] = {"1.1.1.1",     "172.15.0.1",   "172.32.0.1",
                                      "100.128.0.1", "2606:4700::1", "11.0.0.1"};
    static const char *const no[] = {"127.0.0.1",
                                     "10.1.2.3",
                                     "172.16.0.1",
                                     "172.31.255.255",
                                     "192.168.1.1",
                                     "0.0.0.0",
                                     "100.64.1.1",
                                     "169.254.1.1",
                                     "224.0.0.1",
                                     "255.255.255.255",
                                     "::1",
                                     "::",
                                     "fe80::1",
                                     "fd00::1",
                                     "::ffff:10.0.0.1",
                                     "::ffff:1.1.1.1",
                                     "64:ff9b::a00:1",
                                     "2002:a00:1::",
                                     "2001:db8::1",
                                     "ff02::1"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!is_public(yes[i]))
            fail_msg("%s is public", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (is_public(no[i]))
            fail_msg("%s is not public", no[i]);
}

static void private_addresses_are_refused(void **state)
{
    struct probe p;
    (void)state;
    probe_init(&p, "/echo"); /* also where a connection to it is open already */
    run(&p);
    assert_int_equal(p.end.result, FETCH_DONE);
    probe_release(&p);
    for (int i = 0; i < 2; i++) {
        probe_init(&p, "/echo");
        if (i)
            snprintf(p.url, sizeof p.url, "http://localhost:%d/echo", peer.port);
        p.request.url = str_c(p.url);
        p.request.public_only = true;
        run(&p);
        assert_int_equal(p.end.result, FETCH_PRIVATE);
        assert_non_null(strstr(p.end.error.message, "private network"));
        assert_int_equal(p.heads, 0);
        probe_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses),    cmocka_unit_test(private_addresses_are_refused),
        cmocka_unit_test(gets_and_posts),      cmocka_unit_test(connections_are_reused),
        cmocka_unit_test(big_bodies),          cmocka_unit_test(pause_is_back_pressure),
        cmocka_unit_test(cancelling),          cmocka_unit_test(starting_inside_a_callback),
        cmocka_unit_test(limits_and_failures), cmocka_unit_test(nobody_listens),
        cmocka_unit_test(refused_requests),    cmocka_unit_test(a_crowd),
        cmocka_unit_test(endpoints),           cmocka_unit_test(certificates_are_verified),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
