/*
 * Answering "what did I tell you?" from the person's own turns.
 *
 * A question selects facts of a kind about a subject (scripted_told.c). What is found is said; what is not
 * found is said to be unknown. Nothing else is ever claimed.
 */
#include "engine/scripted_impl.h"

#include <stdlib.h>

/* What was asked for, to follow "you haven't told me". */
static struct str thing_of(struct making *m, const struct person_question *q)
{
    struct arena *a = &m->arena;
    if (q->subject.n) {
        struct str s = q->said_as.n ? q->said_as : q->subject;
        switch (q->kind) {
        case FACT_NAME:
            return arena_printf(a, "your %.*s's name", STR_ARG(s));
        case FACT_AGE:
            return arena_printf(a, "how old your %.*s is", STR_ARG(s));
        case FACT_HOME:
            return arena_printf(a, "where your %.*s %s", STR_ARG(s), s.p[s.n - 1] == 's' ? "live" : "lives");
        case FACT_BIRTHDAY:
            return arena_printf(a, "when your %.*s was born", STR_ARG(s));
        case FACT_JOB:
            return arena_printf(a, "what your %.*s does", STR_ARG(s));
        case FACT_EMPLOYER:
            return arena_printf(a, "where your %.*s works", STR_ARG(s));
        default:
            return q->about.n ? STR("that") : arena_printf(a, "anything about your %.*s", STR_ARG(s));
        }
    }
    switch (q->kind) {
    case FACT_NAME:
        return STR("your name");
    case FACT_AGE:
        return STR("how old you are");
    case FACT_BIRTHDAY:
        return STR("when your birthday is");
    case FACT_PRONOUNS:
        return STR("your pronouns");
    case FACT_HOME:
        return STR("where you live");
    case FACT_ORIGIN:
        return STR("where you come from");
    case FACT_JOB:
        return STR("what you do for a living");
    case FACT_EMPLOYER:
        return STR("where you work");
    case FACT_STUDY:
        return STR("what you study");
    case FACT_STATUS:
        return STR("whether there's somebody in your life");
    case FACT_FAVOURITE:
        return q->about.n ? arena_printf(a, "your favourite %.*s", STR_ARG(q->about))
                          : STR("your favourites");
    case FACT_LIKE:
    case FACT_DISLIKE:
        return q->yes_no && q->about.n ? arena_printf(a, "what you think of %.*s", STR_ARG(q->about))
               : q->kind == FACT_LIKE  ? STR("what you like")
                                       : STR("what you can't stand");
    case FACT_FEAR:
        return STR("what you're afraid of");
    case FACT_ALLERGY:
        return STR("whether you have any allergies");
    case FACT_DIET:
        return STR("what you eat and don't eat");
    case FACT_LANGUAGE:
        return STR("which languages you speak");
    case FACT_HOBBY:
        return STR("that");
    case FACT_HAVE:
        if (q->about.n)
            return arena_printf(a, "anything about %s%.*s",
                                q->about.p[q->about.n - 1] == 's' || str_find_char(q->about, ' ') != SIZE_MAX
                                    ? ""
                                : strchr("aeiou", q->about.p[0]) ? "an "
                                                                 : "a ",
                                STR_ARG(q->about));
        return STR("what you have");
    case FACT_PLAN:
        return STR("what you have planned");
    default:
        return STR("that");
    }
}

/* "did I tell you about my trip to Japan?": "anything about your trip to Japan". */
static struct str topic_of(struct making *m, const struct person_question *q)
{
    enum { LONGEST = 60 };
    struct str topic = reflected(m, q->topic);
    if (q->surely && topic.n && topic.n < LONGEST && !strpbrk(arena_cstr(&m->arena, topic), "{}[]|\n"))
        return str_starts(topic, STR("I ")) || str_starts(topic, STR("you ")) ||
                       str_starts(topic, STR("what"))
                   ? STR("that")
                   : arena_printf(&m->arena, "anything about %.*s", STR_ARG(topic));
    return thing_of(m, q);
}

static bool say_none(struct making *m, const struct person_question *q)
{
    if (q->surely ? say_quote_of_all(m, q) : say_quote(m, q))
        return true;
    set_var(m, "thing", topic_of(m, q));
    return say_named(m, "memory-none");
}

/* For kinds that are asked for without a word of their own. */
static bool say_none_plain(struct making *m, const struct person_question *q)
{
    set_var(m, "thing", thing_of(m, q));
    return say_named(m, "memory-none");
}

static bool say_fact(struct making *m, struct str fact)
{
    set_var(m, "fact", fact);
    return say_named(m, "memory-fact");
}

static bool say_denied(struct making *m, const struct person_fact *fact)
{
    set_var(m, "fact", reflected(m, fact->clause));
    return say_named(m, "memory-denied");
}

/* Something is known of the subject, but not what was asked. */
static bool say_partly(struct making *m, const struct person_question *q, const struct found *f)
{
    set_var(m, "thing", thing_of(m, q));
    set_var(m, "fact", told_clauses(m, f, 2));
    return say_named(m, q->kind == FACT_OTHER ? "memory-only" : "memory-partly");
}

static bool answer_name(struct making *m)
{
    struct found f = {.count = 0};
    told_find_kind(m, FACT_NAME, STR_NONE, &f);
    set_var(m, "value", person_name(m));
    if (f.count) {
        set_var(m, "value", f.at[f.count - 1]->value);
        if (get_var(m, "value").p[0] >= 'a' && get_var(m, "value").p[0] <= 'z')
            set_var(m, "value", person_name(m));
        return say_named(m, "memory-name");
    }
    if (m->in->user_name.n)
        return say_named(m, "memory-name-profile");
    struct person_question q = {.kind = FACT_NAME};
    return say_none_plain(m, &q);
}

/* All that was said of a subject, whatever the kind; also "I have a dog" for "dog". */
static void find_subject(struct making *m, struct str subject, struct found *f)
{
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool own = told_same_subject(subject, fact->subject);
        bool had = !fact->subject.n && told_mentions(m, fact->clause, subject);
        if (!own && !had)
            continue;
        if (fact->kind == FACT_HAVE && fact->negated)
            f->denied = fact;
        else if (fact->past && f->count < sizeof f->at / sizeof *f->at)
            f->at[f->count++] = fact;
        else
            told_add_found(f, fact);
    }
}

/* How the person calls it, without the plural of a forgotten apostrophe ("my dogs name"). */
static struct str singular(const struct person_question *q)
{
    bool plural = q->said_as.p[q->said_as.n - 1] == 's' && q->subject.p[q->subject.n - 1] != 's';
    return plural ? str_sub(q->said_as, 0, q->said_as.n - 1) : q->said_as;
}

static bool answer_subject(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0}, all = {.count = 0};
    if (q->kind != FACT_OTHER)
        told_find_kind(m, q->kind, q->subject, &f);
    find_subject(m, q->subject, &all);
    if (q->kind == FACT_JOB && !f.count)
        told_find_kind(m, FACT_EMPLOYER, q->subject, &f);
    if (q->kind == FACT_EMPLOYER && !f.count)
        told_find_kind(m, FACT_JOB, q->subject, &f);
    if (q->kind == FACT_NAME && f.count == 1 && q->said_as.n)
        return say_fact(m, arena_printf(&m->arena, "your %.*s's name is %.*s", STR_ARG(singular(q)),
                                        STR_ARG(f.at[0]->value)));
    if (q->kind == FACT_FAVOURITE)
        f.count = 0;
    if (f.count)
        return say_fact(m, told_clauses(m, &f, 3));
    if (q->kind == FACT_OTHER && q->about.n) {
        for (size_t i = 0; i < all.count; i++) {
            size_t asked;
            if (all.at[i]->kind != FACT_NAME && told_mentions_count(m, all.at[i]->clause, q->about, &asked))
                f.at[f.count++] = all.at[i];
        }
        if (f.count)
            return say_fact(m, told_clauses(m, &f, 3));
    }
    if (all.denied)
        return say_denied(m, all.denied);
    bool open = q->kind == FACT_OTHER &&
                (!q->about.n || word_among(q->about, " happened happen alive doing into fine well ok "));
    if (open && all.count)
        return say_fact(m, told_clauses(m, &all, 4));
    if (q->about.n && say_quote_of_all(m, q))
        return true;
    return all.count ? say_partly(m, q, &all) : say_none(m, q);
}

static bool answer_favourite(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0}, near = {.count = 0};
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        if (fact->kind != FACT_FAVOURITE || fact->subject.n)
            continue;
        size_t asked, dot = str_find_char(fact->relation, '.');
        struct str topic = str_from(fact->relation, dot + 1);
        if (!q->about.n || told_mentions_count(m, topic, q->about, &asked))
            told_add_found(&f, fact);
    }
    if (f.count)
        return say_fact(m, told_clauses(m, &f, 4));
    (void)near;
    return say_none(m, q);
}

/* Yes/no and open questions over several kinds, filtered by what was asked about. */
static bool answer_filtered(struct making *m, const struct person_question *q, const enum fact_kind *kinds,
                            size_t count)
{
    struct found f = {.count = 0};
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool wanted = false;
        for (size_t k = 0; k < count; k++)
            wanted |= fact->kind == kinds[k];
        size_t asked = 0;
        bool subject_fits = q->kind == FACT_HAVE && q->about.n && fact->subject.n &&
                            told_mentions(m, fact->subject, q->about);
        if (subject_fits && !fact->negated) {
            told_add_found(&f, fact);
            continue;
        }
        if (!wanted || fact->subject.n)
            continue;
        if (q->about.n && !told_mentions_count(m, fact->value, q->about, &asked) && asked &&
            !told_mentions_count(m, fact->relation, q->about, &asked))
            continue;
        told_add_found(&f, fact);
        if (fact->negated)
            f.count = 0;
    }
    if (f.count)
        return say_fact(m, told_clauses(m, &f, 4));
    if (f.denied)
        return say_denied(m, f.denied);
    if (!q->yes_no && q->about.n && q->kind != FACT_HAVE) {
        struct person_question open = *q;
        if (say_quote(m, q))
            return true;
        open.about = STR_NONE;
        return answer_filtered(m, &open, kinds, count);
    }
    return say_none(m, q);
}

static bool answer_past(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    const struct person_fact *latest = NULL;
    for (size_t i = 0; i < m->fact_count; i++) {
        const struct person_fact *fact = &m->facts[i];
        bool kind = fact->kind == q->kind || (q->kind == FACT_JOB && fact->kind == FACT_EMPLOYER) ||
                    (q->kind == FACT_EMPLOYER && fact->kind == FACT_JOB);
        if (!kind || fact->subject.n || fact->negated)
            continue;
        if (fact->past && f.count < 4)
            f.at[f.count++] = fact;
        if (!fact->past) {
            if (latest && f.count < 4 && !told_same_value(latest->value, fact->value))
                f.at[f.count++] = latest;
            latest = fact;
        }
    }
    if (!f.count)
        return false;
    set_var(m, "fact", told_clauses(m, &f, 3));
    return say_named(m, "memory-past");
}

/* "I turn 42 in June" is no age yet. */
static bool is_ahead(const struct person_fact *fact)
{
    static const char *const signs[] = {"turn ", "turning", "will ", "'ll ", "\xe2\x80\x99ll "};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (str_find(fact->clause, str_c(signs[i])) != SIZE_MAX)
            return true;
    return false;
}

/* The last age that was not of the future, if there is one. */
static const struct person_fact *present_age(const struct making *m, const struct person_fact *fact)
{
    for (size_t i = m->fact_count; is_ahead(fact) && i-- > 0;)
        if (m->facts[i].kind == FACT_AGE && !m->facts[i].subject.n && !m->facts[i].negated &&
            !m->facts[i].past && !is_ahead(&m->facts[i]))
            return &m->facts[i];
    return fact;
}

static bool answer_single(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    struct person_question open = *q;
    open.about = STR_NONE;
    if (q->past && answer_past(m, q))
        return true;
    told_find_kind(m, q->kind, STR_NONE, &f);
    if (q->kind == FACT_HOME || q->kind == FACT_BIRTHDAY || q->kind == FACT_AGE) {
        if (!f.count && q->kind == FACT_AGE)
            told_find_kind(m, FACT_BIRTHDAY, STR_NONE, &f);
        if (!f.count)
            return say_none(m, &open);
        if (q->kind == FACT_AGE && f.at[f.count - 1]->kind == FACT_BIRTHDAY)
            return say_partly(m, q, &f);
        const struct person_fact *fact = f.at[f.count - 1];
        if (q->kind == FACT_HOME)
            return say_fact(m,
                            arena_printf(&m->arena, "you live in %.*s", STR_ARG(reflected(m, fact->value))));
        if (q->kind == FACT_AGE)
            fact = present_age(m, fact);
        if (q->kind == FACT_AGE && is_ahead(fact))
            return say_fact(m, reflected(m, fact->clause));
        if (q->kind == FACT_AGE)
            return say_fact(m, arena_printf(&m->arena, "you're %.*s", STR_ARG(fact->value)));
        return say_fact(m, reflected(m, fact->clause));
    }
    if (q->kind == FACT_JOB || q->kind == FACT_EMPLOYER) {
        enum fact_kind other = q->kind == FACT_JOB ? FACT_EMPLOYER : FACT_JOB;
        bool own = f.count > 0;
        if (!own || q->kind == FACT_JOB)
            told_find_kind(m, other, STR_NONE, &f);
        if (!f.count)
            told_find_kind(m, FACT_STUDY, STR_NONE, &f);
        if (!f.count && f.denied)
            return say_denied(m, f.denied);
        if (q->kind == FACT_EMPLOYER && !own && f.count) {
            struct str text = f.at[f.count - 1]->clause;
            if (str_find(text, STR(" at ")) == SIZE_MAX && str_find(text, STR(" for ")) == SIZE_MAX &&
                str_find(text, STR(" in ")) == SIZE_MAX)
                return say_partly(m, &open, &f);
        }
    }
    if (q->kind == FACT_ORIGIN && !f.count)
        for (size_t i = 0; i < m->fact_count; i++)
            if (m->facts[i].kind == FACT_IS && !m->facts[i].subject.n && m->facts[i].value.n < 20 &&
                strpbrk(arena_cstr(&m->arena, m->facts[i].value), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
                told_add_found(&f, &m->facts[i]);
    if (q->kind == FACT_ORIGIN && !f.count)
        for (size_t i = 0; i < m->fact_count; i++)
            if (m->facts[i].kind == FACT_HOME && !m->facts[i].subject.n &&
                str_find(m->facts[i].clause, STR(" from ")) != SIZE_MAX)
                told_add_found(&f, &m->facts[i]);
    if (q->kind == FACT_JOB && !f.count && !f.denied && answer_past(m, q))
        return true;
    if (q->kind == FACT_STATUS && !f.count)
        find_subject(m, STR("partner"), &f);
    if (f.count)
        return say_fact(m, told_clauses(m, &f, fact_kind_single(q->kind) ? 2 : 4));
    return f.denied ? say_denied(m, f.denied) : say_none(m, &open);
}

static bool answer_everything(struct making *m)
{
    static const enum fact_kind order[] = {
        FACT_NAME,  FACT_HOME,    FACT_JOB,  FACT_EMPLOYER, FACT_HAVE,    FACT_LIKE,     FACT_FAVOURITE,
        FACT_STUDY, FACT_ALLERGY, FACT_PLAN, FACT_HOBBY,    FACT_DISLIKE, FACT_BIRTHDAY, FACT_AGE};
    enum { MOST = 40 };
    struct found all = {.count = 0};
    for (size_t k = 0; k < sizeof order / sizeof *order && all.count < MOST; k++) {
        struct found f = {.count = 0};
        told_find_kind(m, order[k], STR_NONE, &f);
        for (size_t i = f.count > 2 ? f.count - 2 : 0; i < f.count && all.count < MOST; i++)
            all.at[all.count++] = f.at[i];
    }
    for (size_t i = m->fact_count; i-- > 0 && all.count < MOST;)
        if (m->facts[i].subject.n && !m->facts[i].negated && m->facts[i].kind != FACT_OTHER)
            all.at[all.count++] = &m->facts[i];
    if (!all.count)
        return say_named(m, "memory-nothing");
    set_var(m, "fact", told_clauses(m, &all, MOST));
    return say_named(m, "memory-everything");
}

static bool answer_about(struct making *m, const struct person_question *q)
{
    struct found f = {.count = 0};
    size_t best = 0;
    for (size_t i = 0; i < m->fact_count; i++) {
        size_t asked, hits = told_mentions_count(m, m->facts[i].clause, q->about, &asked);
        if (!hits || hits < best || m->facts[i].kind == FACT_FEELING)
            continue;
        if (asked > 2 && hits * 2 < asked)
            continue;
        if (hits > best)
            f.count = 0;
        best = hits;
        told_add_found(&f, &m->facts[i]);
    }
    if (f.count)
        return say_fact(m, told_clauses(m, &f, 4));
    if (f.denied && !q->tentative)
        return say_denied(m, f.denied);
    return (!q->tentative || q->surely) && say_none(m, q);
}

static bool holds_learning(struct str about)
{
    return str_find(about, STR("learn")) != SIZE_MAX;
}

bool answer_from_memory(struct making *m, const struct person_question *q)
{
    static const enum fact_kind have[] = {FACT_HAVE, FACT_PLAN},
                                like[] = {FACT_LIKE, FACT_FAVOURITE, FACT_HOBBY, FACT_DISLIKE},
                                dislike[] = {FACT_DISLIKE}, liking[] = {FACT_LIKE, FACT_FAVOURITE},
                                hobby[] = {FACT_HOBBY}, allergy[] = {FACT_ALLERGY}, fear[] = {FACT_FEAR},
                                plan[] = {FACT_PLAN}, diet[] = {FACT_DIET, FACT_ALLERGY};
    struct person_question open = *q;
    read_all_facts(m);
    if (q->recent)
        return answer_recent(m);
    if (q->everything)
        return answer_everything(m);
    if (q->subject.n)
        return answer_subject(m, q);
    switch (q->kind) {
    case FACT_NAME:
        return answer_name(m);
    case FACT_FAVOURITE:
        return answer_favourite(m, q);
    case FACT_HAVE:
        return answer_filtered(m, q, have, 2);
    case FACT_LIKE:
        return q->yes_no ? answer_filtered(m, q, like, 4) : answer_filtered(m, q, liking, 2);
    case FACT_DISLIKE:
        return answer_filtered(m, q, q->yes_no ? like : dislike, q->yes_no ? 4 : 1);
    case FACT_HOBBY:
        if (q->about.n && say_quote_of_all(m, q))
            return true;
        if (holds_learning(q->about) && say_quote(m, q))
            return true;
        open.about = q->yes_no ? q->about : STR_NONE;
        return answer_filtered(m, &open, hobby, 1);
    case FACT_ALLERGY:
        open.about = STR_NONE;
        return answer_filtered(m, &open, allergy, 1);
    case FACT_FEAR:
        open.about = STR_NONE;
        return answer_filtered(m, &open, fear, 1);
    case FACT_DIET:
        open.about = q->yes_no ? q->about : STR_NONE;
        return answer_filtered(m, &open, diet, q->yes_no ? 1 : 2);
    case FACT_PLAN:
        open.about = STR_NONE;
        return answer_filtered(m, &open, plan, 1);
    case FACT_OTHER:
        return (q->about.n && answer_about(m, q)) || (q->surely && say_none(m, q));
    default:
        return answer_single(m, q);
    }
}
