/*
 * Scoring: which of the turns that were found answer best. Pure; any thread.
 *
 * The weighted sum that was measured on LoCoMo (facts/memory.md), without vectors:
 *     bm25(t) + window1(t) + .3 window2(t) + .2 session(t) + .1 speaker(t)
 * each divided by its largest value among the candidates (a largest value of 0 gives 0, so equal scores
 * divide by nothing). window1 is the sum of bm25 over t and its direct neighbours, window2 over those two
 * away; session that of all found in the same room within SESSION_GAP_MS of each other. A hundredth goes to
 * what was said later, which decides ties.
 */
#ifndef EIDOLON_MEMORY_SCORE_H
#define EIDOLON_MEMORY_SCORE_H

#include "memory/memory.h"
#include "store/index.h"

enum { SESSION_GAP_MS = 2 * 3600 * 1000, CANDIDATES_MAX = 512 };

struct candidate {
    struct id room;
    uint64_t seq;
    int64_t at_ms;
    enum author_type author_type;
    struct id author;
    struct str text;
    double bm25; /* 0: only a neighbour */
    bool from_tail;
    int before, after; /* indexes of its neighbours among the candidates; -1: not known */
    double score;      /* the result */
};

/* Whom a question is about: what the person said of themselves, or what the persona said. */
enum about { ABOUT_ANYONE, ABOUT_PERSON, ABOUT_PERSONA };

struct candidates {
    struct candidate at[CANDIDATES_MAX];
    size_t count;
};

/* Finds or adds the turn; NULL when full. */
struct candidate *candidate_of(struct candidates *c, struct id room, uint64_t seq);
/* Says that these two follow each other. */
void candidates_link(struct candidates *c, struct candidate *earlier, struct candidate *later);
/* Fills in the scores. */
void candidates_score(struct candidates *c, enum about about);
enum about about_of(struct arena *a, struct str query);

#endif
