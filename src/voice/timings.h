/*
 * What a voice tells of the times of an utterance, gathered: words and mouth shapes come a few at a time and
 * are kept in one row each, in an arena, whose earlier rows stay as they were for who still reads them. Pure;
 * any thread.
 */
#ifndef EIDOLON_VOICE_TIMINGS_H
#define EIDOLON_VOICE_TIMINGS_H

#include "voice/tts.h"

/* *list, of *count, becomes a row with `more` at its end; the texts of words are copied, too. */
void tts_words_add(struct arena *a, struct tts_word **list, size_t *count, const struct tts_word *more,
                   size_t more_count);
void viseme_keys_add(struct arena *a, struct viseme_key **list, size_t *count, const struct viseme_key *more,
                     size_t more_count);

#endif
