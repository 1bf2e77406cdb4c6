/*
 * Reading card files in child processes: the pool of them, and what they run.
 *
 * A child is this program with the arguments `child cards` (app/child.c): it gives up files, network and
 * processes before it has seen a byte, and reads one file at a time (card_file.h). The pool starts its
 * children when they are first needed and keeps them; a job goes to the child with the fewest before it. A
 * child that takes longer than time_ms is killed and its job refused; a job whose child died is tried once
 * more, in a fresh one, and then refused in words.
 *
 * What comes back is held against the limits again: a child that was taken over can answer nonsense, not more
 * than was allowed. Each child belongs to one loop; jobs come from any loop and go back to theirs.
 */
#ifndef EIDOLON_PERSONA_CARD_CHILD_H
#define EIDOLON_PERSONA_CARD_CHILD_H

#include "base/buf.h"
#include "loop/child_pool.h"
#include "persona/card_file.h"

struct card_pool;

enum {
    CARD_CHILD_MEMORY = 1 << 30, /* bytes of address space of a child */
};

struct card_pool_options {
    unsigned children; /* 0: one a loop, two at most */
    uint64_t time_ms;  /* a file may take; 0: 20 s */
};

/* Plain thread, before or after the loops started; nothing is started yet. */
struct card_pool *card_pool_new(struct loops *loops, const struct card_pool_options *options);
/* Ends the children of the calling loop; their jobs end with ERR_CLOSED. On every loop, before they stop. */
void card_pool_stop(struct card_pool *pool) LOOP;
/* Whether it was stopped: then nothing more is begun. */
bool card_pool_stopped(const struct card_pool *pool);
void card_pool_free(struct card_pool *pool); /* after the loops ended */

enum card_task { CARD_READ, CARD_IMAGE };

struct card_job {
    enum card_task task;
    struct str bytes; /* the caller's, until done() */
    struct card_limits limits;
    struct arena *arena;             /* the caller's, nobody else's until done(): results lie here */
    void (*done)(struct card_job *); /* on the loop that submitted, after submit returned */

    enum err err;
    struct error error;
    struct card_file file; /* CARD_IMAGE: only `picture` */

    /* its own */
    struct child_job job;
    size_t part_cap;
    uint64_t received;
};

void card_pool_submit(struct card_pool *pool, struct card_job *job) LOOP;
/* Process ids of the children of the calling loop, for tests; 0: none runs. */
int card_pool_pid(struct card_pool *pool, unsigned child) LOOP;

/* The child's work, once it is confined: answers jobs until read() says that the server is gone. The exit
 * code.
 */
int card_child_serve(bool (*read)(struct buf *to), bool (*write)(struct str frame));

#endif
