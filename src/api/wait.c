/*
 * Waiting for an operation: the three kinds, each the same way.
 *
 * What is remembered across the gap is a reference to the request, not a pointer: the client may be gone when
 * the operation comes back. The operation owns its arena, so its inputs are copied into it before.
 */
#include "api/call.h"

#include <stdlib.h>

struct waiting {
    struct http_ref ref;
    bool failures; /* `then` sees them too */
    void (*room)(struct call *, struct room_op *);
    void (*store)(struct call *, struct store_op *);
};

static struct call *call_back(struct http_ref ref) LOOP;
static struct call *call_back(struct http_ref ref)
{
    struct http_req *req = http_find(ref);
    return req ? req->user : NULL;
}

static void room_done(struct room_op *op)
{
    on_loop();
    struct waiting *waiting = op->arg;
    struct call *call = call_back(waiting->ref);
    if (call && op->err && !waiting->failures)
        call_error(call, &op->error);
    else if (call)
        waiting->room(call, op);
    room_op_free(op);
}

static void submit_room(struct call *call, struct room_op *op, bool failures,
                        void (*then)(struct call *, struct room_op *)) LOOP;
static void submit_room(struct call *call, struct room_op *op, bool failures,
                        void (*then)(struct call *, struct room_op *))
{
    struct waiting *waiting = arena_new(&op->arena, struct waiting);
    waiting->failures = failures;
    waiting->ref = http_ref(call->req);
    waiting->room = then;
    op->arg = waiting;
    op->done = room_done;
    room_submit(call->api->parts.rooms, op);
}

void call_room(struct call *call, struct room_op *op, void (*then)(struct call *, struct room_op *))
{
    submit_room(call, op, false, then);
}

void call_room_either(struct call *call, struct room_op *op, void (*then)(struct call *, struct room_op *))
{
    submit_room(call, op, true, then);
}

static void store_done(struct store_op *op)
{
    on_loop();
    struct waiting *waiting = op->arg;
    struct call *call = call_back(waiting->ref);
    if (call && op->err)
        call_error(call, &op->error);
    else if (call)
        waiting->store(call, op);
    store_op_free(op);
}

void call_store(struct call *call, struct store_op *op, void (*then)(struct call *, struct store_op *))
{
    struct waiting *waiting = arena_new(&op->arena, struct waiting);
    waiting->ref = http_ref(call->req);
    waiting->store = then;
    op->arg = waiting;
    op->done = store_done;
    store_submit(call->api->parts.store, op);
}

static void persona_done(struct personas_op *op)
{
    on_loop();
    struct persona_deed *deed = CONTAINER(op, struct persona_deed, op);
    struct call *call = call_back(deed->ref);
    if (call && op->err && !deed->failures)
        call_error(call, &op->error);
    else if (call)
        deed->then(call, op);
    arena_release(&deed->arena);
    free(deed);
}

void call_persona_drop(struct persona_deed *deed)
{
    arena_release(&deed->arena);
    free(deed);
}

struct persona_deed *call_persona(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = heap_alloc(sizeof *deed);
    deed->ref = http_ref(call->req);
    deed->then = then;
    deed->op.arena = &deed->arena;
    deed->op.done = persona_done;
    deed->op.owner = deed->op.author = call->who.user;
    deed->op.author_name = arena_str(&deed->arena, str_c(call->who.name));
    return deed;
}
