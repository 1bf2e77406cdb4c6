/*
 * zlib behind three small doors: a WebSocket message deflated, one inflated (RFC 7692, no context takeover),
 * and a body gzipped. The coders are per thread and reset for each use, so that nothing is allocated per
 * message and no connection holds a window.
 */
#ifndef EIDOLON_NET_DEFLATE_H
#define EIDOLON_NET_DEFLATE_H

#include "base/buf.h"

/* Appends the raw deflate stream without its 00 00 ff ff tail. False: it did not fit into out's limit. */
bool deflate_message(struct str in, struct buf *out);

enum inflate_result { INFLATE_OK, INFLATE_BAD, INFLATE_TOO_BIG };
/* Appends the inflated message; at most out->max bytes. */
enum inflate_result inflate_message(struct str in, struct buf *out);

/* Appends a gzip member. False: out's limit. */
bool gzip_body(struct str in, struct buf *out);

enum { DEFLATE_WORTH = 1024 }; /* bytes; shorter ones are sent as they are */

/* text, JSON, JavaScript, XML, SVG, WebAssembly: types that shrink. */
bool compressible_type(struct str content_type);

#endif
