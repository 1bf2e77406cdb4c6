/* Capped growing buffers; see buf.h. */
#include "base/buf.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_release(struct buf *b)
{
    free(b->p);
    *b = BUF_MAX(b->max);
}

char *buf_reserve(struct buf *b, size_t n)
{
    size_t max = b->max ? b->max : BUF_DEFAULT_MAX;
    if (b->overflow || n > max - b->n) {
        b->overflow = true;
        return NULL;
    }
    if (b->cap - b->n < n + 1 || !b->p) {
        size_t cap = b->cap ? b->cap * 2 : 128;
        while (cap < b->n + n + 1)
            cap *= 2;
        b->p = heap_realloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_add(struct buf *b, struct str s)
{
    char *to = buf_reserve(b, s.n);
    if (!to || !s.n)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void buf_add_char(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);
    if (!to)
        return;
    *to = c;
    b->n++;
}

void buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(b, str_of(digits + at, sizeof digits - at));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (!to)
        return;
    va_start(args, format);
    vsnprintf(to, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

enum err buf_check(const struct buf *b, const char *what, struct error *e)
{
    if (!b->overflow)
        return ERR_OK;
    return error_set(e, ERR_TOO_BIG, "%s is larger than the %zu bytes allowed here.", what,
                     b->max ? b->max : BUF_DEFAULT_MAX);
}

char *buf_take(struct buf *b, size_t *n)
{
    if (!b->p)
        buf_reserve(b, 0);
    char *p = b->p ? b->p : heap_alloc(1);
    p[b->n] = '\0';
    if (n)
        *n = b->n;
    b->p = NULL;
    b->n = b->cap = 0;
    return p;
}
