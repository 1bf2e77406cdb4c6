/*
 * Laying out styled characters in lines of a width, by words.
 *
 * A word that does not fit goes to the next line; between wide characters (CJK) a line may break anywhere;
 * what is longer than a line is cut. Each line begins with a prefix (quotes, list indents) and ends with all
 * styles off, so that a line can be written again by itself. What cannot be shown is replaced (text.h),
 * whatever comes.
 */
#ifndef EIDOLON_TERM_WRAP_H
#define EIDOLON_TERM_WRAP_H

#include "term/term.h"

enum { WORD_MAX = 512, PREFIX_MAX = 16, PREFIX_TEXT = 12 };

struct wrap_char {
    uint32_t cp;
    unsigned styles;
};

struct wrap {
    struct buf *to;
    const struct term *term;
    unsigned columns;
    unsigned column; /* of the line so far; 0 and !begun: nothing is on it */
    bool begun, space;
    unsigned space_styles, styles_on;
    struct wrap_char word[WORD_MAX];
    size_t word_count, word_width;
    struct {
        char first[PREFIX_TEXT], rest[PREFIX_TEXT]; /* first: once, then rest */
        unsigned styles;
    } prefix[PREFIX_MAX];
    unsigned prefix_count;
};

void wrap_init(struct wrap *w, struct buf *to, const struct term *term, unsigned columns);
/* One code point in styles; ' ' parts words, '\n' ends the line. */
void wrap_put(struct wrap *w, uint32_t cp, unsigned styles);
void wrap_text(struct wrap *w, struct str text, unsigned styles);
/* Code points as they are, broken only where the line is full. */
void wrap_verbatim(struct wrap *w, struct str text, unsigned styles);
/* Ends the line, if one was begun. */
void wrap_end(struct wrap *w);
/* An empty line, with the prefixes. */
void wrap_gap(struct wrap *w);
void wrap_push(struct wrap *w, const char *first, const char *rest, unsigned styles);
void wrap_pop(struct wrap *w);

#endif
