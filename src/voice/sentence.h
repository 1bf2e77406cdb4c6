/*
 * Cutting a text that is still being written into pieces to speak: each is a sentence (or, for the first, a
 * clause), as early as it is sure to be one.
 *
 * A piece ends at a terminator (. ! ? … and those of other scripts) past SENTENCE_LEAST characters, at a
 * line's end, or for the first piece at a comma, so that something is heard soon. Latin terminators count
 * only once what follows is known: "$29." may become "$29.50". Titles, initials, acronyms, numbers, addresses
 * and "..." do not end one. What stands between <think> and </think> is never spoken.
 *
 * Nothing is lost: all pieces together are the text, but for white space at their ends and thoughts.
 * It does not: take out Markdown (speakable.h), wait: the caller feeds and asks.
 */
#ifndef EIDOLON_VOICE_SENTENCE_H
#define EIDOLON_VOICE_SENTENCE_H

#include "base/buf.h"

enum { SENTENCE_LEAST = 20, CLAUSE_LEAST = 24, SENTENCE_MOST = 600 };

/* Zero to begin; sentences_release() in the end. One loop's. */
struct sentences {
    struct buf text; /* fed and not yet given */
    size_t seen;     /* bytes of it that hold no end for sure */
    bool began;      /* a piece was given */
    bool ended;
    bool thinking;
};

void sentences_feed(struct sentences *s, struct str text);
void sentences_end(struct sentences *s); /* nothing more comes: what is left is a piece */
/* The next piece that is sure, appended to `to` (trimmed). False: feed more, or it is over. */
bool sentences_next(struct sentences *s, struct buf *to);
void sentences_release(struct sentences *s);

#endif
