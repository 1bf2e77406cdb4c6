/*
 * Memory: what a persona keeps of what was said, and how it finds it again.
 *
 * Verbatim messages are the indexed truth. An indexer follows the log behind (its own cursor, by global
 * position) and feeds the search index; every message is indexed under one scope per persona that was a
 * member of the room when it was said: a persona remembers what it heard, of each person, and nothing else.
 * Beside the index stand core blocks: a few short documents per (person, persona) that are in every prompt.
 *
 *   reader.c, stays.c   log -> moments, each under the scopes that heard it
 *   write.c, blocks.c      moments -> index and core blocks
 *   recall.c, score.c, reason.c   query -> hits with reasons
 *
 * A recall looks in the index (the rarest few terms, bounded postings), scores by words, neighbours, session
 * and speaker (facts measured on LoCoMo), and scans the unindexed tail of the log, so that what was said a
 * second ago in another room is found too.
 *
 * It does not: call a model, keep anything that cannot be rebuilt from the log (but edited blocks, which are
 * documents), decide what the prompt looks like.
 */
#ifndef EIDOLON_MEMORY_MEMORY_H
#define EIDOLON_MEMORY_MEMORY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"
#include "loop/loop.h"

struct store; /* store/store.h */
struct index; /* store/index.h */
struct memory;

struct memory_options {
    struct id tenant;
    unsigned batch;      /* events the indexer takes at a time; 0: 128 */
    unsigned tail_max;   /* moments that may wait unindexed, where recalls scan them; 0: 1024 */
    unsigned candidates; /* turns a recall takes from the index; 0: 50 */
};

/* Opens; the indexer runs on `home` (one loop), reading through the store and writing through the index. The
 * store and the index must outlive it. */
enum err memory_new(struct store *store, struct index *index, struct loop *home,
                    const struct memory_options *options, struct memory **out, struct error *e);
/* Begins to index; from any thread, once the loops run. */
void memory_start(struct memory *m);
/* Stops the indexer; `stopped(arg)` runs on the home loop when nothing of it is under way any more. From any
 * thread, while the loops run. */
void memory_stop(struct memory *m, void (*stopped)(void *arg), void *arg);
void memory_free(struct memory *m); /* after the loops ended */
/* Somebody committed: there may be something to index. Cheap, from any thread. */
void memory_hint(struct memory *m);

/* Where the indexer is; from any thread, for /metrics and /readyz. */
struct memory_state {
    uint64_t indexed_pos; /* everything up to here is in the index */
    uint64_t turns, forgotten, recalls, recall_us_total;
    bool failing; /* the last batch failed; it is tried again with back-off */
};
struct memory_state memory_state(const struct memory *m);

/* One remembered moment: a message and, where they help, its neighbours. */
struct memory_turn {
    uint64_t seq;
    int64_t at_ms;
    struct id author;
    bool by_persona; /* a persona said it, else a person */
    struct str text;
};

struct memory_hit {
    struct id room;
    struct memory_turn turn;
    struct memory_turn before[2], after[2]; /* nearest first; text empty where there is none */
    double score;                           /* 0..about 2.5, comparable within one recall only */
    struct str reason;                      /* "shares 'sister', 'Porto'; said 3 days ago in another room" */
    bool from_tail;                         /* found in the unindexed tail */
};

/* A core block: short, always in the prompt. */
struct memory_block {
    struct str name; /* "person", "notes" */
    struct str text;
    struct str reason; /* "core" */
};

/* A recall: the caller embeds it, fills the first part and keeps it (with what it points to) until done(). */
struct memory_recall {
    struct id person, persona, room;
    struct str text;         /* what was said now */
    const struct str *words; /* further query words (expansion), may be NULL */
    size_t word_count;
    const uint64_t *exclude; /* seqs of `room` that are in the prompt already */
    size_t exclude_count;
    uint64_t exclude_from;                /* and every seq of `room` from here on; 0: none */
    size_t budget_tokens;                 /* for hits and their windows; 0: no hits, only blocks */
    unsigned max_hits;                    /* 0: 8 */
    struct arena *arena;                  /* results lie here */
    void (*done)(struct memory_recall *); /* on the calling loop, always after memory_recall() returned */

    enum err err; /* ERR_OK, or why there are no hits; a turn goes on without them */
    struct error error;
    struct memory_hit *hits; /* best first */
    size_t hit_count;
    struct memory_block *blocks;
    size_t block_count;
    uint64_t took_us;
    void *inner;
};
void memory_recall(struct memory *m, struct memory_recall *op) LOOP;
/* The caller goes away: done() will still be called, as soon as may be, with ERR_CANCELLED. */
void memory_recall_cancel(struct memory_recall *op) LOOP;

/* The estimator that budgets go by (bytes / 4, rounded up, plus 4 a message), the same as the prompt's. */
size_t memory_tokens(struct str text);

#endif
