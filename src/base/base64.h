/*
 * Base64 (RFC 4648), in and out.
 *
 * Reading takes what other programs write: the standard and the URL-safe alphabet, white space between the
 * digits, padding or none. Anything else is refused, so that a text that is no base64 is noticed.
 */
#ifndef EIDOLON_BASE_BASE64_H
#define EIDOLON_BASE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

/* False where it is no base64. The bytes lie in `a`. */
bool base64_decode(struct arena *a, struct str text, struct str *out);
/* With padding, without line ends. */
void base64_encode(struct buf *to, struct str bytes);

#endif
