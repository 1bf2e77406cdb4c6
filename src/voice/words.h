/*
 * A text as plain words, for those that judge what was said: small letters of ASCII, apostrophes within a
 * word kept, other letters as they are, everything else parts words.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_WORDS_H
#define EIDOLON_VOICE_WORDS_H

#include "base/str.h"

enum { WORD_MAX = 32 };

struct word {
    char c[WORD_MAX]; /* cut, and ended by NUL */
    size_t from, to;  /* where it stands in the text */
};

/* The next word at or after *at, which moves behind it. */
bool word_next(struct str text, size_t *at, struct word *out);
/* Whether `list` ("yes no maybe", words parted by spaces) has it. */
bool word_in(const char *word, const char *list);
/* Whether it alone says nothing: a single letter, or one of those that stand between the others ("the",
 * "in"); recognisers make these out of coughs and hums. Of a language whose small words are not known:
 * letters. */
bool word_is_small(const char *word, struct str language);
/* How many characters must change to make one out of the other. */
unsigned word_distance(const char *a, const char *b);

#endif
