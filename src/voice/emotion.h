/*
 * From a feeling to how it sounds: factors of pace, pitch and loudness.
 *
 * Arousal quickens, raises and strengthens a voice; valence raises it a little; low dominance softens it
 * (the directions that Scherer 2003, "Vocal communication of emotion", finds again and again). Tenderness
 * (love, desire, caring, and what is said to somebody who is loved) is slower, lower and softer whatever the
 * arousal. All of it is subtle: each factor stays within EMOTION_LEAST and EMOTION_MOST percent, and is a
 * whole number of steps, so that a sentence that was spoken once in a mood sounds the same again and its
 * sound can be kept.
 *
 * Pure; any thread. It does not: read feelings from text (affect/), know voices.
 */
#ifndef EIDOLON_VOICE_EMOTION_H
#define EIDOLON_VOICE_EMOTION_H

#include "voice/tts.h"

enum { EMOTION_LEAST = 84, EMOTION_MOST = 114, EMOTION_STEP = 2 }; /* percent */

struct emotion {
    struct str label;                   /* one of GoEmotions' 28, or empty */
    double valence, arousal, dominance; /* -1..1 */
    bool close;                         /* said to somebody who is loved: tender words are meant */
};

/* What to multiply a voice's own prosody with. A feeling of nothing gives 1, 1, 1. */
struct tts_prosody emotion_prosody(const struct emotion *emotion);

/* Whether a label is a tender one. */
bool emotion_tender(struct str label);

#endif
