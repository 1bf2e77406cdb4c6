/*
 * Outgoing WebSocket (RFC 6455, client side) on the calling loop: ws:// and wss://.
 *
 * ws_client_start() returns an id at once; what happens comes back on the same loop, never before it has
 * returned: open, messages, end. The name is resolved and the addresses are tried one after the other; over
 * TLS (1.2 or newer) the certificate must be trusted by the system and name the host. Messages arrive whole,
 * checked and unmasked; pings, fragments and the close handshake never reach the caller. A peer that sends
 * nothing is pinged and dropped when it stays silent. Compression is not offered.
 *
 * Promises: end() exactly once, then nothing - unless ws_client_cancel() was called, after which nothing
 * comes at all. All functions may be called from inside any callback, of this or another socket; ids that are
 * unknown or over are ignored. Sending never blocks: what the peer does not take yet is queued, and a queue
 * beyond max_queue ends the socket. Pausing is back-pressure: the socket is not read.
 *
 * An answer other than 101 is told in end(): its status and the start of its body, which the caller reads.
 * Nothing of a URL but scheme, host and port gets into a sentence, as paths and queries carry secrets.
 *
 * It does not: follow redirects, use proxies, reconnect.
 */
#ifndef EIDOLON_NET_WS_CLIENT_H
#define EIDOLON_NET_WS_CLIENT_H

#include "loop/fetch.h"
#include "net/ws_codec.h"

enum {
    WS_CLIENT_CONNECT_MS = 10000,     /* to resolve, connect and agree on TLS, where connect_ms is 0 */
    WS_CLIENT_HANDSHAKE_MS = 10000,   /* from the request to the whole answer, where handshake_ms is 0 */
    WS_CLIENT_PING_MS = 25000,        /* silence after which the peer is asked, where ping_ms is 0 */
    WS_CLIENT_PONG_MS = 20000,        /* how long it may then stay silent, where pong_ms is 0 */
    WS_CLIENT_CLOSE_MS = 3000,        /* how long the close handshake may take */
    WS_CLIENT_MESSAGE_MAX = 16 << 20, /* bytes of one message, where max_message is 0 */
    WS_CLIENT_QUEUE_MAX = 32 << 20,   /* bytes that wait for the peer, where max_queue is 0 */
    WS_CLIENT_DRAIN = 64 << 10,       /* drain() comes when the queue falls to this */
    WS_CLIENT_HEAD_MAX = 16 << 10,    /* bytes of the answer's head */
    WS_CLIENT_BODY_MAX = 64 << 10,    /* bytes kept of an answer that refuses */
    WS_CLIENT_PROTOCOLS_MAX = 8,
};

/* Everything is copied. */
struct ws_client_request {
    struct str url; /* ws:// or wss:// (http:// and https:// mean the same) */
    const struct fetch_header *headers;
    size_t header_count;
    const struct str *subprotocols; /* at most WS_CLIENT_PROTOCOLS_MAX */
    size_t subprotocol_count;
    uint64_t connect_ms, handshake_ms, ping_ms, pong_ms; /* 0: the defaults above */
    size_t max_message, max_queue;                       /* 0: the defaults above */
};

enum ws_client_result {
    WS_CLIENT_CLOSED,     /* the close handshake was done, by whomever */
    WS_CLIENT_NO_HOST,    /* the name does not resolve */
    WS_CLIENT_NO_CONNECT, /* nobody listens, no route */
    WS_CLIENT_TLS,        /* no trust, no common version */
    WS_CLIENT_TIMEOUT,    /* resolving, connecting or the handshake took too long */
    WS_CLIENT_REFUSED,    /* an HTTP answer other than 101: status and body */
    WS_CLIENT_GARBAGE,    /* what answered speaks no WebSocket */
    WS_CLIENT_CUT,        /* the connection broke */
    WS_CLIENT_SILENT,     /* the peer answered no ping */
    WS_CLIENT_PROTOCOL,   /* the peer broke RFC 6455 */
    WS_CLIENT_TOO_BIG,    /* a message above max_message */
    WS_CLIENT_SLOW,       /* more than max_queue bytes waited for the peer */
};

struct ws_client_end {
    enum ws_client_result result;
    struct error error; /* a sentence unless WS_CLIENT_CLOSED with code 1000 or 1001 */
    bool opened;        /* open() was called */
    unsigned code;      /* the close code: the peer's, 1005 when it gave none, 1006 without a close frame */
    struct str reason;  /* the peer's; valid during the call */
    int status;         /* WS_CLIENT_REFUSED: HTTP's */
    struct str body;    /* WS_CLIENT_REFUSED: at most WS_CLIENT_BODY_MAX bytes; valid during the call */
    const struct fetch_header *headers; /* WS_CLIENT_REFUSED: valid during the call */
    size_t header_count;
};

/* Views are valid during the call. Each begins with on_loop(). */
struct ws_client_events {
    /* subprotocol: the one the peer chose of those offered; empty: none. May be NULL. */
    void (*open)(void *arg, struct str subprotocol);
    void (*message)(void *arg, struct str payload, bool text);
    void (*drain)(void *arg); /* the queue fell to WS_CLIENT_DRAIN after having been above; may be NULL */
    void (*end)(void *arg, const struct ws_client_end *end);
};

/* An id, or 0 with a sentence when the request is not one that can be sent. events must outlive the socket
 * (a static table). `loop` is the calling loop. */
uint64_t ws_client_start(struct loop *loop, const struct ws_client_request *request,
                         const struct ws_client_events *events, void *arg, struct error *e) LOOP;
/* False: not open (not yet, or no longer). A queue beyond its limit ends the socket, later. */
bool ws_client_send(uint64_t id, struct str payload, bool text) LOOP;
/* Starts the close handshake; end() comes later. The reason is cut at 123 bytes. */
void ws_client_close(uint64_t id, unsigned code, struct str reason) LOOP;
/* Gone at once, without a word to the caller; the peer gets a close frame if the socket was open. */
void ws_client_cancel(uint64_t id) LOOP;
void ws_client_pause(uint64_t id, bool paused) LOOP;
size_t ws_client_queued(uint64_t id) LOOP; /* bytes that wait for the peer */

/* Ends every socket of the calling loop without a word. Not from a callback. */
void ws_client_stop(struct loop *loop) LOOP;

#endif
