/*
 * Folding: text without case and accents, and cut into words, so that "Café" is found by "cafe".
 *
 * One rule for everything that compares what people type: the search over documents, the order of lists, the
 * words that a persona is to avoid. Letters of Latin, Greek, Cyrillic, Hebrew and Arabic lose case and marks
 * (base/fold.def, made by tools/fold-table from Unicode's own data); full-width forms become plain; all else
 * stays. A word is a run of letters, digits and marks; in scripts that are written without spaces (Han, kana,
 * Thai, Lao, Khmer, Burmese) every character is a word of its own.
 *
 * Pure; any thread. It does not: stem, split compounds, know any language.
 */
#ifndef EIDOLON_BASE_FOLD_H
#define EIDOLON_BASE_FOLD_H

#include "base/arena.h"
#include "base/buf.h"

enum { FOLD_MAX = 3 }; /* code points that one may become */

/* The folded form of a code point in `to`; returns how many, 0 for a mark that goes. */
unsigned fold_cp(uint32_t cp, uint32_t to[FOLD_MAX]);

enum fold_kind {
    FOLD_GAP,    /* parts words */
    FOLD_LETTER, /* belongs to a word */
    FOLD_ALONE,  /* is a word */
};
enum fold_kind fold_kind(uint32_t cp);

/* The whole text folded, white space and all: for sorting and for comparing names. */
struct str fold_text(struct arena *a, struct str text);

/* The next word of *rest, which is cut after it, folded into `word` (cleared first). False at the end. */
bool fold_word(struct str *rest, struct buf *word);

/* Appends the text's words, each once and a space between them, until `to` would exceed `max` bytes. */
void fold_words(struct str text, struct buf *to, size_t max);

/* The same as a list, with every word that was there (also twice). */
struct str *fold_list(struct arena *a, struct str text, size_t *count);

#endif
