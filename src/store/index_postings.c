/*
 * Postings in blocks; index_inner.h has the format.
 */
#include "store/index_inner.h"

#include <stdlib.h>

enum { BODY_HEAD = 4, POSTING_BYTES_MAX = 12, BODY_MAX = BODY_HEAD + BLOCK_POSTINGS * POSTING_BYTES_MAX };

uint32_t posting_before(const uint8_t *body, size_t n)
{
    if (n < BODY_HEAD)
        return 0;
    return (uint32_t)body[0] | (uint32_t)body[1] << 8 | (uint32_t)body[2] << 16 | (uint32_t)body[3] << 24;
}

bool posting_block_read(struct posting_block *b, uint64_t first, const uint8_t *body, size_t n)
{
    const uint8_t *p = body + BODY_HEAD, *end = body + n;
    uint64_t doc = first;
    b->first = first;
    b->before = posting_before(body, n);
    b->count = 0;
    if (!body || n < BODY_HEAD)
        return false;
    while (p < end) {
        uint64_t gap = 0;
        unsigned shift = 0;
        while (p < end && (*p & 0x80) && shift < 63) {
            gap |= (uint64_t)(*p++ & 0x7f) << shift;
            shift += 7;
        }
        if (end - p < 3 || b->count == BLOCK_POSTINGS)
            return false;
        gap |= (uint64_t)(*p++ & 0x7f) << shift;
        doc += gap;
        b->postings[b->count++] = (struct posting){doc, p[0], p[1]};
        p += 2;
    }
    return true;
}

void posting_block_write(struct conn *c, int64_t scope, struct str term, const struct posting_block *b)
{
    uint8_t body[BODY_MAX], *p = body + BODY_HEAD;
    uint64_t doc = b->first;
    for (int i = 0; i < BODY_HEAD; i++)
        body[i] = (uint8_t)(b->before >> (8 * i));
    for (size_t i = 0; i < b->count; i++) {
        uint64_t gap = b->postings[i].doc - doc;
        doc = b->postings[i].doc;
        for (; gap >= 0x80; gap >>= 7)
            *p++ = (uint8_t)(gap | 0x80);
        *p++ = (uint8_t)gap;
        *p++ = b->postings[i].times;
        *p++ = b->postings[i].length;
    }
    struct query q = query(c, SQL_INDEX_BLOCK_PUT);
    put_i64(&q, scope);
    put_str(&q, term);
    put_u64(&q, b->first);
    put_blob(&q, body, (size_t)(p - body));
    query_run(&q);
}

/* The block that holds, or would hold, this turn; the newest where doc is past all. False: none. */
static bool block_of(struct conn *c, int64_t scope, struct str term, uint64_t doc, struct posting_block *b)
{
    struct query q = query(c, SQL_INDEX_BLOCK_OF);
    put_i64(&q, scope);
    put_str(&q, term);
    put_u64(&q, doc);
    bool found = query_row(&q) && posting_block_read(b, col_u64(&q, 0), sqlite3_column_blob(q.s, 1),
                                                     (size_t)sqlite3_column_bytes(q.s, 1));
    query_end(&q);
    return found;
}

static int by_place(const void *x, const void *y)
{
    const struct new_posting *a = x, *b = y;
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    int order = str_cmp(a->term, b->term);
    if (order)
        return order;
    return a->posting.doc < b->posting.doc ? -1 : a->posting.doc > b->posting.doc;
}

/* All new postings of one (scope, term): the newest block is filled up, then new ones begin. */
static void add_run(struct conn *c, const struct new_posting *list, size_t count)
{
    struct posting_block b;
    int64_t scope = list->scope;
    struct str term = list->term;
    if (!block_of(c, scope, term, INT64_MAX, &b))
        b = (struct posting_block){.first = list->posting.doc};
    for (size_t i = 0; i < count; i++) {
        if (b.count == BLOCK_POSTINGS) {
            posting_block_write(c, scope, term, &b);
            b = (struct posting_block){.first = list[i].posting.doc, .before = b.before + BLOCK_POSTINGS};
        }
        b.postings[b.count++] = list[i].posting;
    }
    posting_block_write(c, scope, term, &b);
}

void postings_add(struct conn *c, struct new_posting *list, size_t count)
{
    size_t run;
    if (count)
        qsort(list, count, sizeof *list, by_place);
    for (size_t i = 0; i < count; i += run) {
        run = 1;
        while (i + run < count && list[i + run].scope == list[i].scope &&
               str_eq(list[i + run].term, list[i].term))
            run++;
        add_run(c, list + i, run);
    }
}

void postings_remove(struct conn *c, int64_t scope, struct str term, uint64_t doc)
{
    struct posting_block b;
    size_t at = 0;
    if (!block_of(c, scope, term, doc, &b))
        return;
    while (at < b.count && b.postings[at].doc != doc)
        at++;
    if (at == b.count)
        return;
    b.count--;
    memmove(&b.postings[at], &b.postings[at + 1], (b.count - at) * sizeof b.postings[0]);
    if (b.count) {
        posting_block_write(c, scope, term, &b);
        return;
    }
    struct query q = query(c, SQL_INDEX_BLOCK_DELETE);
    put_i64(&q, scope);
    put_str(&q, term);
    put_u64(&q, b.first);
    query_run(&q);
}
