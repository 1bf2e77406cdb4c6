/*
 * What memory's own files share.
 *
 * The reader (reader.c) reads the log page by page and turns it into moments: what was said, once per scope
 * (person, persona) that heard it, and what was taken back. A page's moments wait in a queue of batches; the
 * writer (write.c) takes them into core blocks and the index, then lets them go. What waits in the queue is
 * the unindexed tail, which recalls scan (tail.c).
 *
 * All of this lives on memory's home loop. `struct memory` is shared: only its atomics and constants are read
 * elsewhere.
 */
#ifndef EIDOLON_MEMORY_INNER_H
#define EIDOLON_MEMORY_INNER_H

#include "memory/memory.h"
#include "memory/stays.h"
#include "store/index.h"
#include "store/store.h"

#include <stdatomic.h>

struct moment {
    struct index_doc doc; /* text empty: it was taken back, or replaced by a later moment */
    struct str asked;     /* what a persona said just before, in the same room */
    uint64_t pos;
    bool back;     /* taken back: everything made of (room, seq) goes */
    bool replaced; /* by a later moment of the same batch or a later one */
};

/* What one page of the log became. Its strings lie in its own arena. */
struct batch {
    struct batch *next;
    struct arena arena;
    struct moment *moments;
    size_t count, cap;
    uint64_t pos; /* the last event of the page */
};

/* Someone who waits for the tail; see tail.c. */
struct tail_ask;

struct reader {
    bool busy;   /* a page is under way */
    bool again;  /* something was committed since it was asked for */
    bool behind; /* the last page was full */
    uint64_t pos;
    struct store_consume *page;  /* under way, or NULL */
    size_t at;                   /* its next row */
    struct batch *batch;         /* what it becomes */
    struct message_row original; /* of the edit at `at`, once found */
    bool original_known;
    struct timer retry;
    uint64_t backoff_ms;
};

struct writer {
    bool busy;
    struct batch *first, *last; /* the queue */
    size_t waiting;             /* moments in it */
    size_t taken;               /* batches of the queue that are under way */
    size_t step;                /* where among them */
    uint64_t wrote_us;          /* when the last put was done; 0: none yet */
    struct timer linger;        /* more may gather until it fires */
    struct timer retry;
    uint64_t backoff_ms;
    void *blocks; /* blocks.c */
};

struct memory {
    struct store *store;
    struct index *index;
    struct loop *home;
    struct memory_options options;
    struct msg hint;
    atomic_bool hinted, started, stopping;
    struct reader reader;
    struct writer writer;
    struct stays stays;
    struct tail_ask *asks;
    void (*stopped)(void *);
    void *stopped_arg;
    _Atomic uint64_t indexed_pos, turns, forgotten, recalls, recall_us;
    atomic_bool failing;
};

enum { BACKOFF_FIRST_MS = 250, BACKOFF_LAST_MS = 30000 };

/* reader.c */
void reader_begin(struct memory *m) LOOP;   /* reads the index's cursor, then follows */
void reader_more(struct memory *m) LOOP;    /* something may be there to read */
bool reader_current(struct memory *m) LOOP; /* the queue holds all that was committed before the last hint */
/* write.c */
void write_more(struct memory *m) LOOP;
/* tail.c */
void tail_answer(struct memory *m) LOOP; /* the reader came to rest */
/* blocks.c: takes the moments of the first `batches` of the queue into core blocks; then done(m, err). */
void blocks_take(struct memory *m, size_t batches, void (*done)(struct memory *, enum err)) LOOP;
struct id block_id(struct id person, struct id persona);
/* The blocks of a stored document, in `a`; returns how many (BLOCKS_MAX at most). */
enum { BLOCKS_MAX = 4 };
size_t blocks_read(struct arena *a, struct str data, struct memory_block out[BLOCKS_MAX]);
#define BLOCK_DOC_TYPE STR("block")
/* memory.c */
void memory_rest(struct memory *m) LOOP; /* tells who waits for the stop, if all is still */
/* Doubles *backoff_ms and arms the timer. */
void memory_retry(struct timer *t, uint64_t *backoff_ms, void (*fire)(struct timer *)) LOOP;

#endif
