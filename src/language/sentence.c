/*
 * Sentences: where they end, whether they ask, and how they sound from the other side.
 */
#include "language/text.h"

#include <stdlib.h>

static bool abbreviation(struct str before)
{
    size_t from = before.n;
    while (from > 0 && before.p[from - 1] != ' ' && before.p[from - 1] != '\n' && before.p[from - 1] != '(')
        from--;
    struct str word = str_from(before, from);
    if (word.n == 1 && word.p[0] >= 'A' && word.p[0] <= 'Z' && word.p[0] != 'I')
        return true;
    char small[8];
    if (word.n == 0 || word.n >= sizeof small)
        return false;
    for (size_t i = 0; i < word.n; i++)
        small[i] = (char)(word.p[i] >= 'A' && word.p[i] <= 'Z' ? word.p[i] + 32 : word.p[i]);
    return word_among(str_of(small, word.n),
                      " dr mr mrs ms prof st jr sr vs e.g i.e a.m p.m approx dept mt ph.d u.s ");
}

bool sentence_next(struct str *rest, struct str *sentence)
{
    struct str text = str_trim(*rest);
    if (!text.n) {
        *rest = text;
        return false;
    }
    size_t at = 0;
    while (at < text.n) {
        char c = text.p[at];
        if (c == '\n')
            break;
        if (c != '.' && c != '!' && c != '?') {
            at++;
            continue;
        }
        size_t end = at + 1;
        while (end < text.n && strchr(".!?\"')", text.p[end]) && text.p[end])
            end++;
        bool last = end >= text.n, space = !last && (text.p[end] == ' ' || text.p[end] == '\n');
        if (last || (space && !(c == '.' && end == at + 1 && abbreviation(str_sub(text, 0, at))))) {
            at = end;
            break;
        }
        at = end;
    }
    *sentence = str_trim(str_sub(text, 0, at));
    *rest = str_from(text, at);
    return true;
}

bool sentence_asks(const struct words *w)
{
    size_t n = w->count, i = 0;
    if (!n)
        return false;
    if (w->at[n - 1].after == '?')
        return true;
    while (i < n &&
           word_among(w->at[i].norm,
                      " so and but well hey hi hello ok okay oh um now wait please again quick question "))
        i++;
    if (i + 1 >= n)
        return false;
    struct str first = w->at[i].norm, second = w->at[i + 1].norm;
    if (word_among(first, " do does did is are am was were can could will would should may have has "))
        return word_among(second, " i you he she it we they my your the there this that anyone somebody ") &&
               !(word_among(first, " am have do ") && word_among(second, " the this that my ")) &&
               !(word_among(first, " was were ") && word_among(second, " the "));
    if (word_among(first, " what which "))
        return !word_among(second, " a an ");
    if (word_among(first, " who whose where when how why "))
        return word_among(
            second, " is are do does did am was were can could will would should have has old many much long "
                    "often come about far ");
    return false;
}

/* What one source word (one or two normal words) becomes; NULL: as typed. */
static const char *other_side(const struct words *w, size_t i, size_t n)
{
    static const struct {
        const char *a, *b, *to;
    } pairs[] = {{"i", "am", "you're"},    {"i", "have", "you've"}, {"i", "would", "you'd"},
                 {"i", "will", "you'll"},  {"we", "are", "you're"}, {"we", "have", "you've"},
                 {"we", "will", "you'll"}, {"you", "are", "I'm"},   {"you", "have", "I've"},
                 {"you", "would", "I'd"},  {"you", "will", "I'll"}};
    static const struct {
        const char *from, *to;
    } singles[] = {{"i", "you"},
                   {"me", "you"},
                   {"we", "you"},
                   {"us", "you"},
                   {"our", "your"},
                   {"ours", "yours"},
                   {"ourselves", "yourselves"},
                   {"my", "your"},
                   {"mine", "yours"},
                   {"myself", "yourself"},
                   {"your", "my"},
                   {"yours", "mine"},
                   {"yourself", "myself"}};
    struct str word = w->at[i].norm;
    struct str before = i ? w->at[i - 1].norm : STR_NONE,
               after = i + n < w->count ? w->at[i + n].norm : STR_NONE;
    if (n == 2) {
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
            if (str_eq(word, str_c(pairs[k].a)) && str_eq(w->at[i + 1].norm, str_c(pairs[k].b)))
                return pairs[k].to;
        return NULL;
    }
    if (n > 2)
        return NULL;
    struct str before2 = i > 1 ? w->at[i - 2].norm : STR_NONE;
    bool i_before = str_eq(before, STR("i")) || (str_eq(before2, STR("i")) && !word_is_stop(before));
    bool you_before = str_eq(before, STR("you"));
    if (str_eq(word, STR("am")) && (i_before || str_eq(after, STR("i")) || i == 0))
        return "are";
    if (str_eq(word, STR("was")) && (i_before || str_eq(after, STR("i"))))
        return "were";
    if (str_eq(word, STR("are")) && (you_before || str_eq(after, STR("you"))))
        return "am";
    if (str_eq(word, STR("were")) && you_before)
        return "was";
    if (str_eq(word, STR("you"))) {
        bool verb = word_among(
            after, " are were have had do did can could will would should know think like said told "
                   "remember want need feel look seem make never really always ");
        return verb || i == 0 ? "I" : "me";
    }
    for (size_t k = 0; k < sizeof singles / sizeof *singles; k++)
        if (str_eq(word, str_c(singles[k].from)))
            return singles[k].to;
    return NULL;
}

static void add_between(struct str gap, struct buf *out)
{
    bool space = false;
    for (size_t i = 0; i < gap.n; i++) {
        char c = gap.p[i];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            if (!space)
                buf_add_char(out, ' ');
            space = true;
        } else {
            buf_add_char(out, c);
            space = false;
        }
    }
}

void text_reflect(struct arena *a, struct str text, struct buf *out)
{
    struct words w;
    text = str_trim(text);
    while (text.n && strchr(".!?,;: ", text.p[text.n - 1]))
        text.n--;
    words_of(a, text, &w);
    size_t done = 0;
    for (size_t i = 0; i < w.count;) {
        size_t n = 1;
        while (i + n < w.count && w.at[i + n].from == w.at[i].from)
            n++;
        add_between(str_sub(text, done, w.at[i].from - done), out);
        struct str typed = str_sub(text, w.at[i].from, w.at[i].to - w.at[i].from);
        const char *changed = other_side(&w, i, n);
        if (changed) {
            buf_add(out, str_c(changed));
        } else if (i == 0 && w.at[i].capital && word_is_stop(w.at[i].norm)) {
            buf_add_char(out, (char)(typed.p[0] | 0x20));
            buf_add(out, str_from(typed, 1));
        } else {
            buf_add(out, typed);
        }
        done = w.at[i].to;
        i += n;
    }
    add_between(str_from(text, done), out);
}
