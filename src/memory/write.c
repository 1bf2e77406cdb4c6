/*
 * Writing what waits in the queue: first into core blocks, then what was taken back out of the index, then
 * the rest into it with the cursor, in one transaction. A failure leaves the queue as it is; it is tried
 * again.
 *
 * Several small batches are written together, up to WRITE_MAX moments, so that under load the index commits
 * seldom: a commit writes whole pages and has every reader read its pages again. What comes when all was
 * quiet is written at once; within LINGER_MS of the last write more is let gather first, unless something was
 * taken back. Recalls miss nothing meanwhile: what waits is the tail.
 */
#include "memory/inner.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

/* What waits of one scope stays below TAIL_ANSWER_MAX (tail.h), so that its tail is whole. */
enum { WRITE_MAX = 256, LINGER_MS = 100, LINGER_OF_SCOPE = 64 };

static void erase_next(struct memory *m) LOOP;

static void retry(struct timer *t)
{
    on_loop();
    write_more(CONTAINER(t, struct memory, writer.retry));
}

static LOOP void failed(struct memory *m, const char *why)
{
    struct writer *w = &m->writer;
    log_warn("memory", "what was said could not be indexed: %s It is tried again.", why);
    w->busy = false;
    atomic_store(&m->failing, true);
    if (!atomic_load(&m->stopping))
        memory_retry(&w->retry, &w->backoff_ms, retry);
    memory_rest(m);
}

/* ---- into the index ---- */

static void put_done(struct index_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct writer *w = &m->writer;
    if (op->err != ERR_OK) {
        struct error e = op->error;
        index_op_free(op);
        failed(m, e.message);
        return;
    }
    const struct index_put *put = (const struct index_put *)op;
    atomic_store(&m->indexed_pos, put->pos);
    atomic_fetch_add(&m->turns, put->doc_count);
    index_op_free(op);
    for (; w->taken; w->taken--) {
        struct batch *b = w->first;
        w->first = b->next;
        w->waiting -= b->count;
        arena_release(&b->arena);
        free(b);
    }
    if (!w->first)
        w->last = NULL;
    w->busy = false;
    w->backoff_ms = 0;
    w->wrote_us = clock_mono_us();
    atomic_store(&m->failing, false);
    write_more(m);
    reader_more(m);
    memory_rest(m);
}

static LOOP void put_all(struct memory *m)
{
    struct writer *w = &m->writer;
    struct index_put *put = INDEX_NEW(put, PUT);
    size_t total = 0;
    struct batch *b = w->first;
    for (size_t i = 0; i < w->taken; i++, b = b->next)
        total += b->count;
    struct index_doc *docs = arena_array(&put->op.arena, struct index_doc, total);
    b = w->first;
    for (size_t i = 0; i < w->taken; i++, b = b->next) {
        for (size_t k = 0; k < b->count; k++) {
            if (!b->moments[k].back && !b->moments[k].replaced)
                docs[put->doc_count++] = b->moments[k].doc;
        }
        put->pos = b->pos;
    }
    put->docs = docs;
    put->op.done = put_done;
    put->op.arg = m;
    index_submit(m->index, &put->op);
}

/* ---- out of the index ---- */

static void erased(struct index_op *op)
{
    on_loop();
    struct memory *m = op->arg;
    struct error e = op->error;
    enum err err = op->err;
    index_op_free(op);
    if (err != ERR_OK) {
        failed(m, e.message);
        return;
    }
    erase_next(m);
}

/* The next message among those taken that was taken back; w->step counts moments over all batches. */
static void erase_next(struct memory *m)
{
    struct writer *w = &m->writer;
    size_t at = 0;
    struct batch *b = w->first;
    for (size_t i = 0; i < w->taken; i++, b = b->next) {
        for (size_t k = 0; k < b->count; k++, at++) {
            const struct moment *moment = &b->moments[k];
            bool same = k && b->moments[k - 1].back && b->moments[k - 1].doc.seq == moment->doc.seq &&
                        id_eq(b->moments[k - 1].doc.room, moment->doc.room);
            if (at < w->step || !moment->back || same) /* one erase for all scopes of a message */
                continue;
            w->step = at + 1;
            struct index_erase *erase = INDEX_NEW(erase, ERASE);
            uint64_t *seq = arena_new(&erase->op.arena, uint64_t);
            *seq = moment->doc.seq;
            erase->room = moment->doc.room;
            erase->seqs = seq;
            erase->seq_count = 1;
            erase->op.done = erased;
            erase->op.arg = m;
            index_submit(m->index, &erase->op);
            return;
        }
    }
    put_all(m);
}

static void blocks_done(struct memory *m, enum err err)
{
    on_loop();
    if (err != ERR_OK) {
        failed(m, "the core blocks could not be written.");
        return;
    }
    m->writer.step = 0;
    erase_next(m);
}

/* Something was taken back, or much waits of the scope that spoke last. */
static bool is_pressing(const struct writer *w)
{
    const struct index_doc *last = w->last->count ? &w->last->moments[w->last->count - 1].doc : NULL;
    size_t of_scope = 0;
    for (const struct batch *b = w->first; b; b = b->next) {
        for (size_t i = 0; i < b->count; i++) {
            const struct moment *moment = &b->moments[i];
            if (moment->back)
                return true;
            of_scope +=
                last && id_eq(moment->doc.owner, last->owner) && id_eq(moment->doc.persona, last->persona);
        }
    }
    return of_scope >= LINGER_OF_SCOPE;
}

static void gathered(struct timer *t)
{
    on_loop();
    write_more(CONTAINER(t, struct memory, writer.linger));
}

/* True if writing can wait for more to gather: the timer calls again. */
static LOOP bool linger(struct memory *m)
{
    struct writer *w = &m->writer;
    uint64_t since_ms = (clock_mono_us() - w->wrote_us) / 1000;
    if (!w->wrote_us || since_ms >= LINGER_MS || w->waiting >= WRITE_MAX ||
        w->waiting > m->options.tail_max || is_pressing(w))
        return false;
    if (!timer_armed(&w->linger))
        timer_arm(&w->linger, LINGER_MS - since_ms, gathered);
    return true;
}

void write_more(struct memory *m)
{
    struct writer *w = &m->writer;
    if (w->busy || !w->first || timer_armed(&w->retry) || atomic_load(&m->stopping) || linger(m))
        return;
    timer_cancel(&w->linger);
    size_t moments = 0;
    w->taken = 0;
    for (struct batch *b = w->first; b && (!w->taken || moments + b->count <= WRITE_MAX); b = b->next) {
        moments += b->count;
        w->taken++;
    }
    w->busy = true;
    if (moments)
        blocks_take(m, w->taken, blocks_done);
    else
        put_all(m); /* only the cursor moves */
}
