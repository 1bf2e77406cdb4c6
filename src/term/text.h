/*
 * Text on its way to a terminal: made harmless, and measured.
 *
 * What a persona writes is a stranger's text. Sent as it is, an escape sequence in it could move the cursor,
 * change the title, answer for the user, or turn letters around. So every text goes through text_clean()
 * first: control characters (C0 but \n and \t, DEL, C1) become U+FFFD, bidirectional overrides and isolates,
 * tags and other invisible commands vanish, invalid bytes become U+FFFD. Ordinary text comes through as it
 * is.
 *
 * Widths are columns as wcwidth() has them, so the caller's locale (LC_CTYPE) must be set: term_begin().
 */
#ifndef EIDOLON_TERM_TEXT_H
#define EIDOLON_TERM_TEXT_H

#include "base/buf.h"

enum { TAB_COLUMNS = 4 };

/* Appends the harmless form. '\n' stays, '\t' becomes spaces, '\r' goes where '\n' follows. */
void text_clean(struct buf *to, struct str s);
/* The same on one line: every run of white space and line ends is one space. */
void text_clean_line(struct buf *to, struct str s);
/* What a code point becomes: itself, U+FFFD, or 0 where it vanishes. '\n' and '\t' are control characters
 * here. */
uint32_t char_clean(uint32_t cp);
/* Columns of one code point: 0 for combining ones, 2 for wide ones. */
unsigned char_width(uint32_t cp);
/* Columns of a clean text. */
size_t text_width(struct str s);
/* Appends s, cut with "…" where it has more than `columns`; returns the columns used. */
size_t text_fit(struct buf *to, struct str s, size_t columns);

#endif
