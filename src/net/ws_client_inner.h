/*
 * Inside the outgoing WebSocket: one socket, and those of one loop.
 *
 * ws_client.c owns sockets: it starts, sends, closes, ends and frees them and makes the sentences;
 * ws_client_link.c resolves, connects, speaks TLS and moves bytes; ws_client_shake.c writes the opening
 * request and reads its answer. Only these include this.
 *
 * A socket is freed when it is over and no callback of it is on the stack (`busy`). What libuv still holds (a
 * lookup, a TCP handle, bytes being written) is memory of its own with a pointer back that is cut then.
 */
#ifndef EIDOLON_NET_WS_CLIENT_INNER_H
#define EIDOLON_NET_WS_CLIENT_INNER_H

#include "net/chunk.h"
#include "net/ws_client.h"
#include "net/ws_state.h"

#include <openssl/ssl.h>

enum { WS_CLIENT_HEADERS_MAX = 64 };

enum ws_phase { PHASE_CONNECTING, PHASE_SECURING, PHASE_ASKING, PHASE_REFUSED, PHASE_OPEN, PHASE_CLOSING };

struct ws_lookup;
struct ws_link;

/* An address taken apart; heap. */
struct ws_target {
    char *host, *port, *path;
    char *authority; /* for the Host header */
    bool tls, is_ip;
};

struct ws_client {
    struct ws_client *next, **prev;
    struct ws_clients *all;
    uint64_t id;
    const struct ws_client_events *events;
    void *arg;
    enum ws_phase phase;
    struct ws_target target;
    char endpoint[FETCH_ENDPOINT_TEXT];

    struct ws_lookup *lookup;
    struct addrinfo *addresses, *address; /* all; the one being tried */
    struct ws_link *link;                 /* the connection; NULL: none */
    int connect_error;                    /* libuv's, of the last address */
    SSL *ssl;
    BIO *from_peer, *to_peer; /* owned by ssl */

    char key[WS_KEY_TEXT + 1];
    char *request; /* the opening request */
    size_t request_n;
    char *offered;   /* subprotocols as in the header, or NULL */
    struct buf head; /* the answer, until it is whole */
    size_t scanned;
    struct fetch_header headers[WS_CLIENT_HEADERS_MAX];
    size_t header_count;
    struct arena arena; /* the refusal's headers */
    int status;
    uint64_t body_left; /* UINT64_MAX: to the end of the connection */
    bool chunked;
    struct chunk chunks;
    struct buf body;

    struct ws_decoder decoder;
    uint64_t deadline_ms; /* loop time: of what the phase waits for */
    uint64_t address_deadline_ms;
    uint64_t heard_ms; /* when bytes last came */
    uint64_t connect_ms, handshake_ms, ping_ms, pong_ms;
    size_t max_queue;
    bool pinged, paused, above_drain, close_sent, eof;
    bool opened;
    bool failing; /* `end` is told by the timer, as nothing may be told from here */
    bool over;
    unsigned busy;
    unsigned code; /* the peer's close code, or 1006 */
    struct str reason;
    struct ws_client_end end;
    struct timer timer;
};

/* A loop's. */
enum { WS_CLIENT_READ = 64 << 10, WS_CLIENT_PLAIN = 16 << 10 };
struct ws_clients {
    struct loop *loop;
    struct ws_client *first;
    char raw[WS_CLIENT_READ], plain[WS_CLIENT_PLAIN];
};

/* ws_client.c */
uint64_t ws_client_now(const struct ws_client *c) LOOP;
void ws_client_release(struct ws_client *c) LOOP; /* one callback less; frees what is over */
void ws_client_watch(struct ws_client *c) LOOP;   /* arms the timer for the next thing due */
/* The end, with its sentence; what is NULL-formatted says the result's own. */
void ws_client_over(struct ws_client *c, enum ws_client_result result, const char *detail) LOOP;
void ws_client_over_later(struct ws_client *c, enum ws_client_result result, const char *detail) LOOP;
void ws_client_connected(struct ws_client *c) LOOP; /* bytes can flow: the request goes out */
void ws_client_opened(struct ws_client *c, struct str subprotocol, struct str rest) LOOP;
void ws_client_bytes(struct ws_client *c, char *p, size_t n) LOOP; /* of the peer, in the clear */
void ws_client_eof(struct ws_client *c) LOOP;
void ws_client_drained(struct ws_client *c) LOOP;

/* ws_client_link.c */
bool ws_link_start(struct ws_client *c) LOOP; /* false: not even a lookup can be made */
void ws_link_next(struct ws_client *c) LOOP;  /* the present address does not answer: the next */
void ws_link_write(struct ws_client *c, struct str bytes) LOOP;
size_t ws_link_queued(const struct ws_client *c);
void ws_link_pause(struct ws_client *c, bool paused) LOOP;
void ws_link_drop(struct ws_client *c) LOOP; /* lookup and connection, at once */

/* ws_client_shake.c */
enum err ws_target_read(struct ws_target *to, struct str url, struct error *e);
void ws_target_release(struct ws_target *t);
enum err ws_shake_write(struct ws_client *c, const struct ws_client_request *request, struct error *e);
void ws_shake_bytes(struct ws_client *c, struct str bytes) LOOP;
void ws_shake_eof(struct ws_client *c) LOOP;

#endif
