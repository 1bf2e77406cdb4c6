/*
 * A core block as a value: the few stable things a person told a persona, each with the message it was read
 * from. Pure; any thread. Storing it is blocks.c's part.
 *
 * The block keeps what was said, also what a later statement replaced: when the later one is forgotten, the
 * earlier holds again. Its text shows, of each relation, what was said last.
 */
#ifndef EIDOLON_MEMORY_BLOCKS_H
#define EIDOLON_MEMORY_BLOCKS_H

#include "base/json.h"
#include "language/facts.h"
#include "memory/memory.h"

enum {
    BLOCK_FACTS_MAX = 64,  /* kept; then the oldest go, names last */
    BLOCK_TEXT_MAX = 1200, /* bytes shown, about 300 tokens */
    BLOCK_VALUE_MAX = 200, /* bytes of a value; longer ones are no facts */
    BLOCK_CLAUSE_MAX = 300,
};

struct block_fact {
    struct str relation, value, clause;
    bool single; /* a later one of the relation replaces it */
    struct id room;
    uint64_t seq;
    int64_t at_ms;
};

struct block {
    struct id persona;
    uint64_t pos;                             /* events up to here are in it */
    struct block_fact facts[BLOCK_FACTS_MAX]; /* oldest first */
    size_t count;
};

/* An empty or unreadable document gives an empty block: it can be made from the log again. */
void block_read(struct arena *a, struct str data, struct block *out);
void block_write(const struct block *b, struct buf *to);
/* The facts of one message that are stable enough for a block; returns how many. */
size_t block_facts(struct arena *a, struct str text, struct str asked, struct person_fact *out, size_t max);
/* True if the block changed. Strings are kept by view. */
bool block_add(struct block *b, const struct person_fact *fact, struct id room, uint64_t seq, int64_t at_ms);
bool block_forget(struct block *b, struct id room, uint64_t seq);
struct str block_text(struct arena *a, const struct block *b);

#endif
