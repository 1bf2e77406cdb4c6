/* Tables; see table.h. */
#include "term/table.h"

#include "term/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { GAP = 2, LEAST_COLUMN = 8 };

static void add_cell(struct table *t, struct str clean)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 64;
        t->cells = heap_realloc(t->cells, t->capacity * sizeof *t->cells);
    }
    t->cells[t->count++] = arena_str(&t->arena, clean);
}

void table_init(struct table *t, const char *headings)
{
    struct str rest = str_c(headings), word;
    *t = (struct table){0};
    while (str_cut(&rest, '|', &word)) {
        unsigned column = t->columns++;
        for (char last; word.n && ((last = word.p[word.n - 1]) == '>' || last == '*'); word.n--) {
            if (last == '>')
                t->right |= 1U << column;
            else
                t->gives_way = column;
        }
        add_cell(t, word);
    }
}

void table_release(struct table *t)
{
    arena_release(&t->arena);
    free(t->cells);
    *t = (struct table){0};
}

void table_add(struct table *t, struct str text)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean_line(&clean, text);
    add_cell(t, buf_str(&clean));
}

void table_addf(struct table *t, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_add(t, str_c(text));
}

static void write_plain(const struct table *t, struct buf *to)
{
    for (size_t i = t->columns; i < t->count; i++) {
        buf_add(to, t->cells[i]);
        buf_add_char(to, (i + 1) % t->columns ? '\t' : '\n');
    }
}

static void write_cell(const struct table *t, const struct term *term, struct buf *to, size_t i, size_t width)
{
    unsigned column = (unsigned)(i % t->columns);
    bool last = column + 1 == t->columns;
    CLEANUP_BUF struct buf cell = BUF_INIT;
    size_t used = text_fit(&cell, t->cells[i], width), pad = width > used ? width - used : 0;
    if (t->right & 1U << column)
        buf_printf(to, "%*s", (int)pad, "");
    if (i < t->columns)
        style_text(to, term, STYLE_DIM, buf_str(&cell));
    else if (column == 0)
        style_text(to, term, STYLE_BOLD, buf_str(&cell));
    else
        buf_add(to, buf_str(&cell));
    if (!last)
        buf_printf(to, "%*s", (int)(t->right & 1U << column ? GAP : pad + GAP), "");
    else
        buf_add_char(to, '\n');
}

void table_write(const struct table *t, const struct term *term, struct buf *to)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0}, sum = 0, columns = term_columns();
    if (!term->out_tty) {
        write_plain(t, to);
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t width = text_width(t->cells[i]), *most = &widths[i % t->columns];
        *most = width > *most ? width : *most;
    }
    for (unsigned i = 0; i < t->columns; i++)
        sum += widths[i] + (i + 1 < t->columns ? GAP : 0);
    /* Too long: the column that gives way, then whichever is widest. */
    for (; sum > columns; sum--) {
        unsigned narrowed = t->gives_way;
        for (unsigned i = 0; widths[t->gives_way] <= LEAST_COLUMN && i < t->columns; i++)
            narrowed = widths[i] > widths[narrowed] ? i : narrowed;
        if (widths[narrowed] <= LEAST_COLUMN)
            break;
        widths[narrowed]--;
    }
    for (size_t i = 0; i < t->count; i++)
        write_cell(t, term, to, i, widths[i % t->columns]);
}
