/*
 * WebSocket connections, server side: RFC 6455 whole, permessage-deflate (RFC 7692) without context takeover.
 *
 * http_upgrade_ws() answers 101 and frees the request; what is left is a struct ws of a few hundred bytes.
 * Messages arrive whole, unmasked, inflated and checked; pings, pongs, fragments and the close handshake
 * never reach the application. The server pings an idle peer and drops one that stays silent.
 *
 * Ownership: net owns the ws until closed() returned. Across a gap keep a ws_ref. All functions run on the
 * ws's loop; a broadcast to other loops is a message that carries the frames.
 */
#ifndef EIDOLON_NET_WS_H
#define EIDOLON_NET_WS_H

#include "net/http.h"

struct ws;

/* Lives as long as any socket made with it. Each begins with on_loop(). */
struct ws_events {
    /* A whole message; the view is valid during the call. Text is valid UTF-8. */
    void (*message)(struct ws *ws, struct str payload, bool text, void *arg);
    /* Queued bytes fell to net_limits.drain_bytes or below after having been above. May be NULL. */
    void (*drain)(struct ws *ws, void *arg);
    /* The end, once. `code` is the peer's close code, 1005 when it gave none, 1006 when the connection broke,
     * 1001 when the server stops. */
    void (*closed)(struct ws *ws, unsigned code, void *arg);
};

struct ws_options {
    size_t max_message;      /* 0: net_limits.ws_message_bytes */
    bool no_deflate;         /* refuse permessage-deflate */
    const char *subprotocol; /* answered when the peer offers it; NULL: none */
};

/*
 * Upgrades, or answers 400 or 426 when the handshake is not one; the request is gone in both cases. Returns
 * the ws, or NULL. Who may connect (Origin, credentials) is decided by the caller before. `options` may be
 * NULL. Messages that came with the handshake are delivered after this returned.
 */
struct ws *http_upgrade_ws(struct http_req *req, const struct ws_events *events,
                           const struct ws_options *options, void *arg) LOOP;

/* False: the socket is closed or was cut because more than net_limits.queue_bytes were waiting. */
bool ws_send(struct ws *ws, struct str payload, bool text) LOOP;

/* Broadcast: encode once, anywhere, then send the frame to each. */
struct shared *ws_frame_new(struct str payload, bool text);
/* Compressed; NULL when that is not worth it (under 1 KB, or it does not shrink). Any thread. */
struct shared *ws_frame_deflated(struct str payload, bool text);
/* Sends `deflated` where the peer agreed to it and it is not NULL, else `plain`. Takes no reference of the
 * caller's. */
bool ws_send_shared(struct ws *ws, struct shared *plain, struct shared *deflated) LOOP;

/* Starts the close handshake; closed() comes later. The reason is cut at 123 bytes. */
void ws_close(struct ws *ws, unsigned code, struct str reason) LOOP;
void ws_kill(struct ws *ws) LOOP; /* without a handshake */

size_t ws_queued(const struct ws *ws); /* bytes that wait for the peer to read */
bool ws_is_deflated(const struct ws *ws);
void *ws_arg(const struct ws *ws);
struct peer ws_peer(const struct ws *ws);

struct ws_ref {
    void *at;
    uint64_t serial;
    uint32_t slot;
};
struct ws_ref ws_ref(const struct ws *ws);
struct ws *ws_find(struct ws_ref ref) LOOP; /* NULL: gone. On the loop of ws_ref_loop(). */
struct loop *ws_ref_loop(struct ws_ref ref);

#endif
