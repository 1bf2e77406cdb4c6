/*
 * Types as the tables write them: a small part of TypeScript's type language, parsed.
 *
 *   string  string(1..200)  number(0..1)  integer(0..)  boolean  null  unknown  undefined  "literal"
 *   Name  T[]  T[](..32)  A | B  Record<string, T>  { a: T; b?: T }  (T)
 *
 * A range counts bytes of a string, the value of a number, the members of an array. `undefined` in a field's
 * union means that the field may be left out. One parse serves the check of bodies (schema.h), JSON Schema
 * (openapi.c) and TypeScript (typescript.c).
 *
 * A type lies in the arena it was parsed into and does not change. It does not: know what a Name stands for.
 */
#ifndef EIDOLON_API_TYPE_H
#define EIDOLON_API_TYPE_H

#include "base/arena.h"
#include "base/error.h"

enum type_kind {
    TYPE_STRING,
    TYPE_NUMBER,
    TYPE_INTEGER,
    TYPE_BOOLEAN,
    TYPE_NULL,
    TYPE_UNKNOWN,
    TYPE_UNDEFINED,
    TYPE_LITERAL, /* text */
    TYPE_NAME,    /* text */
    TYPE_ARRAY,   /* of: the members' type */
    TYPE_RECORD,  /* of: the values' type */
    TYPE_OBJECT,  /* fields */
    TYPE_UNION,   /* of, linked by next */
};

struct type_field {
    struct str name, doc;
    const struct type *type; /* without `undefined` */
    bool optional;
    struct type_field *next;
};

struct type {
    enum type_kind kind;
    double min, max; /* NaN: no bound */
    struct str text;
    const struct type *of;
    struct type_field *fields;
    struct type *next;
};

/* ERR_INVALID with a sentence that shows where. */
enum err type_parse(struct arena *a, struct str text, const struct type **out, struct error *e);

/* A field from its type text: takes `undefined` out of the union and into `optional`. */
enum err type_field_parse(struct arena *a, struct str name, struct str type, struct str doc,
                          struct type_field **out, struct error *e);

#endif
