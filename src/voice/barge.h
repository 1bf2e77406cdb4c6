/*
 * Barge-in: what becomes of a persona's speech when somebody speaks into it. A pure state machine.
 *
 * Its owner tells it what happens, each with the time, and does what it answers, in order:
 *
 *   PAUSE   fall silent at once, keep the place        (speech found while the persona speaks)
 *   RESUME  go on where it was paused                   (a cough, noise, or a backchannel: "mm-hm")
 *   STOP    it is a real interruption: drop the rest    (real words)
 *   SAY     the utterance is a message                  (also when it overtook the end of the persona's
 *                                                        speech: nothing said is lost)
 *   DROP    the utterance is none: nothing was said, or a backchannel to what is still being spoken
 *
 * Words decide, and recognisers find words in coughs, doors and hums. So while somebody still speaks, two
 * words must have stayed the same from one partial text to the next, one of them a word of substance
 * (words.h) that is no sign of listening, and the speech must last min_speech_ms; else it is known at the
 * end, by a word of substance that the ears are sure of (BARGE_SURE). The persona is silent meanwhile, so
 * that being slow costs nothing; at the latest resume_ms after a pause without such a word it resumes. Of
 * ears that tell no partials, speech that outlasts resume_ms decides. A backchannel said while nobody speaks
 * is an answer ("Do you like it?" "Yeah."): SAY.
 *
 * Pure: no clock, no memory of its own but the struct. A machine per microphone; one thread at a time.
 */
#ifndef EIDOLON_VOICE_BARGE_H
#define EIDOLON_VOICE_BARGE_H

#include "base/str.h"

enum {
    BARGE_MIN_SPEECH_MS = 500,
    BARGE_RESUME_MS = 2000,
    BARGE_BACKCHANNEL_MS = 1000, /* a longer utterance is no backchannel, whatever its words */
    BARGE_PARTIAL_MAX = 96,      /* bytes of a partial text that are compared with the next */
};

/* What the ears must give a word that stops somebody. pocketsphinx gives "no", "wait", "stop" .47 to .96,
 * what it makes of a cut-off syllable, a noise or "mm-hm" up to .25. */
#define BARGE_SURE .3

enum barge_do {
    BARGE_PAUSE = 1 << 0,
    BARGE_RESUME = 1 << 1,
    BARGE_STOP = 1 << 2,
    BARGE_SAY = 1 << 3,
    BARGE_DROP = 1 << 4
};

enum barge_state {
    BARGE_QUIET,    /* the persona does not speak */
    BARGE_SPEAKING, /* it speaks, undisturbed */
    BARGE_PAUSED,   /* it is paused, until it is known why somebody spoke */
    BARGE_STOPPED,  /* it was stopped; the utterance that did it is not over */
};

/* Zero takes the defaults; language picks the table of backchannels. */
struct barge {
    unsigned min_speech_ms, resume_ms;
    struct str language;
    bool no_partials; /* the ears tell no text before the end: speech that goes on past resume_ms stops */
    /* its own */
    enum barge_state state;
    bool hearing;                    /* the detector says somebody speaks */
    bool interjected;                /* this utterance began while the persona spoke */
    uint64_t since_ms;               /* of the pause */
    uint64_t onset_ms;               /* of the speech that is going on */
    uint64_t spoken_ms;              /* of speech in this utterance, without what is going on */
    char partial[BARGE_PARTIAL_MAX]; /* the last partial text of this utterance */
    size_t partial_n;
};

/* Each answers a set of enum barge_do; times never run backwards. */
unsigned barge_persona_starts(struct barge *b, uint64_t now_ms);
unsigned barge_persona_ends(struct barge *b, uint64_t now_ms); /* it has said all, or was stopped elsewhere */
unsigned barge_speech_started(struct barge *b, uint64_t now_ms);
unsigned barge_speech_stopped(struct barge *b, uint64_t now_ms);
unsigned barge_partial(struct barge *b, struct str text, uint64_t now_ms);
/* The utterance is over. `sure` as in listen.h: of its surest word of substance, NaN where the ears do not
 * say; `spoken_ms` its length. */
unsigned barge_utterance(struct barge *b, struct str text, double sure, uint32_t spoken_ms, uint64_t now_ms);
unsigned barge_tick(struct barge *b, uint64_t now_ms);
/* When barge_tick() is due; 0: never. */
uint64_t barge_due_ms(const struct barge *b);

/* Whether all of the text is a sign of listening ("mm-hm", "yeah", "right"); empty is none. */
bool barge_is_backchannel(struct str text, struct str language);

#endif
