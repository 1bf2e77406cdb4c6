/* Lines of styled words; see wrap.h. */
#include "term/wrap.h"

#include "base/utf8.h"
#include "term/text.h"

#include <stdio.h>

void wrap_init(struct wrap *w, struct buf *to, const struct term *term, unsigned columns)
{
    *w = (struct wrap){.to = to, .term = term, .columns = columns};
}

static void styles(struct wrap *w, unsigned wanted)
{
    if (w->styles_on == wanted)
        return;
    style_put(w->to, w->term, wanted);
    w->styles_on = wanted;
}

static void emit(struct wrap *w, uint32_t cp, unsigned wanted)
{
    char bytes[4];
    styles(w, wanted);
    buf_add(w->to, str_of(bytes, utf8_put(bytes, cp)));
    w->column += char_width(cp);
}

static void begin(struct wrap *w)
{
    if (w->begun)
        return;
    w->begun = true;
    for (unsigned i = 0; i < w->prefix_count; i++) {
        struct str text = str_c(w->prefix[i].first);
        while (text.n)
            emit(w, utf8_next(&text), w->prefix[i].styles);
        memcpy(w->prefix[i].first, w->prefix[i].rest, PREFIX_TEXT);
    }
}

static void finish(struct wrap *w)
{
    styles(w, 0);
    buf_add_char(w->to, '\n');
    w->column = 0;
    w->begun = false;
    w->space = false;
}

static void flush_word(struct wrap *w)
{
    if (!w->word_count)
        return;
    begin(w);
    if (w->column + w->space + w->word_width > w->columns && w->space)
        finish(w);
    begin(w);
    if (w->space)
        emit(w, ' ', w->space_styles);
    w->space = false;
    for (size_t i = 0; i < w->word_count; i++) {
        if (w->column + char_width(w->word[i].cp) > w->columns) {
            finish(w);
            begin(w);
        }
        emit(w, w->word[i].cp, w->word[i].styles);
    }
    w->word_count = w->word_width = 0;
}

void wrap_put(struct wrap *w, uint32_t cp, unsigned wanted)
{
    if (cp == '\n') {
        flush_word(w);
        begin(w);
        finish(w);
        return;
    }
    if (cp == ' ' || cp == '\t') {
        flush_word(w);
        w->space = w->begun;
        w->space_styles = wanted;
        return;
    }
    cp = char_clean(cp);
    if (!cp)
        return;
    unsigned width = char_width(cp);
    /* A line may break before and after a wide character; one that does not fit behind another goes down. */
    if (width == 2) {
        flush_word(w);
        if (w->begun && w->column + w->space + width > w->columns)
            finish(w);
    }
    if (w->word_count == WORD_MAX)
        flush_word(w);
    w->word[w->word_count++] = (struct wrap_char){cp, wanted};
    w->word_width += width;
    if (width == 2)
        flush_word(w);
}

void wrap_text(struct wrap *w, struct str text, unsigned wanted)
{
    while (text.n)
        wrap_put(w, utf8_next(&text), wanted);
}

void wrap_verbatim(struct wrap *w, struct str text, unsigned wanted)
{
    flush_word(w);
    while (text.n) {
        uint32_t cp = utf8_next(&text);
        if (cp == '\n') {
            begin(w);
            finish(w);
            continue;
        }
        for (unsigned i = 0; i < (cp == '\t' ? TAB_COLUMNS : 1U); i++) {
            uint32_t shown = cp == '\t' ? ' ' : char_clean(cp);
            begin(w);
            if (shown && w->column + char_width(shown) > w->columns) {
                finish(w);
                begin(w);
            }
            if (shown)
                emit(w, shown, wanted);
        }
    }
}

void wrap_end(struct wrap *w)
{
    flush_word(w);
    if (w->begun)
        finish(w);
}

void wrap_gap(struct wrap *w)
{
    wrap_end(w);
    /* Blanks at the end of a line are nothing that anybody wants to copy: only visible prefixes are put. */
    unsigned last = 0;
    for (unsigned i = 0; i < w->prefix_count; i++)
        if (!str_empty(str_trim(str_c(w->prefix[i].rest))))
            last = i + 1;
    for (unsigned i = 0; i < last; i++) {
        struct str text = str_c(w->prefix[i].rest);
        while (text.n)
            emit(w, utf8_next(&text), w->prefix[i].styles);
    }
    finish(w);
}

void wrap_push(struct wrap *w, const char *first, const char *rest, unsigned wanted)
{
    wrap_end(w);
    if (w->prefix_count == PREFIX_MAX)
        return;
    unsigned i = w->prefix_count++;
    snprintf(w->prefix[i].first, PREFIX_TEXT, "%s", first);
    snprintf(w->prefix[i].rest, PREFIX_TEXT, "%s", rest);
    w->prefix[i].styles = wanted;
}

void wrap_pop(struct wrap *w)
{
    wrap_end(w);
    if (w->prefix_count)
        w->prefix_count--;
}
