/*
 * Picking a line that was not said yet, and filling it in.
 *
 * Lines of the persona's own style come first, then those for everyone, each group from a place the seed
 * chooses. A line is passed over when its plain text, or what it becomes, stands in the transcript already,
 * or when a value it needs is not there.
 */
#include "engine/scripted_impl.h"

#include <stdlib.h>

uint64_t roll(struct making *m, uint64_t below)
{
    m->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = m->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below ? z % below : z;
}

void set_var(struct making *m, const char *name, struct str value)
{
    for (size_t i = 0; i < m->var_count; i++)
        if (strcmp(m->vars[i].name, name) == 0) {
            m->vars[i].value = value;
            return;
        }
    if (m->var_count < VARS_MAX)
        m->vars[m->var_count++] = (struct var){name, value};
}

struct str get_var(const struct making *m, const char *name)
{
    for (size_t i = 0; i < m->var_count; i++)
        if (strcmp(m->vars[i].name, name) == 0)
            return m->vars[i].value;
    return STR_NONE;
}

struct str reflected(struct making *m, struct str text)
{
    struct buf out = BUF_INIT;
    text_reflect(&m->arena, text, &out);
    struct str result = arena_str(&m->arena, buf_str(&out));
    buf_release(&out);
    return result;
}

bool was_said(const struct making *m, struct str text)
{
    return text.n && m->own.n >= text.n && memmem(m->own.p, m->own.n, text.p, text.n);
}

const struct rule *rule_named(const struct making *m, const char *name)
{
    size_t index = (size_t)map_get(&m->rules->by_name, str_c(name));
    return index ? &m->rules->rules[index - 1] : NULL;
}

static bool speaks_against(void *ctx, const struct pattern_match *match)
{
    (void)match;
    *(bool *)ctx = true;
    return false;
}

bool rule_fits(const struct making *m, const struct rule *rule)
{
    if ((rule->wanted & ~m->now) || (rule->unwanted & m->now))
        return false;
    if (rule->unless) {
        bool against = false;
        struct making *writable = (struct making *)m; /* the arena only */
        struct pattern_text text;
        pattern_prepare(&writable->arena, rule->unless, &m->words, &text);
        pattern_match(rule->unless, &text, 0, (uint32_t)m->words.count, speaks_against, &against);
        return !against;
    }
    return true;
}

/* The value of {key}: a variable; "x!" is the variable as typed. */
static bool fill(struct making *m, struct str key, struct buf *out)
{
    bool soft = str_starts(key, STR(", "));
    if (soft)
        key = str_from(key, 2);
    struct str value = STR_NONE;
    if (str_eq(key, STR("name")))
        value = person_name(m);
    else if (str_eq(key, STR("me")))
        value = m->in->persona.name;
    else
        for (size_t i = 0; i < m->var_count; i++)
            if (str_eq(str_c(m->vars[i].name), key))
                value = m->vars[i].value;
    if (!value.n)
        return soft;
    if (soft)
        buf_add(out, STR(", "));
    buf_add(out, value);
    return true;
}

/* One of the alternatives in [a|b|c]. */
static struct str alternative(struct making *m, struct str inside)
{
    size_t count = 1;
    struct str part = STR_NONE;
    for (size_t i = 0; i < inside.n; i++)
        count += inside.p[i] == '|';
    for (size_t pick = roll(m, count); str_cut(&inside, '|', &part) && pick; pick--)
        ;
    return part;
}

static bool expand(struct making *m, struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '{') {
            size_t close = str_find_char(str_from(text, i), '}');
            if (!fill(m, str_sub(text, i + 1, close - 1), out))
                return false;
            i += close;
        } else if (c == '[') {
            size_t close = str_find_char(str_from(text, i), ']');
            if (!expand(m, alternative(m, str_sub(text, i + 1, close - 1)), out))
                return false;
            i += close;
        } else {
            buf_add_char(out, c);
        }
    }
    return true;
}

/* Capital letters at sentence beginnings that a filled value left small, single spaces, no space before a
 * mark. */
static void tidy(struct buf *b)
{
    size_t to = 0;
    bool begin = true;
    for (size_t i = 0; i < b->n; i++) {
        char c = b->p[i];
        char last = to ? b->p[to - 1] : ' ';
        if (c == ' ' && (last == ' ' || i + 1 == b->n))
            continue;
        if (last == ' ' && to && strchr(",.!?;", c) && !(c == '.' && i + 1 < b->n && b->p[i + 1] == '.'))
            to--;
        if ((c == '.' || c == ',') && to && strchr(".!?", b->p[to - 1]) && !(c == '.' && b->p[to - 1] == '.'))
            continue;
        if (begin && c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        if (c != ' ' && c != '"' && c != '(')
            begin = false;
        b->p[to++] = c;
        if ((c == '!' || c == '?' || c == '.') && i + 1 < b->n && b->p[i + 1] == ' ' &&
            !(to > 2 && b->p[to - 2] == '.'))
            begin = true;
    }
    b->n = to;
}

/* How much of a line may stand in the transcript already. */
enum freshness { FRESH_WORDS, FRESH_RESULT, ANYTHING };

static bool try_line(struct making *m, const struct line *line, enum freshness freshness)
{
    enum { KEY_MIN = 14 };
    if (freshness == FRESH_WORDS && line->key.n >= KEY_MIN && was_said(m, line->key))
        return false;
    struct buf text = BUF_INIT;
    bool good = expand(m, line->text, &text);
    if (good) {
        tidy(&text);
        good = text.n > 0 && (freshness == ANYTHING || !was_said(m, buf_str(&text)));
    }
    if (good) {
        if (m->out->n)
            buf_add_char(m->out, ' ');
        buf_add(m->out, buf_str(&text));
    }
    buf_release(&text);
    return good;
}

static bool say_with(struct making *m, const struct rule *rule, enum line_kind kind, enum freshness freshness)
{
    size_t start = roll(m, rule->count);
    for (int own = 1; own >= 0; own--)
        for (size_t k = 0; k < rule->count; k++) {
            const struct line *line = &rule->lines[(start + k) % rule->count];
            bool fits = own ? (line->styles & m->style) != 0 : line->styles == 0;
            if (line->kind == kind && fits && try_line(m, line, freshness))
                return true;
        }
    return false;
}

bool say(struct making *m, const struct rule *rule, enum line_kind kind)
{
    if (!rule || !rule->count)
        return false;
    if (say_with(m, rule, kind, FRESH_WORDS))
        return true;
    return rule->again && (say_with(m, rule, kind, FRESH_RESULT) || say_with(m, rule, kind, ANYTHING));
}

bool say_named(struct making *m, const char *name)
{
    return say(m, rule_named(m, name), LINE_SAY);
}
