/* Words held back: whole words, case and accents, several words, other scripts, and every way to cut a
 * stream. */
#include "../unit.h"

#include "persona/filter.h"

static struct str words[] = {STR_INIT("Damn"),   STR_INIT("café"),    STR_INIT("kill yourself"),
                             STR_INIT("kill"),   STR_INIT("  "),      STR_INIT("馬鹿"),
                             STR_INIT("straße"), STR_INIT("don't"),   STR_INIT("18+"),
                             STR_INIT("ΣΟΦΟΣ"),  STR_INIT("new york")};
static const struct persona_list list = {words, sizeof words / sizeof *words};
#define M FILTER_MARK

static const struct {
    const char *in, *out;
} cases[] = {
    {"", ""},
    {"Nothing here.", "Nothing here."},
    {"damn", M},
    {"DAMN!", M "!"},
    {"Well, damn it, damned fool; goddamn.", "Well, " M " it, damned fool; goddamn."},
    {"a cafe and a CAFÉ and a cafe\xcc\x81, not cafes", "a " M " and a " M " and a " M ", not cafes"},
    {"go kill yourself now", "go " M " now"},
    {"go kill -- yourself", "go " M},
    {"kill yourselves", M " yourselves"},
    {"killing it, skill", "killing it, skill"},
    {"お前は馬鹿だ", "お前は" M "だ"},
    {"STRASSE und Straße, Straßen", M " und " M ", Straßen"},
    {"don’t, don't, do not, dont", M ", " M ", do not, dont"},
    {"18+ and 18 and 180", M "+ and " M " and 180"},
    {"σοφος, σοφός; Σοφία", M ", " M "; Σοφία"},
    {"New York, new-york, Newyork", M ", " M ", Newyork"},
    {"damn damn damn", M " " M " " M},
    {"ﾀﾞ \xf0\x9f\x98\x80 damn\xf0\x9f\x98\x80", "ﾀﾞ \xf0\x9f\x98\x80 " M "\xf0\x9f\x98\x80"},
};

static void whole_texts(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(filter_text(&a, &list, str_c(cases[i].in)), cases[i].out);
    struct persona_list none = {words + 4, 1};
    assert_null(filter_new(&a, &none));
    assert_null(filter_new(&a, &(struct persona_list){0}));
    arena_release(&a);
}

/* Every cut into two, every cut into single bytes: the same comes out, whatever was held when. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str in = str_c(cases[i].in);
        for (size_t cut = 0; cut <= in.n + 1; cut++) {
            struct arena a = ARENA_INIT;
            CLEANUP_BUF struct buf out = BUF_INIT;
            struct word_filter *f = filter_new(&a, &list);
            if (cut <= in.n) {
                filter_feed(f, str_sub(in, 0, cut), false, &out);
                filter_feed(f, str_from(in, cut), true, &out);
            } else {
                for (size_t k = 0; k < in.n; k++)
                    filter_feed(f, str_sub(in, k, 1), false, &out);
                filter_feed(f, STR_NONE, true, &out);
            }
            if (!str_eq(buf_str(&out), str_c(cases[i].out)))
                fail_msg("case %zu cut at %zu: '%.*s'", i, cut, STR_ARG(buf_str(&out)));
            filter_release(f);
            arena_release(&a);
        }
    }
}

/* What cannot become an entry any more goes out at once. */
static void little_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } steps[] = {{"Hel", "Hel"},      {"lo d", "lo "},         {"a", ""},
                 {"nce", "dance"},    {" kill", " "},          {" me", M " me"},
                 {" kill your", " "}, {" cat", M " your cat"}, {" caf", " "}};
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct word_filter *f = filter_new(&a, &list);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        buf_clear(&out);
        filter_feed(f, str_c(steps[i].in), false, &out);
        assert_str(buf_str(&out), steps[i].out);
    }
    buf_clear(&out);
    filter_feed(f, STR_NONE, true, &out);
    assert_str(buf_str(&out), "caf");
    assert_int_equal(filter_count(f), 2);
    filter_release(f);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_texts), cmocka_unit_test(cut_anywhere),
                                       cmocka_unit_test(little_is_held)};
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
