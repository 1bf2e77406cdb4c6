/* Queues before children; see child_pool.h. */
#include "loop/child_pool.h"

#include "base/arena.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { CHILDREN_DEFAULT_MAX = 2, CHILD_NICE = 5, ATTEMPTS = 2 };

struct child_slot {
    struct child_pool *pool;
    struct loop *loop;
    struct child *child;
    struct child_job *first, **last; /* waiting; the first is with the child while `busy` */
    struct timer timer;
    bool busy, late, stopped, served;
    atomic_uint waiting;
};

struct child_pool {
    struct child_pool_options options;
    struct child_slot slots[CHILD_POOL_MAX];
    unsigned count;
    atomic_uint turn;
    atomic_bool stopped;
};

static void give_next(struct child_slot *s) LOOP;
static void on_late(struct timer *timer);

struct child_pool *child_pool_new(struct loops *loops, const struct child_pool_options *options)
{
    struct child_pool *pool = heap_alloc(sizeof *pool);
    unsigned n = loops_count(loops);
    pool->options = *options;
    pool->count = options->children ? options->children : n < CHILDREN_DEFAULT_MAX ? n : CHILDREN_DEFAULT_MAX;
    if (pool->count > CHILD_POOL_MAX)
        pool->count = CHILD_POOL_MAX;
    for (unsigned i = 0; i < pool->count; i++) {
        struct child_slot *s = &pool->slots[i];
        s->pool = pool;
        /* From the last loop down: the first has the house's own errands. */
        s->loop = loops_get(loops, n - 1 - i % n);
        s->last = &s->first;
    }
    return pool;
}

void child_pool_free(struct child_pool *pool)
{
    free(pool);
}

/* ---- back home ---- */
static void come_home(struct msg *msg)
{
    on_loop();
    struct child_job *job = CONTAINER(msg, struct child_job, msg);
    job->done(job);
}

static void send_home(struct child_job *job)
{
    job->msg.deliver = come_home;
    loop_post(job->home, &job->msg);
}

/* The job that the child has, or had, is over. */
static LOOP void finish(struct child_slot *s)
{
    struct child_job *job = s->first;
    s->first = job->next;
    if (!s->first)
        s->last = &s->first;
    s->busy = false;
    timer_cancel(&s->timer);
    atomic_fetch_sub(&s->waiting, 1);
    send_home(job);
}

static LOOP void fail(struct child_slot *s, enum err err, const char *sentence)
{
    s->first->err = error_set(&s->first->error, err, "%s", sentence);
    finish(s);
}

/* ---- what the child says ---- */
static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct child_slot *s = arg;
    struct child_job *job = s->busy ? s->first : NULL;
    if (!job || s->late)
        return;
    enum child_answer answer = job->frame(job, frame);
    if (answer == CHILD_NONSENSE) {
        log_warn("child", "a %s process answered what it may not; it is started anew", s->pool->options.name);
        job->attempts = ATTEMPTS;
        child_kill(s->child);
    } else if (answer == CHILD_DONE) {
        s->served = true;
        finish(s);
        give_next(s);
    }
}

static LOOP void fail_lost(struct child_slot *s, bool late, const char *sentence)
{
    const struct child_pool_options *say = &s->pool->options;
    if (late || s->served)
        fail(s, ERR_REFUSED, late ? say->late : say->failed);
    else
        fail(s, ERR_UNAVAILABLE, sentence); /* the child never worked at all: that is not the job's fault */
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct child_slot *s = arg;
    bool late = s->late;
    s->late = false;
    if (s->busy && (late || s->first->attempts >= ATTEMPTS))
        fail_lost(s, late, sentence);
    s->busy = false;
    timer_cancel(&s->timer);
    if (s->first)
        give_next(s);
}

static void on_late(struct timer *timer)
{
    on_loop();
    struct child_slot *s = CONTAINER(timer, struct child_slot, timer);
    if (!child_running(s->child)) { /* it waits to be started: the job's time has not begun */
        timer_arm(timer, s->pool->options.time_ms, on_late);
        return;
    }
    s->late = true;
    child_kill(s->child);
}

/* ---- giving it work ---- */
static LOOP void start(struct child_slot *s)
{
    static const struct child_events events = {on_frame, on_lost};
    struct child_options options = {
        .name = s->pool->options.name, .args = s->pool->options.args, .nice = CHILD_NICE};
    if (!s->child)
        s->child = child_open(s->loop, &options, &events, s);
    else if (!child_running(s->child))
        child_start(s->child);
}

static void give_next(struct child_slot *s)
{
    while (s->first && !s->busy && !s->stopped) {
        struct child_job *job = s->first;
        struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
        struct error e = {0};
        start(s);
        job->attempts++;
        s->busy = true;
        job->write(job, &frame);
        enum err err = buf_check(&frame, "What is sent", &e);
        if (!err)
            err = job->with_file ? child_send_file(s->child, buf_str(&frame), job->file, &e)
                                 : child_send(s->child, buf_str(&frame), &e);
        buf_release(&frame);
        if (err)
            fail(s, err, e.message);
        else
            timer_arm(&s->timer, s->pool->options.time_ms, on_late);
    }
}

static void take_job(struct msg *msg)
{
    on_loop();
    struct child_job *job = CONTAINER(msg, struct child_job, msg);
    struct child_slot *s = job->slot;
    if (s->stopped) {
        job->err = error_set(&job->error, ERR_CLOSED, "The server is stopping; try again later.");
        atomic_fetch_sub(&s->waiting, 1);
        send_home(job);
        return;
    }
    job->next = NULL;
    *s->last = job;
    s->last = &job->next;
    give_next(s);
}

static struct child_slot *least_busy(struct child_pool *pool)
{
    unsigned from = atomic_fetch_add(&pool->turn, 1), best = from % pool->count;
    for (unsigned i = 0; i < pool->count; i++) {
        unsigned at = (from + i) % pool->count;
        if (atomic_load(&pool->slots[at].waiting) < atomic_load(&pool->slots[best].waiting))
            best = at;
    }
    return &pool->slots[best];
}

void child_pool_submit(struct child_pool *pool, struct child_job *job)
{
    job->home = loop_self();
    job->slot = least_busy(pool);
    job->attempts = 0;
    job->err = ERR_OK;
    if (atomic_load(&job->slot->waiting) >= CHILD_POOL_WAITING_MAX) {
        job->err =
            error_set(&job->error, ERR_BUSY, "Too much is waiting for the %s process; try again in a moment.",
                      pool->options.name);
        send_home(job);
        return;
    }
    atomic_fetch_add(&job->slot->waiting, 1);
    job->msg.deliver = take_job;
    loop_post(job->slot->loop, &job->msg);
}

bool child_pool_stopped(const struct child_pool *pool)
{
    return atomic_load(&pool->stopped);
}

void child_pool_stop(struct child_pool *pool)
{
    atomic_store(&pool->stopped, true);
    for (unsigned i = 0; i < pool->count; i++) {
        struct child_slot *s = &pool->slots[i];
        if (s->loop != loop_self() || s->stopped)
            continue;
        s->stopped = true;
        timer_close(&s->timer);
        if (s->child)
            child_close(s->child);
        s->child = NULL;
        while (s->first)
            fail(s, ERR_CLOSED, "The server is stopping; try again later.");
    }
}

int child_pool_pid(struct child_pool *pool, unsigned child)
{
    struct child_slot *s = &pool->slots[child % pool->count];
    return s->loop == loop_self() && s->child ? child_pid(s->child) : 0;
}
