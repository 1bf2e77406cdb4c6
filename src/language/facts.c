/*
 * Reading facts from one message: sentences -> clauses -> subject and predicate -> a kind and a value.
 *
 * Clauses are cut (fact_clause.c) where a new subject begins ("I'm Ana | and my sister Eva is a nurse"), or
 * where a verb follows "and" with the subject left out ("| and work as a nurse": I is put in). "She" and
 * "her" take the last person named in the message. Subjects are read in fact_subject.c, predicates in
 * fact_emit.c; what no line of the table knows is kept as FACT_OTHER with its clause, so that nothing told is
 * out of reach of a later question.
 */
#include "language/facts_read.h"

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
        while (from < w->count &&
               (word_among(w->at[from].norm, " both all do am ") || word_is_filler(w, from)) &&
               !(word_is(w, from, "am")) && !(word_is(w, from, "do") && word_is(w, from + 1, "not")) &&
               !word_is(w, from, "like"))
            from++;
        p.from = from;
        x->subject_text = STR("I");
        /* "I'm also allergic": the filler behind the verb is left out for matching. */
        if (from + 1 < w->count && word_among(w->at[from].norm, " am have do ") &&
            word_is_filler(w, from + 1) &&
            !word_among(w->at[from + 1].norm, " no like well so sorry okay ok sure right correct first "))
            memmove(&w->at[from + 1], &w->at[from + 2], (--w->count - from - 1) * sizeof *w->at);
        fact_read_predicate(x, &p);
    } else if ((word_is(w, 0, "my") || word_is(w, 0, "our")) && w->count > 2) {
        size_t end = subject_end(w, 1);
        x->subject_text = words_span(w, 0, end);
        fact_read_possessed(x, &p, 1);
    } else if (!fact_read_naming(x, &p) && !fact_read_bare_name(x, &p) && w->count > 1 &&
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
        while (i < w->count && word_is_filler(w, i)) {
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
        if (norm.n < 3 || norm.p[norm.n - 1] != 's' ||
            !(word_in_set("relative", one) || word_in_set("pet", one)))
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
        bool last = i + 3 >= w->count || (i + 4 >= w->count && word_in_set("tail", w->at[i + 3].norm));
        if (!others || !word_among(w->at[i].norm, " call calls ") || !word_is(w, i + 1, "me") ||
            word_is_stop(name->norm) || !(name->capital || looks_like_name(name) || last))
            continue;
        if (name->capital || looks_like_name(name))
            fact_emit_name(x, &p, i + 2);
        else
            fact_emit(x, &p, FACT_NAME, words_span(w, i + 2, i + 3));
        return true;
    }
    return false;
}

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
    fact_emit_other_names(x, &w, clause, at);
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
            clause_verb_is_shared(w.at[start + 1].norm)) {
            struct str rest =
                str_sub(sentence, w.at[start + 1].from, w.at[end - 1].to - w.at[start + 1].from);
            clause = arena_printf(x->arena, "%.*s %.*s", STR_ARG(x->subject_text), STR_ARG(rest));
        }
        if (start && x->subject_text.n && clause_verb_is_left_out(w.at[start].norm))
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
