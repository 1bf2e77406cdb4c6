/* Whole characters and stop strings; see text.h. */
#include "text.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"

void text_release(struct text *t)
{
    for (size_t i = 0; i < t->stop_count; i++)
        free(t->stops[i]);
    free(t->stops);
    buf_release(&t->bytes);
    buf_release(&t->held);
    buf_release(&t->ready);
}

void text_stop(struct text *t, struct str stop)
{
    if (!stop.n)
        return;
    t->stops = heap_realloc(t->stops, (t->stop_count + 1) * sizeof *t->stops);
    t->stops[t->stop_count++] = heap_cstr(stop);
}

/* How many bytes the character at the front has; 0 if it may still become one. */
static size_t whole(struct str s)
{
    struct utf8_check check = {0};
    for (size_t n = 1; n <= s.n; n++) {
        if (!utf8_feed(&check, str_sub(s, n - 1, 1)))
            return 1; /* no character begins so: one byte of junk */
        if (utf8_done(&check))
            return n;
    }
    return 0;
}

static void take_characters(struct text *t)
{
    struct str s = buf_str(&t->bytes);
    size_t n;
    while (s.n && (n = whole(s)) != 0) {
        if (s.p[0] && utf8_valid(str_sub(s, 0, n))) /* JSON readers of this house take no NUL */
            buf_add(&t->held, str_sub(s, 0, n));
        else
            buf_add(&t->held, STR("\xef\xbf\xbd"));
        s = str_from(s, n);
    }
    buf_drop(&t->bytes, t->bytes.n - s.n);
}

/* Moves the first n held bytes to what is ready. */
static void let_go(struct text *t, size_t n)
{
    buf_add(&t->ready, str_sub(buf_str(&t->held), 0, n));
    buf_drop(&t->held, n);
}

/* The longest end of `held` that a stop string begins with. */
static size_t beginning(const struct text *t)
{
    struct str held = buf_str(&t->held);
    size_t longest = 0;
    for (size_t i = 0; i < t->stop_count; i++) {
        struct str stop = str_c(t->stops[i]);
        for (size_t n = stop.n - 1 < held.n ? stop.n - 1 : held.n; n > longest; n--)
            if (str_eq(str_from(held, held.n - n), str_sub(stop, 0, n)))
                longest = n;
    }
    return longest;
}

bool text_feed(struct text *t, struct str bytes)
{
    size_t first = SIZE_MAX;
    buf_add(&t->bytes, bytes);
    take_characters(t);
    for (size_t i = 0; i < t->stop_count; i++) {
        size_t at = str_find(buf_str(&t->held), str_c(t->stops[i]));
        first = at < first ? at : first;
    }
    if (first != SIZE_MAX) {
        let_go(t, first);
        buf_clear(&t->held);
        buf_clear(&t->bytes);
        return true;
    }
    let_go(t, t->held.n - beginning(t));
    return false;
}

void text_end(struct text *t)
{
    let_go(t, t->held.n);
    buf_clear(&t->bytes); /* a character that was never finished is none */
}
