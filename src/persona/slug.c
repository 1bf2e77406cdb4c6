/*
 * Slugs: a persona's name as it stands in addresses, from letters of three alphabets to ASCII.
 *
 * Latin letters lose their marks, Greek and Cyrillic ones are transliterated the common way (after ISO 9 and
 * ELOT 743, with the digraphs people expect); everything else is a gap. No normalisation is done: combining
 * marks are dropped.
 */
#include "persona/persona.h"

#include "base/utf8.h"

#include <stdio.h>

struct range {
    uint32_t first;
    const char *text; /* one word a code point, '-' for a gap */
};

static const struct range ranges[] = {
    {0xC0,
     "a a a a a a ae c e e e e i i i i d n o o o o o - o u u u u y th ss "
     "a a a a a a ae c e e e e i i i i d n o o o o o - o u u u u y th y "
     "a a a a a a c c c c c c c c d d d d e e e e e e e e e e g g g g g g g g h h h h i i i i i i i i i i "
     "ij ij j j k k k l l l l l l l l l l n n n n n n n n n o o o o o o oe oe r r r r r r s s s s s s s s "
     "t t t t t t u u u u u u u u u u u u w w y y y z z z z z z s"},
    {0x386, "a - e i i - o - y o i a v g d e z i th i k l m n x o p r - s t y f ch ps o i y a e i i y "
            "a v g d e z i th i k l m n x o p r s s t y f ch ps o i y o y o"},
    {0x400,
     "e yo dj g ye dz i yi j lj nj c k i u dz a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch "
     "- y - e yu ya a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya "
     "e yo dj g ye dz i yi j lj nj c k i u dz"},
};

static struct str letter(uint32_t cp)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (cp < ranges[i].first)
            continue;
        struct str rest = str_c(ranges[i].text), word = STR_NONE;
        uint32_t at = ranges[i].first;
        while (str_cut(&rest, ' ', &word)) {
            if (at++ == cp)
                return word;
        }
    }
    return STR("-");
}

static bool combining(uint32_t cp)
{
    return (cp >= 0x300 && cp < 0x370) || cp == '\'' || cp == 0x2019;
}

static size_t put(char *to, size_t n, size_t max, struct str s)
{
    for (size_t i = 0; i < s.n && n < max; i++) {
        char c = s.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain)
            to[n++] = c;
        else if (n && to[n - 1] != '-')
            to[n++] = '-';
    }
    return n;
}

struct str persona_slug(struct arena *a, struct str name, unsigned attempt)
{
    char text[PERSONA_SLUG_MAX + 1], suffix[16] = "";
    size_t n = 0;
    if (attempt)
        snprintf(suffix, sizeof suffix, "-%u", attempt + 1);
    size_t max = PERSONA_SLUG_MAX - strlen(suffix);
    while (name.n && n < max) {
        uint32_t cp = utf8_next(&name);
        char ascii = (char)cp;
        if (!combining(cp))
            n = put(text, n, max, cp < 0x80 ? str_of(&ascii, 1) : letter(cp));
    }
    while (n && text[n - 1] == '-')
        n--;
    struct str slug = n ? str_of(text, n) : STR("persona");
    slug = arena_printf(a, "%.*s%s", STR_ARG(slug), suffix);
    return persona_slug_valid(slug) ? slug : arena_printf(a, "persona%s", suffix);
}

bool persona_slug_valid(struct str slug)
{
    struct id id;
    if (slug.n == 0 || slug.n > PERSONA_SLUG_MAX || id_parse(slug, &id) || str_eq(slug, STR("import")) ||
        str_eq(slug, STR("tags")))
        return false;
    for (size_t i = 0; i < slug.n; i++) {
        char c = slug.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool dash = c == '-' && i && i + 1 < slug.n && slug.p[i - 1] != '-';
        if (!plain && !dash)
            return false;
    }
    return true;
}
