/* HTTP over real sockets: keep-alive, bodies, refusals, ranges, streams, limits, many loops. */
#include "serve.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>
#include <sys/wait.h>

#define END "Host: x\r\nConnection: close\r\n\r\n"

static char out[1 << 20];

static void small_get(void **state)
{
    (void)state;
    struct str a = ask("GET /hello?x=1 HTTP/1.1\r\n" END, out, sizeof out);
    assert_true(str_starts(a, STR("HTTP/1.1 200 OK\r\n")));
    assert_has(a, "Content-Length: 5\r\n");
    assert_has(a, "Connection: close\r\n");
    assert_has(a, "X-Request-Id: ");
    assert_has(a, "\r\n\r\nhello");
    a = ask("HEAD /hello HTTP/1.1\r\nX-Request-Id: abc-1\r\n" END, out, sizeof out);
    assert_has(a, "Content-Length: 5\r\n");
    assert_has(a, "X-Request-Id: abc-1\r\n");
    assert_true(str_ends(a, STR("\r\n\r\n")));
    a = ask("OPTIONS * HTTP/1.1\r\n" END, out, sizeof out);
    assert_has(a, "204 No Content");
    assert_has(a, "Allow: ");
    a = ask("GET /hello HTTP/1.0\r\n\r\n", out, sizeof out);
    assert_has(a, "\r\n\r\nhello");
}

static void keep_alive_and_pipelining(void **state)
{
    (void)state;
    int fd = client();
    for (int i = 0; i < 3; i++) {
        client_say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        client_until(fd, out, sizeof out, "\r\n\r\nhello");
    }
    /* A late answer first: the order must hold, and what was pipelined behind must wait. */
    client_say(
        fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
            "abcGET /hello HTTP/1.1\r\n" END);
    struct str a = client_all(fd, out, sizeof out);
    size_t late = str_find(a, STR("late")), abc = str_find(a, STR("abc")), hello = str_find(a, STR("hello"));
    assert_true(late < abc && abc < hello && hello != SIZE_MAX);
    close(fd);
}

static void pipelining_is_capped(void **state)
{
    (void)state;
    enum { REQUESTS = 20000 };
    static const char one[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = client();
    size_t sent = 0, n = sizeof one - 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    client_say(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++) {
        ssize_t got = send(fd, one, n, MSG_NOSIGNAL);
        if (got < 0) {
            usleep(20000);
            got = send(fd, one, n, MSG_NOSIGNAL);
            if (got < 0)
                break;
        }
        sent += (size_t)got;
    }
    usleep(50000);
    uint64_t in = net_counters(server.net).bytes_in;
    assert_true(in < 400000); /* the rest is the kernel's, and at the peer */
    close(fd);
    (void)sent;
}

static void bodies(void **state)
{
    (void)state;
    struct str a = ask("POST /echo HTTP/1.1\r\nContent-Length: 4\r\n" END "body", out, sizeof out);
    assert_has(a, "\r\n\r\nbody");
    a = ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END
            "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: gone\r\n\r\n",
            out, sizeof out);
    assert_has(a, "\r\n\r\nabc0123456789");
    a = ask("POST /echo HTTP/1.1\r\n" END, out, sizeof out);
    assert_has(a, "Content-Length: 0\r\n");
    a = ask("POST /echo HTTP/1.1\r\nContent-Length: 100001\r\n" END, out, sizeof out);
    assert_has(a, "413 Content Too Large");
    a = ask("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "zz\r\n", out, sizeof out);
    assert_has(a, "400 Bad Request");
    a = ask("POST /ignore HTTP/1.1\r\nContent-Length: 5\r\nHost: x\r\n\r\n12345GET /hello HTTP/1.1\r\n" END,
            out, sizeof out);
    assert_has(a, "ignored");
    assert_has(a, "\r\n\r\nhello");
}

static void chunked_body_over_the_limit(void **state)
{
    (void)state;
    int fd = client();
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    char chunk[0x4000 + 16];
    int n = snprintf(chunk, sizeof chunk, "4000\r\n");
    memset(chunk + n, 'a', 0x4000);
    memcpy(chunk + n + 0x4000, "\r\n", 2);
    for (int i = 0; i < 10; i++)
        client_send(fd, chunk, (size_t)n + 0x4002);
    assert_has(client_all(fd, out, sizeof out), "413 Content Too Large");
    close(fd);
}

static void body_in_single_bytes(void **state)
{
    (void)state;
    int fd = client();
    const char *text =
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    for (; *text; text++) {
        client_send(fd, text, 1);
        if (*text == '\n')
            usleep(1000);
    }
    assert_has(client_all(fd, out, sizeof out), "\r\n\r\nabc");
    close(fd);
}

static void expect_continue(void **state)
{
    (void)state;
    int fd = client();
    client_say(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" END);
    client_until(fd, out, sizeof out, "100 Continue\r\n\r\n");
    client_say(fd, "ok");
    assert_has(client_all(fd, out, sizeof out), "\r\n\r\nok");
    close(fd);
    struct str a =
        ask("POST /ignore HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", out,
            sizeof out);
    assert_true(str_starts(a, STR("HTTP/1.1 200")));
    assert_has(a, "Connection: close");
    a = ask("POST /echo HTTP/1.1\r\nExpect: miracles\r\n" END, out, sizeof out);
    assert_has(a, "417 Expectation Failed");
}

static void upload_to_disk(void **state)
{
    (void)state;
    enum { BLOCK = 1 << 20, BLOCKS = 20 };
    char *block = malloc(BLOCK), want[64];
    uint64_t sum = 0;
    int fd = client();
    snprintf(out, sizeof out, "POST /file HTTP/1.1\r\nContent-Length: %d\r\n" END, BLOCK * BLOCKS);
    client_say(fd, out);
    for (unsigned b = 0; b < BLOCKS; b++) {
        for (unsigned i = 0; i < BLOCK; i++) {
            block[i] = (char)(i * 31 + b * 7 + (i >> 9));
            sum += (unsigned char)block[i];
        }
        client_send(fd, block, BLOCK);
    }
    snprintf(want, sizeof want, "\r\n\r\n%d %d %llu", BLOCK * BLOCKS, BLOCK * BLOCKS,
             (unsigned long long)sum);
    assert_has(client_all(fd, out, sizeof out), want);
    close(fd);
    /* The same, chunked, and cut in the middle: nothing stays behind. */
    fd = client();
    client_say(fd, "POST /file HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
    client_send(fd, block, BLOCK / 2);
    unsigned cut = server.closed_cut;
    close(fd);
    wait_for(&server.closed_cut, cut + 1);
    free(block);
    usleep(50000);
    snprintf(out, sizeof out, "ls %s | grep -c upload", folder);
    FILE *p = popen(out, "r");
    int left = -1;
    assert_int_equal(fscanf(p, "%d", &left), 1);
    pclose(p);
    assert_int_equal(left, 0);
}

static void chunked_upload(void **state)
{
    (void)state;
    char data[8192], head[32];
    memset(data, 'u', sizeof data);
    int fd = client();
    client_say(fd, "POST /file HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END);
    for (unsigned i = 1; i <= 700; i++) {
        size_t n = (i * 977) % sizeof data + 1;
        client_send(fd, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", n));
        client_send(fd, data, n);
        client_say(fd, "\r\n");
    }
    client_say(fd, "0\r\n\r\n");
    uint64_t total = 0;
    for (unsigned i = 1; i <= 700; i++)
        total += (i * 977) % sizeof data + 1;
    char want[80];
    snprintf(want, sizeof want, "\r\n\r\n%llu %llu %llu", (unsigned long long)total,
             (unsigned long long)total, (unsigned long long)total * 'u');
    assert_has(client_all(fd, out, sizeof out), want);
    close(fd);
}

static void ranges_and_conditions(void **state)
{
    (void)state;
    struct str a = ask("GET /range HTTP/1.1\r\nRange: bytes=2-4\r\n" END, out, sizeof out);
    assert_has(a, "206 Partial Content");
    assert_has(a, "Content-Range: bytes 2-4/10\r\n");
    assert_has(a, "\r\n\r\n234");
    a = ask("GET /range HTTP/1.1\r\nRange: bytes=10-\r\n" END, out, sizeof out);
    assert_has(a, "416 Range Not Satisfiable");
    assert_has(a, "Content-Range: bytes */10\r\n");
    a = ask("GET /range HTTP/1.1\r\nRange: bytes=2-4\r\nIf-Range: \"other\"\r\n" END, out, sizeof out);
    assert_has(a, "\r\n\r\n0123456789");
    a = ask("GET /range HTTP/1.1\r\nIf-None-Match: \"x\", W/\"r1\"\r\n" END, out, sizeof out);
    assert_has(a, "304 Not Modified");
    assert_true(str_ends(a, STR("\r\n\r\n")));
}

static void file_from_disk(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/disk.bin", folder);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 3000000; i++)
        fputc(i % 251, f);
    fclose(f);
    char *big = malloc(4 << 20);
    struct str a = ask("GET /disk HTTP/1.1\r\n" END, big, 4 << 20);
    size_t body = str_find(a, STR("\r\n\r\n")) + 4;
    assert_int_equal(a.n - body, 3000000);
    for (size_t i = 0; i < 3000000; i++)
        assert_int_equal((unsigned char)a.p[body + i], i % 251);
    a = ask("GET /disk HTTP/1.1\r\nRange: bytes=-3\r\n" END, big, 4 << 20);
    assert_has(a, "Content-Length: 3\r\n");
    const char *etag = strstr(ask("HEAD /disk HTTP/1.1\r\n" END, big, 4 << 20).p, "ETag: ");
    assert_non_null(etag);
    snprintf(out, sizeof out, "GET /disk HTTP/1.1\r\nIf-None-Match: %.*s\r\n" END,
             (int)strcspn(etag + 6, "\r"), etag + 6);
    assert_has(ask(out, big, 4 << 20), "304 Not Modified");
    unlink(path);
    assert_has(ask("GET /disk HTTP/1.1\r\n" END, big, 4 << 20), "404 Not Found");
    free(big);
}

static void assets_and_headers(void **state)
{
    (void)state;
    struct str a = ask("GET /app.js HTTP/1.1\r\nAccept-Encoding: gzip, br\r\n" END, out, sizeof out);
    assert_has(a, "Content-Encoding: br\r\n");
    assert_has(a, "ETag: \"abc-br\"\r\n");
    assert_has(a, "immutable");
    assert_has(a, "\r\n\r\nBR");
    a = ask("GET /app.js HTTP/1.1\r\nAccept-Encoding: gzip, br;q=0\r\n" END, out, sizeof out);
    assert_has(a, "\r\n\r\nGZ");
    a = ask("GET /app.js HTTP/1.1\r\nAccept-Encoding: br\r\nRange: bytes=0-4\r\n" END, out, sizeof out);
    assert_has(a, "\r\n\r\nplain");
    a = ask("GET /app.js HTTP/1.1\r\nAccept-Encoding: br\r\nIf-None-Match: \"abc-br\"\r\n" END, out,
            sizeof out);
    assert_has(a, "304 Not Modified");
    a = ask("GET /index.html HTTP/1.1\r\n" END, out, sizeof out);
    assert_has(a, "Content-Security-Policy: default-src 'self'");
    assert_has(a, "frame-ancestors 'none'");
    assert_has(a, "X-Content-Type-Options: nosniff");
    assert_has(a, "Cache-Control: no-cache");
    a = ask("GET /text HTTP/1.1\r\nAccept-Encoding: gzip\r\n" END, out, sizeof out);
    assert_has(a, "Content-Encoding: gzip\r\n");
    assert_has(a, "Vary: Accept-Encoding\r\n");
    assert_true(a.n < 1000);
    a = ask("GET /text HTTP/1.1\r\n" END, out, sizeof out);
    assert_has(a, "Content-Length: 5000\r\n");
}

static void streams(void **state)
{
    (void)state;
    struct str a = ask("GET /stream HTTP/1.1\r\n" END, out, sizeof out);
    assert_has(a, "Transfer-Encoding: chunked\r\n");
    assert_has(a, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    a = ask("GET /stream HTTP/1.0\r\n\r\n", out, sizeof out);
    assert_has(a, "\r\n\r\nonetwo");
    int fd = client();
    client_say(fd, "GET /sse HTTP/1.1\r\nHost: x\r\n\r\n");
    a = client_until(fd, out, sizeof out, "data: two\n\n");
    assert_has(a, "text/event-stream");
    assert_has(a, "id: 7\nevent: note\ndata: one\ndata: two\n\n");
    unsigned cut = server.closed_cut;
    close(fd); /* a stream's reader that leaves is noticed */
    wait_for(&server.closed_cut, cut + 1);
}

static void back_pressure(void **state)
{
    (void)state;
    unsigned before = server.drained;
    int fd = client();
    client_say(fd, "GET /flood HTTP/1.1\r\n" END);
    usleep(100000); /* not reading: the stream must wait, not pile up */
    assert_true(server.drained - before < 50);
    uint64_t total = 0;
    for (;;) {
        ssize_t n = recv(fd, out, sizeof out, 0);
        if (n <= 0)
            break;
        total += (uint64_t)n;
    }
    close(fd);
    assert_true(total > (uint64_t)FLOOD_PIECE * FLOOD_PIECES);
    /* How often depends on how the kernel's buffers and the two threads meet; that it happened at all does
     * not. */
    assert_true(server.drained - before > 0);
    uint64_t cut = net_counters(server.net).slow_cut;
    fd = client();
    client_say(fd, "GET /slow HTTP/1.1\r\n" END);
    for (int i = 0; i < 300 && net_counters(server.net).slow_cut == cut; i++)
        usleep(10000);
    assert_int_equal(net_counters(server.net).slow_cut, cut + 1);
    close(fd);
}

static void refused_heads(void **state)
{
    (void)state;
    assert_has(ask("GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", out, sizeof out), "400 Bad Request");
    assert_has(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                   out, sizeof out),
               "400 Bad Request");
    assert_has(ask("GET / HTTP/2.0\r\nHost: x\r\n\r\n", out, sizeof out), "505 ");
    assert_has(ask("GET /../etc HTTP/1.1\r\nHost: x\r\n\r\n", out, sizeof out), "400 Bad Request");
    char *big = malloc(40000);
    memset(big, 'a', 40000);
    memcpy(big, "GET /", 5);
    big[39999] = '\0';
    assert_has(ask(big, out, sizeof out), "414 URI Too Long");
    memcpy(big, "GET / HTTP/1.1\r\nHost: x\r\nA: ", 28);
    assert_has(ask(big, out, sizeof out), "431 Request Header");
    free(big);
}

static void port_collides(void **state)
{
    (void)state;
    struct error e;
    struct net_listener *other = NULL;
    assert_int_equal(
        net_listen_tcp(server.net, net_listener_address(server.listener), &test_app, NULL, &other, &e),
        ERR_CONFLICT);
    assert_non_null(strstr(e.message, "another program already does"));
}

static void unix_socket(void **state)
{
    (void)state;
    struct error e;
    struct net_listener *l = NULL;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s.sock", folder);
    assert_int_equal(net_listen_unix(server.net, a.sun_path, 0600, &test_app, &l, &e), ERR_OK);
    assert_int_equal(net_listen_unix(server.net, a.sun_path, 0600, &test_app, &l, &e), ERR_CONFLICT);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    client_say(fd, "GET /hello HTTP/1.1\r\n" END);
    assert_has(client_all(fd, out, sizeof out), "\r\n\r\nhello");
    close(fd);
}

static void many_connections(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    static int fds[MANY];
    for (int i = 0; i < MANY; i++)
        fds[i] = client();
    for (int i = 0; i < MANY; i++)
        client_say(fds[i], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < MANY; i++)
        client_until(fds[i], out, sizeof out, "\r\n\r\nhello");
    assert_true(net_counters(server.net).open_http >= MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    for (int i = 0; i < 500 && net_counters(server.net).open_http > 10; i++)
        usleep(10000);
    assert_true(net_counters(server.net).open_http <= 10);
}

/* A connection from an address of this machine that is not loopback; -1 where there is none. */
static int connect_from_outside(int port)
{
    struct ifaddrs *list = NULL;
    int fd = -1;
    getifaddrs(&list);
    for (struct ifaddrs *i = list; i && fd < 0; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
            !(i->ifa_flags & IFF_UP))
            continue;
        struct sockaddr_in a = *(struct sockaddr_in *)(void *)i->ifa_addr;
        a.sin_port = htons((uint16_t)port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeifaddrs(list);
    return fd;
}

static void connections_per_address(void **state)
{
    (void)state;
    struct error e;
    struct net_listener *l = NULL;
    struct net_limits limits = {.connections_per_ip = 2};
    assert_int_equal(net_listen_tcp(server.net, ":0", &test_app, NULL, &l, &e), ERR_OK);
    net_set_limits(server.net, &limits); /* live */
    usleep(20000);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = connect_from_outside(net_listener_port(l));
        if (fds[i] < 0) {
            print_message("no address but loopback here\n");
            return;
        }
        usleep(20000);
    }
    assert_has(client_all(fds[2], out, sizeof out), "503 Service Unavailable");
    close(fds[0]);
    usleep(50000);
    int again = connect_from_outside(net_listener_port(l));
    client_say(again, "GET /hello HTTP/1.1\r\n" END);
    assert_has(client_all(again, out, sizeof out), "\r\n\r\nhello");
    close(again);
    close(fds[1]);
    close(fds[2]);
    assert_has(ask("GET /hello HTTP/1.1\r\n" END, out, sizeof out), "\r\n\r\nhello"); /* loopback is free */
    net_set_limits(server.net, &net_limits_default);
}

static int serve_inherited(void)
{
    struct loops *loops;
    struct net *net;
    struct net_config config = {.hsts = false};
    struct error e;
    unsigned count = 0;
    if (loops_new(1, &loops, &e))
        return 1;
    loops_start(loops);
    if (net_new(loops, &config, &net, &e) || net_listen_inherited(net, &test_app, NULL, &count, &e) ||
        count != 1)
        return 1;
    return pause();
}

/* As systemd does it: a listening socket at descriptor 3 and two variables. */
static void inherited_socket(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof a;
    char pid[16];
    struct error e;
    unsigned count = 9;
    assert_int_equal(net_listen_inherited(server.net, &test_app, NULL, &count, &e), ERR_OK);
    assert_int_equal(count, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 10), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    /* Descriptor 3 belongs to a loop here, so the net gets a process of its own: serve_inherited(). */
    pid_t child = fork();
    if (child == 0) {
        dup2(fd, 3);
        fcntl(3, F_SETFD, 0);
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
        execl("/proc/self/exe", "test_http", "inherited", NULL);
        _exit(1);
    }
    close(fd);
    int c = client_to(ntohs(a.sin_port));
    client_say(c, "GET /hello HTTP/1.1\r\n" END);
    struct str answer = client_all(c, out, sizeof out);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_has(answer, "\r\n\r\nhello");
    close(c);
}

static void slow_loris(void **state)
{
    (void)state;
    struct net_limits limits = {
        .head_ms = 300, .idle_ms = 500, .body_ms = 300, .close_ms = 200, .connections = 3};
    server_stop();
    server_start(1, &limits);
    int fd = client();
    for (int i = 0; i < 6; i++) {
        client_say(fd, i ? "X" : "GET / HTTP/1.1\r\nHost: ");
        usleep(100000);
    }
    assert_has(client_all(fd, out, sizeof out), "408 Request Timeout");
    close(fd);
    fd = client();
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    assert_has(client_all(fd, out, sizeof out), "408 Request Timeout");
    close(fd);
    fd = client(); /* idle: closed without a word */
    assert_int_equal(client_all(fd, out, sizeof out).n, 0);
    close(fd);
    usleep(300000);
    int three[3] = {client(), client(), client()};
    usleep(50000);
    assert_has(ask("GET /hello HTTP/1.1\r\n" END, out, sizeof out), "503 Service Unavailable");
    for (int i = 0; i < 3; i++)
        close(three[i]);
    server_stop();
    server_start(2, NULL);
}

static void graceful_stop(void **state)
{
    (void)state;
    int busy = client(), idle = client(), stream = client();
    client_say(idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    client_until(idle, out, sizeof out, "hello");
    client_say(stream, "GET /sse HTTP/1.1\r\nHost: x\r\n\r\n");
    client_until(stream, out, sizeof out, "data: two");
    client_say(busy, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    usleep(20000);
    net_stop(server.net, 3000);
    struct str a = client_all(busy, out, sizeof out);
    assert_has(a, "Connection: close");
    assert_has(a, "\r\n\r\nlate");
    assert_int_equal(client_all(idle, out, sizeof out).n, 0);
    assert_has(client_all(stream, out, sizeof out), "0\r\n\r\n");
    close(busy);
    close(idle);
    close(stream);
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

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "inherited") == 0)
        return serve_inherited();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelining_is_capped),
        cmocka_unit_test(small_get),
        cmocka_unit_test(keep_alive_and_pipelining),
        cmocka_unit_test(bodies),
        cmocka_unit_test(chunked_body_over_the_limit),
        cmocka_unit_test(body_in_single_bytes),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(upload_to_disk),
        cmocka_unit_test(chunked_upload),
        cmocka_unit_test(ranges_and_conditions),
        cmocka_unit_test(file_from_disk),
        cmocka_unit_test(assets_and_headers),
        cmocka_unit_test(streams),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(refused_heads),
        cmocka_unit_test(port_collides),
        cmocka_unit_test(unix_socket),
        cmocka_unit_test(many_connections),
        cmocka_unit_test(connections_per_address),
        cmocka_unit_test(inherited_socket),
        cmocka_unit_test(slow_loris),
        cmocka_unit_test(graceful_stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
