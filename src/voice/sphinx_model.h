/*
 * pocketsphinx's English model: lib/pocketsphinx beside the program (a tarball's), else where Debian's
 * pocketsphinx-en-us has it.
 *
 * It does not: hear; its decoder lives in children (ear_child.c, ear_live_child.c).
 */
#ifndef EIDOLON_VOICE_SPHINX_MODEL_H
#define EIDOLON_VOICE_SPHINX_MODEL_H

#include "base/error.h"

#include <pocketsphinx.h>

/* ERR_UNAVAILABLE, in words, where there is none. Any thread. */
enum err sphinx_model_find(struct error *e);

/* What counts more: words of recordings, or the time of somebody who waits for an answer. */
enum sphinx_care { SPHINX_WHOLE, SPHINX_LIVE };

/* A decoder with the model; some 240 ms, 104 MB. NULL: there is none, or it cannot be read. The caller's. */
ps_decoder_t *sphinx_model_load(enum sphinx_care care);

#endif
