/*
 * A growing byte buffer with a ceiling.
 *
 * Whatever a peer can make grow goes through one of these, so every such size has a limit. Appending past the
 * ceiling appends nothing more, and marks the buffer `overflow`: writers append freely and ask buf_check()
 * once at the end. Out of memory aborts. A buffer belongs to one thread at a time.
 */
#ifndef EIDOLON_BASE_BUF_H
#define EIDOLON_BASE_BUF_H

#include "base/error.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap;
    size_t max; /* 0: BUF_DEFAULT_MAX */
    bool overflow;
};

#define BUF_DEFAULT_MAX ((size_t)64 << 20)
#define BUF_INIT ((struct buf){0})
#define BUF_MAX(limit) ((struct buf){.max = (limit)})

void buf_release(struct buf *b); /* frees; the buffer is empty and usable, its ceiling kept */
static inline void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
}

void buf_add(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at the end, to be counted in with `b->n += used`; NULL (and overflow) past the
 * ceiling. */
char *buf_reserve(struct buf *b, size_t n);
/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

/* ERR_TOO_BIG with `what` in the sentence ("The message") if anything did not fit. */
enum err buf_check(const struct buf *b, const char *what, struct error *e);

/* The bytes as a heap block that the caller frees (NUL-terminated, the NUL not counted); the buffer is empty.
 */
char *buf_take(struct buf *b, size_t *n);

#define CLEANUP_BUF __attribute__((cleanup(buf_release)))

#endif
