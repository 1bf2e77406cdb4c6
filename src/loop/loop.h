/*
 * Event loops: one thread each, no locks between them, messages only.
 *
 * A loop owns its connections, rooms and timers. Another thread reaches it by loop_post(): an intrusive
 * message goes into the loop's inbox (many producers, one consumer) and its `deliver` runs on the loop's
 * thread, in the order in which one producer posted. Whoever allocated the message says, in deliver(), who
 * frees it.
 *
 * Underneath is libuv; who needs a socket or a timer of its own asks loop_uv(). Across an asynchronous gap
 * keep an id, not a pointer.
 */
#ifndef EIDOLON_LOOP_LOOP_H
#define EIDOLON_LOOP_LOOP_H

#include "base/error.h"
#include "base/thread.h"

#include <stdint.h>
#include <uv.h>

struct loop;

struct msg {
    struct msg *next;
    void (*deliver)(struct msg *); /* runs on the receiving loop; begins with on_loop() */
};

/* The struct that holds this message, as in CONTAINER(msg, struct say, msg). */
#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* All loops of the process. `count` 1..LOOPS_MAX; threads start at loops_start(). */
enum { LOOPS_MAX = 64 };
struct loops;
enum err loops_new(unsigned count, struct loops **out, struct error *e);
void loops_start(struct loops *loops);
/* Asks every loop to stop once its handles are closed, joins the threads, frees. Not from a loop's thread. */
void loops_stop(struct loops *loops);
unsigned loops_count(const struct loops *loops);
struct loop *loops_get(const struct loops *loops, unsigned index);
/* The loop that owns what has this hash: a room's home. */
struct loop *loops_home(const struct loops *loops, uint64_t hash);

struct loop *loop_self(void) LOOP; /* the calling thread's loop */
unsigned loop_index(const struct loop *loop);
struct loops *loop_all(const struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop) LOOP;

/* From any thread, never blocks. After loops_stop() began, messages are still delivered until the loop ends.
 */
void loop_post(struct loop *to, struct msg *msg);

/* Runs fn(arg) on the loop, by a message that it allocates and frees. */
void loop_call(struct loop *to, void (*fn)(void *arg), void *arg);

/* Runs fn(arg) at the end of the present tick: for freeing what must not be freed inside a callback. */
void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg) LOOP;

/* A one-shot timer, embedded in its owner; zero to begin. Arming an armed timer moves it. Cheap: a binary
 * heap of libuv. timer_close() must be called, on the loop, before the memory goes; it takes effect at once.
 */
struct timer {
    uv_timer_t *uv;
    void (*fire)(struct timer *);
};
void timer_arm(struct timer *t, uint64_t after_ms, void (*fire)(struct timer *)) LOOP;
void timer_cancel(struct timer *t) LOOP;
void timer_close(struct timer *t) LOOP;
bool timer_armed(const struct timer *t);

/* How late the loop runs: the longest and the mean delay of a 100 ms heartbeat since the last call,
 * microseconds. */
struct loop_lag {
    uint64_t max_us, mean_us, ticks, messages;
};
struct loop_lag loop_lag(const struct loop *loop); /* from any thread; a snapshot */

#endif
