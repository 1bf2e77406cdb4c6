/*
 * The segment that pocketsphinx has just ended, as both children that hear (ear_child.c, ear_live_child.c)
 * write it.
 *
 * For child processes alone. Plain threads. It does not: load the model (sphinx_model.h).
 */
#ifndef EIDOLON_VOICE_SPHINX_H
#define EIDOLON_VOICE_SPHINX_H

#include "base/json.h"

#include <pocketsphinx.h>

/* Where a segment lies, and its number in the transcript. */
struct sphinx_span {
    uint64_t id;
    double from_s, to_s;
};

/* {"id","start","end","text","confidence","words"} to w; nothing where no word was found. Its text goes to
 * `text` (empty before), how sure it is to *sure, a sum over the words; returns how many they are. */
size_t sphinx_write(ps_decoder_t *ps, const struct sphinx_span *span, struct jw *w, struct buf *text,
                    double *sure);
/* The mean of such a sum, as confidences are written; 0 of no words. */
double sphinx_mean(double sum, size_t words);

#endif
