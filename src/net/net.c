/*
 * The network part as a whole: made, stopped in order, freed; its limits and counters; see listen.h.
 *
 * Stopping runs on every loop: listeners are closed, each connection is asked to end in its own way; when a
 * loop's part has neither listener nor connection left it says so, and net_stop() waits for all of them.
 * After the deadline it asks once more, without patience.
 */
#include "net/listen_state.h"

#include "base/map.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * 1024, SECOND = 1000 };

const struct net_limits net_limits_default = {
    .connections = 20000,
    .connections_per_ip = UINT32_MAX,
    .head_bytes = 16 * KIB,
    .header_count = 100,
    .pipeline_bytes = 16 * KIB,
    .drain_body_bytes = 256 * KIB,
    .queue_bytes = 8 * MIB,
    .drain_bytes = 64 * KIB,
    .ws_message_bytes = 1 * MIB,
    .head_ms = 10 * SECOND,
    .idle_ms = 60 * SECOND,
    .body_ms = 30 * SECOND,
    .body_step = 16 * KIB,
    .write_ms = 30 * SECOND,
    .handshake_ms = 10 * SECOND,
    .ping_ms = 25 * SECOND,
    .pong_ms = 20 * SECOND,
    .close_ms = 3 * SECOND,
};

static void fill_limits(struct net_limits *l)
{
    const struct net_limits *d = &net_limits_default;
#define DEFAULT(field) l->field = l->field ? l->field : d->field
    DEFAULT(connections);
    DEFAULT(connections_per_ip);
    DEFAULT(head_bytes);
    DEFAULT(header_count);
    DEFAULT(pipeline_bytes);
    DEFAULT(drain_body_bytes);
    DEFAULT(queue_bytes);
    DEFAULT(drain_bytes);
    DEFAULT(ws_message_bytes);
    DEFAULT(head_ms);
    DEFAULT(idle_ms);
    DEFAULT(body_ms);
    DEFAULT(body_step);
    DEFAULT(write_ms);
    DEFAULT(handshake_ms);
    DEFAULT(ping_ms);
    DEFAULT(pong_ms);
    DEFAULT(close_ms);
#undef DEFAULT
}

enum err net_new(struct loops *loops, const struct net_config *config, struct net **out, struct error *e)
{
    (void)e;
    signal(SIGPIPE, SIG_IGN);
    struct net *net = heap_alloc(sizeof *net);
    net->loops = loops;
    net->config = *config;
    struct net_limits limits = config->limits;
    fill_limits(&limits);
    net->csp = heap_cstr(str_c(config->csp ? config->csp : NET_CSP_DEFAULT));
    net->part_count = loops_count(loops);
    net->parts = heap_alloc(net->part_count * sizeof *net->parts);
    for (unsigned i = 0; i < net->part_count; i++) {
        net->parts[i].net = net;
        net->parts[i].limits = limits;
        net->parts[i].loop = loops_get(loops, i);
    }
    net->per_ip = heap_alloc(sizeof *net->per_ip);
    uv_mutex_init(&net->mutex);
    uv_cond_init(&net->stopped);
    net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    *out = net;
    return ERR_OK;
}

struct new_limits {
    struct net_loop *nl;
    struct net_limits limits;
};

static void take_limits(void *arg)
{
    on_loop();
    struct new_limits *n = arg;
    n->nl->limits = n->limits;
    free(n);
}

void net_set_limits(struct net *net, const struct net_limits *limits)
{
    for (unsigned i = 0; i < net->part_count; i++) {
        struct new_limits *n = heap_alloc(sizeof *n);
        n->nl = &net->parts[i];
        n->limits = *limits;
        fill_limits(&n->limits);
        loop_call(net->parts[i].loop, take_limits, n);
    }
}

void net_part_check(struct net_loop *nl)
{
    if (!nl->stopping || nl->reported || nl->open || nl->listening)
        return;
    nl->reported = true;
    wheel_close(nl);
    uv_mutex_lock(&nl->net->mutex);
    nl->net->parts_left--;
    uv_cond_signal(&nl->net->stopped);
    uv_mutex_unlock(&nl->net->mutex);
}

static void stop_conn(struct conn *c) LOOP
{
    switch ((enum conn_state)c->state) {
    case CONN_HTTP:
        http_stop(c);
        break;
    case CONN_WS:
        ws_stop(c);
        break;
    case CONN_HANDSHAKE:
        conn_kill(c);
        break;
    case CONN_LINGER:
    case CONN_DEAD:
        break;
    }
}

static void stop_part(void *arg)
{
    on_loop();
    struct net_loop *nl = arg;
    nl->stopping = true;
    for (struct net_listener *l = nl->net->listeners; l; l = l->next)
        listener_part_close(&l->parts[loop_index(nl->loop)]);
    for (uint32_t i = 0; i < nl->slot_count; i++) {
        if (nl->slots[i])
            stop_conn(nl->slots[i]);
    }
    net_part_check(nl);
}

static void cut_part(void *arg)
{
    on_loop();
    struct net_loop *nl = arg;
    for (uint32_t i = 0; i < nl->slot_count; i++) {
        if (nl->slots[i])
            conn_kill(nl->slots[i]);
    }
}

static void call_parts(struct net *net, void (*fn)(void *))
{
    for (unsigned i = 0; i < net->part_count; i++)
        loop_call(net->parts[i].loop, fn, &net->parts[i]);
}

void net_stop(struct net *net, unsigned deadline_ms)
{
    if (net->stopped_before)
        return;
    net->stopped_before = true;
    net->parts_left = net->part_count;
    call_parts(net, stop_part);
    uint64_t until = uv_hrtime() + (uint64_t)deadline_ms * 1000000;
    bool cut = false;
    uv_mutex_lock(&net->mutex);
    while (net->parts_left) {
        uint64_t now = uv_hrtime();
        if (cut) {
            uv_cond_wait(&net->stopped, &net->mutex);
        } else if (now < until) {
            uv_cond_timedwait(&net->stopped, &net->mutex, until - now);
        } else {
            cut = true;
            call_parts(net, cut_part);
        }
    }
    uv_mutex_unlock(&net->mutex);
}

void net_free(struct net *net)
{
    if (!net)
        return;
    while (net->listeners) {
        struct net_listener *l = net->listeners;
        net->listeners = l->next;
        if (l->unix_path)
            unlink(l->unix_path);
        free(l->unix_path);
        free(l);
    }
    for (unsigned i = 0; i < net->part_count; i++)
        net_loop_release(&net->parts[i]);
    tls_free_all(net);
    map_release(net->per_ip);
    free(net->per_ip);
    if (net->spare_fd >= 0)
        close(net->spare_fd);
    uv_mutex_destroy(&net->mutex);
    uv_cond_destroy(&net->stopped);
    free(net->parts);
    free(net->csp);
    free(net);
}

struct net_counters net_counters(const struct net *net)
{
    struct net_counters sum = {0};
    for (unsigned i = 0; i < net->part_count; i++) {
        struct net_counts *c = &net->parts[i].counts;
#define SUM(to, from) sum.to += atomic_load_explicit(&c->from, memory_order_relaxed)
        SUM(accepted, accepted);
        SUM(refused, refused);
        SUM(closed, closed);
        SUM(open_http, open_http);
        SUM(open_ws, open_ws);
        SUM(open_tls, open_tls);
        SUM(requests, requests);
        SUM(bytes_in, bytes_in);
        SUM(bytes_out, bytes_out);
        SUM(ws_messages_in, ws_in);
        SUM(ws_messages_out, ws_out);
        SUM(bad_heads, bad_heads);
        SUM(timeouts, timeouts);
        SUM(slow_cut, slow_cut);
        for (unsigned s = 0; s < 6; s++)
            SUM(status[s], status[s]);
#undef SUM
    }
    return sum;
}
