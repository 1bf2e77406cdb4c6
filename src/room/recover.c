/*
 * The two ends of a process: turns that the last one left open are ended as failed, and before this one stops
 * its own turns may finish, for a while. See rooms.h.
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

enum { DRAIN_LOOK_MS = 10 };

/* ---- recovery ---- */

struct recovery {
    struct rooms *rooms;
    size_t open;
    void (*done)(void *arg);
    void *arg;
};

static void recovered_one(struct recovery *r)
{
    if (--r->open)
        return;
    r->done(r->arg);
    free(r);
}

static void recovered(struct room_op *op)
{
    on_loop();
    struct recovery *r = op->arg;
    if (op->err != ERR_OK)
        log_warn("room", "a turn that was left open could not be ended: %s", op->error.message);
    room_op_free(op);
    recovered_one(r);
}

static void open_turns(struct store_op *store_op)
{
    on_loop();
    struct store_open_turns *list = CONTAINER(store_op, struct store_open_turns, op);
    struct recovery *r = store_op->arg;
    struct principal owner = principal_owner(CREDENTIAL_NONE);
    if (store_op->err != ERR_OK)
        log_warn("room", "the turns that were left open could not be read: %s", store_op->error.message);
    r->open = list->count + 1;
    for (size_t i = 0; i < list->count; i++) {
        struct room_op *op = room_op_new(ROOM_RECOVER, &owner, list->rows[i].room);
        op->event = event_copy(&op->arena, &list->rows[i]);
        op->done = recovered;
        op->arg = r;
        room_submit(r->rooms, op);
    }
    if (list->count)
        log_info("room", "%zu turns were cut by the last stop; they end as failed", list->count);
    store_op_free(store_op);
    recovered_one(r);
}

static void begin_recovery(void *arg)
{
    on_loop();
    struct recovery *r = arg;
    struct store_open_turns *list = STORE_NEW(open_turns, OPEN_TURNS);
    list->tenant = tenant_local();
    list->op.done = open_turns;
    list->op.arg = r;
    store_submit(r->rooms->deps.store, &list->op);
}

void rooms_recover(struct rooms *rooms, struct loop *on, void (*done)(void *arg), void *arg)
{
    struct recovery *r = heap_alloc(sizeof *r);
    *r = (struct recovery){.rooms = rooms, .done = done, .arg = arg};
    loop_call(on, begin_recovery, r);
}

static void ended(struct room_append *append, struct room *room)
{
    on_loop();
    room_append_answer(append, room);
}

LOOP void verb_recover(struct room *room, struct room_op *op)
{
    /* Two lists may name the same turn, and a turn of this process is nobody's to recover. */
    if (turn_find(room, op->event.turn)) {
        room_op_done(op);
        return;
    }
    const struct event_row *open = &op->event;
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = ended;
    struct event_row *row = room_append_row(append, EVENT_TURN_ENDED, AUTHOR_PERSONA, open->author,
                                            arena_str(&append->store.op.arena, open->author_name));
    row->turn = open->turn;
    row->cause = open->cause;
    row->data =
        STR("{\"outcome\":\"failed\",\"text\":\"\",\"error\":{\"message\":\"The server stopped before this "
            "answer "
            "was finished; ask for another one.\",\"type\":\"engine_error\",\"code\":\"interrupted\"},"
            "\"engine\":null,\"finish\":null,\"usage\":null,\"timings\":{},\"recalled\":[]}");
    room_append_send(room, append);
}

/* ---- draining ---- */

struct drain {
    struct rooms *rooms;
    struct loop *on;
    _Atomic unsigned loops;
    void (*done)(void *arg);
    void *arg;
    uint64_t until_us;
};

struct home_drain {
    struct drain *drain;
    struct home *home;
    struct timer timer;
    bool failed;
};

static LOOP bool busy(struct home *home)
{
    size_t at = 0;
    void *value = NULL;
    while (map_next(&home->table, &at, &value)) {
        const struct room *room = value;
        if (room->turn_count || room->appending || translate_busy(room) || room->load == ROOM_LOADING)
            return true;
    }
    return false;
}

static LOOP void fail_running(struct home *home)
{
    size_t at = 0;
    void *value = NULL;
    while (map_next(&home->table, &at, &value)) {
        struct room *room = value;
        turns_stop_all(room, "The server is being stopped; ask for another answer when it is back.");
        translate_stop_all(room, "The server was stopped before this was translated.");
    }
}

static void drained(void *arg)
{
    on_loop();
    struct drain *d = arg;
    d->done(d->arg);
    free(d);
}

static void look(struct timer *timer)
{
    on_loop();
    struct home_drain *h = CONTAINER(timer, struct home_drain, timer);
    struct drain *d = h->drain;
    if (busy(h->home)) {
        if (!h->failed && clock_mono_us() >= d->until_us) {
            h->failed = true;
            fail_running(h->home);
        }
        timer_arm(&h->timer, DRAIN_LOOK_MS, look);
        return;
    }
    rooms_close_home(h->home);
    timer_close(&h->timer);
    free(h);
    if (--d->loops == 0)
        loop_call(d->on, drained, d);
}

static void begin_drain(void *arg)
{
    on_loop();
    struct home_drain *h = arg;
    look(&h->timer);
}

void rooms_drain(struct rooms *rooms, struct loop *on, unsigned grace_ms, void (*done)(void *arg), void *arg)
{
    struct drain *d = heap_alloc(sizeof *d);
    d->rooms = rooms;
    d->on = on;
    d->loops = loops_count(rooms->deps.loops);
    d->done = done;
    d->arg = arg;
    d->until_us = clock_mono_us() + (uint64_t)grace_ms * 1000;
    rooms->draining = true;
    for (unsigned i = 0; i < loops_count(rooms->deps.loops); i++) {
        struct home_drain *h = heap_alloc(sizeof *h);
        *h = (struct home_drain){.drain = d, .home = &rooms->homes[i]};
        loop_call(rooms->homes[i].loop, begin_drain, h);
    }
}
