/*
 * Where somebody speaks in a sound: an energy gate over frames of 10 ms, against the noise that the sound
 * itself has.
 *
 * A frame is loud when its RMS is VAD_OVER_NOISE times the quiet tenth of all frames, and louder than a
 * floor. Spans grow by a margin on both sides, those that a short pause parts become one, and what is too
 * short to be a word is dropped. So silence, hum and single clicks give nothing, and nothing is made up for
 * them later.
 *
 * It does not: tell speech from music. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_VAD_H
#define EIDOLON_VOICE_VAD_H

#include "base/arena.h"

enum {
    VAD_RATE = 16000,
    VAD_FRAME = 160,     /* samples: 10 ms */
    VAD_PAUSE_MS = 600,  /* a shorter pause does not part two spans */
    VAD_LEAST_MS = 120,  /* of loud frames within a span */
    VAD_MARGIN_MS = 200, /* before and after */
    VAD_SPAN_MAX_MS = 30 * 1000,
};

struct vad_span {
    size_t from, to; /* samples */
};

/* The spans, in order, in `a`. */
struct vad_span *vad_spans(struct arena *a, const int16_t *samples, size_t count, size_t *span_count);

/* How long somebody speaks in it, margins aside; 0: nobody does. */
uint32_t vad_speech_ms(const int16_t *samples, size_t count);

#endif
