/*
 * Static assets: a table of files built into the executable, each with its precompressed variants.
 *
 * The table is made by a generator (or by hand in tests), is sorted by path in byte order and lives for ever:
 * bodies are sent from where they lie, without a copy. A request gets the smallest variant that it accepts,
 * 304 when its If-None-Match names the ETag, and the headers that belong to a page: immutable caching for
 * hashed names (otherwise "no-cache": keep, but ask), Content-Security-Policy for documents, Vary.
 *
 * It does not: decide what "/" or an unknown path means; the caller does (a single-page fallback, a 404).
 */
#ifndef EIDOLON_NET_ASSET_H
#define EIDOLON_NET_ASSET_H

#include "net/http.h"

struct asset {
    const char *path; /* "/index.html", as in http_req.path */
    const char *type; /* Content-Type, with its charset */
    const char *etag; /* quoted, of the plain bytes: "\"5f3a…\"" ; variants get a suffix */
    bool immutable;   /* the name holds a hash of the content: cache for a year */
    const char *csp;  /* instead of net_config.csp, for a document with inline script hashes; or NULL */
    struct str plain; /* always there */
    struct str gzip, brotli; /* empty: no such variant */
};

struct assets {
    const struct asset *list; /* sorted by path */
    size_t count;
};

const struct asset *asset_find(const struct assets *assets, struct str path); /* NULL: none */

/* Answers GET and HEAD (ranges of the plain bytes too); the caller has refused other methods. */
void http_reply_asset(struct http_req *req, const struct asset *asset) LOOP;

#endif
