/*
 * Reading times; see chat.h.
 *
 * One walk over the text takes what looks like a time apart: numbers with what follows them, names of months,
 * AM and PM, a zone. The first three numbers of the date are ordered by their looks, the rest are hours,
 * minutes, seconds, milliseconds. The walk ends at the first thing that belongs to no time.
 */
#include "chat/chat.h"

#include "base/clock.h"

#include <ctype.h>

enum { PARTS = 7, MONTHS = 12, YEAR_MIN = 1970, YEAR_MAX = 9999 };

struct walk {
    struct str s;
    size_t at;
    int64_t date[3], time[4];
    unsigned dates, times, digits[3];
    char date_mark;    /* what stands between the numbers of the date */
    int month;         /* by name: 1 to 12; 0: not yet */
    unsigned month_at; /* how many numbers came before it */
    int half;          /* 1: AM, 2: PM */
    bool zoned;
    int64_t zone_minutes;
    size_t end; /* after the last thing that belongs to it */
};

static char here(const struct walk *w, size_t ahead)
{
    return w->at + ahead < w->s.n ? w->s.p[w->at + ahead] : '\0';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool letter(char c)
{
    return isalpha((unsigned char)c) && (unsigned char)c < 0x80;
}

/* Spaces of all kinds that programs put into times: also U+00A0, U+202F, U+200E. */
static bool skip_space(struct walk *w)
{
    static const struct str odd[] = {STR_INIT("\xC2\xA0"), STR_INIT("\xE2\x80\xAF"),
                                     STR_INIT("\xE2\x80\x8E")};
    size_t before = w->at;
    for (bool more = true; more;) {
        more = false;
        while (here(w, 0) == ' ' || here(w, 0) == '\t') {
            w->at++;
            more = true;
        }
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            if (str_starts(str_from(w->s, w->at), odd[i])) {
                w->at += odd[i].n;
                more = true;
            }
        }
    }
    return w->at > before;
}

static unsigned number(struct walk *w, int64_t *value)
{
    unsigned digits = 0;
    *value = 0;
    for (; digit(here(w, 0)) && digits < 18; digits++)
        *value = *value * 10 + (w->s.p[w->at++] - '0');
    return digits;
}

static bool word_is(struct walk *w, const char *word, size_t least)
{
    size_t n = 0;
    while (letter(here(w, n)))
        n++;
    if (n < least || n > strlen(word) || !str_ieq(str_sub(w->s, w->at, n), str_of(word, n)))
        return false;
    w->at += n;
    return true;
}

static bool month_name(struct walk *w)
{
    static const char *const names[MONTHS] = {"january",   "february", "march",    "april",
                                              "may",       "june",     "july",     "august",
                                              "september", "october",  "november", "december"};
    for (int i = 0; i < MONTHS; i++) {
        if (word_is(w, names[i], 3)) {
            w->month = i + 1;
            w->month_at = w->dates;
            if (here(w, 0) == '.')
                w->at++;
            return true;
        }
    }
    return word_is(w, "sept", 4) ? (w->month = 9, w->month_at = w->dates, true) : false;
}

static bool half_of_day(struct walk *w)
{
    size_t from = w->at;
    skip_space(w);
    char c = (char)(here(w, 0) | 0x20);
    size_t n = here(w, 1) == '.' ? 2 : 1;
    if ((c != 'a' && c != 'p') || (here(w, n) | 0x20) != 'm' || letter(here(w, n + 1))) {
        w->at = from;
        return false;
    }
    w->half = c == 'a' ? 1 : 2;
    w->at += n + 1;
    if (n == 2 && here(w, 0) == '.')
        w->at++;
    return true;
}

static void zone(struct walk *w)
{
    size_t from = w->at;
    skip_space(w);
    bool named =
        word_is(w, "utc", 3) || word_is(w, "gmt", 3) || (here(w, 0) == 'Z' && !letter(here(w, 1)) && ++w->at);
    char sign = here(w, 0);
    if ((sign == '+' || sign == '-') && digit(here(w, 1)) && digit(here(w, 2)) && (named || w->at == from)) {
        int64_t hours, minutes = 0;
        w->at++;
        unsigned digits = number(w, &hours);
        if (digits == 4) {
            minutes = hours % 100;
            hours /= 100;
        } else if (here(w, 0) == ':' && digit(here(w, 1))) {
            w->at++;
            number(w, &minutes);
        }
        w->zone_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
        named = hours <= 18 && minutes < 60;
    }
    w->zoned = named;
    if (named)
        w->end = w->at;
    else
        w->at = from;
}

/* Hours, minutes, seconds, milliseconds: 14:22:33.012, 14h 22m 33s 12ms, 5:04pm, 21.41. */
static bool time_of_day(struct walk *w)
{
    size_t from = w->at;
    while (w->times < 4) {
        size_t before = w->at;
        int64_t value;
        unsigned digits = number(w, &value);
        if (!digits || digits > 9) {
            w->at = before;
            break;
        }
        char c = here(w, 0);
        if (w->times == 3) { /* a fraction, or so many milliseconds */
            bool ms = (c | 0x20) == 'm' && (here(w, 1) | 0x20) == 's';
            for (; !ms && digits < 3; digits++)
                value *= 10;
            for (; !ms && digits > 3; digits--)
                value /= 10;
            w->at += ms ? 2 : 0;
        }
        w->time[w->times++] = value;
        w->end = w->at;
        if ((c == 'h' || c == 'm' || c == 's') && w->times < 4) {
            w->at++;
            w->end = w->at;
            size_t spaced = w->at;
            skip_space(w);
            if (digit(here(w, 0)))
                continue;
            w->at = spaced;
            break;
        }
        bool on = c == ':' ||
                  (c == '.' && (w->times == 3 || (w->times == 1 && digit(here(w, 1)) && digit(here(w, 2)))));
        on = on || (c == ',' && w->times == 3);
        if (!on || !digit(here(w, 1)))
            break;
        w->at++;
    }
    if (w->times < 2) {
        if (w->times == 1 && half_of_day(w)) {
            w->end = w->at;
            return true;
        }
        w->times = 0;
        w->at = from;
        return false;
    }
    if (half_of_day(w))
        w->end = w->at;
    zone(w);
    return true;
}

static bool date_part(struct walk *w)
{
    if (letter(here(w, 0)))
        return !w->month && month_name(w);
    if (w->dates == 3 || !digit(here(w, 0)))
        return false;
    size_t from = w->at;
    w->digits[w->dates] = number(w, &w->date[w->dates]);
    if (w->digits[w->dates] > 4 || here(w, 0) == ':' || here(w, 0) == 'h') {
        w->at = from; /* that is a time already */
        return false;
    }
    w->dates++;
    return true;
}

static bool date(struct walk *w)
{
    while (date_part(w)) {
        w->end = w->at;
        bool whole = w->dates + (w->month != 0) == 3;
        if (whole)
            return true;
        if (w->dates && !w->month &&
            (word_is(w, "st", 2) || word_is(w, "nd", 2) || word_is(w, "rd", 2) || word_is(w, "th", 2)))
            w->end = w->at;
        char c = here(w, 0);
        if (c == '/' || c == '-' || c == '.') {
            w->date_mark = c;
            w->at++;
            skip_space(w);
        } else if (c == ',' || w->month || letter(here(w, 1))) {
            w->at += c == ',';
            skip_space(w);
        } else {
            return false;
        }
    }
    return false;
}

static bool walk(struct walk *w)
{
    skip_space(w);
    if (!date(w))
        return false;
    size_t after_date = w->at;
    if (here(w, 0) == ',')
        w->at++;
    skip_space(w);
    if (here(w, 0) == '@' || (here(w, 0) == 'T' && digit(here(w, 1))) ||
        (here(w, 0) == 'a' && here(w, 1) == 't'))
        w->at += here(w, 0) == 'a' ? 2 : 1;
    skip_space(w);
    if (!time_of_day(w))
        w->end = w->at = after_date;
    return true;
}

/* Days since 1970 of a civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t century(int64_t year, unsigned digits)
{
    return digits > 2 ? year : year + (year < 70 ? 2000 : 1900);
}

static bool date_of(const struct walk *w, enum chat_order order, int64_t out[3])
{
    if (w->month) { /* January 3, 2024; 3 January 2024; 31-Dec-23; 2024 Jan 3 */
        bool year_first = w->digits[0] == 4;
        out[0] = century(w->date[year_first ? 0 : 1], w->digits[year_first ? 0 : 1]);
        out[1] = w->month;
        out[2] = w->date[year_first ? 1 : 0];
    } else if (w->digits[0] == 4) {
        out[0] = w->date[0];
        out[1] = w->date[1];
        out[2] = w->date[2];
    } else {
        bool month_first =
            order == CHAT_MONTH_FIRST || (!order && w->date_mark == '/' && (w->half || w->digits[2] == 4));
        if (w->date[0] > MONTHS)
            month_first = false;
        else if (w->date[1] > MONTHS)
            month_first = true;
        out[0] = century(w->date[2], w->digits[2]);
        out[1] = w->date[month_first ? 0 : 1];
        out[2] = w->date[month_first ? 1 : 0];
    }
    return out[0] >= YEAR_MIN && out[0] <= YEAR_MAX && out[1] >= 1 && out[1] <= MONTHS && out[2] >= 1 &&
           out[2] <= 31;
}

static bool since_1970(struct str s, int64_t *at_ms, size_t *used)
{
    enum { SECONDS_LEAST = 9, SECONDS_MOST = 10, MILLIS_LEAST = 12, MILLIS_MOST = 14 };
    size_t n = 0;
    int64_t value = 0;
    for (; n < s.n && n < 18 && digit(s.p[n]); n++)
        value = value * 10 + (s.p[n] - '0');
    bool ms = n >= MILLIS_LEAST && n <= MILLIS_MOST;
    if (!ms && (n < SECONDS_LEAST || n > SECONDS_MOST))
        return false;
    if (n < s.n && (letter(s.p[n]) || s.p[n] == ':' || s.p[n] == '-'))
        return false;
    *at_ms = ms ? value : value * 1000;
    if (!ms && n < s.n && s.p[n] == '.') {
        int64_t unit = 100;
        for (n++; n < s.n && digit(s.p[n]); n++, unit /= 10)
            *at_ms += (s.p[n] - '0') * unit;
    }
    *used = n;
    return true;
}

bool chat_when(struct str s, const struct chat_clock *clock, int64_t *at_ms, size_t *used)
{
    if (since_1970(s, at_ms, used))
        return true;
    struct walk w = {.s = s};
    int64_t d[3];
    if (!walk(&w) || !date_of(&w, clock->order, d))
        return false;
    int64_t hours = w.time[0];
    if (w.half && (hours < 1 || hours > 12))
        return false;
    if (w.half)
        hours = hours % 12 + (w.half == 2 ? 12 : 0);
    if (hours > 24 || w.time[1] > 59 || w.time[2] > 60 || w.time[3] > 999)
        return false;
    int64_t minutes = days_of(d[0], d[1], d[2]) * 1440 + hours * 60 + w.time[1];
    minutes -= w.zoned ? w.zone_minutes : clock->zone_minutes;
    *at_ms = (minutes * 60 + w.time[2]) * 1000 + w.time[3];
    *used = w.end;
    return *at_ms > 0;
}

enum chat_order chat_when_order(struct str s)
{
    struct walk w = {.s = s};
    if (!walk(&w) || w.month || w.digits[0] == 4)
        return 0;
    if (w.date[0] > MONTHS && w.date[1] <= MONTHS)
        return CHAT_DAY_FIRST;
    if (w.date[1] > MONTHS && w.date[0] <= MONTHS)
        return CHAT_MONTH_FIRST;
    return 0;
}
