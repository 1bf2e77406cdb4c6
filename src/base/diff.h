/*
 * The difference between two texts: what both have, what went, what came.
 *
 * Tokens are lines with their ends, or, for texts of few lines, words and the spaces between them. The
 * shortest edit is found by Myers' algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986),
 * greedy and forward, bounded: beyond DIFF_EDITS edits, or DIFF_TOKENS tokens, the middle that differs is one
 * removed and one added piece. Joined, same and removed give the one text, same and added the other, byte for
 * byte.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_BASE_DIFF_H
#define EIDOLON_BASE_DIFF_H

#include "base/arena.h"

enum { DIFF_TOKENS = 20000, DIFF_EDITS = 500, DIFF_LINES_LEAST = 12 };

enum diff_op { DIFF_SAME, DIFF_REMOVED, DIFF_ADDED };
extern const char *const diff_op_names[3];

struct diff_hunk {
    enum diff_op op;
    struct str text; /* a view into one of the texts */
};

/* Hunks in the order of reading, neighbours never of one op; in `a`. */
struct diff_hunk *diff_texts(struct arena *a, struct str before, struct str after, size_t *count);

#endif
