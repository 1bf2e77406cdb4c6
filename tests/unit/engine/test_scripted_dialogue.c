/*
 * Long conversations with each of the cast: no line twice, no marks of templates left over, every reply a
 * whole sentence; then hostile text, broken rule files and the price of a reply.
 */
#include "../unit.h"

#include "scripted_talk.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"

static struct scripted_rules *rules;
static const char *const cast[] = {"philosopher", "comedian", "scientist", "mia",
                                   "solene",      "lyra",     "kimi",      "somebody-else"};

static const char *const lines[] = {
    "hello there",
    "my name is Jo",
    "how are you?",
    "I had a rough day at work, my boss yelled at me",
    "yes",
    "I don't know what to do about it",
    "tell me a joke",
    "what do you think about death?",
    "I love hiking",
    "I'm worried about my exam on Friday",
    "do you like music?",
    "my sister Eva is getting married in June",
    "what should I do?",
    "my cat died last year",
    "I feel lonely",
    "why are we here?",
    "hmm",
    "I think people are too busy these days",
    "The garden is full of tomatoes",
    "I never finished university",
    "tell me something interesting",
    "what's my sister's name?",
    "ok",
    "are you real?",
    "you're boring",
    "haha that's funny",
    "I bought a new bike yesterday",
    "it rained all day",
    "no",
    "my neighbour sings at night",
    "another joke please",
    "I can't sleep",
    "what's the meaning of life?",
    "tell me a story",
    "I read a good book",
    "what is 17 * 3?",
    "thanks",
    "I wonder what tomorrow brings",
    "the bus was late again",
    "good night",
};

static void check_seams(struct str reply)
{
    assert_true(reply.n > 0);
    assert_true(utf8_valid(reply));
    static const char *const marks[] = {
        "{",  "}",    "[",     "]",      "  ",    " ,",     " .",        " ?",     "..?", "?.",     "!.",
        ",.", "'s's", " a a ", "you am", "i are", "I are ", "your your", "(null)", ", ,", "you is "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (str_find(reply, str_c(marks[i])) != SIZE_MAX)
            fail_msg("'%s' in: %.*s", marks[i], STR_ARG(reply));
    if (reply.p[0] >= 'a' && reply.p[0] <= 'z')
        fail_msg("begins small: %.*s", STR_ARG(reply));
    if (!strchr(".!?\"/", reply.p[reply.n - 1]))
        fail_msg("ends without a mark: %.*s", STR_ARG(reply));
}

static void talks_forty_times_without_repeating(void **state)
{
    (void)state;
    static struct talk t;
    for (size_t p = 0; p < sizeof cast / sizeof *cast; p++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            talk_begin(&t, rules, cast[p], seed * 1000003 + p);
            for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
                struct str reply = talk_say(&t, lines[i]);
                check_seams(reply);
                for (size_t k = 1; k + 2 < t.count; k += 2)
                    if (str_eq(t.turns[k].text, reply))
                        fail_msg("%s says twice: %.*s", cast[p], STR_ARG(reply));
            }
            talk_end(&t);
        }
}

/* The same thing said over and over: still something new for twenty replies. */
static void a_stubborn_person_does_not_make_her_a_parrot(void **state)
{
    (void)state;
    static const char *const stubborn[] = {"ok", "asdfgh", "I like it", "why?", "tell me a joke", "hi"};
    static struct talk t;
    for (size_t s = 0; s < 6; s++) {
        talk_begin(&t, rules, "mia", s);
        for (size_t i = 0; i < 20; i++) {
            struct str reply = talk_say(&t, stubborn[s]);
            check_seams(reply);
            for (size_t k = 1; k + 2 < t.count && strcmp(stubborn[s], "tell me a joke") != 0; k += 2)
                if (str_eq(t.turns[k].text, reply))
                    fail_msg("'%s' the %zuth time: %.*s", stubborn[s], i, STR_ARG(reply));
        }
        talk_end(&t);
    }
}

static void the_same_input_gives_the_same_reply(void **state)
{
    (void)state;
    static struct talk a, b;
    talk_begin(&a, rules, "lyra", 42);
    talk_begin(&b, rules, "lyra", 42);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_true(str_eq(talk_say(&a, lines[i]), talk_say(&b, lines[i])));
    talk_end(&a);
    talk_end(&b);
}

static void danger_is_answered_with_care(void **state)
{
    (void)state;
    static const char *const words[] = {"I want to kill myself", "i don't want to live anymore",
                                        "I'm suicidal", "there is no reason to go on, I want to die"};
    static struct talk t;
    for (size_t p = 0; p < sizeof cast / sizeof *cast; p++)
        for (size_t i = 0; i < 4; i++) {
            talk_begin(&t, rules, cast[p], i);
            struct str reply = talk_say(&t, words[i]);
            if (str_find(reply, STR("112")) == SIZE_MAX)
                fail_msg("'%s' -> %.*s", words[i], STR_ARG(reply));
            talk_end(&t);
        }
}

static void any_bytes_are_answered(void **state)
{
    (void)state;
    static const char *const naughty[] = {
        "",
        " ",
        "\n\n",
        "{name}",
        "[a|b]",
        "my name is {name}",
        "I have a [dog|cat]",
        "{, name}{x}",
        "%s%n%d",
        "'''s",
        "\xff\xfe\xc0\x80",
        "\xed\xa0\x80",
        "I'm \xf0\x9f\x98\x80\xf0\x9f\x98\x80",
        "\xe2\x80\xae gnirts",
        "((((((((((1+1",
        "1/0",
        "9999999999999999999999*9",
        "my my my my my my",
        "'s 's 's",
        "i i i i i i",
        "and and my my's is",
        "what is my",
        "do I have a",
        "tell me about my",
        "my sister's",
        "I am",
        "I'm",
        "call me",
        "my name is",
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE Students;--",
        "??????",
        "!!!!!",
        "......",
        "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87"};
    static struct talk t;
    for (size_t i = 0; i < sizeof naughty / sizeof *naughty; i++) {
        talk_begin(&t, rules, cast[i % 7], i);
        assert_true(talk_say(&t, naughty[i]).n > 0);
        assert_true(talk_say(&t, "what's my name?").n > 0);
        assert_true(talk_say(&t, naughty[i]).n > 0);
        talk_end(&t);
    }
}

static void every_plane_and_any_length_are_answered(void **state)
{
    (void)state;
    static struct talk t;
    static char text[70000];
    for (uint32_t plane = 0; plane <= 16; plane++) {
        size_t n = 0;
        for (uint32_t k = 0; k < 40; k++) {
            uint32_t cp = plane << 16 | (0x21 + k * 1597) % 0xd000;
            n += utf8_put(text + n, cp ? cp : 1);
        }
        text[n] = 0;
        talk_begin(&t, rules, "mia", plane);
        struct str reply = talk_say(&t, text);
        assert_true(reply.n > 0 && utf8_valid(reply));
        talk_end(&t);
    }
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = "my name is not my sister and I have a dog, "[i % 43];
    text[sizeof text - 1] = 0;
    talk_begin(&t, rules, "mia", 1);
    assert_true(talk_say(&t, text).n > 0);
    assert_true(talk_say(&t, "what do you know about me?").n > 0);
    talk_end(&t);
}

static void bad_rules_are_told_by_line_and_skipped(void **state)
{
    (void)state;
    struct buf complaints = BUF_INIT;
    struct scripted_rules *own =
        scripted_rules_parse(STR("mine.rules"),
                             STR("say: nothing before a rule\nrule tea\nhear: (tea|coffee\nhear: tea\nsay: A "
                                 "cup {of\nsay: Two cups{, name}.\nnonsense\n"
                                 "if: sometimes\nrank: 900\nhear: @nobody\n"),
                             &complaints);
    static const char *const wanted[] = {"mine.rules:1:", "mine.rules:3:", "mine.rules:5:", "mine.rules:7:",
                                         "mine.rules:8:", "mine.rules:9:", "mine.rules:10:"};
    for (size_t i = 0; i < 7; i++)
        if (str_find(buf_str(&complaints), str_c(wanted[i])) == SIZE_MAX)
            fail_msg("no complaint about %s in\n%.*s", wanted[i], STR_ARG(buf_str(&complaints)));
    static struct talk t;
    talk_begin(&t, own, "mia", 1);
    assert_str(talk_say(&t, "some tea, please"), "Two cups.");
    talk_end(&t);
    scripted_rules_free(own);
    buf_release(&complaints);
}

static void a_folder_adds_and_replaces(void **state)
{
    (void)state;
    char folder[] = "/tmp/scripted-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/mine.rules", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("rule joke replace\nsay: No jokes today.\nrule zebra\nrank: 70\nhear: zebra\nsay: Stripes!\n",
          file);
    fclose(file);
    struct buf complaints = BUF_INIT;
    struct scripted_rules *own = scripted_rules_load(str_c(folder), &complaints);
    assert_int_equal(complaints.n, 0);
    static struct talk t;
    talk_begin(&t, own, "kimi", 1);
    assert_str(talk_say(&t, "tell me a joke"), "No jokes today.");
    assert_str(talk_say(&t, "I saw a zebra"), "Stripes!");
    talk_end(&t);
    scripted_rules_free(own);
    remove(path);
    remove(folder);
}

static void a_reply_is_quick(void **state)
{
    (void)state;
    static struct talk t;
    enum { ROUNDS = 20 };
    uint64_t began = clock_mono_us(), count = 0;
    for (size_t r = 0; r < ROUNDS; r++) {
        talk_begin(&t, rules, cast[r % 7], r);
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++, count++)
            talk_say(&t, lines[i]);
        talk_end(&t);
    }
    double us = (double)(clock_mono_us() - began) / (double)count;
    print_message("a reply in a room of up to 40 exchanges: %.0f us\n", us);
    const double most_us = 20000; /* sanitizers and a loaded machine included; the goal is 300 */
    assert_true(us < most_us);
}

static int load(void **state)
{
    (void)state;
    uint64_t began = clock_mono_us();
    rules = scripted_rules_load(STR_NONE, NULL);
    print_message("loading the embedded rules: %.1f ms\n", (double)(clock_mono_us() - began) / 1000);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    scripted_rules_free(rules);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_forty_times_without_repeating),
        cmocka_unit_test(a_stubborn_person_does_not_make_her_a_parrot),
        cmocka_unit_test(the_same_input_gives_the_same_reply),
        cmocka_unit_test(danger_is_answered_with_care),
        cmocka_unit_test(any_bytes_are_answered),
        cmocka_unit_test(every_plane_and_any_length_are_answered),
        cmocka_unit_test(bad_rules_are_told_by_line_and_skipped),
        cmocka_unit_test(a_folder_adds_and_replaces),
        cmocka_unit_test(a_reply_is_quick),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
