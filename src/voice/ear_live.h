/*
 * pocketsphinx while somebody still speaks: children that hear one utterance at a time, each with the English
 * model loaded, so that the text is there soon after the last sound.
 *
 * A recogniser of the chain (asr.h), ASR_STREAMS. Each loop has its own children, all loops together
 * EAR_LIVE_CHILDREN_MAX (104 MB each), and each EAR_LIVE_LOOP_MIN at the least. There is always one more than
 * are busy, warm, as long as anybody listens; who comes when all are busy waits, its sound kept. Children
 * that nobody needs end after a minute.
 *
 * A child has learnt the mean of what it heard: it is for one speaker (asr.h) as long as there is room for a
 * fresh one for the next.
 *
 * When the speaker falls silent (rest()) a child writes down what it has, so that the text is there when the
 * turn ends.
 *
 * It does not: hear files (ear.h), know other languages.
 */
#ifndef EIDOLON_VOICE_EAR_LIVE_H
#define EIDOLON_VOICE_EAR_LIVE_H

#include "voice/asr.h"

enum {
    EAR_LIVE_CHILDREN_MAX = 10, /* of the process: eight speak at once, on loops that share them unevenly */
    EAR_LIVE_LOOP_MIN = 2,
    EAR_LIVE_IDLE_MS = 60 * 1000,
    EAR_LIVE_PARTIAL_MS = 250,    /* of sound between two partial texts */
    EAR_LIVE_LATE_MS = 20 * 1000, /* without a word, after the last sound; later the child is ended */
};

/* The hidden command `eidolon child hear`; does not return. */
_Noreturn void ear_live_child_main(void);

#endif
