/* The IPA's phonemes, by what the mouth does. */
#include "../unit.h"

#include "voice/ipa.h"
#include "voice/viseme.h"

static void check(const char *ipa, const char *first, const char *second)
{
    struct str a, b;
    enum viseme then;
    assert_int_equal(ipa_phones(str_c(ipa), &a, &b), *first != '\0');
    assert_str(a, first);
    assert_str(b, second);
    if (*first && viseme_of_phone(a, &then) == VISEME_SIL)
        fail_msg("%s has no shape", first);
}

static void phonemes_have_shapes(void **state)
{
    (void)state;
    check("p", "p", "");
    check("ˈoʊ", "ao", "uh");
    check("tʃ", "ch", "");
    check("oː", "ao", "");
    check("ɛɹ", "eh", "r");
    check("ts", "s", "");
    check("ɲ", "n", "");
    check("", "", "");
    check("ˌ", "", "");
    check("??", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(phonemes_have_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
