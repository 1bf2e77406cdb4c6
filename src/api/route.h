/*
 * The route table: which handler answers which method and path, and what is settled before it runs.
 *
 * The table is routes.def. Aliases (/api/characters, /api/sessions) are other names of a prefix and exist
 * only here. Matching is a walk over the table, which is short; handlers get the parts that {braces} took.
 *
 * It does not: authenticate (auth.h), read bodies (call.h).
 */
#ifndef EIDOLON_API_ROUTE_H
#define EIDOLON_API_ROUTE_H

#include "net/http.h"
#include "persona/lore.h"
#include "persona/persona.h"
#include "tenant/principal.h"
#include "voice/ear.h"

struct call;

enum route_body {
    BODY_NONE,  /* read and thrown away */
    BODY_JSON,  /* JSON, checked strictly against the request's shape; no body counts as {} */
    BODY_OPEN,  /* JSON, checked, unknown fields let through */
    BODY_FREE,  /* a JSON object; the handler checks it */
    BODY_BYTES, /* anything, in memory */
    BODY_FILE,  /* anything, in a file (http_req.body_path); limit 0: import.file_max */
};

enum route_flags {
    ROUTE_PUBLIC = 1 << 0,    /* no credential asked */
    ROUTE_CREATES = 1 << 1,   /* Idempotency-Key is honoured */
    ROUTE_SSE = 1 << 2,       /* answers Accept: text/event-stream with a stream */
    ROUTE_ETAG = 1 << 3,      /* ETag, If-Match and If-None-Match */
    ROUTE_SOCKET = 1 << 4,    /* upgrades; the same origin rule as unsafe methods */
    ROUTE_TEXT = 1 << 5,      /* answers text/plain */
    ROUTE_MEDIA = 1 << 9,     /* the body in a file may be as large as media.file_max */
    ROUTE_OWN_AUTH = 1 << 10, /* the handler asks who it is (realtime_secret.c); no body */
    ROUTE_FILE = 1 << 6,      /* the body may be as large as card.file_max, not `limit` */
};

/* Around a card in a multipart body. */
enum { MULTIPART_SLACK = 16384, VOICE_CLIP_MAX = 20 << 20 /* a reference clip */ };

struct route {
    const char *pattern; /* NULL: the row opens a group */
    void (*handle)(struct call *);
    const char *summary, *group;
    const char *request, *response; /* shapes of schema.def */
    uint64_t limit;                 /* of the body; 0: net.body_max */
    enum http_method method;
    enum route_body body;
    unsigned scope; /* enum scope */
    unsigned flags;
    int status;
};

enum { ROUTE_PARAMS = 4 };
struct route_params {
    struct str v[ROUTE_PARAMS];
    unsigned n;
};

const struct route *route_table(size_t *count);
/* Name and the files of the n-th group; false past the last. */
bool route_group(size_t n, const char **name, const char **files);

/*
 * The route of method and path, or NULL; then *allow has the methods the path does take, a bit each (1 <<
 * enum http_method), 0 when there is no such path. HEAD finds GET's route.
 */
const struct route *route_find(struct arena *a, enum http_method method, struct str path,
                               struct route_params *params, unsigned *allow);

/* "GET, HEAD, POST, OPTIONS" for an Allow header. */
struct str route_allow(struct arena *a, unsigned allow);
const char *route_method_name(enum http_method method);

/* Every handler. */
#define GROUP(name, files)
#define ROUTE(method, pattern, handler, body, limit, scope, flags, request, response, status, summary)       \
    void handle_##handler(struct call *call) LOOP;
#include "api/routes.def"
#undef GROUP
#undef ROUTE

#endif
