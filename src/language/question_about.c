/*
 * What a question is about: a possession ("my sister's name"), oneself in a known way ("how old am I"), or
 * the words that are left to look for.
 */
#include "language/question_read.h"

#include <stdlib.h>

static void set_about(struct ask *q, size_t skip_from, size_t skip_to)
{
    static const char empty[] =
        " what which who where when how why name called tell do does did is are have has about "
        "know remember told said work live like old think again exactly kind sort type anything "
        "something last time previously earlier before yesterday day ago today conversation chat "
        "mentioned mention still any much many say going go get got us please ever ";
    struct buf about = BUF_INIT;
    for (size_t i = q->from; i < q->w->count; i++) {
        struct str norm = q->w->at[i].norm;
        if ((i >= skip_from && i < skip_to) || word_is_stop(norm) || word_among(norm, empty) ||
            str_eq(norm, STR("'s")))
            continue;
        if (about.n)
            buf_add_char(&about, ' ');
        buf_add(&about, norm);
    }
    q->out->about = arena_str(q->arena, buf_str(&about));
    buf_release(&about);
}

/* What is asked of the subject, from the question's other words. */
static enum fact_kind asked_kind(const struct ask *q)
{
    if (ask_any_of(q, " name names called named ") || ask_holds(q, "call him") || ask_holds(q, "call her"))
        return FACT_NAME;
    if (ask_any_of(q, " birthday born ") && !ask_any_of(q, " where "))
        return FACT_BIRTHDAY;
    if (ask_any_of(q, " age ") || ask_holds(q, "how old"))
        return FACT_AGE;
    if (ask_any_of(q, " live lives living "))
        return FACT_HOME;
    if (ask_any_of(q, " from born "))
        return FACT_ORIGIN;
    if (ask_any_of(q, " job profession occupation living ") ||
        (ask_any_of(q, " what ") && word_is(q->w, q->w->count - 1, "do")))
        return FACT_JOB;
    if (ask_any_of(q, " work works "))
        return ask_any_of(q, " where ") ? FACT_EMPLOYER : FACT_JOB;
    if (ask_any_of(q, " study studies studying "))
        return FACT_STUDY;
    if (ask_any_of(q, " allergic allergy "))
        return FACT_ALLERGY;
    return FACT_OTHER;
}

bool ask_about_possession(struct ask *q)
{
    const struct words *w = q->w;
    size_t my = q->from;
    while (my < w->count && !word_is(w, my, "my") && !(word_is(w, my, "our")))
        my++;
    if (my + 1 >= w->count)
        return false;
    size_t end = subject_end(w, my + 1);
    while (end > my + 2 && word_among(w->at[end - 1].norm, " again for like about now please today then "))
        end--;
    enum fact_kind own = attribute_kind(w, my + 1, end);
    struct person_question *out = q->out;
    out->yes_no = word_among(w->at[q->from].norm, " is are was does do did has have am ");
    if (own != FACT_OTHER && !(word_is(w, end, "'s"))) {
        out->kind = own;
        if (own == FACT_FAVOURITE)
            out->about = words_span(w, my + 2, end);
        return true;
    }
    out->subject = subject_canonical(q->arena, w, my + 1, end);
    out->said_as = words_span(w, my + 1, end);
    if (word_is(w, end, "'s") && end + 1 < w->count) {
        size_t stop = end + 1;
        while (stop < w->count && !word_among(w->at[stop].norm, " is are was again "))
            stop++;
        out->kind = attribute_kind(w, end + 1, stop);
        if (out->kind == FACT_FAVOURITE)
            out->about = words_span(w, end + 2, stop);
        if (out->kind != FACT_OTHER)
            return true;
        set_about(q, my, end); /* "my mate's boat" */
        if (out->about.n)
            return true;
    }
    if (word_is(w, end - 1, "name") && end > my + 2) {
        /* "my dogs name", without its apostrophe */
        out->subject = subject_canonical(q->arena, w, my + 1, end - 1);
        out->said_as = out->subject;
        out->kind = FACT_NAME;
        return true;
    }
    out->kind = asked_kind(q);
    if (out->kind == FACT_OTHER)
        set_about(q, my, end);
    return true;
}

static bool capital_inside(const struct ask *q)
{
    for (size_t i = q->from; i < q->w->count; i++)
        if (q->w->at[i].capital && i > 0 && !word_is_stop(q->w->at[i].norm))
            return true;
    return false;
}

/* No known way to ask: content words to look for among what was told. */
static bool about_anything(struct ask *q)
{
    const struct words *w = q->w;
    bool mine = ask_any_of(q, " i me we us "), short_one = w->count - q->from <= 3;
    bool strong = false;
    for (size_t i = 0; i < q->from; i++)
        strong |= word_among(w->at[i].norm, " i remember remind recall forget forgotten ");
    if (ask_any_of(q, " myself me us ") && short_one && q->told) {
        q->out->everything = true;
        return true;
    }
    if (ask_holds(q, "have i told you") || ask_holds(q, "did i tell you") ||
        ask_holds(q, "i have told you")) {
        q->out->everything = true;
        return true;
    }
    bool who = word_is(w, q->from, "who") && q->from + 1 < w->count &&
               !word_among(w->at[q->from + 1].norm, " is are was were ");
    if (!mine && !strong && !who && !capital_inside(q))
        return false;
    if (!mine && !strong && !(q->told || word_among(w->at[q->from].norm, " who ")))
        return false;
    set_about(q, 0, 0);
    q->out->yes_no = word_among(w->at[q->from].norm, " is are was does do did has have am ");
    q->out->tentative =
        !mine || !word_among(w->at[0].norm, " what where when which who whose how do did have am was tell ");
    return q->out->about.n > 0;
}

struct way {
    const char *words; /* a run of words, or " any of these " */
    enum fact_kind kind;
};

bool ask_about_self(struct ask *q)
{
    static const struct way ways[] = {
        {"i use to work", FACT_EMPLOYER},
        {"i used to work", FACT_EMPLOYER},
        {"did i work", FACT_EMPLOYER},
        {"i use to live", FACT_HOME},
        {"i used to live", FACT_HOME},
        {"who i am", FACT_NAME},
        {"who am i", FACT_NAME},
        {"am i called", FACT_NAME},
        {"i am called", FACT_NAME},
        {"call me", FACT_NAME},
        {"i go by", FACT_NAME},
        {"do i go by", FACT_NAME},
        {"was i called", FACT_NAME},
        {"how old am i", FACT_AGE},
        {"how old i am", FACT_AGE},
        {"how old are we", FACT_AGE},
        {"how old do i", FACT_AGE},
        {"how old will i", FACT_AGE},
        {"how old i will", FACT_AGE},
        {"was i born in", FACT_ORIGIN},
        {"where was i born", FACT_ORIGIN},
        {"where i was born", FACT_ORIGIN},
        {"when was i born", FACT_BIRTHDAY},
        {"when i was born", FACT_BIRTHDAY},
        {"what year was i born", FACT_BIRTHDAY},
        {"for a living", FACT_JOB},
        {"for work", FACT_JOB},
        {"where do i work", FACT_EMPLOYER},
        {"where i work", FACT_EMPLOYER},
        {"who do i work", FACT_EMPLOYER},
        {"who i work for", FACT_EMPLOYER},
        {"i work for", FACT_EMPLOYER},
        {"do i work", FACT_JOB},
        {"i work as", FACT_JOB},
        {"i work", FACT_EMPLOYER},
        {"i live", FACT_HOME},
        {"i am living", FACT_HOME},
        {"am i living", FACT_HOME},
        {"i am based", FACT_HOME},
        {"am i based", FACT_HOME},
        {"did i move", FACT_HOME},
        {"i moved", FACT_HOME},
        {"i am from", FACT_ORIGIN},
        {"am i from", FACT_ORIGIN},
        {"i come from", FACT_ORIGIN},
        {"i grow up", FACT_ORIGIN},
        {"i grew up", FACT_ORIGIN},
        {"i study", FACT_STUDY},
        {"am i studying", FACT_STUDY},
        {"i am studying", FACT_STUDY},
        {"am i married", FACT_STATUS},
        {"am i single", FACT_STATUS},
        {"i am married", FACT_STATUS},
        {"i am single", FACT_STATUS},
        {"am i engaged", FACT_STATUS},
        {"allergic", FACT_ALLERGY},
        {"allergies", FACT_ALLERGY},
        {"allergy", FACT_ALLERGY},
        {"do you call me", FACT_NAME},
        {"afraid of", FACT_FEAR},
        {"scared of", FACT_FEAR},
        {"i speak", FACT_LANGUAGE},
        {"i play", FACT_HOBBY},
        {"am i vegetarian", FACT_DIET},
        {"am i vegan", FACT_DIET},
        {"am i a vegetarian", FACT_DIET},
        {"am i a vegan", FACT_DIET},
        {"i eat", FACT_DIET},
        {"i not like", FACT_DISLIKE},
        {"i do not like", FACT_DISLIKE},
        {"do not i like", FACT_DISLIKE},
        {"i hate", FACT_DISLIKE},
        {"i dislike", FACT_DISLIKE},
        {"i can not stand", FACT_DISLIKE},
        {"can not i stand", FACT_DISLIKE},
        {"can i not stand", FACT_DISLIKE},
        {"i can not abide", FACT_DISLIKE},
        {"can not i eat", FACT_DIET},
        {"can i not eat", FACT_DIET},
        {"i can not eat", FACT_DIET},
        {"frightened of", FACT_FEAR},
        {"terrified of", FACT_FEAR},
        {"scares me", FACT_FEAR},
        {"frightens me", FACT_FEAR},
        {"nervous about", FACT_FEAR},
        {"worried about", FACT_FEAR},
        {"do i earn my living", FACT_JOB},
        {"i earn my living", FACT_JOB},
        {"pays my bills", FACT_JOB},
        {"pay the bills", FACT_JOB},
        {"i like", FACT_LIKE},
        {"i love", FACT_LIKE},
        {"i enjoy", FACT_LIKE},
        {"am i into", FACT_LIKE},
        {"i am into", FACT_LIKE},
        {"am i fond of", FACT_LIKE},
        {"a fan of", FACT_LIKE},
        {"do i have", FACT_HAVE},
        {"i have", FACT_HAVE},
        {"do i own", FACT_HAVE},
        {"i own", FACT_HAVE},
        {"have i got", FACT_HAVE},
        {"i got", FACT_HAVE},
        {"do i do", FACT_JOB},
        {"i do", FACT_JOB},
        {"am i going", FACT_PLAN},
        {"am i doing", FACT_PLAN},
        {"am i planning", FACT_PLAN},
        {"i am planning", FACT_PLAN},
        {"i am going", FACT_PLAN},
        {"do i want", FACT_PLAN},
        {"am i learning", FACT_HOBBY},
        {"i am learning", FACT_HOBBY},
        {"am i moving", FACT_PLAN},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!ask_holds(q, ways[i].words))
            continue;
        bool who = ways[i].kind == FACT_NAME && str_starts(str_c(ways[i].words), STR("who "));
        if (who && !word_among(q->w->at[q->w->count - 1].norm, " i am again then me mia now "))
            continue; /* "who am I going with" */
        q->out->kind = ways[i].kind;
        q->out->yes_no = !ask_any_of(q, " what who where when which how ");
        set_about(q, 0, 0);
        if (q->out->kind == FACT_NAME || q->out->kind == FACT_AGE)
            q->out->about = STR_NONE;
        if (q->out->kind == FACT_LIKE || q->out->kind == FACT_DISLIKE)
            for (struct str rest = q->out->about, verb;
                 str_cut(&rest, ' ', &verb) && word_among(verb, " love enjoy hate dislike prefer like ");)
                q->out->about = rest;
        return true;
    }
    return about_anything(q);
}
