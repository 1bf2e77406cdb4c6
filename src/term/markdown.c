/* Markdown in lines; see markdown.h. */
#include "term/markdown.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "term/text.h"
#include "term/wrap.h"

#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIST_DEPTH = 12, CELLS_MAX = 2000, LEAST_CELL = 6, MARKER_TEXT = 12 };

struct list {
    bool ordered, tight;
    unsigned next;
};

struct render {
    struct wrap wrap;
    unsigned bold, italic, strike, code, link, heading;
    struct list lists[LIST_DEPTH];
    unsigned list_depth;
    bool some;     /* something was put: a gap parts it from the next block */
    bool item_new; /* the item's marker waits for its first block */
    bool in_code_block;
    struct buf link_text, link_url;
    bool in_link;
    /* A table's cells are kept until its end. */
    struct arena arena;
    struct str *cells;
    size_t cell_count;
    unsigned table_columns;
    bool in_table;
    struct buf cell;
};

static unsigned styles_now(const struct render *r)
{
    return (r->bold ? STYLE_BOLD : 0) | (r->italic ? STYLE_ITALIC : 0) | (r->strike ? STYLE_STRIKE : 0) |
           (r->code ? STYLE_CODE : 0) | (r->link ? STYLE_LINK : 0) | (r->heading ? STYLE_HEADING : 0);
}

/* A block begins: parts it from what is before. */
static void block_gap(struct render *r)
{
    wrap_end(&r->wrap);
    bool tight = r->list_depth && r->lists[r->list_depth - 1].tight;
    if (r->some && !r->item_new && !tight)
        wrap_gap(&r->wrap);
    r->item_new = false;
    r->some = true;
}

static void enter_item(struct render *r)
{
    struct list *list = &r->lists[r->list_depth - 1];
    char marker[MARKER_TEXT] = "• ", blank[MARKER_TEXT];
    wrap_end(&r->wrap);
    if (r->some && !list->tight && !r->item_new)
        wrap_gap(&r->wrap);
    if (list->ordered)
        snprintf(marker, sizeof marker, "%u. ", list->next++ % 1000000);
    snprintf(blank, sizeof blank, "%*s", (int)text_width(str_c(marker)), "");
    wrap_push(&r->wrap, marker, blank, 0);
    r->item_new = true;
    r->some = true;
}

static void enter_list(struct render *r, bool ordered, bool tight, unsigned start)
{
    bool nested = r->list_depth > 0;
    if (!nested || !r->lists[r->list_depth - 1].tight)
        block_gap(r);
    wrap_end(&r->wrap);
    /* The first item needs no gap of its own. */
    r->item_new = true;
    if (r->list_depth < LIST_DEPTH)
        r->lists[r->list_depth] = (struct list){ordered, tight, start};
    r->list_depth += r->list_depth < LIST_DEPTH;
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
    struct render *r = arg;
    switch (type) {
    case MD_BLOCK_QUOTE:
        block_gap(r);
        wrap_push(&r->wrap, "│ ", "│ ", STYLE_DIM);
        r->item_new = true;
        break;
    case MD_BLOCK_UL:
        enter_list(r, false, ((MD_BLOCK_UL_DETAIL *)detail)->is_tight, 1);
        break;
    case MD_BLOCK_OL:
        enter_list(r, true, ((MD_BLOCK_OL_DETAIL *)detail)->is_tight, ((MD_BLOCK_OL_DETAIL *)detail)->start);
        break;
    case MD_BLOCK_LI:
        enter_item(r);
        if (((MD_BLOCK_LI_DETAIL *)detail)->is_task)
            wrap_text(&r->wrap, ((MD_BLOCK_LI_DETAIL *)detail)->task_mark == ' ' ? STR("☐ ") : STR("☑ "), 0);
        break;
    case MD_BLOCK_HR:
        block_gap(r);
        for (unsigned i = 0; i < TERM_LEAST; i++)
            wrap_put(&r->wrap, 0x2500, STYLE_DIM);
        wrap_end(&r->wrap);
        break;
    case MD_BLOCK_H:
        block_gap(r);
        r->heading++;
        break;
    case MD_BLOCK_CODE:
        block_gap(r);
        wrap_push(&r->wrap, "  ", "  ", 0);
        r->in_code_block = true;
        break;
    case MD_BLOCK_P:
        block_gap(r);
        break;
    case MD_BLOCK_TABLE:
        block_gap(r);
        r->in_table = true;
        r->cell_count = 0;
        r->table_columns = ((MD_BLOCK_TABLE_DETAIL *)detail)->col_count;
        r->cells = arena_array(&r->arena, struct str, CELLS_MAX);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- tables ---- */

static void write_table(struct render *r)
{
    enum { COLUMNS = 16 };
    size_t widths[COLUMNS] = {0}, sum = 0;
    unsigned columns = r->table_columns < COLUMNS ? r->table_columns : COLUMNS;
    for (size_t i = 0; columns && i < r->cell_count; i++) {
        size_t column = i % r->table_columns, width = text_width(r->cells[i]);
        if (column < columns && width > widths[column])
            widths[column] = width;
    }
    for (unsigned i = 0; i < columns; i++)
        sum += widths[i] + 3;
    /* Too wide: the widest column gives way until it fits. */
    while (sum > r->wrap.columns) {
        unsigned widest = 0;
        for (unsigned i = 1; i < columns; i++)
            widest = widths[i] > widths[widest] ? i : widest;
        if (widths[widest] <= LEAST_CELL)
            break;
        widths[widest]--;
        sum--;
    }
    for (size_t i = 0; columns && i < r->cell_count; i++) {
        size_t column = i % r->table_columns;
        CLEANUP_BUF struct buf cell = BUF_INIT;
        if (column >= columns)
            continue;
        size_t used = text_fit(&cell, r->cells[i], widths[column]);
        wrap_verbatim(&r->wrap, buf_str(&cell), i < r->table_columns ? STYLE_BOLD : 0);
        if (column + 1 < columns) {
            for (; used < widths[column]; used++)
                wrap_verbatim(&r->wrap, STR(" "), 0);
            wrap_verbatim(&r->wrap, STR(" │ "), STYLE_DIM);
        } else {
            wrap_end(&r->wrap);
        }
    }
}

static void end_cell(struct render *r)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean_line(&clean, buf_str(&r->cell));
    if (r->cell_count < CELLS_MAX)
        r->cells[r->cell_count++] = arena_str(&r->arena, buf_str(&clean));
    buf_clear(&r->cell);
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
    struct render *r = arg;
    (void)detail;
    switch (type) {
    case MD_BLOCK_QUOTE:
    case MD_BLOCK_LI:
        wrap_pop(&r->wrap);
        r->item_new = false;
        break;
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        wrap_end(&r->wrap);
        if (r->list_depth)
            r->list_depth--;
        break;
    case MD_BLOCK_H:
        r->heading--;
        wrap_end(&r->wrap);
        break;
    case MD_BLOCK_CODE:
        r->in_code_block = false;
        wrap_pop(&r->wrap);
        break;
    case MD_BLOCK_TH:
    case MD_BLOCK_TD:
        end_cell(r);
        break;
    case MD_BLOCK_TABLE:
        r->in_table = false;
        write_table(r);
        break;
    default:
        wrap_end(&r->wrap);
        break;
    }
    return 0;
}

/* ---- what stands in lines ---- */

static int enter_span(MD_SPANTYPE type, void *detail, void *arg)
{
    struct render *r = arg;
    r->bold += type == MD_SPAN_STRONG;
    r->italic += type == MD_SPAN_EM;
    r->strike += type == MD_SPAN_DEL;
    r->code += type == MD_SPAN_CODE;
    if (type == MD_SPAN_A || type == MD_SPAN_IMG) {
        const MD_ATTRIBUTE *to =
            type == MD_SPAN_A ? &((MD_SPAN_A_DETAIL *)detail)->href : &((MD_SPAN_IMG_DETAIL *)detail)->src;
        r->link++;
        buf_clear(&r->link_text);
        buf_clear(&r->link_url);
        buf_add(&r->link_url, str_of(to->text, to->size));
    }
    return 0;
}

static int leave_span(MD_SPANTYPE type, void *detail, void *arg)
{
    struct render *r = arg;
    (void)detail;
    r->bold -= type == MD_SPAN_STRONG;
    r->italic -= type == MD_SPAN_EM;
    r->strike -= type == MD_SPAN_DEL;
    r->code -= type == MD_SPAN_CODE;
    if (type == MD_SPAN_A || type == MD_SPAN_IMG) {
        struct str url = buf_str(&r->link_url), text = buf_str(&r->link_text);
        r->link--;
        /* Where it leads is always seen: nothing pretends to be another address. */
        if (!str_eq(url, text) && !r->in_table && url.n) {
            wrap_text(&r->wrap, STR(" ("), STYLE_DIM);
            wrap_text(&r->wrap, url, STYLE_DIM);
            wrap_text(&r->wrap, STR(")"), STYLE_DIM);
        }
    }
    return 0;
}

static uint32_t entity(struct str name)
{
    static const struct {
        const char *name;
        uint32_t cp;
    } known[] = {{"&amp;", '&'},      {"&lt;", '<'},    {"&gt;", '>'},        {"&quot;", '"'},
                 {"&apos;", '\''},    {"&nbsp;", 0xA0}, {"&hellip;", 0x2026}, {"&mdash;", 0x2014},
                 {"&ndash;", 0x2013}, {"&copy;", 0xA9}, {"&hearts;", 0x2665}};
    uint64_t cp = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(name, str_c(known[i].name)))
            return known[i].cp;
    if (name.n > 4 && name.p[1] == '#' && (name.p[2] == 'x' || name.p[2] == 'X'))
        cp = strtoul(name.p + 3, NULL, 16);
    else if (name.n > 3 && name.p[1] == '#')
        cp = strtoul(name.p + 2, NULL, 10);
    return cp && cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF) ? (uint32_t)cp : 0;
}

static void put_text(struct render *r, struct str text)
{
    if (r->in_table)
        buf_add(&r->cell, text);
    else if (r->in_code_block)
        wrap_verbatim(&r->wrap, text, STYLE_CODE);
    else
        wrap_text(&r->wrap, text, styles_now(r));
    if (r->link)
        buf_add(&r->link_text, text);
}

static int text(MD_TEXTTYPE type, const MD_CHAR *p, MD_SIZE size, void *arg)
{
    struct render *r = arg;
    char bytes[4];
    uint32_t cp;
    switch (type) {
    case MD_TEXT_NULLCHAR:
        put_text(r, STR("\uFFFD"));
        break;
    case MD_TEXT_BR:
    case MD_TEXT_SOFTBR:
        put_text(r, r->in_table ? STR(" ") : STR("\n"));
        break;
    case MD_TEXT_ENTITY:
        cp = entity(str_of(p, size));
        put_text(r, cp ? str_of(bytes, utf8_put(bytes, cp)) : str_of(p, size));
        break;
    default:
        r->item_new = false;
        put_text(r, str_of(p, size));
        break;
    }
    return 0;
}

void markdown_render(struct buf *to, const struct term *t, struct str source, unsigned columns,
                     unsigned indent)
{
    static const MD_PARSER parser = {
        .flags = MD_FLAG_NOHTML | MD_FLAG_STRIKETHROUGH | MD_FLAG_TABLES | MD_FLAG_TASKLISTS |
                 MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_NOINDENTEDCODEBLOCKS,
        .enter_block = enter_block,
        .leave_block = leave_block,
        .enter_span = enter_span,
        .leave_span = leave_span,
        .text = text,
    };
    struct render r = {.in_table = false};
    char blank[PREFIX_TEXT];
    wrap_init(&r.wrap, to, t, columns > TERM_LEAST ? columns : TERM_LEAST);
    if (indent) {
        snprintf(blank, sizeof blank, "%*s", (int)indent, "");
        wrap_push(&r.wrap, blank, blank, 0);
    }
    md_parse(source.p ? source.p : "", (MD_SIZE)source.n, &parser, &r);
    wrap_end(&r.wrap);
    buf_release(&r.link_text);
    buf_release(&r.link_url);
    buf_release(&r.cell);
    arena_release(&r.arena);
}

/* ---- what stands firm ---- */

/* The fence that the line opens or closes: its character and length, 0 for none. */
static unsigned fence_of(struct str line, char *mark)
{
    unsigned blanks = 0, n = 0;
    while (blanks < line.n && line.p[blanks] == ' ')
        blanks++;
    line = str_from(line, blanks);
    if (blanks > 3 || !line.n || (line.p[0] != '`' && line.p[0] != '~'))
        return 0;
    while (n < line.n && line.p[n] == line.p[0])
        n++;
    *mark = line.p[0];
    return n >= 3 ? n : 0;
}

/* Whether a line after an empty one could belong to what was before it: a list goes on with items and
 * indents. */
static bool may_continue(struct str line)
{
    char c = line.p[0];
    return c == ' ' || c == '\t' || c == '-' || c == '*' || c == '+' || (c >= '0' && c <= '9');
}

size_t markdown_stable(struct str source)
{
    struct str rest = source, line;
    unsigned fence = 0;
    char mark = 0, other = 0;
    bool empty_before = false;
    size_t stable = 0;
    while (rest.n) {
        size_t at = (size_t)(rest.p - source.p);
        size_t end = str_find_char(rest, '\n');
        if (end == SIZE_MAX)
            end = rest.n;
        line = str_sub(rest, 0, end);
        rest = str_from(rest, end + 1);
        bool empty = str_empty(str_trim(line));
        if (!fence && empty_before && !empty && !may_continue(line))
            stable = at;
        empty_before = empty;
        unsigned n = fence_of(line, &other);
        if (!fence && n) {
            fence = n;
            mark = other;
        } else if (fence && n >= fence && other == mark) {
            fence = 0;
        }
    }
    return stable;
}
