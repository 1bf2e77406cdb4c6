/* Pairs of letters for scripts that put no spaces between words. */
#include "../unit.h"

#include "base/buf.h"
#include "base/gram.h"

static void cuts_to(const char *word, const char *want)
{
    CLEANUP_BUF struct buf got = BUF_INIT;
    struct grams g = {.rest = str_c(word)};
    struct str piece;
    while (gram_next(&g, &piece)) {
        if (got.n)
            buf_add_char(&got, ' ');
        buf_add(&got, piece);
    }
    assert_str(buf_str(&got), want);
}

static void pairs_overlap(void **state)
{
    (void)state;
    cuts_to("", "");
    cuts_to("harbour", "harbour");
    cuts_to("雨", "雨");
    cuts_to("香港", "香港");
    cuts_to("我喜欢茶", "我喜 喜欢 欢茶");
    cuts_to("ありがとう", "あり りが がと とう");
    cuts_to("안녕하세요", "안녕 녕하 하세 세요");
    cuts_to("กขค", "กข ขค");
}

static void mixed_words_are_cut_where_the_script_changes(void **state)
{
    (void)state;
    cuts_to("iphone手机", "iphone 手机");
    cuts_to("手机15号", "手机 15 号");
    cuts_to("a雨b", "a 雨 b");
    cuts_to("\xff雨港", "\xff 雨港");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_overlap),
        cmocka_unit_test(mixed_words_are_cut_where_the_script_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
