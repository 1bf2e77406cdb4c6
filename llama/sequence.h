/*
 * Sequences: what the key-value cache holds, for whom, and what may be forgotten.
 *
 * The context has one cache of `budget` cells that all sequences share. A sequence is a row of tokens that
 * are in it; it serves one request at a time and stays when that is done, so that the next turn of the same
 * room finds its beginning there. A prefix that another sequence holds (a system prompt) is taken over
 * without computing or copying: the cells belong to both then. Cells are counted here as llama.cpp does it,
 * so that it is known beforehand whether a batch fits; when one does not, what was used longest ago is
 * forgotten.
 *
 * All of it belongs to the scheduler's thread.
 */
#ifndef EIDOLON_LLAMA_SEQUENCE_H
#define EIDOLON_LLAMA_SEQUENCE_H

#include "request.h"

struct sequence {
    llama_seq_id id;
    char *key;           /* who asked last; owned */
    llama_token *tokens; /* in the cache */
    uint32_t *cells;     /* where each of them is */
    size_t n, cap;
    uint64_t used; /* a clock of uses */
    struct request *request;
};

void sequences_open(void);
void sequences_close(void);

/* A sequence for the request, holding as much of its row as some sequence had (never all of it: the last
 * token's probabilities are wanted). False if all are busy. */
bool sequence_assign(struct request *r);
/* The request is done with it; its tokens stay. */
void sequence_leave(struct request *r);
/* Takes the sequence from a request that runs; it will have to be computed again. */
void sequence_take_away(struct request *r);
/* Makes n cells free by parking what nobody uses now. False if that was not enough. */
bool sequences_make_room(size_t n);
/* Parks one that nobody uses. False if there is none. */
bool sequences_park_one(void);
/* Parks all that nobody uses. */
void sequences_park_idle(void);
/* The request's next n tokens are in the cache now. */
void sequence_grew(struct request *r, size_t n);
/* Drops what a broken off batch left behind the tokens that count. */
void sequence_mend(const struct request *r);
/* Forgets everything, of all sequences that nobody uses and those of requests that run. */
void sequences_forget_all(void);

size_t sequences_used(void); /* cells */
size_t sequences_kept(void); /* sequences that hold something */

#endif
