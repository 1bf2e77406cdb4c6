/* Queues between threads; see queue.h. */
#include "store/queue.h"

#include <stdio.h>
#include <stdlib.h>

void queue_init(struct queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
    q->first = NULL;
    q->last = &q->first;
    q->closed = false;
    atomic_store(&q->count, 0);
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}

enum err queue_put(struct queue *q, struct msg *msg, unsigned max, struct error *e)
{
    enum err err = ERR_OK;
    msg->next = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->closed) {
        err = error_set(e, ERR_CLOSED, "The server is stopping; try again when it runs.");
    } else if (atomic_load(&q->count) >= max) {
        err = error_set(e, ERR_BUSY, "The store is busy; try again in a moment.");
    } else {
        *q->last = msg;
        q->last = &msg->next;
        atomic_fetch_add(&q->count, 1);
        pthread_cond_signal(&q->wake);
    }
    pthread_mutex_unlock(&q->lock);
    return err;
}

struct msg *queue_take(struct queue *q, unsigned max)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closed)
        pthread_cond_wait(&q->wake, &q->lock);
    struct msg *list = q->first, **end = &list;
    unsigned n = 0;
    for (; n < max && *end; n++)
        end = &(*end)->next;
    q->first = *end;
    *end = NULL;
    if (!q->first)
        q->last = &q->first;
    atomic_fetch_sub(&q->count, n);
    pthread_mutex_unlock(&q->lock);
    return list;
}

void waiter_wake(struct waiter *w)
{
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void waiter_wait(struct waiter *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->done)
        pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
}

void store_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    if (pthread_create(thread, NULL, run, arg) != 0) {
        fprintf(stderr, "eidolon: cannot start a thread; raise the limit of processes (ulimit -u).\n");
        abort();
    }
}
