/*
 * A call: one request on its way through a handler, and the ways to answer it.
 *
 * The call lies in the request's arena and dies with it. Handlers run on the request's loop. One that must
 * wait hands an operation of the room, the store or the personas to call_room(), call_store(),
 * call_persona(): `then` runs with the call when the operation came back well; its failure is answered with
 * its error; when the request is gone by then, nothing runs. The operation is freed by these functions in
 * every case.
 *
 * Every function that answers does so exactly once; after it the call may be gone.
 */
#ifndef EIDOLON_API_CALL_H
#define EIDOLON_API_CALL_H

#include "api/api.h"
#include "api/pairing.h"
#include "api/route.h"
#include "base/config.h"
#include "base/json.h"
#include "persona/personas.h"

struct api {
    struct api_parts parts;
    struct http_app http;
    struct net *net;
    uint64_t started_us;
    atomic_bool ready;
    struct realtime_secrets *secrets; /* realtime.h */
    struct api_https https;
    struct pairings pairings;
};

struct call {
    struct api *api;
    struct http_req *req;
    const struct route *route;
    struct route_params params;
    struct principal who;
    const struct json *body;  /* BODY_JSON, BODY_OPEN, BODY_FREE: an object */
    const uint8_t *body_hash; /* BODY_FILE: its SHA-256, set by the handler before idem_check() */
    void *state;              /* the handler's own, in the request's arena */
};

static inline struct arena *call_arena(struct call *call)
{
    return &call->req->arena;
}
struct config;
const struct config *call_config(const struct call *call); /* the settings as they are now */

/* Answers. */
void call_json(struct call *call, int status, struct str json) LOOP;
void call_status(struct call *call, int status) LOOP; /* no body */
void call_error(struct call *call, const struct error *e) LOOP;
void call_refuse(struct call *call, enum err err, const char *format, ...) LOOP
    __attribute__((format(printf, 3, 4)));
void call_refuse_param(struct call *call, enum err err, const char *param, const char *format, ...) LOOP
    __attribute__((format(printf, 4, 5)));
/* A single resource with its ETag: 304 where If-None-Match has it. `version` 0: without. */
void call_resource(struct call *call, int status, uint64_t version, struct str json) LOOP;

/* Reading. Those that return bool have answered when they return false. */
struct str call_param(const struct call *call, unsigned n);
bool call_param_id(struct call *call, unsigned n, const char *what, struct id *out) LOOP; /* else 404 */
bool call_query(struct call *call, const char *name, struct str *value) LOOP;   /* empty when absent */
bool call_query_u64(struct call *call, const char *name, uint64_t *value) LOOP; /* unchanged when absent */
bool call_query_flag(struct call *call, const char *name, bool *value) LOOP;
bool call_query_limit(struct call *call, unsigned *limit) LOOP; /* 1..200, default 50 */
/* If-Match as a version: 0 when absent or "*". */
bool call_if_match(struct call *call, uint64_t *version) LOOP;
/* The request wants an event stream rather than JSON. */
bool call_wants_stream(const struct call *call);

/* Waiting. */
void call_room(struct call *call, struct room_op *op, void (*then)(struct call *, struct room_op *)) LOOP;
/* `then` runs also when the operation failed; it answers op->error. */
void call_room_either(struct call *call, struct room_op *op,
                      void (*then)(struct call *, struct room_op *)) LOOP;
void call_store(struct call *call, struct store_op *op, void (*then)(struct call *, struct store_op *)) LOOP;

struct persona_deed {
    struct personas_op op;
    struct arena arena;
    struct http_ref ref;
    void (*then)(struct call *, struct personas_op *);
    bool failures; /* `then` runs also when the operation failed */
};
/* An op with its own arena and `done` set; hand &deed->op to a function of personas.h. */
struct persona_deed *call_persona(struct call *call, void (*then)(struct call *, struct personas_op *)) LOOP;
/* An op that is not handed on after all; `then` does not run. */
void call_persona_drop(struct persona_deed *deed) LOOP;

/*
 * Pages of a short list that lies in memory in the order of its names: begin, then ask of each name whether
 * it is in the page, then end with what page_next() says. False of the first: answered with an error.
 */
struct page {
    struct str after, last; /* names */
    unsigned limit, given;
    bool reached, more;
};
bool page_begin(struct page *page, struct call *call) LOOP;
bool page_has(struct page *page, struct str name);
struct str page_next(const struct page *page);

/* A list answer: {"data":[ ... ],"next":...}. */
void list_begin(struct jw *w, struct buf *b);
void list_end(struct jw *w, struct str next);

/* The body of an error (http_app.error_body). */
void error_body_write(const struct error *e, struct str request_id, struct buf *out, const char **type);
void error_object_write(struct jw *w, const struct error *e, struct str request_id);

#endif
