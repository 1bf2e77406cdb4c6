/*
 * Labels and moods: tables and the few formulas of affect.h.
 */
#include "affect/affect.h"

#include <math.h>

static const struct {
    const char *name;
    enum affect_ekman ekman;
} labels[] = {
#define LABEL(symbol, name, ekman, valence, arousal, dominance) {name, ekman},
#include "affect/label.def"
#undef LABEL
};

const char *affect_label_name(enum affect_label label)
{
    return labels[label].name;
}

enum affect_ekman affect_label_ekman(enum affect_label label)
{
    return labels[label].ekman;
}

const char *affect_ekman_name(enum affect_ekman ekman)
{
    static const char *const names[EKMAN_COUNT] = {"anger",   "disgust",  "fear",   "joy",
                                                   "sadness", "surprise", "neutral"};
    return names[ekman];
}

bool affect_label_parse(struct str name, enum affect_label *out)
{
    for (int i = 0; i < AFFECT_LABELS; i++)
        if (str_eq(name, str_c(labels[i].name))) {
            *out = (enum affect_label)i;
            return true;
        }
    return false;
}

const struct affect_driver *const affect_drivers[] = {&affect_lexicon, NULL};

void affect_read(struct str text, struct affect *out)
{
    text = str_sub(text, 0, AFFECT_TEXT_MAX);
    for (const struct affect_driver *const *driver = affect_drivers; *driver; driver++)
        if ((*driver)->ready() && (*driver)->read(text, out))
            return;
    *out = (struct affect){.label = AFFECT_NEUTRAL};
}

static double clamp(double x)
{
    return x < -1 ? -1 : x > 1 ? 1 : x;
}

struct mood mood_baseline(const struct affect_traits *t)
{
    const double o = t->openness, c = t->conscientiousness, e = t->extraversion, a = t->agreeableness,
                 s = -t->neuroticism;
    return (struct mood){
        .valence = clamp(.21 * e + .59 * a + .19 * s),
        .arousal = clamp(.15 * o + .30 * a - .57 * s),
        .dominance = clamp(.25 * o + .17 * c + .60 * e - .32 * a),
    };
}

struct mood mood_decay(struct mood m, struct mood baseline, int64_t gap_ms, int64_t return_ms)
{
    if (gap_ms <= 0)
        return m;
    if (return_ms <= 0)
        return_ms = MOOD_RETURN_MS;
    const double left = exp(-3.0 * (double)gap_ms / (double)return_ms); /* tau = return / 3: 5 % are left */
    return (struct mood){
        .valence = baseline.valence + (m.valence - baseline.valence) * left,
        .arousal = baseline.arousal + (m.arousal - baseline.arousal) * left,
        .dominance = baseline.dominance + (m.dominance - baseline.dominance) * left,
    };
}

struct mood mood_pull(struct mood m, const struct affect *emotion, double weight)
{
    const double w = fmin(fmax(weight, 0), 1) * fmin(fmax(emotion->confidence, 0), 1);
    return (struct mood){
        .valence = clamp(m.valence + (emotion->valence - m.valence) * w),
        .arousal = clamp(m.arousal + (emotion->arousal - m.arousal) * w),
        .dominance = clamp(m.dominance + (emotion->dominance - m.dominance) * w),
    };
}

const char *mood_label(struct mood m)
{
    static const char *const octants[8] = {"bored",  "aloof",   "anxious",  "irritated",
                                           "gentle", "relaxed", "trusting", "exuberant"};
    const double calm = .12; /* nearer to the centre than this on every axis */
    if (fabs(m.valence) < calm && fabs(m.arousal) < calm && fabs(m.dominance) < calm)
        return "calm";
    return octants[(m.valence >= 0) * 4 + (m.arousal >= 0) * 2 + (m.dominance >= 0)];
}
