/* Cleaning and measuring text; see text.h. */
#include "term/text.h"

#include "base/utf8.h"

#include <wchar.h>

enum { REPLACEMENT = 0xFFFD };

/* Characters that are there to command the display: bidirectional controls (Unicode 9, UAX #9), deprecated
 * format characters, interlinear marks, tags. */
static bool is_command(uint32_t cp)
{
    return cp == 0x061C || cp == 0x200E || cp == 0x200F || (cp >= 0x202A && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x206F) || cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB) ||
           (cp >= 0xE0000 && cp <= 0xE0FFF) || cp == 0x2028 || cp == 0x2029;
}

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0);
}

uint32_t char_clean(uint32_t cp)
{
    return is_command(cp) ? 0 : is_control(cp) ? REPLACEMENT : cp;
}

static void put(struct buf *to, uint32_t cp)
{
    char bytes[4];
    buf_add(to, str_of(bytes, utf8_put(bytes, cp)));
}

void text_clean(struct buf *to, struct str s)
{
    while (s.n) {
        uint32_t cp = utf8_next(&s);
        if (cp == '\r' && s.n && s.p[0] == '\n')
            continue;
        if (cp == '\n')
            buf_add_char(to, '\n');
        else if (cp == '\t')
            buf_printf(to, "%*s", TAB_COLUMNS, "");
        else if (is_control(cp))
            put(to, REPLACEMENT);
        else if (!is_command(cp))
            put(to, cp);
    }
}

void text_clean_line(struct buf *to, struct str s)
{
    bool gap = false, begun = false;
    while (s.n) {
        uint32_t cp = utf8_next(&s);
        if (cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r') {
            gap = begun;
            continue;
        }
        if (is_command(cp))
            continue;
        if (gap)
            buf_add_char(to, ' ');
        gap = false;
        begun = true;
        put(to, is_control(cp) ? REPLACEMENT : cp);
    }
}

unsigned char_width(uint32_t cp)
{
    if (cp < 0x7F)
        return cp >= 0x20;
    int width = wcwidth((wchar_t)cp);
    return width < 0 ? 1 : (unsigned)width;
}

size_t text_width(struct str s)
{
    size_t width = 0;
    while (s.n)
        width += char_width(utf8_next(&s));
    return width;
}

size_t text_fit(struct buf *to, struct str s, size_t columns)
{
    size_t width = text_width(s), used = 0;
    if (width <= columns) {
        buf_add(to, s);
        return width;
    }
    struct str rest = s;
    while (rest.n && columns) {
        struct str before = rest;
        size_t w = char_width(utf8_next(&rest));
        if (used + w + 1 > columns)
            break;
        buf_add(to, str_sub(before, 0, before.n - rest.n));
        used += w;
    }
    if (columns)
        buf_add(to, STR("…"));
    return used + (columns > 0);
}
