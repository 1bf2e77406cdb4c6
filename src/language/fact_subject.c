/*
 * Statements whose subject says what they tell: "my sister's birthday is ...", "call me Ana", a bare "Ana."
 * after the name was asked for.
 */
#include "language/facts_read.h"

/* "favourite.ice cream", in the normal form of the words. */
static struct str favourite_of(struct extraction *x, const struct predicate *p, const struct words *w,
                               size_t from, size_t to)
{
    struct str key = arena_printf(x->arena, "%.*s%sfavourite.", STR_ARG(p->subject), p->subject.n ? "." : "");
    for (size_t i = from; i < to; i++)
        key = arena_printf(x->arena, "%.*s%s%.*s", STR_ARG(key), i > from ? " " : "", STR_ARG(w->at[i].norm));
    return key;
}

/* "my name is X", "my sister's birthday is X", "my favourite colour is X". */
static void read_attribute(struct extraction *x, struct predicate *p, size_t from, size_t verb,
                           enum fact_kind kind)
{
    const struct words *w = p->w;
    size_t value = verb + 1, to = w->count;
    while (value < to &&
           word_among(w->at[value].norm, " now actually really just still on called definitely probably in "))
        value++;
    if (kind == FACT_NAME) {
        fact_emit_name(x, p, value);
        return;
    }
    fact_trim_tail(w, value, &to);
    bool negated = word_is(w, value, "not");
    struct person_fact *fact = fact_emit(x, p, kind, words_span(w, value + negated, to));
    fact->negated = negated;
    fact->past = word_is(w, verb, "was");
    if (kind == FACT_FAVOURITE) {
        fact->relation = favourite_of(x, p, w, from + 1, verb);
    }
}

/* "brothers", "uncles", "dogs" */
static bool is_several(struct str norm)
{
    if (norm.n < 4 || norm.p[norm.n - 1] != 's')
        return false;
    struct str one = str_sub(norm, 0, norm.n - 1);
    return word_in_set("relative", one) || word_in_set("pet", one);
}

void fact_read_possessed(struct extraction *x, struct predicate *p, size_t from)
{
    const struct words *w = p->w;
    size_t end = subject_end(w, from);
    enum fact_kind own = attribute_kind(w, from, end);
    if (own != FACT_OTHER && end < w->count && word_among(w->at[end].norm, " is are was will ")) {
        bool job_talk =
            own == FACT_JOB && !word_among(w->at[end + 1 < w->count ? end + 1 : end].norm, " a an to as ") &&
            !(end + 1 < w->count && pattern_in(fact_tables()->patterns, "occupation", w->at[end + 1].norm));
        if (!job_talk) {
            read_attribute(x, p, from, end, own);
            return;
        }
    }
    p->subject = subject_canonical(x->arena, w, from, end);
    p->said_as = words_span(w, from, end);
    x->third = p->subject;
    x->third_as = p->said_as;
    p->from = end;
    if (end < w->count && word_is(w, end, "'s")) {
        size_t verb = end + 1;
        while (verb < w->count && verb < end + 5 && !word_among(w->at[verb].norm, " is are was "))
            verb++;
        enum fact_kind kind = attribute_kind(w, end + 1, verb);
        if (verb < w->count && verb < end + 5 && kind != FACT_OTHER) {
            read_attribute(x, p, end + 1, verb, kind);
            return;
        }
        fact_emit(x, p, FACT_OTHER, words_span(w, end + 1, w->count));
        return;
    }
    bool kin = word_in_set("relative", w->at[end - 1].norm) || word_in_set("pet", w->at[end - 1].norm);
    bool small =
        kin && end + 1 < w->count && !w->at[end].after && !word_is_stop(w->at[end].norm) &&
        !word_in_set("verb", w->at[end].norm) && !word_in_set("feeling", w->at[end].norm) &&
        !word_in_set("filler", w->at[end].norm) && !word_in_set("adjective", w->at[end].norm) &&
        !word_in_set("occupation", w->at[end].norm) && w->at[end].from != w->at[end - 1].from &&
        word_among(w->at[end + 1].norm, " is was has lives works loves likes hates plays 's who died ");
    bool many = is_several(w->at[end - 1].norm) && word_is(w, end, "are");
    if (many && end + 1 < w->count && w->at[end + 1].capital && looks_like_name(&w->at[end + 1])) {
        size_t at = end + 1; /* "my brothers are Arun and Vikram" */
        while (at < w->count && w->at[at].capital && looks_like_name(&w->at[at])) {
            size_t stop = fact_name_end(w, at);
            if (stop <= at)
                break;
            fact_emit(x, p, FACT_NAME, words_span(w, at, stop));
            at = stop + (stop < w->count && word_is(w, stop, "and"));
        }
        return;
    }
    if (end < w->count && ((looks_like_name(&w->at[end]) && w->at[end].capital) || small)) {
        size_t to = small ? end + 1 : fact_name_end(w, end);
        fact_emit(x, p, FACT_NAME, words_span(w, end, to));
        p->from = to;
    }
    while (p->from + 1 < w->count &&
           word_among(w->at[p->from].norm, " still now just also really currently always usually actually "))
        p->from++;
    fact_read_predicate(x, p);
}

/* Clauses whose subject is neither I nor mine, but that name somebody: true if one was read. */
bool fact_read_naming(struct extraction *x, struct predicate *p)
{
    const struct words *w = p->w;
    size_t n = w->count;
    if (word_is(w, 0, "call") && word_is(w, 1, "me")) {
        fact_emit_name(x, p, 2);
        return true;
    }
    if (n > 3 && word_among(w->at[0].norm, " people friends everyone they everybody ") &&
        word_among(w->at[1].norm, " call calls ") && word_is(w, 2, "me")) {
        fact_emit_name(x, p, 3);
        return true;
    }
    if ((word_is(w, 0, "name") && word_is(w, 1, "is")) ||
        (word_is(w, 0, "the") && word_is(w, 1, "name") &&
         word_among(n > 2 ? w->at[2].norm : STR_NONE, " is 's "))) {
        fact_emit_name(x, p, word_is(w, 0, "the") ? 3 : 2);
        return true;
    }
    if (n > 6 && word_is(w, 0, "the") && word_is(w, 1, "name") && word_is(w, 2, "of") &&
        word_is(w, 3, "my")) {
        size_t end = subject_end(w, 4);
        p->subject = subject_canonical(x->arena, w, 4, end);
        p->said_as = words_span(w, 4, end);
        fact_emit_name(x, p, end + 1);
        return true;
    }
    if (n >= 2 && n <= 4 && word_is(w, n - 1, "here") && looks_like_name(&w->at[0])) {
        fact_emit_name(x, p, 0);
        return true;
    }
    if (word_is(w, 0, "this") && word_is(w, 1, "is") && n <= 5 && n > 2 && w->at[2].capital &&
        looks_like_name(&w->at[2])) {
        fact_emit_name(x, p, 2);
        return true;
    }
    size_t to = word_is_stop(w->at[0].norm) ? 0 : fact_name_end(w, 0);
    if (to > 0 && to + 2 < n && word_among(w->at[to].norm, " is are ") && word_is(w, to + 1, "my")) {
        struct str name = words_span(w, 0, to);
        size_t end = subject_end(w, to + 2);
        enum fact_kind kind = attribute_kind(w, to + 2, end);
        if (kind != FACT_OTHER) {
            struct person_fact *fact = fact_emit(x, p, kind, name);
            if (kind == FACT_FAVOURITE)
                fact->relation = favourite_of(x, p, w, to + 3, end);
            return true;
        }
        p->subject = subject_canonical(x->arena, w, to + 2, end);
        p->said_as = words_span(w, to + 2, end);
        x->third = p->subject;
        x->third_as = p->said_as;
        fact_emit(x, p, FACT_NAME, name);
        return true;
    }
    return false;
}

static bool asked_for_name(struct str asked)
{
    return str_find(asked, STR("your name")) != SIZE_MAX || str_find(asked, STR("call you")) != SIZE_MAX ||
           str_find(asked, STR("are you called")) != SIZE_MAX ||
           str_find(asked, STR("Who are you")) != SIZE_MAX;
}

/* Whether a bare word can be the name that was asked for: surely if it is a known one; else only if the name
 * was the last thing asked, and the word is no greeting, filler, feeling or trade. */
static bool may_be_the_answer(struct extraction *x, const struct words *w, size_t i)
{
    const struct fact_tables *t = fact_tables();
    struct str norm = w->at[i].norm;
    if (!asked_for_name(x->asked))
        return false;
    if (map_get(&t->names, norm))
        return true;
    size_t marks = 0;
    for (size_t k = 0; k < x->asked.n; k++)
        marks += x->asked.p[k] == '?';
    return marks == 1 && !word_is_stop(norm) && !pattern_in(t->patterns, "filler", norm) &&
           !pattern_in(t->patterns, "feeling", norm) && !pattern_in(t->patterns, "occupation", norm) &&
           !word_among(norm, " morning evening afternoon greetings hiya yo sup bye goodbye maybe whatever "
                             "idk guess why nothing ");
}

/* "It's Ana", "Ana.", "No, Ana", "not Anna, Ana", "I meant Ana". */
bool fact_read_bare_name(struct extraction *x, struct predicate *p)
{
    const struct words *w = p->w;
    size_t from = 0, n = w->count;
    bool it_is = (word_is(w, 0, "it") || word_is(w, 0, "that")) && word_is(w, 1, "is");
    from = it_is ? 2 : 0;
    if (from + 1 < n && word_is(w, from, "not") && n - from <= 4 && w->at[from + 1].capital &&
        looks_like_name(&w->at[from + 1])) {
        fact_emit_name(x, p, from);
        return x->count > 0;
    }
    size_t to = from < n ? fact_name_end(w, from) : from;
    const struct person_fact *last = x->count ? &x->out[x->count - 1] : NULL;
    if (it_is && to > from && last && last->kind == FACT_NAME && last->negated) {
        p->subject = last->subject; /* "my name isn't Bob, it's Rob" */
        p->said_as = last->said_as;
        x->correction = true;
        fact_emit_name(x, p, from);
        return true;
    }
    bool corrected = it_is && to < n && word_is(w, to, "not");
    bool answer = from < n && may_be_the_answer(x, w, from) && (it_is || n <= 3) && from < n &&
                  (w->at[from].capital || looks_like_name(&w->at[from]) || n == 1);
    if (to == from || !(corrected || answer))
        return false;
    fact_emit_name(x, p, from);
    return true;
}
