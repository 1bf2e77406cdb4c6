/* Request targets; see target.h. */
#include "net/target.h"

#include "base/utf8.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into `to` (as long as s); SIZE_MAX when the encoding is broken. */
static size_t decode(char *to, struct str s, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return SIZE_MAX;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        to[n++] = c;
    }
    return n;
}

/* Removes "." and ".." segments in place; SIZE_MAX when ".." climbs above the root. */
static size_t remove_dots(char *p, size_t n)
{
    size_t out = 0, at = 0;
    while (at < n) { /* p[at] is '/' */
        size_t end = at + 1;
        while (end < n && p[end] != '/')
            end++;
        size_t length = end - at - 1;
        bool last = end == n;
        if (length == 1 && p[at + 1] == '.') {
            if (last)
                p[out++] = '/';
        } else if (length == 2 && p[at + 1] == '.' && p[at + 2] == '.') {
            if (!out)
                return SIZE_MAX;
            while (p[--out] != '/')
                ;
            if (last)
                p[out++] = '/';
        } else {
            memmove(p + out, p + at, length + 1);
            out += length + 1;
        }
        at = end;
    }
    return out;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return true;
    }
    return false;
}

enum err target_split(struct arena *a, struct str target, struct str *path, struct str *query,
                      struct error *e)
{
    size_t mark = str_find_char(target, '?');
    struct str raw = mark == SIZE_MAX ? target : str_sub(target, 0, mark);
    *query = mark == SIZE_MAX ? STR_NONE : str_from(target, mark + 1);
    char *p = arena_alloc(a, raw.n + 2);
    size_t n = decode(p, raw, false);
    if (n == SIZE_MAX)
        return error_set(e, ERR_INVALID,
                         "The path has a '%%' that is not followed by two hexadecimal digits.");
    if (!utf8_valid(str_of(p, n)) || has_control(str_of(p, n)))
        return error_set(e, ERR_INVALID,
                         "The path must be valid UTF-8 without control bytes or backslashes.");
    if (n && p[0] == '/') {
        n = remove_dots(p, n);
        if (n == SIZE_MAX)
            return error_set(e, ERR_INVALID, "The path's '..' climbs above the root.");
    }
    *path = n ? str_of(p, n) : STR("/");
    return ERR_OK;
}

bool target_decode(struct arena *a, struct str s, struct str *out)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = decode(p, s, true);
    if (n == SIZE_MAX || !utf8_valid(str_of(p, n)) || memchr(p, '\0', n))
        return false;
    *out = str_of(p, n);
    return true;
}
