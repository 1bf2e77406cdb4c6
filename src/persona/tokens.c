/*
 * Estimating tokens and cutting texts to an estimate; see compose.h.
 *
 * Units are twentieths of a token: a byte of ASCII is 5, a character of two bytes 10, a longer one 16.
 * Measured vocabularies differ by a third either way; the estimate only has to be steady and on the safe
 * side.
 */
#include "persona/tokens.h"

#include "base/utf8.h"

enum { UNITS = 20 };

static size_t units_of(unsigned char lead)
{
    return lead < 0x80 ? 5 : lead < 0xC0 ? 0 : lead < 0xE0 ? 10 : 16;
}

static size_t units(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += units_of((unsigned char)text.p[i]);
    return n;
}

size_t compose_tokens(struct str text)
{
    return (units(text) + UNITS - 1) / UNITS;
}

static bool inside(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

struct str tokens_cut_middle(struct arena *a, struct str text, size_t tokens)
{
    static const struct str mark = STR_INIT("\n[... a part is left out here ...]\n");
    size_t have = units(text), room = tokens * UNITS, mark_units = units(mark);
    if (have <= room)
        return text;
    if (room <= mark_units)
        return STR("[...]");
    size_t half = (room - mark_units) / 2, head = 0, tail = text.n, used = 0;
    while (head < text.n && used + units_of((unsigned char)text.p[head]) <= half) {
        used += units_of((unsigned char)text.p[head]);
        head++;
    }
    while (head && head < text.n && inside(text.p[head]))
        head++; /* the rest of the last character that was counted at its first byte */
    used = 0;
    while (tail > head && used + units_of((unsigned char)text.p[tail - 1]) <= half) {
        tail--;
        used += units_of((unsigned char)text.p[tail]);
    }
    while (tail < text.n && inside(text.p[tail]))
        tail++;
    return arena_printf(a, "%.*s%.*s%.*s", (int)head, text.p, STR_ARG(mark), (int)(text.n - tail),
                        text.p + tail);
}
