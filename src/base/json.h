/*
 * JSON in and out (RFC 8259), keeping the original text of everything that is read.
 *
 * Reading builds a small tree in an arena over the text it was given: every value knows its `raw` slice, so a
 * value we only carry (an unknown field of a card, a number of 400 digits) goes out as exactly the bytes that
 * came in. Strings without escapes are views into the text; others are decoded into the arena. The text must
 * outlive the tree.
 *
 * Refused: invalid UTF-8, NUL (as a byte or as \u0000), lone surrogates, depth and node counts past the
 * limits, duplicate keys (two meanings of one document are how filters are fooled), anything after the value.
 *
 * Writing appends to a struct buf through a struct jw, which puts the commas.
 *
 * It does not: keep a document open for editing, know any schema (shape.h does).
 */
#ifndef EIDOLON_BASE_JSON_H
#define EIDOLON_BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool boolean;
    uint32_t count;     /* members of an array or object */
    struct str raw;     /* the value's own text */
    struct str key;     /* decoded, when the parent is an object */
    struct str string;  /* decoded, JSON_STRING only */
    struct json *child; /* first member */
    struct json *next;  /* next sibling */
};

enum { JSON_MAX_DEPTH = 64, JSON_MAX_NODES = 200000 };

/* Parses the whole of `text`. On failure the sentence names line and column. */
enum err json_parse(struct arena *a, struct str text, struct json **out, struct error *e);

#define json_each(item, parent) for (const struct json *item = (parent)->child; item; item = item->next)

/* Members; NULL when absent or `object` is NULL or no object. */
const struct json *json_get(const struct json *object, const char *key);

/* Lenient getters for values that were checked before (shape.h) or that are optional: the fallback is
 * returned when the member is absent, null or of another type. */
struct str json_get_str(const struct json *object, const char *key, struct str fallback);
bool json_get_bool(const struct json *object, const char *key, bool fallback);
double json_get_double(const struct json *object, const char *key, double fallback);
int64_t json_get_i64(const struct json *object, const char *key, int64_t fallback);

/* A number's value: false if it is no JSON_NUMBER or does not fit (1E400; 1.5 as an integer). */
bool json_double(const struct json *number, double *out);
bool json_i64(const struct json *number, int64_t *out);

const char *json_type_name(enum json_type type); /* "an object", "a number": for sentences */

/* A writer. Values are put in order; in an object each value follows its key. Nesting to JSON_MAX_DEPTH. */
struct jw {
    struct buf *b;
    uint64_t has_member; /* a bit per depth: whether a comma is due */
    unsigned depth;
    bool after_key;
};

#define JW(buffer) ((struct jw){.b = (buffer)})

void jw_object(struct jw *w);
void jw_array(struct jw *w);
void jw_end_object(struct jw *w);
void jw_end_array(struct jw *w);
void jw_key(struct jw *w, struct str key);
void jw_string(struct jw *w, struct str s); /* s is valid UTF-8 */
void jw_i64(struct jw *w, int64_t value);
void jw_u64(struct jw *w, uint64_t value);
void jw_double(struct jw *w, double value); /* shortest text that reads back as the same; not finite: null */
void jw_bool(struct jw *w, bool value);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str json); /* text that is JSON already; empty: null */

/* Key and value in one; the key is a C literal. */
void jw_kv_string(struct jw *w, const char *key, struct str s);
void jw_kv_i64(struct jw *w, const char *key, int64_t value);
void jw_kv_u64(struct jw *w, const char *key, uint64_t value);
void jw_kv_double(struct jw *w, const char *key, double value);
void jw_kv_bool(struct jw *w, const char *key, bool value);
void jw_kv_raw(struct jw *w, const char *key, struct str json);
void jw_kv_null(struct jw *w, const char *key);

#endif
