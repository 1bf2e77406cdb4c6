/*
 * The scheduler's loop and its queue; see schedule.h.
 *
 * Who is next: of those that wait, the one whose key has the fewest answers in the making, and of those the
 * oldest. So a room that asks for ten things does not keep the others waiting.
 */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "embed.h"
#include "out.h"
#include "schedule_inner.h"
#include "sequence.h"
#include "stats.h"

enum { SPARE = 64 }; /* cells that must be free for what a new answer will say */

/* Posted by other threads. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct model_options *load;
    struct request *added, **last;
    struct buf cancels; /* ids, one after the other */
    bool end;
} post = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .last = &post.added};

static struct queue waiting = {.last = &waiting.first}, embeds = {.last = &embeds.first};
static struct running running;
static atomic_size_t queued; /* posted and waiting */

static void queue_add(struct queue *q, struct request *r)
{
    r->next = NULL;
    *q->last = r;
    q->last = &r->next;
    q->n++;
}

static void queue_remove(struct queue *q, struct request *r)
{
    struct request **at = &q->first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (q->last == &r->next)
        q->last = at;
    r->next = NULL;
    q->n--;
}

static struct request *queue_find(struct queue *q, uint64_t id)
{
    struct request *r = q->first;
    while (r && r->id != id)
        r = r->next;
    return r;
}

/* ---- posting ---- */

void schedule_load(struct model_options *options)
{
    pthread_mutex_lock(&post.lock);
    if (post.load)
        free(post.load->path);
    free(post.load);
    post.load = options;
    atomic_store(&batch_stop, true);
    pthread_cond_signal(&post.more);
    pthread_mutex_unlock(&post.lock);
}

void schedule_add(struct request *r)
{
    atomic_fetch_add(&queued, 1);
    pthread_mutex_lock(&post.lock);
    r->next = NULL;
    *post.last = r;
    post.last = &r->next;
    pthread_cond_signal(&post.more);
    pthread_mutex_unlock(&post.lock);
}

bool schedule_full(void)
{
    return atomic_load(&queued) >= QUEUE_MAX;
}

void schedule_cancel(uint64_t id)
{
    pthread_mutex_lock(&post.lock);
    buf_add(&post.cancels, str_of((const char *)&id, sizeof id));
    if (batch_reads(id))
        atomic_store(&batch_stop, true);
    pthread_cond_signal(&post.more);
    pthread_mutex_unlock(&post.lock);
}

void schedule_end(void)
{
    pthread_mutex_lock(&post.lock);
    post.end = true;
    atomic_store(&batch_stop, true);
    pthread_cond_signal(&post.more);
    pthread_mutex_unlock(&post.lock);
}

/* ---- the loop ---- */

static void drop(struct queue *q, struct request *r)
{
    queue_remove(q, r);
    atomic_fetch_sub(&queued, 1);
    request_free(r);
}

static void cancel(uint64_t id)
{
    struct request *r = queue_find(&waiting, id), *e = queue_find(&embeds, id);
    if (r)
        drop(&waiting, r);
    if (e)
        drop(&embeds, e);
    for (size_t i = 0; i < running.n; i++)
        if (running.all[i]->id == id) {
            r = running.all[i];
            memmove(&running.all[i], &running.all[i + 1], (--running.n - i) * sizeof *running.all);
            sequence_leave(r);
            request_free(r);
            return;
        }
}

static void refuse_all(const char *sentence)
{
    while (running.n) {
        struct request *r = running.all[--running.n];
        out_error(r->id, "unavailable", "%s", sentence);
        sequence_leave(r);
        request_free(r);
    }
    struct queue *queues[] = {&waiting, &embeds};
    for (int i = 0; i < 2; i++)
        while (queues[i]->first) {
            out_error(queues[i]->first->id, "unavailable", "%s", sentence);
            drop(queues[i], queues[i]->first);
        }
}

static void load(struct model_options *options)
{
    refuse_all("Another model is being loaded.");
    embed_close();
    batch_close();
    sequences_close();
    stats_reset();
    if (model_load(options, batch_stops)) {
        sequences_open();
        batch_open();
        stats.kv_size = model.context ? model.budget : 0;
    }
    stats_publish();
    free(options->path);
    free(options);
}

/* Takes what was posted; waits for something if there is nothing to do. */
static void take_posts(void)
{
    pthread_mutex_lock(&post.lock);
    bool idle = !running.n && !waiting.n && !embeds.n;
    while (idle && !post.added && !post.load && !post.end && !post.cancels.n)
        pthread_cond_wait(&post.more, &post.lock);
    struct model_options *options = post.load;
    struct request *added = post.added;
    struct buf cancels = post.cancels;
    post.cancels = BUF_INIT;
    bool end = post.end;
    post.load = NULL;
    post.added = NULL;
    post.last = &post.added;
    atomic_store(&batch_stop, false);
    pthread_mutex_unlock(&post.lock);

    while (added) {
        struct request *r = added;
        added = r->next;
        queue_add(r->texts ? &embeds : &waiting, r);
    }
    for (size_t at = 0; at < cancels.n; at += sizeof(uint64_t)) {
        uint64_t id;
        memcpy(&id, cancels.p + at, sizeof id);
        cancel(id);
    }
    buf_release(&cancels);
    if (end) {
        out_flush();
        _exit(0); /* what it holds goes with it */
    }
    if (options)
        load(options);
}

static size_t running_of(const char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < running.n; i++)
        n += strcmp(running.all[i]->key, key) == 0;
    return n;
}

static struct request *next_waiting(void)
{
    struct request *best = NULL;
    size_t best_running = SIZE_MAX;
    for (struct request *r = waiting.first; r; r = r->next) {
        size_t n = running_of(r->key);
        if (n < best_running) {
            best = r;
            best_running = n;
        }
        if (!n)
            break;
    }
    return best;
}

/* Gives sequences to those that wait, while there are sequences and cells. */
static void admit(void)
{
    while (waiting.first && running.n < model.sequences) {
        struct request *r = next_waiting();
        if (!sequence_assign(r))
            return;
        size_t needed = r->n - r->sequence->n + (r->most < SPARE ? (size_t)r->most : SPARE);
        if (!sequences_make_room(needed) && running.n) { /* alone, it gets what there is */
            sequence_leave(r);
            return;
        }
        sequences_park_idle();
        queue_remove(&waiting, r);
        atomic_fetch_sub(&queued, 1);
        if (!r->admitted_us) {
            r->admitted_us = clock_mono_us();
            r->cached = r->sequence->n;
            stats.cached_tokens += r->cached;
        }
        running.all[running.n++] = r;
    }
}

/* What batch_run() put back goes in front. */
static void take_back(struct request *back)
{
    while (back) {
        struct request *r = back;
        back = r->next;
        r->next = waiting.first;
        if (!waiting.first)
            waiting.last = &r->next;
        waiting.first = r;
        waiting.n++;
        atomic_fetch_add(&queued, 1);
    }
}

static void publish(void)
{
    stats.queue = waiting.n + embeds.n;
    stats.running = running.n;
    stats.kv_used = sequences_used();
    stats.sequences = sequences_kept();
    stats_publish();
}

void schedule_run(void)
{
    for (;;) {
        publish();
        take_posts();
        admit();
        if (running.n) {
            struct request *back = NULL;
            batch_run(&running, &back);
            take_back(back);
        }
        if (embeds.first && embed_some(embeds.first))
            drop(&embeds, embeds.first);
    }
}
