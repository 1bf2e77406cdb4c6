/*
 * What the two halves of patterns share: the compiled form. pattern.c builds it, pattern_match.c walks it.
 *
 * A pattern is a graph of nodes: each points to what must follow it, so that alternatives simply end where
 * the common rest begins. The last node of every path is END.
 */
#ifndef EIDOLON_LANGUAGE_PATTERN_IMPL_H
#define EIDOLON_LANGUAGE_PATTERN_IMPL_H

#include "base/map.h"
#include "language/pattern.h"

enum node_kind {
    NODE_END,
    NODE_WORD,
    NODE_STEM,
    NODE_SET,
    NODE_ONE,
    NODE_ANY,
    NODE_OR,
    NODE_CAPTURE,
    NODE_FINISH
};
enum capture_kind { CAPTURE_ANY, CAPTURE_WORD, CAPTURE_NUMBER, CAPTURE_NAME };

struct node {
    enum node_kind kind;
    uint32_t id; /* of the word, stem or set; for a capture its kind */
    struct str name;
    struct node *next;
    struct node **heads; /* NODE_OR */
    size_t head_count;
};

struct named_set {
    struct str name;
    uint32_t *ids; /* single words, sorted once sealed */
    size_t count, cap;
    struct str *phrases; /* entries of several words */
    size_t phrase_count, phrase_cap;
};

struct pattern {
    struct node *head;
    uint32_t tag, score;
    bool from_start;
    uint32_t anchor; /* an id that must be present; 0: any */
    bool anchor_is_stem;
};

enum { GATED_MAX = 2048 }; /* patterns without an anchor beyond these are always tried */

struct pattern_set {
    struct arena arena;
    struct map vocabulary, stems; /* word -> id + 1 as a pointer */
    uint32_t id_count;            /* ids of words and stems, from 1 */
    struct named_set *sets;
    size_t set_count, set_cap;
    struct pattern *patterns;
    size_t count, cap;
    uint32_t *postings, *first; /* patterns by anchor id: postings[first[id] .. first[id + 1]) */
    uint32_t *uses;             /* how many patterns name a word: the rarest anchors best */
    size_t use_cap;
    /* pattern_gate.c, of the patterns without an anchor, by their place in postings */
    uint32_t *gate_first, *gated; /* by id of a word or stem: gated[gate_first[id] .. gate_first[id + 1]) */
    uint64_t ungated[GATED_MAX / 64];
};

/* pattern_gate.c: at sealing, once postings are made; and the places in postings worth trying on a text. */
void pattern_gates_seal(struct pattern_set *set);
void pattern_gates_open(const struct pattern_set *set, const struct pattern_text *text, uint32_t from,
                        uint32_t to, uint64_t open[GATED_MAX / 64]);

#endif
