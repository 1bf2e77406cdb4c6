/*
 * Where one statement ends and the next begins, for reading facts: conjunctions, marks, verbs whose subject
 * was left out; and what may be cut off a statement's end ("these days", "as well").
 */
#include "language/facts_read.h"

static const char conjunctions[] = " and but so because since though although while plus as ";
static const char subjects[] = " i my we our he she they his her it its their there call people everyone ";
static const char left_out_verbs[] = " studied worked lived moved taught trained ";
static const char shared_verbs[] = " work live am have love like hate play study teach lives works loves "
                                   "likes hates plays studies has speak enjoy "
                                   "moved adopted want is do does don't can collect ";

bool clause_verb_is_left_out(struct str norm)
{
    return word_among(norm, left_out_verbs);
}

bool clause_verb_is_shared(struct str norm)
{
    return word_among(norm, shared_verbs);
}

bool word_in_set(const char *set, struct str norm)
{
    return norm.n && pattern_in(fact_tables()->patterns, set, norm);
}

bool word_is_filler(const struct words *w, size_t i)
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
bool clause_begins(const struct words *w, size_t start, size_t i)
{
    char mark = w->at[i - 1].after;
    size_t at = i;
    bool conjunction = false;
    while (at < w->count && (word_among(w->at[at].norm, conjunctions) || (at > i && word_is_filler(w, at)))) {
        conjunction = true;
        at++;
    }
    if (at >= w->count || at == start)
        return false;
    if (mark && word_is(w, at, "ill") && word_is(w, at + 1, "be"))
        return true;
    if (mark == ',' && word_is(w, at, "been"))
        return true;
    if (mark == ',' && clause_verb_is_left_out(w->at[at].norm) && start + 2 < at)
        return true; /* "I grew up in Accra, studied in Leeds" */
    if (conjunction && word_is(w, at, "these") && word_is(w, at + 1, "days") && at + 3 < w->count &&
        word_among(w->at[at + 2].norm, " i my we "))
        return true;
    if (conjunction && at > i + 1 && word_is(w, at, "the") && has_verb(w, at))
        return true; /* "and honestly the nights are hard" */
    if (!conjunction && mark && word_is_filler(w, i))
        while (at < w->count && word_is_filler(w, at))
            at++;
    if (at >= w->count)
        return false;
    if (mark && strchr(";:-(", mark) && (mark == ';' || has_verb(w, at)))
        return true;
    if (conjunction && word_among(w->at[i].norm, " and but ") && clause_verb_is_shared(w->at[at].norm))
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

void fact_trim_tail(const struct words *w, size_t from, size_t *to)
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
