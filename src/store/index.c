/*
 * The search index's outside: threads and queues; see index.h. The file is index_file.c, the words
 * index_terms.c, the postings index_postings.c.
 *
 * One writer thread takes one operation at a time (a put is a batch already), a few readers search on
 * snapshots of their own. When the file turns out damaged it is thrown away, and the cursor, being 0 again,
 * has whoever feeds the index begin anew; the operation that found out fails with ERR_CORRUPT.
 */
#include "store/index.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"
#include "store/index_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEFAULT_READERS = 2, QUEUE_MAX = 100000, CHECKPOINT_EVERY = 64, COUNT_EVERY = 16 };

static struct index_op *op_of(struct msg *msg)
{
    return msg ? CONTAINER(msg, struct index_op, msg) : NULL;
}

static void deliver(struct msg *msg)
{
    on_loop();
    struct index_op *op = op_of(msg);
    op->done(op);
}

static void answer(struct index_op *op)
{
    op->msg.deliver = deliver;
    if (op->home)
        loop_post(op->home, &op->msg);
    else
        op->done(op); /* index_wait()'s own */
}

/* ---- running ------------------------------------------------------------------------------------------- */

static void run_sql(struct conn *c, enum sql sql)
{
    struct query q = query(c, sql);
    query_run(&q);
}

static enum err finish(struct index_session *s, enum err err, struct error *e)
{
    struct conn *c = &s->c;
    enum err machine = conn_error(c, e);
    err = machine ? machine : err;
    if (!err) {
        run_sql(c, SQL_COMMIT);
        err = conn_error(c, e);
    }
    if (err && !sqlite3_get_autocommit(c->db))
        run_sql(c, SQL_ROLLBACK);
    conn_error(c, NULL);
    return err;
}

static enum err read_op(struct index *index, struct index_session *s, struct index_op *op)
{
    uint64_t start = clock_mono_us();
    enum err err = ERR_OK;
    run_sql(&s->c, SQL_BEGIN_READ);
    if (op->kind == INDEX_SEARCH) {
        err = index_run_search(s, (struct index_search *)op, &op->error);
        atomic_fetch_add(&index->searches, 1);
    } else if (op->kind == INDEX_NEIGHBOURS) {
        err = index_run_neighbours(s, (struct index_neighbours *)op, &op->error);
    } else {
        struct index_cursor *p = (struct index_cursor *)op;
        p->pos = index_meta_get(&s->c, "cursor");
        struct query q = query(&s->c, SQL_INDEX_COUNT);
        p->docs = query_row(&q) ? col_u64(&q, 0) : 0;
        query_end(&q);
    }
    err = finish(s, err, &op->error);
    if (op->kind == INDEX_SEARCH)
        atomic_fetch_add(&index->search_us_sum, clock_mono_us() - start);
    return err;
}

static enum err write_op(struct index *index, struct index_op *op)
{
    struct index_session *s = &index->writer;
    enum err err;
    if (op->kind == INDEX_REBUILD)
        return ERR_OK; /* by the caller, who may replace the file */
    run_sql(&s->c, SQL_BEGIN_WRITE);
    if (op->kind == INDEX_PUT)
        err = index_run_put(s, (struct index_put *)op, &op->error);
    else
        err = index_run_erase(s, (struct index_erase *)op, &op->error);
    err = finish(s, err, &op->error);
    /* An erasure is done when its words are gone from the write-ahead log too. */
    if (!err && op->kind == INDEX_ERASE)
        sqlite3_wal_checkpoint_v2(s->c.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return err;
}

static void replace(struct index *index, struct error *e)
{
    pthread_rwlock_wrlock(&index->file_lock);
    if (index_file_replace(index, e) != ERR_OK)
        log_error("store", "The search index cannot be made anew: %s", e->message);
    pthread_rwlock_unlock(&index->file_lock);
}

/* For the metrics; counting goes over all scopes, so not every time. */
static void note_written(struct index *index, bool count)
{
    if (count) {
        struct query q = query(&index->writer.c, SQL_INDEX_COUNT);
        atomic_store(&index->docs, query_row(&q) ? col_u64(&q, 0) : 0);
        query_end(&q);
    }
    atomic_store(&index->cursor, index_meta_get(&index->writer.c, "cursor"));
    conn_error(&index->writer.c, NULL);
}

static void *run_writer(void *arg)
{
    struct index *index = arg;
    struct index_op *op;
    unsigned since = 0;
    thread_become(THREAD_STORE, "index-writer");
    while ((op = op_of(queue_take(&index->writes, 1)))) {
        op->err = write_op(index, op);
        if (op->err == ERR_CORRUPT || op->kind == INDEX_REBUILD) {
            struct error e = {0};
            replace(index, &e);
            if (op->kind == INDEX_REBUILD && e.err) {
                op->err = e.err;
                op->error = e;
            }
        }
        if (op->kind == INDEX_PUT)
            atomic_fetch_add(&index->puts, 1);
        note_written(index, ++since % COUNT_EVERY == 1);
        answer(op);
        if (since % CHECKPOINT_EVERY == 0)
            sqlite3_wal_checkpoint_v2(index->writer.c.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    return NULL;
}

struct reader {
    struct index *index;
    unsigned number;
};

static void *run_reader(void *arg)
{
    struct reader r = *(struct reader *)arg;
    struct index_op *op;
    free(arg);
    thread_become(THREAD_STORE, "index-reader");
    while ((op = op_of(queue_take(&r.index->reads, 1)))) {
        pthread_rwlock_rdlock(&r.index->file_lock);
        op->err = read_op(r.index, &r.index->reader[r.number], op);
        pthread_rwlock_unlock(&r.index->file_lock);
        if (op->err == ERR_CORRUPT) {
            /* The writer replaces the file; nobody waits for that. */
            struct index_rebuild *again = INDEX_NEW(rebuild, REBUILD);
            again->op.done = index_op_free;
            if (queue_put(&r.index->writes, &again->op.msg, QUEUE_MAX, NULL) != ERR_OK)
                index_op_free(&again->op);
        }
        answer(op);
    }
    return NULL;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

enum err index_open(const struct index_options *options, struct index **out, struct error *e)
{
    struct index *index = heap_alloc(sizeof *index);
    int n = snprintf(index->path, sizeof index->path, "%s/index.db", options->folder);
    index->vfs = options->vfs;
    index->readers = options->readers ? options->readers : DEFAULT_READERS;
    if (index->readers > INDEX_READERS_MAX)
        index->readers = INDEX_READERS_MAX;
    enum err err = n < 0 || n >= (int)sizeof index->path
                       ? error_set(e, ERR_INVALID, "The data folder's path is too long; choose another.")
                       : index_file_open(index, e);
    if (err) {
        free(index);
        return err;
    }
    queue_init(&index->writes);
    queue_init(&index->reads);
    pthread_rwlock_init(&index->file_lock, NULL);
    store_thread(&index->writer_thread, run_writer, index);
    for (unsigned i = 0; i < index->readers; i++) {
        struct reader *r = heap_alloc(sizeof *r);
        *r = (struct reader){index, i};
        store_thread(&index->reader_thread[i], run_reader, r);
    }
    index->threads_run = true;
    *out = index;
    return ERR_OK;
}

void index_stop(struct index *index)
{
    if (!index->threads_run)
        return;
    index->threads_run = false;
    queue_close(&index->reads);
    for (unsigned i = 0; i < index->readers; i++)
        pthread_join(index->reader_thread[i], NULL);
    queue_close(&index->writes);
    pthread_join(index->writer_thread, NULL);
}

void index_close(struct index *index)
{
    if (!index)
        return;
    index_stop(index);
    if (index->writer.c.db)
        sqlite3_wal_checkpoint_v2(index->writer.c.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    index_file_close(index);
    pthread_rwlock_destroy(&index->file_lock);
    free(index);
}

/* ---- submitting ---------------------------------------------------------------------------------------- */

void *index_op_new(enum index_op_kind kind, size_t size)
{
    struct index_op *op = heap_alloc(size);
    op->kind = kind;
    return op;
}

void index_op_free(struct index_op *op)
{
    if (!op)
        return;
    arena_release(&op->arena);
    free(op);
}

static void enqueue(struct index *index, struct index_op *op)
{
    bool writes = op->kind == INDEX_PUT || op->kind == INDEX_ERASE || op->kind == INDEX_REBUILD;
    struct error why = {0};
    if (queue_put(writes ? &index->writes : &index->reads, &op->msg, QUEUE_MAX, &why) == ERR_OK)
        return; /* it is the threads' now, and may be answered already */
    op->err = why.err;
    op->error = why;
    answer(op);
}

void index_submit(struct index *index, struct index_op *op)
{
    if (thread_kind() == THREAD_LOOP) {
        on_loop();
        op->home = loop_self();
    }
    if (!op->home) {
        fprintf(stderr, "eidolon: an index operation was submitted from a thread that is no loop.\n");
        abort();
    }
    enqueue(index, op);
}

static void wake_waiter(struct index_op *op)
{
    waiter_wake(op->arg);
}

enum err index_wait(struct index *index, struct index_op *op)
{
    struct waiter w = WAITER_INIT;
    void *arg = op->arg;
    op->home = NULL;
    op->arg = &w;
    op->done = wake_waiter;
    enqueue(index, op);
    waiter_wait(&w);
    op->arg = arg;
    op->done = NULL;
    return op->err;
}

void index_stats(struct index *index, struct index_stats *out)
{
    struct stat st;
    *out = (struct index_stats){
        .cursor = atomic_load(&index->cursor),
        .docs = atomic_load(&index->docs),
        .bytes = stat(index->path, &st) == 0 ? (uint64_t)st.st_size : 0,
        .searches = atomic_load(&index->searches),
        .search_us_sum = atomic_load(&index->search_us_sum),
        .puts = atomic_load(&index->puts),
        .queued_writes = atomic_load(&index->writes.count),
        .queued_reads = atomic_load(&index->reads.count),
        .rebuilt = atomic_load(&index->rebuilt),
    };
}
