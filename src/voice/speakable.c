/* Leaving out what is not spoken; see speakable.h. */
#include "voice/speakable.h"

#include "base/utf8.h"

#include <string.h>

static bool is_picture(uint32_t c)
{
    return (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x2600 && c <= 0x27bf) || c == 0xfe0f || c == 0x200d ||
           (c >= 0x1f1e6 && c <= 0x1f1ff) || (c >= 0xe000 && c <= 0xf8ff);
}

/* "```lang ... ```": how long it is, with its end; to the end of the text where it is never closed. */
static size_t fence(struct str s)
{
    if (!str_starts(s, STR("```")))
        return 0;
    size_t end = str_find(str_from(s, 3), STR("```"));
    return end == SIZE_MAX ? s.n : end + 6;
}

/* "[words](address)": its words and its length, or 0. */
static size_t link_of(struct str s, struct str *words)
{
    size_t middle = str_find(s, STR("](")), line = str_find_char(s, '\n');
    if (!s.n || s.p[0] != '[' || middle == SIZE_MAX || middle > line)
        return 0;
    size_t end = str_find_char(str_from(s, middle), ')');
    if (end == SIZE_MAX)
        return 0;
    *words = str_sub(s, 1, middle - 1);
    return middle + end + 1;
}

/* "*smiles and waves*": an action, told and not said; one word in asterisks is emphasis. Its length, or 0. */
static size_t action(struct str s)
{
    if (s.n < 3 || s.p[0] != '*' || s.p[1] == '*' || s.p[1] == ' ')
        return 0;
    size_t end = str_find_char(str_from(s, 1), '*'), line = str_find_char(s, '\n');
    if (end == SIZE_MAX || end > line || (end + 2 < s.n && s.p[end + 2] == '*'))
        return 0;
    return str_find_char(str_sub(s, 1, end), ' ') == SIZE_MAX ? 0 : end + 2;
}

static bool at_line_start(const struct buf *to)
{
    return !to->n || to->p[to->n - 1] == '\n';
}

/* Marks at the beginning of a line: "## ", "> ", "- ", "* ". */
static size_t line_mark(struct str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == '#' || s.p[n] == '>'))
        n++;
    if (!n && s.n > 1 && (s.p[0] == '-' || s.p[0] == '*' || s.p[0] == '+') && s.p[1] == ' ')
        n = 1;
    while (n && n < s.n && s.p[n] == ' ')
        n++;
    return n;
}

void text_speakable(struct str text, struct buf *to)
{
    while (text.n) {
        struct str words = STR_NONE;
        size_t n = fence(text);
        if (n) {
            buf_add(to, STR("\n"));
        } else if ((n = link_of(text, &words))) {
            text_speakable(words, to);
        } else if ((n = action(text))) {
            /* left out */
        } else if (at_line_start(to) && (n = line_mark(text))) {
            /* left out */
        } else if (text.p[0] == '!' && text.n > 1 && text.p[1] == '[') {
            n = 1;
        } else if (strchr("*_`~|", text.p[0]) && text.p[0]) {
            n = 1;
        } else if (str_starts(text, STR("https://")) || str_starts(text, STR("http://"))) {
            while (n < text.n && text.p[n] != ' ' && text.p[n] != '\n' && text.p[n] != ')')
                n++;
            buf_add(to, STR("a link"));
        } else {
            struct str rest = text;
            uint32_t c = utf8_next(&rest);
            n = text.n - rest.n;
            if (!is_picture(c))
                buf_add(to, str_sub(text, 0, n));
        }
        text = str_from(text, n);
    }
}
