/* What is read from statements, what is not, and which questions are about the person. */
#include "../unit.h"

#include "language/facts.h"
#include "language/text.h"

/* "relation=value" of every fact in the text, joined by "; "; "!" before a denied one. */
static struct str facts_of(struct arena *a, const char *text, const char *asked)
{
    struct person_fact facts[PERSON_FACTS_MAX];
    struct buf out = BUF_INIT;
    size_t n = person_facts_extract(a, str_c(text), str_c(asked), facts, PERSON_FACTS_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, "%s%s%.*s=%.*s", i ? "; " : "", facts[i].negated ? "!" : "",
                   STR_ARG(facts[i].relation), STR_ARG(facts[i].value));
    struct str result = arena_str(a, buf_str(&out));
    buf_release(&out);
    return result;
}

static void statements_give_their_facts(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"Hi, I'm Sam", "name=Sam"},
        {"im sam", "name=sam"},
        {"My name is Ana, what's yours?", "name=Ana"},
        {"my name's bob", "name=bob"},
        {"Actually my name is Ana, not Anna", "name=Ana"},
        {"It's Ana, not Anna.", "name=Ana"},
        {"Call me Lex.", "name=Lex"},
        {"I\xe2\x80\x99m Zo\xc3\xab.", "name=Zo\xc3\xab"},
        {"I live in Porto and work as a teacher", "home=Porto; job=a teacher"},
        {"I just moved to Lisbon", "home=Lisbon"},
        {"I don't have a dog.", "!have=dog"},
        {"My dog's name is Rex", "dog.name=Rex"},
        {"my mum's called Helga", "mother.name=Helga"},
        {"My brother's a pilot", "brother.job=a pilot"},
        {"My sister Eva is a nurse and lives in Oslo. She has two kids.",
         "sister.name=Eva; sister.job=a nurse; sister.home=Oslo; sister.have=two kids"},
        {"I have a dog. His name is Rex.", "have=a dog; dog.name=Rex"},
        {"I'm 34 years old", "age=34"},
        {"my birthday is June 4th", "birthday=June 4th"},
        {"My favorite color is green", "favourite.colour=green"},
        {"I love hiking but I hate olives", "like=hiking; dislike=olives"},
        {"I'm allergic to peanuts", "allergy=peanuts"},
        {"I have an exam tomorrow", "plan=an exam tomorrow"},
        {"I'm not a doctor, I'm a dentist", "!job=a doctor; job=a dentist"},
        {"Rex is my dog", "dog.name=Rex"},
        {"I'm German.", "is=German"},
        {"I'm tired today", "feeling=tired today"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena a = ARENA_INIT;
        assert_str(facts_of(&a, table[i][0], ""), table[i][1]);
        arena_release(&a);
    }
}

static void what_is_not_told_is_no_fact(void **state)
{
    (void)state;
    static const char *const table[] = {
        "If I had a dog, I would call it Rex.",
        "I wish I had a brother",
        "Do you know if I have a dog?",
        "What if my name was Bob?",
        "He said \"I'm Bob\"",
        "I'm the king of France, just kidding",
        "Is my name Bob?",
        "Imagine I live in Paris",
        "She is 5. Her name is Mia.",
        "",
        "???",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena a = ARENA_INIT;
        assert_str(facts_of(&a, table[i], ""), "");
        arena_release(&a);
    }
}

static void a_bare_answer_is_a_name_when_asked(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    assert_str(facts_of(&a, "Ana", "What's your name?"), "name=Ana");
    assert_str(facts_of(&a, "it's ana", "What should I call you?"), "name=ana");
    assert_str(facts_of(&a, "Lisbon", "Where are you now?"), "");
    assert_str(facts_of(&a, "hello", "I'm Mia. What should I call you? And how are you, really?"), "");
    assert_str(facts_of(&a, "hello", "What should I call you?"), "");
    assert_str(facts_of(&a, "Fine", "What should I call you? And how are you?"), "");
    assert_str(facts_of(&a, "Kenji", "What should I call you? And how are you?"), "name=Kenji");
    arena_release(&a);
}

static void questions_about_the_person_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *text, *kind, *subject;
    } table[] = {
        {"what's my name?", "name", ""},
        {"who am i", "name", ""},
        {"do you remember what I'm called?", "name", ""},
        {"can you tell me my name please", "name", ""},
        {"where do I work", "employer", ""},
        {"what do I do for a living?", "job", ""},
        {"do you know where I live?", "home", ""},
        {"how old am I?", "age", ""},
        {"what's my brother's name?", "name", "brother"},
        {"what's the name of my dog?", "name", "dog"},
        {"how is my dog called?", "name", "dog"},
        {"what did I tell you about my sister?", "other", "sister"},
        {"do you remember my dog?", "other", "dog"},
        {"where does my sister live?", "home", "sister"},
        {"do I have a dog?", "have", ""},
        {"what's my favourite colour?", "favourite", ""},
        {"am I allergic to anything?", "allergy", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena a = ARENA_INIT;
        struct person_question q;
        if (!person_question_parse(&a, str_c(table[i].text), &q))
            fail_msg("no question: %s", table[i].text);
        if (strcmp(fact_kind_name(q.kind), table[i].kind) != 0)
            fail_msg("%s: got %s", table[i].text, fact_kind_name(q.kind));
        assert_str(q.subject, table[i].subject);
        arena_release(&a);
    }
}

static void other_questions_are_not(void **state)
{
    (void)state;
    static const char *const table[] = {
        "what should I do?",     "can I ask you something?",  "do you think I'm stupid?",
        "tell me a joke",        "tell me about yourself",    "what's your name?",
        "how are you?",          "do you like jazz?",         "what is love?",
        "how do I add a model?", "I told you my name is Ana", "my name is Ana"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena a = ARENA_INIT;
        struct person_question q;
        if (person_question_parse(&a, str_c(table[i]), &q))
            fail_msg("taken for a question about the person: %s", table[i]);
        arena_release(&a);
    }
}

static void sentences_lose_nothing(void **state)
{
    (void)state;
    struct str text = STR("I saw Dr. Weiss at 3.5 p.m. today! It hurt... Then home. My doctor is Dr."),
               sentence;
    size_t count = 0, bytes = 0;
    struct str rest = text;
    while (sentence_next(&rest, &sentence)) {
        count++;
        bytes += sentence.n;
        if (count == 4)
            assert_str(sentence, "My doctor is Dr.");
    }
    assert_int_equal(count, 4);
    assert_int_equal(bytes, text.n - 3);
}

static void reflects_to_the_other_side(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"I'm tired of my job", "you're tired of your job"},
        {"My sister told me I was wrong.", "your sister told you you were wrong"},
        {"I like you", "you like me"},
        {"I love Lisbon", "you love Lisbon"},
        {"We moved to our house", "you moved to your house"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct arena a = ARENA_INIT;
        struct buf out = BUF_INIT;
        text_reflect(&a, str_c(table[i][0]), &out);
        assert_str(buf_str(&out), table[i][1]);
        buf_release(&out);
        arena_release(&a);
    }
}

static void expansion_helps_the_search(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct buf out = BUF_INIT;
    person_query_expand(&a, STR("who am I?"), &out);
    assert_true(str_find(buf_str(&out), STR("name")) != SIZE_MAX);
    buf_clear(&out);
    person_query_expand(&a, STR("The weather is nice."), &out);
    assert_int_equal(out.n, 0);
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_give_their_facts),
        cmocka_unit_test(what_is_not_told_is_no_fact),
        cmocka_unit_test(a_bare_answer_is_a_name_when_asked),
        cmocka_unit_test(questions_about_the_person_are_known),
        cmocka_unit_test(other_questions_are_not),
        cmocka_unit_test(sentences_lose_nothing),
        cmocka_unit_test(reflects_to_the_other_side),
        cmocka_unit_test(expansion_helps_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
