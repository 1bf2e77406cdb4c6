/*
 * The store's outside: opening, submitting, health, care. See store.h; the threads are in threads.c, the data
 * in a driver.
 */
#include "store/store.h"

#include "base/log.h"
#include "store/threads.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_READERS = 2, DEFAULT_BATCH = 256, DEFAULT_QUEUE = 100000 };

static enum err open_driver(struct store *s, const struct store_options *options, struct error *e)
{
    enum err err = ERR_OK;
    if (s->driver->lasting)
        err = store_folder_take(&s->folder, options->folder, e);
    if (!err)
        err = s->driver->open(options, &s->db, &s->opened, e);
    if (!err) {
        atomic_store(&s->head_pos, s->opened.head_pos);
        err = store_threads_start(s, e);
        if (err)
            s->driver->close(s->db, false);
    }
    if (err)
        store_folder_release(&s->folder);
    return err;
}

enum err store_open(const struct store_options *options, struct store **out, struct error *e)
{
    struct str name = str_empty(options->driver) ? STR("sqlite") : options->driver;
    const struct store_driver *driver = store_driver_find(name);
    if (!driver)
        return error_set_param(e, ERR_INVALID, "store.driver",
                               "There is no store driver '%.*s'; choose one of: %s.", STR_ARG(name),
                               store_driver_names());
    struct store *s = heap_alloc(sizeof *s);
    s->driver = driver;
    s->folder.lock_fd = -1;
    s->readers = options->readers ? options->readers : DEFAULT_READERS;
    if (s->readers > STORE_READERS_MAX)
        s->readers = STORE_READERS_MAX;
    s->batch_max = options->batch_max ? options->batch_max : DEFAULT_BATCH;
    s->queue_max = options->queue_max ? options->queue_max : DEFAULT_QUEUE;
    s->min_free_bytes = options->min_free_bytes;
    enum err err = open_driver(s, options, e);
    if (err) {
        free(s);
        return err;
    }
    *out = s;
    return ERR_OK;
}

void store_stop(struct store *store)
{
    store_threads_stop(store);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_threads_stop(store);
    store->driver->close(store->db, !store->failure.err);
    store_folder_release(&store->folder);
    free(store);
}

uint64_t store_epoch(const struct store *store)
{
    return store->opened.epoch;
}

bool store_was_unclean(const struct store *store)
{
    return store->opened.unclean;
}

void *store_op_new(enum store_op_kind kind, size_t size)
{
    struct store_op *op = heap_alloc(size);
    op->kind = kind;
    return op;
}

void store_op_free(struct store_op *op)
{
    if (!op)
        return;
    arena_release(&op->arena);
    free(op);
}

void store_submit(struct store *store, struct store_op *op)
{
    if (thread_kind() == THREAD_LOOP) {
        on_loop();
        op->home = loop_self();
    }
    if (!op->home) {
        fprintf(stderr, "eidolon: a store operation was submitted from a thread that is no loop.\n");
        abort();
    }
    store_enqueue(store, op);
}

static void wake_waiter(struct store_op *op)
{
    waiter_wake(op->arg);
}

enum err store_wait(struct store *store, struct store_op *op)
{
    struct waiter w = WAITER_INIT;
    void *arg = op->arg;
    op->home = NULL;
    op->arg = &w;
    op->done = wake_waiter;
    store_enqueue(store, op);
    waiter_wait(&w);
    op->arg = arg;
    op->done = NULL;
    return op->err;
}

enum store_health store_health(const struct store *store, struct error *why)
{
    struct store *s = (struct store *)store;
    pthread_mutex_lock(&s->health_lock);
    const struct error *reason = s->failure.err ? &s->failure : &s->nearly_full;
    bool bad = reason->err != ERR_OK;
    if (bad && why)
        *why = *reason;
    pthread_mutex_unlock(&s->health_lock);
    return bad ? STORE_READ_ONLY : STORE_OK;
}

void store_stats(struct store *store, struct store_stats *out)
{
    *out = (struct store_stats){
        .commits = atomic_load(&store->commits),
        .ops = atomic_load(&store->ops),
        .appended = atomic_load(&store->appended),
        .queue = atomic_load(&store->writes.count) + atomic_load(&store->reads.count),
        .commit_us_sum = atomic_load(&store->commit_us_sum),
        .commit_us_max = atomic_load(&store->commit_us_max),
        .head_pos = atomic_load(&store->head_pos),
        .checked = atomic_load(&store->checked),
        .check_ok = atomic_load(&store->check_ok),
    };
    for (int i = 0; i < STORE_BUCKETS; i++)
        out->commit_us[i] = atomic_load(&store->commit_us[i]);
    store->driver->sizes(store->db, &out->file_bytes, &out->wal_bytes);
}

enum err store_backup(struct store *store, struct str path,
                      void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg, struct error *e)
{
    return store->driver->backup(store->db, path, progress, arg, e);
}

enum err store_check(struct store *store, struct error *e)
{
    struct error why = {0};
    enum err err = store->driver->check(store->db, &why);
    atomic_store(&store->check_ok, err == ERR_OK);
    atomic_store(&store->checked, true);
    if (err == ERR_CORRUPT)
        store_fail(store, &why);
    if (err && e)
        *e = why;
    return err;
}
