/*
 * From a matched predicate to facts: names, ages, homes, trades, feelings, what one has and how it is called.
 *
 * The predicate is matched with the lines of share/language/facts.txt. It does not decide whose predicate it
 * is.
 */
#include "language/facts_read.h"

/* Where a name that begins at `from` ends: up to three words, while they look like one. */
size_t fact_name_end(const struct words *w, size_t from)
{
    static const char particles[] = " van von de da del della di bin al el la le o' dos der ter ";
    size_t to = from;
    while (to < w->count && to < from + 4) {
        const struct word *word = &w->at[to];
        bool begins = to == from, capital = w->at[from].capital;
        if (begins
                ? word_is_stop(word->norm) && !word->capital
                : (capital ? !word->capital && !word_among(word->norm, particles) : !looks_like_name(word)))
            break;
        to++;
        if (word->after && word->after != '-' && !(word->after == '.' && word->to - word->from <= 2))
            break;
    }
    while (to > from + 1 && word_among(w->at[to - 1].norm, particles))
        to--;
    return to;
}

struct person_fact *fact_emit(struct extraction *x, const struct predicate *p, enum fact_kind kind,
                              struct str value)
{
    static struct person_fact nowhere;
    if (x->count == x->max)
        return &nowhere;
    struct str relation = str_c(fact_kind_name(kind));
    if (p->subject.n)
        relation = arena_printf(x->arena, "%.*s.%.*s", STR_ARG(p->subject), STR_ARG(relation));
    struct person_fact *fact = &x->out[x->count++];
    *fact = (struct person_fact){.kind = kind,
                                 .subject = p->subject,
                                 .said_as = p->said_as,
                                 .relation = relation,
                                 .value = value,
                                 .clause = p->clause,
                                 .correction = x->correction,
                                 .from = p->at,
                                 .to = p->end};
    return fact;
}

/* "Ana, not Anna" and "not Anna but Ana". */
void fact_emit_name(struct extraction *x, const struct predicate *p, size_t from)
{
    const struct words *w = p->w;
    bool negated = word_is(w, from, "not");
    size_t to = fact_name_end(w, from + negated);
    struct str name = words_span(w, from + negated, to);
    if (!name.n)
        return;
    struct person_fact *fact = fact_emit(x, p, FACT_NAME, name);
    fact->negated = negated;
    size_t next = to;
    while (next < w->count && word_among(w->at[next].norm, " and but it is instead of rather than "))
        next++;
    bool swapped = next < w->count && (word_is(w, next, "not") || (negated && next > to) ||
                                       (next >= to + 2 && word_among(w->at[next - 1].norm, " of than ")));
    if (!swapped)
        return;
    next += word_is(w, next, "not");
    struct str other = words_span(w, next, fact_name_end(w, next));
    if (!other.n)
        return;
    if (negated) {
        struct person_fact *right = fact_emit(x, p, FACT_NAME, other);
        right->instead = name;
        right->correction = true;
    } else {
        fact->instead = other;
        fact->correction = true;
    }
}

/* Where the thing that is named at word i begins and ends: "a small dog [called]", "two cats, [Tom]". */
static void named_noun(const struct words *w, size_t from, size_t i, bool who_is, size_t *first, size_t *end)
{
    *end = i - (who_is ? 1 : 0);
    if (*end > from && word_among(w->at[*end - 1].norm, " is who that are which "))
        (*end)--;
    *first = *end;
    while (*first > from && !word_among(w->at[*first - 1].norm, " and a an the my have has got of with ") &&
           (*first == *end || w->at[*first - 1].after != ','))
        (*first)--;
    while (*first < *end && (word_is_stop(w->at[*first].norm) || word_is(w, *first, "one")))
        (*first)++;
}

/* "... called Rex", "..., whose name is Rex", "two cats, Tom and Jerry": names for what one has. */
static void emit_named_things(struct extraction *x, const struct predicate *p, size_t from, size_t to)
{
    const struct words *w = p->w;
    for (size_t i = from + 1; i < to; i++) {
        bool called = word_among(w->at[i].norm, " called named ");
        bool who_is = word_is(w, i, "name") && word_among(w->at[i - 1].norm, " whose his her its ") &&
                      word_is(w, i + 1, "is");
        bool comma = (w->at[i - 1].after == ',' || w->at[i - 1].after == ':') && w->at[i].capital &&
                     looks_like_name(&w->at[i]);
        if (!called && !who_is && !comma)
            continue;
        struct predicate named = *p;
        size_t first, end, name = i + (who_is ? 2 : called ? 1 : 0);
        named_noun(w, from, i, who_is, &first, &end);
        named.subject = subject_canonical(x->arena, w, first, end);
        named.said_as = words_span(w, first, end);
        if (!named.subject.n)
            continue;
        for (bool more = false; name < to;) {
            size_t stop = fact_name_end(w, name);
            if (stop == name || stop > to ||
                (more && !(w->at[name].capital && looks_like_name(&w->at[name]))))
                break;
            fact_emit(x, &named, FACT_NAME, words_span(w, name, stop));
            i = stop - 1;
            more = w->at[stop - 1].after == ',' || (stop < to && word_is(w, stop, "and"));
            name = stop + (stop < to && word_is(w, stop, "and"));
            if (!more)
                break;
        }
        x->third = named.subject;
        x->third_as = named.said_as;
    }
}

/* "I am ...", where no line of the table knew it. */
static void emit_being(struct extraction *x, const struct predicate *p, size_t from)
{
    const struct pattern_set *sets = fact_tables()->patterns;
    const struct words *w = p->w;
    size_t to = w->count;
    bool negated = word_is(w, from, "not");
    if (from + 2 < to && w->at[from].norm.p[0] >= '0' && w->at[from].norm.p[0] <= '9' &&
        w->at[from].after == ',') { /* "I'm 67, a retired teacher" */
        fact_emit(x, p, FACT_AGE, words_span(w, from, from + 1));
        from++;
    }
    from += negated;
    while (from < to && word_among(w->at[from].norm, " also still now just really actually currently only "))
        from++;
    fact_trim_tail(w, from, &to);
    if (from >= to)
        return;
    if (!negated && p->subject.n && word_is(w, from, "in") && from + 1 < to && w->at[from + 1].capital) {
        fact_emit(x, p, FACT_HOME, words_span(w, from + 1, to)); /* "my parents are in Swansea" */
        return;
    }
    bool article = word_among(w->at[from].norm, " a an the ");
    for (size_t i = from; article && i < to && i < from + 5; i++)
        if (pattern_in(sets, "occupation", w->at[i].norm) && !word_is(w, i + 1, "'s")) {
            fact_emit(x, p, FACT_JOB, words_span(w, from, to))->negated = negated;
            return;
        }
    if (!negated && !article && looks_like_name(&w->at[from])) {
        size_t end = fact_name_end(w, from);
        bool rest =
            end < to && !word_among(w->at[end].norm, " and from not by but the ") && !w->at[end - 1].after;
        if (end > from && !rest) {
            fact_emit_name(x, p, from);
            return;
        }
    }
    if (negated && !article && w->at[from].capital && looks_like_name(&w->at[from])) {
        fact_emit(x, p, FACT_NAME, words_span(w, from, fact_name_end(w, from)))->negated = true;
        return;
    }
    bool feeling = !article && (pattern_in(sets, "feeling", w->at[from].norm) ||
                                (to - from > 1 && pattern_in(sets, "feeling", w->at[to - 1].norm)));
    fact_emit(x, p, feeling && !p->subject.n ? FACT_FEELING : FACT_IS, words_span(w, from, to))->negated =
        negated;
}

struct best {
    struct pattern_match match;
    bool found;
};

static bool keep_first(void *ctx, const struct pattern_match *match)
{
    struct best *best = ctx;
    if (!best->found || match->tag < best->match.tag)
        best->match = *match;
    best->found = true;
    return true;
}

static bool begins_clause_of_event(const struct words *w, size_t from)
{
    return from < w->count && word_among(w->at[from].norm, " no any never ");
}

/* "I have a dog. His name is ...": what one has is who is spoken of next. */
static void speak_of(struct extraction *x, const struct words *w, size_t from, size_t to)
{
    const struct pattern_set *p = fact_tables()->patterns;
    for (size_t i = from; i < to && i < from + 6; i++)
        if (pattern_in(p, "relative", w->at[i].norm) || pattern_in(p, "pet", w->at[i].norm)) {
            x->third = subject_canonical(x->arena, w, i, i + 1);
            x->third_as = words_span(w, i, i + 1);
            return;
        }
}

static void emit_matched(struct extraction *x, const struct predicate *p, const struct pattern_match *match)
{
    const struct words *w = p->w;
    const struct fact_line *line = &fact_tables()->lines[match->tag];
    size_t from = match->capture_count ? match->captures[0].from : p->from + (w->count > p->from + 1 ? 1 : 0);
    size_t to = match->capture_count ? match->captures[0].to : w->count;
    if (line->kind == FACT_NAME) {
        fact_emit_name(x, p, from);
        return;
    }
    if (line->kind == FACT_HAVE && !line->negated && !p->subject.n) {
        speak_of(x, w, from, to);
        emit_named_things(x, p, from, w->count);
    }
    for (size_t i = from; line->kind == FACT_HOME && i < to; i++)
        if (word_is(w, i, "not") ||
            word_among(w->at[i].norm, " with for since because where when last two three ago "))
            to = i > from ? i : to;
    for (size_t i = from + 1; line->kind == FACT_HOME && i + 1 < to; i++)
        if (word_is(w, i, "in") && w->at[i + 1].norm.p[0] >= '0' && w->at[i + 1].norm.p[0] <= '9')
            to = i; /* "Leeds in 2019" */
    fact_trim_tail(w, from, &to);
    const struct pattern_set *sets = fact_tables()->patterns;
    bool ageless = line->kind == FACT_AGE && p->subject.n && !pattern_in(sets, "relative", p->subject) &&
                   !pattern_in(sets, "pet", p->subject); /* "my phone number is 5" */
    struct person_fact *fact = fact_emit(x, p, ageless ? FACT_IS : line->kind, words_span(w, from, to));
    fact->negated = line->negated || begins_clause_of_event(w, from);
    fact->past = line->past;
}

void fact_read_predicate(struct extraction *x, const struct predicate *p)
{
    const struct words *w = p->w;
    struct pattern_text text;
    struct best best = {.found = false};
    if (p->from >= w->count)
        return;
    pattern_prepare(x->arena, fact_tables()->patterns, w, &text);
    pattern_match(fact_tables()->patterns, &text, (uint32_t)p->from, (uint32_t)w->count, keep_first, &best);
    bool been = word_among(w->at[p->from].norm, " have has ") && word_is(w, p->from + 1, "been");
    if (been && best.found && fact_tables()->lines[best.match.tag].kind == FACT_HAVE)
        emit_being(x, p, p->from + 2);
    else if (best.found)
        emit_matched(x, p, &best.match);
    else if (word_among(w->at[p->from].norm, " am is are "))
        emit_being(x, p, p->from + 1);
    else if (word_among(w->at[p->from].norm, " have has ") && word_is(w, p->from + 1, "been"))
        emit_being(x, p, p->from + 2);
    else
        fact_emit(x, p, FACT_OTHER, words_span(w, p->from, w->count))->negated =
            p->from + 1 < w->count && word_is(w, p->from + 1, "not");
}

/* Names that stand beside a relation anywhere in the clause: "with my husband Derek", "two dogs, Poppy and
 * Fern", "a little sister zosia who's 14". */
void fact_emit_other_names(struct extraction *x, const struct words *w, struct str clause, uint32_t at)
{
    const struct fact_tables *t = fact_tables();
    bool own = word_among(w->at[0].norm, " i we ");
    for (size_t i = 1; i + 1 < w->count; i++) {
        struct str norm = w->at[i].norm;
        size_t next = i + 1;
        bool comma = w->at[i].after == ',' || w->at[i].after == ':';
        if (!(word_in_set("relative", norm) || word_in_set("pet", norm)) || (w->at[i].after && !comma) ||
            (!own && !(word_among(w->at[i - 1].norm, " my our ") ||
                       (i > 1 && word_among(w->at[i - 2].norm, " my our ")))) ||
            !(word_among(w->at[i - 1].norm, " my our a an ") || word_in_set("adjective", w->at[i - 1].norm)))
            continue;
        bool plural = norm.p[norm.n - 1] == 's', several = plural && comma;
        bool named = w->at[next].capital || map_get(&t->names, w->at[next].norm) ||
                     (next + 1 < w->count && word_is(w, next + 1, "who") && !word_is_stop(w->at[next].norm));
        bool pair = several && next + 2 < w->count && word_is(w, next + 1, "and") &&
                    !word_is_stop(w->at[next].norm) && next + 3 >= w->count;
        if (!(named && looks_like_name(&w->at[next])) && !pair && !(named && !w->at[next].capital && !comma))
            continue;
        if (w->at[next].capital && !looks_like_name(&w->at[next]))
            continue;
        struct predicate p = {.w = w, .clause = clause, .at = at, .end = at + (uint32_t)clause.n};
        p.subject = subject_canonical(x->arena, w, i, i + 1);
        p.said_as = words_span(w, i, i + 1);
        for (int k = 0; k < 4 && next < w->count; k++) {
            size_t to = pair ? next + 1 : fact_name_end(w, next);
            struct str name = words_span(w, next, to > next ? to : next + 1);
            bool known = false;
            for (size_t j = 0; j < x->count; j++)
                known |= x->out[j].kind == FACT_NAME && str_ieq(x->out[j].value, name);
            if (!known && name.n)
                fact_emit(x, &p, FACT_NAME, name);
            next = to > next ? to : next + 1;
            if (word_is(w, next, "who") && word_is(w, next + 1, "is") && next + 2 < w->count &&
                w->at[next + 2].norm.p[0] >= '0' && w->at[next + 2].norm.p[0] <= '9')
                fact_emit(x, &p, FACT_AGE, words_span(w, next + 2, next + 3));
            bool more =
                several && next < w->count && (w->at[next - 1].after == ',' || word_is(w, next, "and"));
            next += more && word_is(w, next, "and");
            if (!more || next >= w->count ||
                !(pair || (w->at[next].capital && looks_like_name(&w->at[next]))))
                break;
        }
    }
}
