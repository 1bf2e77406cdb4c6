/*
 * Filling in macros; see macro.h.
 *
 * One pass, left to right. A macro's argument is expanded before the macro looks at it, and so is what a
 * field brings in, to MACRO_DEPTH. Finding the end of a macro gives up after a few nested ones, so that a
 * text of nothing but braces costs no more than any other.
 */
#include "persona/macro.h"

#include "base/utf8.h"

#include <stdio.h>
#include <time.h>

struct expansion {
    const struct macro_values *values;
    struct buf out;
    unsigned fields; /* bit per field being expanded now: none brings in itself */
    bool trim;       /* {{trim}} was met: line ends around it go */
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

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

static bool clock_at(const struct expansion *x, int64_t offset_min, struct tm *tm)
{
    time_t now = (time_t)(x->values->now_ms / 1000 + offset_min * 60);
    return gmtime_r(&now, tm) != NULL;
}

/* {{time_UTC+2}}: hours from Greenwich. */
static bool utc_offset(struct str name, int64_t *offset_min)
{
    static const struct str lead = STR_INIT("time_UTC");
    int64_t hours = 0;
    if (!starts_i(name, lead))
        return false;
    struct str rest = str_from(name, lead.n);
    if (rest.n && rest.p[0] == '+')
        rest = str_from(rest, 1);
    if ((rest.n && !str_to_i64(rest, &hours)) || hours < -24 || hours > 24)
        return false;
    *offset_min = hours * 60;
    return true;
}

static bool put_clock(struct expansion *x, struct str name)
{
    struct tm tm;
    int64_t offset = x->values->utc_offset_min;
    bool elsewhere = utc_offset(name, &offset);
    if (!clock_at(x, offset, &tm))
        return false;
    if (elsewhere || str_ieq(name, STR("time")) || str_ieq(name, STR("isotime")))
        buf_printf(&x->out, "%02d:%02d", tm.tm_hour, tm.tm_min);
    else if (str_ieq(name, STR("date")))
        buf_printf(&x->out, "%d %s %d", tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
    else if (str_ieq(name, STR("isodate")))
        buf_printf(&x->out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    else if (str_ieq(name, STR("weekday")))
        buf_add(&x->out, str_c(days[tm.tm_wday]));
    else
        return false;
    return true;
}

/* Moment's letters, those that cards use; everything else as it is. */
static size_t put_format_piece(struct buf *out, struct str s, const struct tm *tm)
{
    int hour = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
    const struct {
        struct str token;
        const char *format;
        int value;
        const char *word;
    } pieces[] = {
        {STR("YYYY"), "%04d", tm->tm_year + 1900, NULL},
        {STR("YY"), "%02d", tm->tm_year % 100, NULL},
        {STR("MMMM"), "%s", 0, months[tm->tm_mon]},
        {STR("MMM"), "%.3s", 0, months[tm->tm_mon]},
        {STR("MM"), "%02d", tm->tm_mon + 1, NULL},
        {STR("M"), "%d", tm->tm_mon + 1, NULL},
        {STR("DD"), "%02d", tm->tm_mday, NULL},
        {STR("D"), "%d", tm->tm_mday, NULL},
        {STR("dddd"), "%s", 0, days[tm->tm_wday]},
        {STR("ddd"), "%.3s", 0, days[tm->tm_wday]},
        {STR("HH"), "%02d", tm->tm_hour, NULL},
        {STR("H"), "%d", tm->tm_hour, NULL},
        {STR("hh"), "%02d", hour, NULL},
        {STR("h"), "%d", hour, NULL},
        {STR("mm"), "%02d", tm->tm_min, NULL},
        {STR("ss"), "%02d", tm->tm_sec, NULL},
        {STR("A"), "%s", 0, tm->tm_hour < 12 ? "AM" : "PM"},
        {STR("a"), "%s", 0, tm->tm_hour < 12 ? "am" : "pm"},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (!str_starts(s, pieces[i].token))
            continue;
        char text[32];
        if (pieces[i].word)
            buf_add(out, str_sub(str_c(pieces[i].word), 0, pieces[i].format[1] == '.' ? 3 : SIZE_MAX));
        else if (pieces[i].format[1] == '0')
            buf_add(out, str_of(text, (size_t)snprintf(text, sizeof text, "%0*d", pieces[i].format[2] - '0',
                                                       pieces[i].value)));
        else
            buf_add(out, str_of(text, (size_t)snprintf(text, sizeof text, "%d", pieces[i].value)));
        return pieces[i].token.n;
    }
    buf_add_char(out, s.p[0]);
    return 1;
}

static bool put_format(struct expansion *x, struct str format)
{
    struct tm tm;
    if (!clock_at(x, x->values->utc_offset_min, &tm))
        return false;
    for (size_t i = 0; i < format.n;)
        i += put_format_piece(&x->out, str_from(format, i), &tm);
    return true;
}

static void put_idle(struct expansion *x)
{
    static const struct {
        const char *one, *many;
        int64_t seconds;
    } units[] = {{"a year", "years", 365 * 86400},
                 {"a month", "months", 30 * 86400},
                 {"a day", "days", 86400},
                 {"an hour", "hours", 3600},
                 {"a minute", "minutes", 60}};
    int64_t seconds = x->values->idle_ms / 1000;
    if (x->values->idle_ms < 0 || seconds < 60) {
        buf_add(&x->out, x->values->idle_ms < 0 ? STR("just now") : STR("a few seconds"));
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t n = seconds / units[i].seconds;
        if (n == 0)
            continue;
        if (n == 1)
            buf_add(&x->out, str_c(units[i].one));
        else
            buf_printf(&x->out, "%lld %s", (long long)n, units[i].many);
        return;
    }
}

/* What people said goes in as it is. */
static bool put_said(struct expansion *x, struct str name)
{
    const struct macro_values *v = x->values;
    if (str_ieq(name, STR("input")) || str_ieq(name, STR("lastUserMessage")))
        buf_add(&x->out, v->said_user);
    else if (str_ieq(name, STR("lastCharMessage")))
        buf_add(&x->out, v->said_self);
    else if (str_ieq(name, STR("lastMessage")))
        buf_add(&x->out, v->said_last);
    else if (str_ieq(name, STR("persona")))
        buf_add(&x->out, v->who);
    else
        return false;
    return true;
}

static bool put_layout(struct expansion *x, struct str name)
{
    if (str_ieq(name, STR("newline")))
        buf_add_char(&x->out, '\n');
    else if (str_ieq(name, STR("trim")))
        x->trim = true;
    else if (str_ieq(name, STR("idle_duration")))
        put_idle(x);
    else
        return str_ieq(name, STR("noop"));
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
        return put_layout(x, c->name) || put_said(x, c->name) || put_clock(x, c->name) ||
               put_field(x, c->name, depth);
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
    static const struct str format = STR_INIT("datetimeformat "), roll = STR_INIT("roll ");
    if (starts_i(str_trim(inner), format))
        return put_format(x, str_trim(str_from(str_trim(inner), format.n)));
    if (starts_i(str_trim(inner), roll))
        return put_roll(x, str_from(str_trim(inner), roll.n));
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
        if (x->trim) {
            while (x->out.n && (x->out.p[x->out.n - 1] == '\n' || x->out.p[x->out.n - 1] == '\r'))
                x->out.n--;
            while (i < text.n && (text.p[i] == '\n' || text.p[i] == '\r'))
                i++;
            x->trim = false;
        }
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
