/*
 * What a responder without a model can still compute: simple sums, the time and the date.
 */
#include "engine/scripted_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct sum {
    struct str text;
    size_t at;
    unsigned operators, depth;
    bool failed;
};

static void skip_space(struct sum *s)
{
    while (s->at < s->text.n && s->text.p[s->at] == ' ')
        s->at++;
}

/* Reads an operator, as a sign or a word; 0 for none. */
static char operator_at(struct sum *s)
{
    static const struct {
        const char *text;
        char sign;
    } signs[] = {{"+", '+'},
                 {"-", '-'},
                 {"\xe2\x88\x92", '-'},
                 {"*", '*'},
                 {"\xc3\x97", '*'},
                 {"/", '/'},
                 {"\xc3\xb7", '/'},
                 {"plus ", '+'},
                 {"minus ", '-'},
                 {"times ", '*'},
                 {"multiplied by ", '*'},
                 {"divided by ", '/'},
                 {"over ", '/'},
                 {"x ", '*'},
                 {"^", '^'},
                 {"to the power of ", '^'}};
    skip_space(s);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (str_starts(str_from(s->text, s->at), str_c(signs[i].text))) {
            s->at += strlen(signs[i].text);
            return signs[i].sign;
        }
    return 0;
}

static double read_sum(struct sum *s);

static double read_number(struct sum *s)
{
    skip_space(s);
    if (s->at < s->text.n && s->text.p[s->at] == '(') {
        s->at++;
        if (++s->depth > 20)
            s->failed = true;
        double value = s->failed ? 0 : read_sum(s);
        skip_space(s);
        s->failed |= s->at >= s->text.n || s->text.p[s->at] != ')';
        s->at++;
        return value;
    }
    size_t from = s->at;
    if (s->at < s->text.n && s->text.p[s->at] == '-')
        s->at++;
    while (s->at < s->text.n && (strchr("0123456789.", s->text.p[s->at]) && s->text.p[s->at]))
        s->at++;
    struct str digits = str_sub(s->text, from, s->at - from);
    while (digits.n && digits.p[digits.n - 1] == '.')
        digits.n--;
    double value = 0;
    s->failed |= digits.n > 18 || !str_to_double(digits, &value);
    return value;
}

static double read_power(struct sum *s)
{
    double value = read_number(s);
    size_t mark = s->at;
    if (!s->failed && operator_at(s) == '^') {
        s->operators++;
        return pow(value, read_number(s));
    }
    s->at = mark;
    return value;
}

static double read_product(struct sum *s)
{
    double value = read_power(s);
    while (!s->failed) {
        size_t mark = s->at;
        char sign = operator_at(s);
        if (sign != '*' && sign != '/') {
            s->at = mark;
            break;
        }
        s->operators++;
        double other = read_power(s);
        value = sign == '*' ? value * other : value / other;
    }
    return value;
}

static double read_sum(struct sum *s)
{
    double value = read_product(s);
    while (!s->failed) {
        size_t mark = s->at;
        char sign = operator_at(s);
        if (sign != '+' && sign != '-') {
            s->at = mark;
            break;
        }
        s->operators++;
        double other = read_product(s);
        value = sign == '+' ? value + other : value - other;
    }
    return value;
}

bool find_sum(struct making *m)
{
    struct str text = m->heard;
    enum { TRIES = 6 };
    unsigned tries = 0;
    for (size_t i = 0; i < text.n && tries < TRIES; i++) {
        bool digit = text.p[i] >= '0' && text.p[i] <= '9', bracket = text.p[i] == '(';
        if (!(digit || bracket) ||
            (i && text.p[i - 1] != ' ' && text.p[i - 1] != '(' && text.p[i - 1] != '-'))
            continue;
        tries++;
        struct sum s = {.text = text, .at = i};
        double value = read_sum(&s);
        skip_space(&s);
        bool asks = i == 0 || (m->now & IF_ASKS) || str_find(text, STR("=")) != SIZE_MAX;
        bool whole = s.at >= text.n || strchr("?=.! ,", text.p[s.at]);
        if (s.failed || !s.operators || !asks || !whole)
            continue;
        set_var(m, "sum", arena_str(&m->arena, str_trim(str_sub(text, i, s.at - i))));
        set_var(m, "answer", isfinite(value) ? arena_printf(&m->arena, "%.10g", value) : STR_NONE);
        return true;
    }
    return false;
}

void set_time_vars(struct making *m)
{
    time_t local = (time_t)(m->in->now_ms / 1000 + (int64_t)m->in->tz_offset_min * 60);
    struct tm tm;
    char text[64];
    if (!gmtime_r(&local, &tm))
        return;
    snprintf(text, sizeof text, "%02d:%02d%s", tm.tm_hour, tm.tm_min, m->in->tz_offset_min ? "" : " UTC");
    set_var(m, "time", arena_str(&m->arena, str_c(text)));
    strftime(text, sizeof text, "%A, %e %B %Y", &tm);
    char *gap = strstr(text, "  ");
    if (gap)
        memmove(gap, gap + 1, strlen(gap));
    set_var(m, "date", arena_str(&m->arena, str_c(text)));
    set_var(m, "daypart",
            tm.tm_hour < 5    ? STR("night")
            : tm.tm_hour < 12 ? STR("morning")
            : tm.tm_hour < 18 ? STR("afternoon")
                              : STR("evening"));
}
