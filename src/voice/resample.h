/*
 * A stream of samples at another rate, by soxr. One stream, one thread.
 */
#ifndef EIDOLON_VOICE_RESAMPLE_H
#define EIDOLON_VOICE_RESAMPLE_H

#include "base/buf.h"

struct resampler;
/* NULL where the rates are equal (nothing is to be done) or soxr refuses them. */
struct resampler *resampler_new(unsigned from_rate, unsigned to_rate);
/* Appends int16_t samples; NULL samples: the end, what is still inside comes out. */
void resampler_feed(struct resampler *r, const int16_t *samples, size_t count, struct buf *to);
void resampler_free(struct resampler *r); /* NULL is fine */

#endif
