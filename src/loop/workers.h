/*
 * Workers: a pool of threads at nice 10 for CPU work and blocking libraries, so that loops stay quick.
 *
 * A job is embedded in its owner's struct and owns its arena. run() is called on a worker; then done() on the
 * loop that submitted it, always, also when it was cancelled. Cancelling only marks: a job not yet started is
 * not run; a running one may look at job_cancelled().
 */
#ifndef EIDOLON_LOOP_WORKERS_H
#define EIDOLON_LOOP_WORKERS_H

#include "base/arena.h"
#include "loop/loop.h"

#include <stdatomic.h>

struct workers;

struct job {
    struct msg msg;
    struct job *next;
    struct loop *home;
    struct arena arena;
    atomic_bool cancelled;
    void (*run)(struct job *);  /* worker thread; begins with on_worker() */
    void (*done)(struct job *); /* home loop; begins with on_loop(); frees the job and its arena */
};

struct workers *workers_new(unsigned threads); /* 0: one per core, two at least */
void workers_free(struct workers *w);          /* finishes what is queued, joins */
void workers_submit(struct workers *w, struct job *job) LOOP;
static inline void job_cancel(struct job *job)
{
    atomic_store(&job->cancelled, true);
}
static inline bool job_cancelled(struct job *job)
{
    return atomic_load(&job->cancelled);
}
unsigned workers_queued(const struct workers *w); /* any thread, for metrics */

#endif
