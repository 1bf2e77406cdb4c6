/*
 * The HTTP/1.x request head: found, checked strictly (RFC 9110, 9112) and cut into views.
 *
 * Strict means: whatever another server or proxy might understand in another way is refused, because that
 * difference is how requests are smuggled. Refused are bare CR or LF, white space before the colon or at the
 * start of a line (obs-fold), bytes outside the grammar, two Host headers, any second Content-Length,
 * Content-Length beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0, codings that do not end in chunked.
 *
 * head_find() looks for the end in bytes that may still be growing and refuses bare line ends on the way;
 * head_parse() cuts the whole head. Neither allocates: the caller gives the header array.
 *
 * It does not: decode the target (target.h), know limits in time.
 */
#ifndef EIDOLON_NET_PARSE_HEAD_H
#define EIDOLON_NET_PARSE_HEAD_H

#include "net/http.h"

enum { HEAD_METHOD_MAX = 32 };

enum head_end {
    HEAD_MORE,    /* no end yet */
    HEAD_WHOLE,   /* *end is set: one past the empty line */
    HEAD_BARE_LF, /* a line end without CR, or a NUL: refuse */
    HEAD_TOO_LONG /* no end within max bytes */
};

/* `*scanned` remembers how far earlier calls came; 0 for a new head. */
enum head_end head_find(struct str bytes, size_t max, size_t *scanned, size_t *end);

struct head {
    enum http_method method;
    struct str method_text, target, host;
    unsigned minor; /* of HTTP/1.x */
    struct http_header *headers;
    unsigned count;
    int64_t content_length; /* -1: none */
    bool chunked;
    bool keep_alive; /* by version and Connection */
    bool upgrade;    /* Connection names it */
    bool expect;     /* 100-continue */
};

/*
 * `bytes` is the head with its closing empty line. `headers` has room for `max_headers`. The error's code
 * tells the status: ERR_INVALID 400, ERR_HEADERS_TOO_BIG 431, ERR_HTTP_VERSION 505, ERR_NOT_IMPLEMENTED 501,
 * ERR_EXPECTATION 417.
 */
enum err head_parse(struct str bytes, struct http_header *headers, unsigned max_headers, struct head *out,
                    struct error *e);

bool http_is_token(struct str s);       /* RFC 9110 5.6.2 */
bool http_is_field_value(struct str s); /* visible bytes, spaces, tabs, obs-text */
/* Calls of a comma-separated list, one element at a time, trimmed, empty ones skipped. */
bool http_list_next(struct str *rest, struct str *element);

#endif
