/*
 * What the terminal is: whether it is one, how large, whether it knows colours and a moving cursor, and
 * UTF-8.
 *
 * Decided once by term_begin(), from the environment: NO_COLOR and TERM=dumb are respected, a locale without
 * UTF-8 is exchanged for C.UTF-8 where the machine has it. The size is read when asked. Plain thread.
 */
#ifndef EIDOLON_TERM_TERM_H
#define EIDOLON_TERM_TERM_H

#include "base/buf.h"

struct term {
    bool in_tty, out_tty, err_tty;
    bool color;  /* SGR sequences may be written to standard output */
    bool moving; /* so may cursor movement: a terminal that is not dumb, at both ends */
};

enum { TERM_COLUMNS = 80, TERM_ROWS = 24, TERM_LEAST = 20 };

void term_begin(struct term *t);
/* Of standard output; TERM_COLUMNS and TERM_ROWS where it is no terminal or does not say. */
unsigned term_columns(void);
unsigned term_rows(void);

/* Styles that can be laid over each other. */
enum style {
    STYLE_BOLD = 1 << 0,
    STYLE_DIM = 1 << 1,
    STYLE_ITALIC = 1 << 2,
    STYLE_UNDERLINE = 1 << 3,
    STYLE_STRIKE = 1 << 4,
    STYLE_CODE = 1 << 5,    /* cyan */
    STYLE_HEADING = 1 << 6, /* bold magenta */
    STYLE_LINK = 1 << 7,    /* underlined blue */
    STYLE_NAME = 1 << 8,    /* bold green: who speaks */
    STYLE_GOOD = 1 << 9,
    STYLE_WARN = 1 << 10,
    STYLE_BAD = 1 << 11,
};
/* Appends the sequence that turns exactly these styles on (and all others off); nothing without colour. */
void style_put(struct buf *to, const struct term *t, unsigned styles);
/* Text in a style, then none. */
void style_text(struct buf *to, const struct term *t, unsigned styles, struct str text);

/* Writes everything to the descriptor; false when it cannot be written any more (the reader has gone). */
bool term_write(int fd, struct str bytes);

#endif
