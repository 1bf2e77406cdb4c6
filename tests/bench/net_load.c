/*
 * The load for the network benches; one thread, epoll, raw sockets. Prints one line a run: name=value pairs.
 *
 *   net_load get PID PORT PATH CONNECTIONS REQUESTS   keep-alive GETs, one in flight on each connection
 *   net_load cast PID PORT SOCKETS MESSAGES SIZE      joins, starts the broadcast, counts what arrives
 *   net_load idle PID PORT SOCKETS [tls]              opens WebSockets and looks at the server's memory
 *
 * CPU and resident memory are the server's (PID, all its threads), read from /proc.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char upgrade[] =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static char buffer[1 << 18];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* CPU of the whole process in microseconds: utime and stime, in ticks of 10 ms. */
static double cpu_split_us(const char *pid, double *user_us)
{
    char path[64], text[1024];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(text, sizeof text, f))
        fail(path);
    fclose(f);
    const char *after = strrchr(text, ')');
    sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    *user_us = (double)user * 1e6 / (double)sysconf(_SC_CLK_TCK);
    return (double)(user + sys) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double cpu_us(const char *pid)
{
    double user;
    return cpu_split_us(pid, &user);
}

static long resident_kib(const char *pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kib);
    if (f)
        fclose(f);
    return kib;
}

static int dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int watch(int *fds, int count)
{
    int ep = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
    }
    return ep;
}

static void get(const char *pid, int port, const char *path, int count, long requests)
{
    char request[256];
    int *fds = calloc((size_t)count, sizeof *fds);
    size_t n = (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    for (int i = 0; i < count; i++)
        fds[i] = dial(port);
    int ep = watch(fds, count);
    struct epoll_event ev[64];
    long done = 0, sent = 0;
    double cpu = cpu_us(pid);
    uint64_t start = now_us();
    for (int i = 0; i < count; i++, sent++)
        if (send(fds[i], request, n, 0) != (ssize_t)n)
            fail("send");
    while (done < requests) {
        int ready = epoll_wait(ep, ev, 64, 5000);
        if (ready <= 0)
            fail("no answer");
        for (int i = 0; i < ready; i++) {
            int fd = fds[ev[i].data.u32];
            /* A whole small answer arrives at once on loopback. */
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got <= 12 || memcmp(buffer + 9, "200", 3) != 0)
                fail("answer");
            done++;
            if (sent < requests && send(fd, request, n, 0) == (ssize_t)n)
                sent++;
        }
    }
    double seconds = (double)(now_us() - start) / 1e6;
    printf("rps=%.0f cpu_us=%.2f\n", (double)done / seconds, (cpu_us(pid) - cpu) / (double)done);
}

static void join(int fd)
{
    size_t n = 0;
    if (send(fd, upgrade, sizeof upgrade - 1, 0) < 0)
        fail("send");
    while (n < 4 || memcmp(buffer + n - 4, "\r\n\r\n", 4) != 0) {
        if (recv(fd, buffer + n, 1, 0) != 1)
            fail("handshake");
        n++;
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Frames of one size arrive; each connection counts how far into a frame it is. */
static void cast(const char *pid, int port, int count, int messages, int size)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    size_t head = size < 126 ? 2 : 4, frame = head + (size_t)size;
    char(*partial)[4200] = calloc((size_t)count, sizeof *partial);
    size_t *have = calloc((size_t)count, sizeof *have);
    long want = (long)count * messages, got = 0;
    uint32_t *delay = calloc((size_t)want, sizeof *delay);
    for (int i = 0; i < count; i++)
        join(fds[i] = dial(port));
    int ep = watch(fds, count);
    char text[64], go[80];
    int n = snprintf(text, sizeof text, "go %d %d", messages, size);
    go[0] = (char)0x81;
    go[1] = (char)(0x80 | n);
    memset(go + 2, 0, 4);
    memcpy(go + 6, text, (size_t)n);
    usleep(300000);
    double user, user_end, cpu = cpu_split_us(pid, &user);
    if (send(fds[0], go, (size_t)n + 6, 0) < 0)
        fail("send");
    struct epoll_event ev[256];
    while (got < want) {
        int ready = epoll_wait(ep, ev, 256, 5000);
        if (ready <= 0)
            break;
        for (int i = 0; i < ready; i++) {
            uint32_t c = ev[i].data.u32;
            ssize_t r = recv(fds[c], partial[c] + have[c], sizeof partial[c] - have[c], 0);
            if (r <= 0)
                fail("recv");
            have[c] += (size_t)r;
            uint64_t now = now_us();
            while (have[c] >= frame && got < want) {
                delay[got++] = (uint32_t)(now - strtoull(partial[c] + head, NULL, 10));
                memmove(partial[c], partial[c] + frame, have[c] -= frame);
            }
        }
    }
    cpu = cpu_split_us(pid, &user_end) - cpu;
    qsort(delay, (size_t)got, sizeof *delay, by_value);
    printf("delivered=%ld of=%ld cpu_us=%.2f user_us=%.2f p50_ms=%.2f p99_ms=%.2f\n", got, want,
           cpu / (double)got, (user_end - user) / (double)got, delay[got / 2] / 1000.0,
           delay[got * 99 / 100] / 1000.0);
}

static void idle(const char *pid, int port, int count, int tls)
{
    SSL_CTX *ctx = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    /* A few first, so that what is made once is there before the first look. */
    long before = 0;
    uint64_t start = now_us();
    for (int i = 0; i < count + 64; i++) {
        if (i == 64)
            before = resident_kib(pid);
        int fd = dial(port);
        if (!tls) {
            join(fd);
            continue;
        }
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        if (SSL_connect(ssl) != 1 || SSL_write(ssl, upgrade, sizeof upgrade - 1) <= 0 ||
            SSL_read(ssl, buffer, sizeof buffer) < 12 || memcmp(buffer + 9, "101", 3) != 0)
            fail("TLS");
        SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    }
    double open_us = (double)(now_us() - start) / (count + 64);
    usleep(200000);
    printf("sockets=%d bytes_each=%.0f open_us=%.0f\n", count,
           (double)(resident_kib(pid) - before) * 1024.0 / count, open_us);
}

int main(int argc, char **argv)
{
    if (argc >= 7 && strcmp(argv[1], "get") == 0)
        get(argv[2], atoi(argv[3]), argv[4], atoi(argv[5]), atol(argv[6]));
    else if (argc >= 7 && strcmp(argv[1], "cast") == 0)
        cast(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[6]));
    else if (argc >= 5 && strcmp(argv[1], "idle") == 0)
        idle(argv[2], atoi(argv[3]), atoi(argv[4]), argc > 5);
    else
        return 64;
    return 0;
}
