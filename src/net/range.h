/*
 * Byte ranges (RFC 9110 14): which part of a body of known size a Range header asks for.
 *
 * One range is honoured. A list of several, another unit or bad syntax is ignored, as the RFC allows: the
 * answer is then the whole body.
 */
#ifndef EIDOLON_NET_RANGE_H
#define EIDOLON_NET_RANGE_H

#include "base/str.h"

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_UNSATISFIABLE };

/* For RANGE_PART, *from and *n (at least 1 byte, within size). */
enum range_kind range_parse(struct str header, uint64_t size, uint64_t *from, uint64_t *n);

/* HTTP dates. IMF-fixdate only ("Sun, 06 Nov 1994 08:49:37 GMT"), the form everybody sends today. */
enum { HTTP_DATE = 30 };
void http_date(char to[HTTP_DATE], int64_t unix_s);
bool http_date_parse(struct str s, int64_t *unix_s);

#endif
