/* Pieces to speak from a growing text; see sentence.h. */
#include "voice/sentence.h"

#include "base/utf8.h"

#include <string.h>

static const struct str think = STR_INIT("<think>"), unthink = STR_INIT("</think>");

static bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0x3000;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (unsigned char)c >= 0x80;
}

/* Terminators that need no space after them. */
static bool ends_at_once(uint32_t c)
{
    return c == 0x3002 || c == 0xff01 || c == 0xff1f || c == 0x061f || c == 0x06d4 || c == 0x0964 ||
           c == 0x0965 || c == 0x1362 || c == 0x17d4 || c == 0x104b;
}

static bool closes(uint32_t c)
{
    return c == '"' || c == '\'' || c == ')' || c == ']' || c == '*' || c == '_' || c == 0x201d ||
           c == 0x2019 || c == 0xbb || c == 0x300d || c == 0x300f || c == 0xff09;
}

/* The word that a full stop at `at` ends is no sentence's end: a title, an initial, an acronym, "e.g.". */
static bool guarded(struct str text, size_t at)
{
    static const char *const titles[] = {"mr",  "mrs",    "ms", "dr",  "prof", "st",   "sr",  "jr",
                                         "vs",  "etc",    "no", "vol", "fig",  "dept", "gen", "col",
                                         "sgt", "capt",   "lt", "rev", "hon",  "mt",   "inc", "ltd",
                                         "co",  "approx", "eg", "ie",  "cf",   "al"};
    size_t from = at;
    while (from && (is_letter(text.p[from - 1]) || text.p[from - 1] == '.'))
        from--;
    struct str word = str_sub(text, from, at - from);
    if (word.n == 1 && is_letter(word.p[0]) && word.p[0] != 'I')
        return true; /* an initial */
    if (str_find_char(word, '.') != SIZE_MAX && word.n <= 6)
        return true; /* "U.S", "e.g", "p.m" */
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (str_ieq(word, str_c(titles[i])))
            return true;
    }
    return from == at && at && is_digit(text.p[at - 1]) &&
           (at < 3 || text.p[at - 2] == '\n'); /* "1. First" */
}

/* "etc." and the like do end a sentence where a capital follows; a title never does. */
static bool listed_end(struct str text, size_t at)
{
    struct str before = str_sub(text, 0, at);
    return str_ends(before, STR("etc")) || str_ends(before, STR("p.m")) || str_ends(before, STR("a.m"));
}

/* What is there but for a character of which the end has not come yet. */
static struct str whole(const struct sentences *s)
{
    struct str all = buf_str(&s->text);
    for (size_t back = 1; back <= 3 && back <= all.n && !s->ended; back++) {
        unsigned char c = (unsigned char)all.p[all.n - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return needs > back ? str_sub(all, 0, all.n - back) : all;
    }
    return all;
}

/* Where the piece that ends with the terminator before `at` really ends: quotes and more marks go along. 0:
 * not known yet, more text must come. */
static size_t settle(const struct sentences *s, size_t at, bool at_once)
{
    struct str rest = str_from(whole(s), at);
    size_t length = at + rest.n;
    while (rest.n) {
        struct str next = rest;
        uint32_t c = utf8_next(&next);
        if (!closes(c) && c != '.' && c != '!' && c != '?' && c != 0x2026)
            break;
        rest = next;
    }
    size_t end = length - rest.n;
    if (!rest.n)
        return s->ended || at_once ? end : 0;
    struct str next = rest;
    uint32_t c = utf8_next(&next);
    if (at_once)
        return end;
    if (!is_space(c))
        return SIZE_MAX; /* within a word: "3.5", "a.b.c", "wait...what" */
    /* The next letter says whether it goes on: "Dr. No", "... and". */
    while (next.n && is_space(c))
        c = utf8_next(&next);
    if (is_space(c))
        return s->ended ? end : 0;
    return end;
}

static bool goes_on_small(struct str text, size_t at)
{
    struct str rest = str_trim(str_from(text, at));
    return rest.n && rest.p[0] >= 'a' && rest.p[0] <= 'z';
}

/* The end of the first sure piece, or 0. */
static size_t find_end(struct sentences *s)
{
    struct str all = whole(s), rest = str_from(all, s->seen);
    while (rest.n) {
        size_t at = all.n - rest.n;
        uint32_t c = utf8_next(&rest);
        size_t after = all.n - rest.n, end = SIZE_MAX;
        bool once = ends_at_once(c);
        if (c == '\n') {
            end = str_trim(str_sub(all, 0, at)).n ? after : SIZE_MAX;
        } else if (once) {
            end = settle(s, after, true);
        } else if (c == '.' || c == '!' || c == '?' || c == 0x2026) {
            bool dots = c == 0x2026 || (c == '.' && (at + 1 < all.n && all.p[at + 1] == '.'));
            if (c == '.' && !dots && guarded(all, at) && !(listed_end(all, at) && !goes_on_small(all, after)))
                end = SIZE_MAX;
            else
                end = settle(s, after, false);
            if (end != 0 && end != SIZE_MAX && dots && goes_on_small(all, end))
                end = SIZE_MAX;
            if (end != 0 && end != SIZE_MAX && end < SENTENCE_LEAST && !(s->ended && end >= all.n))
                end = SIZE_MAX; /* "Ah." goes with what follows */
        } else if ((c == ',' || c == ';' || c == ':' || c == 0x2014 || c == 0xff0c || c == 0x3001) &&
                   !s->began && at >= CLAUSE_LEAST) {
            struct str next = rest;
            bool spaced = !next.n ? false : is_space(utf8_next(&next)) || c >= 0x2014;
            end = !rest.n ? 0 : spaced ? after : SIZE_MAX;
        } else if (at >= SENTENCE_MOST && is_space(c)) {
            end = after;
        }
        if (end == 0)
            return 0;
        if (end != SIZE_MAX)
            return end;
        s->seen = after;
    }
    return 0;
}

/* Thoughts are taken out as they come; a mark that is only begun waits. */
static void drop_thoughts(struct sentences *s)
{
    for (;;) {
        struct str all = buf_str(&s->text), mark = s->thinking ? unthink : think;
        size_t at = str_find(all, mark);
        if (s->thinking) {
            size_t gone = at == SIZE_MAX ? 0 : at + mark.n;
            if (at == SIZE_MAX) {
                if (s->ended)
                    buf_clear(&s->text);
                return;
            }
            buf_drop(&s->text, gone);
            s->seen = 0;
            s->thinking = false;
            continue;
        }
        if (at != 0)
            return;
        s->thinking = true;
    }
}

void sentences_feed(struct sentences *s, struct str text)
{
    buf_add(&s->text, text);
}

void sentences_end(struct sentences *s)
{
    s->ended = true;
}

static bool give(struct sentences *s, size_t end, struct buf *to)
{
    struct str piece = str_trim(str_sub(buf_str(&s->text), 0, end));
    bool any = piece.n > 0;
    buf_add(to, piece);
    buf_drop(&s->text, end);
    s->seen = 0;
    s->began |= any;
    return any;
}

bool sentences_next(struct sentences *s, struct buf *to)
{
    for (;;) {
        drop_thoughts(s);
        if (s->thinking || !s->text.n)
            return false;
        struct str all = buf_str(&s->text);
        size_t thought = str_find_char(all, '<');
        /* Up to a thought that follows, the text is whole; a "<" at the very end may become one. */
        if (thought != SIZE_MAX && str_starts(think, str_sub(all, thought, think.n)) &&
            (!s->ended || all.n - thought >= think.n)) {
            if (thought == 0)
                return false;
            if (all.n - thought >= think.n) {
                if (give(s, thought, to))
                    return true;
                continue;
            }
        }
        size_t end = find_end(s);
        if (!end && s->ended)
            end = s->text.n;
        if (!end)
            return false;
        if (give(s, end, to))
            return true;
    }
}

void sentences_release(struct sentences *s)
{
    buf_release(&s->text);
    *s = (struct sentences){0};
}
