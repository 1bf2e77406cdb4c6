/*
 * English text, as far as rules need it: sentences, words in a normal form, stems, questions, and turning
 * "my" into "your".
 *
 * A word's normal form is lower case with a plain apostrophe, contractions opened ("I'm" -> i am, "don't" ->
 * do not, "mum's" -> mum 's), common short forms spelt out (u -> you, bday -> birthday, favorite ->
 * favourite) and everything else as it is. Each word keeps its place in the source, so what a pattern
 * captured can be quoted exactly as it was typed.
 *
 * Everything is pure and runs on any thread. Any bytes are accepted; invalid UTF-8 makes words of its own.
 * It does not: know facts (facts.h) or patterns (pattern.h), or any language but English.
 */
#ifndef EIDOLON_LANGUAGE_TEXT_H
#define EIDOLON_LANGUAGE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

struct word {
    struct str norm;    /* normal form, in the arena or static */
    uint32_t from, to;  /* bytes in the source; opened contractions share them */
    bool capital;       /* begins with an upper-case letter */
    bool quoted;        /* within "double quotes" */
    char before, after; /* nearest punctuation on that side of the word: one of , . ? ! ; : - ( or 0 */
};

struct words {
    struct str source;
    struct word *at;
    size_t count;
};

enum { WORDS_MAX = 600, WORDS_BYTES_MAX = 8192 }; /* what follows is left out */

/* The words of `source` (which must outlive the result) in the arena. */
void words_of(struct arena *a, struct str source, struct words *out);

/*
 * The next sentence of *rest, trimmed, with its end mark; false at the end. Nothing is lost: what has no end
 * mark is a sentence too, and abbreviations ("Dr.", "e.g.", "3.5", initials) do not end one.
 */
bool sentence_next(struct str *rest, struct str *sentence);

/* Whether a sentence asks something: by its mark, or by its first words where the mark is missing. */
bool sentence_asks(const struct words *sentence);

/* A light stem (plurals, -ing, -ed, -ly): a view into `norm` or a static; "" for "". */
struct str word_stem(struct str norm);
/* Whether `word` is one of `list`: words with one space between them and a space at both ends. */
bool word_among(struct str word, const char *list);
/* Articles, pronouns, auxiliaries, prepositions and the like. */
bool word_is_stop(struct str norm);

/*
 * Appends `text` (a clause somebody said of themselves) seen from the other side: I -> you, my -> your, am ->
 * are, you -> me or I. Punctuation and capitals stay, but the first letter becomes lower case unless the word
 * is a name (`capital` in mid-sentence) or I. Trailing end marks are cut.
 */
void text_reflect(struct arena *a, struct str text, struct buf *out);

#endif
