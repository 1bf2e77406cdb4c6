/*
 * From what was found to hits: candidates are gathered from the index, its neighbours and the tail, scored,
 * and the best taken within the budget, with their neighbours around them.
 *
 * Left out: what the prompt holds already, what was taken back and is still in the index, what stands in the
 * window of a better hit, and what says word for word the same as a later turn. A word that nearly every turn
 * of a large scope has says nothing: a turn that shares only such words is no memory.
 */
#include "memory/recall.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

enum { HITS_DEFAULT = 8, HIT_BYTES_MAX = 2000, WINDOW_BYTES_MAX = 400, LARGE_SCOPE = 50, COMMON_SHARE = 5 };

static bool excluded(const struct memory_recall *op, struct id room, uint64_t seq)
{
    if (!id_eq(room, op->room))
        return false;
    if (op->exclude_from && seq >= op->exclude_from)
        return true;
    for (size_t i = 0; i < op->exclude_count; i++) {
        if (op->exclude[i] == seq)
            return true;
    }
    return false;
}

static bool stale(const struct recall *r, struct id room, uint64_t seq)
{
    for (size_t i = 0; i < r->tail.stale_count; i++) {
        if (r->tail.stale[i].seq == seq && id_eq(r->tail.stale[i].room, room))
            return true;
    }
    return false;
}

/* ---- gathering ---- */

static struct candidate *add_hit(struct recall *r, struct candidates *c, const struct index_hit *hit,
                                 double bm25)
{
    if (stale(r, hit->room, hit->seq))
        return NULL;
    struct candidate *t = candidate_of(c, hit->room, hit->seq);
    if (!t)
        return NULL;
    t->at_ms = hit->at_ms;
    t->author_type = hit->author_type;
    t->author = hit->author;
    t->text = hit->text;
    /* What the prompt holds already lends its neighbours nothing. */
    if (bm25 > t->bm25 && !excluded(r->op, hit->room, hit->seq))
        t->bm25 = bm25;
    return t;
}

static bool only_common(const struct index_search *s, const struct index_hit *hit)
{
    if (s->scope_docs < LARGE_SCOPE)
        return false;
    for (size_t i = 0; i < s->term_count && i < 64; i++) {
        if ((hit->matched & 1ull << i) && s->term_docs[i] * COMMON_SHARE <= s->scope_docs)
            return false;
    }
    return true;
}

static void gather_window(struct recall *r, struct candidates *c, const struct index_place *at,
                          const struct index_window *window)
{
    struct candidate *previous = NULL, *center = NULL;
    for (size_t i = 0; i < c->count; i++) {
        if (c->at[i].seq == at->seq && id_eq(c->at[i].room, at->room))
            center = &c->at[i];
    }
    if (!center)
        return;
    for (size_t i = 0; i <= window->turn_count; i++) {
        const struct index_hit *turn = i < window->turn_count ? &window->turns[i] : NULL;
        bool center_here = center && (!turn || turn->seq > at->seq);
        if (center_here) {
            if (previous)
                candidates_link(c, previous, center);
            previous = center;
            center = NULL;
        }
        struct candidate *t = turn ? add_hit(r, c, turn, 0) : NULL;
        if (!t)
            continue;
        if (previous)
            candidates_link(c, previous, t);
        previous = t;
    }
}

/* The index's own scale: idf, once for each word that is there (a turn of average length, one occurrence). */
static double tail_bm25(const struct recall *r, uint64_t matched)
{
    const struct index_search *s = r->search && r->search->op.err == ERR_OK ? r->search : NULL;
    double scope = s ? (double)s->scope_docs + 1 : 1, sum = 0;
    for (size_t i = 0; i < r->query.count; i++) {
        if (!(matched & 1ull << i))
            continue;
        double docs = 1;
        for (size_t k = 0; s && k < s->term_count; k++) {
            if (str_ieq(s->terms[k], r->query.words[i].as_said))
                docs = (double)s->term_docs[k] + 1;
        }
        sum += log(1 + (scope - docs + .5) / (docs + .5));
    }
    return sum > 0 ? sum : matched ? .1 : 0;
}

/* What was said just before `t` in its room: in the tail, or the last of the index if it is near enough. */
static struct candidate *just_before(struct candidates *c, const struct candidate *t)
{
    enum { NEAR_EVENTS = 8 }; /* between two messages lie turns, moods, affects */
    struct candidate *before = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct candidate *o = &c->at[i];
        if (o->seq < t->seq && id_eq(o->room, t->room) && (!before || o->seq > before->seq))
            before = o;
    }
    return before && (before->from_tail || t->seq - before->seq <= NEAR_EVENTS) ? before : NULL;
}

static void gather_tail(struct recall *r, struct candidates *c)
{
    for (size_t i = 0; i < r->tail.said_count; i++) {
        const struct index_doc *doc = &r->tail.said[i];
        struct candidate *t = candidate_of(c, doc->room, doc->seq);
        if (!t)
            return;
        bool out = excluded(r->op, doc->room, doc->seq);
        t->at_ms = doc->at_ms;
        t->author_type = doc->author_type;
        t->author = doc->author;
        t->text = doc->text;
        t->from_tail = true;
        t->bm25 = out ? 0 : tail_bm25(r, query_match(&r->arena, &r->query, doc->text));
        struct candidate *before = t->before < 0 ? just_before(c, t) : NULL;
        if (before && before->after < 0)
            candidates_link(c, before, t);
    }
}

static void gather(struct recall *r, struct candidates *c)
{
    const struct index_search *s = r->search;
    for (size_t i = 0; s && s->op.err == ERR_OK && i < s->hit_count; i++) {
        if (!only_common(s, &s->hits[i]))
            add_hit(r, c, &s->hits[i], s->hits[i].score);
    }
    for (size_t i = 0; r->around && r->around->op.err == ERR_OK && i < r->around->at_count; i++)
        gather_window(r, c, &r->around->at[i], &r->around->windows[i]);
    gather_tail(r, c);
}

/* ---- choosing ---- */

struct choice {
    struct recall *r;
    struct candidates *c;
    bool *shown; /* by candidate: it stands somewhere already */
    size_t tokens;
    size_t max;
};

static int best_first(const void *a, const void *b)
{
    const struct candidate *x = *(const struct candidate *const *)a, *y = *(const struct candidate *const *)b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->at_ms < y->at_ms) - (x->at_ms > y->at_ms);
}

static struct str cut_to(struct arena *a, struct str text, size_t max)
{
    char *cut = arena_alloc(a, max + 1);
    if (text.n <= max)
        return arena_str(a, text);
    str_copy(cut, max + 1, text);
    return arena_printf(a, "%s…", cut);
}

static struct memory_turn turn_of(struct arena *a, const struct candidate *t, size_t max)
{
    return (struct memory_turn){.seq = t->seq,
                                .at_ms = t->at_ms,
                                .author = t->author,
                                .by_persona = t->author_type == AUTHOR_PERSONA,
                                .text = cut_to(a, t->text, max)};
}

/* A neighbour goes along if it is short, not in the prompt, and there is room. */
static bool add_neighbour(struct choice *ch, int at, struct memory_turn *to)
{
    if (at < 0)
        return false;
    const struct candidate *t = &ch->c->at[at];
    size_t tokens = memory_tokens(t->text);
    if (ch->shown[at] || t->text.n > WINDOW_BYTES_MAX || excluded(ch->r->op, t->room, t->seq) ||
        ch->tokens + tokens > ch->r->op->budget_tokens)
        return false;
    *to = turn_of(ch->r->op->arena, t, WINDOW_BYTES_MAX);
    ch->tokens += tokens;
    ch->shown[at] = true;
    return true;
}

static bool said_again(const struct choice *ch, const struct candidate *t)
{
    const struct memory_recall *op = ch->r->op;
    for (size_t i = 0; i < op->hit_count; i++) {
        if (str_ieq(str_trim(op->hits[i].turn.text), str_trim(t->text)))
            return true;
    }
    return false;
}

/* By the clock, and within one room by number: two may fall into one millisecond. */
static bool is_later(const struct candidate *a, const struct candidate *b)
{
    return a->at_ms > b->at_ms || (a->at_ms == b->at_ms && id_eq(a->room, b->room) && a->seq > b->seq);
}

/* Of turns that say the same, the latest stands for them. */
static const struct candidate *latest_of(const struct choice *ch, const struct candidate *t)
{
    const struct candidate *latest = t;
    for (size_t i = 0; i < ch->c->count; i++) {
        const struct candidate *o = &ch->c->at[i];
        if (is_later(o, latest) && o->bm25 > 0 && !excluded(ch->r->op, o->room, o->seq) &&
            o->author_type == t->author_type && str_ieq(str_trim(o->text), str_trim(t->text)))
            latest = o;
    }
    return latest;
}

static void add_choice(struct choice *ch, const struct candidate *t)
{
    struct memory_recall *op = ch->r->op;
    t = latest_of(ch, t);
    size_t at = (size_t)(t - ch->c->at);
    size_t tokens = memory_tokens(str_sub(t->text, 0, HIT_BYTES_MAX));
    if (ch->shown[at] || excluded(op, t->room, t->seq) || said_again(ch, t) ||
        ch->tokens + tokens > op->budget_tokens)
        return;
    struct memory_hit *hit = &op->hits[op->hit_count++];
    uint64_t matched = query_match(&ch->r->arena, &ch->r->query, t->text);
    bool neighbour = !matched && (t->before >= 0 || t->after >= 0);
    if (neighbour) {
        for (int side = 0; side < 2; side++) {
            int other = side ? t->after : t->before;
            matched |= other < 0 ? 0 : query_match(&ch->r->arena, &ch->r->query, ch->c->at[other].text);
        }
    }
    ch->shown[at] = true;
    ch->tokens += tokens;
    *hit = (struct memory_hit){.room = t->room, .score = t->score, .from_tail = t->from_tail};
    hit->turn = turn_of(op->arena, t, HIT_BYTES_MAX);
    hit->reason = reason_of(op->arena, &ch->r->query, matched, neighbour,
                            clock_gap_ms(t->at_ms, clock_wall_ms()), id_eq(t->room, op->room));
    if (add_neighbour(ch, t->before, &hit->before[0]) && ch->c->at[t->before].bm25 > 0)
        add_neighbour(ch, ch->c->at[t->before].before, &hit->before[1]);
    if (add_neighbour(ch, t->after, &hit->after[0]) && ch->c->at[t->after].bm25 > 0)
        add_neighbour(ch, ch->c->at[t->after].after, &hit->after[1]);
}

size_t recall_rank(struct recall *r, struct candidates *c, const struct candidate **order)
{
    gather(r, c);
    candidates_score(c, r->about);
    for (size_t i = 0; i < c->count; i++)
        order[i] = &c->at[i];
    qsort(order, c->count, sizeof *order, best_first);
    return c->count;
}

/* What has neither words nor neighbours with words in common is there for its neighbours only. */
static bool near_words(const struct candidates *c, const struct candidate *t)
{
    return t->bm25 > 0 || (t->before >= 0 && c->at[t->before].bm25 > 0) ||
           (t->after >= 0 && c->at[t->after].bm25 > 0);
}

void recall_choose(struct recall *r)
{
    struct memory_recall *op = r->op;
    struct candidates *c = arena_new(&r->arena, struct candidates);
    const struct candidate **order = arena_array(&r->arena, const struct candidate *, CANDIDATES_MAX);
    size_t count = recall_rank(r, c, order);
    struct choice ch = {.r = r, .c = c, .shown = arena_array(&r->arena, bool, count)};
    ch.max = op->max_hits ? op->max_hits : HITS_DEFAULT;
    op->hits = arena_array(op->arena, struct memory_hit, ch.max);
    for (size_t i = 0; i < count && op->hit_count < ch.max; i++) {
        if (near_words(c, order[i]))
            add_choice(&ch, order[i]);
    }
}
