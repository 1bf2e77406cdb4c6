/* UTF-8; see utf8.h. */
#include "base/utf8.h"

/* Bounds of the second byte and the count of continuation bytes that a lead byte asks for (RFC 3629, 4). */
static bool lead(struct utf8_check *check, unsigned char c)
{
    check->low = 0x80;
    check->high = 0xBF;
    if (c >= 0xC2 && c <= 0xDF) {
        check->need = 1;
    } else if (c >= 0xE0 && c <= 0xEF) {
        check->need = 2;
        if (c == 0xE0)
            check->low = 0xA0;
        if (c == 0xED)
            check->high = 0x9F;
    } else if (c >= 0xF0 && c <= 0xF4) {
        check->need = 3;
        if (c == 0xF0)
            check->low = 0x90;
        if (c == 0xF4)
            check->high = 0x8F;
    } else {
        return c < 0x80;
    }
    return true;
}

bool utf8_feed(struct utf8_check *check, struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (check->need == 0) {
            /* ASCII eight bytes at a time: nearly all text is. */
            uint64_t word;
            while (s.n - i >= sizeof word) {
                memcpy(&word, s.p + i, sizeof word);
                if (word & 0x8080808080808080ull)
                    break;
                i += sizeof word;
            }
            if (i < s.n && !lead(check, (unsigned char)s.p[i++]))
                return false;
            continue;
        }
        unsigned char c = (unsigned char)s.p[i++];
        if (c < check->low || c > check->high)
            return false;
        check->low = 0x80;
        check->high = 0xBF;
        check->need--;
    }
    return true;
}

bool utf8_valid(struct str s)
{
    struct utf8_check check = {0};
    return utf8_feed(&check, s) && utf8_done(&check);
}

uint32_t utf8_next(struct str *rest)
{
    unsigned char first = (unsigned char)rest->p[0];
    struct utf8_check check = {0};
    size_t n = 1;
    if (!lead(&check, first) || (size_t)check.need + 1 > rest->n) {
        *rest = str_from(*rest, 1);
        return 0xFFFD;
    }
    n += check.need;
    uint32_t cp = n == 1 ? first : first & (0xFFu >> (n + 1));
    if (!utf8_feed(&check, str_sub(*rest, 1, n - 1))) {
        *rest = str_from(*rest, 1);
        return 0xFFFD;
    }
    for (size_t i = 1; i < n; i++)
        cp = cp << 6 | ((unsigned char)rest->p[i] & 0x3F);
    *rest = str_from(*rest, n);
    return cp;
}

size_t utf8_put(char to[4], uint32_t cp)
{
    if (cp < 0x80) {
        to[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        to[0] = (char)(0xC0 | cp >> 6);
        to[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        to[0] = (char)(0xE0 | cp >> 12);
        to[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        to[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | cp >> 18);
    to[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    to[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    to[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_count(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return count;
}
