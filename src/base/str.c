/* Views of bytes; see str.h. */
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find_char(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_from(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str *rest, char sep, struct str *part)
{
    if (rest->p == NULL || rest->n == 0)
        return false;
    size_t at = str_find_char(*rest, sep);
    if (at == SIZE_MAX) {
        *part = *rest;
        *rest = STR_NONE;
        return true;
    }
    *part = str_sub(*rest, 0, at);
    *rest = str_from(*rest, at + 1);
    /* A separator at the very end still leaves one empty part to come; str_cut() of "" would hide it, and no
     * caller wants it: "a," is the list {"a"}. */
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    if (s.n == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t value = 0;
    if (!str_to_u64(negative ? str_from(s, 1) : s, &value))
        return false;
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool str_to_double(struct str s, double *out)
{
    char text[64];
    if (s.n == 0 || s.n >= sizeof text || is_space(s.p[0]))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end != text + s.n || errno == ERANGE)
        return false;
    *out = value;
    return true;
}

bool str_copy(char *to, size_t size, struct str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;
    /* Step back over a character that would be cut: bytes 10xxxxxx continue one. */
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n--;
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
    return n == s.n;
}
