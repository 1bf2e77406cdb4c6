/*
 * A loop's libcurl multi handle on its libuv loop; see fetch_inner.h.
 *
 * libcurl names the sockets it wants watched and the time it wants to be called at; each socket gets a
 * uv_poll_t (struct watch). Traps this file knows: a timeout of zero arms a timer and never calls back at
 * once; a socket may be closed while it is still watched, and its number be given to the next one, so the
 * close callback ends the watch first; a watch is freed by libuv's close callback only.
 */
#include "loop/fetch_inner.h"

#include "base/arena.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct watch {
    struct watch *next, **link;
    struct pool *pool;
    curl_socket_t socket;
    uv_poll_t uv;
};

static _Thread_local struct pool *current;

static void free_watch(uv_handle_t *uv)
{
    free(uv->data);
}

static void watch_end(struct watch *watch)
{
    *watch->link = watch->next;
    if (watch->next)
        watch->next->link = watch->link;
    uv_poll_stop(&watch->uv);
    uv_close((uv_handle_t *)&watch->uv, free_watch);
}

static struct watch *watch_of(struct pool *pool, curl_socket_t socket)
{
    struct watch *watch = pool->watches;
    while (watch && watch->socket != socket)
        watch = watch->next;
    return watch;
}

static void socket_action(struct pool *pool, curl_socket_t socket, int mask) LOOP
{
    int running;
    pool->depth++;
    curl_multi_socket_action(pool->multi, socket, mask, &running);
    pool->depth--;
    fetch_settle(pool);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    on_loop();
    struct watch *watch = uv->data;
    int mask = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        mask |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        mask |= CURL_CSELECT_OUT;
    socket_action(watch->pool, watch->socket, mask);
}

static struct watch *watch_begin(struct pool *pool, curl_socket_t socket) LOOP
{
    struct watch *watch = heap_alloc(sizeof *watch);
    watch->pool = pool;
    watch->socket = socket;
    if (uv_poll_init_socket(loop_uv(pool->loop), &watch->uv, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->uv.data = watch;
    watch->next = pool->watches;
    watch->link = &pool->watches;
    if (watch->next)
        watch->next->link = &watch->next;
    pool->watches = watch;
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    on_loop();
    struct pool *pool = arg;
    struct watch *watch = watch_of(pool, socket);
    (void)easy;
    (void)socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            watch_end(watch);
        return 0;
    }
    if (!watch)
        watch = watch_begin(pool, socket);
    if (!watch)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->uv, events, on_poll);
    return 0;
}

static void on_timeout(struct timer *timer)
{
    on_loop();
    socket_action(CONTAINER(timer, struct pool, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_change(CURLM *multi, long after_ms, void *arg)
{
    on_loop();
    struct pool *pool = arg;
    (void)multi;
    if (after_ms < 0)
        timer_cancel(&pool->timer);
    else
        timer_arm(&pool->timer, (uint64_t)after_ms, on_timeout);
    return 0;
}

static void init_curl(void)
{
    /* OpenSSL writes with write(), which would end the process when the peer has closed. */
    signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "eidolon: libcurl does not start; reinstall libcurl4.\n");
        abort();
    }
}

struct pool *pool_now(void)
{
    return current;
}

struct pool *pool_of(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (current)
        return current;
    pthread_once(&once, init_curl);
    struct pool *pool = heap_alloc(sizeof *pool);
    pool->loop = loop;
    pool->multi = curl_multi_init();
    if (!pool->multi)
        abort();
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)FETCH_IDLE_CONNECTIONS);
    curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    current = pool;
    return pool;
}

void pool_free(struct pool *pool)
{
    pool->depth++;
    curl_multi_cleanup(pool->multi);
    while (pool->watches)
        watch_end(pool->watches);
    timer_close(&pool->timer);
    map_release(&pool->transfers);
    current = NULL;
    free(pool);
}

/* RFC 6890's blocks that are not reachable from everywhere. */
static bool public_v4(uint32_t a)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } blocks[] = {{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xA9FE0000, 16},
                  {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0586300, 24}, {0xC0A80000, 16},
                  {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 4},  {0xF0000000, 4}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if ((a ^ blocks[i].net) >> (32 - blocks[i].bits) == 0)
            return false;
    return true;
}

bool fetch_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return public_v4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    const uint8_t *b = in6.sin6_addr.s6_addr;
    bool global = (b[0] & 0xE0) == 0x20; /* 2000::/3 */
    bool carries_v4 = (b[0] == 0x20 && b[1] == 0x02) || (b[0] == 0x20 && b[1] == 0x01 && !b[2] && !b[3]);
    bool documentation = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0D && b[3] == 0xB8;
    return global && !carries_v4 && !documentation;
}

/* libcurl's open-socket callback: a socket that child processes do not inherit. */
curl_socket_t pool_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    (void)purpose;
    if (t->public_only && !fetch_is_public(&to->addr)) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* libcurl's close-socket callback, for every transfer; `arg` is the pool, which outlives connections. */
int pool_close_socket(void *arg, curl_socket_t socket)
{
    struct pool *pool = arg;
    struct watch *watch = watch_of(pool, socket);
    if (watch)
        watch_end(watch);
    return close(socket);
}
