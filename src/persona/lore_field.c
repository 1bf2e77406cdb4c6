/* The fields of a lorebook entry as one table, and what is done with one field; see lore_inner.h. */
#include "persona/lore_inner.h"

#include <stdio.h>

#define AT(member) offsetof(struct lore_entry, member)
#define WHOLE 0, LORE_NUMBER_MAX
#define ANY -LORE_NUMBER_MAX, LORE_NUMBER_MAX

const char *const lore_position_names[LORE_POSITIONS] = {
    "before_char",     "after_char",     "top_note",    "bottom_note", "at_depth",
    "before_examples", "after_examples", "personality", "scenario",
};
const char *const lore_logic_names[LORE_LOGICS] = {"and_any", "not_all", "not_any", "and_all"};
const char *const lore_role_names[LORE_ROLES] = {"system", "user", "assistant"};

/* clang-format off */
const struct lore_field lore_fields[] = {
    {"name", "name", NULL, NULL, LORE_TEXT, AT(name), 0, LORE_KEY_MAX, 0, NULL},
    {"comment", "comment", NULL, "comment", LORE_TEXT, AT(comment), 0, LORE_CONTENT_MAX, 0, NULL},
    {"keys", "keys", NULL, "key", LORE_LIST, AT(keys), 0, LORE_KEY_MAX, 0, NULL},
    {"secondary_keys", "secondary_keys", NULL, "keysecondary", LORE_LIST, AT(secondary), 0, LORE_KEY_MAX, 0, NULL},
    {"selective", "selective", NULL, "selective", LORE_BOOL, AT(selective), 0, 1, 0, NULL},
    {"logic", NULL, "selectiveLogic", "selectiveLogic", LORE_CHOICE, AT(logic), 0, LORE_LOGICS - 1, LORE_AND_ANY, lore_logic_names},
    {"use_regex", "use_regex", NULL, NULL, LORE_BOOL, AT(use_regex), 0, 1, 0, NULL},
    {"case_sensitive", "case_sensitive", "case_sensitive", "caseSensitive", LORE_TRI, AT(case_sensitive), 0, 1, LORE_UNSET, NULL},
    {"whole_words", NULL, "match_whole_words", "matchWholeWords", LORE_TRI, AT(whole_words), 0, 1, LORE_UNSET, NULL},
    {"constant", "constant", NULL, "constant", LORE_BOOL, AT(constant), 0, 1, 0, NULL},
    {"enabled", "enabled", NULL, NULL, LORE_BOOL, AT(enabled), 0, 1, 1, NULL},
    {"content", "content", NULL, "content", LORE_TEXT, AT(content), 0, LORE_CONTENT_MAX, 0, NULL},
    {"position", "position", "position", "position", LORE_POSITION, AT(position), 0, LORE_AFTER_EXAMPLES, LORE_AFTER_CHAR, lore_position_names},
    {"depth", NULL, "depth", "depth", LORE_INT, AT(depth), WHOLE, 4, NULL},
    {"role", NULL, "role", "role", LORE_CHOICE, AT(role), 0, LORE_ROLES - 1, LORE_SYSTEM, lore_role_names},
    {"order", "insertion_order", NULL, "order", LORE_INT, AT(order), ANY, 100, NULL},
    {"priority", "priority", NULL, NULL, LORE_INT, AT(priority), ANY, 0, NULL},
    {"probability", NULL, "probability", "probability", LORE_INT, AT(probability), 0, 100, 100, NULL},
    {"sticky", NULL, "sticky", "sticky", LORE_INT, AT(sticky), WHOLE, 0, NULL},
    {"cooldown", NULL, "cooldown", "cooldown", LORE_INT, AT(cooldown), WHOLE, 0, NULL},
    {"delay", NULL, "delay", "delay", LORE_INT, AT(delay), WHOLE, 0, NULL},
    {"group", NULL, "group", "group", LORE_TEXT, AT(group), 0, LORE_KEY_MAX, 0, NULL},
    {"group_weight", NULL, "group_weight", "groupWeight", LORE_INT, AT(group_weight), WHOLE, 100, NULL},
    {"group_override", NULL, "group_override", "groupOverride", LORE_BOOL, AT(group_override), 0, 1, 0, NULL},
    {"group_scoring", NULL, "use_group_scoring", "useGroupScoring", LORE_TRI, AT(group_scoring), 0, 1, LORE_UNSET, NULL},
    {"exclude_recursion", NULL, "exclude_recursion", "excludeRecursion", LORE_BOOL, AT(exclude_recursion), 0, 1, 0, NULL},
    {"prevent_recursion", NULL, "prevent_recursion", "preventRecursion", LORE_BOOL, AT(prevent_recursion), 0, 1, 0, NULL},
    {"delay_until_recursion", NULL, "delay_until_recursion", "delayUntilRecursion", LORE_INT, AT(delay_until_recursion), WHOLE, 0, NULL},
    {"scan_depth", NULL, "scan_depth", "scanDepth", LORE_INT, AT(scan_depth), LORE_UNSET, LORE_NUMBER_MAX, LORE_UNSET, NULL},
    {"ignore_budget", NULL, "ignore_budget", "ignoreBudget", LORE_BOOL, AT(ignore_budget), 0, 1, 0, NULL},
};
/* clang-format on */
const size_t lore_field_count = sizeof lore_fields / sizeof *lore_fields;

const struct lore_field *lore_field_of_v3(struct str name)
{
    for (size_t i = 0; i < lore_field_count; i++) {
        if (lore_fields[i].v3 && str_eq(name, str_c(lore_fields[i].v3)))
            return &lore_fields[i];
    }
    return NULL;
}

const struct lore_field *lore_field_of_ext(struct str name)
{
    for (size_t i = 0; i < lore_field_count; i++) {
        if (lore_fields[i].ext && str_eq(name, str_c(lore_fields[i].ext)))
            return &lore_fields[i];
    }
    return NULL;
}

const struct lore_field *lore_field_find(struct str api)
{
    for (size_t i = 0; i < lore_field_count; i++) {
        if (str_eq(api, str_c(lore_fields[i].api)))
            return &lore_fields[i];
    }
    return lore_field_of_v3(api);
}

static struct str *text_at(const struct lore_entry *e, const struct lore_field *f)
{
    return (struct str *)(void *)((char *)(uintptr_t)e + f->offset);
}

static bool *bool_at(const struct lore_entry *e, const struct lore_field *f)
{
    return (bool *)(void *)((char *)(uintptr_t)e + f->offset);
}

static int64_t *int_at(const struct lore_entry *e, const struct lore_field *f)
{
    return (int64_t *)(void *)((char *)(uintptr_t)e + f->offset);
}

static struct persona_list *list_at(const struct lore_entry *e, const struct lore_field *f)
{
    return (struct persona_list *)(void *)((char *)(uintptr_t)e + f->offset);
}

static void reset(struct lore_entry *e, const struct lore_field *f)
{
    if (f->kind == LORE_TEXT)
        *text_at(e, f) = STR_NONE;
    else if (f->kind == LORE_LIST)
        *list_at(e, f) = (struct persona_list){0};
    else if (f->kind == LORE_BOOL)
        *bool_at(e, f) = f->fallback != 0;
    else
        *int_at(e, f) = f->fallback;
}

void lore_entry_init(struct lore_entry *e)
{
    *e = (struct lore_entry){0};
    for (size_t i = 0; i < lore_field_count; i++)
        reset(e, &lore_fields[i]);
}

static bool read_list(struct arena *a, struct persona_list *to, const struct json *value)
{
    if (value->type != JSON_ARRAY || value->count > LORE_KEYS_MAX)
        return false;
    struct persona_list list = {.v = arena_array(a, struct str, value->count)};
    json_each (member, value) {
        if (member->type == JSON_STRING && member->string.n <= LORE_KEY_MAX)
            list.v[list.n++] = member->string;
    }
    *to = list;
    return true;
}

static bool word_of(const struct lore_field *f, struct str word, int64_t *out)
{
    for (int64_t i = f->low; i <= f->high; i++) {
        if (str_eq(word, str_c(f->names[i]))) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Whole numbers also as 5.0 or "5", as some tools write them; true is 1. */
static bool number_of(const struct json *value, int64_t *out)
{
    double d;
    if (value->type == JSON_BOOL) {
        *out = value->boolean;
        return true;
    }
    if (value->type == JSON_STRING)
        return str_to_i64(str_trim(value->string), out);
    if (json_i64(value, out))
        return true;
    if (!json_double(value, &d) || !(d >= -LORE_NUMBER_MAX && d <= LORE_NUMBER_MAX))
        return false;
    *out = (int64_t)d;
    return true;
}

bool lore_field_read(struct arena *a, struct lore_entry *e, const struct lore_field *f,
                     const struct json *value)
{
    int64_t number = 0;
    switch (f->kind) {
    case LORE_TEXT:
        if (value->type != JSON_STRING)
            return false;
        *text_at(e, f) = value->string;
        return true;
    case LORE_LIST:
        return read_list(a, list_at(e, f), value);
    case LORE_BOOL:
        if (value->type != JSON_BOOL)
            return false;
        *bool_at(e, f) = value->boolean;
        return true;
    case LORE_CHOICE:
    case LORE_POSITION:
        if (value->type == JSON_STRING && word_of(f, value->string, int_at(e, f)))
            return true;
        break;
    case LORE_TRI:
        if (value->type != JSON_BOOL)
            return false;
        break;
    case LORE_INT:
        break;
    }
    if (!number_of(value, &number) || number < f->low || number > f->high)
        return false;
    *int_at(e, f) = number;
    return true;
}

static enum err refuse(const struct lore_field *f, size_t at, enum err err, struct error *e, const char *must)
{
    char param[64];
    snprintf(param, sizeof param, "entries.%zu.%s", at, f->api);
    return error_set_param(e, err, param, "The field '%s' of entry %zu must be %s.", f->api, at + 1, must);
}

static enum err take_list(struct arena *a, struct lore_entry *e, const struct lore_field *f,
                          const struct json *value, size_t at, struct error *error)
{
    if (value->type != JSON_ARRAY)
        return refuse(f, at, ERR_WRONG_TYPE, error, "an array of strings");
    if (value->count > LORE_KEYS_MAX)
        return refuse(f, at, ERR_REFUSED, error, "shorter: at most 1000 keys are allowed");
    json_each (member, value) {
        if (member->type != JSON_STRING)
            return refuse(f, at, ERR_WRONG_TYPE, error, "an array of strings");
        if (member->string.n > LORE_KEY_MAX)
            return refuse(f, at, ERR_TEXT_TOO_LONG, error, "made of keys of at most 2000 bytes");
    }
    read_list(a, list_at(e, f), value);
    return ERR_OK;
}

static enum err take_choice(struct lore_entry *e, const struct lore_field *f, const struct json *value,
                            size_t at, struct error *error)
{
    char must[160];
    size_t n = 0;
    if (value->type == JSON_STRING && word_of(f, value->string, int_at(e, f)))
        return ERR_OK;
    for (int64_t i = f->low; i <= f->high && n < sizeof must; i++)
        n += (size_t)snprintf(must + n, sizeof must - n, "%s%s",
                              i == f->low    ? "one of "
                              : i == f->high ? " or "
                                             : ", ",
                              f->names[i]);
    return refuse(f, at, value->type == JSON_STRING ? ERR_REFUSED : ERR_WRONG_TYPE, error, must);
}

enum err lore_field_take(struct arena *a, struct lore_entry *e, const struct lore_field *f,
                         const struct json *value, size_t at, struct error *error)
{
    int64_t number = 0;
    char must[64];
    if (value->type == JSON_NULL) {
        reset(e, f);
        return ERR_OK;
    }
    switch (f->kind) {
    case LORE_TEXT:
        if (value->type != JSON_STRING)
            return refuse(f, at, ERR_WRONG_TYPE, error, "a string");
        if (value->string.n > (size_t)f->high)
            return refuse(f, at, ERR_TEXT_TOO_LONG, error, "shorter");
        *text_at(e, f) = value->string;
        return ERR_OK;
    case LORE_LIST:
        return take_list(a, e, f, value, at, error);
    case LORE_BOOL:
    case LORE_TRI:
        if (value->type != JSON_BOOL)
            return refuse(f, at, ERR_WRONG_TYPE, error, "true or false");
        lore_field_read(a, e, f, value);
        return ERR_OK;
    case LORE_CHOICE:
    case LORE_POSITION:
        return take_choice(e, f, value, at, error);
    case LORE_INT:
        break;
    }
    bool yes = value->type == JSON_BOOL && str_eq(str_c(f->api), STR("delay_until_recursion"));
    if (value->type != JSON_NUMBER && !yes)
        return refuse(f, at, ERR_WRONG_TYPE, error, "a whole number");
    snprintf(must, sizeof must, "a whole number from %lld to %lld", (long long)f->low, (long long)f->high);
    if (!(yes ? number_of(value, &number) : json_i64(value, &number)) || number < f->low || number > f->high)
        return refuse(f, at, ERR_REFUSED, error, must);
    *int_at(e, f) = number;
    return ERR_OK;
}

bool lore_field_same(const struct lore_entry *a, const struct lore_entry *b, const struct lore_field *f)
{
    if (f->kind == LORE_TEXT)
        return str_eq(*text_at(a, f), *text_at(b, f));
    if (f->kind == LORE_BOOL)
        return *bool_at(a, f) == *bool_at(b, f);
    if (f->kind != LORE_LIST)
        return *int_at(a, f) == *int_at(b, f);
    const struct persona_list *x = list_at(a, f), *y = list_at(b, f);
    for (size_t i = 0; i < x->n && x->n == y->n; i++) {
        if (!str_eq(x->v[i], y->v[i]))
            return false;
    }
    return x->n == y->n;
}

void lore_field_write(struct jw *w, const struct lore_entry *e, const struct lore_field *f, bool in_api)
{
    const struct persona_list *list = list_at(e, f);
    int64_t number = 0;
    switch (f->kind) {
    case LORE_TEXT:
        jw_string(w, *text_at(e, f));
        return;
    case LORE_LIST:
        jw_array(w);
        for (size_t i = 0; i < list->n; i++)
            jw_string(w, list->v[i]);
        jw_end_array(w);
        return;
    case LORE_BOOL:
        jw_bool(w, *bool_at(e, f));
        return;
    case LORE_TRI:
        if (*int_at(e, f) == LORE_UNSET)
            jw_null(w);
        else
            jw_bool(w, *int_at(e, f) != 0);
        return;
    case LORE_CHOICE:
    case LORE_POSITION:
    case LORE_INT:
        number = *int_at(e, f);
        if (f->names && in_api)
            jw_string(w, str_c(f->names[number]));
        else if (f->low == LORE_UNSET && number == LORE_UNSET)
            jw_null(w);
        else
            jw_i64(w, number);
        return;
    }
}
