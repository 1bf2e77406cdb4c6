/*
 * "Did you mean ...?": the known name nearest to one that is not known.
 *
 * Offer every known name; nearest_hint() then gives " Did you mean 'x'?" or an empty text when nothing is
 * near enough (more than a third of the letters would have to change). Distance: Levenshtein's, with two
 * swapped neighbours counted as one change.
 */
#ifndef EIDOLON_BASE_NEAREST_H
#define EIDOLON_BASE_NEAREST_H

#include "base/str.h"

struct nearest {
    struct str word, best;
    size_t distance;
    char hint[112];
};

#define NEAREST(text) ((struct nearest){.word = (text), .distance = SIZE_MAX})

void nearest_offer(struct nearest *n, struct str candidate); /* the candidate must outlive *n */
const char *nearest_hint(struct nearest *n);                 /* valid while *n lives */

#endif
