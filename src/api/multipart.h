/*
 * multipart/form-data (RFC 7578) in memory: the parts of a name.
 *
 * It does not: stream, decode transfer encodings (browsers send none).
 */
#ifndef EIDOLON_API_MULTIPART_H
#define EIDOLON_API_MULTIPART_H

#include "base/error.h"

struct multipart_part {
    struct str type; /* its Content-Type, or empty */
    struct str filename;
    struct str bytes;
};

/* Is this Content-Type multipart/form-data? */
bool multipart_is(struct str content_type);
/* Views into `body`. ERR_INVALID: no boundary, no such part, not well formed. */
enum err multipart_find(struct str content_type, struct str body, struct str name, struct multipart_part *out,
                        struct error *e);
/* The one after `nth` others of that name. */
enum err multipart_nth(struct str content_type, struct str body, struct str name, unsigned nth,
                       struct multipart_part *out, struct error *e);

#endif
