/* JSON reading; see json.h. The writer is in json_write.c. */
#include "base/json.h"

#include "base/utf8.h"

#include <stdlib.h>

struct parser {
    struct arena *arena;
    struct str text;
    size_t at;
    uint32_t nodes;
    unsigned depth;
    struct error *error;
};

static enum err parse_value(struct parser *p, struct json **out);

static enum err bad(struct parser *p, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < p->at && i < p->text.n; i++) {
        column++;
        if (p->text.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return error_set(p->error, ERR_MALFORMED_JSON, "The JSON is malformed at line %zu, column %zu: %s.", line,
                     column, what);
}

static int peek(const struct parser *p)
{
    return p->at < p->text.n ? (unsigned char)p->text.p[p->at] : -1;
}

static void skip_space(struct parser *p)
{
    for (int c = peek(p); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(p))
        p->at++;
}

static bool hex4(struct parser *p, uint32_t *out)
{
    uint32_t value = 0;
    if (p->text.n - p->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p->text.p[p->at + (size_t)i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    p->at += 4;
    *out = value;
    return true;
}

/* After "\u": one code point, from one or two escapes. */
static enum err unicode_escape(struct parser *p, uint32_t *out)
{
    uint32_t high = 0, low = 0;
    if (!hex4(p, &high))
        return bad(p, "\\u needs four hexadecimal digits");
    if (high == 0)
        return bad(p, "the character NUL (\\u0000) is not allowed");
    if (high >= 0xDC00 && high <= 0xDFFF)
        return bad(p, "a lone low surrogate is no character");
    if (high < 0xD800 || high > 0xDBFF) {
        *out = high;
        return ERR_OK;
    }
    if (p->text.n - p->at < 6 || p->text.p[p->at] != '\\' || p->text.p[p->at + 1] != 'u')
        return bad(p, "a lone high surrogate is no character");
    p->at += 2;
    if (!hex4(p, &low) || low < 0xDC00 || low > 0xDFFF)
        return bad(p, "a lone high surrogate is no character");
    *out = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return ERR_OK;
}

static enum err decode_escape(struct parser *p, char **to)
{
    static const char from_to[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    int c = peek(p);
    if (c == 'u') {
        uint32_t cp = 0;
        p->at++;
        enum err err = unicode_escape(p, &cp);
        if (err == ERR_OK)
            *to += utf8_put(*to, cp);
        return err;
    }
    for (size_t i = 0; i + 1 < sizeof from_to; i += 2) {
        if (from_to[i] == c) {
            *(*to)++ = from_to[i + 1];
            p->at++;
            return ERR_OK;
        }
    }
    return bad(p, "this escape is not one that JSON knows");
}

/* Finds the closing quote and whether there are escapes; the text was checked for UTF-8 before. */
static enum err scan_string(struct parser *p, size_t *end, bool *escapes)
{
    *escapes = false;
    for (size_t i = p->at; i < p->text.n; i++) {
        unsigned char c = (unsigned char)p->text.p[i];
        if (c == '"') {
            *end = i;
            return ERR_OK;
        }
        if (c == '\\') {
            *escapes = true;
            i++;
        } else if (c < 0x20) {
            p->at = i;
            return bad(p, "a control character inside a string must be escaped");
        }
    }
    p->at = p->text.n;
    return bad(p, "a string is not closed");
}

static enum err parse_string(struct parser *p, struct str *out)
{
    size_t end = 0;
    bool escapes = false;
    p->at++; /* the opening quote */
    enum err err = scan_string(p, &end, &escapes);
    if (err != ERR_OK)
        return err;
    struct str body = str_sub(p->text, p->at, end - p->at);
    if (!escapes) {
        *out = body;
        p->at = end + 1;
        return ERR_OK;
    }
    /* Decoding never makes text longer. */
    char *text = arena_alloc(p->arena, body.n + 1), *to = text;
    while (p->at < end) {
        char c = p->text.p[p->at++];
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        err = decode_escape(p, &to);
        if (err != ERR_OK)
            return err;
    }
    p->at = end + 1;
    *out = str_of(text, (size_t)(to - text));
    return ERR_OK;
}

static bool digits(struct parser *p)
{
    size_t from = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at > from;
}

static enum err parse_number(struct parser *p)
{
    if (peek(p) == '-')
        p->at++;
    if (peek(p) == '0')
        p->at++;
    else if (!digits(p))
        return bad(p, "a value was expected");
    if (peek(p) == '.') {
        p->at++;
        if (!digits(p))
            return bad(p, "digits must follow the decimal point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (!digits(p))
            return bad(p, "digits must follow the exponent sign");
    }
    return ERR_OK;
}

static enum err parse_word(struct parser *p, struct str word)
{
    if (!str_starts(str_from(p->text, p->at), word))
        return bad(p, "a value was expected");
    p->at += word.n;
    return ERR_OK;
}

static int key_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool duplicate_keys(struct parser *p, const struct json *object)
{
    if (object->count < 2)
        return false;
    if (object->count <= 8) {
        json_each (x, object) {
            for (const struct json *y = x->next; y; y = y->next) {
                if (str_eq(x->key, y->key))
                    return true;
            }
        }
        return false;
    }
    struct str *keys = arena_array(p->arena, struct str, object->count);
    size_t n = 0;
    json_each (x, object)
        keys[n++] = x->key;
    qsort(keys, n, sizeof *keys, key_order);
    for (size_t i = 1; i < n; i++) {
        if (str_eq(keys[i - 1], keys[i]))
            return true;
    }
    return false;
}

static enum err parse_member(struct parser *p, bool keyed, struct json **out)
{
    struct str key = STR_NONE;
    skip_space(p);
    if (keyed) {
        if (peek(p) != '"')
            return bad(p, "a member name in double quotes was expected");
        enum err err = parse_string(p, &key);
        if (err != ERR_OK)
            return err;
        skip_space(p);
        if (peek(p) != ':')
            return bad(p, "a ':' was expected after the member name");
        p->at++;
    }
    enum err err = parse_value(p, out);
    if (err == ERR_OK)
        (*out)->key = key;
    return err;
}

static enum err parse_container(struct parser *p, struct json *node, char close)
{
    bool keyed = node->type == JSON_OBJECT;
    struct json **tail = &node->child;
    if (++p->depth > JSON_MAX_DEPTH)
        return bad(p, "it is nested more than 64 levels deep");
    p->at++;
    skip_space(p);
    if (peek(p) == close) {
        p->at++;
        p->depth--;
        return ERR_OK;
    }
    for (;;) {
        enum err err = parse_member(p, keyed, tail);
        if (err != ERR_OK)
            return err;
        tail = &(*tail)->next;
        node->count++;
        skip_space(p);
        int c = peek(p);
        if (c != ',' && c != close)
            return bad(p, keyed ? "a ',' or '}' was expected" : "a ',' or ']' was expected");
        p->at++;
        if (c == close)
            break;
    }
    p->depth--;
    if (keyed && duplicate_keys(p, node))
        return bad(p, "an object names the same member twice");
    return ERR_OK;
}

static enum err parse_value(struct parser *p, struct json **out)
{
    skip_space(p);
    if (++p->nodes > JSON_MAX_NODES)
        return bad(p, "it has more than 200000 values");
    struct json *node = arena_new(p->arena, struct json);
    size_t start = p->at;
    enum err err = ERR_OK;
    switch (peek(p)) {
    case '{':
        node->type = JSON_OBJECT;
        err = parse_container(p, node, '}');
        break;
    case '[':
        node->type = JSON_ARRAY;
        err = parse_container(p, node, ']');
        break;
    case '"':
        node->type = JSON_STRING;
        err = parse_string(p, &node->string);
        break;
    case 't':
        node->type = JSON_BOOL;
        node->boolean = true;
        err = parse_word(p, STR("true"));
        break;
    case 'f':
        node->type = JSON_BOOL;
        err = parse_word(p, STR("false"));
        break;
    case 'n':
        node->type = JSON_NULL;
        err = parse_word(p, STR("null"));
        break;
    case -1:
        err = bad(p, "it ends where a value was expected");
        break;
    default:
        node->type = JSON_NUMBER;
        err = parse_number(p);
    }
    if (err != ERR_OK)
        return err;
    node->raw = str_sub(p->text, start, p->at - start);
    *out = node;
    return ERR_OK;
}

enum err json_parse(struct arena *a, struct str text, struct json **out, struct error *e)
{
    struct parser p = {.arena = a, .text = text, .error = e};
    struct json *value = NULL;
    if (!utf8_valid(text))
        return error_set(e, ERR_MALFORMED_JSON, "The JSON is not valid UTF-8; send it encoded as UTF-8.");
    enum err err = parse_value(&p, &value);
    if (err != ERR_OK)
        return err;
    skip_space(&p);
    if (p.at != text.n)
        return bad(&p, "something follows after the end of the value");
    *out = value;
    return ERR_OK;
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    struct str want = str_c(key);
    json_each (member, object) {
        if (str_eq(member->key, want))
            return member;
    }
    return NULL;
}

struct str json_get_str(const struct json *object, const char *key, struct str fallback)
{
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_STRING ? member->string : fallback;
}

bool json_get_bool(const struct json *object, const char *key, bool fallback)
{
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_BOOL ? member->boolean : fallback;
}

double json_get_double(const struct json *object, const char *key, double fallback)
{
    double value = 0;
    return json_double(json_get(object, key), &value) ? value : fallback;
}

int64_t json_get_i64(const struct json *object, const char *key, int64_t fallback)
{
    int64_t value = 0;
    return json_i64(json_get(object, key), &value) ? value : fallback;
}

bool json_double(const struct json *number, double *out)
{
    return number && number->type == JSON_NUMBER && str_to_double(number->raw, out);
}

bool json_i64(const struct json *number, int64_t *out)
{
    return number && number->type == JSON_NUMBER && str_to_i64(number->raw, out);
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    return names[type];
}
