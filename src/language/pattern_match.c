/*
 * Walking compiled patterns: plain backtracking with a bound on steps, over words that were turned into ids
 * once.
 */
#include "language/pattern_impl.h"

#include <stdlib.h>

void pattern_prepare(struct arena *a, const struct pattern_set *set, const struct words *words,
                     struct pattern_text *out)
{
    *out = (struct pattern_text){words, arena_array(a, uint32_t, words->count + 1),
                                 arena_array(a, uint32_t, words->count + 1)};
    for (size_t i = 0; i < words->count; i++) {
        out->ids[i] = (uint32_t)(uintptr_t)map_get(&set->vocabulary, words->at[i].norm);
        out->stems[i] = (uint32_t)(uintptr_t)map_get(&set->stems, word_stem(words->at[i].norm));
    }
}

struct walk {
    const struct pattern_set *set;
    const struct pattern_text *text;
    uint32_t from, to, steps;
    struct pattern_match match;
};

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool in_set(const struct pattern_set *set, uint32_t index, uint32_t id)
{
    const struct named_set *named = &set->sets[index];
    return id && named->count && bsearch(&id, named->ids, named->count, sizeof id, by_id);
}

static bool is_number(const struct word *w)
{
    static const char *const spelt[] = {"one",      "two",      "three",   "four",    "five",      "six",
                                        "seven",    "eight",    "nine",    "ten",     "eleven",    "twelve",
                                        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
                                        "nineteen", "twenty",   "thirty",  "forty",   "fifty",     "sixty",
                                        "seventy",  "eighty",   "ninety",  "hundred"};
    if (w->norm.p[0] >= '0' && w->norm.p[0] <= '9')
        return true;
    struct str head = str_sub(w->norm, 0, str_find_char(w->norm, '-'));
    for (size_t i = 0; i < sizeof spelt / sizeof *spelt; i++)
        if (str_eq(head, str_c(spelt[i])))
            return true;
    return false;
}

static bool capture_takes(const struct walk *w, enum capture_kind kind, uint32_t at)
{
    const struct word *word = &w->text->words->at[at];
    if (kind == CAPTURE_NUMBER)
        return is_number(word);
    return kind != CAPTURE_NAME || word->capital || !word_is_stop(word->norm);
}

static bool walk(struct walk *w, const struct node *node, uint32_t at);

static bool walk_capture(struct walk *w, const struct node *node, uint32_t at)
{
    enum capture_kind kind = (enum capture_kind)node->id;
    uint32_t slot = w->match.capture_count;
    uint32_t most = kind == CAPTURE_WORD || kind == CAPTURE_NUMBER ? at + 1
                    : kind == CAPTURE_NAME                         ? at + 3
                                                                   : w->to;
    if (most > w->to)
        most = w->to;
    if (slot == PATTERN_CAPTURES || at >= w->to)
        return false;
    bool last = node->next->kind == NODE_END;
    for (uint32_t end = at + 1; end <= most; end++) {
        if (!capture_takes(w, kind, end - 1))
            break;
        bool more = end < most && capture_takes(w, kind, end);
        if (last && more)
            continue;
        w->match.captures[slot].name = node->name;
        w->match.captures[slot].from = at;
        w->match.captures[slot].to = end;
        w->match.capture_count = slot + 1;
        if (walk(w, node->next, end))
            return true;
    }
    w->match.capture_count = slot;
    return false;
}

static bool walk(struct walk *w, const struct node *node, uint32_t at)
{
    for (;; node = node->next, at++) {
        if (++w->steps > PATTERN_STEPS)
            return false;
        bool inside = at < w->to;
        switch (node->kind) {
        case NODE_END:
            w->match.to = at;
            return true;
        case NODE_FINISH:
            return !inside && walk(w, node->next, at);
        case NODE_WORD:
            if (!inside || w->text->ids[at] != node->id)
                return false;
            break;
        case NODE_STEM:
            if (!inside || w->text->stems[at] != node->id)
                return false;
            break;
        case NODE_SET:
            if (!inside || !in_set(w->set, node->id, w->text->ids[at]))
                return false;
            break;
        case NODE_ONE:
            if (!inside)
                return false;
            break;
        case NODE_ANY:
            for (uint32_t next = at; next <= w->to; next++)
                if (walk(w, node->next, next))
                    return true;
            return false;
        case NODE_OR:
            for (size_t i = 0; i < node->head_count; i++)
                if (walk(w, node->heads[i], at))
                    return true;
            return false;
        case NODE_CAPTURE:
            return walk_capture(w, node, at);
        }
    }
}

static bool try_pattern(struct walk *w, const struct pattern *pattern)
{
    uint32_t last = pattern->from_start ? w->from : w->to;
    for (uint32_t at = w->from; at <= last; at++) {
        w->match.capture_count = 0;
        w->match.from = at;
        if (walk(w, pattern->head, at))
            return true;
        if (w->steps > PATTERN_STEPS)
            return false;
    }
    return false;
}

/* `open`: the places worth trying, or NULL for all. */
static bool try_anchor(struct walk *w, uint32_t id, const uint64_t *open,
                       bool (*seen)(void *, const struct pattern_match *), void *ctx)
{
    const struct pattern_set *set = w->set;
    for (uint32_t i = set->first[id]; i < set->first[id + 1]; i++) {
        if (open && i < GATED_MAX && !(open[i / 64] >> i % 64 & 1))
            continue;
        const struct pattern *pattern = &set->patterns[set->postings[i]];
        w->steps = 0;
        w->match.tag = pattern->tag;
        w->match.score = pattern->score;
        if (try_pattern(w, pattern) && !seen(ctx, &w->match))
            return false;
    }
    return true;
}

void pattern_match(const struct pattern_set *set, const struct pattern_text *text, uint32_t from, uint32_t to,
                   bool (*seen)(void *ctx, const struct pattern_match *match), void *ctx)
{
    struct walk w = {.set = set, .text = text, .from = from, .to = to};
    uint64_t open[GATED_MAX / 64];
    if (!set->first)
        return;
    pattern_gates_open(set, text, from, to, open);
    if (!try_anchor(&w, 0, open, seen, ctx))
        return;
    for (uint32_t i = from; i < to; i++) {
        bool fresh = true;
        for (uint32_t k = from; k < i && fresh; k++)
            fresh = text->ids[k] != text->ids[i];
        if (text->ids[i] && fresh && !try_anchor(&w, text->ids[i], NULL, seen, ctx))
            return;
        fresh = true;
        for (uint32_t k = from; k < i && fresh; k++)
            fresh = text->stems[k] != text->stems[i];
        if (text->stems[i] && fresh && !try_anchor(&w, text->stems[i], NULL, seen, ctx))
            return;
    }
}

struct str pattern_captured(const struct pattern_match *match, const struct words *words, const char *name)
{
    for (uint32_t i = 0; i < match->capture_count; i++)
        if (str_eq(match->captures[i].name, str_c(name))) {
            uint32_t from = words->at[match->captures[i].from].from;
            uint32_t to = words->at[match->captures[i].to - 1].to;
            return str_sub(words->source, from, to > from ? to - from : 0);
        }
    return STR_NONE;
}
