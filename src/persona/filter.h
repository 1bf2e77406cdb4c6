/*
 * Words held back: a stream of text goes in, the same text comes out with every word to avoid replaced by a
 * mark.
 *
 * Words are compared folded (base/fold.h: no case, no accents), whole ("ass" is not in "class"), and entries
 * of several words match whatever signs part them. In scripts without spaces an entry matches wherever it
 * stands. A match may lie across any number of pieces: only what may still become one is held back, and never
 * longer than the longest entry.
 *
 * One filter, one stream; no locks.
 */
#ifndef EIDOLON_PERSONA_FILTER_H
#define EIDOLON_PERSONA_FILTER_H

#include "persona/persona.h"

#define FILTER_MARK "\xe2\x96\xae\xe2\x96\xae\xe2\x96\xae" /* three black rectangles */

struct word_filter;

/* In `a`, which must outlive it; NULL where no entry holds a word: nothing is to be done then. */
struct word_filter *filter_new(struct arena *a, const struct persona_list *words);
/* Appends to `out` what is certain. `end`: no more comes, everything is. */
void filter_feed(struct word_filter *f, struct str text, bool end, struct buf *out);
/* How many were replaced so far. */
size_t filter_count(const struct word_filter *f);
void filter_release(struct word_filter *f); /* NULL is fine */

/* A whole text at once; the text itself where nothing is replaced. */
struct str filter_text(struct arena *a, const struct persona_list *words, struct str text);

#endif
