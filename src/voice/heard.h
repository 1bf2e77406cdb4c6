/*
 * How much of a sentence was heard, when its sound stopped in its midst: up to the end of a word.
 *
 * A voice reads "$29" as "twenty nine dollars", so its words are not the text's. Both are walked together: a
 * word of the text takes the voice's word that is the same, and where they differ the voice's words up to the
 * next that agree again. Where nothing is known of words, the length of the sound is shared out among the
 * letters.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_HEARD_H
#define EIDOLON_VOICE_HEARD_H

#include "voice/tts.h"

/* Bytes of `text` that were heard in `ms` of a sound of duration_ms: 0, or the end of a word. */
size_t heard_bytes(struct str text, const struct tts_word *words, size_t count, uint32_t ms,
                   uint32_t duration_ms);

#endif
