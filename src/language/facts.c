/*
 * Reading facts from one message: sentences -> clauses -> subject and predicate -> a kind and a value.
 *
 * Clauses are cut where a new subject begins ("I'm Ana | and my sister Eva is a nurse"), or where a verb
 * follows "and" with the subject left out ("| and work as a nurse": I is put in). "She" and "her" take the
 * last person named in the message. The predicate is matched with the lines of share/language/facts.txt; what
 * none of them knows is kept as FACT_OTHER with its clause, so that nothing told is out of reach of a later
 * question.
 */
#include "language/facts_impl.h"

struct extraction {
    struct arena *arena;
    struct str text, asked;
    struct person_fact *out;
    size_t count, max;
    struct str third, third_as; /* the last person or thing spoken of, canonical and as typed */
    struct str subject_text;    /* the last clause's subject as typed, for left-out subjects */
    bool correction;
};

static const char conjunctions[] = " and but so because since though although while plus as ";
static const char subjects[] = " i my we our he she they his her it its their there call people everyone ";
static const char left_out_verbs[] = " studied worked lived moved taught trained ";
static const char shared_verbs[] = " work live am have love like hate play study teach lives works loves "
                                   "likes hates plays studies has speak enjoy "
                                   "moved adopted want is do does don't can collect ";

static bool in_set(const char *set, struct str norm)
{
    return norm.n && pattern_in(fact_tables()->patterns, set, norm);
}

static bool is_filler(const struct words *w, size_t i)
{
    return pattern_in(fact_tables()->patterns, "filler", w->at[i].norm) &&
           !(word_is(w, i, "so") && w->at[i].capital && i > 0);
}

static bool has_verb(const struct words *w, size_t from)
{
    for (size_t i = from; i < w->count && i < from + 6; i++)
        if (word_is(w, i, "'s") || (pattern_in(fact_tables()->patterns, "verb", w->at[i].norm) &&
                                    !word_among(w->at[i].norm, " and or but at in from with to who which ")))
            return true;
    return false;
}

/* Whether a clause begins at word i (i > start). */
static bool clause_begins(const struct words *w, size_t start, size_t i)
{
    char mark = w->at[i - 1].after;
    size_t at = i;
    bool conjunction = false;
    while (at < w->count && (word_among(w->at[at].norm, conjunctions) || (at > i && is_filler(w, at)))) {
        conjunction = true;
        at++;
    }
    if (at >= w->count || at == start)
        return false;
    if (mark && word_is(w, at, "ill") && word_is(w, at + 1, "be"))
        return true;
    if (mark == ',' && word_is(w, at, "been"))
        return true;
    if (mark == ',' && word_among(w->at[at].norm, left_out_verbs) && start + 2 < at)
        return true; /* "I grew up in Accra, studied in Leeds" */
    if (conjunction && word_is(w, at, "these") && word_is(w, at + 1, "days") && at + 3 < w->count &&
        word_among(w->at[at + 2].norm, " i my we "))
        return true;
    if (conjunction && at > i + 1 && word_is(w, at, "the") && has_verb(w, at))
        return true; /* "and honestly the nights are hard" */
    if (!conjunction && mark && is_filler(w, i))
        while (at < w->count && is_filler(w, at))
            at++;
    if (at >= w->count)
        return false;
    if (mark && strchr(";:-(", mark) && (mark == ';' || has_verb(w, at)))
        return true;
    if (conjunction && word_among(w->at[i].norm, " and but ") && word_among(w->at[at].norm, shared_verbs))
        return !word_among(w->at[at].norm, " is love work like play study ") || mark == ',' ||
               (at + 1 < w->count &&
                word_among(w->at[at + 1].norm, " a an the in at as for with to my not "));
    if (!word_among(w->at[at].norm, subjects))
        return mark == ',' &&
               word_among(w->at[at].norm, " if what who where when how do does can could would will are ") &&
               !conjunction;
    bool pronoun = conjunction && at + 1 < w->count && word_among(w->at[at].norm, " i he she they we ") &&
                   !word_among(w->at[at + 1].norm, " and or ");
    pronoun |= mark == ',' && at + 1 < w->count && word_among(w->at[at].norm, " i it he she they we ");
    return (conjunction || mark) && (pronoun || has_verb(w, at));
}

static void trim_tail(const struct words *w, size_t from, size_t *to)
{
    const struct pattern_set *p = fact_tables()->patterns;
    for (;;) {
        size_t end = *to;
        if (end > from + 1 && pattern_in(p, "tail", w->at[end - 1].norm))
            *to = end - 1;
        else if (end > from + 2 && ((word_is(w, end - 2, "these") && word_is(w, end - 1, "days")) ||
                                    (word_is(w, end - 2, "right") && word_is(w, end - 1, "now")) ||
                                    (word_is(w, end - 2, "any") && word_is(w, end - 1, "more")) ||
                                    (word_is(w, end - 2, "as") && word_is(w, end - 1, "well")) ||
                                    (word_is(w, end - 2, "a") && word_is(w, end - 1, "lot"))))
            *to = end - 2;
        else if (end > from + 3 && (word_is(w, end - 3, "at") || word_is(w, end - 3, "by")) &&
                 word_is(w, end - 2, "the") && (word_is(w, end - 1, "moment") || word_is(w, end - 1, "way")))
            *to = end - 3;
        else if (end > from + 2 && word_is(w, end - 1, "much") &&
                 word_among(w->at[end - 2].norm, " very so that "))
            *to = end - 2;
        else
            return;
    }
}

/* Where a name that begins at `from` ends: up to three words, while they look like one. */
static size_t name_end(const struct words *w, size_t from)
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

struct predicate {
    const struct words *w;
    size_t from;        /* first word of the predicate */
    struct str subject; /* canonical */
    struct str said_as;
    struct str clause;
    uint32_t at, end; /* bytes of the clause in the text */
};

static struct person_fact *emit(struct extraction *x, const struct predicate *p, enum fact_kind kind,
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
static void emit_name(struct extraction *x, const struct predicate *p, size_t from)
{
    const struct words *w = p->w;
    bool negated = word_is(w, from, "not");
    size_t to = name_end(w, from + negated);
    struct str name = words_span(w, from + negated, to);
    if (!name.n)
        return;
    struct person_fact *fact = emit(x, p, FACT_NAME, name);
    fact->negated = negated;
    size_t next = to;
    while (next < w->count && word_among(w->at[next].norm, " and but it is instead of rather than "))
        next++;
    bool swapped = next < w->count && (word_is(w, next, "not") || (negated && next > to) ||
                                       (next >= to + 2 && word_among(w->at[next - 1].norm, " of than ")));
    if (!swapped)
        return;
    next += word_is(w, next, "not");
    struct str other = words_span(w, next, name_end(w, next));
    if (!other.n)
        return;
    if (negated) {
        struct person_fact *right = emit(x, p, FACT_NAME, other);
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
            size_t stop = name_end(w, name);
            if (stop == name || stop > to ||
                (more && !(w->at[name].capital && looks_like_name(&w->at[name]))))
                break;
            emit(x, &named, FACT_NAME, words_span(w, name, stop));
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
        emit(x, p, FACT_AGE, words_span(w, from, from + 1));
        from++;
    }
    from += negated;
    while (from < to && word_among(w->at[from].norm, " also still now just really actually currently only "))
        from++;
    trim_tail(w, from, &to);
    if (from >= to)
        return;
    if (!negated && p->subject.n && word_is(w, from, "in") && from + 1 < to && w->at[from + 1].capital) {
        emit(x, p, FACT_HOME, words_span(w, from + 1, to)); /* "my parents are in Swansea" */
        return;
    }
    bool article = word_among(w->at[from].norm, " a an the ");
    for (size_t i = from; article && i < to && i < from + 5; i++)
        if (pattern_in(sets, "occupation", w->at[i].norm) && !word_is(w, i + 1, "'s")) {
            emit(x, p, FACT_JOB, words_span(w, from, to))->negated = negated;
            return;
        }
    if (!negated && !article && looks_like_name(&w->at[from])) {
        size_t end = name_end(w, from);
        bool rest =
            end < to && !word_among(w->at[end].norm, " and from not by but the ") && !w->at[end - 1].after;
        if (end > from && !rest) {
            emit_name(x, p, from);
            return;
        }
    }
    if (negated && !article && w->at[from].capital && looks_like_name(&w->at[from])) {
        emit(x, p, FACT_NAME, words_span(w, from, name_end(w, from)))->negated = true;
        return;
    }
    bool feeling = !article && (pattern_in(sets, "feeling", w->at[from].norm) ||
                                (to - from > 1 && pattern_in(sets, "feeling", w->at[to - 1].norm)));
    emit(x, p, feeling && !p->subject.n ? FACT_FEELING : FACT_IS, words_span(w, from, to))->negated = negated;
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
        emit_name(x, p, from);
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
    trim_tail(w, from, &to);
    const struct pattern_set *sets = fact_tables()->patterns;
    bool ageless = line->kind == FACT_AGE && p->subject.n && !pattern_in(sets, "relative", p->subject) &&
                   !pattern_in(sets, "pet", p->subject); /* "my phone number is 5" */
    struct person_fact *fact = emit(x, p, ageless ? FACT_IS : line->kind, words_span(w, from, to));
    fact->negated = line->negated || begins_clause_of_event(w, from);
    fact->past = line->past;
}

static void read_predicate(struct extraction *x, const struct predicate *p)
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
        emit(x, p, FACT_OTHER, words_span(w, p->from, w->count))->negated =
            p->from + 1 < w->count && word_is(w, p->from + 1, "not");
}

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
        emit_name(x, p, value);
        return;
    }
    trim_tail(w, value, &to);
    bool negated = word_is(w, value, "not");
    struct person_fact *fact = emit(x, p, kind, words_span(w, value + negated, to));
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
    return in_set("relative", one) || in_set("pet", one);
}

static void read_possessed(struct extraction *x, struct predicate *p, size_t from)
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
        emit(x, p, FACT_OTHER, words_span(w, end + 1, w->count));
        return;
    }
    bool kin = in_set("relative", w->at[end - 1].norm) || in_set("pet", w->at[end - 1].norm);
    bool small =
        kin && end + 1 < w->count && !w->at[end].after && !word_is_stop(w->at[end].norm) &&
        !in_set("verb", w->at[end].norm) && !in_set("feeling", w->at[end].norm) &&
        !in_set("filler", w->at[end].norm) && !in_set("adjective", w->at[end].norm) &&
        !in_set("occupation", w->at[end].norm) && w->at[end].from != w->at[end - 1].from &&
        word_among(w->at[end + 1].norm, " is was has lives works loves likes hates plays 's who died ");
    bool many = is_several(w->at[end - 1].norm) && word_is(w, end, "are");
    if (many && end + 1 < w->count && w->at[end + 1].capital && looks_like_name(&w->at[end + 1])) {
        size_t at = end + 1; /* "my brothers are Arun and Vikram" */
        while (at < w->count && w->at[at].capital && looks_like_name(&w->at[at])) {
            size_t stop = name_end(w, at);
            if (stop <= at)
                break;
            emit(x, p, FACT_NAME, words_span(w, at, stop));
            at = stop + (stop < w->count && word_is(w, stop, "and"));
        }
        return;
    }
    if (end < w->count && ((looks_like_name(&w->at[end]) && w->at[end].capital) || small)) {
        size_t to = small ? end + 1 : name_end(w, end);
        emit(x, p, FACT_NAME, words_span(w, end, to));
        p->from = to;
    }
    while (p->from + 1 < w->count &&
           word_among(w->at[p->from].norm, " still now just also really currently always usually actually "))
        p->from++;
    read_predicate(x, p);
}

/* Clauses whose subject is neither I nor mine, but that name somebody: true if one was read. */
static bool read_naming(struct extraction *x, struct predicate *p)
{
    const struct words *w = p->w;
    size_t n = w->count;
    if (word_is(w, 0, "call") && word_is(w, 1, "me")) {
        emit_name(x, p, 2);
        return true;
    }
    if (n > 3 && word_among(w->at[0].norm, " people friends everyone they everybody ") &&
        word_among(w->at[1].norm, " call calls ") && word_is(w, 2, "me")) {
        emit_name(x, p, 3);
        return true;
    }
    if ((word_is(w, 0, "name") && word_is(w, 1, "is")) ||
        (word_is(w, 0, "the") && word_is(w, 1, "name") &&
         word_among(n > 2 ? w->at[2].norm : STR_NONE, " is 's "))) {
        emit_name(x, p, word_is(w, 0, "the") ? 3 : 2);
        return true;
    }
    if (n > 6 && word_is(w, 0, "the") && word_is(w, 1, "name") && word_is(w, 2, "of") &&
        word_is(w, 3, "my")) {
        size_t end = subject_end(w, 4);
        p->subject = subject_canonical(x->arena, w, 4, end);
        p->said_as = words_span(w, 4, end);
        emit_name(x, p, end + 1);
        return true;
    }
    if (n >= 2 && n <= 4 && word_is(w, n - 1, "here") && looks_like_name(&w->at[0])) {
        emit_name(x, p, 0);
        return true;
    }
    if (word_is(w, 0, "this") && word_is(w, 1, "is") && n <= 5 && n > 2 && w->at[2].capital &&
        looks_like_name(&w->at[2])) {
        emit_name(x, p, 2);
        return true;
    }
    size_t to = word_is_stop(w->at[0].norm) ? 0 : name_end(w, 0);
    if (to > 0 && to + 2 < n && word_among(w->at[to].norm, " is are ") && word_is(w, to + 1, "my")) {
        struct str name = words_span(w, 0, to);
        size_t end = subject_end(w, to + 2);
        enum fact_kind kind = attribute_kind(w, to + 2, end);
        if (kind != FACT_OTHER) {
            struct person_fact *fact = emit(x, p, kind, name);
            if (kind == FACT_FAVOURITE)
                fact->relation = favourite_of(x, p, w, to + 3, end);
            return true;
        }
        p->subject = subject_canonical(x->arena, w, to + 2, end);
        p->said_as = words_span(w, to + 2, end);
        x->third = p->subject;
        x->third_as = p->said_as;
        emit(x, p, FACT_NAME, name);
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
static bool read_bare_name(struct extraction *x, struct predicate *p)
{
    const struct words *w = p->w;
    size_t from = 0, n = w->count;
    bool it_is = (word_is(w, 0, "it") || word_is(w, 0, "that")) && word_is(w, 1, "is");
    from = it_is ? 2 : 0;
    if (from + 1 < n && word_is(w, from, "not") && n - from <= 4 && w->at[from + 1].capital &&
        looks_like_name(&w->at[from + 1])) {
        emit_name(x, p, from);
        return x->count > 0;
    }
    size_t to = from < n ? name_end(w, from) : from;
    const struct person_fact *last = x->count ? &x->out[x->count - 1] : NULL;
    if (it_is && to > from && last && last->kind == FACT_NAME && last->negated) {
        p->subject = last->subject; /* "my name isn't Bob, it's Rob" */
        p->said_as = last->said_as;
        x->correction = true;
        emit_name(x, p, from);
        return true;
    }
    bool corrected = it_is && to < n && word_is(w, to, "not");
    bool answer = from < n && may_be_the_answer(x, w, from) && (it_is || n <= 3) && from < n &&
                  (w->at[from].capital || looks_like_name(&w->at[from]) || n == 1);
    if (to == from || !(corrected || answer))
        return false;
    emit_name(x, p, from);
    return true;
}

/* "she is a nurse" -> "my sister is a nurse"; empty when nobody is meant. */
static struct str put_subject(struct extraction *x, const struct words *w)
{
    static const char female[] =
        " mother sister daughter wife girlfriend aunt grandmother niece stepmother godmother ";
    static const char male[] =
        " father brother son husband boyfriend uncle grandfather nephew stepfather godfather ";
    bool owner = word_among(w->at[0].norm, " his her its their ");
    if (!x->third.n || (word_among(w->at[0].norm, " he his ") && word_among(x->third, female)) ||
        (word_among(w->at[0].norm, " she her ") && word_among(x->third, male)) ||
        (word_among(w->at[0].norm, " it its ") &&
         (word_among(x->third, female) || word_among(x->third, male))))
        return STR_NONE;
    struct str rest = str_from(w->source, w->at[0].to);
    bool opened = w->count > 1 && w->at[1].from == w->at[0].from; /* she's */
    const char *verb = !opened                              ? ""
                       : str_eq(w->at[1].norm, STR("is"))   ? " is"
                       : str_eq(w->at[1].norm, STR("will")) ? " will"
                                                            : " has";
    return arena_printf(x->arena, "my %.*s%s%s%.*s", STR_ARG(x->third_as), owner ? "'s" : "", verb,
                        STR_ARG(rest));
}

static void read_clause(struct extraction *x, struct str clause, uint32_t at);

static void read_subject(struct extraction *x, struct words *w, struct str clause, uint32_t at)
{
    struct predicate p = {.w = w, .clause = clause, .at = at, .end = at + (uint32_t)clause.n};
    if (word_is(w, 0, "i") || word_is(w, 0, "we")) {
        size_t from = 1;
        while (from < w->count && (word_among(w->at[from].norm, " both all do am ") || is_filler(w, from)) &&
               !(word_is(w, from, "am")) && !(word_is(w, from, "do") && word_is(w, from + 1, "not")) &&
               !word_is(w, from, "like"))
            from++;
        p.from = from;
        x->subject_text = STR("I");
        /* "I'm also allergic": the filler behind the verb is left out for matching. */
        if (from + 1 < w->count && word_among(w->at[from].norm, " am have do ") && is_filler(w, from + 1) &&
            !word_among(w->at[from + 1].norm, " no like well so sorry okay ok sure right correct first "))
            memmove(&w->at[from + 1], &w->at[from + 2], (--w->count - from - 1) * sizeof *w->at);
        read_predicate(x, &p);
    } else if ((word_is(w, 0, "my") || word_is(w, 0, "our")) && w->count > 2) {
        size_t end = subject_end(w, 1);
        x->subject_text = words_span(w, 0, end);
        read_possessed(x, &p, 1);
    } else if (!read_naming(x, &p) && !read_bare_name(x, &p) && w->count > 1 &&
               word_among(w->at[0].norm, " he she they it his her its their ")) {
        struct str whole = put_subject(x, w);
        if (whole.n)
            read_clause(x, whole, at);
    }
}

/* Words before the statement itself: "well, I think that ...", "did I mention ...". Returns how many. */
static size_t lead_in(struct extraction *x, const struct words *w)
{
    size_t i = 0;
    for (;;) {
        size_t before = i;
        while (i < w->count && is_filler(w, i)) {
            if (word_among(w->at[i].norm, " actually correction sorry no nope wait "))
                x->correction = true;
            i++;
        }
        bool speaker = word_is(w, i, "i") || word_is(w, i, "you");
        if (speaker && i + 2 < w->count &&
            word_among(w->at[i + 1].norm, " think guess believe know suppose meant mean mentioned ") &&
            (word_among(w->at[i + 2].norm, " i my that our ") || (word_is(w, i + 1, "meant")))) {
            x->correction |= word_is(w, i + 1, "meant");
            i += 2;
        }
        if (word_is(w, i, "i") && word_is(w, i + 1, "told") && word_is(w, i + 2, "you"))
            i += 3;
        if (word_is(w, i, "you") && word_is(w, i + 1, "should") && word_is(w, i + 2, "know"))
            i += 3;
        if (word_is(w, i, "remember") && i + 1 < w->count && word_among(w->at[i + 1].norm, " that my i "))
            i++;
        if (word_is(w, i, "these") && word_is(w, i + 1, "days"))
            i += 2;
        if (word_is(w, i, "to") && word_is(w, i + 1, "be") && i + 2 < w->count)
            i += 3;
        if (word_is(w, i, "that") && i + 1 < w->count && word_among(w->at[i + 1].norm, " i my our we "))
            i++;
        if (i == before)
            return i;
    }
}

/* "mums name is", "my dads a plumber": the apostrophe that was not typed. */
static struct str with_apostrophe(struct extraction *x, const struct words *w)
{
    for (size_t k = 1; k < 4 && k + 1 < w->count && word_among(w->at[0].norm, " my our "); k++) {
        struct str norm = w->at[k].norm, one = str_sub(norm, 0, norm.n - 1);
        if (norm.n < 3 || norm.p[norm.n - 1] != 's' || !(in_set("relative", one) || in_set("pet", one)))
            continue;
        struct str next = w->at[k + 1].norm;
        bool owns = word_among(next, " name birthday age job favourite hobby "),
             is = word_among(next, " a an called named from in not really dead married ");
        if (!owns && !is)
            continue;
        struct str s = w->source;
        uint32_t cut = w->at[k].to - 1;
        return arena_printf(x->arena, "%.*s%s%.*s", (int)cut, s.p, owns ? "'s" : " is",
                            STR_ARG(str_from(s, w->at[k].to)));
    }
    return STR_NONE;
}

/* "got a sister", "ill be 28", "allergic to nuts": I is put in. */
static struct str with_speaker(struct extraction *x, const struct words *w)
{
    struct str rest = w->source, first = w->at[0].norm, next = w->count > 1 ? w->at[1].norm : STR_NONE;
    if (w->count < 3)
        return STR_NONE;
    if (str_eq(first, STR("ill")) && word_among(next, " be turn have "))
        return arena_printf(x->arena, "I'll%.*s", STR_ARG(str_from(rest, w->at[0].to)));
    if (str_eq(first, STR("id")) && word_among(next, " love like "))
        return arena_printf(x->arena, "I'd%.*s", STR_ARG(str_from(rest, w->at[0].to)));
    bool state = (word_among(first, " allergic scared afraid terrified married engaged ") &&
                  word_among(next, " to of ")) ||
                 (str_eq(first, STR("born")) && word_among(next, " in on near and ")) ||
                 (str_eq(first, STR("working")) && word_among(next, " as at in for nights ")) ||
                 (str_eq(first, STR("living")) && word_among(next, " in near at "));
    bool act = (str_eq(first, STR("got")) && word_among(next, " a an two three four my another no ")) ||
               (str_eq(first, STR("moved")) && word_among(next, " to from here ")) ||
               (str_eq(first, STR("grew")) && str_eq(next, STR("up"))) ||
               (str_eq(first, STR("live")) && word_among(next, " in near at with ")) ||
               (str_eq(first, STR("work")) && word_among(next, " as at in for nights "));
    if (!state && !act)
        return STR_NONE;
    return arena_printf(x->arena, "%s%.*s", state ? "I am " : "I ", STR_ARG(rest));
}

/* "my friends call me Sasha" */
static bool read_called(struct extraction *x, const struct words *w, struct str clause, uint32_t at)
{
    struct predicate p = {.w = w, .clause = clause, .at = at, .end = at + (uint32_t)clause.n};
    for (size_t i = 1; i + 2 < w->count && i < 5; i++) {
        const struct word *name = &w->at[i + 2];
        bool others = word_among(w->at[i - 1].norm,
                                 " friends mates everyone everybody people family colleagues folks ");
        bool last = i + 3 >= w->count || (i + 4 >= w->count && in_set("tail", w->at[i + 3].norm));
        if (!others || !word_among(w->at[i].norm, " call calls ") || !word_is(w, i + 1, "me") ||
            word_is_stop(name->norm) || !(name->capital || looks_like_name(name) || last))
            continue;
        if (name->capital || looks_like_name(name))
            emit_name(x, &p, i + 2);
        else
            emit(x, &p, FACT_NAME, words_span(w, i + 2, i + 3));
        return true;
    }
    return false;
}

static void emit_other_names(struct extraction *x, const struct words *w, struct str clause, uint32_t at);

static void read_clause(struct extraction *x, struct str clause, uint32_t at)
{
    struct words w;
    words_of(x->arena, clause, &w);
    struct str changed = w.count ? with_apostrophe(x, &w) : STR_NONE;
    if (!changed.n && w.count)
        changed = with_speaker(x, &w);
    if (changed.n) {
        clause = changed;
        words_of(x->arena, clause, &w);
    }
    size_t skip = lead_in(x, &w);
    if (skip >= w.count) {
        skip = 0;
        if (!w.count || w.count > 3)
            return;
    }
    if (skip) {
        uint32_t cut = w.at[skip].from;
        if (w.at[skip - 1].from == cut)
            return; /* the filler is half of a contraction */
        clause = str_from(clause, cut);
        at += cut;
        words_of(x->arena, clause, &w);
    }
    while (clause.n && strchr(".!?,;:- )\"", clause.p[clause.n - 1]))
        clause.n--;
    if (!w.count || w.at[0].quoted)
        return;
    if (read_called(x, &w, clause, at))
        return;
    read_subject(x, &w, clause, at);
    emit_other_names(x, &w, clause, at);
}

/* Names that stand beside a relation anywhere in the clause: "with my husband Derek", "two dogs, Poppy and
 * Fern", "a little sister zosia who's 14". */
static void emit_other_names(struct extraction *x, const struct words *w, struct str clause, uint32_t at)
{
    const struct fact_tables *t = fact_tables();
    bool own = word_among(w->at[0].norm, " i we ");
    for (size_t i = 1; i + 1 < w->count; i++) {
        struct str norm = w->at[i].norm;
        size_t next = i + 1;
        bool comma = w->at[i].after == ',' || w->at[i].after == ':';
        if (!(in_set("relative", norm) || in_set("pet", norm)) || (w->at[i].after && !comma) ||
            (!own && !(word_among(w->at[i - 1].norm, " my our ") ||
                       (i > 1 && word_among(w->at[i - 2].norm, " my our ")))) ||
            !(word_among(w->at[i - 1].norm, " my our a an ") || in_set("adjective", w->at[i - 1].norm)))
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
            size_t to = pair ? next + 1 : name_end(w, next);
            struct str name = words_span(w, next, to > next ? to : next + 1);
            bool known = false;
            for (size_t j = 0; j < x->count; j++)
                known |= x->out[j].kind == FACT_NAME && str_ieq(x->out[j].value, name);
            if (!known && name.n)
                emit(x, &p, FACT_NAME, name);
            next = to > next ? to : next + 1;
            if (word_is(w, next, "who") && word_is(w, next + 1, "is") && next + 2 < w->count &&
                w->at[next + 2].norm.p[0] >= '0' && w->at[next + 2].norm.p[0] <= '9')
                emit(x, &p, FACT_AGE, words_span(w, next + 2, next + 3));
            bool more =
                several && next < w->count && (w->at[next - 1].after == ',' || word_is(w, next, "and"));
            next += more && word_is(w, next, "and");
            if (!more || next >= w->count ||
                !(pair || (w->at[next].capital && looks_like_name(&w->at[next]))))
                break;
        }
    }
}

static bool unreal(const struct words *w, size_t from, size_t to)
{
    static const char marks[] =
        " if wish imagine suppose pretend hypothetically unless wonder dreamt dreamed lie lying ";
    for (size_t i = from; i < to; i++)
        if (word_among(w->at[i].norm, marks))
            return true;
    return false;
}

static void read_sentence(struct extraction *x, struct str sentence, uint32_t at)
{
    struct words w;
    words_of(x->arena, sentence, &w);
    if (!w.count)
        return;
    bool asks_at_end = w.at[w.count - 1].after == '?', asking = false;
    for (size_t start = 0; start < w.count && !asking;) {
        size_t end = start + 1;
        while (end < w.count && !clause_begins(&w, start, end))
            end++;
        struct words part = {w.source, w.at + start, end - start};
        struct str clause = str_sub(sentence, w.at[start].from, w.at[end - 1].to - w.at[start].from);
        asking = sentence_asks(&part) || (asks_at_end && end == w.count);
        if (unreal(&w, start, end)) {
            size_t mark = start;
            while (!unreal(&w, mark, mark + 1))
                mark++;
            if (mark <= start + 3)
                return; /* "if I had ...", "I wish I had ...": all that follows is as unreal */
            clause = str_sub(sentence, w.at[start].from, w.at[mark - 1].to - w.at[start].from);
        }
        uint32_t offset = at + w.at[start].from;
        if (start && x->subject_text.n && word_among(w.at[start].norm, " and but ") && start + 1 < end &&
            word_among(w.at[start + 1].norm, shared_verbs)) {
            struct str rest =
                str_sub(sentence, w.at[start + 1].from, w.at[end - 1].to - w.at[start + 1].from);
            clause = arena_printf(x->arena, "%.*s %.*s", STR_ARG(x->subject_text), STR_ARG(rest));
        }
        if (start && x->subject_text.n && word_among(w.at[start].norm, left_out_verbs))
            clause = arena_printf(x->arena, "%.*s %.*s", STR_ARG(x->subject_text), STR_ARG(clause));
        if (!asking && !w.at[start].quoted)
            read_clause(x, clause, offset);
        start = end;
    }
}

bool sentence_is_unreal(struct arena *a, struct str sentence)
{
    struct words w;
    words_of(a, sentence, &w);
    return unreal(&w, 0, w.count);
}

bool message_taken_back(struct str text)
{
    static const char *const signs[] = {"just kidding", "Just kidding",   "only kidding",
                                        "only joking",  "just joking",    "Just joking",
                                        "jk",           "not really lol", "/s"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        struct str sign = str_c(signs[i]);
        size_t at = str_find(text, sign);
        bool word = at != SIZE_MAX && (at == 0 || strchr(" ,.!\n", text.p[at - 1])) &&
                    (at + sign.n == text.n || strchr(" ,.!\n;)", text.p[at + sign.n]));
        if (word)
            return true;
    }
    return false;
}

size_t person_facts_extract(struct arena *a, struct str text, struct str asked, struct person_fact *out,
                            size_t max)
{
    struct extraction x = {.arena = a, .text = text, .asked = asked, .out = out, .max = max};
    struct str rest = str_sub(text, 0, WORDS_BYTES_MAX), sentence;
    if (message_taken_back(rest))
        return 0;
    while (x.count < max && sentence_next(&rest, &sentence)) {
        x.correction = false;
        read_sentence(&x, sentence, (uint32_t)(sentence.p - text.p));
    }
    return x.count;
}
