/* Finding the wake phrase; see wake.h. */
#include "voice/wake.h"

#include "voice/words.h"

enum { FRONT = 2, JOINED = WAKE_WORDS_MAX * WORD_MAX, TEXT_WORDS = 64 };

/* How it sounds: the classes of Soundex, h and w kept at the front, runs of one class once, all vowels 'a'.
 */
static void key_of(const char *joined, char *to, size_t size)
{
    static const char classes[] = {
        /* a */ 'a', 'b', 'k', 't', 'a', 'b', 'k', 'h', 'a', 'k', 'k', 'l', 'm',
        /* n */ 'm', 'a', 'b', 'k', 'r', 'k', 't', 'a', 'b', 'a', 'k', 'a', 'k'};
    size_t n = 0;
    for (size_t i = 0; joined[i] && n + 1 < size; i++) {
        char c = joined[i] >= 'a' && joined[i] <= 'z' ? classes[joined[i] - 'a'] : 'a';
        if (c == 'h' && i)
            continue;
        if (!n || to[n - 1] != c)
            to[n++] = c;
    }
    to[n] = '\0';
}

static size_t join(const struct word *words, size_t count, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; words[i].c[k] && n + 1 < size; k++) {
            if (words[i].c[k] != '\'' && words[i].c[k] != '-')
                to[n++] = words[i].c[k];
        }
    }
    to[n] = '\0';
    return n;
}

/* 2: the same; 1: near; 0: another. */
static int likeness(const char *heard, const char *phrase)
{
    char heard_key[JOINED], phrase_key[JOINED];
    size_t n = strlen(heard), m = strlen(phrase);
    if (!n || n > m + 3 || m > n + 3)
        return 0;
    unsigned letters = word_distance(heard, phrase);
    if (!letters)
        return 2;
    key_of(heard, heard_key, sizeof heard_key);
    key_of(phrase, phrase_key, sizeof phrase_key);
    unsigned sounds = word_distance(heard_key, phrase_key);
    size_t longest = n > m ? n : m;
    return sounds == 0 || (sounds == 1 && letters * 5 <= longest * 2) || letters * 4 <= longest;
}

bool wake_find(struct str text, struct str phrase, struct str *rest)
{
    struct word asked[WAKE_WORDS_MAX], heard[TEXT_WORDS];
    char want[JOINED], have[JOINED];
    size_t asked_count = 0, count = 0, at = 0;
    while (asked_count < WAKE_WORDS_MAX && word_next(phrase, &at, &asked[asked_count]))
        asked_count++;
    *rest = text;
    if (!asked_count)
        return true;
    for (at = 0; count < TEXT_WORDS && word_next(text, &at, &heard[count]);)
        count++;
    join(asked, asked_count, want, sizeof want);
    for (int least = 2; least >= 1; least--) {
        for (size_t from = 0; from < count && (least == 2 || from < FRONT); from++) {
            /* What is one word to us may be two to the recogniser, and the other way round. */
            for (size_t n = asked_count + 1; n >= 1; n--) {
                if (from + n > count || (n + 1 < asked_count))
                    continue;
                join(heard + from, n, have, sizeof have);
                if (likeness(have, want) < least)
                    continue;
                size_t behind = heard[from + n - 1].to;
                while (behind < text.n && strchr(" ,.!?;:-", text.p[behind]))
                    behind++;
                *rest = str_from(text, behind);
                return true;
            }
        }
    }
    return false;
}
