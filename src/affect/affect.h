/*
 * Affect: the emotion in a text, and the mood that emotions leave behind.
 *
 * An emotion is a point in valence, arousal and dominance (each -1..1) with one of GoEmotions' 28 labels and
 * a confidence. Readers of emotion are drivers (struct affect_driver): the first looks words up in
 * share/affect/lexicon.tsv and knows negation, intensifiers, emoji and punctuation; a trained model takes its
 * place later by being put first in the table.
 *
 * A mood is a point in the same space that returns to the personality's baseline in about 20 minutes, exactly
 * for any gap: m(t+d) = m0 + (m - m0) exp(-d/tau).
 *
 * Everything here is pure and may run on any thread; the lexicon is loaded once, at the first use.
 * It does not: keep moods (who owns a persona's mood in a room stores the three numbers and their time).
 */
#ifndef EIDOLON_AFFECT_AFFECT_H
#define EIDOLON_AFFECT_AFFECT_H

#include "base/str.h"

/* GoEmotions' labels in the order of its own file (Demszky et al. 2020). */
enum affect_label {
#define LABEL(symbol, name, ekman, valence, arousal, dominance) AFFECT_##symbol,
#include "affect/label.def"
#undef LABEL
    AFFECT_LABELS
};

/* Ekman's six and neutral, as GoEmotions groups its 28. */
enum affect_ekman {
    EKMAN_ANGER,
    EKMAN_DISGUST,
    EKMAN_FEAR,
    EKMAN_JOY,
    EKMAN_SADNESS,
    EKMAN_SURPRISE,
    EKMAN_NEUTRAL,
    EKMAN_COUNT
};

struct affect {
    double valence, arousal, dominance; /* -1..1 */
    enum affect_label label;
    double confidence; /* 0..1; 0 when nothing in the text told anything (the label is neutral) */
};

const char *affect_label_name(enum affect_label label); /* "admiration" */
enum affect_ekman affect_label_ekman(enum affect_label label);
const char *affect_ekman_name(enum affect_ekman ekman); /* "joy" */
/* The label of that name; false leaves *out alone. */
bool affect_label_parse(struct str name, enum affect_label *out);

/* One way to read emotion from text. `read` returns false when it has nothing to say. */
struct affect_driver {
    const char *name;
    bool (*ready)(void); /* loads what it needs, once */
    bool (*read)(struct str text, struct affect *out);
};

/* All drivers, best first, ended by NULL. */
extern const struct affect_driver *const affect_drivers[];
extern const struct affect_driver affect_lexicon;

/* Reads `text` (UTF-8, any length; the first AFFECT_TEXT_MAX bytes count) with the first ready driver. */
enum { AFFECT_TEXT_MAX = 8192 };
void affect_read(struct str text, struct affect *out);

/* Big Five, each -1..1 (0 = average). */
struct affect_traits {
    double openness, conscientiousness, extraversion, agreeableness, neuroticism;
};

struct mood {
    double valence, arousal, dominance; /* -1..1 */
};

/* A mood is back at its baseline (within 5 %) after this long: tau is a third of it. */
enum { MOOD_RETURN_MS = 20 * 60 * 1000 };

/*
 * The baseline mood of a personality (Mehrabian 1996, with emotional stability S = -N):
 * P = .21E + .59A + .19S; A = .15O + .30A - .57S; D = .25O + .17C + .60E - .32A; clamped to -1..1.
 */
struct mood mood_baseline(const struct affect_traits *traits);

/* The mood `gap_ms` later (negative counts as zero), exactly. return_ms <= 0 takes MOOD_RETURN_MS. */
struct mood mood_decay(struct mood m, struct mood baseline, int64_t gap_ms, int64_t return_ms);

/*
 * Pulled towards an emotion: m + (e - m) * weight * confidence, weight 0..1 (a reply's usual weight is
 * MOOD_PULL_WEIGHT). Stays within -1..1. An emotion of no confidence changes nothing.
 */
#define MOOD_PULL_WEIGHT 0.35
struct mood mood_pull(struct mood m, const struct affect *emotion, double weight);

/*
 * A word for the octant of valence, arousal and dominance. The octants are Mehrabian's; four of his words
 * (dependent, docile, hostile, disdainful) judge rather than describe, and people read these on a page:
 * exuberant, trusting, relaxed, gentle, irritated, anxious, aloof, bored; "calm" near the centre.
 */
const char *mood_label(struct mood m);

#endif
