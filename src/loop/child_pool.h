/*
 * A pool of child processes that all do the same: jobs go to the one with the fewest before it, each child
 * does one at a time.
 *
 * The children are this program with the arguments given, started when first needed and kept. A child that
 * takes longer over a job than the job's time, or says what it may not, is killed; a job whose child died is
 * tried once more, in a fresh one, and then refused in words. Each child belongs to one loop; jobs come from
 * any loop and go back to theirs.
 *
 * It does not: know what frames say (child.h), confine (the child does).
 */
#ifndef EIDOLON_LOOP_CHILD_POOL_H
#define EIDOLON_LOOP_CHILD_POOL_H

#include "loop/child.h"

enum { CHILD_POOL_MAX = 8, CHILD_POOL_WAITING_MAX = 4096 };

struct child_pool;
struct child_slot;

struct child_pool_options {
    const char *name;        /* for the log: "cards" */
    const char *late;        /* the sentence of a job that took longer than time_ms */
    const char *failed;      /* the sentence of a job on which the child died twice */
    const char *const *args; /* argv[1..] of this program, ended by NULL; both live for ever */
    unsigned children;       /* 0: one a loop, two at most */
    uint64_t time_ms;        /* a job may take */
};

enum child_answer { CHILD_MORE, CHILD_DONE, CHILD_NONSENSE };

struct child_job {
    /* Writes the request, one frame, when its turn has come (again, where a child died); on the child's loop.
     */
    void (*write)(struct child_job *job, struct buf *to);
    /* A frame of the answer, on the child's loop: touches nothing but what is the job's. */
    enum child_answer (*frame)(struct child_job *job, struct str frame);
    void (*done)(struct child_job *job); /* on the loop that submitted, after submit returned */
    bool with_file;                      /* `file` goes along (child_send_file): open until done() */
    int file;
    enum err err;
    struct error error;

    /* the pool's own */
    struct msg msg;
    struct child_job *next;
    struct loop *home;
    struct child_slot *slot;
    unsigned attempts;
};

/* Plain thread, before or after the loops started; nothing is started yet. */
struct child_pool *child_pool_new(struct loops *loops, const struct child_pool_options *options);
/* Ends the children of the calling loop; their jobs end with ERR_CLOSED. On every loop, before they stop. */
void child_pool_stop(struct child_pool *pool) LOOP;
/* Whether it was stopped: then nothing more is begun. Any thread. */
bool child_pool_stopped(const struct child_pool *pool);
void child_pool_free(struct child_pool *pool); /* after the loops ended */
void child_pool_submit(struct child_pool *pool, struct child_job *job) LOOP;
/* Process ids of the children of the calling loop, for tests; 0: none runs. */
int child_pool_pid(struct child_pool *pool, unsigned child) LOOP;

#endif
