/* One recall under way: what recall.c and choose.c share. It lives on the loop that asked. */
#ifndef EIDOLON_MEMORY_RECALL_H
#define EIDOLON_MEMORY_RECALL_H

#include "memory/query.h"
#include "memory/score.h"
#include "memory/tail.h"

enum {
    RECALL_CANDIDATES = 50,    /* hits taken from the index, unless the options say otherwise */
    RECALL_NEIGHBOURS_OF = 12, /* of them, the best bring their neighbours */
    RECALL_RADIUS = 2,
    RECALL_POSTINGS = 4000, /* the index looks at no more, rarest word first */
};

struct recall {
    struct memory *m;
    struct memory_recall *op; /* NULL: it was cancelled, and answered */
    struct arena arena;
    struct query query;
    enum about about;
    unsigned open;  /* answers still to come */
    bool answering; /* cancelled; the answer is on its way */
    bool again;     /* the index was asked a second time */
    uint64_t began_us;
    struct index_search *search;
    struct index_neighbours *around;
    struct store_doc_get *block;
    struct tail_ask tail;
};

/* Scores what was found; `order` (CANDIDATES_MAX) gets the candidates, best first. Returns how many. Needs of
 * the op only room and what is excluded. Pure, given the answers. */
size_t recall_rank(struct recall *r, struct candidates *c, const struct candidate **order);
/* Ranks, and fills in the op's hits. */
void recall_choose(struct recall *r) LOOP;

#endif
