/* Pieces to speak: the same whether the text comes at once or letter by letter, and nothing lost. */
#include "../unit.h"

#include "voice/sentence.h"

/* Feeds `step` bytes at a time; pieces are joined by '|'. */
static void cut(const char *text, size_t step, struct buf *out)
{
    struct sentences s = {0};
    struct str rest = str_c(text);
    buf_clear(out);
    for (bool over = false; !over;) {
        size_t n = rest.n < step ? rest.n : step;
        sentences_feed(&s, str_sub(rest, 0, n));
        rest = str_from(rest, n);
        over = rest.n == 0;
        if (over)
            sentences_end(&s);
        CLEANUP_BUF struct buf piece = BUF_INIT;
        while (sentences_next(&s, &piece)) {
            if (out->n)
                buf_add_char(out, '|');
            buf_add(out, buf_str(&piece));
            buf_clear(&piece);
        }
    }
    sentences_release(&s);
}

static void cuts_to(const char *text, const char *want)
{
    static const size_t steps[] = {1, 2, 3, 7, 1000};
    CLEANUP_BUF struct buf got = BUF_INIT;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        cut(text, steps[i], &got);
        assert_str(buf_str(&got), want);
    }
}

static void sentences_end_where_they_should(void **state)
{
    (void)state;
    cuts_to("", "");
    cuts_to("Hello there, my friend.", "Hello there, my friend.");
    cuts_to("I went to the market today. It was crowded! Was it worth it? I think so.",
            "I went to the market today.|It was crowded! Was it worth it?|I think so.");
    cuts_to("I asked Dr. Smith about it. He was sure.", "I asked Dr. Smith about it.|He was sure.");
    cuts_to("It costs $29.50 in that shop. That is cheap.", "It costs $29.50 in that shop.|That is cheap.");
    cuts_to("Look at www.example.com/a.b?c for more. It is all there.",
            "Look at www.example.com/a.b?c for more.|It is all there.");
    cuts_to("The U.S. team won the match. They were glad.", "The U.S. team won the match.|They were glad.");
    cuts_to("Well... I am not so sure about that. Are you?", "Well... I am not so sure about that.|Are you?");
    cuts_to("She said \"I am leaving now.\" Then she left the room.",
            "She said \"I am leaving now.\"|Then she left the room.");
    cuts_to("I spoke with the old Dr.", "I spoke with the old Dr.");
}

static void the_first_piece_may_be_a_clause(void **state)
{
    (void)state;
    cuts_to("When I was a child in Lisbon, we used to swim a lot, all summer long. Yes.",
            "When I was a child in Lisbon,|we used to swim a lot, all summer long.|Yes.");
}

static void lines_and_other_scripts_end_pieces(void **state)
{
    (void)state;
    cuts_to("A title line\nand what follows it", "A title line|and what follows it");
    cuts_to("我今天去了市场，人非常多。你呢？", "我今天去了市场，人非常多。|你呢？");
}

static void thoughts_are_not_spoken(void **state)
{
    (void)state;
    cuts_to("<think>They ask for tea. Fine.</think>Of course, I will make some tea for us.",
            "Of course, I will make some tea for us.");
    cuts_to("Of course I will. <think>hm</think>Right away, then.", "Of course I will.|Right away, then.");
    cuts_to("Never closed <think> is never said", "Never closed");
    cuts_to("Is 3 < 5 or is it not? I say yes.", "Is 3 < 5 or is it not?|I say yes.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_end_where_they_should),
        cmocka_unit_test(the_first_piece_may_be_a_clause),
        cmocka_unit_test(lines_and_other_scripts_end_pieces),
        cmocka_unit_test(thoughts_are_not_spoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
