/* Byte ranges and HTTP dates; see range.h. */
#include "net/range.h"

#include <stdio.h>
#include <time.h>

static bool digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.n > 0;
}

/* A number too large for 64 bits is larger than any body. */
static uint64_t number(struct str s)
{
    uint64_t n = 0;
    return str_to_u64(s, &n) ? n : UINT64_MAX;
}

enum range_kind range_parse(struct str header, uint64_t size, uint64_t *from, uint64_t *n)
{
    header = str_trim(header);
    if (header.n < 6 || !str_ieq(str_sub(header, 0, 6), STR("bytes=")))
        return RANGE_WHOLE;
    struct str spec = str_trim(str_from(header, 6));
    size_t dash = str_find_char(spec, '-');
    if (dash == SIZE_MAX || str_find_char(spec, ',') != SIZE_MAX)
        return RANGE_WHOLE;
    struct str first = str_sub(spec, 0, dash), last = str_from(spec, dash + 1);
    if (!first.n) { /* the last N bytes */
        if (!digits(last))
            return RANGE_WHOLE;
        uint64_t count = number(last);
        if (!count || !size)
            return RANGE_UNSATISFIABLE;
        *n = count < size ? count : size;
        *from = size - *n;
        return RANGE_PART;
    }
    if (!digits(first) || (last.n && !digits(last)))
        return RANGE_WHOLE;
    uint64_t a = number(first), b = last.n ? number(last) : UINT64_MAX;
    if (b < a)
        return RANGE_WHOLE;
    if (a >= size)
        return RANGE_UNSATISFIABLE;
    *from = a;
    *n = (b < size ? b + 1 : size) - a;
    return RANGE_PART;
}

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void http_date(char to[HTTP_DATE], int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    /* By hand: strftime() would follow the locale. */
    char text[64];
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
             months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    str_copy(to, HTTP_DATE, str_c(text));
}

static bool two(const char *p, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

bool http_date_parse(struct str s, int64_t *unix_s)
{
    struct tm tm = {0};
    int century = 0, year = 0;
    if (s.n != 29 || !str_ends(s, STR(" GMT")) || s.p[3] != ',' || s.p[19] != ':' || s.p[22] != ':')
        return false;
    if (!two(s.p + 5, &tm.tm_mday) || !two(s.p + 12, &century) || !two(s.p + 14, &year) ||
        !two(s.p + 17, &tm.tm_hour) || !two(s.p + 20, &tm.tm_min) || !two(s.p + 23, &tm.tm_sec))
        return false;
    tm.tm_mon = -1;
    for (int m = 0; m < 12; m++) {
        if (memcmp(months + 3 * m, s.p + 8, 3) == 0)
            tm.tm_mon = m;
    }
    if (tm.tm_mon < 0)
        return false;
    tm.tm_year = century * 100 + year - 1900;
    *unix_s = (int64_t)timegm(&tm);
    return true;
}
