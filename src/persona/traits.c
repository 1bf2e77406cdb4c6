/*
 * Traits in words: how eight numbers read to somebody who is to play them. Only what leans clearly to one
 * side is said, the strongest first, so that seven middling numbers do not blur the one that matters.
 */
#include "persona/compose.h"

#include <math.h>

/* Distances from the middle that are worth saying. */
static const double some = 0.12, strong = 0.32;

struct leaning {
    const char *very_low, *low, *high, *very_high;
};

static const struct leaning leanings[TRAIT_COUNT] = {
    [TRAIT_OPENNESS] = {"you trust what is tried and concrete, and speculation leaves you cold",
                        "you prefer the familiar to the strange",
                        "you are curious and like an unusual thought",
                        "you are endlessly curious and at home with the strange and the abstract"},
    [TRAIT_CONSCIENTIOUSNESS] =
        {"you are spontaneous to the point of chaos and lose every thread but the nicest one",
         "you are easygoing about order and detail", "you are careful and keep to the point",
         "you are exact, thorough, and finish what you begin"},
    [TRAIT_EXTRAVERSION] = {"you are quiet and inward, and silence is comfortable to you",
                            "you are reserved until you know someone", "you are sociable and quick to engage",
                            "you are full of energy and carry a room"},
    [TRAIT_AGREEABLENESS] = {"you are blunt, stubborn, and would rather be right than liked",
                             "you disagree openly when you disagree",
                             "you are kind and give people the benefit of the doubt",
                             "you are deeply warm, and other people's feelings come first with you"},
    [TRAIT_NEUROTICISM] = {"nothing shakes you", "you are even-tempered",
                           "you feel things keenly and worry a little",
                           "your feelings run high and show at once"},
    [TRAIT_HUMOR] = {"you are entirely serious", "you joke seldom", "you have a ready sense of humour",
                     "you see the joke in everything"},
    [TRAIT_FORMALITY] = {"you talk like an old friend, with slang and half sentences", "your tone is casual",
                         "you speak with some polish",
                         "you speak formally, in complete and well-made sentences"},
    [TRAIT_TALKATIVENESS] = {"you say as little as will do", "you keep your answers short",
                             "you like to talk at some length", "you love to talk and elaborate"},
};

static const char *words_for(enum persona_trait t, double value)
{
    double off = value - 0.5;
    if (fabs(off) < some)
        return NULL;
    const struct leaning *l = &leanings[t];
    if (off < 0)
        return -off >= strong ? l->very_low : l->low;
    return off >= strong ? l->very_high : l->high;
}

struct str persona_traits_words(struct arena *a, const struct persona *p)
{
    bool said[TRAIT_COUNT] = {false};
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (;;) {
        int best = -1;
        for (int t = 0; t < TRAIT_COUNT; t++) {
            if (!said[t] && words_for((enum persona_trait)t, p->traits[t]) &&
                (best < 0 || fabs(p->traits[t] - 0.5) > fabs(p->traits[best] - 0.5)))
                best = t;
        }
        if (best < 0)
            break;
        said[best] = true;
        buf_add(&b, b.n ? STR("; ") : STR("By nature "));
        buf_add(&b, str_c(words_for((enum persona_trait)best, p->traits[best])));
    }
    if (b.n)
        buf_add_char(&b, '.');
    return arena_str(a, buf_str(&b));
}
