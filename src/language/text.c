/*
 * Cutting text into words and sentences. See text.h for the normal form.
 *
 * A word is a run of letters, digits and joiners (an apostrophe, hyphen, or '.', ',', ':', '/' between
 * digits). Contractions are opened by two tables: endings after an apostrophe, and whole spellings without
 * one.
 */
#include "language/text.h"

#include <stdlib.h>

#include "base/utf8.h"

/* Whole spellings that open into up to three words. */
static const struct spelling {
    const char *typed, *open[3];
} spellings[] = {
    {"2nite", {"tonight"}},
    {"ain't", {"am", "not"}},
    {"arent", {"are", "not"}},
    {"bc", {"because"}},
    {"bday", {"birthday"}},
    {"can't", {"can", "not"}},
    {"cannot", {"can", "not"}},
    {"cant", {"can", "not"}},
    {"color", {"colour"}},
    {"colors", {"colours"}},
    {"couldnt", {"could", "not"}},
    {"coz", {"because"}},
    {"cuz", {"because"}},
    {"didnt", {"did", "not"}},
    {"doesnt", {"does", "not"}},
    {"dont", {"do", "not"}},
    {"dunno", {"do", "not", "know"}},
    {"fav", {"favourite"}},
    {"fave", {"favourite"}},
    {"favorite", {"favourite"}},
    {"favorites", {"favourites"}},
    {"favourit", {"favourite"}},
    {"goin", {"going"}},
    {"gonna", {"going", "to"}},
    {"gotta", {"have", "to"}},
    {"hasnt", {"has", "not"}},
    {"hav", {"have"}},
    {"havent", {"have", "not"}},
    {"hes", {"he", "is"}},
    {"hows", {"how", "is"}},
    {"i'am", {"i", "am"}},
    {"im", {"i", "am"}},
    {"isnt", {"is", "not"}},
    {"ive", {"i", "have"}},
    {"let's", {"let", "us"}},
    {"lookin", {"looking"}},
    {"luv", {"love"}},
    {"nickname's", {"nickname", "is"}},
    {"nite", {"night"}},
    {"pls", {"please"}},
    {"plz", {"please"}},
    {"r", {"are"}},
    {"rember", {"remember"}},
    {"remeber", {"remember"}},
    {"shan't", {"shall", "not"}},
    {"shes", {"she", "is"}},
    {"shoulda", {"should", "have"}},
    {"shouldnt", {"should", "not"}},
    {"shouldve", {"should", "have"}},
    {"thats", {"that", "is"}},
    {"theyre", {"they", "are"}},
    {"thru", {"through"}},
    {"thx", {"thanks"}},
    {"tmr", {"tomorrow"}},
    {"tmrw", {"tomorrow"}},
    {"tommorow", {"tomorrow"}},
    {"tommorrow", {"tomorrow"}},
    {"tomorow", {"tomorrow"}},
    {"tonite", {"tonight"}},
    {"u", {"you"}},
    {"ur", {"your"}},
    {"wanna", {"want", "to"}},
    {"wasnt", {"was", "not"}},
    {"wat", {"what"}},
    {"werent", {"were", "not"}},
    {"whatre", {"what", "are"}},
    {"whats", {"what", "is"}},
    {"whens", {"when", "is"}},
    {"wheres", {"where", "is"}},
    {"whos", {"who", "is"}},
    {"won't", {"will", "not"}},
    {"wont", {"will", "not"}},
    {"workin", {"working"}},
    {"wouldnt", {"would", "not"}},
    {"wut", {"what"}},
    {"y'all", {"you"}},
    {"ya", {"you"}},
    {"yall", {"you"}},
    {"youll", {"you", "will"}},
    {"youre", {"you", "are"}},
    {"youve", {"you", "have"}},
};

/* Words after which 's is "is" and not a possessive. */
static const char *const is_hosts[] = {"everything", "he",   "here",  "how",  "it",    "name",
                                       "nothing",    "one",  "she",   "that", "there", "this",
                                       "what",       "when", "where", "who",  "why"};
/* Words before which 's is "is" whoever the host ("my sister's a nurse"). */
static const char *const is_followers[] = {
    "a",      "about",  "also",    "always", "an",    "at",      "been", "called",   "coming",
    "dead",   "from",   "getting", "going",  "great", "having",  "ill",  "in",       "just",
    "living", "lovely", "married", "my",     "named", "not",     "on",   "our",      "pregnant",
    "really", "sick",   "so",      "still",  "the",   "turning", "very", "visiting", "working"};

static const char *const stops[] = {
    "a",      "about",   "above",  "after",     "again",   "against", "all",     "also",   "am",
    "an",     "and",     "any",    "anything",  "are",     "as",      "at",      "be",     "because",
    "been",   "before",  "being",  "below",     "between", "both",    "but",     "by",     "can",
    "could",  "did",     "do",     "does",      "doing",   "done",    "down",    "during", "each",
    "else",   "ever",    "every",  "few",       "for",     "from",    "further", "get",    "got",
    "had",    "has",     "have",   "having",    "he",      "her",     "here",    "hers",   "herself",
    "hey",    "hi",      "him",    "himself",   "his",     "how",     "i",       "if",     "in",
    "into",   "is",      "it",     "its",       "itself",  "just",    "know",    "let",    "like",
    "may",    "me",      "might",  "mine",      "more",    "most",    "must",    "my",     "myself",
    "no",     "nor",     "not",    "now",       "of",      "off",     "oh",      "ok",     "okay",
    "on",     "once",    "only",   "or",        "other",   "our",     "ours",    "out",    "over",
    "own",    "please",  "really", "remember",  "said",    "same",    "say",     "shall",  "she",
    "should", "so",      "some",   "something", "such",    "tell",    "than",    "that",   "the",
    "their",  "them",    "then",   "there",     "these",   "they",    "thing",   "things", "this",
    "those",  "through", "to",     "told",      "too",     "under",   "until",   "up",     "us",
    "very",   "was",     "we",     "well",      "were",    "what",    "when",    "where",  "which",
    "while",  "who",     "whom",   "whose",     "why",     "will",    "with",    "would",  "yes",
    "you",    "your",    "yours",  "yourself"};

static int by_c(const void *key, const void *item)
{
    return str_cmp(*(const struct str *)key, str_c(*(const char *const *)item));
}

#define IN(table, word)                                                                                      \
    (bsearch(&(word), table, sizeof(table) / sizeof *(table), sizeof *(table), by_c) != NULL)

bool word_is_stop(struct str norm)
{
    return IN(stops, norm);
}

static uint32_t lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if (c >= 0x100 && c <= 0x137)
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c & 1 ? c + 1 : c;
    return c >= 0x14A && c <= 0x177 ? c | 1 : c;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0xA0 || (c >= 0x2000 && c <= 0x200B) || c == 0x3000 ||
           c == 0;
}

/* The plain mark for a punctuation character, 0 for none. Quotes give '"'. */
static char mark_of(uint32_t c)
{
    switch (c) {
    case '.':
    case ',':
    case '?':
    case '!':
    case ';':
    case ':':
    case '(':
        return (char)c;
    case ')':
    case '\n':
    case '/':
        return ',';
    case '-':
    case 0x2013:
    case 0x2014:
        return '-';
    case 0x2026:
    case 0x3002:
        return '.';
    case 0xBF:
    case 0xFF1F:
        return '?';
    case '"':
    case 0x201C:
    case 0x201D:
    case 0xAB:
    case 0xBB:
        return '"';
    default:
        return 0;
    }
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
               c == '%' || c == '+' || c == '=' || c == '#' || c == '@' || c == '&';
    return !is_space(c) && !mark_of(c) && c != 0x2018 && c != 0x2019;
}

struct scan {
    struct arena *arena;
    struct words *out;
    size_t cap;
    char pending; /* punctuation since the last word */
    bool quoted;
};

static void put(struct scan *s, struct str norm, uint32_t from, uint32_t to, bool capital)
{
    struct words *w = s->out;
    if (w->count >= s->cap)
        return;
    w->at[w->count++] = (struct word){norm, from, to, capital, s->quoted, s->pending, 0};
    s->pending = 0;
}

static bool ends_with_apostrophe(struct str norm, struct str *host, struct str *ending)
{
    size_t at = norm.n;
    while (at > 0 && norm.p[at - 1] != '\'')
        at--;
    if (at < 2)
        return false;
    *host = str_sub(norm, 0, at - 1);
    *ending = str_from(norm, at);
    return true;
}

static int by_typed(const void *key, const void *item)
{
    return str_cmp(*(const struct str *)key, str_c(((const struct spelling *)item)->typed));
}

/* Opens a contraction of an apostrophe; false when it is none. */
static bool open_ending(struct scan *s, struct str norm, uint32_t from, uint32_t to, bool capital)
{
    static const struct {
        const char *ending, *word;
    } endings[] = {{"m", "am"}, {"re", "are"}, {"ve", "have"}, {"ll", "will"}, {"d", "would"}};
    struct str host, ending;
    if (!ends_with_apostrophe(norm, &host, &ending))
        return false;
    if (str_eq(ending, STR("t")) && host.n > 2 && host.p[host.n - 1] == 'n') {
        put(s, str_sub(host, 0, host.n - 1), from, to, capital);
        put(s, STR("not"), from, to, false);
        return true;
    }
    if (str_eq(ending, STR("s"))) {
        put(s, host, from, to, capital);
        put(s, IN(is_hosts, host) ? STR("is") : STR("'s"), from, to, false);
        return true;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_eq(ending, str_c(endings[i].ending))) {
            put(s, host, from, to, capital);
            put(s, str_c(endings[i].word), from, to, false);
            return true;
        }
    return false;
}

/* For each first letter, which last ones a whole spelling has (by letter modulo 32); asked for every word. */
static uint32_t spelling_ends[256];

__attribute__((constructor)) static void note_spelling_ends(void)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct str typed = str_c(spellings[i].typed);
        spelling_ends[(unsigned char)typed.p[0]] |= 1u << ((unsigned char)typed.p[typed.n - 1] % 32);
    }
}

static void put_opened(struct scan *s, struct str norm, uint32_t from, uint32_t to, bool capital)
{
    const struct spelling *known = NULL;
    if (norm.n && spelling_ends[(unsigned char)norm.p[0]] >> ((unsigned char)norm.p[norm.n - 1] % 32) & 1)
        known = bsearch(&norm, spellings, sizeof spellings / sizeof *spellings, sizeof *spellings, by_typed);
    if (known) {
        for (size_t i = 0; i < 3 && known->open[i]; i++)
            put(s, str_c(known->open[i]), from, to, capital && i == 0);
        return;
    }
    if (!open_ending(s, norm, from, to, capital))
        put(s, norm, from, to, capital);
}

/* Emoji and other symbols: each is a word of its own. */
static bool is_picture(uint32_t c)
{
    return (c >= 0x1F000 && c <= 0x1FAFF) || (c >= 0x2600 && c <= 0x27BF);
}

/* Reads one word from *rest into `norm`; true if it began with a capital. */
static bool read_word(struct str *rest, char *norm, size_t *n)
{
    bool capital = false, first = true;
    uint32_t last = 0;
    *n = 0;
    while (rest->n) {
        struct str ahead = *rest;
        uint32_t c = utf8_next(&ahead);
        if (c == 0x2019 || c == 0x2018)
            c = '\'';
        if (is_picture(c)) {
            if (!first)
                break;
            *n += utf8_put(norm, c);
            *rest = ahead;
            while (rest->n >= 3 && memcmp(rest->p, "\xef\xb8\x8f", 3) == 0) /* variation selector 16 */
                *rest = str_from(*rest, 3);
            return false;
        }
        bool joiner =
            c == '\'' || c == '-' || ((c == '.' || c == ',' || c == ':' || c == '/') && is_digit(last));
        if (joiner) {
            struct str next = ahead;
            uint32_t follow = next.n ? utf8_next(&next) : 0;
            bool digits = c == '.' || c == ',' || c == ':' || c == '/';
            if (!(digits ? is_digit(follow) : is_letter(follow)))
                break;
        } else if (!is_letter(c)) {
            break;
        }
        uint32_t small = lower(c);
        if (first)
            capital = small != c;
        first = false;
        last = c;
        *n += utf8_put(norm + *n, small);
        *rest = ahead;
    }
    return capital;
}

/* "sister's a nurse": a possessive that was none. */
static void settle_possessives(struct words *w)
{
    for (size_t i = 0; i + 1 < w->count; i++)
        if (str_eq(w->at[i].norm, STR("'s")) && !w->at[i].after &&
            (IN(is_followers, w->at[i + 1].norm) || is_digit((unsigned char)w->at[i + 1].norm.p[0])))
            w->at[i].norm = STR("is");
}

void words_of(struct arena *a, struct str source, struct words *out)
{
    size_t guess = source.n + 4;
    const size_t cap = guess < WORDS_MAX ? guess : WORDS_MAX;
    source = str_sub(source, 0, WORDS_BYTES_MAX);
    *out = (struct words){source, arena_array(a, struct word, cap), 0};
    struct scan s = {.arena = a, .out = out, .cap = cap};
    /* Lower-casing never needs more bytes than twice the source (an invalid byte becomes three). */
    char *norms = arena_alloc(a, source.n * 3 + 4);
    struct str rest = source;
    while (rest.n && out->count < cap) {
        struct str ahead = rest;
        uint32_t c = utf8_next(&ahead);
        if (is_letter(c)) {
            uint32_t from = (uint32_t)(source.n - rest.n);
            size_t n;
            bool capital = read_word(&rest, norms, &n);
            put_opened(&s, str_of(norms, n), from, (uint32_t)(source.n - rest.n), capital);
            norms += n;
            continue;
        }
        char mark = mark_of(c);
        if (mark == '"')
            s.quoted = !s.quoted;
        else if (mark && !(mark == ',' && s.pending)) {
            s.pending = mark;
            if (out->count && (!out->at[out->count - 1].after || mark == '?'))
                out->at[out->count - 1].after = mark;
        }
        rest = ahead;
    }
    settle_possessives(out);
}

struct str word_stem(struct str w)
{
    static const struct {
        const char *ending;
        size_t least;
    } cuts[] = {{"ies", 5},  {"ing", 6}, {"ied", 5}, {"sses", 6}, {"ches", 6},
                {"shes", 6}, {"xes", 4}, {"ed", 5},  {"ly", 5},   {"s", 4}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct str ending = str_c(cuts[i].ending);
        if (w.n < cuts[i].least || !str_ends(w, ending))
            continue;
        if (ending.n == 1 && (w.p[w.n - 2] == 's' || w.p[w.n - 2] == 'u' || w.p[w.n - 2] == 'i'))
            break;
        bool keeps_two = ending.n == 4;
        w.n -= keeps_two ? 2 : ending.n;
        if (w.n > 3 && w.p[w.n - 1] == w.p[w.n - 2] && !strchr("aeiouls", w.p[w.n - 1]))
            w.n--;
        break;
    }
    if (w.n > 3 && (w.p[w.n - 1] == 'e' || w.p[w.n - 1] == 'y'))
        w.n--;
    return w;
}

bool word_among(struct str word, const char *list)
{
    /* By hand: most lists are a line long, and memmem() prepares tables that cost more than such a walk. */
    for (const char *at = list; word.n && *at; at++) {
        size_t same = 0;
        if (*at != ' ')
            continue;
        while (same < word.n && at[1 + same] && at[1 + same] == word.p[same]) /* a word may hold NUL bytes */
            same++;
        if (same == word.n && at[1 + same] == ' ')
            return true;
    }
    return false;
}
