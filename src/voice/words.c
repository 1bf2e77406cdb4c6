/* Words of a text; see words.h. */
#include "voice/words.h"

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool part_of(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    bool between = at > 0 && at + 1 < text.n && is_letter((unsigned char)text.p[at - 1]) &&
                   is_letter((unsigned char)text.p[at + 1]);
    return is_letter(c) || (between && (c == '\'' || c == '-'));
}

bool word_next(struct str text, size_t *at, struct word *out)
{
    size_t n = 0;
    while (*at < text.n && !part_of(text, *at))
        ++*at;
    if (*at >= text.n)
        return false;
    out->from = *at;
    for (; *at < text.n && part_of(text, *at); ++*at) {
        char c = text.p[*at];
        if (n + 1 < WORD_MAX)
            out->c[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out->c[n] = '\0';
    out->to = *at;
    return true;
}

bool word_in(const char *word, const char *list)
{
    struct str rest = str_c(list), one;
    while (str_cut(&rest, ' ', &one)) {
        if (str_eq(one, str_c(word)))
            return true;
    }
    return false;
}

bool word_is_small(const char *word, struct str language)
{
    static const char *const english =
        "a an and or but the this that these those it it's its he she they them their his her him i i'm in "
        "on at "
        "of to for from with by as if so is are was were be been am has had have did do does us we you there "
        "than then";
    bool known = str_empty(language) || str_ieq(str_sub(language, 0, 2), STR("en"));
    return !word[0] || !word[1] || (known && word_in(word, english));
}

unsigned word_distance(const char *a, const char *b)
{
    enum { MOST = 2 * WORD_MAX };
    unsigned row[MOST + 1], n = 0;
    for (; b[n] && n < MOST; n++)
        row[n] = n;
    row[n] = n;
    for (unsigned i = 0; a[i]; i++) {
        unsigned corner = row[0];
        row[0] = i + 1;
        for (unsigned j = 0; j < n; j++) {
            unsigned change = corner + (a[i] != b[j]),
                     least = row[j] + 1 < row[j + 1] + 1 ? row[j] + 1 : row[j + 1] + 1;
            corner = row[j + 1];
            row[j + 1] = change < least ? change : least;
        }
    }
    return row[n];
}
