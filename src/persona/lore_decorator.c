/*
 * Decorators of Character Card V3: lines at the head of an entry's content that begin with "@@".
 *
 * "@@name value" is a decorator, "@@@name value" after it the fallback for programs that do not know it,
 * tried in order until one is known. Unknown ones are passed over; they stay in the stored content. Those
 * that speak of things which are not here (instruct formats, the user's icon) count as unknown.
 */
#include "persona/lore_match.h"

static bool number(struct str value, int64_t low, int64_t *out)
{
    int64_t n;
    if (!str_to_i64(str_trim(value), &n) || n < low || n > LORE_NUMBER_MAX)
        return false;
    *out = n;
    return true;
}

static bool list(struct arena *a, struct str value, struct persona_list *out)
{
    size_t count = 1;
    struct str rest = value, part;
    for (size_t i = 0; i < value.n; i++)
        count += value.p[i] == ',';
    out->v = arena_array(a, struct str, count);
    out->n = 0;
    while (str_cut(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.n && part.n <= LORE_KEY_MAX && out->n < LORE_KEYS_MAX)
            out->v[out->n++] = part;
    }
    return out->n > 0;
}

static bool flag(bool *to)
{
    *to = true;
    return true;
}

static bool place(struct str value, int64_t *to)
{
    static const struct {
        struct str name;
        enum lore_position position;
    } places[] = {
        {STR_INIT("before_desc"), LORE_BEFORE_CHAR},
        {STR_INIT("after_desc"), LORE_AFTER_CHAR},
        {STR_INIT("personality"), LORE_PERSONALITY},
        {STR_INIT("scenario"), LORE_SCENARIO},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (str_eq(str_trim(value), places[i].name)) {
            *to = places[i].position;
            return true;
        }
    }
    return false;
}

static bool role(struct str value, int64_t *to)
{
    for (int i = 0; i < LORE_ROLES; i++) {
        if (str_eq(str_trim(value), str_c(lore_role_names[i]))) {
            *to = i;
            return true;
        }
    }
    return false;
}

/* The house has a system prompt of its own, and no instructions after the conversation. */
static bool ui_prompt(struct lore_decor *d, struct str value)
{
    return str_eq(str_trim(value), STR("system_prompt")) && flag(&d->no_house_prompt);
}

static bool depth(struct lore_decor *d, struct str value, bool from_start)
{
    if (!number(value, 0, &d->depth))
        return false;
    d->from_start = from_start;
    return true;
}

/* True where the decorator is known and its value can be used. */
static bool apply(struct arena *a, struct lore_decor *d, struct str name, struct str value)
{
    if (str_eq(name, STR("activate_only_after")))
        return number(value, 0, &d->after);
    if (str_eq(name, STR("activate_only_every")))
        return number(value, 1, &d->every);
    if (str_eq(name, STR("is_greeting")))
        return number(value, 0, &d->greeting);
    if (str_eq(name, STR("depth")))
        return depth(d, value, false);
    if (str_eq(name, STR("reverse_depth")))
        return depth(d, value, true);
    if (str_eq(name, STR("scan_depth")))
        return number(value, 0, &d->scan_depth);
    if (str_eq(name, STR("role")))
        return role(value, &d->role);
    if (str_eq(name, STR("position")))
        return place(value, &d->position);
    if (str_eq(name, STR("additional_keys")))
        return list(a, value, &d->additional);
    if (str_eq(name, STR("exclude_keys")))
        return list(a, value, &d->excluded);
    if (str_eq(name, STR("keep_activate_after_match")))
        return flag(&d->keep);
    if (str_eq(name, STR("dont_activate_after_match")))
        return flag(&d->once);
    if (str_eq(name, STR("dont_activate")))
        return flag(&d->never);
    if (str_eq(name, STR("activate")))
        return flag(&d->always);
    if (str_eq(name, STR("ignore_on_max_context")))
        return flag(&d->yields);
    return str_eq(name, STR("disable_ui_prompt")) && ui_prompt(d, value);
}

void lore_decor_read(struct arena *a, struct str content, struct lore_decor *out)
{
    bool settled = true; /* the last "@@" was understood: its fallbacks are passed over */
    *out = (struct lore_decor){.content = content,
                               .after = LORE_UNSET,
                               .every = LORE_UNSET,
                               .greeting = LORE_UNSET,
                               .depth = LORE_UNSET,
                               .scan_depth = LORE_UNSET,
                               .role = LORE_UNSET,
                               .position = LORE_UNSET};
    struct str rest = content;
    while (rest.n && (rest.p[0] == '\n' || rest.p[0] == '\r'))
        rest = str_from(rest, 1);
    while (str_starts(rest, STR("@@"))) {
        size_t end = str_find_char(rest, '\n');
        struct str line = str_trim(str_sub(rest, 0, end));
        bool fallback = str_starts(line, STR("@@@"));
        line = str_from(line, fallback ? 3 : 2);
        size_t space = 0;
        while (space < line.n && line.p[space] != ' ' && line.p[space] != '\t' && line.p[space] != ':')
            space++;
        if (!fallback || !settled)
            settled = apply(a, out, str_sub(line, 0, space), str_trim(str_from(line, space + 1)));
        rest = end == SIZE_MAX ? STR_NONE : str_from(rest, end + 1);
        out->content = rest;
    }
}
