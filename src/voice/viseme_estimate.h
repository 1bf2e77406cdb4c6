/*
 * Mouth shapes for a voice that tells none: from its text (phone_plan.h) and the loudness of its sound.
 *
 * The mouth rests where the sound is silent. The phones are spread over what is not, each by the time it
 * would take; where the sound pauses near a place at which the text does (punctuation, else the end of a
 * word), the two are taken for one, and where the provider tells when words are said, the words are put
 * there. So an error does not grow along a sentence.
 *
 * It works on sound that still comes: each call gives the keys of what came since the one before, as if the
 * rest took as long as the plan says; where a later call finds out better, the mouth moves over within
 * MOUTH_BLEND_MS. The trade is stated in docs/VOICE.md: a mouth that waits for the end of the sentence is
 * right more often, and too late.
 *
 * Pure but for its own state; any thread, one at a time. It does not: decode, play, wait.
 */
#ifndef EIDOLON_VOICE_VISEME_ESTIMATE_H
#define EIDOLON_VOICE_VISEME_ESTIMATE_H

#include "voice/phone_plan.h"
#include "voice/tts.h"

enum {
    MOUTH_FRAME_MS = 10,
    MOUTH_REST_MS = 80, /* a shorter silence is a stop's, not a pause */
    MOUTH_BLEND_MS = 30,
    MOUTH_STEP_MS = 120, /* no estimate for less new sound, but at the end */
};

struct mouth;

/* The plan must live as long. pace: 1 as the plan says; 2 twice as fast. */
struct mouth *mouth_new(const struct phone_plan *plan, unsigned rate, double pace);
void mouth_free(struct mouth *m);

void mouth_feed(struct mouth *m, const int16_t *samples, size_t count);
/* What the provider tells of its words, on the clock of the sound; texts are copied. */
void mouth_words(struct mouth *m, const struct tts_word *words, size_t count);

/* The keys of what was fed since the last call, in `a`. `ended`: nothing more comes. Words (out, may be
 * NULL): those that begin in it, as the plan has them; for voices that tell none. */
struct viseme_key *mouth_keys(struct mouth *m, struct arena *a, bool ended, size_t *count,
                              struct tts_word **words, size_t *word_count);

/* How much sound was fed and not yet asked for, milliseconds. */
uint32_t mouth_waiting_ms(const struct mouth *m);

/* The phones as they lie now, silences among them, for tests and plots. In `a`. */
struct phone *mouth_phones(struct mouth *m, struct arena *a, size_t *count);

#endif
