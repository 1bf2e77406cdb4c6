/* The schema tables, parsed once, and the check; see schema.h. */
#include "api/schema.h"

#include "base/nearest.h"

#include "event/event.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum row_kind { ROW_SCHEMA, ROW_FIELD };
static const struct row {
    enum row_kind kind;
    const char *name, *type, *doc;
} rows[] = {
#define SCHEMA(name, doc) {ROW_SCHEMA, name, NULL, doc},
#define FIELD(name, type, doc) {ROW_FIELD, name, type, doc},
#include "api/schema.def"
#undef SCHEMA
#undef FIELD
};
enum { ROWS = sizeof rows / sizeof *rows };

static struct schema table[ROWS];
static size_t table_count;
static const struct type_field *event_table[EVENT_KINDS];
static struct arena memory = ARENA_INIT;

/* The tables are part of the program: a mistake in them is a bug that the first unit test meets. */
static struct type_field *parse_row(const char *name, const char *type, const char *doc)
{
    struct error e = {0};
    struct type_field *field = NULL;
    if (type_field_parse(&memory, str_c(name), str_c(type), str_c(doc), &field, &e)) {
        fprintf(stderr, "schema: %s\n", e.message);
        abort();
    }
    return field;
}

static void load(void)
{
    struct type_field **tail = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == ROW_SCHEMA) {
            struct schema *schema = &table[table_count++];
            schema->name = rows[i].name;
            schema->doc = rows[i].doc;
            tail = (struct type_field **)&schema->fields;
            continue;
        }
        if (!tail)
            abort(); /* a FIELD before the first SCHEMA */
        *tail = parse_row(rows[i].name, rows[i].type, rows[i].doc);
        tail = &(*tail)->next;
    }
    size_t count = 0;
    const struct event_field_info *fields = event_fields(&count);
    struct type_field **event_tails[EVENT_KINDS];
    for (size_t kind = 0; kind < EVENT_KINDS; kind++)
        event_tails[kind] = (struct type_field **)&event_table[kind];
    for (size_t i = 0; i < count; i++) {
        struct type_field ***event_tail = &event_tails[fields[i].kind];
        **event_tail = parse_row(fields[i].name, fields[i].type, fields[i].doc);
        *event_tail = &(**event_tail)->next;
    }
}

static void load_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
}

const struct schema *schemas(size_t *count)
{
    load_once();
    *count = table_count;
    return table;
}

const struct schema *schema_find(struct str name)
{
    load_once();
    for (size_t i = 0; i < table_count; i++)
        if (str_eq(name, str_c(table[i].name)))
            return &table[i];
    return NULL;
}

const struct type_field *schema_event_fields(unsigned kind)
{
    load_once();
    return kind < EVENT_KINDS ? event_table[kind] : NULL;
}

struct check {
    unsigned flags;
    struct error *e;
    char path[sizeof((struct error *)0)->param];
};

static bool check_type(struct check *c, const struct type *t, const struct json *value);
static bool check_fields(struct check *c, const struct type_field *fields, const struct json *value);

static bool refuse(struct check *c, enum err err, const char *what)
{
    error_set_param(c->e, err, c->path, "%s%s%s%s", c->path[0] ? "The field '" : "The body", c->path,
                    c->path[0] ? "' " : " ", what);
    return false;
}

/* The path while a member is being checked; returns its length before. */
static size_t enter(struct check *c, struct str name)
{
    size_t n = strlen(c->path);
    if (n + name.n + 2 < sizeof c->path)
        snprintf(c->path + n, sizeof c->path - n, "%s%.*s", n ? "." : "", STR_ARG(name));
    return n;
}

static const char *expected(const struct type *t)
{
    switch (t->kind) {
    case TYPE_STRING:
    case TYPE_LITERAL:
        return "a string";
    case TYPE_NUMBER:
        return "a number";
    case TYPE_INTEGER:
        return "a whole number";
    case TYPE_BOOLEAN:
        return "true or false";
    case TYPE_NULL:
    case TYPE_UNDEFINED:
        return "null";
    case TYPE_ARRAY:
        return "an array";
    case TYPE_UNION:
        return expected(t->of);
    case TYPE_UNKNOWN:
    case TYPE_NAME:
    case TYPE_RECORD:
    case TYPE_OBJECT:
        break;
    }
    return "an object";
}

static bool wrong_type(struct check *c, const struct type *t, const struct json *value)
{
    char what[128];
    snprintf(what, sizeof what, "must be %s, not %s.", expected(t), json_type_name(value->type));
    return refuse(c, ERR_WRONG_TYPE, what);
}

static bool check_string(struct check *c, const struct type *t, const struct json *value)
{
    char what[96];
    if (!isnan(t->max) && (double)value->string.n > t->max) {
        snprintf(what, sizeof what, "may be at most %.0f bytes long; shorten it.", t->max);
        return refuse(c, ERR_TEXT_TOO_LONG, what);
    }
    if (!isnan(t->min) && (double)value->string.n < t->min)
        return refuse(c, ERR_REFUSED, "must not be empty.");
    return true;
}

static bool check_number(struct check *c, const struct type *t, const struct json *value)
{
    char what[96];
    int64_t whole;
    double number;
    if (t->kind == TYPE_INTEGER && !json_i64(value, &whole))
        return refuse(c, ERR_WRONG_TYPE, "must be a whole number.");
    if (!json_double(value, &number))
        return refuse(c, ERR_WRONG_TYPE, "is a number too large to be used.");
    if (number < t->min || number > t->max) {
        snprintf(what, sizeof what, "must lie between %g and %g.", isnan(t->min) ? -INFINITY : t->min,
                 isnan(t->max) ? INFINITY : t->max);
        return refuse(c, ERR_REFUSED, what);
    }
    return true;
}

static bool check_members(struct check *c, const struct type *t, const struct json *value)
{
    char what[96];
    if (!isnan(t->max) && value->count > t->max) {
        snprintf(what, sizeof what, "may have at most %.0f members.", t->max);
        return refuse(c, ERR_REFUSED, what);
    }
    size_t i = 0;
    json_each (item, value) {
        snprintf(what, sizeof what, "%zu", i++);
        size_t before = enter(c, t->kind == TYPE_RECORD ? item->key : str_c(what));
        if (!check_type(c, t->of, item))
            return false;
        c->path[before] = '\0';
    }
    return true;
}

static bool matches_kind(const struct type *t, const struct json *value)
{
    switch (t->kind) {
    case TYPE_STRING:
        return value->type == JSON_STRING;
    case TYPE_LITERAL:
        return value->type == JSON_STRING && str_eq(value->string, t->text);
    case TYPE_NUMBER:
    case TYPE_INTEGER:
        return value->type == JSON_NUMBER;
    case TYPE_BOOLEAN:
        return value->type == JSON_BOOL;
    case TYPE_NULL:
        return value->type == JSON_NULL;
    case TYPE_ARRAY:
        return value->type == JSON_ARRAY;
    case TYPE_NAME:
    case TYPE_RECORD:
    case TYPE_OBJECT:
        return value->type == JSON_OBJECT;
    case TYPE_UNKNOWN:
        return true;
    case TYPE_UNDEFINED:
    case TYPE_UNION:
        break;
    }
    return false;
}

static bool wrong_literal(struct check *c, const struct type *t)
{
    char what[256];
    size_t n = (size_t)snprintf(what, sizeof what, "must be one of");
    for (; t && n < sizeof what; t = t->next)
        if (t->kind == TYPE_LITERAL)
            n += (size_t)snprintf(what + n, sizeof what - n, " '%.*s'", STR_ARG(t->text));
    if (n < sizeof what - 1)
        snprintf(what + n, sizeof what - n, ".");
    return refuse(c, ERR_REFUSED, what);
}

static bool check_union(struct check *c, const struct type *t, const struct json *value)
{
    bool literals = false;
    for (const struct type *alt = t->of; alt; alt = alt->next) {
        if (matches_kind(alt, value))
            return check_type(c, alt, value);
        literals = literals || alt->kind == TYPE_LITERAL;
    }
    return literals && value->type == JSON_STRING ? wrong_literal(c, t->of) : wrong_type(c, t, value);
}

static bool check_type(struct check *c, const struct type *t, const struct json *value)
{
    if (t->kind == TYPE_UNION)
        return check_union(c, t, value);
    if (t->kind == TYPE_LITERAL && value->type == JSON_STRING && !str_eq(value->string, t->text))
        return wrong_literal(c, t);
    if (!matches_kind(t, value))
        return wrong_type(c, t, value);
    switch (t->kind) {
    case TYPE_STRING:
        return check_string(c, t, value);
    case TYPE_NUMBER:
    case TYPE_INTEGER:
        return check_number(c, t, value);
    case TYPE_ARRAY:
    case TYPE_RECORD:
        return check_members(c, t, value);
    case TYPE_OBJECT:
        return check_fields(c, t->fields, value);
    case TYPE_NAME:
        return check_fields(c, schema_find(t->text)->fields, value);
    default:
        return true;
    }
}

static bool refuse_unknown(struct check *c, const struct type_field *fields, struct str name)
{
    struct nearest near = NEAREST(name);
    char what[160];
    for (const struct type_field *field = fields; field; field = field->next)
        nearest_offer(&near, field->name);
    snprintf(what, sizeof what, "is not known here; check its spelling or leave it out.%s",
             nearest_hint(&near));
    return refuse(c, ERR_UNKNOWN_FIELD, what);
}

static bool check_fields(struct check *c, const struct type_field *fields, const struct json *value)
{
    json_each (member, value) {
        const struct type_field *field = fields;
        while (field && !str_eq(field->name, member->key))
            field = field->next;
        size_t before = enter(c, member->key);
        if (!field && !(c->flags & SCHEMA_TOLERANT))
            return refuse_unknown(c, fields, member->key);
        if (field && !check_type(c, field->type, member))
            return false;
        c->path[before] = '\0';
    }
    for (const struct type_field *field = fields; field; field = field->next) {
        bool there = field->optional;
        json_each (member, value)
            there = there || str_eq(field->name, member->key);
        if (!there) {
            enter(c, field->name);
            return refuse(c, ERR_MISSING_FIELD, "is missing.");
        }
    }
    return true;
}

enum err schema_check(const struct schema *schema, const struct json *body, unsigned flags, struct error *e)
{
    struct error local = {0};
    struct check c = {.flags = flags, .e = &local};
    bool fits = body->type == JSON_OBJECT ? check_fields(&c, schema->fields, body)
                                          : refuse(&c, ERR_WRONG_TYPE, "must be an object.");
    if (fits)
        return ERR_OK;
    if (e)
        *e = local;
    return local.err;
}
