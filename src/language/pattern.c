/*
 * Compiling patterns: see pattern.h for the language and pattern_impl.h for the compiled form.
 *
 * The text is read by recursive descent into sequences of elements; link() then gives each element its
 * successor, last first. Anchors are chosen at sealing, when it is known which words are rare.
 */
#include "language/pattern_impl.h"

#include <stdlib.h>

static uint32_t intern(struct pattern_set *set, struct map *map, struct str word)
{
    uint32_t id = (uint32_t)(uintptr_t)map_get(map, word);
    if (!id) {
        id = ++set->id_count;
        map_set(map, word, (void *)(uintptr_t)id);
    }
    return id;
}

struct pattern_set *pattern_set_new(void)
{
    return heap_alloc(sizeof(struct pattern_set));
}

void pattern_set_free(struct pattern_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->set_count; i++) {
        free(set->sets[i].ids);
        free(set->sets[i].phrases);
    }
    free(set->sets);
    free(set->patterns);
    free(set->postings);
    free(set->first);
    free(set->gate_first);
    free(set->gated);
    map_release(&set->vocabulary);
    map_release(&set->stems);
    arena_release(&set->arena);
    free(set);
}

static struct named_set *set_named(const struct pattern_set *set, struct str name)
{
    for (size_t i = 0; i < set->set_count; i++)
        if (str_eq(set->sets[i].name, name))
            return &set->sets[i];
    return NULL;
}

#define GROW(array, count, cap)                                                                              \
    do {                                                                                                     \
        if ((count) == (cap)) {                                                                              \
            (cap) = (cap) ? (cap)*2 : 8;                                                                     \
            (array) = heap_realloc((array), (cap) * sizeof *(array));                                        \
        }                                                                                                    \
    } while (0)

enum err pattern_define(struct pattern_set *set, struct str name, struct str entries, struct error *e)
{
    if (!name.n)
        return error_set(e, ERR_INVALID, "A set needs a name before its words.");
    struct named_set *named = set_named(set, name);
    if (!named) {
        GROW(set->sets, set->set_count, set->set_cap);
        named = &set->sets[set->set_count++];
        *named = (struct named_set){.name = arena_str(&set->arena, name)};
    }
    struct str entry;
    while (str_cut(&entries, ',', &entry)) {
        struct words w;
        words_of(&set->arena, arena_str(&set->arena, str_trim(entry)), &w);
        if (w.count == 1) {
            GROW(named->ids, named->count, named->cap);
            named->ids[named->count++] = intern(set, &set->vocabulary, w.at[0].norm);
        } else if (w.count > 1) {
            GROW(named->phrases, named->phrase_count, named->phrase_cap);
            named->phrases[named->phrase_count++] = w.source;
        }
    }
    return ERR_OK;
}

struct element {
    struct node node;
    struct sequence *alternatives; /* NODE_OR */
    size_t count;
};

struct sequence {
    struct element *at;
    size_t count, cap;
};

struct reader {
    struct pattern_set *set;
    struct str text;
    size_t at;
    unsigned depth, captures;
    uint32_t score;
    struct error *e;
    bool failed;
};

static struct element *push(struct reader *r, struct sequence *s, enum node_kind kind)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        struct element *grown = arena_array(&r->set->arena, struct element, cap);
        if (s->count)
            memcpy(grown, s->at, s->count * sizeof *grown);
        s->at = grown;
        s->cap = cap;
    }
    struct element *element = &s->at[s->count++];
    *element = (struct element){.node = {.kind = kind}};
    return element;
}

static void fail(struct reader *r, const char *what)
{
    if (!r->failed)
        error_set(r->e, ERR_INVALID, "%s at character %zu of the pattern.", what, r->at + 1);
    r->failed = true;
}

static void push_words(struct reader *r, struct sequence *s, struct str typed)
{
    struct words w;
    if (typed.n > 1 && typed.p[typed.n - 1] == '~') {
        words_of(&r->set->arena, str_sub(typed, 0, typed.n - 1), &w);
        if (w.count == 1) {
            struct element *element = push(r, s, NODE_STEM);
            element->node.id = intern(r->set, &r->set->stems, word_stem(w.at[0].norm));
            r->score += 2;
            return;
        }
    }
    words_of(&r->set->arena, typed, &w);
    if (!w.count)
        fail(r, "There is no word");
    for (size_t i = 0; i < w.count; i++) {
        struct element *element = push(r, s, NODE_WORD);
        element->node.id = intern(r->set, &r->set->vocabulary, w.at[i].norm);
        element->node.name = w.at[i].norm;
        r->score += word_is_stop(w.at[i].norm) ? 1 : 2;
    }
}

static void push_set(struct reader *r, struct sequence *s, struct str name)
{
    struct named_set *named = set_named(r->set, name);
    if (!named) {
        fail(r, "There is no set of that name");
        return;
    }
    r->score += 2;
    struct element *element = push(r, s, NODE_OR);
    element->count = named->phrase_count + 1;
    element->alternatives = arena_array(&r->set->arena, struct sequence, element->count);
    push(r, &element->alternatives[0], NODE_SET)->node.id = (uint32_t)(named - r->set->sets);
    uint32_t score = r->score;
    for (size_t i = 0; i < named->phrase_count; i++)
        push_words(r, &element->alternatives[i + 1], named->phrases[i]);
    r->score = score;
}

static void push_capture(struct reader *r, struct sequence *s, struct str inner)
{
    struct str name = STR_NONE, kind = inner;
    if (!str_cut(&kind, ':', &name) || !name.n) {
        fail(r, "A capture needs a name");
        return;
    }
    if (++r->captures > PATTERN_CAPTURES)
        fail(r, "There are more than four captures");
    struct element *element = push(r, s, NODE_CAPTURE);
    element->node.name = name;
    if (!kind.n)
        element->node.id = CAPTURE_ANY;
    else if (str_eq(kind, STR("word")))
        element->node.id = CAPTURE_WORD;
    else if (str_eq(kind, STR("number")))
        element->node.id = CAPTURE_NUMBER;
    else if (str_eq(kind, STR("name")))
        element->node.id = CAPTURE_NAME;
    else
        fail(r, "A capture's kind is word, number or name");
}

static void read_sequence(struct reader *r, struct sequence *s);

static void read_alternatives(struct reader *r, struct sequence *s, char close)
{
    struct sequence *all = arena_array(&r->set->arena, struct sequence, 64);
    size_t count = 0;
    uint32_t score = r->score;
    if (++r->depth > PATTERN_DEPTH)
        fail(r, "Brackets are nested too deeply");
    do {
        r->at++;
        if (count == 63)
            fail(r, "There are too many alternatives");
        if (r->failed)
            return;
        read_sequence(r, &all[count++]);
    } while (r->at < r->text.n && r->text.p[r->at] == '|');
    if (r->at >= r->text.n || r->text.p[r->at] != close)
        fail(r, close == ')' ? "A ( is not closed" : "A [ is not closed");
    r->at++;
    r->depth--;
    if (close == ']')
        count++; /* an empty alternative, tried last */
    r->score = score + (close == ')' ? 2 : 0);
    struct element *element = push(r, s, NODE_OR);
    element->alternatives = all;
    element->count = count;
}

static void read_one(struct reader *r, struct sequence *s, char c)
{
    size_t from = r->at;
    while (r->at < r->text.n && !strchr(" \t|()[]{}*^", r->text.p[r->at]))
        r->at++;
    struct str typed = str_sub(r->text, from, r->at - from);
    if (!typed.n) {
        r->at++;
        fail(r, "This character has no meaning here");
    } else if (str_eq(typed, STR("_"))) {
        push(r, s, NODE_ONE);
    } else if (str_eq(typed, STR("$"))) {
        push(r, s, NODE_FINISH);
        r->score++;
    } else if (c == '@') {
        push_set(r, s, str_from(typed, 1));
    } else {
        push_words(r, s, typed);
    }
}

static void read_sequence(struct reader *r, struct sequence *s)
{
    while (r->at < r->text.n && !r->failed) {
        char c = r->text.p[r->at];
        if (c == ' ' || c == '\t') {
            r->at++;
        } else if (c == '|' || c == ')' || c == ']') {
            return;
        } else if (c == '(' || c == '[') {
            read_alternatives(r, s, c == '(' ? ')' : ']');
        } else if (c == '*') {
            r->at++;
            push(r, s, NODE_ANY);
        } else if (c == '{') {
            size_t close = str_find_char(str_from(r->text, r->at), '}');
            if (close == SIZE_MAX) {
                fail(r, "A { is not closed");
                return;
            }
            push_capture(r, s, str_sub(r->text, r->at + 1, close - 1));
            r->at += close + 1;
        } else {
            read_one(r, s, c);
        }
    }
}

static struct node *link(struct reader *r, struct sequence *s, struct node *tail)
{
    for (size_t i = s->count; i-- > 0;) {
        struct element *element = &s->at[i];
        element->node.next = tail;
        if (element->node.kind == NODE_OR) {
            element->node.head_count = element->count;
            element->node.heads = arena_array(&r->set->arena, struct node *, element->count);
            for (size_t k = 0; k < element->count; k++)
                element->node.heads[k] = link(r, &element->alternatives[k], tail);
        }
        tail = &element->node;
    }
    return tail;
}

enum err pattern_add(struct pattern_set *set, struct str text, uint32_t tag, struct error *e)
{
    struct reader r = {.set = set, .text = arena_str(&set->arena, str_trim(text)), .score = 1, .e = e};
    struct sequence whole = {0};
    bool from_start = r.text.n && r.text.p[0] == '^';
    if (from_start)
        r.at = 1;
    read_sequence(&r, &whole);
    if (!r.failed && r.at < r.text.n)
        fail(&r, "A closing bracket has no opening one");
    if (!r.failed && !whole.count)
        fail(&r, "The pattern is empty");
    if (r.failed)
        return ERR_INVALID;
    struct node *end = arena_new(&set->arena, struct node);
    GROW(set->patterns, set->count, set->cap);
    set->patterns[set->count++] = (struct pattern){
        .head = link(&r, &whole, end), .tag = tag, .score = r.score + from_start, .from_start = from_start};
    return ERR_OK;
}

/* The rarest fixed word on the pattern's main path. */
static void choose_anchor(struct pattern_set *set, struct pattern *pattern)
{
    uint32_t best = UINT32_MAX;
    for (struct node *node = pattern->head; node->kind != NODE_END; node = node->next) {
        if (node->kind != NODE_WORD && node->kind != NODE_STEM)
            continue;
        if (set->uses[node->id] < best) {
            best = set->uses[node->id];
            pattern->anchor = node->id;
        }
    }
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void pattern_seal(struct pattern_set *set)
{
    set->uses = heap_alloc((set->id_count + 1) * sizeof *set->uses);
    set->first = heap_alloc((set->id_count + 2) * sizeof *set->first);
    set->postings = heap_alloc((set->count + 1) * sizeof *set->postings);
    for (size_t i = 0; i < set->set_count; i++)
        if (set->sets[i].count)
            qsort(set->sets[i].ids, set->sets[i].count, sizeof(uint32_t), by_id);
    for (size_t i = 0; i < set->count; i++)
        for (struct node *node = set->patterns[i].head; node->kind != NODE_END; node = node->next)
            if (node->kind == NODE_WORD || node->kind == NODE_STEM)
                set->uses[node->id]++;
    for (size_t i = 0; i < set->count; i++) {
        choose_anchor(set, &set->patterns[i]);
        set->first[set->patterns[i].anchor + 1]++;
    }
    for (uint32_t id = 0; id <= set->id_count; id++)
        set->first[id + 1] += set->first[id];
    uint32_t *next = heap_alloc((set->id_count + 1) * sizeof *next);
    memcpy(next, set->first, (set->id_count + 1) * sizeof *next);
    for (size_t i = 0; i < set->count; i++)
        set->postings[next[set->patterns[i].anchor]++] = (uint32_t)i;
    free(next);
    free(set->uses);
    set->uses = NULL;
    pattern_gates_seal(set);
}

bool pattern_in(const struct pattern_set *set, const char *name, struct str norm)
{
    const struct named_set *named = set_named(set, str_c(name));
    uint32_t id = (uint32_t)(uintptr_t)map_get(&set->vocabulary, norm);
    return named && id && named->count && bsearch(&id, named->ids, named->count, sizeof id, by_id);
}
