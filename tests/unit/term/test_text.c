/* Text for terminals: nothing harmful comes through, widths are right, lines are broken where they should be.
 */
#include "../unit.h"

#include "base/id.h"
#include "base/utf8.h"
#include "term/markdown.h"
#include "term/table.h"
#include "term/text.h"
#include "term/wrap.h"

#include <locale.h>
#include <stdlib.h>

static const struct term plain, colored = {.color = true, .out_tty = true};

static void clean_is(struct str in, const char *expected)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    text_clean(&out, in);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, expected);
}

static void harmless(void **state)
{
    (void)state;
    clean_is(STR("plain ü 日本 🎉\n\tindented"), "plain ü 日本 🎉\n    indented");
    clean_is(STR("\033[31mred\033]0;title\007"), "\uFFFD[31mred\uFFFD]0;title\uFFFD");
    clean_is(STR("a\302\233b\177c\000d"), "a\uFFFDb\uFFFDc\uFFFDd");
    clean_is(STR("one\r\ntwo\rthree"), "one\ntwo\uFFFDthree");
    clean_is(STR("ab\342\200\256cd\342\201\246ef"), "abcdef");
    clean_is(STR("\377\300\257x"), "\uFFFD\uFFFD\uFFFDx");
    CLEANUP_BUF struct buf line = BUF_INIT;
    text_clean_line(&line, STR("  a \n\n b\t c\033 "));
    assert_true(str_eq(buf_str(&line), STR("a b c\uFFFD")));
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(text_width(STR("abc")), 3);
    assert_int_equal(text_width(STR("日本")), 4);
    assert_int_equal(text_width(STR("e\314\201")), 1);
    assert_int_equal(text_width(STR("🎉")), 2);
    CLEANUP_BUF struct buf cut = BUF_INIT;
    assert_int_equal(text_fit(&cut, STR("日本語"), 4), 3);
    assert_true(str_eq(buf_str(&cut), STR("日…")));
}

static void render_is(struct str in, unsigned columns, const char *expected)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    markdown_render(&out, &plain, in, columns, 0);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, expected);
}

static void blocks(void **state)
{
    (void)state;
    render_is(STR("# Title\n\nSome *words* and **more**, `code`."), 80,
              "Title\n\nSome words and more, code.\n");
    render_is(STR("- one\n- two\n  - deep\n- three"), 80, "• one\n• two\n  • deep\n• three\n");
    render_is(STR("3. three\n4. four"), 80, "3. three\n4. four\n");
    render_is(STR("> said\n> twice"), 80, "│ said\n│ twice\n");
    render_is(STR("```py\nif x:\n    y\n```"), 80, "  if x:\n      y\n");
    render_is(STR("a\nb"), 80, "a\nb\n");
    render_is(STR("[here](http://x.org/a) and http://y.org"), 80, "here (http://x.org/a) and http://y.org\n");
    render_is(STR("| a | b |\n|---|---|\n| longer | c |"), 80, "a      │ b\nlonger │ c\n");
    render_is(STR("<b>no html</b> &amp; &#27;[31m"), 80, "<b>no html</b> & \uFFFD[31m\n");
    render_is(STR("~~gone~~ - [x] no"), 80, "gone - [x] no\n");
    render_is(STR("- [x] done\n- [ ] open"), 80, "• ☑ done\n• ☐ open\n");
    render_is(STR(""), 80, "");
}

static void wrapping(void **state)
{
    (void)state;
    render_is(STR("the quick brown fox jumps over"), 20, "the quick brown fox\njumps over\n");
    render_is(STR("- the quick brown fox jumps"), 20, "• the quick brown\n  fox jumps\n");
    render_is(STR("日本語の文章はどこでも折り返す"), 20, "日本語の文章はどこで\nも折り返す\n");
    render_is(STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 20, "aaaaaaaaaaaaaaaaaaaa\naaaaaaaaaa\n");
}

/* No line is too wide and no control character comes through, whatever the text. */
static void any_text(void **state)
{
    static const char *const pieces[] = {"*",      "**",    "`",         "\n",      "\n\n",   "- ", "1. ",
                                         "> ",     "word ", "日本 ",     "\033[2J", "| ",     "#",  "```",
                                         "[a](b)", " ",     "e\314\201", "🎉",       "&#x1b;", "\t", "    "};
    (void)state;
    for (unsigned seed = 1; seed < 400; seed++) {
        CLEANUP_BUF struct buf in = BUF_INIT;
        CLEANUP_BUF struct buf out = BUF_INIT;
        srand(seed);
        for (int i = 0; i < 60; i++)
            buf_add(&in, str_c(pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)]));
        markdown_render(&out, &plain, buf_str(&in), 24, 2);
        struct str rest = buf_str(&out), line;
        while (str_cut(&rest, '\n', &line)) {
            assert_true(text_width(line) <= 24);
            assert_int_equal(str_find_char(line, '\033'), SIZE_MAX);
        }
    }
}

/* Rendering what is firm once and the rest anew gives the same lines as rendering the whole. */
static void streaming(void **state)
{
    static const char text[] =
        "# Head\n\nA *paragraph* that\ngoes on.\n\n- one\n- two\n\n- three\n\nAfter it.\n\n```\ncode\n\n"
        "more code\n```\n\n> quote\n\nLast **words** here.";
    CLEANUP_BUF struct buf whole = BUF_INIT;
    (void)state;
    markdown_render(&whole, &colored, str_c(text), 40, 2);
    size_t steps = 0;
    for (size_t n = 1; n <= sizeof text - 1; n++) {
        CLEANUP_BUF struct buf both = BUF_INIT;
        CLEANUP_BUF struct buf at_once = BUF_INIT;
        struct str so_far = str_of(text, n);
        size_t stable = markdown_stable(so_far);
        if (stable) {
            markdown_render(&both, &colored, str_sub(so_far, 0, stable), 40, 2);
            buf_add_char(&both, '\n');
            steps++;
        }
        markdown_render(&both, &colored, str_from(so_far, stable), 40, 2);
        markdown_render(&at_once, &colored, so_far, 40, 2);
        assert_true(str_eq(buf_str(&both), buf_str(&at_once)));
        /* And the firm part is a beginning of the end. */
        if (stable) {
            CLEANUP_BUF struct buf firm = BUF_INIT;
            markdown_render(&firm, &colored, str_sub(so_far, 0, stable), 40, 2);
            assert_true(str_starts(buf_str(&whole), buf_str(&firm)));
        }
    }
    assert_true(steps > 20);
}

static void tables(void **state)
{
    struct table t;
    CLEANUP_BUF struct buf out = BUF_INIT;
    (void)state;
    table_init(&t, "NAME|SIZE>|TEXT*");
    table_add(&t, STR("a"));
    table_addf(&t, "%d", 12345);
    table_add(&t, STR("some\ttext\nof two lines"));
    table_write(&t, &plain, &out);
    assert_true(str_eq(buf_str(&out), STR("a\t12345\tsome text of two lines\n")));
    buf_clear(&out);
    table_write(&t, &(struct term){.out_tty = true}, &out);
    assert_true(str_eq(buf_str(&out), STR("NAME   SIZE  TEXT\na     12345  some text of two lines\n")));
    table_release(&t);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless), cmocka_unit_test(widths),   cmocka_unit_test(blocks),
        cmocka_unit_test(wrapping), cmocka_unit_test(any_text), cmocka_unit_test(streaming),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
