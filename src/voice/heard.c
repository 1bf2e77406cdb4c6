/* What was heard of a sentence; see heard.h. */
#include "voice/heard.h"

enum { LOOK_AHEAD = 8 }; /* words of the voice that one word of the text may become */

static bool space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next word of the text from *at on, in *word; *at is its end. */
static bool next_word(struct str text, size_t *at, struct str *word)
{
    size_t from = *at;
    while (from < text.n && space(text.p[from]))
        from++;
    size_t end = from;
    while (end < text.n && !space(text.p[end]))
        end++;
    *word = str_sub(text, from, end - from);
    *at = end;
    return word->n > 0;
}

static bool counts(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The same letters and digits. */
static bool same(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    bool any = false;
    for (;;) {
        while (i < a.n && !counts(a.p[i]))
            i++;
        while (k < b.n && !counts(b.p[k]))
            k++;
        if (i == a.n || k == b.n)
            return i == a.n && k == b.n && any;
        if (lower(a.p[i++]) != lower(b.p[k++]))
            return false;
        any = true;
    }
}

/* How many of the voice's words belong to `word`, which is not the first of them: up to one that is the
 * text's next. */
static size_t belonging(struct str text, size_t at, const struct tts_word *words, size_t count)
{
    struct str next;
    size_t ahead = at;
    if (!next_word(text, &ahead, &next))
        return count;
    for (size_t n = 0; n < count && n <= LOOK_AHEAD; n++) {
        if (same(next, words[n].text))
            return n;
    }
    return count ? 1 : 0;
}

static size_t by_length(struct str text, uint32_t ms, uint32_t duration_ms)
{
    size_t most = duration_ms ? (size_t)((uint64_t)text.n * ms / duration_ms) : 0, at = 0, heard = 0;
    struct str word;
    while (next_word(text, &at, &word) && at <= most)
        heard = at;
    return heard;
}

size_t heard_bytes(struct str text, const struct tts_word *words, size_t count, uint32_t ms,
                   uint32_t duration_ms)
{
    size_t at = 0, heard = 0;
    struct str word;
    if (duration_ms && ms >= duration_ms)
        return text.n;
    if (!count)
        return by_length(text, ms, duration_ms);
    while (next_word(text, &at, &word)) {
        size_t n = count && same(word, words[0].text) ? 1 : belonging(text, at, words, count);
        if (n && words[n - 1].to_ms > ms)
            break;
        if (!n && !count)
            break; /* the voice's words are used up, and its sound is not over */
        heard = n || heard ? at : heard;
        words += n;
        count -= n;
    }
    return heard;
}
