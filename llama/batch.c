/*
 * One batch; see schedule.h.
 *
 * Answers that are being said have one token each in every batch. What is left goes to prompts, oldest first,
 * but no prompt takes more than its share while others wait. How much is left follows from time: while
 * somebody listens a batch shall take about SMOOTH_US, and at most LONG_US when nobody does, so that a
 * newcomer is soon seen; how many tokens that is, is measured.
 *
 * Where the cache is full the answer that began last is put back to wait and loses its sequence; it is read
 * again later and goes on where it was.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "out.h"
#include "schedule_inner.h"
#include "sequence.h"
#include "stats.h"

enum {
    SMOOTH_US = 80 * 1000,
    LONG_US = 2000 * 1000,
    READ_LEAST = 64, /* prompt tokens of a batch, however slow the machine; fewer cost as much as these */
    SHARES = 4,      /* prompts that are read at a time */
    DECODE_FULL = 1,
    DECODE_ABORTED = 2,
};

atomic_bool batch_stop;

static struct {
    struct llama_batch batch;
    double read_us; /* a prompt token, measured; 0: not yet */
    size_t said;    /* tokens of answers in it */
    pthread_mutex_t lock;
    uint64_t reads[64]; /* whose prompts it reads, for batch_reads() */
    size_t reads_n;
} now = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool batch_stops(void *unused)
{
    (void)unused;
    return atomic_load_explicit(&batch_stop, memory_order_relaxed);
}

bool batch_reads(uint64_t id)
{
    bool found = false;
    pthread_mutex_lock(&now.lock);
    for (size_t i = 0; i < now.reads_n; i++)
        found |= now.reads[i] == id;
    pthread_mutex_unlock(&now.lock);
    return found;
}

void batch_open(void)
{
    if (model.context)
        now.batch = lib.llama_batch_init((int32_t)model.batch, 0, 1);
    now.read_us = 0;
}

void batch_close(void)
{
    if (now.batch.token)
        lib.llama_batch_free(now.batch);
    now.batch = (struct llama_batch){0};
}

/* Tokens of the row that are not in the cache. */
static size_t missing(const struct request *r)
{
    return r->n - r->sequence->n;
}

static void put(struct request *r, size_t n)
{
    struct llama_batch *b = &now.batch;
    for (size_t i = 0; i < n; i++) {
        size_t at = r->sequence->n + i;
        b->token[b->n_tokens] = r->tokens[at];
        b->pos[b->n_tokens] = (llama_pos)at;
        b->n_seq_id[b->n_tokens] = 1;
        b->seq_id[b->n_tokens][0] = r->sequence->id;
        b->logits[b->n_tokens] = at + 1 == r->n;
        b->n_tokens++;
    }
    r->batched = n;
    r->output = n == missing(r) ? b->n_tokens - 1 : -1;
}

/* How many prompt tokens this batch may have. */
static size_t room_to_read(void)
{
    size_t room = model.batch - now.said;
    uint64_t us = now.said ? SMOOTH_US : LONG_US;
    if (now.read_us > 0 && (double)room * now.read_us > (double)us)
        room = (size_t)((double)us / now.read_us);
    if (room < READ_LEAST)
        room = READ_LEAST;
    return room < model.batch - now.said ? room : model.batch - now.said;
}

/* Puts the answer that got its sequence last back to wait. */
static void put_back(struct running *running, struct request **back)
{
    struct request *r = running->all[--running->n];
    sequence_take_away(r);
    r->next = *back;
    *back = r;
}

/* What is said comes first. The cells must be there: whoever came last gives way, and one alone has said all
 * it can. */
static void plan_said(struct running *running, struct request **back)
{
    now.batch.n_tokens = 0;
    now.said = 0;
    for (;;) {
        size_t n = 0;
        for (size_t i = 0; i < running->n; i++)
            n += missing(running->all[i]) == 1;
        if (sequences_make_room(n) || running->n < 2)
            break;
        put_back(running, back);
    }
    for (size_t i = 0; i < running->n; i++) {
        struct request *r = running->all[i];
        r->batched = 0;
        r->output = -1;
        if (missing(r) == 1 && now.said < model.batch && sequences_make_room(now.said + 1)) {
            put(r, 1);
            now.said++;
        }
    }
}

/* Then prompts; never more than there are cells for. */
static void plan_read(struct running *running, struct request **back)
{
    size_t room = room_to_read(), readers = 0;
    for (size_t i = 0; i < running->n; i++)
        readers += missing(running->all[i]) > 1;
    while (readers && !sequences_make_room(now.said + 1) && running->n > 1) {
        readers -= missing(running->all[running->n - 1]) > 1;
        put_back(running, back);
        plan_said(running, back);
    }
    pthread_mutex_lock(&now.lock);
    now.reads_n = 0;
    for (size_t i = 0; i < running->n && room && readers; i++) {
        struct request *r = running->all[i];
        if (missing(r) <= 1)
            continue;
        size_t share = room / (readers < SHARES ? readers : SHARES), n = missing(r);
        if (share < READ_LEAST)
            share = READ_LEAST;
        n = n < share ? n : share;
        n = n < room ? n : room;
        while (n && !sequences_make_room((size_t)now.batch.n_tokens + n))
            n /= 2;
        if (n)
            put(r, n);
        now.reads[now.reads_n++] = r->id;
        room -= n;
        readers--;
    }
    pthread_mutex_unlock(&now.lock);
}

static void learn(uint64_t us, size_t read, size_t said)
{
    if (read < READ_LEAST)
        return;
    double each = (double)us / (double)(read + said);
    now.read_us = now.read_us > 0 ? now.read_us * 0.7 + each * 0.3 : each;
}

/* Nothing of this batch counts: its tokens are dropped where they got into the cache. */
static void undo(const struct running *running)
{
    for (size_t i = 0; i < running->n; i++)
        if (running->all[i]->batched)
            sequence_mend(running->all[i]);
}

static void give_up(struct running *running, int rc)
{
    while (running->n) {
        struct request *r = running->all[--running->n];
        out_error(r->id, "unavailable", "llama.cpp could not compute (error %d).", rc);
        sequence_leave(r);
        request_free(r);
    }
    sequences_forget_all();
}

/* What the batch has brought: rows that are in the cache now, and a token for whoever was read to his end. */
static void harvest(struct running *running)
{
    size_t kept = 0, n = running->n;
    uint64_t us = clock_mono_us();
    for (size_t i = 0; i < n; i++) {
        struct request *r = running->all[i];
        sequence_grew(r, r->batched);
        if (r->output >= 0 && !r->read_us)
            r->read_us = us;
        if (r->output < 0 || !answer_next(r))
            running->all[kept++] = r;
    }
    running->n = kept;
}

void batch_run(struct running *running, struct request **back)
{
    plan_said(running, back);
    plan_read(running, back);
    if (!now.batch.n_tokens) { /* one that is alone, and the cache is full with it */
        struct request *r = running->all[--running->n];
        answer_finish(r, "length");
        return;
    }
    uint64_t began = clock_mono_us();
    size_t said = now.said, read = (size_t)now.batch.n_tokens - said, sequences = 0;
    for (size_t i = 0; i < running->n; i++)
        sequences += running->all[i]->batched > 0;
    int rc = lib.llama_decode(model.context, now.batch);
    pthread_mutex_lock(&now.lock);
    now.reads_n = 0;
    pthread_mutex_unlock(&now.lock);
    if (rc == DECODE_ABORTED || rc == DECODE_FULL) {
        undo(running);
        if (rc == DECODE_FULL && !sequences_park_one()) { /* cells are there, but llama.cpp found no place */
            if (running->n > 1)
                put_back(running, back);
            else
                answer_finish(running->all[--running->n], "length");
        }
        return;
    }
    if (rc != 0) {
        give_up(running, rc);
        return;
    }
    uint64_t us = clock_mono_us() - began;
    learn(us, read, said);
    stats_batch(us, said, read, sequences);
    harvest(running);
}
