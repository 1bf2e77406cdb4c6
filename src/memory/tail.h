/*
 * Asking memory's home loop for the unindexed tail: what was said, or taken back, and is not in the index
 * yet.
 *
 * The answer waits until the reader has read what was committed before the question came, which takes one
 * read of the log at most; while the queue is full (a rebuild), or memory is stopping, it does not wait.
 */
#ifndef EIDOLON_MEMORY_TAIL_H
#define EIDOLON_MEMORY_TAIL_H

#include "memory/inner.h"

enum { TAIL_ANSWER_MAX = 128 };

struct tail_ask {
    struct msg msg;
    struct tail_ask *next;
    struct memory *m;
    struct loop *from;
    struct id person, persona;
    uint64_t indexed_pos;   /* what lies up to here is in the index, and not in this answer */
    struct arena arena;     /* the answer lies here; handed over with it */
    struct index_doc *said; /* newest TAIL_ANSWER_MAX of this scope, oldest first */
    size_t said_count;
    struct index_place *stale; /* what the index may hold and is no longer so: taken back or changed */
    size_t stale_count;
    void (*done)(struct tail_ask *); /* on `from` */
};

void tail_ask(struct tail_ask *ask) LOOP;

#endif
