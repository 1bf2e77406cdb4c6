/*
 * The energy gate of an open microphone: vad.h's idea, while the sound still comes.
 *
 * The noise is the quietest frame of the last two seconds; a window in which most frames are far above it
 * counts as speech. Where the voice detector cannot be loaded, or its process is gone, this is what finds
 * speech, so it is fed all along and knows the room when it is needed. A hum that begins is taken for speech
 * until it is the noise.
 *
 * It does not: tell speech from other loud sounds. Pure; any thread, one at a time.
 */
#ifndef EIDOLON_VOICE_VAD_ENERGY_H
#define EIDOLON_VOICE_VAD_ENERGY_H

#include "voice/vad.h"

enum { VAD_ENERGY_BLOCKS = 8, VAD_ENERGY_BLOCK_FRAMES = 25 };

struct vad_energy {
    float least[VAD_ENERGY_BLOCKS]; /* the quietest frame of each block of 250 ms; 0: not yet */
    unsigned at, frames;
};

/* How likely this window is speech: 0, or .9. */
double vad_energy_window(struct vad_energy *gate, const int16_t *samples, size_t count);

#endif
