/*
 * Markdown for the terminal, by md4c's events: bold, italic, code, headings, lists, quotes, tables, links, in
 * lines of a width.
 *
 * While an answer streams, the text is rendered again and again. What lies before markdown_stable() will not
 * look different whatever comes after it, so a caller renders that once and only the rest anew: the two
 * pieces, one after the other, are what the whole would be. HTML is text here. A line break in a paragraph
 * stays one, as people expect in a chat. Text without colour keeps its layout and loses its marks.
 */
#ifndef EIDOLON_TERM_MARKDOWN_H
#define EIDOLON_TERM_MARKDOWN_H

#include "term/term.h"

/* Appends lines, each ended by '\n', of at most `columns`, the first `indent` of which are blank. */
void markdown_render(struct buf *to, const struct term *t, struct str text, unsigned columns,
                     unsigned indent);
/* How many bytes of the text are whole blocks that nothing that follows can change; 0: none yet. Where it is
 * not 0, an empty line stands between what was before and what comes. */
size_t markdown_stable(struct str text);

#endif
