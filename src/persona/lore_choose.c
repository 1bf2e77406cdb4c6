/*
 * Of the entries that match at one level, which are taken: inclusion groups, probability, budget; see
 * lore_scan.h. In that order, as SillyTavern does it. Dice fall by the turn's seed and the entry's id.
 */
#include "persona/lore_scan.h"

#include "persona/compose.h"
#include "persona/macro.h"

#include <stdlib.h>

enum { SEPARATOR = 1 };

static uint64_t mix(uint64_t seed, struct str s)
{
    uint64_t h = seed ^ 0xcbf29ce484222325ull;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdull;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ull;
    return h ^ h >> 33;
}

static const struct lore_entry *entry_of(const struct lore_candidate *c)
{
    return lore_use_of(c->view, c->use)->entry;
}

/* Weight: sticky before others, then priority, then order, then how near the book is, then its own order. */
static int heavier(const void *a, const void *b)
{
    const struct lore_candidate *x = a, *y = b;
    const struct lore_entry *e = entry_of(x), *f = entry_of(y);
    if (x->sticky != y->sticky)
        return x->sticky ? -1 : 1;
    if (e->priority != f->priority)
        return e->priority > f->priority ? -1 : 1;
    if (e->order != f->order)
        return e->order > f->order ? -1 : 1;
    if (x->view->from != y->view->from)
        return x->view->from > y->view->from ? -1 : 1;
    if (x->view != y->view)
        return x->view < y->view ? -1 : 1;
    return x->use < y->use ? -1 : x->use > y->use;
}

static struct lore_hit *hit_fill(struct lore_work *w, struct lore_hit *h, struct lore_view *v, uint32_t use)
{
    const struct lore_use *u = lore_use_of(v, use);
    const struct lore_entry *e = u->entry;
    const struct lore_decor *d = &u->decor;
    struct str title = e->name.n ? e->name : e->comment.n ? e->comment : e->keys.n ? e->keys.v[0] : STR_NONE;
    *h = (struct lore_hit){
        .book = arena_str(w->arena, v->c->id),
        .book_name = arena_str(w->arena, v->c->name),
        .entry = arena_str(w->arena, e->id),
        .name = arena_str(w->arena, title),
        .position = (enum lore_position)e->position,
        .role = (enum lore_role)(d->role != LORE_UNSET ? d->role : e->role),
        .from = v->from,
        .depth = e->depth,
        .order = e->order,
        .priority = e->priority,
        .yields = d->yields,
        .level = w->level,
        .index = (size_t)(e - v->c->book->entries),
    };
    if (d->depth != LORE_UNSET) {
        h->position = LORE_AT_DEPTH;
        h->depth = d->depth;
        h->from_start = d->from_start;
    } else if (d->position != LORE_UNSET) {
        h->position = (enum lore_position)d->position;
    }
    return h;
}

struct lore_hit *lore_drop(struct lore_work *w, struct lore_view *v, uint32_t use, enum lore_drop why,
                           struct str key)
{
    v->state[use] = LORE_REFUSED;
    if (w->dropped_count == w->dropped_max)
        return NULL;
    struct lore_hit *h = hit_fill(w, &w->dropped[w->dropped_count++], v, use);
    h->dropped = why;
    h->key = arena_str(w->arena, key);
    return h;
}

/* A place for one more that is taken. */
static struct lore_hit *keep(struct lore_work *w)
{
    if (w->kept_count == w->kept_max) {
        size_t max = w->kept_max ? 2 * w->kept_max : 16;
        struct lore_hit *more = arena_array(w->arena, struct lore_hit, max);
        if (w->kept_count)
            memcpy(more, w->kept, w->kept_count * sizeof *more);
        w->kept = more;
        w->kept_max = max;
    }
    return &w->kept[w->kept_count++];
}

static void lose(struct lore_work *w, struct lore_candidate *c, enum lore_drop why)
{
    c->out = true;
    lore_drop(w, c->view, c->use, why, c->key);
}

/* ---- groups ---- */

static bool in_group(const struct lore_candidate *c, struct str name)
{
    struct str rest = entry_of(c)->group, part;
    while (str_cut(&rest, ',', &part)) {
        if (str_eq(str_trim(part), name))
            return true;
    }
    return false;
}

static bool among(const struct lore_work *w, size_t from, size_t to, struct str name)
{
    for (size_t i = from; i < to; i++) {
        if (str_eq(w->groups[i], name))
            return true;
    }
    return false;
}

static void lose_others(struct lore_work *w, struct lore_candidate *list, size_t count, struct str name,
                        const struct lore_candidate *winner)
{
    for (size_t i = 0; i < count; i++) {
        if (&list[i] != winner && !list[i].out && !list[i].sticky && in_group(&list[i], name))
            lose(w, &list[i], LORE_GROUP_LOST);
    }
}

/* Entries that are scored stay only with the group's best score. */
static void keep_best_scores(struct lore_work *w, struct lore_candidate *list, size_t count, struct str name)
{
    unsigned best = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (list[i].out || !in_group(&list[i], name))
            continue;
        any |= entry_of(&list[i])->group_scoring == 1;
        if (list[i].score > best)
            best = list[i].score;
    }
    for (size_t i = 0; any && i < count; i++) {
        if (!list[i].out && in_group(&list[i], name) && entry_of(&list[i])->group_scoring == 1 &&
            list[i].score < best)
            lose(w, &list[i], LORE_GROUP_LOST);
    }
}

/* The one with override and the highest order, else one by lot, by their weights. */
static struct lore_candidate *winner_of(struct lore_work *w, struct lore_candidate *list, size_t count,
                                        struct str name)
{
    struct lore_candidate *chosen = NULL;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct lore_entry *e = entry_of(&list[i]);
        if (list[i].out || !in_group(&list[i], name))
            continue;
        if (list[i].sticky)
            return &list[i];
        if (e->group_override && (!chosen || e->order > entry_of(chosen)->order))
            chosen = &list[i];
        total += (uint64_t)e->group_weight;
    }
    if (chosen)
        return chosen;
    uint64_t draw = total ? mix(w->in->seed, name) % total : 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].out || !in_group(&list[i], name))
            continue;
        uint64_t weight = (uint64_t)entry_of(&list[i])->group_weight;
        if (draw < weight || !total)
            return &list[i];
        draw -= weight;
    }
    return NULL;
}

/* `earlier`: so many groups were settled at levels before this one. */
static void settle_group(struct lore_work *w, struct lore_candidate *list, size_t count, struct str name,
                         size_t earlier)
{
    size_t members = 0;
    if (str_empty(name) || w->group_count == w->group_max || among(w, earlier, w->group_count, name))
        return;
    if (among(w, 0, earlier, name)) {
        lose_others(w, list, count, name, NULL);
        return;
    }
    for (size_t i = 0; i < count; i++)
        members += !list[i].out && in_group(&list[i], name);
    if (!members)
        return;
    if (members > 1)
        keep_best_scores(w, list, count, name);
    struct lore_candidate *winner = winner_of(w, list, count, name);
    lose_others(w, list, count, name, winner);
    w->groups[w->group_count++] = arena_str(w->arena, name);
}

static void settle_groups(struct lore_work *w, struct lore_candidate *list, size_t count)
{
    size_t earlier = w->group_count;
    for (size_t i = 0; i < count; i++) {
        struct str rest = entry_of(&list[i])->group, name;
        while (!list[i].out && str_cut(&rest, ',', &name))
            settle_group(w, list, count, str_trim(name), earlier);
    }
}

/* ---- probability, budget ---- */

static bool lucky(const struct lore_work *w, const struct lore_candidate *c)
{
    const struct lore_entry *e = entry_of(c);
    if (e->probability >= 100 || c->sticky)
        return true;
    return (int64_t)(mix(mix(w->in->seed, c->view->c->id), e->id) % 100) < e->probability;
}

static struct str text_of(struct lore_work *w, const struct lore_candidate *c, struct buf *hidden)
{
    struct str content = lore_use_of(c->view, c->use)->decor.content;
    if (!w->in->values)
        return str_trim(arena_str(w->arena, content));
    struct macro_values values = *w->in->values;
    values.hidden = hidden;
    struct str text = macro_expand(w->arena, content, &values);
    /* A text without macros comes back as it is: the book's own. */
    return str_trim(text.p == content.p ? arena_str(w->arena, text) : text);
}

static bool affordable(const struct lore_work *w, const struct lore_candidate *c, size_t tokens)
{
    const struct lore_view *v = c->view;
    if (entry_of(c)->ignore_budget)
        return true;
    return w->used + tokens <= w->in->budget_tokens && (!v->budget || v->used + tokens <= v->budget);
}

static void take(struct lore_work *w, struct lore_candidate *c, struct buf *said)
{
    CLEANUP_BUF struct buf hidden = BUF_MAX(LORE_CONTENT_MAX);
    struct str text = text_of(w, c, &hidden);
    size_t tokens = text.n ? compose_tokens(text) + SEPARATOR : 0;
    const struct lore_use *u = lore_use_of(c->view, c->use);
    if (!affordable(w, c, tokens)) {
        c->out = true;
        struct lore_hit *h = lore_drop(w, c->view, c->use, LORE_NO_BUDGET, c->key);
        if (h)
            h->tokens = tokens;
        return;
    }
    w->used += tokens;
    c->view->used += tokens;
    c->view->state[c->use] = LORE_TAKEN;
    struct lore_hit *h = hit_fill(w, keep(w), c->view, c->use);
    h->text = text;
    h->tokens = tokens;
    h->why = c->why;
    h->key = arena_str(w->arena, c->key);
    w->out->no_house_prompt |= u->decor.no_house_prompt;
    if (u->entry->prevent_recursion)
        return;
    buf_add(said, text);
    buf_add_char(said, '\n');
    buf_add(said, buf_str(&hidden));
    buf_add_char(said, '\n');
}

void lore_choose(struct lore_work *w, struct lore_candidate *list, size_t count, struct buf *said)
{
    qsort(list, count, sizeof *list, heavier);
    settle_groups(w, list, count);
    for (size_t i = 0; i < count; i++) {
        if (!list[i].out && !lucky(w, &list[i]))
            lose(w, &list[i], LORE_NO_LUCK);
    }
    for (size_t i = 0; i < count; i++) {
        if (!list[i].out)
            take(w, &list[i], said);
    }
}

static int hit_heavier(const void *a, const void *b)
{
    const struct lore_hit *x = a, *y = b;
    if (x->yields != y->yields)
        return x->yields ? 1 : -1;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->order != y->order)
        return x->order > y->order ? -1 : 1;
    if (x->from != y->from)
        return x->from > y->from ? -1 : 1;
    int book = str_cmp(x->book, y->book);
    if (book)
        return book;
    return x->index < y->index ? -1 : x->index > y->index;
}

void lore_sort_hits(struct lore_hit *hits, size_t count)
{
    if (count)
        qsort(hits, count, sizeof *hits, hit_heavier);
}
