/*
 * The objects of the API by name (schema.def), and the check of a request's body against one.
 *
 * A body that does not fit is refused with the path of the first field at fault ("traits.humor"): unknown
 * fields by name (unless the caller tolerates them), wrong types with what was expected, texts and numbers
 * out of their range. What a table cannot say (a slug that is taken) the handler checks.
 *
 * The parsed tables are made at the first use, once, and live as long as the process. Any thread.
 */
#ifndef EIDOLON_API_SCHEMA_H
#define EIDOLON_API_SCHEMA_H

#include "api/type.h"
#include "base/json.h"

struct schema {
    const char *name, *doc;
    const struct type_field *fields;
};

/* All, in the table's order. */
const struct schema *schemas(size_t *count);
/* NULL when there is none. */
const struct schema *schema_find(struct str name);
/* The data fields of each kind of event (event/kinds.def), by enum event_kind. */
const struct type_field *schema_event_fields(unsigned kind);

enum schema_flags { SCHEMA_TOLERANT = 1 << 0 /* unknown fields are let through */ };

/* ERR_WRONG_TYPE, ERR_MISSING_FIELD, ERR_UNKNOWN_FIELD (400); ERR_TEXT_TOO_LONG, ERR_REFUSED (422). */
enum err schema_check(const struct schema *schema, const struct json *body, unsigned flags, struct error *e);

#endif
