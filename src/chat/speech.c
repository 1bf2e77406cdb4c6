/* Reading lines of logs; see speech.h. */
#include "chat/speech.h"

#include <ctype.h>

enum { PLAIN_NAME_MAX = 48, PLAIN_WORDS_MAX = 4 };

static const struct str em_dash = STR_INIT(" \xE2\x80\x94 "), left_to_right = STR_INIT("\xE2\x80\x8E");

static struct str without_marks(struct str s)
{
    while (str_starts(s, left_to_right))
        s = str_from(s, left_to_right.n);
    return s;
}

static bool is_name(struct str name)
{
    return name.n > 0 && name.n <= CHAT_NAME_MAX;
}

/* "Ana: text" -> name, text. A colon within an address (https://) is none. */
static bool split_name(struct str line, struct str *name, struct str *text)
{
    size_t colon = str_find_char(line, ':');
    if (colon == SIZE_MAX || (colon + 1 < line.n && line.p[colon + 1] != ' ' && line.p[colon + 1] != '\t'))
        return false;
    *name = str_trim(str_sub(line, 0, colon));
    *text = str_from(line, colon + 1);
    if (text->n)
        *text = str_from(*text, 1);
    return is_name(*name);
}

static bool read_bracket(struct str line, const struct chat_clock *clock, struct speech *s)
{
    size_t end = str_find_char(line, ']'), used;
    if (!str_starts(line, STR("[")) || end == SIZE_MAX)
        return false;
    s->when = str_trim(str_sub(line, 1, end - 1));
    if (!chat_when(s->when, clock, &s->at_ms, &used) || used < s->when.n)
        return false;
    struct str rest = without_marks(str_trim(str_from(line, end + 1)));
    if (!split_name(rest, &s->name, &s->text)) {
        s->name = rest; /* Discord's exporter: the text begins on the next line */
        s->text = STR_NONE;
    }
    return is_name(s->name);
}

static bool read_front(struct str line, const struct chat_clock *clock, struct speech *s)
{
    size_t used;
    s->when = line;
    if (!line.n || !isdigit((unsigned char)line.p[0]) || !chat_when(line, clock, &s->at_ms, &used))
        return false;
    struct str rest = str_from(line, used);
    if (str_starts(rest, STR(" - "))) {
        s->style = SPEECH_DASH;
        rest = without_marks(str_from(rest, 3));
        if (!split_name(rest, &s->name, &s->text)) {
            s->name = STR_NONE; /* "Messages are end-to-end encrypted." */
            s->text = rest;
        }
        return true;
    }
    rest = str_trim(rest);
    s->style = SPEECH_STAMP;
    size_t end = str_find_char(rest, '>');
    if (str_starts(rest, STR("<")) && end != SIZE_MAX) {
        s->name = str_sub(rest, 1, end - 1);
        s->text = str_trim(str_from(rest, end + 1));
        return is_name(s->name);
    }
    if (str_starts(rest, STR("| ")) || str_starts(rest, STR("- ")))
        rest = str_from(rest, 2);
    return split_name(rest, &s->name, &s->text);
}

static bool read_suffix(struct str line, const struct chat_clock *clock, struct speech *s)
{
    size_t at = str_find(line, STR(", [")), used;
    s->text = STR_NONE;
    if (at != SIZE_MAX && at) {
        size_t end = str_find_char(str_from(line, at), ']');
        if (end == SIZE_MAX)
            return false;
        s->name = str_trim(str_sub(line, 0, at));
        s->when = str_trim(str_sub(line, at + 3, end - 3));
        struct str rest = str_trim(str_from(line, at + end + 1));
        if (str_starts(rest, STR(":")))
            rest = str_trim(str_from(rest, 1));
        s->text = rest;
    } else if ((at = str_find(line, em_dash)) != SIZE_MAX && at) {
        s->name = str_trim(str_sub(line, 0, at));
        s->when = str_trim(str_from(line, at + em_dash.n));
    } else {
        return false;
    }
    return is_name(s->name) && chat_when(s->when, clock, &s->at_ms, &used) && used == s->when.n;
}

static struct str without_stars(struct str s)
{
    while (str_starts(s, STR("*")))
        s = str_from(s, 1);
    while (s.n && s.p[s.n - 1] == '*')
        s.n--;
    return str_trim(s);
}

/* A name as one would put before a colon: a few words, no sentence. */
static bool plain_name(struct str name)
{
    unsigned words = 1;
    if (!name.n || name.n > PLAIN_NAME_MAX ||
        (!isalnum((unsigned char)name.p[0]) && (unsigned char)name.p[0] < 0x80 && name.p[0] != '{'))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        words += name.p[i] == ' ';
        if (strchr(",;!?\"/\\<>=", name.p[i]))
            return false;
    }
    return words <= PLAIN_WORDS_MAX;
}

static bool read_plain(struct str line, struct speech *s)
{
    bool bold = str_starts(line, STR("**"));
    if (bold) {
        size_t end = str_find(str_from(line, 2), STR("**"));
        if (end == SIZE_MAX)
            return false;
        struct str inside = str_sub(line, 2, end), rest = str_from(line, end + 4);
        bool colon = inside.n && inside.p[inside.n - 1] == ':';
        if (!colon && !str_starts(rest, STR(":")))
            return false;
        s->name = str_trim(colon ? str_sub(inside, 0, inside.n - 1) : inside);
        s->text = str_trim(colon ? rest : str_from(rest, 1));
        return plain_name(s->name);
    }
    if (!split_name(line, &s->name, &s->text))
        return false;
    s->name = without_stars(s->name);
    return plain_name(s->name);
}

bool speech_read(struct str line, const struct chat_clock *clock, struct speech *out)
{
    line = without_marks(line);
    struct str trimmed = str_trim(line);
    *out = (struct speech){.style = SPEECH_BRACKET};
    if (read_bracket(trimmed, clock, out))
        return true;
    *out = (struct speech){0};
    if (read_front(trimmed, clock, out))
        return true;
    *out = (struct speech){.style = SPEECH_SUFFIX};
    if (read_suffix(trimmed, clock, out))
        return true;
    *out = (struct speech){.style = SPEECH_PLAIN};
    return read_plain(trimmed, out);
}
