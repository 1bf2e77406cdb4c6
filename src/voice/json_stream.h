/*
 * JSON documents out of a stream of bytes, cut anywhere: one after another, parted by anything (lines,
 * server-sent events' "data:" and comments, commas, nothing).
 *
 * A document begins with '{' and ends with the brace that closes it, strings and escapes regarded; what lies
 * between documents is passed over. Lines that begin with ':' between documents are comments. Each document's
 * text is handed on as it is; whoever gets it parses it.
 *
 * It does not: know what a document means. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_JSON_STREAM_H
#define EIDOLON_VOICE_JSON_STREAM_H

#include "base/buf.h"

enum { JSON_STREAM_DOCUMENT_MAX = 8 << 20 };

struct json_stream {
    struct buf text; /* of the document under way */
    unsigned depth;
    bool in_string, escaped;
    bool in_line, comment; /* between documents: not at a line's beginning; inside a comment */
    /* False stops the feeding. The view is valid during the call. */
    bool (*document)(void *arg, struct str text);
    void *arg;
};

void json_stream_init(struct json_stream *s, bool (*document)(void *arg, struct str text), void *arg);
void json_stream_release(struct json_stream *s);
/* ERR_TOO_BIG for a document over JSON_STREAM_DOCUMENT_MAX, ERR_CANCELLED where document() said false. */
enum err json_stream_feed(struct json_stream *s, struct str bytes);
/* A document has begun and not ended. */
bool json_stream_open(const struct json_stream *s);

#endif
