/*
 * Time, behind a seam that tests replace.
 *
 * Durations and timers use the monotonic clock; the wall clock only stamps `at`. A negative gap between two
 * wall times (the clock was set back) counts as zero: clock_gap_ms().
 */
#ifndef EIDOLON_BASE_CLOCK_H
#define EIDOLON_BASE_CLOCK_H

#include "base/str.h"

uint64_t clock_mono_us(void); /* microseconds since some fixed point */
int64_t clock_wall_ms(void);  /* milliseconds since 1970, UTC */

static inline int64_t clock_gap_ms(int64_t from, int64_t to)
{
    return to > from ? to - from : 0;
}

/* RFC 3339, UTC, milliseconds: "2026-11-21T04:41:07.250Z"; CLOCK_TEXT bytes with the NUL. */
enum { CLOCK_TEXT = 25 };
void clock_format(char to[CLOCK_TEXT], int64_t wall_ms);
/* Accepts RFC 3339 with any offset and 0 to 9 digits of fraction. */
bool clock_parse(struct str s, int64_t *wall_ms);

/* Tests only: other sources; NULL restores the system's. Not thread-safe: before threads start. */
void clock_replace(uint64_t (*mono_us)(void), int64_t (*wall_ms)(void));

#endif
