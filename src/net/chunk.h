/*
 * The chunked coding (RFC 9112 7.1) as a small state machine that takes bytes as they come.
 *
 * Strict: sizes are 1 to 15 hexadecimal digits; line ends are CRLF; chunk extensions and trailer lines are
 * read, checked for control bytes, and thrown away within limits. Nothing is allocated.
 */
#ifndef EIDOLON_NET_CHUNK_H
#define EIDOLON_NET_CHUNK_H

#include "base/str.h"

enum { CHUNK_EXTENSION_MAX = 1024, CHUNK_TRAILER_MAX = 8192, CHUNK_SIZE_DIGITS = 15 };

struct chunk {
    uint64_t left;  /* of the present chunk */
    uint32_t extra; /* bytes of extensions (all chunks together) and trailers so far */
    uint8_t state, digits;
};

enum chunk_result {
    CHUNK_MORE, /* all bytes used, more to come */
    CHUNK_DATA, /* *data is a run of body bytes; call again with the rest */
    CHUNK_END,  /* the body is complete; the rest belongs to what follows */
    CHUNK_BAD
};

/* Zero to begin. Cuts what it used off the front of *rest. */
enum chunk_result chunk_next(struct chunk *c, struct str *rest, struct str *data);

/* The caller could not use the last n bytes of the data it just got, and will come again with them. */
void chunk_untake(struct chunk *c, size_t n);

/* The line before a chunk of n bytes, with its CRLF; returns its length (at most 18). */
enum { CHUNK_LINE = 20 };
size_t chunk_line(char to[CHUNK_LINE], size_t n);

#endif
