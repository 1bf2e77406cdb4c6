/*
 * A plain thread that waits until something on a loop has happened.
 *
 * The errand lies with who waits; the other side calls errand_done() once, last of all. Only for opening and
 * closing: loops never wait.
 */
#ifndef EIDOLON_APP_ERRAND_H
#define EIDOLON_APP_ERRAND_H

#include "loop/loop.h"

#include <pthread.h>

struct errand {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
};
#define ERRAND(function, argument)                                                                           \
    ((struct errand){function, argument, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false})

void errand_done(struct errand *errand);
void errand_wait(struct errand *errand);
/* Runs fn(arg) on a loop and waits until it has returned. */
void run_on_loop(struct loop *loop, void (*fn)(void *arg), void *arg);

#endif
