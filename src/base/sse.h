/*
 * Server-sent events, read as they come (WHATWG HTML, "Server-sent events", 9.2.6).
 *
 * Feed bytes cut anywhere; each complete event calls back with its name and its data (lines joined by \n).
 * Lines end in \n, \r\n or \r. Comments and the fields id and retry are dropped; a byte order mark at the
 * start is skipped. What the standard drops but a driver should look at is told by sse_pending(): data
 * without its empty line at the end of the stream, and JSON that a server wrote without any framing (a line
 * that begins with a brace, and all lines after it), which is how some report an error.
 */
#ifndef EIDOLON_BASE_SSE_H
#define EIDOLON_BASE_SSE_H

#include "base/buf.h"

enum { SSE_LINE_MAX = 4 << 20, SSE_NAME_MAX = 64 };

struct sse {
    struct buf line, data, stray;
    char name[SSE_NAME_MAX];
    bool has_data, after_cr, started;
    /* False stops the feeding. Views are valid during the call. */
    bool (*event)(void *arg, struct str name, struct str data);
    void *arg;
};

void sse_init(struct sse *s, bool (*event)(void *arg, struct str name, struct str data), void *arg);
void sse_release(struct sse *s);
/* ERR_TOO_BIG for a line or an event over SSE_LINE_MAX, ERR_CANCELLED if event() said so. */
enum err sse_feed(struct sse *s, struct str bytes);
/* What had no framing, else data or a line that nothing has ended yet. */
struct str sse_pending(const struct sse *s);

#endif
