/* Placing lore; see lore_place.h. */
#include "persona/lore_place.h"

#include "persona/compose.h"

#include <stdlib.h>

static bool is_message(const struct lore_hit *h)
{
    return h->position == LORE_AT_DEPTH || h->position == LORE_TOP_NOTE || h->position == LORE_BOTTOM_NOTE;
}

static size_t cost(const struct lore_hit *h)
{
    return h->tokens + (is_message(h) && h->tokens ? PROMPT_MESSAGE_TOKENS : 0);
}

/* Hits are in the order of their weight: what does not fit goes from the end. */
static void fit(struct lore_result *r, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < r->kept; i++)
        used += cost(&r->hits[i]);
    for (size_t i = r->kept; i-- > 0 && used > room;) {
        used -= cost(&r->hits[i]);
        r->tokens -= r->hits[i].tokens;
        r->hits[i].dropped = LORE_NO_CONTEXT;
        r->kept = i;
    }
}

static int by_order(const void *a, const void *b)
{
    const struct lore_hit *x = *(const struct lore_hit *const *)a, *y = *(const struct lore_hit *const *)b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    int book = str_cmp(x->book, y->book);
    if (book)
        return book;
    return x->index < y->index ? -1 : x->index > y->index;
}

static struct str join(struct arena *a, struct str before, struct str text)
{
    if (str_empty(before))
        return text;
    char *both = arena_alloc(a, before.n + 1 + text.n);
    memcpy(both, before.p, before.n);
    both[before.n] = '\n';
    memcpy(both + before.n + 1, text.p, text.n);
    return str_of(both, before.n + 1 + text.n);
}

static struct lore_insert insert_of(const struct lore_hit *h)
{
    if (h->position == LORE_AT_DEPTH)
        return (struct lore_insert){h->from_start, h->depth, h->role, h->text};
    return (struct lore_insert){false, LORE_NOTE_DEPTH, LORE_SYSTEM, h->text};
}

static void add_insert(struct arena *a, struct lore_placed *out, const struct lore_hit *h)
{
    struct lore_insert wanted = insert_of(h);
    for (size_t i = 0; i < out->insert_count; i++) {
        struct lore_insert *at = &out->inserts[i];
        if (at->from_start == wanted.from_start && at->depth == wanted.depth && at->role == wanted.role) {
            at->text = join(a, at->text, wanted.text);
            return;
        }
    }
    out->tokens += PROMPT_MESSAGE_TOKENS;
    out->inserts[out->insert_count++] = wanted;
}

static int deepest_first(const void *a, const void *b)
{
    const struct lore_insert *x = a, *y = b;
    if (x->from_start != y->from_start)
        return x->from_start ? -1 : 1;
    if (x->depth != y->depth)
        return (x->depth > y->depth) == !x->from_start ? -1 : 1;
    return x->role < y->role ? -1 : x->role > y->role;
}

void lore_place(struct arena *a, struct lore_result *r, size_t room, struct lore_placed *out)
{
    *out = (struct lore_placed){0};
    fit(r, room);
    const struct lore_hit **sorted = arena_array(a, const struct lore_hit *, r->kept);
    for (size_t i = 0; i < r->kept; i++)
        sorted[i] = &r->hits[i];
    if (r->kept)
        qsort(sorted, r->kept, sizeof *sorted, by_order);
    out->inserts = arena_array(a, struct lore_insert, r->kept);
    /* The author's note: its top stands before its bottom, whatever their orders. */
    for (int pass = LORE_TOP_NOTE; pass <= LORE_BOTTOM_NOTE; pass++) {
        for (size_t i = 0; i < r->kept; i++) {
            if (sorted[i]->position == (enum lore_position)pass && sorted[i]->text.n)
                add_insert(a, out, sorted[i]);
        }
    }
    for (size_t i = 0; i < r->kept; i++) {
        const struct lore_hit *h = sorted[i];
        out->tokens += h->tokens;
        if (str_empty(h->text))
            continue;
        if (h->position == LORE_AT_DEPTH)
            add_insert(a, out, h);
        else if (!is_message(h))
            out->section[h->position] = join(a, out->section[h->position], h->text);
    }
    if (out->insert_count)
        qsort(out->inserts, out->insert_count, sizeof *out->inserts, deepest_first);
}

size_t lore_insert_at(const struct lore_insert *insert, size_t turns)
{
    size_t depth = (uint64_t)insert->depth > turns ? turns : (size_t)insert->depth;
    return insert->from_start ? depth : turns - depth;
}
