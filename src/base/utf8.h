/*
 * UTF-8: checking (whole or as it comes), reading and writing code points.
 *
 * Valid is what RFC 3629 says: shortest form, no surrogates, nothing above U+10FFFF. NUL is valid UTF-8; who
 * refuses it (json.h does) says so.
 */
#ifndef EIDOLON_BASE_UTF8_H
#define EIDOLON_BASE_UTF8_H

#include "base/str.h"

/* State of a stream check; zero to begin. */
struct utf8_check {
    uint8_t need;      /* continuation bytes still to come */
    uint8_t low, high; /* bounds of the next one */
};

/* Feeds bytes; false as soon as they cannot be part of valid UTF-8. */
bool utf8_feed(struct utf8_check *check, struct str s);
/* True when no character is left open. */
static inline bool utf8_done(const struct utf8_check *check)
{
    return check->need == 0;
}

bool utf8_valid(struct str s);

/* The next code point of *rest, which is cut; invalid bytes give U+FFFD one byte at a time. *rest not empty.
 */
uint32_t utf8_next(struct str *rest);
/* Writes one code point (a valid one), 1 to 4 bytes; returns how many. */
size_t utf8_put(char to[4], uint32_t cp);
/* Code points in s. */
size_t utf8_count(struct str s);

#endif
