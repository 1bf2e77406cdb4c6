/*
 * Outgoing HTTP: every call to another server, on the calling loop, by libcurl.
 *
 * fetch_start() returns an id at once; the answer comes back as head, data..., end on the same loop, never
 * before fetch_start() has returned. Each loop has its own connection pool, made at the first call and closed
 * by fetch_stop(), which the loop's owner calls on the loop before loops_stop().
 *
 * Promises: end() exactly once, then nothing - unless fetch_cancel() was called, after which nothing comes at
 * all. start, cancel, pause and resume may be called from inside any callback, of this or another transfer;
 * ids that are unknown or over are ignored. Pausing is back-pressure: the socket is not read, so the peer's
 * window closes; a paused transfer cannot run into its idle timeout.
 *
 * Certificates are verified. Only http and https; redirects are answers like any other (a 3xx). HTTP/1.1
 * unless asked otherwise: paused HTTP/2 streams would buffer without bound. The environment's proxy settings
 * are followed but for loopback addresses. Nothing of a URL but scheme, host and port gets into a sentence,
 * as paths and queries carry secrets.
 */
#ifndef EIDOLON_LOOP_FETCH_H
#define EIDOLON_LOOP_FETCH_H

#include "base/buf.h"
#include "loop/loop.h"

struct fetch_header {
    struct str name, value;
};

enum {
    FETCH_CONNECT_MS = 10000,     /* where the request names no connect_ms */
    FETCH_BODY_MAX = 64 << 20,    /* where it names no max_bytes */
    FETCH_HEAD_MAX = 64 << 10,    /* bytes of an answer's head */
    FETCH_IDLE_CONNECTIONS = 128, /* kept open for the next call, a loop */
    FETCH_ENDPOINT_TEXT = 160,
};

/* Everything is copied. 0 leaves a timeout out. */
struct fetch_request {
    struct str method; /* empty: GET, or POST with a body */
    struct str url;
    struct str unix_path; /* connect to this Unix socket instead of the URL's host; or empty */
    const struct fetch_header *headers;
    size_t header_count;
    struct str body;
    uint64_t connect_ms;
    uint64_t first_byte_ms; /* from the start to the answer's head */
    uint64_t idle_ms;       /* between two pieces of the answer */
    uint64_t total_ms;
    uint64_t max_bytes; /* of the answer's body */
    bool http2;         /* over TLS, where the peer offers it */
    bool public_only;   /* refuse addresses of this machine and of private networks (FETCH_PRIVATE), whatever
                           the name resolves to; no proxy, no connection that was there before */
};

struct fetch_head {
    int status;
    const struct fetch_header *headers;
    size_t header_count;
};
/* The first header of that name, any case; empty when absent. */
struct str fetch_head_get(const struct fetch_head *head, const char *name);

enum fetch_result {
    FETCH_DONE,       /* the answer is complete, whatever its status */
    FETCH_NO_HOST,    /* the name does not resolve */
    FETCH_NO_CONNECT, /* nobody listens, no route */
    FETCH_TLS,        /* no trust, no common version */
    FETCH_TIMEOUT_CONNECT,
    FETCH_TIMEOUT_FIRST_BYTE,
    FETCH_TIMEOUT_IDLE,
    FETCH_TIMEOUT_TOTAL,
    FETCH_CUT,     /* the peer closed in the middle */
    FETCH_GARBAGE, /* what came is no HTTP */
    FETCH_TOO_BIG, /* more than max_bytes, or a head over FETCH_HEAD_MAX */
    FETCH_PRIVATE, /* public_only, and the address is not */
    FETCH_FAILED,  /* anything else */
};

struct fetch_end {
    enum fetch_result result;
    struct error error; /* a sentence unless FETCH_DONE */
    int status;         /* 0 if no head came */
    uint64_t bytes;     /* of the body */
    uint64_t connect_us, first_byte_us, total_us;
    bool reused; /* the connection came from the pool */
};

/* Views are valid during the call. Each begins with on_loop(). */
struct fetch_events {
    void (*head)(void *arg, const struct fetch_head *head); /* may be NULL */
    void (*data)(void *arg, struct str bytes);              /* may be NULL */
    void (*end)(void *arg, const struct fetch_end *end);
};

/* An id, or 0 with a sentence when the request is not one that can be sent. events must outlive the transfer
 * (a static table). `loop` is the calling loop. */
uint64_t fetch_start(struct loop *loop, const struct fetch_request *request,
                     const struct fetch_events *events, void *arg, struct error *e) LOOP;
void fetch_cancel(uint64_t id) LOOP;
void fetch_pause(uint64_t id) LOOP;
void fetch_resume(uint64_t id) LOOP;

/* Ends every transfer of the calling loop without a word and closes its connections. Not from a callback. */
void fetch_stop(struct loop *loop) LOOP;

/* Where a redirect's Location leads from `base`, appended to `to`. ERR_UPSTREAM for what is no http address.
 */
enum err fetch_join(struct str base, struct str location, struct buf *to, struct error *e);

struct sockaddr;
/* Whether an address is reachable from everywhere: neither this machine's, nor of a private network, nor
 * reserved (RFC 6890). IPv6 addresses that carry an IPv4 one are not. */
bool fetch_is_public(const struct sockaddr *address);

/* "https://api.example.com:8443" of any URL: scheme, host and port, nothing else; for sentences. */
void fetch_endpoint(char to[FETCH_ENDPOINT_TEXT], struct str url);

#endif
