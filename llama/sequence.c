/*
 * Sequences and the cells they hold; see sequence.h.
 *
 * Which one serves a request: the one of the same key, if the new prompt begins with at least half of what it
 * holds (another prompt under the same key, a summary say, must not wipe out a room); else an empty one; else
 * the one used longest ago. What another sequence shares with the prompt is then taken over, if it is more.
 */
#include "sequence.h"

#include <stdlib.h>

#include "memory.h"
#include "park.h"

static struct {
    struct sequence *all;
    uint32_t count;
    uint16_t *holders; /* of each cell: how many sequences hold it */
    uint32_t *free;    /* a stack of cells */
    size_t free_count, cells;
    uint64_t clock;
} kept;

void sequences_open(void)
{
    kept.count = model.context ? model.sequences : 0;
    kept.cells = kept.free_count = model.context ? model.budget : 0;
    kept.all = heap_alloc((kept.count + 1) * sizeof *kept.all);
    kept.holders = heap_alloc((kept.cells + 1) * sizeof *kept.holders);
    kept.free = heap_alloc((kept.cells + 1) * sizeof *kept.free);
    for (size_t i = 0; i < kept.cells; i++)
        kept.free[i] = (uint32_t)i;
    for (uint32_t i = 0; i < kept.count; i++)
        kept.all[i].id = (llama_seq_id)i;
    /* As much again as the cache, where half of what is free now holds it. */
    uint64_t cache = model.budget * memory_of_token(&model.facts), spare = memory_available(0) / 2;
    park_open(cache < spare ? cache : spare);
}

void sequences_close(void)
{
    park_close();
    for (uint32_t i = 0; i < kept.count; i++) {
        free(kept.all[i].key);
        free(kept.all[i].tokens);
        free(kept.all[i].cells);
    }
    free(kept.all);
    free(kept.holders);
    free(kept.free);
    memset(&kept, 0, sizeof kept);
}

size_t sequences_used(void)
{
    return kept.cells - kept.free_count;
}

size_t sequences_kept(void)
{
    size_t n = 0;
    for (uint32_t i = 0; i < kept.count; i++)
        n += kept.all[i].n > 0;
    return n;
}

static llama_memory_t memory(void)
{
    return lib.llama_get_memory(model.context);
}

static void reserve(struct sequence *s, size_t n)
{
    if (n <= s->cap)
        return;
    s->cap = n < 256 ? 256 : n + n / 2;
    s->tokens = heap_realloc(s->tokens, s->cap * sizeof *s->tokens);
    s->cells = heap_realloc(s->cells, s->cap * sizeof *s->cells);
}

/* Forgets all tokens from the nth. */
static void cut(struct sequence *s, size_t n)
{
    if (n >= s->n)
        return;
    if (!model.partial)
        n = 0;
    if (!lib.llama_memory_seq_rm(memory(), s->id, n ? (llama_pos)n : -1, -1) && n) {
        n = 0; /* some memories can only forget all */
        lib.llama_memory_seq_rm(memory(), s->id, -1, -1);
    }
    while (s->n > n) {
        uint32_t cell = s->cells[--s->n];
        if (--kept.holders[cell] == 0)
            kept.free[kept.free_count++] = cell;
    }
}

/* Copies it out, and empties it. */
static void park(struct sequence *s)
{
    if (s->n)
        park_add(s->id, s->key, s->tokens, s->n);
    cut(s, 0);
}

/* The token that was put behind the last has a cell of its own now. */
static void take_cell(struct sequence *s)
{
    uint32_t cell = kept.free[--kept.free_count];
    kept.holders[cell] = 1;
    s->cells[s->n++] = cell;
}

static size_t common(const struct sequence *s, const struct request *r)
{
    size_t n = 0, most = s->n < r->n - 1 ? s->n : r->n - 1;
    while (n < most && s->tokens[n] == r->tokens[n])
        n++;
    return n;
}

/* The first n tokens of another sequence, held by both from now on. */
static void share(struct sequence *s, const struct sequence *from, size_t n)
{
    cut(s, 0);
    reserve(s, n);
    lib.llama_memory_seq_cp(memory(), from->id, s->id, 0, (llama_pos)n);
    memcpy(s->tokens, from->tokens, n * sizeof *s->tokens);
    memcpy(s->cells, from->cells, n * sizeof *s->cells);
    for (size_t i = 0; i < n; i++)
        kept.holders[s->cells[i]]++;
    s->n = n;
}

static struct sequence *oldest(void)
{
    struct sequence *found = NULL;
    for (uint32_t i = 0; i < kept.count; i++) {
        struct sequence *s = &kept.all[i];
        if (!s->request && s->n && (!found || s->used < found->used))
            found = s;
    }
    return found;
}

static struct sequence *choose(const struct request *r)
{
    struct sequence *empty = NULL, *own = NULL;
    size_t own_common = 0;
    for (uint32_t i = 0; i < kept.count; i++) {
        struct sequence *s = &kept.all[i];
        if (s->request)
            continue;
        if (!s->n) {
            empty = empty ? empty : s;
            continue;
        }
        size_t n = common(s, r);
        if (strcmp(s->key, r->key) == 0 && n * 2 >= s->n && n > own_common) {
            own = s;
            own_common = n;
        }
    }
    return own ? own : empty ? empty : oldest();
}

/* Copies a parked sequence, of which `wanted` tokens will be kept, into this one, which holds nothing. */
static bool restore(struct sequence *s, struct parked *p, size_t wanted)
{
    size_t n = p->n;
    if (!sequences_make_room(n))
        return false;
    reserve(s, n);
    memcpy(s->tokens, p->tokens, n * sizeof *s->tokens);
    bool whole = park_restore(p, s->id, wanted * 2 < n);
    for (size_t i = 0; i < n; i++)
        take_cell(s);
    if (!whole)
        cut(s, 0);
    return whole;
}

bool sequence_assign(struct request *r)
{
    struct sequence *s = choose(r);
    if (!s)
        return false;
    size_t in_park, have = common(s, r);
    if (have * 2 < s->n) /* it was another's */
        park(s);
    struct parked *p = park_find(r->tokens, r->n - 1, &in_park);
    size_t best = have = common(s, r);
    const struct sequence *from = NULL;
    if (!model.partial)
        best = have = have == s->n ? have : 0; /* all of it, or nothing */
    for (uint32_t i = 0; model.partial && i < kept.count; i++) {
        size_t n = common(&kept.all[i], r);
        if (n > best) {
            best = n;
            from = &kept.all[i];
        }
    }
    if (p && in_park > best) {
        cut(s, 0);
        s->request = r; /* not to be parked to make room for itself */
        restore(s, p, in_park);
        best = common(s, r);
        if (!model.partial && best < s->n)
            best = 0;
        from = NULL;
    }
    if (from)
        share(s, from, best);
    else
        cut(s, best);
    free(s->key);
    s->key = heap_cstr(str_c(r->key));
    s->used = ++kept.clock;
    s->request = r;
    r->sequence = s;
    return true;
}

void sequence_leave(struct request *r)
{
    if (!r->sequence)
        return;
    r->sequence->used = ++kept.clock;
    r->sequence->request = NULL;
    r->sequence = NULL;
}

void sequence_take_away(struct request *r)
{
    struct sequence *s = r->sequence;
    sequence_leave(r);
    cut(s, 0);
}

bool sequences_park_one(void)
{
    struct sequence *s = oldest();
    if (s)
        park(s);
    return s;
}

void sequences_park_idle(void)
{
    while (sequences_park_one())
        ;
}

bool sequences_make_room(size_t n)
{
    while (kept.free_count < n)
        if (!sequences_park_one())
            return false;
    return true;
}

void sequence_grew(struct request *r, size_t n)
{
    struct sequence *s = r->sequence;
    reserve(s, s->n + n);
    for (size_t i = 0; i < n; i++) {
        s->tokens[s->n] = r->tokens[s->n];
        take_cell(s);
    }
}

void sequence_mend(const struct request *r)
{
    struct sequence *s = r->sequence;
    if (!lib.llama_memory_seq_rm(memory(), s->id, (llama_pos)s->n, -1))
        cut(s, 0);
}

void sequences_forget_all(void)
{
    for (uint32_t i = 0; i < kept.count; i++)
        cut(&kept.all[i], 0);
    lib.llama_memory_clear(memory(), false);
}
