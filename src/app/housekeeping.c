/* What is due now and then: removing what is past its time (deleted personas and rooms, old idempotency
 * keys), and files that nothing names any more. */
#include "app/errand.h"
#include "app/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "media/hub.h"

#include <stdlib.h>

enum { EVERY_MS = 6 * 3600 * 1000, FIRST_MS = 60 * 1000 };
static const int64_t undo_ms = (int64_t)PERSONA_UNDO_DAYS * 24 * 3600 * 1000;

/* A file is put before the document that names it: what is younger than this may still be waited for. */
static const int64_t blob_grace_ms = (int64_t)24 * 3600 * 1000;

static struct housekeeping {
    struct timer timer;
    struct parts *parts;
    bool stopped;
} house;

/* ---- files ---- */

struct sweep {
    struct job job;
    struct blob_set named;
    struct blobs_swept swept;
    struct error error;
};

static void sweep(struct job *job)
{
    on_worker();
    struct sweep *s = CONTAINER(job, struct sweep, job);
    blobs_sweep(house.parts->blobs, &s->named, blob_grace_ms, &s->swept, &s->error);
}

static void swept(struct job *job)
{
    on_loop();
    struct sweep *s = CONTAINER(job, struct sweep, job);
    if (s->error.err)
        log_warn("store", "%s", s->error.message);
    else if (s->swept.removed)
        log_info("store", "%llu files that nothing names (%llu bytes) were removed",
                 (unsigned long long)s->swept.removed, (unsigned long long)s->swept.removed_bytes);
    blob_set_release(&s->named);
    free(s);
}

static void named(struct store_op *op)
{
    on_loop();
    struct store_blob_names *names = CONTAINER(op, struct store_blob_names, op);
    if (op->err != ERR_OK) {
        log_warn("store", "files that nothing names could not be looked for: %s", op->error.message);
    } else if (!house.stopped) {
        struct sweep *s = heap_alloc(sizeof *s);
        for (size_t i = 0; i < names->count; i++)
            blob_set_add(&s->named, &names->hashes[i]);
        s->job.run = sweep;
        s->job.done = swept;
        workers_submit(house.parts->workers, &s->job);
    }
    store_op_free(op);
}

/* A store that forgets everything at its end is no judge of what lies in the folder. */
static void look_for_files(void) LOOP
{
    if (!str_eq(options_config(house.parts->options)->store.driver, STR("sqlite")))
        return;
    struct store_blob_names *names = STORE_NEW(blob_names, BLOB_NAMES);
    names->op.done = named;
    store_submit(house.parts->store, &names->op);
}

/* ---- rows ---- */

static void purged(struct store_op *op)
{
    on_loop();
    struct store_purge *purge = CONTAINER(op, struct store_purge, op);
    if (op->err != ERR_OK)
        log_warn("store", "what is past its time could not be removed: %s", op->error.message);
    else if (purge->removed)
        log_info("store", "%llu rows past their time were removed", (unsigned long long)purge->removed);
    store_op_free(op);
    look_for_files();
}

static void due(struct timer *timer)
{
    struct store_purge *purge = STORE_NEW(purge, PURGE);
    on_loop();
    purge->deleted_before_ms = clock_wall_ms() - undo_ms;
    purge->idem_before_ms = clock_wall_ms() - STORE_IDEM_MS;
    purge->op.done = purged;
    store_submit(house.parts->store, &purge->op);
    media_hub_clean(house.parts->media);
    timer_arm(timer, EVERY_MS, due);
}

static void start(void *arg)
{
    on_loop();
    house.parts = arg;
    house.stopped = false;
    timer_arm(&house.timer, FIRST_MS, due);
}

static void stop(void *arg)
{
    on_loop();
    (void)arg;
    house.stopped = true;
    timer_close(&house.timer);
}

void housekeeping_start(struct parts *p)
{
    loop_call(loops_get(p->loops, 0), start, p);
}

void housekeeping_stop(struct parts *p)
{
    run_on_loop(loops_get(p->loops, 0), stop, NULL);
}
