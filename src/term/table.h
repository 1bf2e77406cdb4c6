/*
 * Tables for people: columns aligned by what they hold and cut to the terminal's width; piped, the same
 * without cutting, parted by tabs.
 *
 * The first row is the heading. One column may be named as the one that gives way when the line is too long;
 * it is cut with "…". Cells are made harmless (text.h) when they are added.
 */
#ifndef EIDOLON_TERM_TABLE_H
#define EIDOLON_TERM_TABLE_H

#include "base/arena.h"
#include "term/term.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    struct arena arena;
    unsigned columns, gives_way;
    unsigned right; /* a bit per column that is aligned to the right */
    struct str *cells;
    size_t count, capacity;
};

/* `headings` are words parted by '|', as "NAME|SIZE>|TAGS*": '>' aligns to the right, '*' gives way. */
void table_init(struct table *t, const char *headings);
void table_release(struct table *t);
/* The next cell, in order. */
void table_add(struct table *t, struct str text);
void table_addf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends the whole table. */
void table_write(const struct table *t, const struct term *term, struct buf *to);

#endif
