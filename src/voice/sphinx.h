/*
 * The words that pocketsphinx has found, as both children that hear (ear_child.c, ear_live_child.c) write
 * them.
 *
 * For child processes alone. Plain threads. It does not: load the model (sphinx_model.h).
 */
#ifndef EIDOLON_VOICE_SPHINX_H
#define EIDOLON_VOICE_SPHINX_H

#include "base/str.h"

#include <pocketsphinx.h>

enum { SPHINX_FRAMES_A_SECOND = 100 };

/* "<sil>", "[NOISE]" and the like are none. */
bool sphinx_is_word(const char *word);
/* "hello(2)" is a second way to say hello. */
struct str sphinx_spelling(const char *word);
/* How sure it is of the word, 0..1; its first and last frame. */
double sphinx_word(ps_decoder_t *ps, ps_seg_t *seg, int *first, int *last);
double sphinx_rounded(double value, double places);

#endif
