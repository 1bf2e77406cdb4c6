/*
 * How questions begin: the leads that ask for memory, and the ways to ask that are for advice or leave
 * instead.
 */
#include "language/question_read.h"

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

void ask_strip_lead(struct ask *q)
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
            if (n > best && ask_seq(q->w, q->from, leads[i]))
                best = n;
        }
        if (!best)
            return;
        q->from += best;
        q->told = true;
        for (size_t i = 0; i < sizeof joints / sizeof *joints && q->from < q->w->count; i++) {
            bool keep = str_eq(str_c(joints[i]), STR("me")) || str_eq(str_c(joints[i]), STR("who"));
            if (!keep && ask_seq(q->w, q->from, joints[i])) {
                q->from += 1;
                i = 0;
            }
        }
    }
}

bool ask_not_for_memory(const struct ask *q)
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
    if (ask_any_of(q, " why should "))
        return true;
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
        if (ask_holds(q, advice[i]))
            return true;
    return false;
}
