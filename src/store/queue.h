/*
 * A queue of operations between any thread and the store's (or the index's) threads, and the way back.
 *
 * What is queued are the `struct msg` that operations begin with; while an operation belongs to the store its
 * msg is free to be the link.
 */
#ifndef EIDOLON_STORE_QUEUE_H
#define EIDOLON_STORE_QUEUE_H

#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct msg *first, **last;
    atomic_uint count;
    bool closed;
};

void queue_init(struct queue *q);
/* Nothing more comes in; takers get what is left, then NULL. */
void queue_close(struct queue *q);
/* Queues and wakes one taker, unless the queue is closed (ERR_CLOSED) or holds `max` already (ERR_BUSY). */
enum err queue_put(struct queue *q, struct msg *msg, unsigned max, struct error *e);
/* Up to `max`, linked by next in the order they came; waits for the first. NULL: closed and empty. */
struct msg *queue_take(struct queue *q, unsigned max);

/* A plain thread that waits for one answer. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool done;
};
#define WAITER_INIT ((struct waiter){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false})
void waiter_wake(struct waiter *w);
void waiter_wait(struct waiter *w); /* and releases it */

/* The thread starts or the process ends with a sentence. */
void store_thread(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
