/* A recursive descent over the type language; see type.h. */
#include "api/type.h"

#include <ctype.h>
#include <math.h>

struct reader {
    struct arena *a;
    struct str all, rest;
    bool failed;
};

static struct type *parse_union(struct reader *r);

static void skip_space(struct reader *r)
{
    while (r->rest.n && isspace((unsigned char)r->rest.p[0]))
        r->rest = str_from(r->rest, 1);
}

static bool take(struct reader *r, const char *token)
{
    skip_space(r);
    if (!str_starts(r->rest, str_c(token)))
        return false;
    r->rest = str_from(r->rest, strlen(token));
    return true;
}

static void expect(struct reader *r, const char *token)
{
    if (!take(r, token))
        r->failed = true;
}

static struct str take_word(struct reader *r)
{
    skip_space(r);
    size_t n = 0;
    while (n < r->rest.n && (isalnum((unsigned char)r->rest.p[n]) || r->rest.p[n] == '_'))
        n++;
    struct str word = str_sub(r->rest, 0, n);
    r->rest = str_from(r->rest, n);
    return word;
}

static struct type *new_type(struct reader *r, enum type_kind kind)
{
    struct type *t = arena_new(r->a, struct type);
    t->kind = kind;
    t->min = t->max = NAN;
    return t;
}

/* "(a..b)", either side may be absent. */
static void parse_range(struct reader *r, struct type *t)
{
    if (!str_starts(r->rest, STR("(")))
        return;
    size_t end = str_find_char(r->rest, ')'), dots = str_find(r->rest, STR(".."));
    if (end == SIZE_MAX || dots == SIZE_MAX || dots > end) {
        r->failed = true;
        return;
    }
    struct str low = str_sub(r->rest, 1, dots - 1), high = str_sub(r->rest, dots + 2, end - dots - 2);
    if ((low.n && !str_to_double(low, &t->min)) || (high.n && !str_to_double(high, &t->max)))
        r->failed = true;
    r->rest = str_from(r->rest, end + 1);
}

static struct type *parse_object(struct reader *r)
{
    struct type *t = new_type(r, TYPE_OBJECT);
    struct type_field **tail = &t->fields;
    while (!r->failed && !take(r, "}")) {
        struct str name = take_word(r);
        bool optional = take(r, "?");
        expect(r, ":");
        if (str_empty(name) || r->failed) {
            r->failed = true;
            break;
        }
        struct type_field *field = arena_new(r->a, struct type_field);
        field->name = name;
        field->optional = optional;
        field->type = parse_union(r);
        *tail = field;
        tail = &field->next;
        if (!take(r, ";")) {
            expect(r, "}");
            break;
        }
    }
    return t;
}

static struct type *parse_record(struct reader *r)
{
    struct type *t = new_type(r, TYPE_RECORD);
    expect(r, "<");
    expect(r, "string");
    expect(r, ",");
    t->of = parse_union(r);
    expect(r, ">");
    return t;
}

static struct type *parse_literal(struct reader *r)
{
    struct type *t = new_type(r, TYPE_LITERAL);
    size_t end = str_find_char(r->rest, '"');
    if (end == SIZE_MAX) {
        r->failed = true;
        return t;
    }
    t->text = str_sub(r->rest, 0, end);
    r->rest = str_from(r->rest, end + 1);
    return t;
}

static struct type *parse_word(struct reader *r)
{
    static const struct {
        const char *word;
        enum type_kind kind;
    } words[] = {{"string", TYPE_STRING},       {"number", TYPE_NUMBER}, {"integer", TYPE_INTEGER},
                 {"boolean", TYPE_BOOLEAN},     {"null", TYPE_NULL},     {"unknown", TYPE_UNKNOWN},
                 {"undefined", TYPE_UNDEFINED}, {"Record", TYPE_RECORD}};
    struct str word = take_word(r);
    if (str_empty(word))
        r->failed = true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_eq(word, str_c(words[i].word)))
            continue;
        return words[i].kind == TYPE_RECORD ? parse_record(r) : new_type(r, words[i].kind);
    }
    struct type *t = new_type(r, TYPE_NAME);
    t->text = word;
    return t;
}

static struct type *parse_one(struct reader *r)
{
    struct type *t;
    if (take(r, "{")) {
        t = parse_object(r);
    } else if (take(r, "\"")) {
        t = parse_literal(r);
    } else if (take(r, "(")) {
        t = parse_union(r);
        expect(r, ")");
    } else {
        t = parse_word(r);
        parse_range(r, t);
    }
    while (!r->failed && take(r, "[]")) {
        struct type *array = new_type(r, TYPE_ARRAY);
        array->of = t;
        parse_range(r, array);
        t = array;
    }
    return t;
}

static struct type *parse_union(struct reader *r)
{
    struct type *first = parse_one(r);
    if (r->failed || !take(r, "|"))
        return first;
    struct type *all = new_type(r, TYPE_UNION), *last = first;
    all->of = first;
    do {
        last->next = parse_one(r);
        last = last->next;
    } while (!r->failed && take(r, "|"));
    return all;
}

enum err type_parse(struct arena *a, struct str text, const struct type **out, struct error *e)
{
    struct reader r = {.a = a, .all = text, .rest = text};
    const struct type *t = parse_union(&r);
    skip_space(&r);
    if (r.failed || r.rest.n)
        return error_set(e, ERR_INVALID, "The type '%.*s' cannot be read at '%.*s'.", STR_ARG(text),
                         STR_ARG(r.rest));
    *out = t;
    return ERR_OK;
}

enum err type_field_parse(struct arena *a, struct str name, struct str type, struct str doc,
                          struct type_field **out, struct error *e)
{
    const struct type *t = NULL;
    enum err err = type_parse(a, type, &t, e);
    if (err || !t)
        return err;
    struct type_field *field = arena_new(a, struct type_field);
    field->name = name;
    field->doc = doc;
    field->type = t;
    if (t->kind == TYPE_UNION) {
        struct type *all = arena_new(a, struct type), *last = NULL;
        *all = *t;
        all->of = NULL;
        for (const struct type *alt = t->of; alt; alt = alt->next) {
            if (alt->kind == TYPE_UNDEFINED) {
                field->optional = true;
                continue;
            }
            struct type *kept = arena_new(a, struct type);
            *kept = *alt;
            kept->next = NULL;
            if (last)
                last->next = kept;
            else
                all->of = kept;
            last = kept;
        }
        field->type = all->of && !all->of->next ? all->of : all;
    }
    *out = field;
    return ERR_OK;
}
