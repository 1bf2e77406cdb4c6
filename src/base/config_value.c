/* One setting's value: text to typed field and back; see config_value.h. */
#include "base/config_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000},
};
static const struct unit size_units[] = {
    {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}, {"", 1},
};
enum {
    DURATION_UNITS = sizeof duration_units / sizeof *duration_units,
    SIZE_UNITS = sizeof size_units / sizeof *size_units,
    UNIT_TEXT = 32,
    SHOWN_MAX = 60 /* bytes of a refused value that a sentence repeats */
};

/* Digits, then one of the units; "KB" and "KiB" are read as "K". */
static bool read_unit(struct str text, const struct unit *units, size_t count, uint64_t *out)
{
    text = str_trim(text);
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    uint64_t number;
    if (!str_to_u64(str_sub(text, 0, digits), &number))
        return false;
    struct str suffix = str_trim(str_from(text, digits));
    if (units == size_units && suffix.n > 1 && str_ends(suffix, STR("iB")))
        suffix.n -= 2;
    else if (units == size_units && suffix.n > 1 && str_ends(suffix, STR("B")))
        suffix.n -= 1;
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(suffix, str_c(units[i].suffix)))
            return !__builtin_mul_overflow(number, units[i].factor, out);
    }
    return false;
}

/* The largest unit that says it exactly. */
static void write_unit(char to[UNIT_TEXT], uint64_t value, const struct unit *units, size_t count)
{
    const struct unit *best = units == size_units ? &units[count - 1] : &units[0];
    for (size_t i = 0; i < count && value; i++) {
        if (units[i].suffix[0] && value % units[i].factor == 0 && units[i].factor > best->factor)
            best = &units[i];
    }
    snprintf(to, UNIT_TEXT, "%" PRIu64 "%s", value / best->factor, best->suffix);
}

enum err config_duration(struct str text, uint64_t *ms, struct error *e)
{
    if (read_unit(text, duration_units, DURATION_UNITS, ms))
        return ERR_OK;
    return error_set(e, ERR_INVALID, "'%.*s' is no duration; write it as 250ms, 10s, 5m, 2h or 30d.",
                     STR_ARG(str_sub(text, 0, SHOWN_MAX)));
}

enum err config_size(struct str text, uint64_t *bytes, struct error *e)
{
    if (read_unit(text, size_units, SIZE_UNITS, bytes))
        return ERR_OK;
    return error_set(e, ERR_INVALID, "'%.*s' is no size; write it as 65536, 64K, 10M or 2G.",
                     STR_ARG(str_sub(text, 0, SHOWN_MAX)));
}

static const struct {
    const char *name, *typescript;
} types[] = {
    [CONFIG_TEXT] = {"a text", "string"},
    [CONFIG_PATH] = {"a path", "string"},
    [CONFIG_CHOICE] = {"a word", "string"},
    [CONFIG_INT] = {"a whole number", "number | null"},
    [CONFIG_FLOAT] = {"a number", "number | null"},
    [CONFIG_SIZE] = {"a size as 64K, 10M or 2G", "string"},
    [CONFIG_DURATION] = {"a duration as 250ms, 10s, 5m, 2h or 30d", "string"},
    [CONFIG_BOOL] = {"on or off", "boolean"},
    [CONFIG_LIST] = {"words parted by commas", "string[]"},
};

const char *config_type_name(enum config_type type)
{
    return types[type].name;
}

const char *config_type_typescript(enum config_type type)
{
    return types[type].typescript;
}

static enum err refuse(const struct config_row *row, struct str text, const struct config_place *place,
                       struct error *e)
{
    char shown[SHOWN_MAX + 1], limits[128] = "";
    if (row->flags & CONFIG_SECRET)
        str_copy(shown, sizeof shown, STR("(secret)"));
    else
        str_copy(shown, sizeof shown, text);
    if (row->limits[0] && row->type != CONFIG_CHOICE)
        snprintf(limits, sizeof limits, " within %s", row->limits);
    if (row->type == CONFIG_CHOICE)
        return error_set_param(e, ERR_INVALID, row->key, "%s: '%.*s' must be one of %s, not '%s'.",
                               place->where, STR_ARG(place->name), row->limits, shown);
    return error_set_param(e, ERR_INVALID, row->key, "%s: '%.*s' must be %s%s, not '%s'.", place->where,
                           STR_ARG(place->name), types[row->type].name, limits, shown);
}

/* Both sides of "low..high"; a missing side is empty. */
static void limits_of(const struct config_row *row, struct str *low, struct str *high)
{
    struct str limits = str_c(row->limits);
    size_t dots = str_find(limits, STR(".."));
    *low = dots == SIZE_MAX ? STR_NONE : str_sub(limits, 0, dots);
    *high = dots == SIZE_MAX ? STR_NONE : str_from(limits, dots + 2);
}

static bool int_allowed(const struct config_row *row, int64_t value)
{
    struct str low, high;
    int64_t bound;
    limits_of(row, &low, &high);
    return value != CONFIG_NO_INT && !(str_to_i64(low, &bound) && value < bound) &&
           !(str_to_i64(high, &bound) && value > bound);
}

static bool float_allowed(const struct config_row *row, double value)
{
    struct str low, high;
    double bound;
    limits_of(row, &low, &high);
    return isfinite(value) && !(str_to_double(low, &bound) && value < bound) &&
           !(str_to_double(high, &bound) && value > bound);
}

static bool unit_allowed(const struct config_row *row, uint64_t value)
{
    struct str low, high;
    uint64_t bound;
    const struct unit *units = row->type == CONFIG_SIZE ? size_units : duration_units;
    size_t count = row->type == CONFIG_SIZE ? SIZE_UNITS : DURATION_UNITS;
    limits_of(row, &low, &high);
    return !(read_unit(low, units, count, &bound) && value < bound) &&
           !(read_unit(high, units, count, &bound) && value > bound);
}

static bool read_choice(const struct config_row *row, struct str text, struct str *out)
{
    struct str rest = str_c(row->limits), word;
    while (str_cut(&rest, '|', &word)) {
        if (str_ieq(word, text)) {
            *out = word;
            return true;
        }
    }
    return false;
}

static bool read_bool(struct str text, bool *out)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_ieq(text, str_c(words[i]))) {
            *out = i % 2;
            return true;
        }
    }
    return false;
}

static struct str read_path(struct arena *a, struct str text)
{
    const char *home = getenv("HOME");
    if (home && str_starts(text, STR("~/")))
        return arena_printf(a, "%s%.*s", home, STR_ARG(str_from(text, 1)));
    return arena_str(a, text);
}

/* The next word of a list: bare up to a comma, or in double quotes with \n \t \" \\. */
static struct str list_word(struct arena *a, struct str *rest)
{
    struct str text = str_trim(*rest);
    if (text.n == 0 || text.p[0] != '"') {
        struct str word = STR_NONE;
        *rest = text;
        str_cut(rest, ',', &word);
        return arena_str(a, str_trim(word));
    }
    char *to = arena_alloc(a, text.n);
    size_t n = 0, i = 1;
    for (; i < text.n && text.p[i] != '"'; i++) {
        char c = text.p[i];
        if (c == '\\' && i + 1 < text.n) {
            c = text.p[++i];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        to[n++] = c;
    }
    struct str skipped, after = str_from(text, i + 1);
    *rest = STR_NONE;
    if (str_cut(&after, ',', &skipped))
        *rest = after;
    return str_of(to, n);
}

void config_list_add(struct buf *to, struct str item)
{
    buf_add(to, to->n ? STR(",\"") : STR("\""));
    for (size_t i = 0; i < item.n; i++) {
        char c = item.p[i];
        if (c == '"' || c == '\\' || c == '\n' || c == '\t')
            buf_add_char(to, '\\');
        buf_add_char(to, (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c));
    }
    buf_add_char(to, '"');
}

static void read_list(struct arena *a, struct str text, bool append, struct config_list *list)
{
    struct config_list before = append ? *list : (struct config_list){NULL, 0};
    size_t most = before.n + 1;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == ',';
    struct str *v = arena_array(a, struct str, most);
    size_t n = 0;
    for (; n < before.n; n++)
        v[n] = before.v[n];
    while (str_trim(text).n) {
        struct str word = list_word(a, &text);
        if (word.n)
            v[n++] = word;
    }
    *list = (struct config_list){v, n};
}

/* Text may stand in double quotes, to keep its spaces. */
static struct str unquote(struct str text)
{
    bool quoted = text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"' &&
                  str_find_char(str_sub(text, 1, text.n - 2), '"') == SIZE_MAX;
    return quoted ? str_sub(text, 1, text.n - 2) : text;
}

enum err config_value_read(struct arena *a, const struct config_row *row, void *base, struct str text,
                           bool append, const struct config_place *place, struct error *e)
{
    void *field = (char *)base + row->offset;
    bool fine = true;
    int64_t integer = CONFIG_NO_INT;
    double number = NAN;
    uint64_t units = 0;
    bool boolean = false;
    struct str word = STR_NONE;
    text = str_trim(text);
    switch (row->type) {
    case CONFIG_TEXT:
        *(struct str *)field = arena_str(a, unquote(text));
        break;
    case CONFIG_PATH:
        *(struct str *)field = read_path(a, unquote(text));
        break;
    case CONFIG_CHOICE:
        if ((fine = read_choice(row, text, &word)))
            *(struct str *)field = word;
        break;
    case CONFIG_INT:
        if ((fine = text.n == 0 ? row->fallback[0] == '\0'
                                : str_to_i64(text, &integer) && int_allowed(row, integer)))
            *(int64_t *)field = integer;
        break;
    case CONFIG_FLOAT:
        if ((fine = text.n == 0 ? row->fallback[0] == '\0'
                                : str_to_double(text, &number) && float_allowed(row, number)))
            *(double *)field = number;
        break;
    case CONFIG_SIZE:
        if ((fine = read_unit(text, size_units, SIZE_UNITS, &units) && unit_allowed(row, units)))
            *(uint64_t *)field = units;
        break;
    case CONFIG_DURATION:
        if ((fine = read_unit(text, duration_units, DURATION_UNITS, &units) && unit_allowed(row, units)))
            *(uint64_t *)field = units;
        break;
    case CONFIG_BOOL:
        if ((fine = read_bool(text, &boolean)))
            *(bool *)field = boolean;
        break;
    case CONFIG_LIST:
        read_list(a, text, append, field);
        break;
    }
    return fine ? ERR_OK : refuse(row, text, place, e);
}

static bool is_set(const struct config_row *row, const void *field)
{
    return row->type == CONFIG_LIST ? ((const struct config_list *)field)->n > 0
                                    : ((const struct str *)field)->n > 0;
}

void config_value_write_json(struct jw *w, const struct config_row *row, const void *base)
{
    const void *field = (const char *)base + row->offset;
    char text[UNIT_TEXT];
    if (row->flags & CONFIG_SECRET) {
        jw_object(w);
        jw_kv_bool(w, "set", is_set(row, field));
        jw_end_object(w);
        return;
    }
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_CHOICE:
        jw_string(w, *(const struct str *)field);
        break;
    case CONFIG_INT:
        if (*(const int64_t *)field == CONFIG_NO_INT)
            jw_null(w);
        else
            jw_i64(w, *(const int64_t *)field);
        break;
    case CONFIG_FLOAT: /* jw_double writes NaN as null */
        jw_double(w, *(const double *)field);
        break;
    case CONFIG_SIZE:
        write_unit(text, *(const uint64_t *)field, size_units, SIZE_UNITS);
        jw_string(w, str_c(text));
        break;
    case CONFIG_DURATION:
        write_unit(text, *(const uint64_t *)field, duration_units, DURATION_UNITS);
        jw_string(w, str_c(text));
        break;
    case CONFIG_BOOL:
        jw_bool(w, *(const bool *)field);
        break;
    case CONFIG_LIST: {
        const struct config_list *list = field;
        jw_array(w);
        for (size_t i = 0; i < list->n; i++)
            jw_string(w, list->v[i]);
        jw_end_array(w);
        break;
    }
    }
}
