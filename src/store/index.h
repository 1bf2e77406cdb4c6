/*
 * The search index: full text over what was said, per scope (person, persona), behind the log.
 *
 * One file, index.db, that can be rebuilt from the log at any time: missing, corrupt or of another version,
 * it is made anew and its cursor is 0. It has a writer thread and readers of its own; it never delays the
 * store. Terms are stemmed (porter over unicode61, Unicode words, no case, no diacritics).
 *
 * A search goes by the rarest of the query's terms, as many as the budget of postings allows, within one
 * scope only; the score is bm25 within what that scope holds, higher is better.
 *
 * Operations are made and submitted as those of the store: INDEX_NEW, index_submit(), done() on the
 * submitting loop, index_op_free(); a plain thread uses index_wait().
 *
 * It does not: read the log (memory/indexer.c feeds it), decide what is relevant (memory/score.c does).
 */
#ifndef EIDOLON_STORE_INDEX_H
#define EIDOLON_STORE_INDEX_H

#include "base/arena.h"
#include "base/error.h"
#include "loop/loop.h"
#include "store/row.h"

struct index;

struct index_options {
    const char *folder;
    unsigned readers; /* 0: 2 */
    const char *vfs;  /* tests; NULL: the system's */
};
/* Plain thread. Fails only where the folder cannot be written. */
enum err index_open(const struct index_options *options, struct index **out, struct error *e);
/* As store_stop() and store_close(): stop before loops_stop(), close after. */
void index_stop(struct index *index);
void index_close(struct index *index);

enum index_op_kind {
    INDEX_PUT,
    INDEX_ERASE,
    INDEX_REBUILD,
    INDEX_SEARCH,
    INDEX_NEIGHBOURS,
    INDEX_CURSOR,
    INDEX_OP_KINDS
};

struct index_op {
    struct msg msg;
    enum index_op_kind kind;
    struct loop *home;  /* set at submission; NULL: a plain thread waits */
    struct arena arena; /* results; inputs may lie here too */
    enum err err;
    struct error error;
    void (*done)(struct index_op *);
    void *arg;
};

/* A new op of a kind, zeroed: struct index_search *s = INDEX_NEW(search, SEARCH); */
void *index_op_new(enum index_op_kind kind, size_t size);
#define INDEX_NEW(name, KIND) ((struct index_##name *)index_op_new(INDEX_##KIND, sizeof(struct index_##name)))
void index_op_free(struct index_op *op);
/* From a loop; never blocks. */
void index_submit(struct index *index, struct index_op *op);
/* Plain threads: submits and waits. Returns op->err; the caller frees. done is not called. */
enum err index_wait(struct index *index, struct index_op *op);

struct index_doc {
    struct id room;
    uint64_t seq;
    int64_t at_ms;
    struct id owner, persona; /* the scope: of which person, for which persona */
    enum author_type author_type;
    struct id author;
    struct str text;
};

/* Adds (or replaces, by room, seq and scope) and moves the cursor, in one transaction. */
struct index_put {
    struct index_op op;
    const struct index_doc *docs;
    size_t doc_count;
    uint64_t pos; /* the cursor afterwards; 0: unchanged */
};

/* Removes these messages from every scope; when done, the file no longer holds their words. */
struct index_erase {
    struct index_op op;
    struct id room;
    const uint64_t *seqs;
    size_t seq_count;
    size_t removed;
};

/* Empties the index and sets the cursor to 0. */
struct index_rebuild {
    struct index_op op;
};

struct index_hit {
    struct id room;
    uint64_t seq;
    int64_t at_ms;
    enum author_type author_type;
    struct id author;
    struct str text; /* whole */
    double score;    /* bm25, higher is better */
    /* bit i: the i-th of the search's `terms` is in it */
    uint64_t matched;
};

/* Either words (each may become several terms) or text, or both. */
struct index_search {
    struct index_op op;
    struct id owner, persona;
    struct str text;
    const struct str *words;
    size_t word_count;
    unsigned limit;          /* 0: 50 */
    uint64_t posting_budget; /* postings to look at, at most; 0: 4000 */
    struct index_hit *hits;  /* best first */
    size_t hit_count;
    struct str
        *terms; /* the query's words that were used (as written, lower case), rarest first; 64 at most */
    uint64_t *term_docs; /* in how many turns of the scope each is */
    size_t term_count;
    uint64_t scope_docs; /* turns in the scope */
    uint64_t cursor;     /* everything up to this position is in the index */
};

/* For each of `at`: the turns of the scope in the same room within `radius` before and after, by number of
 * turns (not of events). Windows come in the order of `at`; a turn may be in several. */
struct index_place {
    struct id room;
    uint64_t seq;
};
struct index_window {
    struct index_hit *turns; /* ascending seq, the place itself left out; score 0 */
    size_t turn_count;
};
struct index_neighbours {
    struct index_op op;
    struct id owner, persona;
    const struct index_place *at;
    size_t at_count;
    unsigned radius;
    struct index_window *windows; /* at_count */
};

struct index_cursor {
    struct index_op op;
    uint64_t pos;
    uint64_t docs;
};

struct index_stats {
    uint64_t cursor, docs, bytes, searches, search_us_sum, puts;
    unsigned queued_writes, queued_reads;
    bool rebuilt; /* at opening: it was missing, corrupt or of another version */
};
void index_stats(struct index *index, struct index_stats *out);

#endif
