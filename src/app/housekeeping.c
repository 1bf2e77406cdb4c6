/* What is due now and then: removing what is past its time (deleted personas and rooms, old idempotency
 * keys). */
#include "app/serve.h"

#include "base/clock.h"
#include "base/log.h"

enum { EVERY_MS = 6 * 3600 * 1000, FIRST_MS = 60 * 1000 };
static const int64_t undo_ms = (int64_t)PERSONA_UNDO_DAYS * 24 * 3600 * 1000;

static struct housekeeping {
    struct timer timer;
    struct store *store;
} house;

static void purged(struct store_op *op)
{
    on_loop();
    struct store_purge *purge = CONTAINER(op, struct store_purge, op);
    if (op->err != ERR_OK)
        log_warn("store", "what is past its time could not be removed: %s", op->error.message);
    else if (purge->removed)
        log_info("store", "%llu rows past their time were removed", (unsigned long long)purge->removed);
    store_op_free(op);
}

static void due(struct timer *timer)
{
    struct store_purge *purge = STORE_NEW(purge, PURGE);
    on_loop();
    purge->deleted_before_ms = clock_wall_ms() - undo_ms;
    purge->idem_before_ms = clock_wall_ms() - STORE_IDEM_MS;
    purge->op.done = purged;
    store_submit(house.store, &purge->op);
    timer_arm(timer, EVERY_MS, due);
}

static void start(void *arg)
{
    on_loop();
    house.store = arg;
    timer_arm(&house.timer, FIRST_MS, due);
}

static void stop(void *arg)
{
    on_loop();
    (void)arg;
    timer_close(&house.timer);
}

void housekeeping_start(struct parts *p)
{
    loop_call(loops_get(p->loops, 0), start, p->store);
}

void housekeeping_stop(struct parts *p)
{
    run_on_loop(loops_get(p->loops, 0), stop, NULL);
}
