/* Base64; see base64.h. */
#include "base/base64.h"

enum { SPACE = 64, PAD = 65, BAD = 66 };

static unsigned value_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26u;
    if (c >= '0' && c <= '9')
        return c - '0' + 52u;
    switch (c) {
    case '+':
    case '-':
        return 62;
    case '/':
    case '_':
        return 63;
    case '=':
        return PAD;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return SPACE;
    default:
        return BAD;
    }
}

bool base64_decode(struct arena *a, struct str text, struct str *out)
{
    uint8_t values[256];
    for (unsigned c = 0; c < 256; c++)
        values[c] = (uint8_t)value_of((unsigned char)c);
    char *bytes = arena_alloc(a, text.n / 4 * 3 + 3);
    size_t n = 0, digits = 0, pads = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned value = values[(unsigned char)text.p[i]];
        if (value == SPACE)
            continue;
        if (value == BAD || (value != PAD && pads))
            return false;
        if (value == PAD) {
            pads++;
            continue;
        }
        bits = bits << 6 | value;
        if (++digits % 4 == 0) {
            bytes[n++] = (char)(bits >> 16);
            bytes[n++] = (char)(bits >> 8);
            bytes[n++] = (char)bits;
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || pads > 2 || (pads && (rest + pads) % 4 != 0))
        return false;
    if (rest >= 2)
        bytes[n++] = (char)(rest == 2 ? bits >> 4 : bits >> 10);
    if (rest == 3)
        bytes[n++] = (char)(bits >> 2);
    *out = str_of(bytes, n);
    return true;
}

void base64_encode(struct buf *to, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = buf_reserve(to, (bytes.n + 2) / 3 * 4);
    if (!at)
        return;
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t i = 0, n = 0;
    for (; i + 3 <= bytes.n; i += 3) {
        uint32_t bits = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        at[n++] = digits[bits >> 18];
        at[n++] = digits[bits >> 12 & 63];
        at[n++] = digits[bits >> 6 & 63];
        at[n++] = digits[bits & 63];
    }
    if (i < bytes.n) {
        bool two = bytes.n - i == 2;
        uint32_t bits = (uint32_t)p[i] << 16 | (two ? (uint32_t)p[i + 1] << 8 : 0);
        at[n++] = digits[bits >> 18];
        at[n++] = digits[bits >> 12 & 63];
        at[n++] = two ? digits[bits >> 6 & 63] : '=';
        at[n++] = '=';
    }
    to->n += n;
}
