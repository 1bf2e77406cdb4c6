/* What recognisers answer becomes one transcript; what they make up is dropped. */
#include "../unit.h"

#include "base/json.h"
#include "voice/asr_read.h"

#include <math.h>

static struct arena arena;

static const struct json *read_body(const char *body, uint32_t speech_ms)
{
    struct json *json = NULL;
    struct error e = {0};
    arena_release(&arena);
    struct buf to = BUF_INIT;
    if (asr_read_answer(&arena, str_c(body), STR("de-AT"), 2500, speech_ms, &to, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_int_equal(json_parse(&arena, arena_str(&arena, buf_str(&to)), &json, &e), ERR_OK);
    buf_release(&to);
    return json;
}

static void plain_json_is_one_segment(void **state)
{
    (void)state;
    const struct json *j = read_body("{\"text\":\" Guten Tag. \"}", 900);
    assert_str(json_get_str(j, "text", STR_NONE), "Guten Tag.");
    assert_str(json_get_str(j, "language", STR_NONE), "de");
    assert_str(json_get(j, "confidence")->raw, "null");
    assert_int_equal(json_get(j, "segments")->count, 1);
    assert_true(fabs(json_get_double(json_get(j, "segments")->child, "end", 0) - 2.5) < 1e-9);
}

static void words_apart_go_to_their_segments(void **state)
{
    (void)state;
    const struct json *j =
        read_body("{\"text\":\"One. Two.\",\"language\":\"english\",\"segments\":["
                  "{\"start\":0,\"end\":1,\"text\":\" One.\",\"avg_logprob\":-0.1,\"no_speech_prob\":0.1},"
                  "{\"start\":1,\"end\":2.5,\"text\":\" Two.\",\"avg_logprob\":-0.5,\"no_speech_prob\":0.1}],"
                  "\"words\":[{\"word\":\"One\",\"start\":0.1,\"end\":0.6},{\"word\":\"Two\",\"start\":1.2,"
                  "\"end\":1.9}]}",
                  1500);
    const struct json *s = json_get(j, "segments")->child;
    assert_str(json_get_str(j, "text", STR_NONE), "One. Two.");
    assert_str(json_get_str(j, "language", STR_NONE), "en");
    assert_int_equal(json_get(s, "words")->count, 1);
    assert_str(json_get_str(json_get(s, "words")->child, "word", STR_NONE), "One");
    assert_str(json_get_str(json_get(s->next, "words")->child, "word", STR_NONE), "Two");
    double sure = json_get_double(j, "confidence", 0);
    assert_true(fabs(sure - (exp(-.1) + 1.5 * exp(-.5)) / 2.5) < .001);
}

static void times_stay_within_the_sound(void **state)
{
    (void)state;
    const struct json *j = read_body(
        "{\"text\":\"One. Two. Three.\",\"segments\":["
        "{\"start\":-5,\"end\":1,\"text\":\"One.\"},{\"start\":3600,\"end\":1e300,\"text\":\"Two.\"},"
        "{\"start\":2,\"end\":1,\"text\":\"Three.\",\"words\":[{\"word\":\"Three\",\"start\":1e15,"
        "\"end\":1e16}]}]}",
        2000);
    json_each (segment, json_get(j, "segments")) {
        double start = json_get_double(segment, "start", -1), end = json_get_double(segment, "end", -1);
        assert_true(start >= 0 && end >= start && end <= 2.5);
        json_each (word, json_get(segment, "words")) {
            assert_true(json_get_double(word, "start", -1) <= 2.5);
            assert_true(json_get_double(word, "end", -1) <= 2.5);
        }
    }
    assert_int_equal(json_get(j, "segments")->count, 3);
}

static void what_is_made_up_is_dropped(void **state)
{
    (void)state;
    const struct json *j = read_body(
        "{\"text\":\"Hello. Nobody said this. La la la.\",\"segments\":["
        "{\"start\":0,\"end\":1,\"text\":\"Hello.\",\"avg_logprob\":-0.2,\"no_speech_prob\":0.8},"
        "{\"start\":1,\"end\":2,\"text\":\"Nobody said this.\",\"avg_logprob\":-1.3,\"no_speech_prob\":0.8},"
        "{\"start\":2,\"end\":3,\"text\":\"La la la.\",\"avg_logprob\":-0.2,\"compression_ratio\":3.1}]}",
        900);
    assert_str(json_get_str(j, "text", STR_NONE), "Hello.");
    assert_int_equal(json_get(j, "segments")->count, 1);
    assert_str(json_get_str(read_body("{\"text\":\"Thanks for watching!\"}", 200), "text", STR_NONE), "");
    assert_str(json_get_str(read_body("{\"text\":\"Thank you.\"}", 900), "text", STR_NONE), "Thank you.");
}

static void phantoms_depend_on_how_much_was_said(void **state)
{
    (void)state;
    assert_true(asr_is_phantom(STR("Thank you."), 200));
    assert_false(asr_is_phantom(STR("Thank you."), 500));
    assert_true(asr_is_phantom(STR("[BLANK_AUDIO]"), 1000));
    assert_true(asr_is_phantom(STR("Untertitel der Amara.org-Community"), 1500));
    assert_true(asr_is_phantom(STR("ご視聴ありがとうございました。"), 300));
    assert_false(asr_is_phantom(STR("Thank you for the map."), 130));
    assert_false(asr_is_phantom(STR(""), 0));
}

static void other_answers_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "<html>", "[1]", "{\"texts\":\"a\"}", "{\"text\":5}", "{\"text\":\"a"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct buf to = BUF_INIT;
        struct error e = {0};
        assert_int_equal(asr_read_answer(&arena, str_c(bodies[i]), STR_NONE, 1000, 500, &to, &e),
                         ERR_UPSTREAM);
        assert_true(e.message[0] != '\0');
        buf_release(&to);
    }
    /* Segments of any shape, as long as the text is one. */
    const struct json *j =
        read_body("{\"text\":\"a\",\"segments\":[3,{\"text\":4},{\"start\":\"x\",\"text\":\"b\"}]}", 900);
    assert_str(json_get_str(j, "text", STR_NONE), "b");
}

static void languages_have_codes_and_names(void **state)
{
    (void)state;
    assert_str(asr_language_code(&arena, STR("German")), "de");
    assert_str(asr_language_code(&arena, STR("pt-BR")), "pt");
    assert_str(asr_language_code(&arena, STR("EN_us")), "en");
    assert_str(asr_language_name(STR("ja")), "japanese");
    assert_str(asr_language_name(STR("xx")), "xx");
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_json_is_one_segment),
        cmocka_unit_test(words_apart_go_to_their_segments),
        cmocka_unit_test(times_stay_within_the_sound),
        cmocka_unit_test(what_is_made_up_is_dropped),
        cmocka_unit_test(phantoms_depend_on_how_much_was_said),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(languages_have_codes_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
