/*
 * Inside fetch: a loop's pool and one transfer.
 *
 * fetch.c owns transfers and calls back; fetch_pool.c turns libcurl's sockets and timeouts into libuv's;
 * fetch_error.c makes sentences. Only these include this.
 *
 * libcurl must not be re-entered from its callbacks: `depth` counts them. What is asked for meanwhile is
 * marked on the transfer and done by fetch_settle() once libcurl has returned.
 */
#ifndef EIDOLON_LOOP_FETCH_INNER_H
#define EIDOLON_LOOP_FETCH_INNER_H

#include "base/buf.h"
#include "base/map.h"
#include "loop/fetch.h"

#include <curl/curl.h>

struct transfer {
    struct transfer *next_todo;
    struct pool *pool;
    uint64_t id;
    CURL *easy;
    struct curl_slist *headers;
    const struct fetch_events *events;
    void *arg;
    bool public_only; /* see fetch.h */
    bool refused;     /* an address that is not public was turned down */
    bool added;       /* in the multi handle */
    bool todo;        /* in pool->todo */
    bool cancelled;   /* nobody listens any more; freed by fetch_settle() */
    bool paused;      /* asked for */
    bool curl_paused; /* libcurl holds data back */
    bool head_done;
    int status;
    struct buf head; /* the lines of the present head */
    uint64_t max_bytes, bytes;
    uint64_t started_us, last_us; /* last: when something came, or the pause ended */
    uint64_t first_byte_ms, idle_ms, total_ms;
    enum fetch_result result; /* why our own callbacks refused, else FETCH_DONE */
    struct timer timer;
    char endpoint[FETCH_ENDPOINT_TEXT];
    char curl_error[CURL_ERROR_SIZE];
};

struct pool {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    struct watch *watches; /* sockets libcurl wants watched */
    struct transfer *todo; /* to be looked at by fetch_settle() */
    struct map transfers;  /* by id */
    unsigned depth;        /* inside libcurl */
    bool deferred;         /* fetch_settle() is on its way */
};

/* fetch_pool.c */
struct pool *pool_of(struct loop *loop) LOOP; /* made at the first call */
struct pool *pool_now(void) LOOP;             /* NULL before that */
void pool_free(struct pool *pool) LOOP;
curl_socket_t pool_open_socket(void *transfer, curlsocktype purpose, struct curl_sockaddr *to);
int pool_close_socket(void *pool, curl_socket_t socket); /* CURLOPT_CLOSESOCKETFUNCTION */

/* fetch.c: what waited for libcurl's return, and the transfers that are over. */
void fetch_settle(struct pool *pool) LOOP;

/* fetch_error.c */
enum fetch_result fetch_result_of(CURLcode code);
void fetch_explain(struct transfer *t, enum fetch_result result, struct error *e);

#endif
