/*
 * One stream of sound, cut where the sentences of its text end: for voices that speak a whole answer and do
 * not say which of its sound belongs to which of its words (an engine that speaks by itself).
 *
 * A sentence is expected to take as long as its letters do at the pace so far; the cut is at the longest
 * pause near there, before the next sentence begins. What certainly belongs to the present sentence can be
 * taken at once; only what lies around its end waits until the pause can be seen. Once all sound is there the
 * pace is known, and what is left is shared out by it.
 *
 * A value; one thread at a time. It knows positions only: the samples are the caller's.
 */
#ifndef EIDOLON_VOICE_SOUND_CUT_H
#define EIDOLON_VOICE_SOUND_CUT_H

#include "base/buf.h"

enum {
    SOUND_CUT_FRAME_MS = 10,
    SOUND_CUT_PAUSE_MS = 80,   /* a shorter silence is within a word */
    SOUND_CUT_LETTER_MS = 65,  /* the pace before anything is known */
    SOUND_CUT_TRUST = 150,     /* letters after which what was heard counts as much as that */
    SOUND_CUT_SENTENCES = 4096 /* beyond that, all is the last sentence */
};

struct sound_cut {
    unsigned rate;
    size_t letters[SOUND_CUT_SENTENCES];
    size_t sentences, now; /* how many there are; the one whose sound comes */
    bool text_over, sound_over;
    struct buf levels;  /* a float a frame of the whole sound */
    double frame_sum;   /* of the frame under way */
    size_t frame_count; /* samples in it */
    float peak;
    size_t total, start, taken; /* samples: all; where this sentence began; up to where it was taken */
    size_t past_letters;
};

void sound_cut_init(struct sound_cut *c, unsigned rate);
void sound_cut_release(struct sound_cut *c);
void sound_cut_sentence(struct sound_cut *c, size_t letters); /* a further one */
void sound_cut_feed(struct sound_cut *c, const int16_t *samples, size_t count);

/* How many samples more are the present sentence's, from where the last call ended; *ended: with them it is
 * over, and the next call is about the next one. False: nothing to take now. */
bool sound_cut_take(struct sound_cut *c, size_t *count, bool *ended);

#endif
