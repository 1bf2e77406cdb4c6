/*
 * The search index's reads.
 *
 * A search looks its terms up in the scope (a look-up each, which gives the count), goes through them from
 * the rarest, newest postings first, until the budget is used up, and scores by BM25 (Robertson and Zaragoza,
 * "The Probabilistic Relevance Framework", 2009; k1 = 1.2, b = 0.75, the idf that stays positive) with the
 * counts and the mean length of this scope.
 */
#include "store/index_inner.h"

#include <math.h>
#include <stdlib.h>

enum { DEFAULT_LIMIT = 50, LIMIT_MAX = 1000, DEFAULT_BUDGET = 4000, BUDGET_MAX = 1 << 20 };
/* In a scope of some size, a term that is in more than a quarter of the turns says nothing. */
enum { COMMON_FROM_DOCS = 100, COMMON_SHARE = 4 };
static const double K1 = 1.2, B = 0.75;

struct wanted {
    struct term *term;
    uint64_t docs;
};

struct search {
    struct index_session *s;
    struct index_search *op;
    struct scope scope;
    struct wanted list[INDEX_TERMS_MAX];
    size_t count;
    size_t slot_mask;
};

/* ---- terms --------------------------------------------------------------------------------------------- */

static uint64_t docs_with(struct conn *c, int64_t scope, struct str term)
{
    struct query q = query(c, SQL_INDEX_BLOCKS);
    uint64_t n = 0;
    struct posting_block b;
    put_i64(&q, scope);
    put_str(&q, term);
    if (query_row(&q)) {
        const uint8_t *body = sqlite3_column_blob(q.s, 1);
        if (posting_block_read(&b, col_u64(&q, 0), body, (size_t)sqlite3_column_bytes(q.s, 1)))
            n = b.before + b.count;
    }
    query_end(&q);
    return n;
}

static int rarest_first(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    return x->docs < y->docs ? -1 : x->docs > y->docs;
}

static void choose_terms(struct search *r)
{
    struct index_search *op = r->op;
    struct terms t = {.arena = &op->op.arena};
    index_terms_add(r->s, &t, op->text, INDEX_TERMS_MAX);
    for (size_t i = 0; i < op->word_count; i++)
        index_terms_add(r->s, &t, op->words[i], INDEX_TERMS_MAX);
    for (size_t i = 0; i < t.count; i++) {
        uint64_t docs = docs_with(&r->s->c, r->scope.n, t.list[i].term);
        if (docs)
            r->list[r->count++] = (struct wanted){&t.list[i], docs};
    }
    if (r->count)
        qsort(r->list, r->count, sizeof r->list[0], rarest_first);
    while (r->count > 1 && r->scope.docs >= COMMON_FROM_DOCS &&
           r->list[r->count - 1].docs > r->scope.docs / COMMON_SHARE)
        r->count--;
}

/* ---- scoring ------------------------------------------------------------------------------------------- */

/* Scratch for at most `postings` different turns, all zero. */
static void ready_slots(struct search *r, uint64_t postings)
{
    size_t want = 64;
    while (want < postings * 2)
        want *= 2;
    if (want > r->s->slot_count) {
        free(r->s->slots);
        r->s->slots = heap_alloc(want * sizeof *r->s->slots);
        r->s->slot_count = want;
    }
    r->slot_mask = want - 1;
}

static struct score_slot *slot_of(struct search *r, uint64_t doc)
{
    size_t i = (size_t)((doc * 0x9e3779b97f4a7c15u) >> 20) & r->slot_mask;
    struct score_slot *slots = r->s->slots;
    while (slots[i].doc && slots[i].doc != doc)
        i = (i + 1) & r->slot_mask;
    slots[i].doc = doc;
    return &slots[i];
}

static void score_block(struct search *r, const struct posting_block *b, size_t newest, double idf,
                        size_t term)
{
    double mean = r->scope.docs ? (double)r->scope.tokens / (double)r->scope.docs : 1;
    for (size_t i = b->count; i > b->count - newest; i--) {
        const struct posting *p = &b->postings[i - 1];
        double norm = K1 * (1 - B + B * p->length / (mean > 0 ? mean : 1));
        struct score_slot *slot = slot_of(r, p->doc);
        slot->score += idf * p->times * (K1 + 1) / (p->times + norm);
        slot->matched |= (uint64_t)1 << term;
    }
}

/* The newest postings of one term, `budget` at most; how many there were. */
static uint64_t score_term(struct search *r, size_t term, uint64_t budget)
{
    const struct wanted *w = &r->list[term];
    double n = (double)r->scope.docs, df = (double)(w->docs < r->scope.docs ? w->docs : r->scope.docs);
    double idf = log(1 + (n - df + 0.5) / (df + 0.5));
    uint64_t used = 0;
    struct posting_block b;
    struct query q = query(&r->s->c, SQL_INDEX_BLOCKS);
    put_i64(&q, r->scope.n);
    put_str(&q, w->term->term);
    while (used < budget && query_row(&q)) {
        if (!posting_block_read(&b, col_u64(&q, 0), sqlite3_column_blob(q.s, 1),
                                (size_t)sqlite3_column_bytes(q.s, 1)))
            break;
        size_t take = b.count < budget - used ? b.count : (size_t)(budget - used);
        score_block(r, &b, take, idf, term);
        used += take;
    }
    query_end(&q);
    return used;
}

static bool better(const struct score_slot *a, const struct score_slot *b)
{
    return a->score > b->score || (a->score == b->score && a->doc > b->doc);
}

/* Keeps the best `limit` in a heap whose top is the worst of them; clears the scratch. */
static size_t take_best(struct search *r, struct score_slot *best, size_t limit)
{
    size_t n = 0;
    for (size_t i = 0; i <= r->slot_mask; i++) {
        struct score_slot x = r->s->slots[i];
        if (!x.doc)
            continue;
        r->s->slots[i] = (struct score_slot){0};
        size_t at;
        if (n < limit) {
            for (at = n++; at && better(&best[(at - 1) / 2], &x); at = (at - 1) / 2)
                best[at] = best[(at - 1) / 2];
        } else if (better(&x, &best[0])) {
            size_t child;
            for (at = 0; (child = 2 * at + 1) < n; at = child) {
                if (child + 1 < n && better(&best[child], &best[child + 1]))
                    child++;
                if (!better(&x, &best[child]))
                    break;
                best[at] = best[child];
            }
        } else {
            continue;
        }
        best[at] = x;
    }
    return n;
}

static int best_first(const void *a, const void *b)
{
    return better(a, b) ? -1 : better(b, a) ? 1 : 0;
}

/* ---- search -------------------------------------------------------------------------------------------- */

static void col_hit(struct query *q, struct arena *a, struct index_hit *h)
{
    h->seq = col_u64(q, 0);
    h->at_ms = col_i64(q, 1);
    h->author_type = (enum author_type)col_i64(q, 2);
    h->author = col_id(q, 3);
    h->text = col_str(q, 4, a);
}

/* The room that was met last: the hits of a scope lie in few rooms. */
struct last_room {
    int64_t n;
    struct id id;
};

static struct id room_id(struct conn *c, int64_t n, struct last_room *last)
{
    if (n == last->n)
        return last->id;
    struct query q = query(c, SQL_INDEX_ROOM_BY_N);
    put_i64(&q, n);
    *last = query_row(&q) ? (struct last_room){n, col_id(&q, 0)} : (struct last_room){0};
    query_end(&q);
    return last->id;
}

static void read_hits(struct search *r, const struct score_slot *best, size_t n)
{
    struct index_search *op = r->op;
    struct last_room last = {0};
    op->hits = arena_array(&op->op.arena, struct index_hit, n);
    for (size_t i = 0; i < n; i++) {
        struct query q = query(&r->s->c, SQL_INDEX_DOC);
        put_u64(&q, best[i].doc);
        if (query_row(&q)) {
            struct index_hit *h = &op->hits[op->hit_count++];
            col_hit(&q, &op->op.arena, h);
            h->room = room_id(&r->s->c, col_i64(&q, 5), &last);
            h->score = best[i].score;
            h->matched = best[i].matched;
        }
        query_end(&q);
    }
}

static void name_terms(struct search *r)
{
    struct index_search *op = r->op;
    op->terms = arena_array(&op->op.arena, struct str, r->count);
    op->term_docs = arena_array(&op->op.arena, uint64_t, r->count);
    op->term_count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        op->terms[i] = r->list[i].term->word;
        op->term_docs[i] = r->list[i].docs;
    }
}

enum err index_run_search(struct index_session *s, struct index_search *op, struct error *e)
{
    (void)e;
    struct search r = {.s = s, .op = op};
    op->cursor = index_meta_get(&s->c, "cursor");
    r.scope = index_scope_find(&s->c, op->owner, op->persona);
    op->scope_docs = r.scope.docs;
    if (!r.scope.n)
        return ERR_OK;
    choose_terms(&r);
    uint64_t budget = op->posting_budget ? op->posting_budget : DEFAULT_BUDGET, all = 0;
    size_t limit = op->limit == 0 ? DEFAULT_LIMIT : op->limit > LIMIT_MAX ? LIMIT_MAX : op->limit;
    for (size_t i = 0; i < r.count; i++)
        all += r.list[i].docs;
    budget = budget > BUDGET_MAX ? BUDGET_MAX : budget;
    ready_slots(&r, all < budget ? all : budget);
    size_t used = 0;
    for (; used < r.count && budget > 0; used++)
        budget -= score_term(&r, used, budget);
    r.count = used;
    name_terms(&r);
    struct score_slot *best = arena_array(&op->op.arena, struct score_slot, limit);
    size_t n = take_best(&r, best, limit);
    if (n)
        qsort(best, n, sizeof *best, best_first);
    read_hits(&r, best, n);
    return ERR_OK;
}

/* ---- neighbours ---------------------------------------------------------------------------------------- */

static size_t read_side(struct conn *c, enum sql sql, struct arena *a, int64_t room,
                        const struct index_place *at, int64_t scope, unsigned radius, struct index_hit *to)
{
    size_t n = 0;
    struct query q = query(c, sql);
    put_i64(&q, room);
    put_u64(&q, at->seq);
    put_i64(&q, scope);
    put_u64(&q, radius);
    while (query_row(&q)) {
        col_hit(&q, a, &to[n]);
        to[n++].room = at->room;
    }
    query_end(&q);
    return n;
}

enum err index_run_neighbours(struct index_session *s, struct index_neighbours *op, struct error *e)
{
    (void)e;
    struct arena *a = &op->op.arena;
    unsigned radius = op->radius > LIMIT_MAX ? LIMIT_MAX : op->radius;
    int64_t scope = index_scope_find(&s->c, op->owner, op->persona).n, room = 0;
    op->windows = arena_array(a, struct index_window, op->at_count);
    for (size_t i = 0; scope && i < op->at_count; i++) {
        struct index_window *w = &op->windows[i];
        if (i == 0 || !id_eq(op->at[i].room, op->at[i - 1].room))
            room = index_room(&s->c, op->at[i].room, false);
        if (!room)
            continue;
        w->turns = arena_array(a, struct index_hit, 2 * (size_t)radius);
        size_t n = read_side(&s->c, SQL_INDEX_BEFORE, a, room, &op->at[i], scope, radius, w->turns);
        for (size_t k = 0; k < n / 2; k++) {
            struct index_hit swap = w->turns[k];
            w->turns[k] = w->turns[n - 1 - k];
            w->turns[n - 1 - k] = swap;
        }
        w->turn_count =
            n + read_side(&s->c, SQL_INDEX_AFTER, a, room, &op->at[i], scope, radius, w->turns + n);
    }
    return ERR_OK;
}
