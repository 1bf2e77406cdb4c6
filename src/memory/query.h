/*
 * A recall's query: the words worth looking for, matched by stems. Pure; any thread.
 */
#ifndef EIDOLON_MEMORY_QUERY_H
#define EIDOLON_MEMORY_QUERY_H

#include "memory/memory.h"

enum { QUERY_WORDS_MAX = 40 };

struct query_word {
    struct str as_said; /* "Porto" */
    struct str stem;
    bool expansion; /* not the person's own word */
};

struct query {
    struct query_word words[QUERY_WORDS_MAX];
    size_t count;
};

/* Content words of the text (no stop words, each once), then the expansion's. Strings in `a` or in the
 * inputs. */
void query_of(struct arena *a, struct str text, const struct str *words, size_t word_count,
              struct query *out);
/* Bit i: the query's i-th word is in the text. */
uint64_t query_match(struct arena *a, const struct query *q, struct str text);

/* "shares 'sister', 'Porto'; said 3 days ago in another room". `matched` as of query_match(). */
struct str reason_of(struct arena *a, const struct query *q, uint64_t matched, bool neighbour, int64_t ago_ms,
                     bool same_room);

#endif
