/*
 * Request targets: the path decoded and normalised once, query parameters decoded when asked for.
 *
 * After target_split() nobody decodes a path again, so "%252e" is a file called "%2e", and a check made on
 * the path holds for what is opened. Refused: broken percent-encoding, NUL and control bytes, invalid UTF-8,
 * backslashes, dot segments (also encoded ones) that climb above the root.
 */
#ifndef EIDOLON_NET_TARGET_H
#define EIDOLON_NET_TARGET_H

#include "base/arena.h"
#include "base/error.h"

/* target: "/path?query" or "*". The path is new text in the arena, the query a view into the target. */
enum err target_split(struct arena *a, struct str target, struct str *path, struct str *query,
                      struct error *e);

/* Decodes one query name or value ('+' is a space); false when it is no valid UTF-8 text or has a NUL. */
bool target_decode(struct arena *a, struct str s, struct str *out);

#endif
