/*
 * Show 1 at the level of the core: what was told in one room is known in the next, in many phrasings, and
 * nothing that was not told is claimed. '!' before an expectation: the reply must not hold it.
 */
#include "../unit.h"

#include "scripted_talk.h"

static struct scripted_rules *rules;

static const char *const told[] = {
    "Hello! My name is Anna and I live in Berlin.",
    "Actually my name is Ana, not Anna",
    "I moved to Lisbon last week",
    "I work as a graphic designer at a small studio",
    "My sister is called Eva, she lives in Oslo. She has two kids.",
    "My mum's name is Helga",
    "I have a dog named Rex and two cats, Tom and Jerry",
    "my cousin Lou has a red boat",
    "I don't have a car",
    "I'm allergic to peanuts",
    "my favorite color is green",
    "I love jazz and hiking but I hate olives",
    "I was born on 3 May 1990",
    "My brother plays the drums",
    "We're going to Japan next spring",
    "I'm 34",
    "My husband Paul is a chef",
    "I speak Portuguese and German",
    "If I had a horse, I would call it Bucephalus",
    "Do you know whether I have a parrot?",
    "My friend's daughter Carla has a snake",
};

static const char *const asked[][3] = {
    {"what's my name?", "Ana", "!Anna"},
    {"who am i", "Ana", "!Anna"},
    {"do you remember what I'm called?", "Ana", "!Anna"},
    {"remember my name?", "Ana", "!Anna"},
    {"Do you know what my name is?", "Ana", "!Anna"},
    {"tell me my name", "Ana", NULL},
    {"have you forgotten my name?", "Ana", NULL},
    {"can you remind me of my name?", "Ana", NULL},
    {"do you know who I am?", "Ana", NULL},
    {"whats my name", "Ana", NULL},
    {"remember me?", "Ana", NULL},
    {"and where do I live?", "Lisbon", "!Berlin"},
    {"What city do I live in?", "Lisbon", "!Berlin"},
    {"do you know where I live", "Lisbon", "!Berlin"},
    {"where did I live before?", "Berlin", NULL},
    {"what's my job?", "designer", NULL},
    {"what do I do for a living?", "designer", NULL},
    {"where do I work?", "studio", NULL},
    {"do you remember what I do?", "designer", NULL},
    {"who is Eva?", "sister", NULL},
    {"what did I tell you about my sister?", "Eva", NULL},
    {"what's my sister's name?", "Eva", NULL},
    {"do you remember my sister?", "Eva", NULL},
    {"where does my sister live?", "Oslo", NULL},
    {"does my sister have kids?", "two kids", NULL},
    {"what is my mother called?", "Helga", NULL},
    {"what's my mom's name", "Helga", NULL},
    {"do you remember my dog?", "Rex", NULL},
    {"what's the name of my dog?", "Rex", "!Tom"},
    {"what is my dog called?", "Rex", "!Tom"},
    {"what are my cats called?", "Tom and Jerry", "!Rex"},
    {"what pets do I have?", "Rex", NULL},
    {"do I have any pets?", "Rex", NULL},
    {"do I have a dog?", "Rex", NULL},
    {"do I have a car?", "don't have a car", NULL},
    {"do I have a brother?", "drums", NULL},
    {"what instrument does my brother play?", "drums", NULL},
    {"what am I allergic to?", "peanuts", NULL},
    {"do I have any allergies?", "peanuts", NULL},
    {"am I allergic to anything?", "peanuts", NULL},
    {"what's my favourite colour?", "green", NULL},
    {"what is my favorite color", "green", NULL},
    {"what do I like?", "jazz", "!olives"},
    {"do I like olives?", "hate olives", NULL},
    {"what don't I like?", "olives", "!jazz"},
    {"what do I hate?", "olives", NULL},
    {"when's my birthday?", "3 May", NULL},
    {"when was I born?", "3 May", NULL},
    {"how old am I?", "34", NULL},
    {"do you know my age?", "34", NULL},
    {"where am I going next spring?", "Japan", NULL},
    {"what are my plans?", "Japan", NULL},
    {"am I married?", "Paul", NULL},
    {"what's my husband's name?", "Paul", NULL},
    {"what does my husband do?", "chef", NULL},
    {"what languages do I speak?", "Portuguese", NULL},
    {"what do you know about me?", "Ana", NULL},
    {"what have I told you about myself?", "Ana", NULL},
    /* never told */
    {"what's my brother's name?", "brother's name", "!Rex"},
    {"what's my father's name?", "father's name", "!Helga"},
    {"do I have a horse?", "horse", "!Bucephalus"},
    {"what's my horse called?", "horse", "!Bucephalus"},
    {"do I have a parrot?", "parrot", "!You have a parrot"},
    {"do I have a snake?", "snake", "!You have a snake"},
    {"what's my favourite food?", "favourite food", "!green"},
    {"what's my phone number?", "phone number", NULL},
    {"what did I study?", "what you study", NULL},
    {"what is my cousin called?", "Lou", "!Eva"},
    {"what did I tell you about my cousin?", "Lou has a red boat", NULL},
    {"what is my uncle called?", "uncle", "!Eva"},
    {"where does my mother live?", "where your mother lives", "!Oslo"},
    {"how old is my sister?", "how old your sister is", "!34"},
    {"what am I afraid of?", "afraid", "!peanuts"},
};

/* A second stranger, who types in small letters, leaves out subjects and apostrophes, and speaks in passing.
 */
static const char *const told_in_passing[] = {
    "im tomasz btw, everyone calls me tom tho",
    "i moved from gdansk to leeds in 2019 for uni and never left",
    "got a little sister zosia whos 14, shes obsessed with horses",
    "my mums name is beata and my dad passed away when i was nine",
    "my girlfriend priya is a vet, we've been together 3 years",
    "we've got a tortoise called gary and two cats, biscuit and gravy",
    "i cant eat shellfish, i swell up like a balloon",
    "i drive an old volvo that i call hilda",
    "my birthday is the 3rd of march, ill be 28",
    "i take my coffee black with two sugars",
    "I have three children: James lives in Toronto, Fiona is a barrister in London",
    "My colleague Tanya has a parrot named Kiwi and lives in Croydon",
    "My husband Derek and I argue about it, but Derek keeps bees",
    "Derek is 70",
    "My grandmother lives in Odesa and I miss her terribly",
    "I keep bees, four hives on the roof",
    "the thing that scares me most is flying",
    "haha my real name is Beyonce, just kidding",
    "My two uncles are Arun and Vikram",
    "I wish I had a garden",
    "Actually my favourite composer is Elgar",
    "I grew up in Accra, studied medicine in Leeds, and these days I'm a GP in Hackney.",
    "My twin brother Kofi still lives in Accra, he runs a garage",
    "My wife isn't a doctor, she's a potter",
    "my nan's 92 and still drives, can you believe it",
    "I'd love to visit Patagonia one day",
    "my eldest, Megan, plays the harp and my youngest, Owen, is mad about Lego",
    "i just got back from walking the dog, his name is Taffy, he's a corgi",
};

static const char *const asked_about_it[][3] = {
    {"whats my name", "Tom", "!Beyonce"},
    {"what did i say my name was?", "Tom", NULL},
    {"what should you call me?", "Tom", "!Hilda"},
    {"where do i live these days?", "leeds", "!gdansk"},
    {"do u know where im from", "Accra", NULL},
    {"who is zosia", "sister", NULL},
    {"what is my sister into?", "horses", NULL},
    {"do you remember my mum's name?", "beata", NULL},
    {"is my dad alive?", "passed away", NULL},
    {"who's priya", "vet", NULL},
    {"what does my girlfriend do?", "vet", NULL},
    {"what are my cats called", "biscuit and gravy", NULL},
    {"who is gary?", "tortoise", NULL},
    {"what can't i eat?", "shellfish", NULL},
    {"what car do i drive", "volvo", NULL},
    {"how old am i", "28", NULL},
    {"when's my birthday", "3rd of march", "!ill be"},
    {"How do I take my coffee?", "black with two sugars", NULL},
    {"Who is Fiona?", "barrister", NULL},
    {"Where does James live?", "Toronto", NULL},
    {"which of my children is a lawyer?", "Fiona", NULL},
    {"how old is Derek?", "70", NULL},
    {"Who keeps bees?", "bees", NULL},
    {"what do I keep on the roof?", "bees", NULL},
    {"where does my grandmother live?", "Odesa", "!miss"},
    {"what am I most scared of?", "flying", NULL},
    {"I was wondering if you could remind me where I live", "leeds", NULL},
    {"it'd be nice if you knew where my grandma lives", "Odesa", NULL},
    {"what are my uncles called?", "Vikram", NULL},
    {"who's my favourite composer?", "Elgar", NULL},
    {"where did I grow up?", "Accra", "!GP"},
    {"what did I study?", "medicine", NULL},
    {"where does my brother live?", "Accra", NULL},
    {"what does my wife do?", "potter", NULL},
    {"how old is my nan?", "92", NULL},
    {"where would I love to travel?", "Patagonia", NULL},
    {"what does Megan play?", "harp", NULL},
    {"who's Taffy?", "dog", NULL},
    /* never told */
    {"I told you I love sushi, remember?", "sushi", "!you love sushi"},
    {"Have I ever told you about Lisbon?", "Lisbon", NULL},
    {"do I have a parrot?", "colleague", "!your parrot"},
    {"am I called Beyonce?", "Tom", "!Beyonce"},
    {"my brother's name is paul right?", "brother", "!paul"},
    {"you remember my horse, don't you?", "horse", "!your horse is"},
    {"remember when we went to paris?", "", "!you told me"},
    {"did I tell you about my trip to Japan?", "your trip to Japan", NULL},
    {"do I live in Croydon?", "leeds", "!Croydon"},
    {"what's my husband's birthday?", "husband", "!3rd of march"},
};

static bool contains(struct str text, const char *part)
{
    for (size_t i = 0; i < text.n; i++)
        if (str_ieq(str_sub(text, i, strlen(part)), str_c(part)))
            return true;
    return false;
}

static void knows_in_a_new_room_what_was_told(void **state)
{
    (void)state;
    static const char *const personas[] = {"philosopher", "comedian", "scientist", "mia",
                                           "solene",      "lyra",     "kimi"};
    static struct talk t;
    unsigned wrong = 0;
    for (size_t p = 0; p < 7; p++) {
        talk_begin(&t, rules, personas[p], p * 101 + 1);
        for (size_t i = 0; i < sizeof told / sizeof *told; i++)
            talk_say(&t, told[i]);
        talk_new_room(&t);
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            struct str reply = talk_say(&t, asked[i][0]);
            bool good = contains(reply, asked[i][1]) && !(asked[i][2] && contains(reply, asked[i][2] + 1));
            if (!good)
                print_message("%s: '%s' -> '%.*s'\n", personas[p], asked[i][0], STR_ARG(reply));
            wrong += !good;
        }
        talk_end(&t);
    }
    assert_int_equal(wrong, 0);
}

static void knows_what_was_told_in_passing(void **state)
{
    (void)state;
    static const char *const personas[] = {"mia", "solene", "kimi"};
    static struct talk t;
    unsigned wrong = 0;
    for (size_t p = 0; p < 3; p++) {
        talk_begin(&t, rules, personas[p], p * 57 + 3);
        for (size_t i = 0; i < sizeof told_in_passing / sizeof *told_in_passing; i++)
            talk_say(&t, told_in_passing[i]);
        talk_new_room(&t);
        for (size_t i = 0; i < sizeof asked_about_it / sizeof *asked_about_it; i++) {
            struct str reply = talk_say(&t, asked_about_it[i][0]);
            bool good = contains(reply, asked_about_it[i][1]) &&
                        !(asked_about_it[i][2] && contains(reply, asked_about_it[i][2] + 1));
            if (!good)
                print_message("%s: '%s' -> '%.*s'\n", personas[p], asked_about_it[i][0], STR_ARG(reply));
            wrong += !good;
        }
        talk_end(&t);
    }
    assert_int_equal(wrong, 0);
}

static void knows_nothing_of_a_stranger(void **state)
{
    (void)state;
    static struct talk t;
    static const char *const claims[] = {"Ana", "Rex", "Lisbon", "Eva"};
    talk_begin(&t, rules, "mia", 5);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct str reply = talk_say(&t, asked[i][0]);
        assert_true(reply.n > 0);
        for (size_t k = 0; k < 4; k++)
            if (contains(reply, claims[k]) && !contains(str_c(asked[i][0]), claims[k]))
                fail_msg("claims %s: %.*s", claims[k], STR_ARG(reply));
    }
    talk_end(&t);
}

/* What the persona or another person said is nobody's fact about the person. */
static void other_voices_are_no_source(void **state)
{
    (void)state;
    const struct scripted_recall recalled[] = {
        {SCRIPTED_SELF, STR("My name is Bella and I live in Brest."), 1, false, 1},
        {SCRIPTED_OTHER, STR("My sister is called Olga."), 2, false, 1}};
    const char *const questions[] = {"what's my name?", "where do I live?", "what's my sister's name?"};
    for (size_t i = 0; i < 3; i++) {
        const struct scripted_turn turn = {SCRIPTED_PERSON, STR_NONE, str_c(questions[i]), 3};
        struct scripted_input in = {.persona = {.name = STR("Mia"), .slug = STR("mia")},
                                    .transcript = &turn,
                                    .transcript_count = 1,
                                    .recalled = recalled,
                                    .recalled_count = 2,
                                    .now_ms = 4};
        struct buf out = BUF_INIT;
        scripted_reply(rules, &in, &out);
        assert_false(contains(buf_str(&out), "Bella"));
        assert_false(contains(buf_str(&out), "Brest"));
        assert_false(contains(buf_str(&out), "Olga"));
        buf_release(&out);
    }
}

static void picks_up_an_unfinished_topic(void **state)
{
    (void)state;
    static struct talk t;
    talk_begin(&t, rules, "mia", 3);
    talk_say(&t, "I'm Sam and I have an exam tomorrow");
    talk_new_room(&t);
    t.now_ms += 3600 * 1000;
    struct str reply = talk_say(&t, "hello");
    if (!contains(reply, "your exam"))
        fail_msg("'%.*s' does not ask about the exam", STR_ARG(reply));
    talk_end(&t);
}

static int load(void **state)
{
    (void)state;
    struct buf complaints = BUF_INIT;
    rules = scripted_rules_load(STR_NONE, &complaints);
    if (complaints.n)
        print_message("%.*s", STR_ARG(buf_str(&complaints)));
    int failed = complaints.n > 0;
    buf_release(&complaints);
    return failed;
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
        cmocka_unit_test(knows_in_a_new_room_what_was_told), cmocka_unit_test(knows_what_was_told_in_passing),
        cmocka_unit_test(knows_nothing_of_a_stranger),       cmocka_unit_test(other_voices_are_no_source),
        cmocka_unit_test(picks_up_an_unfinished_topic),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
