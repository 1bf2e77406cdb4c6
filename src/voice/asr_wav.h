/* Samples as a WAV file for recognisers that take files. Pure; any thread. */
#ifndef EIDOLON_VOICE_ASR_WAV_H
#define EIDOLON_VOICE_ASR_WAV_H

#include "base/buf.h"

/* ASR_RATE, mono, 16 bit; `sound` are the samples' bytes, little-endian. Appended to `to`. */
void asr_write_wav(struct buf *to, struct str sound);

#endif
