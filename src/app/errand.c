/* Waiting for a loop; see errand.h. */
#include "app/errand.h"

void errand_done(struct errand *errand)
{
    pthread_mutex_lock(&errand->lock);
    errand->done = true;
    pthread_cond_signal(&errand->over);
    pthread_mutex_unlock(&errand->lock);
}

void errand_wait(struct errand *errand)
{
    pthread_mutex_lock(&errand->lock);
    while (!errand->done)
        pthread_cond_wait(&errand->over, &errand->lock);
    pthread_mutex_unlock(&errand->lock);
}

static void run_errand(void *arg)
{
    struct errand *errand = arg;
    errand->fn(errand->arg);
    errand_done(errand);
}

void run_on_loop(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct errand errand = ERRAND(fn, arg);
    loop_call(loop, run_errand, &errand);
    errand_wait(&errand);
}
