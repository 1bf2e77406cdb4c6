/*
 * The store's queues and threads.
 *
 * Writes go to one writer thread, reads to a few readers. The writer takes what is queued (up to batch_max),
 * brackets it with the driver's begin and commit, and answers only after the commit. While it waits for the
 * disk the next group gathers: that is the whole of group commit, it needs no timer.
 *
 * The first machine failure (driver.h) on the writing side, or a corruption seen by a reader, turns the store
 * read-only until it is opened again. A disk that is nearly full refuses writes before anything failed; that
 * passes by itself.
 *
 * Who owns what: an operation belongs to the store between its submission and the post of its answer.
 */
#include "store/threads.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

enum { SPACE_EVERY_US = 1000000, BUCKET_FIRST_US = 64 };

static void deliver(struct msg *msg)
{
    on_loop();
    struct store_op *op = CONTAINER(msg, struct store_op, msg);
    op->done(op);
}

static void answer(struct store_op *op)
{
    op->msg.deliver = deliver;
    if (op->home)
        loop_post(op->home, &op->msg);
    else
        op->done(op); /* store_wait()'s own: wakes the waiting thread */
}

static void answer_error(struct store_op *op, const struct error *why)
{
    op->err = why->err;
    op->error = *why;
    answer(op);
}

void store_fail(struct store *s, const struct error *why)
{
    pthread_mutex_lock(&s->health_lock);
    bool first = !s->failure.err;
    if (first) {
        s->failure = *why;
        s->failure.err = ERR_READ_ONLY;
    }
    pthread_mutex_unlock(&s->health_lock);
    if (first)
        log_error("store", "%s", why->message);
}

void store_enqueue(struct store *s, struct store_op *op)
{
    struct error why = {0};
    op->queued_us = clock_mono_us();
    if (queue_put(store_op_writes(op->kind) ? &s->writes : &s->reads, &op->msg, s->queue_max, &why) != ERR_OK)
        answer_error(op, &why);
}

static struct store_op *op_of(struct msg *msg)
{
    return msg ? CONTAINER(msg, struct store_op, msg) : NULL;
}

static struct store_op *op_next(const struct store_op *op)
{
    return op_of(op->msg.next);
}

/* ---- the writer ---------------------------------------------------------------------------------------- */

static void note_nearly_full(struct store *s, const struct error *why)
{
    pthread_mutex_lock(&s->health_lock);
    s->nearly_full = *why;
    pthread_mutex_unlock(&s->health_lock);
}

/* Looks at the disk once a second. */
static enum err check_space(struct store *s, struct error *e)
{
    uint64_t now = clock_mono_us();
    if (!s->min_free_bytes || !s->driver->lasting)
        return ERR_OK;
    if (!s->space_checked_us || now - s->space_checked_us >= SPACE_EVERY_US) {
        uint64_t left = store_folder_free(&s->folder);
        bool was = s->space_error.err, is = left < s->min_free_bytes;
        s->space_checked_us = now;
        s->space_error.err = ERR_OK;
        if (is)
            error_set(&s->space_error, ERR_READ_ONLY,
                      "The disk of the data folder is nearly full (%llu MiB left); nothing is written until "
                      "space is freed.",
                      (unsigned long long)(left >> 20));
        if (is != was)
            note_nearly_full(s, &s->space_error);
        if (is && !was)
            log_error("store", "%s", s->space_error.message);
        if (was && !is)
            log_info("store", "There is space on the disk again; the store writes.");
    }
    if (s->space_error.err && e)
        *e = s->space_error;
    return s->space_error.err;
}

static enum err may_write(struct store *s, struct error *e)
{
    pthread_mutex_lock(&s->health_lock);
    enum err err = s->failure.err;
    if (err)
        *e = s->failure;
    pthread_mutex_unlock(&s->health_lock);
    return err ? err : check_space(s, e);
}

static void count_commit(struct store *s, uint64_t took_us)
{
    unsigned bucket = 0;
    while (bucket < STORE_BUCKETS - 1 && took_us > (uint64_t)BUCKET_FIRST_US << bucket)
        bucket++;
    atomic_fetch_add(&s->commit_us[bucket], 1);
    atomic_fetch_add(&s->commits, 1);
    atomic_fetch_add(&s->commit_us_sum, took_us);
    if (took_us > atomic_load(&s->commit_us_max))
        atomic_store(&s->commit_us_max, took_us);
}

/* What the metrics and the upkeep want to know of a committed operation. */
static void note_written(struct store *s, const struct store_op *op, bool *scrub)
{
    size_t rows = 0;
    uint64_t pos = 0;
    if (op->kind == STORE_APPEND) {
        const struct store_append *a = (const struct store_append *)op;
        rows = a->deduped ? 0 : a->count;
        pos = rows ? a->rows[rows - 1].pos : 0;
    } else if (op->kind == STORE_FORGET) {
        const struct store_forget *f = (const struct store_forget *)op;
        *scrub = true;
        rows = f->note ? 1 : 0;
        pos = f->note ? f->note->pos : 0;
    } else if (op->kind == STORE_DOC_DELETE) {
        *scrub |= ((const struct store_doc_delete *)op)->erase;
    }
    atomic_fetch_add(&s->appended, rows);
    if (pos > atomic_load(&s->head_pos))
        atomic_store(&s->head_pos, pos);
}

static enum err write_group(struct store *s, struct store_op *list, struct error *e)
{
    enum err err = s->driver->begin(s->writer_session, e);
    for (struct store_op *op = list; op && !err; op = op_next(op)) {
        op->err = s->driver->write(s->writer_session, op, &op->error);
        if (store_machine_failed(op->err)) {
            err = op->err;
            *e = op->error;
        }
    }
    if (err) {
        s->driver->abort(s->writer_session);
        return err;
    }
    uint64_t start = clock_mono_us();
    err = s->driver->commit(s->writer_session, e);
    count_commit(s, clock_mono_us() - start);
    return err;
}

static void answer_all(struct store *s, struct store_op *list, const struct error *why)
{
    while (list) {
        struct store_op *op = list;
        list = op_next(op);
        atomic_fetch_add(&s->ops, 1);
        if (why)
            answer_error(op, why);
        else
            answer(op);
    }
}

/* After a forget: the answer waits until the words are off the disk; when that fails, the store has. */
static void scrub_now(struct store *s)
{
    struct error e = {0};
    if (s->driver->scrub(s->writer_session, &e) != ERR_OK)
        store_fail(s, &e);
}

static void run_group(struct store *s, struct store_op *list)
{
    struct error e = {0};
    bool scrub = false;
    if (may_write(s, &e) != ERR_OK) {
        answer_all(s, list, &e);
        return;
    }
    if (write_group(s, list, &e) != ERR_OK) {
        store_fail(s, &e);
        e.err = ERR_READ_ONLY;
        answer_all(s, list, &e);
        return;
    }
    for (const struct store_op *op = list; op; op = op_next(op))
        if (!op->err)
            note_written(s, op, &scrub);
    if (scrub)
        scrub_now(s);
    answer_all(s, list, NULL);
    if (s->driver->tidy(s->writer_session, &e) != ERR_OK)
        store_fail(s, &e);
}

static void *run_writer(void *arg)
{
    struct store *s = arg;
    thread_become(THREAD_STORE, "store-writer");
    struct store_op *list;
    while ((list = op_of(queue_take(&s->writes, s->batch_max))))
        run_group(s, list);
    return NULL;
}

/* ---- readers ------------------------------------------------------------------------------------------- */

struct reader {
    struct store *store;
    unsigned index;
};

static void *run_reader(void *arg)
{
    struct reader *r = arg;
    struct store *s = r->store;
    struct driver_session *session = s->reader_sessions[r->index];
    free(r);
    thread_become(THREAD_STORE, "store-reader");
    struct store_op *op;
    while ((op = op_of(queue_take(&s->reads, 1)))) {
        op->err = s->driver->read(session, op, &op->error);
        if (op->err == ERR_CORRUPT)
            store_fail(s, &op->error);
        atomic_fetch_add(&s->ops, 1);
        answer(op);
    }
    return NULL;
}

/* ---- starting and stopping ----------------------------------------------------------------------------- */

static void close_sessions(struct store *s)
{
    for (unsigned i = 0; i < s->readers; i++)
        if (s->reader_sessions[i])
            s->driver->session_close(s->reader_sessions[i]);
    if (s->writer_session)
        s->driver->session_close(s->writer_session);
    memset(s->reader_sessions, 0, sizeof s->reader_sessions);
    s->writer_session = NULL;
}

enum err store_threads_start(struct store *s, struct error *e)
{
    queue_init(&s->writes);
    queue_init(&s->reads);
    pthread_mutex_init(&s->health_lock, NULL);
    enum err err = s->driver->session(s->db, DRIVER_WRITES, &s->writer_session, e);
    for (unsigned i = 0; i < s->readers && !err; i++)
        err = s->driver->session(s->db, 0, &s->reader_sessions[i], e);
    if (err) {
        close_sessions(s);
        return err;
    }
    store_thread(&s->writer, run_writer, s);
    for (unsigned i = 0; i < s->readers; i++) {
        struct reader *r = heap_alloc(sizeof *r);
        *r = (struct reader){s, i};
        store_thread(&s->reader_threads[i], run_reader, r);
    }
    s->threads_run = true;
    return ERR_OK;
}

void store_threads_stop(struct store *s)
{
    if (!s->threads_run)
        return;
    s->threads_run = false;
    queue_close(&s->writes);
    queue_close(&s->reads);
    pthread_join(s->writer, NULL);
    for (unsigned i = 0; i < s->readers; i++)
        pthread_join(s->reader_threads[i], NULL);
    close_sessions(s);
}
