/* Differences of texts: readable hunks, both texts come back, bounds hold, folding works as it says. */
#include "../unit.h"

#include "base/buf.h"
#include "base/diff.h"
#include "base/fold.h"

#include <stdio.h>
#include <stdlib.h>

/* "=same -removed +added", pieces in brackets. */
static void expect(const char *before, const char *after, const char *want)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t count = 0;
    struct diff_hunk *h = diff_texts(&a, str_c(before), str_c(after), &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%c[%.*s]", "=-+"[h[i].op], STR_ARG(h[i].text));
    if (!str_eq(buf_str(&b), str_c(want)))
        fail_msg("'%s' to '%s': %.*s, not %s", before, after, STR_ARG(buf_str(&b)), want);
    arena_release(&a);
}

static void words_and_lines(void **state)
{
    (void)state;
    expect("", "", "");
    expect("one two", "one two", "=[one two]");
    expect("", "new", "+[new]");
    expect("old", "", "-[old]");
    expect("a kind friend", "a very kind friend", "=[a ]+[very ]=[kind friend]");
    expect("a very kind friend", "a kind friend", "=[a ]-[very ]=[kind friend]");
    expect("the red house", "the blue house", "=[the ]-[red]+[blue]=[ house]");
    expect("a b c d e", "a x c y e", "=[a ]-[b]+[x]=[ c ]-[d]+[y]=[ e]");
    expect("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n", "1\n2\n3\n4\n5\n6 six\n7\n8\n9\n10\n11\n12\n13\n",
           "=[1\n2\n3\n4\n5\n]-[6\n]+[6 six\n]=[7\n8\n9\n10\n11\n12\n13\n]");
}

static void joined(struct str before, struct str after)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf x = BUF_INIT, y = BUF_INIT;
    size_t count = 0;
    struct diff_hunk *h = diff_texts(&a, before, after, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || h[i].op != h[i - 1].op);
        if (h[i].op != DIFF_ADDED)
            buf_add(&x, h[i].text);
        if (h[i].op != DIFF_REMOVED)
            buf_add(&y, h[i].text);
    }
    assert_true(str_eq(buf_str(&x), before));
    assert_true(str_eq(buf_str(&y), after));
    arena_release(&a);
}

static void any_two_texts_come_back(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 2000; round++) {
        CLEANUP_BUF struct buf x = BUF_INIT, y = BUF_INIT;
        int words = rand() % 60;
        for (int i = 0; i < words; i++) {
            int kind = rand() % 10;
            if (kind)
                buf_printf(&x, "%c%s", 'a' + rand() % 6, rand() % 3 ? " " : "\n");
            if (kind != 1)
                buf_printf(&y, "%c%s", 'a' + rand() % 6, rand() % 3 ? " " : "\n");
        }
        joined(buf_str(&x), buf_str(&y));
    }
    /* Larger than anybody's patience: still both texts, as one change. */
    CLEANUP_BUF struct buf x = BUF_INIT, y = BUF_INIT;
    for (int i = 0; i < 30000; i++) {
        buf_printf(&x, "x%d ", rand() % 5000);
        buf_printf(&y, "y%d ", rand() % 5000);
    }
    joined(buf_str(&x), buf_str(&y));
}

static void folding(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    assert_str(fold_text(&a, STR("Ångström ŒUVRE Straße ΣΊΣΥΦΟΣ Ёлка ＡＢＣ")),
               "angstrom oeuvre strasse σισυφοσ елка abc");
    CLEANUP_BUF struct buf b = BUF_INIT;
    fold_words(STR("The café, the Café; 東京! don't"), &b, 100);
    assert_str(buf_str(&b), "the cafe 東 京 don t");
    buf_clear(&b);
    fold_words(STR("aaaa bbbb cccc"), &b, 10);
    assert_str(buf_str(&b), "aaaa bbbb");
    size_t count = 0;
    struct str *list = fold_list(&a, STR("  Mia--mia \xf0\x9f\x98\x80 "), &count);
    assert_int_equal(count, 2);
    assert_str(list[1], "mia");
    fold_list(&a, STR("\xf0\x9f\x98\x80 ?!"), &count);
    assert_int_equal(count, 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_and_lines),
                                       cmocka_unit_test(any_two_texts_come_back), cmocka_unit_test(folding)};
    return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
