/* What was heard of a sentence: always up to the end of a word, never more than was said. */
#include "../unit.h"

#include "voice/heard.h"

#define WORD(text, from, to)                                                                                 \
    {                                                                                                        \
        STR_INIT(text), from, to                                                                             \
    }

static size_t heard(const char *text, const struct tts_word *words, size_t n, uint32_t ms)
{
    return heard_bytes(str_c(text), words, n, ms, n ? words[n - 1].to_ms + 100 : 1000);
}

static void assert_heard(const char *text, const struct tts_word *words, size_t n, uint32_t ms,
                         const char *is)
{
    size_t bytes = heard(text, words, n, ms);
    assert_int_equal(bytes, strlen(is));
    assert_memory_equal(text, is, bytes);
}

static void word_by_word(void **state)
{
    (void)state;
    static const struct tts_word w[] = {WORD("good", 200, 400), WORD("morning", 400, 800),
                                        WORD("to", 800, 900), WORD("you", 900, 1200)};
    const char *text = "Good morning, *to* you!";
    assert_heard(text, w, 4, 0, "");
    assert_heard(text, w, 4, 399, "");
    assert_heard(text, w, 4, 400, "Good");
    assert_heard(text, w, 4, 850, "Good morning,");
    assert_heard(text, w, 4, 1199, "Good morning, *to*");
    assert_heard(text, w, 4, 1200, text);
    assert_heard(text, w, 4, 5000, text);
}

static void read_otherwise(void **state)
{
    (void)state;
    /* "$29" is four words of the voice; "St." is another one. */
    static const struct tts_word w[] = {
        WORD("it", 0, 100),        WORD("costs", 100, 300),   WORD("twenty", 300, 500),
        WORD("nine", 500, 700),    WORD("dollars", 700, 900), WORD("on", 900, 1000),
        WORD("saint", 1000, 1200), WORD("ives", 1200, 1400),  WORD("road", 1400, 1600)};
    const char *text = "It costs $29 on St. Ives road.";
    assert_heard(text, w, 9, 899, "It costs");
    assert_heard(text, w, 9, 900, "It costs $29");
    assert_heard(text, w, 9, 1200, "It costs $29 on St.");
    assert_heard(text, w, 9, 1650, "It costs $29 on St. Ives road.");
}

static void no_words(void **state)
{
    (void)state;
    const char *text = "One two three four five.";
    assert_int_equal(heard(text, NULL, 0, 0), 0);
    size_t half = heard(text, NULL, 0, 500);
    assert_true(half == strlen("One two"));
    assert_int_equal(heard(text, NULL, 0, 1000), strlen(text));
    assert_int_equal(heard_bytes(STR_NONE, NULL, 0, 500, 1000), 0);
}

/* Whatever the times, more time is never less heard, and the cut is at a word's end. */
static void grows(void **state)
{
    (void)state;
    static const struct tts_word w[] = {WORD("eins", 0, 100), WORD("zwei", 100, 250), WORD("x", 250, 300),
                                        WORD("drei", 300, 500)};
    const char *text = "Eins, zwei -- drei \xe2\x80\x9evier\xe2\x80\x9c";
    size_t last = 0;
    for (uint32_t ms = 0; ms < 700; ms += 10) {
        size_t now = heard(text, w, 4, ms);
        assert_true(now >= last && now <= strlen(text));
        assert_true(now == 0 || now == strlen(text) || text[now] == ' ');
        last = now;
    }
    assert_int_equal(last, strlen(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(word_by_word),
        cmocka_unit_test(read_otherwise),
        cmocka_unit_test(no_words),
        cmocka_unit_test(grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
