/* Names of languages. */
#include "../unit.h"

#include "language/tongue.h"

static void tags_are_told_from_words(void **state)
{
    (void)state;
    static const char *const good[] = {"de", "fil", "pt-BR", "zh-Hant-TW", "sr-Latn", "es-419"};
    static const char *const bad[] = {"",
                                      "d",
                                      "German",
                                      "de-",
                                      "-de",
                                      "de--AT",
                                      "de_AT",
                                      "d3",
                                      "12",
                                      "de AT",
                                      "de-Bundesrepublik",
                                      "\xc3\xa4\xc3\xa4",
                                      "de\n",
                                      "zh-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!tongue_ok(str_c(good[i])))
            fail_msg("'%s' is a tag", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (tongue_ok(str_c(bad[i])))
            fail_msg("'%s' is no tag", bad[i]);
    }
    assert_false(tongue_ok(STR_NONE));
}

static void tags_have_names(void **state)
{
    (void)state;
    char to[TONGUE_NAME];
    assert_str(tongue_name(STR("de"), to), "German");
    assert_str(tongue_name(STR("DE"), to), "German");
    assert_str(tongue_name(STR("pt-BR"), to), "Portuguese (pt-BR)");
    assert_str(tongue_name(STR("tlh"), to), "tlh");
}

static void regions_do_not_part_a_language(void **state)
{
    (void)state;
    assert_true(tongue_same(STR("en"), STR("en-GB")));
    assert_true(tongue_same(STR("pt-BR"), STR("PT-pt")));
    assert_false(tongue_same(STR("de"), STR("den")));
    assert_false(tongue_same(STR("no"), STR("nb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_told_from_words),
        cmocka_unit_test(tags_have_names),
        cmocka_unit_test(regions_do_not_part_a_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
