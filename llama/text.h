/*
 * From tokens' bytes to what may be shown: whole characters, and nothing of a stop string.
 *
 * Bytes go in as the model says them. Out comes valid UTF-8: a character that is not whole yet is held back,
 * a byte that can belong to none becomes U+FFFD. What might be the beginning of a stop string is held back
 * too until it is clear.
 */
#ifndef EIDOLON_LLAMA_TEXT_H
#define EIDOLON_LLAMA_TEXT_H

#include "base/buf.h"

struct text {
    char **stops; /* owned, as are the strings */
    size_t stop_count;
    struct buf bytes; /* of a character that is not whole */
    struct buf held;  /* whole characters that may begin a stop string */
    struct buf ready; /* what may be shown; the reader clears it */
};

void text_release(struct text *t);
/* A stop string more (copied); an empty one is none. */
void text_stop(struct text *t, struct str stop);
/* More bytes. True once a stop string was said: `ready` has what came before it, and that is all. */
bool text_feed(struct text *t, struct str bytes);
/* No more will come: what was held is ready. */
void text_end(struct text *t);

#endif
