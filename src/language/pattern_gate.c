/*
 * Gates: which patterns without a fixed word are worth trying on a text.
 *
 * Such a pattern (anchor 0) would be tried on every text at every place. Most have alternatives that all
 * begin with words or sets, as in "(love|like) @food": one of those words must be there. Sealing notes them
 * by word; a match then tries, in the same order as before, only the patterns one of whose words is in the
 * text, and those that have no gate. What is found is the same.
 */
#include "language/pattern_impl.h"

#include <stdlib.h>

struct gate {
    uint32_t *ids;
    size_t count, cap;
};

static void add_id(struct gate *gate, uint32_t id)
{
    if (gate->count == gate->cap) {
        gate->cap = gate->cap ? gate->cap * 2 : 32;
        gate->ids = heap_realloc(gate->ids, gate->cap * sizeof *gate->ids);
    }
    gate->ids[gate->count++] = id;
}

/* Adds the words that an alternative, followed by `rest`, can begin with; false if anything may begin it. */
static bool add_beginning(const struct pattern_set *set, const struct node *node, const struct node *rest,
                          struct gate *gate)
{
    if (node == rest) /* the empty alternative */
        return false;
    if (node->kind == NODE_WORD || node->kind == NODE_STEM) {
        add_id(gate, node->id);
        return true;
    }
    if (node->kind == NODE_SET) {
        for (size_t i = 0; i < set->sets[node->id].count; i++)
            add_id(gate, set->sets[node->id].ids[i]);
        return true;
    }
    if (node->kind != NODE_OR)
        return false;
    for (size_t i = 0; i < node->head_count; i++)
        if (!add_beginning(set, node->heads[i], node->next, gate))
            return false;
    return true;
}

/* The smallest gate on the pattern's main path; false: none. The caller frees its ids. */
static bool gate_of(const struct pattern_set *set, const struct pattern *pattern, struct gate *best)
{
    bool found = false;
    for (const struct node *node = pattern->head; node->kind != NODE_END; node = node->next) {
        struct gate gate = {0};
        bool good = node->kind == NODE_OR && add_beginning(set, node, node->next, &gate);
        if (good && (!found || gate.count < best->count)) {
            free(best->ids);
            *best = gate;
            found = true;
        } else {
            free(gate.ids);
        }
    }
    return found;
}

void pattern_gates_seal(struct pattern_set *set)
{
    size_t loose = set->first[1] < GATED_MAX ? set->first[1] : GATED_MAX;
    struct gate *gates = heap_alloc((loose + 1) * sizeof *gates);
    set->gate_first = heap_alloc((set->id_count + 2) * sizeof *set->gate_first);
    for (size_t i = 0; i < loose; i++) {
        if (!gate_of(set, &set->patterns[set->postings[i]], &gates[i]))
            set->ungated[i / 64] |= 1ull << i % 64;
        for (size_t k = 0; k < gates[i].count; k++)
            set->gate_first[gates[i].ids[k] + 1]++;
    }
    for (uint32_t id = 0; id <= set->id_count; id++)
        set->gate_first[id + 1] += set->gate_first[id];
    set->gated = heap_alloc((set->gate_first[set->id_count + 1] + 1) * sizeof *set->gated);
    uint32_t *next = heap_alloc((set->id_count + 2) * sizeof *next);
    memcpy(next, set->gate_first, (set->id_count + 2) * sizeof *next);
    for (size_t i = 0; i < loose; i++) {
        for (size_t k = 0; k < gates[i].count; k++)
            set->gated[next[gates[i].ids[k]]++] = (uint32_t)i;
        free(gates[i].ids);
    }
    free(next);
    free(gates);
}

static void open_by(const struct pattern_set *set, uint32_t id, uint64_t open[GATED_MAX / 64])
{
    for (uint32_t i = set->gate_first[id]; id && i < set->gate_first[id + 1]; i++)
        open[set->gated[i] / 64] |= 1ull << set->gated[i] % 64;
}

void pattern_gates_open(const struct pattern_set *set, const struct pattern_text *text, uint32_t from,
                        uint32_t to, uint64_t open[GATED_MAX / 64])
{
    memcpy(open, set->ungated, sizeof set->ungated);
    for (uint32_t i = from; i < to; i++) {
        open_by(set, text->ids[i], open);
        open_by(set, text->stems[i], open);
    }
}
