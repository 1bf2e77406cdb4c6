/* What a lorebook calls up, and why: each rule of docs/LOREBOOKS.md, as a table or a small story. */
#include "persona/lore.h"

#include "persona/compose.h"
#include "persona/macro.h"

#include "../unit.h"

#include "base/clock.h"

#include <stdio.h>

struct scene {
    struct arena arena;
    struct lore_compiled *book;
    struct lore_input in;
    struct lore_result out;
    struct lore_message messages[16];
    struct macro_values values;
};

static struct lore_book *read_book(struct arena *a, const char *text)
{
    struct lore_book *book = NULL;
    struct error e = {0};
    if (lore_file_read(a, str_c(text), &book, &e))
        fail_msg("%s", e.message);
    return book;
}

static void begin(struct scene *s, const char *book)
{
    *s = (struct scene){.values = {.user = STR("Ana")}};
    s->book = lore_compile(STR("book"), 1, read_book(&s->arena, book));
    s->in.rules = (struct lore_rules){.scan_depth = 2, .max_levels = 10, .recursive = true};
    s->in.budget_tokens = 1000;
    s->in.greeting = LORE_UNSET;
    s->in.values = &s->values;
    s->in.seed = 7;
}

static void end(struct scene *s)
{
    lore_compiled_free(s->book);
    arena_release(&s->arena);
}

/* Says messages, oldest first, and scans. */
static void say(struct scene *s, const char *const *texts, size_t count)
{
    static struct lore_source source;
    source = (struct lore_source){s->book, LORE_OWN};
    for (size_t i = 0; i < count; i++)
        s->messages[i] = (struct lore_message){.name = STR("Ana"), .text = str_c(texts[i])};
    s->in.books = &source;
    s->in.book_count = 1;
    s->in.messages = s->messages;
    s->in.message_count = count;
    lore_scan(&s->arena, &s->in, &s->out);
}

#define SAY(s, ...)                                                                                          \
    do {                                                                                                     \
        const char *const texts_[] = {__VA_ARGS__};                                                          \
        say(s, texts_, sizeof texts_ / sizeof *texts_);                                                      \
    } while (0)

/* "a b" of the entries that are kept, in the order of their ids. */
static const char *kept(const struct scene *s)
{
    static char text[256];
    size_t n = 0;
    text[0] = 0;
    for (int id = 0; id < 100; id++) {
        for (size_t i = 0; i < s->out.kept; i++) {
            uint64_t number = 1000;
            str_to_u64(s->out.hits[i].entry, &number);
            if (number == (uint64_t)id)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%d", n ? " " : "", id);
        }
    }
    return text;
}

static enum lore_drop dropped(const struct scene *s, const char *entry)
{
    for (size_t i = s->out.kept; i < s->out.count; i++) {
        if (str_eq(s->out.hits[i].entry, str_c(entry)))
            return s->out.hits[i].dropped;
    }
    return LORE_KEPT;
}

static const struct lore_hit *hit(const struct scene *s, const char *entry)
{
    for (size_t i = 0; i < s->out.kept; i++) {
        if (str_eq(s->out.hits[i].entry, str_c(entry)))
            return &s->out.hits[i];
    }
    return NULL;
}

static void keys_match_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *text;
        bool match;
    } cases[] = {
        {"\"keys\":[\"cat\"]", "a concatenation", true},
        {"\"keys\":[\"cat\"],\"extensions\":{\"match_whole_words\":true}", "a concatenation", false},
        {"\"keys\":[\"cat\"],\"extensions\":{\"match_whole_words\":true}", "the Cat.", true},
        {"\"keys\":[\"c++\"],\"extensions\":{\"match_whole_words\":true}", "I write C++ here", true},
        {"\"keys\":[\"\\u00e9cole\"]",
         "L'\xc3\x89"
         "COLE est ouverte",
         true},
        {"\"keys\":[\"\\u00e9cole\"],\"case_sensitive\":true",
         "L'\xc3\x89"
         "COLE",
         false},
        {"\"keys\":[\"na\"],\"extensions\":{\"match_whole_words\":true}", "\xc3\xa9na", false},
        {"\"keys\":[\"Cat\"],\"case_sensitive\":true", "a cat", false},
        {"\"keys\":[\"Cat\"],\"case_sensitive\":true", "a Cat", true},
        {"\"keys\":[\"\\u041c\\u043e\\u0441\\u043a\\u0432\\u0430\"]",
         "\xd0\xbc\xd0\x9e\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0", true},
        {"\"keys\":[\"\\u6771\\u4eac\"]", "\xe6\x9d\xb1\xe4\xba\xac\xe3\x81\xab", true},
        {"\"keys\":[\"/gr[ae]y/\"]", "a grey day", true},
        {"\"keys\":[\"/gr[ae]y/\"]", "a Grey day", false},
        {"\"keys\":[\"/gr[ae]y/i\"]", "a Grey day", true},
        {"\"keys\":[\"/^day$/m\"]", "one\nday\nmore", true},
        {"\"keys\":[\"/a.b/s\"]", "a\nb", true},
        {"\"keys\":[\"/a.b/\"]", "a\nb", false},
        {"\"keys\":[\"/\\\\u00e9t\\\\u{e9}/u\"]", "\xc3\xa9t\xc3\xa9", true},
        {"\"keys\":[\"gr[ae]y\"],\"use_regex\":true", "a Grey day", true},
        {"\"keys\":[\"gr[ae]y\"],\"use_regex\":true,\"case_sensitive\":true", "a Grey day", false},
        {"\"keys\":[\"gr[ae]y\"]", "a grey day", false},
        {"\"keys\":[\"(grey\"],\"use_regex\":true", "(grey", false},
        {"\"keys\":[\"(grey\"],\"use_regex\":true,\"extensions\":{\"selectiveLogic\":0}", "a (grey day",
         true},
        {"\"keys\":[\"/usr/bin\"]", "in /usr/bin it is", true},
        {"\"keys\":[\"{{user}}'s cat\"]", "this is ana's cat", true},
        {"\"keys\":[\"/{{user}}.*cat/i\"]", "ANA has a cat", true},
        {"\"keys\":[\"\",\"  \"]", "anything", false},
        {"\"keys\":[\"x\"],\"enabled\":false", "x", false},
        {"\"keys\":[],\"constant\":true", "anything", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char book[600];
        struct scene s;
        snprintf(book, sizeof book,
                 "{\"entries\":[{\"id\":1,\"content\":\"lore\",\"insertion_order\":1,%s%s}]}",
                 strstr(cases[i].entry, "enabled") ? "" : "\"enabled\":true,", cases[i].entry);
        begin(&s, book);
        SAY(&s, cases[i].text);
        if ((s.out.kept == 1) != cases[i].match)
            fail_msg("%s in '%s'", cases[i].entry, cases[i].text);
        end(&s);
    }
}

static void secondary_keys_follow_four_logics(void **state)
{
    (void)state;
    static const struct {
        int logic;
        const char *text;
        bool match;
    } cases[] = {
        {0, "m a", true},  {0, "m", false},     {0, "a b", false}, {0, "m a b", true},
        {1, "m a", true},  {1, "m a b", false}, {1, "m", true},    {2, "m", true},
        {2, "m a", false}, {3, "m a b", true},  {3, "m a", false}, {3, "m", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char book[600];
        struct scene s;
        snprintf(
            book, sizeof book,
            "{\"entries\":{\"0\":{\"uid\":1,\"key\":[\"m\"],\"keysecondary\":[\"a\",\"b\"],\"content\":\"x\","
            "\"selectiveLogic\":%d}}}",
            cases[i].logic);
        begin(&s, book);
        SAY(&s, cases[i].text);
        if ((s.out.kept == 1) != cases[i].match)
            fail_msg("logic %d, '%s'", cases[i].logic, cases[i].text);
        if (!s.out.kept && cases[i].text[0] == 'm')
            assert_int_equal(dropped(&s, "1"), LORE_SECONDARY);
        end(&s);
    }
}

static void each_entry_has_its_scan_depth(void **state)
{
    (void)state;
    struct scene s;
    begin(
        &s,
        "{\"scan_depth\":1,\"entries\":["
        "{\"id\":1,\"keys\":[\"fox\"],\"content\":\"a\",\"enabled\":true},"
        "{\"id\":2,\"keys\":[\"fox\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"scan_depth\":3}},"
        "{\"id\":3,\"keys\":[\"/fox/"
        "\"],\"content\":\"c\",\"enabled\":true,\"extensions\":{\"scan_depth\":2}},"
        "{\"id\":4,\"keys\":[\"fox\"],\"content\":\"@@scan_depth 3\\nd\",\"enabled\":true},"
        "{\"id\":5,\"keys\":[\"fox\"],\"content\":\"e\",\"enabled\":true,\"extensions\":{\"scan_depth\":0}}]"
        "}");
    SAY(&s, "a fox", "two", "three");
    assert_string_equal(kept(&s), "2 4");
    SAY(&s, "one", "a fox", "three");
    assert_string_equal(kept(&s), "2 3 4");
    SAY(&s, "a fox");
    assert_string_equal(kept(&s), "1 2 3 4");
    assert_str(hit(&s, "1")->key, "fox");
    end(&s);
}

static void recursion_has_guards(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "{\"entries\":["
              "{\"id\":1,\"keys\":[\"harbour\"],\"content\":\"The council rules.\",\"enabled\":true},"
              "{\"id\":2,\"keys\":[\"council\"],\"content\":\"Its head is Vessa.\",\"enabled\":true},"
              "{\"id\":3,\"keys\":[\"council\"],\"content\":\"no\",\"enabled\":true,\"extensions\":{"
              "\"exclude_recursion\":true}},"
              "{\"id\":4,\"keys\":[\"vessa\"],\"content\":\"Her dog is "
              "Rook.\",\"enabled\":true,\"extensions\":{\"prevent_recursion\":true}},"
              "{\"id\":5,\"keys\":[\"rook\"],\"content\":\"no\",\"enabled\":true},"
              "{\"id\":6,\"keys\":[\"harbour\"],\"content\":\"late\",\"enabled\":true,\"extensions\":{"
              "\"delay_until_recursion\":true}},"
              "{\"id\":7,\"keys\":[\"harbour\"],\"content\":\"later\",\"enabled\":true,\"extensions\":{"
              "\"delay_until_recursion\":4}},"
              "{\"id\":8,\"keys\":[\"/Vess./\"],\"content\":\"pattern\",\"enabled\":true},"
              "{\"id\":9,\"keys\":[\"moon\"],\"content\":\"hidden\",\"enabled\":true},"
              "{\"id\":10,\"keys\":[\"vessa\"],\"content\":\"x{{hidden_key:moon}}\",\"enabled\":true}]}");
    SAY(&s, "at the harbour");
    assert_string_equal(kept(&s), "1 2 4 6 7 8 9 10");
    assert_int_equal(hit(&s, "2")->why, LORE_BY_RECURSION);
    assert_int_equal(hit(&s, "2")->level, 1);
    assert_int_equal(hit(&s, "4")->level, 2);
    assert_str(hit(&s, "10")->text, "x");
    s.in.rules.max_levels = 1;
    SAY(&s, "at the harbour");
    assert_string_equal(kept(&s), "1 2 6");
    s.in.rules.max_levels = 10;
    s.in.rules.recursive = false;
    SAY(&s, "at the harbour");
    assert_string_equal(kept(&s), "1 6 7");
    end(&s);
}

static void the_budget_goes_by_weight(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "{\"entries\":["
              "{\"id\":1,\"keys\":[\"k\"],\"content\":\"0123456789012345678901234567890123456789\","
              "\"enabled\":true,\"insertion_order\":1},"
              "{\"id\":2,\"keys\":[\"k\"],\"content\":\"0123456789012345678901234567890123456789\","
              "\"enabled\":true,\"insertion_order\":2},"
              "{\"id\":3,\"keys\":[\"k\"],\"content\":\"0123456789012345678901234567890123456789\","
              "\"enabled\":true,\"insertion_order\":0,\"priority\":5},"
              "{\"id\":4,\"keys\":[\"k\"],\"content\":\"small\",\"enabled\":true,\"insertion_order\":0},"
              "{\"id\":5,\"keys\":[\"k\"],\"content\":\"free of charge, however "
              "long\",\"enabled\":true,\"insertion_order\":0,\"extensions\":{\"ignore_budget\":true}}]}");
    s.in.budget_tokens = 25;
    SAY(&s, "k");
    assert_string_equal(kept(&s), "2 3 4 5");
    assert_int_equal(dropped(&s, "1"), LORE_NO_BUDGET);
    s.in.budget_tokens = 0;
    SAY(&s, "k");
    assert_string_equal(kept(&s), "5");
    end(&s);
    begin(&s, "{\"token_budget\":12,\"entries\":["
              "{\"id\":1,\"keys\":[\"k\"],\"content\":\"0123456789012345678901234567890123456789\","
              "\"enabled\":true},"
              "{\"id\":2,\"keys\":[\"k\"],\"content\":\"0123456789012345678901234567890123456789\","
              "\"enabled\":true}]}");
    SAY(&s, "k");
    assert_string_equal(kept(&s), "1");
    end(&s);
}

static void groups_have_one_winner(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "{\"entries\":["
              "{\"id\":1,\"keys\":[\"k\"],\"content\":\"a\",\"enabled\":true,\"extensions\":{\"group\":\"g\","
              "\"group_weight\":1}},"
              "{\"id\":2,\"keys\":[\"k\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"group\":\"g\","
              "\"group_weight\":99}},"
              "{\"id\":3,\"keys\":[\"k\"],\"content\":\"c\",\"enabled\":true}]}");
    unsigned first = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        s.in.seed = seed * 77;
        SAY(&s, "k");
        assert_int_equal(s.out.kept, 2);
        first += hit(&s, "1") != NULL;
        assert_int_equal(dropped(&s, hit(&s, "1") ? "2" : "1"), LORE_GROUP_LOST);
    }
    assert_in_range(first, 1, 20);
    end(&s);
    begin(
        &s,
        "{\"entries\":["
        "{\"id\":1,\"keys\":[\"k\"],\"content\":\"a\",\"enabled\":true,\"insertion_order\":5,\"extensions\":{"
        "\"group\":\"g, h\",\"group_override\":true}},"
        "{\"id\":2,\"keys\":[\"k\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"group\":\"g\"}},"
        "{\"id\":3,\"keys\":[\"k\"],\"content\":\"c\",\"enabled\":true,\"extensions\":{\"group\":\"h\"}}]}");
    SAY(&s, "k");
    assert_string_equal(kept(&s), "1");
    end(&s);
    begin(&s, "{\"entries\":["
              "{\"id\":1,\"keys\":[\"k\",\"l\"],\"content\":\"a\",\"enabled\":true,\"extensions\":{\"group\":"
              "\"g\",\"use_group_scoring\":true}},"
              "{\"id\":2,\"keys\":[\"k\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"group\":\"g\","
              "\"use_group_scoring\":true,\"group_weight\":1000}}]}");
    SAY(&s, "k l");
    assert_string_equal(kept(&s), "1");
    end(&s);
}

static void dice_fall_by_the_seed(void **state)
{
    (void)state;
    struct scene s;
    begin(
        &s,
        "{\"entries\":["
        "{\"id\":1,\"keys\":[\"k\"],\"content\":\"a\",\"enabled\":true,\"extensions\":{\"probability\":30}},"
        "{\"id\":2,\"keys\":[\"k\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"probability\":0}},"
        "{\"id\":3,\"keys\":[\"k\"],\"content\":\"c\",\"enabled\":true,\"extensions\":{\"probability\":0,"
        "\"useProbability\":false}}]}");
    unsigned lucky = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        s.in.seed = seed * 0x9E3779B97F4A7C15ull;
        SAY(&s, "k");
        bool is = hit(&s, "1") != NULL;
        lucky += is;
        assert_null(hit(&s, "2"));
        assert_non_null(hit(&s, "3"));
        SAY(&s, "k");
        assert_int_equal(hit(&s, "1") != NULL, is);
        if (!is)
            assert_int_equal(dropped(&s, "1"), LORE_NO_LUCK);
    }
    assert_in_range(lucky, 240, 360);
    end(&s);
}

/* One turn of a story: `passed` messages after the last one. */
static void turn(struct scene *s, uint64_t passed, const char *text)
{
    s->in.timed = s->out.timed;
    s->in.timed_count = s->out.timed ? lore_timed_pass(s->out.timed, s->out.timed_count, passed) : 0;
    s->in.total += passed;
    s->in.answers = s->in.total / 2;
    SAY(s, text);
}

static void messages_are_counted(void **state)
{
    (void)state;
    struct scene s;
    begin(
        &s,
        "{\"entries\":["
        "{\"id\":1,\"keys\":[\"storm\"],\"content\":\"a\",\"enabled\":true,\"extensions\":{\"sticky\":3}},"
        "{\"id\":2,\"keys\":[\"storm\"],\"content\":\"b\",\"enabled\":true,\"extensions\":{\"cooldown\":3}},"
        "{\"id\":3,\"keys\":[\"storm\"],\"content\":\"c\",\"enabled\":true,\"extensions\":{\"delay\":4}},"
        "{\"id\":4,\"keys\":[\"storm\"],\"content\":\"d\",\"enabled\":true,\"extensions\":{\"sticky\":2,"
        "\"cooldown\":3}},"
        "{\"id\":5,\"keys\":[\"storm\"],\"content\":\"@@keep_activate_after_match\\ne\",\"enabled\":true},"
        "{\"id\":6,\"keys\":[\"storm\"],\"content\":\"@@dont_activate_after_match\\nf\",\"enabled\":true}]}");
    turn(&s, 1, "a storm");
    assert_string_equal(kept(&s), "1 2 4 5 6");
    assert_int_equal(dropped(&s, "3"), LORE_DELAYED);
    turn(&s, 1, "calm");
    assert_string_equal(kept(&s), "1 4 5");
    assert_int_equal(hit(&s, "1")->why, LORE_BY_STICKY);
    turn(&s, 1, "the storm again");
    assert_string_equal(kept(&s), "1 5"); /* 4's two messages are over, its cooldown began */
    assert_int_equal(dropped(&s, "2"), LORE_IN_COOLDOWN);
    assert_int_equal(dropped(&s, "4"), LORE_IN_COOLDOWN);
    turn(&s, 2, "calm");
    assert_string_equal(kept(&s), "5");
    turn(&s, 2, "a storm");
    assert_string_equal(kept(&s), "1 2 3 4 5");
    assert_int_equal(dropped(&s, "6"), LORE_IN_COOLDOWN);
    end(&s);
}

static void decorators_do_what_they_say(void **state)
{
    (void)state;
    struct scene s;
    begin(&s,
          "{\"entries\":["
          "{\"id\":1,\"keys\":[\"k\"],\"content\":\"@@depth 5\\n@@role assistant\\ntext\",\"enabled\":true},"
          "{\"id\":2,\"keys\":[\"k\"],\"content\":\"@@dont_activate\\ntext\",\"enabled\":true},"
          "{\"id\":3,\"keys\":[\"zzz\"],\"content\":\"@@activate\\ntext\",\"enabled\":true},"
          "{\"id\":4,\"keys\":[\"k\"],\"content\":\"@@additional_keys a, b\\ntext\",\"enabled\":true},"
          "{\"id\":5,\"keys\":[\"k\"],\"content\":\"@@exclude_keys c,d\\ntext\",\"enabled\":true},"
          "{\"id\":6,\"keys\":[\"k\"],\"content\":\"@@unheard_of 3\\n@@@reverse_depth 1\\n@@@depth "
          "9\\ntext\",\"enabled\":true},"
          "{\"id\":7,\"keys\":[\"k\"],\"content\":\"@@activate_only_after 3\\ntext\",\"enabled\":true},"
          "{\"id\":8,\"keys\":[\"k\"],\"content\":\"@@activate_only_every 2\\ntext\",\"enabled\":true},"
          "{\"id\":9,\"keys\":[\"k\"],\"content\":\"@@is_greeting 1\\ntext\",\"enabled\":true},"
          "{\"id\":10,\"keys\":[\"k\"],\"content\":\"@@position scenario\\n@@disable_ui_prompt "
          "system_prompt\\ntext\",\"enabled\":true},"
          "{\"id\":11,\"keys\":[\"k\"],\"content\":\"@@is_user_icon main\\n@@depth "
          "x\\ntext\",\"enabled\":true}]}");
    s.in.answers = 2;
    SAY(&s, "k");
    assert_string_equal(kept(&s), "1 3 5 6 8 10 11");
    assert_int_equal(hit(&s, "1")->position, LORE_AT_DEPTH);
    assert_int_equal(hit(&s, "1")->depth, 5);
    assert_int_equal(hit(&s, "1")->role, LORE_ASSISTANT);
    assert_str(hit(&s, "1")->text, "text");
    assert_int_equal(dropped(&s, "2"), LORE_BY_RULE);
    assert_int_equal(hit(&s, "3")->why, LORE_BY_DECORATOR);
    assert_true(hit(&s, "6")->from_start);
    assert_int_equal(hit(&s, "6")->depth, 1);
    assert_int_equal(hit(&s, "10")->position, LORE_SCENARIO);
    assert_true(s.out.no_house_prompt);
    assert_int_equal(hit(&s, "11")->position, LORE_AFTER_CHAR);
    s.in.answers = 3;
    s.in.greeting = 1;
    SAY(&s, "k a c");
    assert_string_equal(kept(&s), "1 3 4 6 7 9 10 11");
    end(&s);
}

static void a_costly_expression_costs_a_bounded_time(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "{\"entries\":["
              "{\"id\":1,\"keys\":[\"/^(a+)+$/\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":2,\"keys\":[\"/(x+x+)+y/\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":3,\"keys\":[\"/(.*)*(.*)*(.*)*z{9}/s\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":4,\"keys\":[\"/([a-z]+)*=/\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":5,\"keys\":[\"/(*LIMIT_MATCH=999999999)(a+)+$/\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":6,\"keys\":[\"/(unclosed/\"],\"content\":\"a\",\"enabled\":true},"
              "{\"id\":7,\"keys\":[\"here\"],\"content\":\"a\",\"enabled\":true}]}");
    char text[4001];
    memset(text, 'a', 2000);
    memset(text + 2000, 'x', 2000);
    memcpy(text + 1990, " here! ", 7);
    text[4000] = 0;
    uint64_t from = clock_mono_us();
    SAY(&s, text);
    uint64_t took = clock_mono_us() - from;
    assert_string_equal(kept(&s), "7");
    assert_true(s.out.warning_count >= 3);
    assert_true(took < 1000 * 1000);
    from = clock_mono_us();
    SAY(&s, text);
    print_message("first %llu us, then %llu us\n", (unsigned long long)took,
                  (unsigned long long)(clock_mono_us() - from));
    end(&s);
}

static void many_keys_are_found_in_one_reading(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_add(&b, STR("{\"entries\":["));
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "%s{\"id\":%d,\"keys\":[\"key%d\",\"%dkey\"],\"content\":\"c%d\",\"enabled\":true}",
                   i ? "," : "", i, i, i, i);
    buf_add(&b, STR("]}"));
    struct lore_book *book = NULL;
    assert_int_equal(lore_file_read(&a, buf_str(&b), &book, NULL), ERR_OK);
    struct scene s = {.in = {.rules = {.scan_depth = 2}, .budget_tokens = 100000}};
    s.book = lore_compile(STR("b"), 1, book);
    SAY(&s, "key2999 77key");
    /* key2, key29, key299, key2999; 77key and the 7key in it. */
    assert_int_equal(s.out.kept, 6);
    lore_compiled_free(s.book);
    arena_release(&s.arena);
    arena_release(&a);
}

static void lore_stands_where_it_says(void **state)
{
    (void)state;
    struct scene s;
    struct persona p;
    struct prompt out;
    persona_init(&p);
    p.name = STR("Mia");
    p.description = STR("DESC");
    p.personality = STR("PERS");
    p.scenario = STR("SCEN");
    p.examples = STR("<START>\nEXAMPLE");
    begin(
        &s,
        "{\"entries\":["
        "{\"id\":1,\"keys\":[\"k\"],\"content\":\"L-before\",\"enabled\":true,\"position\":\"before_char\"},"
        "{\"id\":2,\"keys\":[\"k\"],\"content\":\"L-after2\",\"enabled\":true,\"position\":\"after_char\","
        "\"insertion_order\":20},"
        "{\"id\":3,\"keys\":[\"k\"],\"content\":\"L-after1\",\"enabled\":true,\"position\":\"after_char\","
        "\"insertion_order\":10},"
        "{\"id\":4,\"keys\":[\"k\"],\"content\":\"L-exb\",\"enabled\":true,\"extensions\":{\"position\":5}},"
        "{\"id\":5,\"keys\":[\"k\"],\"content\":\"L-exa\",\"enabled\":true,\"extensions\":{\"position\":6}},"
        "{\"id\":6,\"keys\":[\"k\"],\"content\":\"L-d0\",\"enabled\":true,\"extensions\":{\"position\":4,"
        "\"depth\":0,\"role\":1}},"
        "{\"id\":7,\"keys\":[\"k\"],\"content\":\"L-d1\",\"enabled\":true,\"extensions\":{\"position\":4,"
        "\"depth\":1}},"
        "{\"id\":8,\"keys\":[\"k\"],\"content\":\"L-note-b\",\"enabled\":true,\"extensions\":{\"position\":3}"
        "},"
        "{\"id\":9,\"keys\":[\"k\"],\"content\":\"L-note-t\",\"enabled\":true,\"extensions\":{\"position\":2}"
        "},"
        "{\"id\":10,\"keys\":[\"k\"],\"content\":\"@@position personality\\nL-pers for "
        "{{user}}\",\"enabled\":true},"
        "{\"id\":11,\"keys\":[\"k\"],\"content\":\"@@reverse_depth 1\\nL-start\",\"enabled\":true}]}");
    SAY(&s, "k");
    assert_int_equal(s.out.kept, 11);
    struct prompt_turn turns[6];
    static const char *const said[] = {"t1", "t2", "t3", "t4", "t5", "t6"};
    for (size_t i = 0; i < 6; i++)
        turns[i] = (struct prompt_turn){.seq = i + 1, .self = i % 2, .text = str_c(said[i])};
    struct prompt_input in = {.persona = &p, .turns = turns, .turn_count = 6, .lore = &s.out};
    persona_compose(&s.arena, &in, &out);
    CLEANUP_BUF struct buf all = BUF_INIT;
    for (size_t i = 0; i < out.count; i++)
        buf_printf(&all, "%.*s|", STR_ARG(out.messages[i].text));
    static const char *const order[] = {
        "L-before", "DESC",
        "PERS",     "L-pers for Ana",
        "SCEN",     "L-after1\nL-after2",
        "L-exb",    "EXAMPLE",
        "L-exa",    "|t1|L-start|t2|L-note-t\nL-note-b|t3|t4|t5|L-d1|t6|L-d0|"};
    size_t from = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        size_t at = str_find(str_from(buf_str(&all), from), str_c(order[i]));
        if (at == SIZE_MAX)
            fail_msg("'%s' is not behind the others in: %.*s", order[i], STR_ARG(buf_str(&all)));
        from += at + strlen(order[i]);
    }
    assert_int_equal(out.messages[out.count - 1].role, PROMPT_USER);
    assert_true(out.parts[PART_LORE] >= s.out.tokens);
    /* A prompt that is full gives lore up, and says so. */
    for (in.budget_tokens = 500; s.out.kept == 11 && in.budget_tokens > 20; in.budget_tokens -= 5)
        persona_compose(&s.arena, &in, &out);
    assert_in_range(s.out.kept, 1, 10);
    assert_false(out.cut);
    assert_int_equal(s.out.hits[s.out.kept].dropped, LORE_NO_CONTEXT);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_match_as_asked),
        cmocka_unit_test(secondary_keys_follow_four_logics),
        cmocka_unit_test(each_entry_has_its_scan_depth),
        cmocka_unit_test(recursion_has_guards),
        cmocka_unit_test(the_budget_goes_by_weight),
        cmocka_unit_test(groups_have_one_winner),
        cmocka_unit_test(dice_fall_by_the_seed),
        cmocka_unit_test(messages_are_counted),
        cmocka_unit_test(decorators_do_what_they_say),
        cmocka_unit_test(a_costly_expression_costs_a_bounded_time),
        cmocka_unit_test(many_keys_are_found_in_one_reading),
        cmocka_unit_test(lore_stands_where_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
