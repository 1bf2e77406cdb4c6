/*
 * Questions about the person: "what's my name?", "do you know where I work?", "tell me about my sister".
 *
 * A question is stripped of its lead (question_lead.c), then what is left is read for what it is about
 * (question_about.c): a possession ("my sister's name"), a known way to ask of oneself ("how old am I"), or
 * content words to look for. Advice ("what should I do"), permission ("can I ask") and opinions ("do you
 * think I am
 * ...") are none.
 */
#include "language/question_read.h"

bool ask_seq(const struct words *w, size_t at, const char *words)
{
    struct str rest = str_c(words), word;
    for (; str_cut(&rest, ' ', &word); at++)
        if (at >= w->count || !str_eq(w->at[at].norm, word))
            return false;
    return true;
}

bool ask_holds(const struct ask *q, const char *words)
{
    for (size_t i = q->from; i < q->w->count; i++)
        if (ask_seq(q->w, i, words))
            return true;
    return false;
}

bool ask_any_of(const struct ask *q, const char *list)
{
    for (size_t i = q->from; i < q->w->count; i++)
        if (word_among(q->w->at[i].norm, list))
            return true;
    return false;
}

bool ask_seq_anywhere(const struct words *w, const char *words)
{
    for (size_t i = 0; i < w->count; i++)
        if (ask_seq(w, i, words))
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
        if (ask_seq_anywhere(w, ways[i]))
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
            if (ask_seq(w, at, ways[i])) {
                size_t from = at;
                for (const char *c = ways[i]; *c; c++)
                    from += *c == ' ';
                from++;
                bool wh =
                    from < w->count &&
                    word_among(w->at[from].norm, " what where when who how which my whether if the our ");
                bool statement = from < w->count && ask_seq_anywhere(w, "but");
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
    if (asked && w.count < 20 && ask_seq_anywhere(&w, "about me") && !ask_any_of(&q, " think feel like ") &&
        ask_any_of(&q, " know remember recall learned learnt told everything kept anything ") &&
        !ask_any_of(&q, " my ")) {
        out->everything = true;
        return true;
    }
    bool tells_all = w.count > 3 && w.count < 8 && word_is(&w, 0, "tell") &&
                     word_among(w.at[w.count - 1].norm, " know remember ") && word_is(&w, w.count - 2, "you");
    if (tells_all) {
        out->everything = true;
        return true;
    }
    if (asked && w.count < 9 && ask_seq_anywhere(&w, "you call me")) {
        out->kind = FACT_NAME;
        return true;
    }
    size_t indirect = indirect_ask(&w);
    if (w.count >= 3 && w.count < 20 && about_last_time(&w) &&
        (sentence_asks(&w) || word_among(w.at[0].norm, " remember remind tell do what ")) &&
        !word_among(w.at[0].norm, " i shall should can could ") && !ask_seq_anywhere(&w, "should we") &&
        !ask_seq_anywhere(&w, "shall we") && !ask_seq_anywhere(&w, "can we")) {
        out->recent = true;
        return true;
    }
    if (w.count < 2 || w.count > 30)
        return false;
    if (indirect) {
        q.from = indirect;
        q.told = true;
    }
    ask_strip_lead(&q);
    bool asks = asked || indirect;
    bool orders =
        q.told &&
        word_among(w.at[0].norm, " tell remind remember say guess so ok please recall describe hey i you "
                                 "let quiz and now mia refresh jog list sum summarise summarize surely ");
    if ((!asks && !orders) || q.from >= w.count)
        return false;
    if (!asks && word_among(w.at[0].norm, " i ") && !ask_holds(&q, "forgot") &&
        !word_among(w.at[1].norm, " forgot wonder bet have was am hope would "))
        return false;
    for (size_t i = q.from; i < w.count; i++)
        if (word_among(w.at[i].norm, " your yours yourself ") ||
            (str_eq(w.at[i].norm, STR("you")) && (i == 0 || !word_among(w.at[i - 1].norm, " tell told to "))))
            return false;
    out->surely =
        asks && (ask_seq_anywhere(&w, "did i tell") || ask_seq_anywhere(&w, "have i told") ||
                 ask_seq_anywhere(&w, "did i mention") || ask_seq_anywhere(&w, "have i mentioned") ||
                 ask_seq_anywhere(&w, "did i ever tell") || ask_seq_anywhere(&w, "did i ever mention") ||
                 ask_seq_anywhere(&w, "have i ever told") || ask_seq_anywhere(&w, "did i say"));
    if (q.from < w.count)
        out->topic = words_span(&w, q.from, w.count);
    out->past = ask_any_of(&q, " before previously formerly use used ");
    if (ask_not_for_memory(&q) && !ask_holds(&q, "my name"))
        return false;
    if (ask_seq(&w, q.from, "me") && w.count - q.from <= 2) {
        out->kind = FACT_NAME;
        out->everything = q.from > 0 && word_among(w.at[q.from - 1].norm, " about ");
        out->kind = out->everything ? FACT_OTHER : FACT_NAME;
        return true;
    }
    return ask_about_possession(&q) || ask_about_self(&q);
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
