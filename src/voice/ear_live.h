/*
 * pocketsphinx while somebody still speaks: children that hear one utterance at a time, each with the English
 * model loaded, so that the text is there soon after the last sound.
 *
 * A recogniser of the chain (asr.h), ASR_STREAMS. Each loop has its own children, its
 * share of EAR_LIVE_CHILDREN_MAX (104 MB each). There is always one more than are busy, warm, as long as
 * anybody listens; who comes when all are busy waits, its sound kept. Children that nobody needs end after a
 * minute.
 *
 * It does not: hear files (ear.h), know other languages.
 */
#ifndef EIDOLON_VOICE_EAR_LIVE_H
#define EIDOLON_VOICE_EAR_LIVE_H

#include "voice/asr.h"

enum {
    EAR_LIVE_CHILDREN_MAX = 8, /* of the process, shared out among its loops */
    EAR_LIVE_LOOP_MIN = 2,
    EAR_LIVE_IDLE_MS = 60 * 1000,
    EAR_LIVE_PARTIAL_MS = 250,    /* of sound between two partial texts */
    EAR_LIVE_LATE_MS = 20 * 1000, /* from the last sound to the transcript; later the child is ended */
};

/* The hidden command `eidolon child hear`; does not return. */
_Noreturn void ear_live_child_main(void);

#endif
