/*
 * Questions about the person: "what's my name?", "do you know where I work?", "tell me about my sister".
 *
 * A question is stripped of its lead ("do you remember", "can you tell me"), then what is left is read for a
 * possession ("my sister's name"), for a known way to ask of oneself ("how old am I"), or kept as content
 * words to look for. Advice ("what should I do"), permission ("can I ask") and opinions ("do you think I am
 * ...") are none.
 */
#include "language/facts_impl.h"

#include <stdlib.h>

#include "base/share.h"

struct ask {
    struct arena *arena;
    const struct words *w;
    size_t from;
    bool told; /* "did I tell you", "do you remember": surely about memory */
    struct person_question *out;
};

static bool seq(const struct words *w, size_t at, const char *words)
{
    struct str rest = str_c(words), word;
    for (; str_cut(&rest, ' ', &word); at++)
        if (at >= w->count || !str_eq(w->at[at].norm, word))
            return false;
    return true;
}

static bool holds(const struct ask *q, const char *words)
{
    for (size_t i = q->from; i < q->w->count; i++)
        if (seq(q->w, i, words))
            return true;
    return false;
}

static bool any_of(const struct ask *q, const char *list)
{
    for (size_t i = q->from; i < q->w->count; i++)
        if (word_among(q->w->at[i].norm, list))
            return true;
    return false;
}

/* Leads that ask for memory; longest first where one begins another. */
static const char *const leads[] = {
    "what do you know about",
    "what do you remember about",
    "what did i tell you about",
    "what did i say about",
    "what have i told you about",
    "what have i said about",
    "what can you tell me about",
    "what do you recall about",
    "do you know anything about",
    "do you remember anything about",
    "did i tell you anything about",
    "have i told you anything about",
    "did i mention anything about",
    "what did i mention about",
    "do you still remember",
    "do you still know",
    "do you even know",
    "do you even remember",
    "do you happen to know",
    "do you happen to remember",
    "do you by any chance know",
    "would you happen to know",
    "do you remember",
    "do you know",
    "do you recall",
    "can you remember",
    "can you recall",
    "can you still remember",
    "can you tell me",
    "could you tell me",
    "can you remind me of",
    "can you remind me",
    "could you remind me",
    "would you remind me",
    "will you tell me",
    "would you tell me",
    "did i tell you about",
    "did i ever tell you about",
    "have i told you about",
    "have i ever told you about",
    "have i mentioned",
    "did i say anything about",
    "have i said anything about",
    "did i tell you",
    "did i ever tell you",
    "did i mention",
    "did i ever mention",
    "did i say",
    "have i told you",
    "have i ever told you",
    "have i mentioned",
    "have i said",
    "had i told you",
    "i told you about",
    "i told you",
    "tell me about",
    "tell me",
    "remind me about",
    "remind me of",
    "remind me",
    "i forgot",
    "i have forgotten",
    "any idea",
    "remember",
    "you remember",
    "you know",
    "you do remember",
    "are you aware of",
    "are you sure you know",
    "what about",
    "how about",
    "talk to me about",
    "say",
    "guess",
    "recall",
    "can you say",
    "could you say",
    "what was it i said about",
    "do not you remember",
    "do you not remember",
    "have you forgotten",
    "did you forget",
    "so you remember",
    "i wonder if you remember",
    "i wonder whether you remember",
    "i wonder whether you know",
    "i am wondering if you remember",
    "i was wondering if you remember",
    "i was wondering if you know",
    "are you able to tell me",
    "are you able to recall",
    "is it possible you remember",
    "i would like to know if you remember",
    "i am curious if you remember",
    "i am curious whether you remember",
    "i hope you remember",
    "please remind me",
    "refresh my memory about",
    "refresh my memory on",
    "refresh my memory",
    "jog my memory",
    "care to remind me",
    "mind reminding me",
    "would you mind reminding me",
    "tell me again",
    "tell me once more",
    "tell me everything about",
    "what is it you know about",
    "you must remember",
    "surely you remember",
    "you surely remember",
    "i bet you forgot",
    "i bet you have forgotten",
    "i have forgotten",
    "how much do you know about",
    "how much do you remember about",
    "what things do you know about",
    "what facts do you know about",
    "can you list",
    "could you list",
    "list everything you know about",
    "sum up what you know about",
    "summarise what you know about",
    "summarize what you know about",
    "i wonder if you know",
    "let us see if you remember",
    "let us see if you know",
    "test",
    "quiz me",
    "any memory of",
    "you forgot",
    "what else do you know about",
    "what you know about",
    "what you remember about",
    "everything you know about",
    "everything you remember about",
    "all you know about",
    "what i told you about",
    "what i said about",
    "everything about",
    "everything i told you about",
    "what you have learned about",
    "all about",
    "something you know about",
    "something about",
    "anything you know about",
    "anything about",
    "what did you learn about",
    "what have you learned about",
    "can you describe",
    "describe",
    "i bet you do not remember",
    "i bet you do not know",
    "what do you have on",
    "please tell me",
};

static void strip_lead(struct ask *q)
{
    static const char *const joints[] = {
        "if",      "whether", "that", "about",      "of",  "anything about", "something about", "again",
        "exactly", "please",  "me",   "what it is", "who", "still",          "once more"};
    while (q->from < q->w->count &&
           word_among(q->w->at[q->from].norm,
                      " so and but well hey hi hello ok okay oh um now wait please again mia "
                      "actually also then sorry alright anyway hmm "))
        q->from++;
    for (int round = 0; round < 3; round++) {
        size_t best = 0;
        for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
            size_t n = 1;
            for (const char *c = leads[i]; *c; c++)
                n += *c == ' ';
            if (n > best && seq(q->w, q->from, leads[i]))
                best = n;
        }
        if (!best)
            return;
        q->from += best;
        q->told = true;
        for (size_t i = 0; i < sizeof joints / sizeof *joints && q->from < q->w->count; i++) {
            bool keep = str_eq(str_c(joints[i]), STR("me")) || str_eq(str_c(joints[i]), STR("who"));
            if (!keep && seq(q->w, q->from, joints[i])) {
                q->from += 1;
                i = 0;
            }
        }
    }
}

static bool not_for_memory(const struct ask *q)
{
    static const char *const advice[] = {"should i",         "can i",
                                         "could i",          "may i",
                                         "might i",          "shall i",
                                         "would i be",       "would i need",
                                         "would i have",     "would i do",
                                         "would i get",      "must i",
                                         "do i need",        "do i have to",
                                         "i should",         "i can",
                                         "i could",          "i need to",
                                         "i do if",          "how do i get",
                                         "how do i do",      "how do i make",
                                         "how do i know",    "how do i stop",
                                         "how do i tell",    "how do i find",
                                         "how do i fix",     "how do i deal",
                                         "how do i start",   "how do i talk",
                                         "how do i cope",    "how do i become",
                                         "how do i learn",   "how do i use",
                                         "how do i add",     "how do i change",
                                         "how do i say",     "how do i not",
                                         "how do i get",     "how do i ask",
                                         "how do i explain", "do i look",
                                         "do i sound",       "do i seem",
                                         "am i right",       "am i wrong",
                                         "am i allowed",     "i feel",
                                         "am i to",          "i do about",
                                         "am i supposed",    "i mean",
                                         "am i talking",     "am i doing wrong",
                                         "you think",        "i just say",
                                         "what do i do now", "what do i do about",
                                         "do i do with",     "do i make",
                                         "do i get",         "do i add"};
    if (any_of(q, " why should "))
        return true;
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
        if (holds(q, advice[i]))
            return true;
    return false;
}

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
    if (any_of(q, " name names called named ") || holds(q, "call him") || holds(q, "call her"))
        return FACT_NAME;
    if (any_of(q, " birthday born ") && !any_of(q, " where "))
        return FACT_BIRTHDAY;
    if (any_of(q, " age ") || holds(q, "how old"))
        return FACT_AGE;
    if (any_of(q, " live lives living "))
        return FACT_HOME;
    if (any_of(q, " from born "))
        return FACT_ORIGIN;
    if (any_of(q, " job profession occupation living ") ||
        (any_of(q, " what ") && word_is(q->w, q->w->count - 1, "do")))
        return FACT_JOB;
    if (any_of(q, " work works "))
        return any_of(q, " where ") ? FACT_EMPLOYER : FACT_JOB;
    if (any_of(q, " study studies studying "))
        return FACT_STUDY;
    if (any_of(q, " allergic allergy "))
        return FACT_ALLERGY;
    return FACT_OTHER;
}

static bool about_possession(struct ask *q)
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
    bool mine = any_of(q, " i me we us "), short_one = w->count - q->from <= 3;
    bool strong = false;
    for (size_t i = 0; i < q->from; i++)
        strong |= word_among(w->at[i].norm, " i remember remind recall forget forgotten ");
    if (any_of(q, " myself me us ") && short_one && q->told) {
        q->out->everything = true;
        return true;
    }
    if (holds(q, "have i told you") || holds(q, "did i tell you") || holds(q, "i have told you")) {
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

static bool about_self(struct ask *q)
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
        if (!holds(q, ways[i].words))
            continue;
        bool who = ways[i].kind == FACT_NAME && str_starts(str_c(ways[i].words), STR("who "));
        if (who && !word_among(q->w->at[q->w->count - 1].norm, " i am again then me mia now "))
            continue; /* "who am I going with" */
        q->out->kind = ways[i].kind;
        q->out->yes_no = !any_of(q, " what who where when which how ");
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

static bool seq_anywhere(const struct words *w, const char *words)
{
    for (size_t i = 0; i < w->count; i++)
        if (seq(w, i, words))
            return true;
    return false;
}

/* "What were we talking about last time?" */
static bool about_last_time(const struct words *w)
{
    static const char *const ways[] = {"we talking about",
                                       "we talk about last",
                                       "we talked about",
                                       "we were talking about",
                                       "we talk about the",
                                       "we talk about before",
                                       "we chat about",
                                       "we discuss",
                                       "we discussed",
                                       "we spoke about",
                                       "we speak about last",
                                       "we leave off",
                                       "we left off",
                                       "our last conversation",
                                       "our last chat",
                                       "our previous chat",
                                       "our previous conversation",
                                       "i say last time",
                                       "i tell you last time",
                                       "did i talk about",
                                       "we talk about yesterday",
                                       "i tell you yesterday",
                                       "i say yesterday",
                                       "what did we talk about",
                                       "last time we talked",
                                       "last time we spoke",
                                       "the last time we",
                                       "where were we"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (seq_anywhere(w, ways[i]))
            return true;
    return false;
}

/* "..., don't you?", "..., right?" at the end. */
static void cut_tag(struct words *w)
{
    size_t n = w->count;
    if (n > 3 && word_among(w->at[n - 1].norm, " right correct yeah yes no ")) {
        w->count--;
        return;
    }
    bool pronoun = n > 4 && word_among(w->at[n - 1].norm, " you i it she he they we ");
    size_t verb = n - 2;
    if (pronoun && word_is(w, verb, "not"))
        verb--;
    if (pronoun && verb > 1 && w->at[verb - 1].after == ',' &&
        word_among(w->at[verb].norm, " do does did is are am was were have has had can could would will "))
        w->count = verb;
}

/* Where the question begins in "it would be nice if you knew where my aunt lives"; 0 for none. */
static size_t indirect_ask(const struct words *w)
{
    static const char *const ways[] = {
        "if you remember",     "if you know",           "if you knew",        "if you remembered",
        "if you still know",   "if you still remember", "whether you know",   "whether you remember",
        "you have forgotten",  "if you recall",         "you can tell me",    "you could tell me",
        "you could remind me", "you can remind me",     "you might remember", "you might know"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        for (size_t at = 1; at < w->count; at++)
            if (seq(w, at, ways[i])) {
                size_t from = at;
                for (const char *c = ways[i]; *c; c++)
                    from += *c == ' ';
                from++;
                bool wh =
                    from < w->count &&
                    word_among(w->at[from].norm, " what where when who how which my whether if the our ");
                bool statement = from < w->count && seq_anywhere(w, "but");
                return wh && !statement ? from : 0;
            }
    return 0;
}

static bool parse_sentence(struct arena *a, struct str sentence, struct person_question *out)
{
    struct words w;
    words_of(a, sentence, &w);
    struct ask q = {a, &w, 0, false, out};
    *out = (struct person_question){.kind = FACT_OTHER};
    bool asked = sentence_asks(&w);
    cut_tag(&w);
    if (asked && w.count < 20 && seq_anywhere(&w, "about me") && !any_of(&q, " think feel like ") &&
        any_of(&q, " know remember recall learned learnt told everything kept anything ") &&
        !any_of(&q, " my ")) {
        out->everything = true;
        return true;
    }
    bool tells_all = w.count > 3 && w.count < 8 && word_is(&w, 0, "tell") &&
                     word_among(w.at[w.count - 1].norm, " know remember ") && word_is(&w, w.count - 2, "you");
    if (tells_all) {
        out->everything = true;
        return true;
    }
    if (asked && w.count < 9 && seq_anywhere(&w, "you call me")) {
        out->kind = FACT_NAME;
        return true;
    }
    size_t indirect = indirect_ask(&w);
    if (w.count >= 3 && w.count < 20 && about_last_time(&w) &&
        (sentence_asks(&w) || word_among(w.at[0].norm, " remember remind tell do what ")) &&
        !word_among(w.at[0].norm, " i shall should can could ") && !seq_anywhere(&w, "should we") &&
        !seq_anywhere(&w, "shall we") && !seq_anywhere(&w, "can we")) {
        out->recent = true;
        return true;
    }
    if (w.count < 2 || w.count > 30)
        return false;
    if (indirect) {
        q.from = indirect;
        q.told = true;
    }
    strip_lead(&q);
    bool asks = asked || indirect;
    bool orders =
        q.told &&
        word_among(w.at[0].norm, " tell remind remember say guess so ok please recall describe hey i you "
                                 "let quiz and now mia refresh jog list sum summarise summarize surely ");
    if ((!asks && !orders) || q.from >= w.count)
        return false;
    if (!asks && word_among(w.at[0].norm, " i ") && !holds(&q, "forgot") &&
        !word_among(w.at[1].norm, " forgot wonder bet have was am hope would "))
        return false;
    for (size_t i = q.from; i < w.count; i++)
        if (word_among(w.at[i].norm, " your yours yourself ") ||
            (str_eq(w.at[i].norm, STR("you")) && (i == 0 || !word_among(w.at[i - 1].norm, " tell told to "))))
            return false;
    out->surely = asks && (seq_anywhere(&w, "did i tell") || seq_anywhere(&w, "have i told") ||
                           seq_anywhere(&w, "did i mention") || seq_anywhere(&w, "have i mentioned") ||
                           seq_anywhere(&w, "did i ever tell") || seq_anywhere(&w, "did i ever mention") ||
                           seq_anywhere(&w, "have i ever told") || seq_anywhere(&w, "did i say"));
    if (q.from < w.count)
        out->topic = words_span(&w, q.from, w.count);
    out->past = any_of(&q, " before previously formerly use used ");
    if (not_for_memory(&q) && !holds(&q, "my name"))
        return false;
    if (seq(&w, q.from, "me") && w.count - q.from <= 2) {
        out->kind = FACT_NAME;
        out->everything = q.from > 0 && word_among(w.at[q.from - 1].norm, " about ");
        out->kind = out->everything ? FACT_OTHER : FACT_NAME;
        return true;
    }
    return about_possession(&q) || about_self(&q);
}

bool person_question_parse(struct arena *a, struct str text, struct person_question *out)
{
    struct str rest = str_sub(text, 0, WORDS_BYTES_MAX), sentence;
    bool found = false;
    while (sentence_next(&rest, &sentence)) {
        struct person_question one;
        if (parse_sentence(a, sentence, &one)) {
            *out = one;
            found = true;
        }
    }
    return found;
}

static void add_expansion(struct str key, struct buf *out)
{
    struct share_file file;
    struct str line;
    if (!share_get(STR("language/expand.txt"), &file))
        return;
    while (str_cut(&file.bytes, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (colon == SIZE_MAX || line.p[0] == '#' || !str_eq(str_sub(line, 0, colon), key))
            continue;
        if (out->n)
            buf_add_char(out, ' ');
        buf_add(out, str_trim(str_from(line, colon + 1)));
        return;
    }
}

static bool in_line(struct str line, struct str word)
{
    struct str one;
    while (str_cut(&line, ' ', &one)) {
        if (str_eq(one, word))
            return true;
    }
    return false;
}

bool words_are_kin(struct str asked, struct str said)
{
    struct share_file file;
    struct str line;
    if (!share_get(STR("language/kin.txt"), &file))
        return false;
    while (str_cut(&file.bytes, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        struct str all = str_sub(line, 0, colon),
                   members = str_from(line, colon == SIZE_MAX ? line.n : colon + 1);
        if (!str_starts(line, STR("#")) && in_line(all, asked) &&
            (in_line(all, said) || in_line(members, said)))
            return true;
    }
    return false;
}

/* The kin of the question's words. */
static void add_kin(struct arena *a, struct str text, struct buf *out)
{
    struct share_file file;
    struct str line;
    struct words w;
    words_of(a, str_sub(text, 0, 200), &w);
    if (!share_get(STR("language/kin.txt"), &file))
        return;
    while (str_cut(&file.bytes, '\n', &line)) {
        bool kin = false;
        for (size_t i = 0; i < w.count && !str_starts(line, STR("#")); i++)
            kin |= in_line(line, w.at[i].norm) ||
                   in_line(str_sub(line, 0, str_find_char(line, ':')), w.at[i].norm);
        if (!kin)
            continue;
        if (out->n)
            buf_add_char(out, ' ');
        size_t colon = str_find_char(line, ':');
        buf_add(out, str_sub(line, 0, colon));
        if (colon != SIZE_MAX)
            buf_add(out, str_from(line, colon + 1));
    }
}

void person_query_expand(struct arena *a, struct str text, struct buf *out)
{
    struct person_question question;
    struct words w;
    if (person_question_parse(a, text, &question)) {
        if (question.everything || question.recent)
            add_expansion(STR("everything"), out);
        else if (question.kind != FACT_OTHER)
            add_expansion(str_c(fact_kind_name(question.kind)), out);
        if (question.subject.n) {
            if (out->n)
                buf_add_char(out, ' ');
            buf_add(out, question.subject);
        }
        add_kin(a, text, out);
        return;
    }
    words_of(a, str_sub(text, 0, 200), &w);
    if (w.count && w.count < 12 &&
        word_among(w.at[0].norm, " hi hello hey good morning evening back greetings hiya yo "))
        add_expansion(STR("hello"), out);
}
