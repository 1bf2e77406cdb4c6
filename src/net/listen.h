/*
 * Listeners and the life of the network part: limits, TLS certificates, counters, graceful stop.
 *
 * One struct net serves any number of listeners on all loops. A listening socket is one descriptor that every
 * loop polls (not SO_REUSEPORT: two servers on one port must collide); a connection lives on the loop whose
 * accept() got it. These functions are called from the thread that sets the program up, not from a loop,
 * except where said.
 */
#ifndef EIDOLON_NET_LISTEN_H
#define EIDOLON_NET_LISTEN_H

#include "loop/workers.h"
#include "net/http.h"

struct net;
struct net_listener;

/* Every limit has a name; 0 in a field means "the default" (net_limits_default). Bytes, or milliseconds. */
struct net_limits {
    unsigned connections;        /* of the whole server; beyond it a new one gets 503 */
    unsigned connections_per_ip; /* of one remote address that is not loopback; default: no limit */
    unsigned head_bytes;         /* request line and headers together: 431 (414 for the line alone) */
    unsigned header_count;       /* 431 */
    unsigned pipeline_bytes;     /* read ahead while a request is being answered */
    size_t drain_body_bytes;     /* of a body nobody took, before the connection is closed instead */
    size_t queue_bytes;          /* waiting for one slow reader, then it is cut */
    size_t drain_bytes;          /* on_drain() when the queue falls to this */
    size_t ws_message_bytes;     /* 1009 */
    unsigned head_ms;            /* from the first byte of a head to its end: 408 */
    unsigned idle_ms;            /* keep-alive without a request */
    unsigned body_ms;            /* for each body_step bytes of a body: 408 */
    unsigned body_step;
    unsigned write_ms;     /* without any progress while bytes wait */
    unsigned handshake_ms; /* TLS */
    unsigned ping_ms;  /* an idle WebSocket is pinged, an event stream gets a comment; UINT32_MAX: never */
    unsigned pong_ms;  /* and is dropped when it stays silent for this long after */
    unsigned close_ms; /* WebSocket close handshake; lingering close of a connection */
};
extern const struct net_limits net_limits_default;

struct net_config {
    struct net_limits limits;
    struct workers *workers; /* writes uploads to disk; NULL: done on the loop */
    const char *csp;         /* Content-Security-Policy of documents; NULL: NET_CSP_DEFAULT */
    bool hsts;               /* Strict-Transport-Security on TLS answers */
    bool server_header;      /* "Server: eidolon" */
};

/* Everything from ourselves, no other host, no frame around us. */
#define NET_CSP_DEFAULT                                                                                      \
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "           \
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; "   \
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/* Also ignores SIGPIPE for the process. `config` is copied. */
enum err net_new(struct loops *loops, const struct net_config *config, struct net **out, struct error *e);

/* New limits from now on, on every loop (what already waits keeps its deadline). Any thread. */
void net_set_limits(struct net *net, const struct net_limits *limits);

/* TLS from PEM files (the chain, leaf first; its key). Kept by the net; listeners refer to it. */
struct net_tls;
enum err net_tls_new(struct net *net, const char *cert_file, const char *key_file, struct net_tls **out,
                     struct error *e);
/* Reads the files again; new connections get the new certificate, running ones keep theirs. On an error the
 * old one stays in use. Any thread. */
enum err net_tls_reload(struct net_tls *tls, struct error *e);

/* "127.0.0.1:8080", "[::1]:8080", "localhost:0", ":8080" (every address). tls may be NULL. The app and the
 * tls outlive the net. The sentence says who to blame: the port is taken, the address is not ours. */
enum err net_listen_tcp(struct net *net, const char *address, const struct http_app *app, struct net_tls *tls,
                        struct net_listener **out, struct error *e);
/* A Unix socket with this file mode (0600). A stale socket file is replaced; a live one is ERR_CONFLICT.
 * Where the mode lets nobody else in, the kernel's word for who the peer is (SO_PEERCRED) must be our own
 * user or root: a descriptor that was passed on, or a folder with loose permissions, makes nobody the owner.
 */
enum err net_listen_unix(struct net *net, const char *path, unsigned mode, const struct http_app *app,
                         struct net_listener **out, struct error *e);
/* Every socket that systemd passed (LISTEN_FDS, LISTEN_PID); *count says how many, 0 is no error. */
enum err net_listen_inherited(struct net *net, const struct http_app *app, struct net_tls *tls,
                              unsigned *count, struct error *e);
/* As bound: "127.0.0.1:41234", "[::1]:8080", "unix:/run/eidolon.sock". Static until the net is freed. */
const char *net_listener_address(const struct net_listener *listener);
uint16_t net_listener_port(const struct net_listener *listener); /* 0: a Unix socket */

/*
 * Graceful: stops accepting, closes idle connections, lets running requests finish (on_stop() tells streams),
 * sends 1001 to WebSockets; what is left after deadline_ms is cut. Returns when no connection is left. Loops
 * must be running. Afterwards the loops may be stopped, then the net freed.
 */
void net_stop(struct net *net, unsigned deadline_ms);
void net_free(struct net *net);

/* Sums over the loops; any thread. */
struct net_counters {
    uint64_t accepted, refused, closed; /* connections; refused: over a limit */
    uint64_t open_http, open_ws, open_tls;
    uint64_t requests, status[6]; /* status[2]: answers 2xx */
    uint64_t bytes_in, bytes_out;
    uint64_t ws_messages_in, ws_messages_out;
    uint64_t bad_heads; /* refused by the parser */
    uint64_t timeouts;  /* slow heads, bodies, readers and silent sockets */
    uint64_t slow_cut;  /* over queue_bytes */
};
struct net_counters net_counters(const struct net *net);

#endif
