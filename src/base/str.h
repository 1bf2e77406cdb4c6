/*
 * A view of bytes that somebody else owns: pointer and length, never NUL-terminated by promise.
 *
 * Everything that is read (a request line, a JSON string, a row) is passed as a view into the buffer it came
 * from. A view never frees anything and must not outlive its owner: the arena, buffer or message it points
 * to. Text is UTF-8 everywhere; functions that need it checked say so (utf8.h).
 *
 * It does not: allocate (arena.h does), grow (buf.h does).
 */
#ifndef EIDOLON_BASE_STR_H
#define EIDOLON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A view of a string literal, usable in expressions and (as STR_INIT) in static tables. */
#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_INIT(lit)                                                                                        \
    {                                                                                                        \
        "" lit, sizeof(lit) - 1                                                                              \
    }
#define STR_NONE ((struct str){NULL, 0})
/* For printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *p, size_t n)
{
    return (struct str){p, n};
}

/* A view of a C string; NULL gives the empty view. */
static inline struct str str_c(const char *c)
{
    return (struct str){c, c ? strlen(c) : 0};
}

static inline bool str_empty(struct str s)
{
    return s.n == 0;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The part of s from byte `from`, `n` bytes at most; both are clamped to s. */
static inline struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct str){s.p ? s.p + from : NULL, n};
}

static inline struct str str_from(struct str s, size_t from)
{
    return str_sub(s, from, SIZE_MAX);
}

bool str_ieq(struct str a, struct str b); /* ASCII letters compared without case */
int str_cmp(struct str a, struct str b);  /* byte order, as memcmp; the shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Byte offset of the first occurrence, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);
/* Without ASCII white space (space, tab, CR, LF, FF, VT) at both ends. */
struct str str_trim(struct str s);

/*
 * Cuts the part before the first `sep` off the front of *rest and returns it through *part.
 * False when *rest is used up. "a,,b" gives "a", "", "b"; the empty view gives nothing.
 */
bool str_cut(struct str *rest, char sep, struct str *part);

/* Decimal numbers, the whole view: false on anything else (sign where none is allowed, overflow, empty). */
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_i64(struct str s, int64_t *out);
bool str_to_double(struct str s, double *out);

/* Copies into a C array, always NUL-terminated, cut at a UTF-8 character boundary. True if all fitted. */
bool str_copy(char *to, size_t size, struct str s);

#endif
