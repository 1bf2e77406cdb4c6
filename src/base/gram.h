/*
 * Words of scripts that put no spaces between them (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese), as
 * far as searching needs them: overlapping pairs of characters, as Lucene's CJKBigramFilter has it. What
 * finds "香港的雨" by "香港" is that both hold the pair 香港.
 *
 * It does not: know a dictionary. A pair that crosses two words is a term too; it finds little, and costs
 * little.
 */
#ifndef EIDOLON_BASE_GRAM_H
#define EIDOLON_BASE_GRAM_H

#include "base/str.h"

/* Whether a letter belongs to a script that is written without spaces. */
bool gram_unspaced(uint32_t cp);

struct grams {
    struct str rest; /* the word that is left to cut */
    bool joined;     /* its first character was the second of a pair */
};
/*
 * The next piece of a word (UTF-8): a pair of unspaced letters, a single one that stands alone, or a run of
 * other letters, whole. A view into the word; false at the end.
 */
bool gram_next(struct grams *g, struct str *piece);

#endif
