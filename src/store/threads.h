/*
 * Inside of the store: its queues and threads (threads.c) and what store.c shares with them.
 */
#ifndef EIDOLON_STORE_THREADS_H
#define EIDOLON_STORE_THREADS_H

#include "store/driver.h"
#include "store/folder.h"
#include "store/queue.h"

enum { STORE_READERS_MAX = 32 };

struct store {
    const struct store_driver *driver;
    struct driver_db *db;
    struct store_folder folder;
    struct driver_opened opened;
    unsigned readers, batch_max, queue_max;
    uint64_t min_free_bytes, space_checked_us; /* the latter: writer thread */
    struct error space_error;                  /* writer thread; err ERR_OK: enough */

    struct queue writes, reads;
    struct driver_session *writer_session, *reader_sessions[STORE_READERS_MAX];
    pthread_t writer, reader_threads[STORE_READERS_MAX];
    bool threads_run;

    pthread_mutex_t health_lock; /* guards the next two */
    struct error failure;        /* for good, until reopened */
    struct error nearly_full;    /* passes by itself */

    atomic_ullong commits, ops, appended, head_pos, commit_us_sum, commit_us_max;
    atomic_ullong commit_us[STORE_BUCKETS];
    atomic_bool checked, check_ok;
};

/* Sessions and threads; on failure nothing is left running. */
enum err store_threads_start(struct store *s, struct error *e);
/* Finishes what is queued, answers it, joins. */
void store_threads_stop(struct store *s);
/* Queues; a full or closed queue answers at once (by message, never in the call). */
void store_enqueue(struct store *s, struct store_op *op);
/* Read-only from now on; the first reason is kept. Any thread. */
void store_fail(struct store *s, const struct error *why);

#endif
