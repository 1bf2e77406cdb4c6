/* sherpa-onnx's results as our segments: tokens laid along words, times, confidence, and answers that are
 * none. */
#include "../unit.h"

#include "base/json.h"
#include "voice/sherpa_hear.h"

static struct arena arena;
static struct json *segments;
static struct sherpa_heard heard;
static struct error error;

static enum err read_result(const char *result, double from_s, double to_s)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct jw w = JW(&out);
    buf_release(&heard.text);
    heard = (struct sherpa_heard){.text = BUF_INIT};
    error = (struct error){0};
    jw_array(&w);
    enum err err = sherpa_hear_result(&arena, str_c(result), from_s, to_s, &heard, &w, &error);
    jw_end_array(&w);
    assert_int_equal(json_parse(&arena, arena_str(&arena, buf_str(&out)), &segments, NULL), ERR_OK);
    return err;
}

static void is_word(const struct json *segment, unsigned n, const char *text, double start, double end)
{
    const struct json *list = json_get(segment, "words");
    assert_non_null(list);
    const struct json *word = list->child;
    while (n-- && word)
        word = word->next;
    assert_non_null(word);
    assert_str(json_get_str(word, "word", STR_NONE), text);
    assert_float_equal(json_get_double(word, "start", -1), start, 1e-6);
    assert_float_equal(json_get_double(word, "end", -1), end, 1e-6);
}

static void test_pieces_of_words(void **state)
{
    (void)state;
    /* A transducer: pieces, the first of a word with a space; probabilities. Ten seconds into the sound. */
    assert_int_equal(
        read_result("{\"lang\": \"\", \"text\": \" HELLO WORLD\", \"timestamps\": [0.2, 0.3, 0.9], "
                    "\"durations\": [], \"tokens\": [\" HE\", \"LLO\", \" WORLD\"], "
                    "\"ys_log_probs\": [0, -0.693147, -0.105361]}",
                    10, 12),
        ERR_OK);
    const struct json *s = segments->child;
    assert_str(json_get_str(s, "text", STR_NONE), "HELLO WORLD");
    is_word(s, 0, "HELLO", 10.2, 10.9);
    is_word(s, 1, "WORLD", 10.9, 11.5); /* nobody tells its end */
    assert_float_equal(json_get_double(json_get(s, "words")->child, "confidence", -1), .75, .001);
    assert_float_equal(json_get_double(s, "confidence", -1), .8, .001);

    /* SenseVoice: the language, U+2581 for a space, durations, marks of their own among the tokens. */
    assert_int_equal(
        read_result("{\"lang\": \"<|en|>\", \"text\": \"so it is\", \"timestamps\": [0, 0.5, 0.7], "
                    "\"durations\": [0.1, 0.15, 0.2], "
                    "\"tokens\": [\"\xe2\x96\x81so\", \"\xe2\x96\x81it\", \"\xe2\x96\x81is\"]}",
                    0, .85),
        ERR_OK);
    is_word(segments->child, 0, "so", 0, .1);
    is_word(segments->child, 2, "is", .7, .85); /* not past the piece */
    assert_str(heard.language, "en");
    assert_int_equal(json_get(segments->child, "confidence")->type, JSON_NULL);

    /* Paraformer: @@ where a word goes on. */
    read_result("{\"text\": \"speech here\", \"timestamps\": [0, 0.2, 0.5], \"tokens\": [\"spe@@\", \"ech\", "
                "\"here\"]}",
                0, 1);
    is_word(segments->child, 0, "speech", 0, .5);

    /* Chinese: every character is a word. */
    read_result("{\"text\": \"\xe4\xbd\xa0\xe5\xa5\xbd\", \"timestamps\": [0.1, 0.4], "
                "\"tokens\": [\"\xe4\xbd\xa0\", \"\xe5\xa5\xbd\"]}",
                0, 1);
    is_word(segments->child, 1, "\xe5\xa5\xbd", .4, 1);
}

static void test_no_times(void **state)
{
    static const char *const without[] = {
        "{\"text\": \"hello world\", \"timestamps\": [], \"tokens\": [\" hello\", \" world\"]}", /* Whisper */
        "{\"text\": \"42 worlds\", \"timestamps\": [0, 1], \"tokens\": [\" forty\", \" two\"]}", /* rewritten
                                                                                                  */
        "{\"text\": \"hello world\", \"timestamps\": [0], \"tokens\": [\" hello\"]}",
        "{\"text\": \"hello\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        assert_int_equal(read_result(without[i], 0, 2), ERR_OK);
        assert_true(json_get_str(segments->child, "text", STR_NONE).n > 0);
        assert_null(json_get(segments->child, "words"));
    }
}

static void test_nothing_and_nonsense(void **state)
{
    (void)state;
    assert_int_equal(read_result("{\"text\": \" \", \"tokens\": [], \"timestamps\": []}", 0, 1), ERR_OK);
    assert_null(segments->child);
    assert_int_equal(heard.text.n, 0);
    /* The library does not escape what it should. */
    assert_int_equal(read_result("{\"text\": \"one\ntwo\"}", 0, 1), ERR_OK);
    assert_str(buf_str(&heard.text), "one two");
    assert_int_equal(read_result("{\"text\": \"\xff\"}", 0, 1), ERR_UNAVAILABLE);
    assert_int_equal(read_result("", 0, 1), ERR_UNAVAILABLE);
    assert_int_equal(read_result("{\"text\":", 0, 1), ERR_UNAVAILABLE);
    assert_int_equal(read_result("[]", 0, 1), ERR_OK);
    assert_null(segments->child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_words),
        cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_nothing_and_nonsense),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&heard.text);
    arena_release(&arena);
    return failed;
}
