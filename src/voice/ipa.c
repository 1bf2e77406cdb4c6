/* See ipa.h. */
#include "voice/ipa.h"

static const struct {
    const char *ipa, *phone;
} table[] = {
    {"tʃ", "ch"}, {"dʒ", "jh"}, {"ts", "s"}, {"pf", "f"}, {"p", "p"},   {"b", "b"},  {"m", "m"},  {"ɱ", "m"},
    {"f", "f"},   {"v", "v"},   {"ɸ", "f"},  {"β", "v"},  {"ʋ", "v"},   {"θ", "th"}, {"ð", "dh"}, {"t", "t"},
    {"d", "d"},   {"ʈ", "t"},   {"ɖ", "d"},  {"ɾ", "dx"}, {"n", "n"},   {"ɳ", "n"},  {"ɲ", "n"},  {"l", "l"},
    {"ɫ", "l"},   {"ɭ", "l"},   {"ʎ", "l"},  {"ɬ", "l"},  {"ɹ", "r"},   {"ɻ", "r"},  {"r", "r"},  {"ʀ", "k"},
    {"ʁ", "k"},   {"s", "s"},   {"z", "z"},  {"ɕ", "sh"}, {"ʑ", "zh"},  {"ʃ", "sh"}, {"ʒ", "zh"}, {"ʂ", "sh"},
    {"ʐ", "zh"},  {"k", "k"},   {"g", "g"},  {"ɡ", "g"},  {"q", "k"},   {"c", "k"},  {"ɟ", "g"},  {"x", "k"},
    {"χ", "k"},   {"ɣ", "g"},   {"ç", "k"},  {"ŋ", "ng"}, {"h", "hh"},  {"ɦ", "hh"}, {"ħ", "hh"}, {"j", "y"},
    {"ʝ", "y"},   {"w", "w"},   {"ɥ", "w"},  {"ɰ", "g"},  {"i", "iy"},  {"ɪ", "ih"}, {"ɨ", "ih"}, {"y", "uw"},
    {"ʏ", "uh"},  {"e", "eh"},  {"ɛ", "eh"}, {"ə", "ax"}, {"ɚ", "axr"}, {"ɝ", "er"}, {"ɜ", "er"}, {"ɘ", "ax"},
    {"ø", "uh"},  {"œ", "uh"},  {"æ", "ae"}, {"a", "aa"}, {"ɑ", "aa"},  {"ɐ", "ah"}, {"ʌ", "ah"}, {"ɒ", "ao"},
    {"ɔ", "ao"},  {"o", "ao"},  {"ɤ", "ao"}, {"u", "uw"}, {"ʊ", "uh"},  {"ʉ", "uw"}, {"ɯ", "ih"}, {"ᵻ", "ih"},
};

static struct str match(struct str rest, size_t *n)
{
    struct str found = {0};
    *n = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct str ipa = str_c(table[i].ipa);
        if (ipa.n > *n && str_starts(rest, ipa)) {
            *n = ipa.n;
            found = str_c(table[i].phone);
        }
    }
    return found;
}

bool ipa_phones(struct str phoneme, struct str *first, struct str *second)
{
    *first = *second = STR_NONE;
    while (phoneme.n) {
        size_t n;
        struct str phone = match(phoneme, &n);
        if (!n) {
            phoneme = str_from(phoneme, 1);
            continue;
        }
        phoneme = str_from(phoneme, n);
        if (!first->n) {
            *first = phone;
        } else {
            *second = phone;
            break;
        }
    }
    return first->n > 0;
}
