/* Listeners and accepting; see listen.h. The net's life (new, stop, free, counters) is in net.c. */
#include "net/listen_state.h"

#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_A_TURN = 32, FIRST_INHERITED_FD = 3 };

static const char busy_answer[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 42\r\nRetry-After: 5\r\nConnection: close\r\n\r\n"
    "The server is full; try again in a moment\n";

/* Reserves a place under the limits; the connection gives it back when it is closed. */
static bool admit(struct net_loop *nl)
{
    struct net *net = nl->net;
    if (atomic_fetch_add(&net->connections, 1) >= nl->limits.connections) {
        atomic_fetch_sub(&net->connections, 1);
        return false;
    }
    return true;
}

static struct str ip_key(const struct conn *c)
{
    return str_of((const char *)c->ip, sizeof c->ip);
}

/* Counts the connection under its address; false when there are too many. */
static bool admit_ip(struct conn *c)
{
    struct net *net = c->nl->net;
    unsigned limit = c->nl->limits.connections_per_ip;
    if (limit == UINT32_MAX || c->unix_socket || conn_peer(c).loopback)
        return true;
    uv_mutex_lock(&net->mutex);
    uintptr_t count = (uintptr_t)map_get(net->per_ip, ip_key(c));
    bool ok = count < limit;
    if (ok)
        map_set(net->per_ip, ip_key(c), (void *)(count + 1));
    uv_mutex_unlock(&net->mutex);
    c->ip_counted = ok;
    return ok;
}

void net_connection_closed(struct conn *c)
{
    struct net *net = c->nl->net;
    atomic_fetch_sub(&net->connections, 1);
    if (c->ip_counted) {
        uv_mutex_lock(&net->mutex);
        uintptr_t count = (uintptr_t)map_get(net->per_ip, ip_key(c));
        if (count > 1)
            map_set(net->per_ip, ip_key(c), (void *)(count - 1));
        else
            map_del(net->per_ip, ip_key(c));
        uv_mutex_unlock(&net->mutex);
    }
    net_part_check(c->nl);
}

static void refuse_fd(struct net_loop *nl, int fd, bool tls)
{
    COUNT(nl, refused, 1);
    if (!tls && send(fd, busy_answer, sizeof busy_answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        COUNT(nl, refused, 0);
    shutdown(fd, SHUT_WR);
    close(fd);
}

/* Whether the process at the other end of a Unix socket runs as we do, or as root. */
static bool is_own(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void welcome(struct listener_part *part, int fd) LOOP
{
    struct net_loop *nl = part->nl;
    struct net_listener *l = part->listener;
    if (l->own_only && !is_own(fd)) {
        COUNT(nl, refused, 1);
        close(fd);
        return;
    }
    if (!admit(nl)) {
        refuse_fd(nl, fd, l->tls != NULL);
        return;
    }
    if (l->port) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    SSL *ssl = l->tls ? tls_accept(l->tls, fd) : NULL;
    struct conn *c = l->tls && !ssl ? NULL : conn_new(nl, fd, ssl, l->app);
    if (!c) {
        SSL_free(ssl);
        close(fd);
        atomic_fetch_sub(&nl->net->connections, 1);
        return;
    }
    if (!admit_ip(c)) {
        struct piece busy = {PIECE_STATIC, busy_answer, sizeof busy_answer - 1};
        COUNT(nl, refused, 1);
        if (!ssl)
            conn_write(c, &busy, 1);
        if (ssl)
            conn_kill(c);
        else
            conn_finish(c);
    }
}

/* Out of descriptors: give up the spare one to answer, so that the peer is not left waiting. */
static void refuse_one(struct listener_part *part)
{
    struct net *net = part->nl->net;
    uv_mutex_lock(&net->mutex);
    if (net->spare_fd >= 0) {
        close(net->spare_fd);
        int fd = accept4(part->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            refuse_fd(part->nl, fd, part->listener->tls != NULL);
        net->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    uv_mutex_unlock(&net->mutex);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    on_loop();
    struct listener_part *part = poll->data;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN && status == 0; i++) {
        int fd = accept4(part->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            welcome(part, fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            refuse_one(part);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void start_part(void *arg)
{
    on_loop();
    struct listener_part *part = arg;
    part->nl->uv = loop_uv(part->nl->loop);
    part->nl->listening++;
    uv_poll_init(part->nl->uv, &part->poll, part->listener->fd);
    part->poll.data = part;
    part->open = true;
    if (part->nl->stopping)
        listener_part_close(part);
    else
        uv_poll_start(&part->poll, UV_READABLE, on_accept);
}

static void on_part_closed(uv_handle_t *handle)
{
    on_loop();
    struct listener_part *part = handle->data;
    struct net_listener *l = part->listener;
    if (atomic_fetch_sub(&l->parts_open, 1) == 1) {
        close(l->fd);
        l->fd = -1;
    }
    part->nl->listening--;
    net_part_check(part->nl);
}

void listener_part_close(struct listener_part *part)
{
    if (!part->open)
        return;
    part->open = false;
    uv_close((uv_handle_t *)&part->poll, on_part_closed);
}

static void describe(struct net_listener *l)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN] = "";
    memset(&a, 0, sizeof a);
    getsockname(l->fd, (struct sockaddr *)&a, &n);
    if (a.ss_family == AF_UNIX) {
        snprintf(l->address, sizeof l->address, "unix:%s", ((struct sockaddr_un *)&a)->sun_path);
        return;
    }
    getnameinfo((struct sockaddr *)&a, n, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    bool six = a.ss_family == AF_INET6;
    l->port = ntohs(six ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
    snprintf(l->address, sizeof l->address, six ? "[%s]:%u" : "%s:%u", host, l->port);
}

static struct net_listener *start(struct net *net, int fd, const struct http_app *app, struct net_tls *tls,
                                  bool own_only)
{
    struct net_listener *l = heap_alloc(sizeof *l + net->part_count * sizeof l->parts[0]);
    l->fd = fd;
    l->app = app;
    l->tls = tls;
    l->own_only = own_only;
    describe(l);
    l->next = net->listeners;
    net->listeners = l;
    atomic_store(&l->parts_open, net->part_count);
    for (unsigned i = 0; i < net->part_count; i++) {
        l->parts[i].listener = l;
        l->parts[i].nl = &net->parts[i];
        loop_call(net->parts[i].loop, start_part, &l->parts[i]);
    }
    return l;
}

static enum err explain(struct error *e, const char *address)
{
    int why = errno;
    if (why == EADDRINUSE)
        return error_set(e, ERR_CONFLICT,
                         "Cannot listen on %s: another program already does; stop it or choose another port.",
                         address);
    if (why == EACCES)
        return error_set(e, ERR_FORBIDDEN, "Cannot listen on %s: not permitted; choose a port above 1023.",
                         address);
    if (why == EADDRNOTAVAIL)
        return error_set(e, ERR_INVALID, "Cannot listen on %s: this machine does not have that address.",
                         address);
    errno = why;
    return error_set(e, ERR_IO, "Cannot listen on %s: %m.", address);
}

static enum err parse_address(const char *address, struct addrinfo **out, struct error *e)
{
    const char *colon = strrchr(address, ':');
    struct str host = str_of(address, colon ? (size_t)(colon - address) : 0);
    uint64_t port = 0;
    if (!colon || !str_to_u64(str_c(colon + 1), &port) || port > 65535)
        return error_set(e, ERR_INVALID,
                         "'%s' is no address to listen on; write HOST:PORT, as 127.0.0.1:8080.", address);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    char name[256];
    str_copy(name, sizeof name, host);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int rc = getaddrinfo(host.n ? name : NULL, colon + 1, &hints, out);
    if (rc != 0)
        return error_set(e, ERR_INVALID, "Cannot listen on %s: the host is unknown (%s).", address,
                         gai_strerror(rc));
    return ERR_OK;
}

enum err net_listen_tcp(struct net *net, const char *address, const struct http_app *app, struct net_tls *tls,
                        struct net_listener **out, struct error *e)
{
    struct addrinfo *list = NULL;
    enum err err = parse_address(address, &list, e);
    if (err)
        return err;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    /* A port in TIME_WAIT may be taken again; a live listener still collides. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        err = explain(e, address);
        if (fd >= 0)
            close(fd);
    } else {
        *out = start(net, fd, app, tls, false);
    }
    freeaddrinfo(list);
    return err;
}

/* A socket file that nobody answers on is left from an earlier run. */
static enum err clear_stale(const struct sockaddr_un *a, struct error *e)
{
    struct stat st;
    if (lstat(a->sun_path, &st) != 0)
        return ERR_OK;
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, ERR_CONFLICT, "Cannot listen on %s: a file that is no socket lies there.",
                         a->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool live = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0;
    close(fd);
    if (live)
        return error_set(e, ERR_CONFLICT, "Cannot listen on %s: another program already does.", a->sun_path);
    unlink(a->sun_path);
    return ERR_OK;
}

enum err net_listen_unix(struct net *net, const char *path, unsigned mode, const struct http_app *app,
                         struct net_listener **out, struct error *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return error_set(e, ERR_INVALID, "The socket path '%s' is longer than %zu bytes.", path,
                         sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    enum err err = clear_stale(&a, e);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* fchmod() before bind() sets the mode of the file that bind() makes, without a moment in between. */
    if (fd < 0 || fchmod(fd, mode) != 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
        err = explain(e, path);
        if (fd >= 0)
            close(fd);
        return err;
    }
    *out = start(net, fd, app, NULL, !(mode & (S_IRWXG | S_IRWXO)));
    (*out)->unix_path = heap_cstr(str_c(path));
    return ERR_OK;
}

enum err net_listen_inherited(struct net *net, const struct http_app *app, struct net_tls *tls,
                              unsigned *count, struct error *e)
{
    uint64_t pid = 0, n = 0;
    const char *for_pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    *count = 0;
    if (!for_pid || !fds || !str_to_u64(str_c(for_pid), &pid) || pid != (uint64_t)getpid())
        return ERR_OK;
    if (!str_to_u64(str_c(fds), &n) || n > 64)
        return error_set(e, ERR_INVALID, "LISTEN_FDS is '%s', which is no small number.", fds);
    for (int fd = FIRST_INHERITED_FD; fd < FIRST_INHERITED_FD + (int)n; fd++) {
        int listening = 0, type = 0;
        socklen_t size = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || !listening || type != SOCK_STREAM)
            return error_set(e, ERR_INVALID, "The inherited descriptor %d is no listening stream socket.",
                             fd);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        struct net_listener *l = start(net, fd, app, tls, false);
        if (!l->port)
            l->tls = NULL;
        ++*count;
    }
    return ERR_OK;
}

const char *net_listener_address(const struct net_listener *l)
{
    return l->address;
}

uint16_t net_listener_port(const struct net_listener *l)
{
    return l->port;
}
