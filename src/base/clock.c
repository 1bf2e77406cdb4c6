/* Time; see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t system_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int64_t system_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t (*mono_source)(void) = system_mono_us;
static int64_t (*wall_source)(void) = system_wall_ms;

uint64_t clock_mono_us(void)
{
    return mono_source();
}

int64_t clock_wall_ms(void)
{
    return wall_source();
}

void clock_replace(uint64_t (*mono_us)(void), int64_t (*wall_ms)(void))
{
    mono_source = mono_us ? mono_us : system_mono_us;
    wall_source = wall_ms ? wall_ms : system_wall_ms;
}

void clock_format(char to[CLOCK_TEXT], int64_t wall_ms)
{
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    str_copy(to, CLOCK_TEXT, str_c(text));
}

static bool take_number(struct str *s, size_t digits, int *out)
{
    uint64_t value = 0;
    if (s->n < digits || !str_to_u64(str_sub(*s, 0, digits), &value))
        return false;
    *out = (int)value;
    *s = str_from(*s, digits);
    return true;
}

static bool take_char(struct str *s, const char *any)
{
    if (s->n == 0 || !strchr(any, s->p[0]))
        return false;
    *s = str_from(*s, 1);
    return true;
}

static int take_fraction_ms(struct str *s)
{
    int ms = 0, scale = 100;
    while (s->n && s->p[0] >= '0' && s->p[0] <= '9') {
        ms += (s->p[0] - '0') * scale;
        scale /= 10;
        *s = str_from(*s, 1);
    }
    return ms;
}

bool clock_parse(struct str s, int64_t *wall_ms)
{
    struct tm tm = {0};
    int ms = 0, offset_min = 0, hours = 0, minutes = 0;
    if (!take_number(&s, 4, &tm.tm_year) || !take_char(&s, "-") || !take_number(&s, 2, &tm.tm_mon) ||
        !take_char(&s, "-") || !take_number(&s, 2, &tm.tm_mday) || !take_char(&s, "Tt ") ||
        !take_number(&s, 2, &tm.tm_hour) || !take_char(&s, ":") || !take_number(&s, 2, &tm.tm_min) ||
        !take_char(&s, ":") || !take_number(&s, 2, &tm.tm_sec))
        return false;
    if (take_char(&s, "."))
        ms = take_fraction_ms(&s);
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
        int sign = s.p[0] == '-' ? -1 : 1;
        s = str_from(s, 1);
        if (!take_number(&s, 2, &hours) || !take_char(&s, ":") || !take_number(&s, 2, &minutes))
            return false;
        offset_min = sign * (hours * 60 + minutes);
    } else if (!take_char(&s, "Zz")) {
        return false;
    }
    if (s.n || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *wall_ms = ((int64_t)timegm(&tm) - (int64_t)offset_min * 60) * 1000 + ms;
    return true;
}
