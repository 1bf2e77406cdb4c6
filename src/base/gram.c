/* Pairs of letters of unspaced scripts; see gram.h. The ranges are blocks of the Unicode standard,
 * version 15. */
#include "base/gram.h"

#include "base/utf8.h"

bool gram_unspaced(uint32_t cp)
{
    static const struct {
        uint32_t from, to;
    } blocks[] = {
        {0x0e01, 0x0eff},   /* Thai, Lao */
        {0x1000, 0x109f},   /* Myanmar */
        {0x1100, 0x11ff},   /* Hangul Jamo */
        {0x1780, 0x17ff},   /* Khmer */
        {0x3005, 0x3007},   /* ideographic iteration, closing, zero */
        {0x3040, 0x30ff},   /* Hiragana, Katakana */
        {0x3400, 0x4dbf},   /* CJK Extension A */
        {0x4e00, 0x9fff},   /* CJK Unified Ideographs */
        {0xac00, 0xd7ff},   /* Hangul Syllables */
        {0xf900, 0xfaff},   /* CJK Compatibility Ideographs */
        {0xff66, 0xff9f},   /* half-width Katakana */
        {0x20000, 0x323af}, /* CJK Extensions B to H */
    };
    if (cp < blocks[0].from)
        return false;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (cp >= blocks[i].from && cp <= blocks[i].to)
            return true;
    }
    return false;
}

bool gram_next(struct grams *g, struct str *piece)
{
    while (g->rest.n) {
        struct str whole = g->rest, second = g->rest, third;
        if (!gram_unspaced(utf8_next(&second))) {
            do {
                g->rest = second;
            } while (second.n && !gram_unspaced(utf8_next(&second)));
            g->joined = false;
            *piece = str_sub(whole, 0, whole.n - g->rest.n);
            return true;
        }
        third = second;
        bool pair = second.n && gram_unspaced(utf8_next(&third)), seen = g->joined;
        g->rest = second;
        g->joined = pair;
        *piece = str_sub(whole, 0, whole.n - (pair ? third.n : second.n));
        if (pair || !seen)
            return true;
    }
    return false;
}
