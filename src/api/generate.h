/*
 * A generation for a request: an engine asked on behalf of one HTTP call, without a room.
 *
 * It lies in the request's arena. When the client goes away, the engine is told to stop.
 */
#ifndef EIDOLON_API_GENERATE_H
#define EIDOLON_API_GENERATE_H

#include "api/call.h"
#include "engine/provider.h"

struct generation {
    struct call *call;
    struct gen_request request; /* filled by the handler */
    uint64_t id;                /* 0: not running */
    uint64_t began_us;
    struct buf text;       /* all deltas so far; released at the request's end */
    struct buf tool_calls; /* JSON objects as they came, parted by commas */
    void (*delta)(struct generation *g, struct str text); /* NULL: only collected */
    void (*tool_call)(struct generation *g, struct str json);
    void (*raw)(struct generation *g, struct str json);
    void (*finished)(struct generation *g, const struct gen_end *end);
    void *arg;
};

/* With nothing set but the sampling's "unset"; takes over the request's on_closed. */
struct generation *generation_new(struct call *call) LOOP;
/* finished() follows in every case, unless the client leaves first. */
void generation_start(struct generation *g, struct str engine) LOOP;
/* No more is wanted; finished() is not called. */
void generation_cancel(struct generation *g) LOOP;
/* A failed end as an error: its own code, the status of the code. */
void generation_error(const struct gen_end *end, struct error *e);

#endif
