/*
 * Letters to phones for languages that flite does not read: what German, French, Spanish, Italian,
 * Portuguese, Dutch, Polish and their like have in common, good enough for a mouth. Longest match first; see
 * phone_plan.h.
 */
#include "voice/phone_plan.h"

#include "base/utf8.h"

static const struct {
    const char *letters, *phone, *then; /* one phone, or two */
} table[] = {
    {"sch", "sh", NULL},      {"tsch", "ch", NULL},     {"eau", "ow", NULL},       {"ch", "k", NULL},
    {"ck", "k", NULL},        {"ph", "f", NULL},        {"th", "t", NULL},         {"sh", "sh", NULL},
    {"cz", "ch", NULL},       {"sz", "sh", NULL},       {"rz", "zh", NULL},        {"qu", "k", "v"},
    {"ng", "ng", NULL},       {"gn", "n", "y"},         {"ll", "l", NULL},         {"nn", "n", NULL},
    {"mm", "m", NULL},        {"pp", "p", NULL},        {"bb", "b", NULL},         {"tt", "t", NULL},
    {"ss", "s", NULL},        {"ff", "f", NULL},        {"rr", "r", NULL},         {"aa", "aa", NULL},
    {"ee", "eh", NULL},       {"oo", "ow", NULL},       {"ei", "ay", NULL},        {"ai", "ay", NULL},
    {"au", "aw", NULL},       {"eu", "oy", NULL},       {"\xc3\xa4u", "oy", NULL}, {"ou", "uw", NULL},
    {"oi", "w", "aa"},        {"ie", "iy", NULL},       {"ij", "ay", NULL},        {"a", "aa", NULL},
    {"b", "b", NULL},         {"c", "k", NULL},         {"d", "d", NULL},          {"e", "eh", NULL},
    {"f", "f", NULL},         {"g", "g", NULL},         {"h", "hh", NULL},         {"i", "iy", NULL},
    {"j", "y", NULL},         {"k", "k", NULL},         {"l", "l", NULL},          {"m", "m", NULL},
    {"n", "n", NULL},         {"o", "ow", NULL},        {"p", "p", NULL},          {"q", "k", NULL},
    {"r", "r", NULL},         {"s", "s", NULL},         {"t", "t", NULL},          {"u", "uw", NULL},
    {"v", "v", NULL},         {"w", "v", NULL},         {"x", "k", "s"},           {"y", "iy", NULL},
    {"z", "s", NULL},         {"\xc3\xa4", "eh", NULL}, {"\xc3\xb6", "ow", NULL},  {"\xc3\xbc", "uw", NULL},
    {"\xc3\x9f", "s", NULL},  {"\xc3\xa7", "s", NULL},  {"\xc3\xb1", "n", "y"},    {"\xc3\xa9", "eh", NULL},
    {"\xc3\xa8", "eh", NULL}, {"\xc3\xaa", "eh", NULL}, {"\xc3\xa1", "aa", NULL},  {"\xc3\xa0", "aa", NULL},
    {"\xc3\xa2", "aa", NULL}, {"\xc3\xa3", "aa", NULL}, {"\xc3\xa5", "ao", NULL},  {"\xc3\xa6", "eh", NULL},
    {"\xc3\xad", "iy", NULL}, {"\xc3\xae", "iy", NULL}, {"\xc3\xb3", "ow", NULL},  {"\xc3\xb4", "ow", NULL},
    {"\xc3\xb5", "ow", NULL}, {"\xc3\xb8", "ow", NULL}, {"\xc5\x93", "ow", NULL},  {"\xc3\xba", "uw", NULL},
    {"\xc3\xbb", "uw", NULL}, {"\xc5\x82", "w", NULL},  {"\xc5\x9b", "sh", NULL},  {"\xc5\xa1", "sh", NULL},
    {"\xc5\xbe", "zh", NULL}, {"\xc5\xbc", "zh", NULL}, {"\xc4\x8d", "ch", NULL},  {"\xc4\x87", "ch", NULL},
};

static const double VOWEL_S = .095, CONSONANT_S = .07, SYLLABLE_S = .13;

static bool vowel(const char *phone)
{
    return strchr("aeiou", phone[0]) != NULL;
}

/* Small letters of ASCII and Latin-1; others as they are. */
static struct str small(struct arena *a, struct str text)
{
    char *s = arena_cstr(a, text);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 'A' && c <= 'Z')
            s[i] = (char)(c + 32);
        else if (i && (unsigned char)s[i - 1] == 0xc3 && c >= 0x80 && c <= 0x9e)
            s[i] = (char)(c + 32);
    }
    return str_of(s, text.n);
}

static size_t letter_bytes(struct str rest)
{
    unsigned char c = (unsigned char)rest.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n < rest.n ? n : rest.n;
}

static void add(struct phone_plan *plan, const char *name, double length_s)
{
    plan->phones[plan->count++] =
        (struct planned_phone){.name = str_c(name), .length_s = length_s, .word = plan->word_count};
}

/* The longest row that the text begins with. */
static const char *match(struct str rest, size_t *n, const char **then)
{
    const char *phone = NULL;
    *n = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct str letters = str_c(table[i].letters);
        if (letters.n > *n && str_starts(rest, letters)) {
            *n = letters.n;
            phone = table[i].phone;
            *then = table[i].then;
        }
    }
    return phone;
}

static void end_word(struct phone_plan *plan, struct str text, size_t from)
{
    if (plan->count > from)
        plan->words[plan->word_count++] = (struct planned_word){text, from, plan->count};
}

static bool punctuation(struct str rest)
{
    return strchr(".,;:!?-()\"", rest.p[0]) || str_starts(rest, STR("\xe2\x80")) ||
           str_starts(rest, STR("\xe3\x80")) || str_starts(rest, STR("\xef\xbc"));
}

void phone_plan_letters(struct arena *a, struct str text, struct phone_plan *out)
{
    struct str s = small(a, text);
    size_t begin = 0, first = 0;
    *out = (struct phone_plan){.phones = arena_array(a, struct planned_phone, 2 * s.n + 1),
                               .words = arena_array(a, struct planned_word, s.n + 1)};
    for (size_t i = 0; i < s.n;) {
        struct str rest = str_from(s, i);
        const char *then = NULL;
        size_t n;
        const char *phone = match(rest, &n, &then);
        if (phone) {
            add(out, phone, vowel(phone) ? VOWEL_S : CONSONANT_S);
            if (then)
                add(out, then, vowel(then) ? VOWEL_S : CONSONANT_S);
        } else {
            n = letter_bytes(rest);
            bool stop = punctuation(rest), digit = rest.p[0] >= '0' && rest.p[0] <= '9';
            if (!stop && (digit || (rest.p[0] & 0x80))) {
                add(out, digit ? "eh" : "ax", digit ? 2 * SYLLABLE_S : SYLLABLE_S);
            } else if (rest.p[0] != '\'') {
                end_word(out, str_sub(text, begin, i - begin), first);
                if (stop && out->count)
                    out->phones[out->count - 1].pause_after = true;
                begin = i + n;
                first = out->count;
            }
        }
        i += n;
    }
    end_word(out, str_from(text, begin), first);
}
