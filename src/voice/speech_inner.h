/*
 * A speech and its parts, as the three files that make it share them: speech.c (in order, handed on),
 * speech_plan.c (which parts), speech_part.c (one part: made, with mouth shapes).
 *
 * A part gathers what its utterance makes until its turn has come; its memory goes when it was handed on, or
 * with the speech. All on the loop. Private to these three and voices.c.
 */
#ifndef EIDOLON_VOICE_SPEECH_INNER_H
#define EIDOLON_VOICE_SPEECH_INNER_H

#include "voice/chain.h"
#include "voice/phone_plan.h"
#include "voice/resample.h"
#include "voice/speech.h"
#include "voice/ssml.h"
#include "voice/viseme_estimate.h"

struct part {
    struct speech *speech;
    struct ssml_piece say;
    uint64_t id; /* the chain's, while it is being made */
    bool begun, made;
    unsigned rate;
    struct arena arena;
    struct tts_word *words;
    struct viseme_key *keys;
    size_t word_count, key_count; /* not yet handed on */
    uint32_t from_ms;             /* where it begins in the whole */
    bool placed;                  /* ... is known */
    struct buf sound;
    size_t seen;             /* bytes of it that the mouth was fed */
    bool shaped;             /* the voice tells its mouth shapes itself */
    bool worded;             /* and its words */
    struct reading *reading; /* where it does not: how the text is read, once a worker has done it */
    struct mouth *mouth;
    enum err err;
    struct error error;
};

struct speech {
    struct speakers *speakers;
    struct speech *next;
    struct arena arena;
    struct voice voice;
    struct str language;
    struct tts_emotion emotion;
    bool alone;
    struct chain *chain;
    const struct tts_emit *emit;
    void *arg;
    struct part *parts;
    size_t count, heard;        /* parts wholly handed on */
    unsigned rate;              /* of what is handed on; 0: nothing was yet */
    uint64_t samples;           /* handed on */
    struct resampler *resample; /* of the part in hand, where its rate is another */
    unsigned resample_rate;
    struct buf resampled;
    bool over, emitting;
    struct timer timer;
};

struct speakers {
    struct loop *loop;
    struct workers *workers;
    struct chain *chain;
    struct speech *first;
};

/* speech_plan.c: fills s->parts of the text. */
enum err speech_plan(struct speech *s, struct str text, bool whole, struct error *e);

/* speech_part.c */
void part_begin(struct speech *s, struct part *p) LOOP; /* p->err with p->error where it cannot be */
/* Mouth shapes for the sound that waits. False: it has to wait for them; more comes soon, or the worker is
 * reading. */
bool part_shape(struct speech *s, struct part *p) LOOP;
void part_drop_mouth(struct part *p);

/* speech.c */
bool speech_turn_of(const struct part *p) LOOP; /* it is the one that is heard now */
void speech_advance(struct speech *s) LOOP;     /* hands on all that is ready and whose turn it is */

#endif
