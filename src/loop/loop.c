/*
 * Event loops over libuv; see loop.h.
 *
 * The inbox is a Treiber stack: producers push with one compare-and-swap, the consumer takes the whole stack
 * with one exchange and reverses it, which restores each producer's order. uv_async_send() wakes the loop
 * only for the push that found the stack empty, so a burst costs one write to the eventfd.
 *
 * Stopping: loops_stop() posts a last message that closes the loop's own handles; the thread ends when libuv
 * has no active handle left, so whoever owns sockets or timers closes them before.
 */
#include "loop/loop.h"

#include "base/arena.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEARTBEAT_MS = 100 };

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t heartbeat;
    uv_check_t tick_end;
    _Atomic(struct msg *) inbox;
    struct deferred *deferred, **deferred_tail;
    struct loops *all;
    unsigned index;
    pthread_t thread;
    bool stopping;
    uint64_t heartbeat_due_us;
    _Atomic uint64_t lag_max_us, lag_sum_us, ticks, messages;
};

struct loops {
    unsigned count;
    bool started;
    struct loop *list[LOOPS_MAX];
};

static _Thread_local struct loop *self;

struct loop *loop_self(void)
{
    return self;
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

struct loops *loop_all(const struct loop *loop)
{
    return loop->all;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

unsigned loops_count(const struct loops *loops)
{
    return loops->count;
}

struct loop *loops_get(const struct loops *loops, unsigned index)
{
    return loops->list[index];
}

struct loop *loops_home(const struct loops *loops, uint64_t hash)
{
    return loops->list[hash % loops->count];
}

void loop_post(struct loop *to, struct msg *msg)
{
    struct msg *head = atomic_load_explicit(&to->inbox, memory_order_relaxed);
    do {
        msg->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&to->inbox, &head, msg, memory_order_release,
                                                    memory_order_relaxed));
    if (!head)
        uv_async_send(&to->wake);
}

static void run_deferred(struct loop *loop)
{
    while (loop->deferred) {
        struct deferred *d = loop->deferred;
        loop->deferred = d->next;
        if (!loop->deferred)
            loop->deferred_tail = &loop->deferred;
        d->fn(d->arg);
        free(d);
    }
}

static void deliver_inbox(struct loop *loop)
{
    struct msg *stack = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct msg *queue = NULL;
    while (stack) {
        struct msg *next = stack->next;
        stack->next = queue;
        queue = stack;
        stack = next;
    }
    uint64_t count = 0;
    while (queue) {
        struct msg *msg = queue;
        queue = msg->next;
        msg->deliver(msg);
        count++;
    }
    atomic_fetch_add_explicit(&loop->messages, count, memory_order_relaxed);
}

static void on_wake(uv_async_t *wake)
{
    on_loop();
    deliver_inbox(wake->data);
}

static void on_tick_end(uv_check_t *check)
{
    on_loop();
    run_deferred(check->data);
}

static void on_heartbeat(uv_timer_t *timer)
{
    on_loop();
    struct loop *loop = timer->data;
    uint64_t now = clock_mono_us();
    uint64_t late = now > loop->heartbeat_due_us ? now - loop->heartbeat_due_us : 0;
    loop->heartbeat_due_us = now + (uint64_t)HEARTBEAT_MS * 1000;
    if (late > atomic_load(&loop->lag_max_us))
        atomic_store(&loop->lag_max_us, late);
    atomic_fetch_add(&loop->lag_sum_us, late);
    atomic_fetch_add(&loop->ticks, 1);
}

struct loop_lag loop_lag(const struct loop *loop)
{
    struct loop *l = (struct loop *)loop;
    uint64_t ticks = atomic_load(&l->ticks);
    return (struct loop_lag){
        .max_us = atomic_exchange(&l->lag_max_us, 0),
        .mean_us = ticks ? atomic_load(&l->lag_sum_us) / ticks : 0,
        .ticks = ticks,
        .messages = atomic_load(&l->messages),
    };
}

struct call {
    struct msg msg;
    void (*fn)(void *arg);
    void *arg;
};

static void deliver_call(struct msg *msg)
{
    struct call *call = CONTAINER(msg, struct call, msg);
    call->fn(call->arg);
    free(call);
}

void loop_call(struct loop *to, void (*fn)(void *arg), void *arg)
{
    struct call *call = heap_alloc(sizeof *call);
    *call = (struct call){.msg.deliver = deliver_call, .fn = fn, .arg = arg};
    loop_post(to, &call->msg);
}

void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = heap_alloc(sizeof *d);
    *d = (struct deferred){.fn = fn, .arg = arg};
    *loop->deferred_tail = d;
    loop->deferred_tail = &d->next;
    /* The check phase follows a poll that may wait for ever: see that it does not. */
    uv_async_send(&loop->wake);
}

static struct loop *loop_new(struct loops *all, unsigned index)
{
    struct loop *loop = heap_alloc(sizeof *loop);
    loop->all = all;
    loop->index = index;
    loop->deferred_tail = &loop->deferred;
    if (uv_loop_init(&loop->uv) != 0 || uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        fprintf(stderr, "eidolon: cannot make an event loop; raise the limit of open files (ulimit -n).\n");
        abort();
    }
    loop->wake.data = loop;
    uv_check_init(&loop->uv, &loop->tick_end);
    loop->tick_end.data = loop;
    uv_check_start(&loop->tick_end, on_tick_end);
    uv_timer_init(&loop->uv, &loop->heartbeat);
    loop->heartbeat.data = loop;
    uv_unref((uv_handle_t *)&loop->tick_end);
    uv_unref((uv_handle_t *)&loop->heartbeat);
    return loop;
}

enum err loops_new(unsigned count, struct loops **out, struct error *e)
{
    if (count < 1 || count > LOOPS_MAX)
        return error_set(e, ERR_INVALID, "The number of loops must be between 1 and %d, not %u.", LOOPS_MAX,
                         count);
    struct loops *loops = heap_alloc(sizeof *loops);
    loops->count = count;
    for (unsigned i = 0; i < count; i++)
        loops->list[i] = loop_new(loops, i);
    *out = loops;
    return ERR_OK;
}

static void *run_loop(void *arg)
{
    struct loop *loop = arg;
    char name[16];
    snprintf(name, sizeof name, "loop-%u", loop->index);
    thread_become(THREAD_LOOP, name);
    self = loop;
    loop->heartbeat_due_us = clock_mono_us() + (uint64_t)HEARTBEAT_MS * 1000;
    uv_timer_start(&loop->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

void loops_start(struct loops *loops)
{
    loops->started = true;
    for (unsigned i = 0; i < loops->count; i++) {
        if (pthread_create(&loops->list[i]->thread, NULL, run_loop, loops->list[i]) != 0) {
            fprintf(stderr, "eidolon: cannot start a thread; raise the limit of processes (ulimit -u).\n");
            abort();
        }
    }
}

static void begin_stop(void *arg)
{
    struct loop *loop = arg;
    loop->stopping = true;
    /* Without the wake handle's reference the loop ends as soon as nobody else has work in it. */
    uv_unref((uv_handle_t *)&loop->wake);
}

static void close_own_handles(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->heartbeat, NULL);
    uv_close((uv_handle_t *)&loop->tick_end, NULL);
}

/* After the threads ended: what was posted or deferred at the very end still runs, here. */
static void drain(struct loop *loop)
{
    thread_become(THREAD_LOOP, NULL);
    self = loop;
    do {
        deliver_inbox(loop);
        run_deferred(loop);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    } while (atomic_load(&loop->inbox) || loop->deferred);
    self = NULL;
    thread_become(THREAD_PLAIN, NULL);
}

void loops_stop(struct loops *loops)
{
    for (unsigned i = 0; i < loops->count && loops->started; i++)
        loop_call(loops->list[i], begin_stop, loops->list[i]);
    for (unsigned i = 0; i < loops->count && loops->started; i++)
        pthread_join(loops->list[i]->thread, NULL);
    for (unsigned i = 0; i < loops->count; i++)
        drain(loops->list[i]);
    for (unsigned i = 0; i < loops->count; i++) {
        struct loop *loop = loops->list[i];
        close_own_handles(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        if (uv_loop_close(&loop->uv) != 0)
            fprintf(stderr, "eidolon: loop %u still has open handles at its end.\n", i);
        else
            free(loop);
    }
    free(loops);
}

/* Timers. The uv handle is heap memory of its own, because libuv keeps it until its close callback. */

static void on_timer(uv_timer_t *uv)
{
    on_loop();
    struct timer *t = uv->data;
    t->fire(t);
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void timer_arm(struct timer *t, uint64_t after_ms, void (*fire)(struct timer *))
{
    if (!t->uv) {
        t->uv = heap_alloc(sizeof *t->uv);
        uv_timer_init(&self->uv, t->uv);
        t->uv->data = t;
    }
    t->fire = fire;
    /* libuv counts from the start of the tick; a long tick must not shorten the wait. */
    uv_update_time(&self->uv);
    uv_timer_start(t->uv, on_timer, after_ms, 0);
}

void timer_cancel(struct timer *t)
{
    if (t->uv)
        uv_timer_stop(t->uv);
}

void timer_close(struct timer *t)
{
    if (!t->uv)
        return;
    t->uv->data = NULL;
    uv_close((uv_handle_t *)t->uv, free_timer);
    t->uv = NULL;
}

bool timer_armed(const struct timer *t)
{
    return t->uv && uv_is_active((const uv_handle_t *)t->uv);
}
