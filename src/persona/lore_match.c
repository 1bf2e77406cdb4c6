/* The automaton of plain keys, and what a find of one has to stand up to; see lore_match.h. */
#include "persona/lore_match.h"

#include "base/utf8.h"

#include <locale.h>
#include <stdlib.h>
#include <wctype.h>

/* ---- characters ---- */

/* The C library's Unicode tables, whatever the process's own locale is. */
static locale_t unicode(void)
{
    static _Atomic(locale_t) known;
    locale_t here = known;
    if (!here) {
        here = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        locale_t none = (locale_t)0;
        if (!here || !__atomic_compare_exchange_n((locale_t *)&known, &none, here, false, __ATOMIC_ACQ_REL,
                                                  __ATOMIC_ACQUIRE)) {
            if (here)
                freelocale(here);
            here = known;
        }
    }
    return here;
}

static uint32_t lower(uint32_t cp)
{
    locale_t l = unicode();
    return l ? (uint32_t)towlower_l((wint_t)cp, l) : cp;
}

static bool word_character(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z') || cp == '_';
    locale_t l = unicode();
    return l ? iswalnum_l((wint_t)cp, l) : true;
}

void lore_fold(char *to, struct str s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80) {
            to[i++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
            continue;
        }
        struct str rest = str_from(s, i);
        char small[4];
        uint32_t cp = utf8_next(&rest);
        size_t n = s.n - i - rest.n;
        size_t made = cp == 0xFFFD ? 0 : utf8_put(small, lower(cp));
        memmove(to + i, made == n ? small : s.p + i, n);
        i += n;
    }
}

static bool word_before(struct str s, size_t at)
{
    if (!at)
        return false;
    size_t from = at - 1;
    while (from && ((unsigned char)s.p[from] & 0xC0) == 0x80)
        from--;
    struct str rest = str_from(s, from);
    return word_character(utf8_next(&rest));
}

static bool word_at(struct str s, size_t at)
{
    struct str rest = str_from(s, at);
    return rest.n && word_character(utf8_next(&rest));
}

/* A boundary is asked for only where the key itself ends in a letter or digit: "C++" is one too. */
static bool stands_alone(struct str s, size_t from, size_t end)
{
    bool left = word_at(s, from) && word_before(s, from), right = word_before(s, end) && word_at(s, end);
    return !left && !right;
}

bool lore_key_stands(const struct lore_key *key, const struct lore_text *text, size_t end,
                     bool case_sensitive, bool whole_words)
{
    size_t from = end - key->text.n;
    if (case_sensitive && memcmp(text->plain.p + from, key->text.p, key->text.n) != 0)
        return false;
    return !whole_words || stands_alone(text->plain, from, end);
}

bool lore_plain_find(struct str key, const struct lore_text *text, bool case_sensitive, bool whole_words)
{
    struct str in = case_sensitive ? text->plain : text->folded;
    for (size_t from = 0; key.n && from + key.n <= in.n;) {
        size_t at = str_find(str_from(in, from), key);
        if (at == SIZE_MAX)
            return false;
        if (!whole_words || stands_alone(text->plain, from + at, from + at + key.n))
            return true;
        from += at + 1;
    }
    return false;
}

/* ---- the automaton ---- */

static uint32_t slot_of(const struct lore_automaton *m, uint32_t state, unsigned char byte)
{
    uint64_t key = ((uint64_t)state << 8 | byte) + 1;
    uint64_t h = key * 0x9E3779B97F4A7C15ull;
    uint32_t i = (uint32_t)(h >> 33) & m->mask;
    while (m->edges[i] && (m->edges[i] & 0xFFFFFFFFFFull) != key)
        i = (i + 1) & m->mask;
    return i;
}

/* A slot holds the edge's key in its lower 40 bits; where it leads is beside it. */
static uint32_t step(const struct lore_automaton *m, uint32_t state, unsigned char byte)
{
    if (!state)
        return m->root[byte];
    uint32_t i = slot_of(m, state, byte);
    return m->edges[i] ? (uint32_t)(m->edges[i] >> 40) : 0;
}

static void link_edge(struct lore_automaton *m, uint32_t state, unsigned char byte, uint32_t to)
{
    if (!state) {
        m->root[byte] = to;
        return;
    }
    uint32_t i = slot_of(m, state, byte);
    m->edges[i] = (((uint64_t)state << 8 | byte) + 1) | (uint64_t)to << 40;
}

/* Adds the key's folded text; returns its last state. */
static uint32_t add(struct lore_automaton *m, struct str folded, uint32_t *parent, unsigned char *byte)
{
    uint32_t state = 0;
    for (size_t i = 0; i < folded.n; i++) {
        unsigned char c = (unsigned char)folded.p[i];
        uint32_t next = step(m, state, c);
        if (!next) {
            next = m->states++;
            link_edge(m, state, c, next);
            parent[next] = state;
            byte[next] = c;
        }
        state = next;
    }
    return state;
}

/* Breadth first: a state's fall is its parent's fall, one byte further. */
static void link_falls(struct lore_automaton *m, const uint32_t *parent, const unsigned char *byte)
{
    uint32_t *order = heap_alloc(m->states * sizeof *order), *deep = heap_alloc(m->states * sizeof *deep);
    uint32_t *begin;
    uint32_t deepest = 0;
    for (uint32_t s = 1; s < m->states; s++) { /* a parent was made before its children */
        deep[s] = deep[parent[s]] + 1;
        if (deep[s] > deepest)
            deepest = deep[s];
    }
    begin = heap_alloc((deepest + 2) * sizeof *begin);
    for (uint32_t s = 1; s < m->states; s++)
        begin[deep[s] + 1]++;
    for (uint32_t d = 1; d <= deepest + 1; d++)
        begin[d] += begin[d - 1];
    for (uint32_t s = 1; s < m->states; s++)
        order[begin[deep[s]]++] = s;
    for (uint32_t i = 0; i + 1 < m->states; i++) {
        uint32_t s = order[i], fall = m->fail[parent[s]], to = 0;
        if (parent[s]) {
            while (!(to = step(m, fall, byte[s])) && fall)
                fall = m->fail[fall];
        }
        m->fail[s] = to;
        m->up[s] = m->out[to] ? to : m->up[to];
    }
    free(order);
    free(deep);
    free(begin);
}

void lore_automaton_build(struct lore_automaton *m, struct lore_key *keys, size_t count)
{
    enum { STATES_MAX = 1 << 24 };
    size_t bytes = 1;
    *m = (struct lore_automaton){.states = 1};
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].regex && !keys[i].dynamic)
            bytes += keys[i].text.n;
    }
    if (bytes > STATES_MAX)
        bytes = STATES_MAX;
    m->mask = 255;
    while (m->mask < 2 * bytes)
        m->mask = m->mask << 1 | 1;
    m->edges = heap_alloc(((size_t)m->mask + 1) * sizeof *m->edges);
    m->fail = heap_alloc(bytes * sizeof *m->fail);
    m->out = heap_alloc(bytes * sizeof *m->out);
    m->up = heap_alloc(bytes * sizeof *m->up);
    uint32_t *parent = heap_alloc(bytes * sizeof *parent);
    unsigned char *byte = heap_alloc(bytes);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].regex || keys[i].dynamic || !keys[i].text.n || m->states + keys[i].text.n > bytes)
            continue;
        char folded[LORE_KEY_MAX];
        lore_fold(folded, keys[i].text);
        uint32_t end = add(m, str_of(folded, keys[i].text.n), parent, byte);
        keys[i].next = m->out[end];
        m->out[end] = (uint32_t)i + 1;
    }
    link_falls(m, parent, byte);
    free(parent);
    free(byte);
}

void lore_automaton_release(struct lore_automaton *m)
{
    free(m->edges);
    free(m->fail);
    free(m->out);
    free(m->up);
    *m = (struct lore_automaton){0};
}

void lore_automaton_read(const struct lore_automaton *m, const struct lore_key *keys, struct str folded,
                         void (*found)(void *arg, uint32_t key, size_t end), void *arg)
{
    uint32_t state = 0;
    if (m->states <= 1)
        return;
    for (size_t i = 0; i < folded.n; i++) {
        unsigned char c = (unsigned char)folded.p[i];
        uint32_t to;
        while (!(to = step(m, state, c)) && state)
            state = m->fail[state];
        state = to;
        for (uint32_t s = m->out[state] ? state : m->up[state]; s; s = m->up[s]) {
            for (uint32_t k = m->out[s]; k; k = keys[k - 1].next)
                found(arg, k - 1, i + 1);
        }
    }
}
