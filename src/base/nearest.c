/* The nearest known name; see nearest.h. */
#include "base/nearest.h"

#include <stdio.h>

enum { WORD_MAX = 64 }; /* longer words get no hint */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the table of edit distances: two before (for swaps), one before, the present. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = a.p[i - 1] == b.p[j - 1];
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + !same);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b.n];
}

void nearest_offer(struct nearest *n, struct str candidate)
{
    if (n->word.n == 0 || n->word.n > WORD_MAX || candidate.n == 0 || candidate.n > WORD_MAX)
        return;
    size_t distance = edit_distance(n->word, candidate);
    if (distance < n->distance) {
        n->distance = distance;
        n->best = candidate;
    }
}

const char *nearest_hint(struct nearest *n)
{
    n->hint[0] = '\0';
    if (n->best.n && n->distance <= 1 + n->word.n / 3 && n->distance < n->best.n)
        snprintf(n->hint, sizeof n->hint, " Did you mean '%.*s'?", STR_ARG(n->best));
    return n->hint;
}
