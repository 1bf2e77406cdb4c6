/*
 * Filling in macros; see macro.h.
 *
 * One pass, left to right. A macro's argument is expanded before the macro looks at it, and so is what a
 * field brings in, to MACRO_DEPTH. Finding the end of a macro gives up after a few nested ones, so that a
 * text of nothing but braces costs no more than any other.
 */
#include "persona/macro.h"

#include "base/utf8.h"

#include <time.h>

struct expansion {
    const struct macro_values *values;
    struct buf out;
    unsigned fields; /* bit per field being expanded now: none brings in itself */
    size_t *work;    /* bytes that may still be looked at, in this expansion and those within */
};

/* Fields that bring in each other a thousand times produce little and cost much: work is bounded too. */
enum { WORK_MAX = 16 * MACRO_RESULT_MAX };

struct call {
    struct str name, arg;
    bool has_arg;
    uint64_t place; /* of the macro in its text, for pick */
};

static void expand(struct expansion *x, struct str text, unsigned depth);

static bool starts_i(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_ieq(str_sub(s, 0, prefix.n), prefix);
}

/* Where the macro that begins at s ("{{") ends: bytes with both pairs of braces; 0: it does not. */
static size_t macro_length(struct str s)
{
    unsigned open = 0;
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.p[i] == '{' && s.p[i + 1] == '{') {
            if (++open > MACRO_DEPTH)
                return 0;
            i++;
        } else if (s.p[i] == '}' && s.p[i + 1] == '}') {
            if (--open == 0)
                return i + 2;
            i++;
        }
    }
    return 0;
}

static struct str or_else(struct str s, struct str fallback)
{
    return str_empty(s) ? fallback : s;
}

static void put_name(struct expansion *x, bool user)
{
    const struct macro_values *v = x->values;
    if (user)
        buf_add(&x->out, or_else(v->user, STR("the user")));
    else
        buf_add(&x->out, v->persona ? persona_called(v->persona) : STR("the assistant"));
}

/* The choices of "a,b" ("\," is a comma) or "a::b"; with out NULL only counts. */
static size_t choice(struct str arg, size_t want, struct buf *out)
{
    bool colons = str_starts(arg, STR(":")) || str_find(arg, STR("::")) != SIZE_MAX;
    size_t count = 0;
    if (str_starts(arg, STR(":")))
        arg = str_from(arg, 1);
    size_t from = out ? out->n : 0;
    for (size_t i = 0; i <= arg.n; i++) {
        bool end = i == arg.n,
             split = !end && (colons ? str_starts(str_from(arg, i), STR("::")) : arg.p[i] == ',');
        bool escaped = !end && !colons && arg.p[i] == '\\' && i + 1 < arg.n && arg.p[i + 1] == ',';
        if (end || split) {
            if (out && count == want)
                break;
            count++;
            i += split && colons;
            continue;
        }
        i += escaped;
        if (out && count == want)
            buf_add_char(out, arg.p[i]);
    }
    if (out) {
        struct str made = str_trim(str_from(buf_str(out), from));
        memmove(out->p + from, made.p ? made.p : out->p, made.n);
        out->n = from + made.n;
    }
    return count;
}

static uint64_t mix(uint64_t seed, struct str s)
{
    uint64_t h = seed ^ 0xcbf29ce484222325ull; /* FNV-1a: the same on every start, unlike hash_bytes() */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdull;
    return h ^ h >> 33;
}

static void put_choice(struct expansion *x, const struct call *c, bool steady)
{
    uint64_t n = choice(c->arg, 0, NULL);
    uint64_t draw = steady ? mix(x->values->pick_seed + c->place, c->arg) : random_u64();
    buf_reserve(&x->out, 1); /* so that out.p exists */
    choice(c->arg, draw % n, &x->out);
}

/* "6", "d6", "2d6", "2d6+1". */
static bool put_roll(struct expansion *x, struct str arg)
{
    enum { DICE_MAX = 100, SIDES_MAX = 1000000 };
    uint64_t dice = 1, sides = 0, add = 0, sum = 0;
    arg = str_trim(arg);
    size_t plus = str_find_char(arg, '+');
    if (plus != SIZE_MAX && !str_to_u64(str_trim(str_from(arg, plus + 1)), &add))
        return false;
    arg = str_trim(str_sub(arg, 0, plus));
    size_t d = str_find_char(arg, 'd') != SIZE_MAX ? str_find_char(arg, 'd') : str_find_char(arg, 'D');
    if (d != SIZE_MAX && d > 0 && !str_to_u64(str_sub(arg, 0, d), &dice))
        return false;
    if (!str_to_u64(d == SIZE_MAX ? arg : str_from(arg, d + 1), &sides) || sides < 1 || sides > SIDES_MAX ||
        dice < 1 || dice > DICE_MAX || add > SIDES_MAX)
        return false;
    for (uint64_t i = 0; i < dice; i++)
        sum += 1 + random_u64() % sides;
    buf_add_u64(&x->out, sum + add);
    return true;
}

static void put_reversed(struct expansion *x, struct str s)
{
    size_t end = s.n;
    while (end) {
        size_t from = end - 1;
        while (from && ((unsigned char)s.p[from] & 0xC0) == 0x80)
            from--;
        buf_add(&x->out, str_sub(s, from, end - from));
        end = from;
    }
}

static bool put_clock(struct expansion *x, struct str name)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    time_t now = (time_t)(x->values->now_ms / 1000 + (int64_t)x->values->utc_offset_min * 60);
    struct tm tm;
    if (!gmtime_r(&now, &tm))
        return false;
    if (str_ieq(name, STR("time")))
        buf_printf(&x->out, "%02d:%02d", tm.tm_hour, tm.tm_min);
    else if (str_ieq(name, STR("date")))
        buf_printf(&x->out, "%d %s %d", tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
    else if (str_ieq(name, STR("weekday")))
        buf_add(&x->out, str_c(days[tm.tm_wday]));
    else
        return false;
    return true;
}

static bool put_field(struct expansion *x, struct str name, unsigned depth)
{
    const struct persona *p = x->values->persona;
    if (!p)
        return false;
    const struct {
        struct str name, text;
    } fields[] = {
        {STR("description"), p->description},
        {STR("personality"), p->personality},
        {STR("scenario"), p->scenario},
        {STR("original"), x->values->original},
    };
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        unsigned bit = 1u << i;
        if (!str_ieq(name, fields[i].name))
            continue;
        if (x->fields & bit)
            return true;
        x->fields |= bit;
        expand(x, fields[i].text, depth + 1);
        x->fields &= ~bit;
        return true;
    }
    return false;
}

static bool put_value(struct expansion *x, const struct call *c, unsigned depth)
{
    if (c->has_arg)
        return false;
    if (str_ieq(c->name, STR("char")) || str_ieq(c->name, STR("bot")))
        put_name(x, false);
    else if (str_ieq(c->name, STR("user")))
        put_name(x, true);
    else if (str_ieq(c->name, STR("mood")))
        buf_add(&x->out, or_else(x->values->mood, STR("calm")));
    else
        return put_clock(x, c->name) || put_field(x, c->name, depth);
    return true;
}

static void hide(struct expansion *x, struct str text)
{
    if (!x->values->hidden)
        return;
    buf_add(x->values->hidden, text);
    buf_add_char(x->values->hidden, '\n');
}

static bool put_call(struct expansion *x, const struct call *c)
{
    if (!c->has_arg)
        return false;
    if (str_ieq(c->name, STR("random")))
        put_choice(x, c, false);
    else if (str_ieq(c->name, STR("pick")))
        put_choice(x, c, true);
    else if (str_ieq(c->name, STR("roll")))
        return put_roll(x, c->arg);
    else if (str_ieq(c->name, STR("reverse")))
        put_reversed(x, c->arg);
    else if (str_ieq(c->name, STR("hidden_key")))
        hide(x, c->arg);
    else
        return str_ieq(c->name, STR("comment"));
    return true;
}

/* What is between the braces; false: unknown, and nothing was written. */
static bool put_macro(struct expansion *x, struct str inner, uint64_t place, unsigned depth)
{
    if (str_starts(str_trim(inner), STR("//")))
        return true;
    struct call c = {.place = place};
    size_t colon = str_find_char(inner, ':');
    c.has_arg = colon != SIZE_MAX;
    c.name = str_trim(str_sub(inner, 0, colon));
    if (!c.has_arg)
        return put_value(x, &c, depth);
    struct expansion arg = {
        .values = x->values, .out = BUF_MAX(MACRO_RESULT_MAX), .fields = x->fields, .work = x->work};
    expand(&arg, str_from(inner, colon + 1), depth + 1);
    c.arg = buf_str(&arg.out);
    bool known = put_call(x, &c);
    buf_release(&arg.out);
    return known;
}

/* <BOT>, <CHAR>, <USER>: how many bytes were taken; 0: it is no such thing. */
static size_t put_angle(struct expansion *x, struct str s)
{
    static const struct {
        struct str text;
        bool user;
    } names[] = {{STR_INIT("<BOT>"), false}, {STR_INIT("<CHAR>"), false}, {STR_INIT("<USER>"), true}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (starts_i(s, names[i].text)) {
            put_name(x, names[i].user);
            return names[i].text.n;
        }
    }
    return 0;
}

static void expand(struct expansion *x, struct str text, unsigned depth)
{
    size_t plain = 0;
    if (text.n > *x->work)
        return;
    *x->work -= text.n;
    for (size_t i = 0; i < text.n && !x->out.overflow;) {
        struct str rest = str_from(text, i);
        size_t used = 0, before = x->out.n;
        bool braces = str_starts(rest, STR("{{"));
        if ((!braces && text.p[i] != '<') || depth > MACRO_DEPTH) {
            i++;
            continue;
        }
        buf_add(&x->out, str_sub(text, plain, i - plain));
        if (!braces) {
            used = put_angle(x, rest);
        } else {
            size_t n = macro_length(rest);
            if (n && put_macro(x, str_sub(rest, 2, n - 4), i, depth))
                used = n;
        }
        if (!used) { /* not ours: back to plain text */
            x->out.n = before;
            i++;
            continue;
        }
        i += used;
        plain = i;
    }
    buf_add(&x->out, str_from(text, plain));
}

struct str macro_expand(struct arena *a, struct str text, const struct macro_values *values)
{
    if (str_find(text, STR("{{")) == SIZE_MAX && str_find_char(text, '<') == SIZE_MAX)
        return text;
    size_t work = WORK_MAX;
    struct expansion x = {.values = values, .out = BUF_MAX(MACRO_RESULT_MAX), .work = &work};
    expand(&x, text, 0);
    struct str result = arena_str(a, buf_str(&x.out));
    buf_release(&x.out);
    return result;
}
