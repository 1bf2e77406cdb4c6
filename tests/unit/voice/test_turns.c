/* When a turn is over, what is a sign of listening, where the wake phrase is, and who gives way to whom. */
#include "../unit.h"

#include "voice/barge.h"
#include "voice/turn_end.h"
#include "voice/wake.h"
#include "voice/words.h"

#include <math.h>

/* ---- completeness ---- */
static void texts_end_or_dangle(void **state)
{
    (void)state;
    static const struct {
        const char *text, *language;
        enum turn_end end;
    } table[] = {
        {"what is the weather like today", "en", TURN_COMPLETE},
        {"What time is it?", "en", TURN_COMPLETE},
        {"yes", "en", TURN_COMPLETE},
        {"no thanks", "en", TURN_COMPLETE},
        {"stop", "en", TURN_COMPLETE},
        {"tell me a story about the sea", "en", TURN_COMPLETE},
        {"i went to the market", "en", TURN_COMPLETE},
        {"do you like music", "en", TURN_COMPLETE},
        {"Good morning.", "en", TURN_COMPLETE},
        {"and", "en", TURN_DANGLES},
        {"i went to the market and", "en", TURN_DANGLES},
        {"i like it because", "en", TURN_DANGLES},
        {"um", "en", TURN_DANGLES},
        {"Um.", "en", TURN_DANGLES},
        {"i was thinking, um", "en", TURN_DANGLES},
        {"tell me", "en", TURN_DANGLES},
        {"can you", "en", TURN_DANGLES},
        {"i want to", "en", TURN_DANGLES},
        {"if it rains tomorrow", "en", TURN_DANGLES},
        {"Well, you see...", "en", TURN_DANGLES},
        {"On the other hand,", "en", TURN_DANGLES},
        {"give me the", "en", TURN_DANGLES},
        {"seven blue horses", "en", TURN_UNCLEAR},
        {"", "en", TURN_UNCLEAR},
        {"wie geht es dir heute", "de", TURN_COMPLETE},
        {"ich möchte gern wissen ob", "de", TURN_DANGLES},
        {"quelle heure est-il maintenant", "fr", TURN_COMPLETE},
        {"je voudrais", "fr", TURN_DANGLES},
        {"quiero que", "es", TURN_DANGLES},
        {"それは何ですか。", "ja", TURN_COMPLETE},
        {"それは", "ja", TURN_UNCLEAR},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum turn_end got = turn_end_of(str_c(table[i].text), str_c(table[i].language));
        if (got != table[i].end)
            fail_msg("'%s': %d, expected %d", table[i].text, got, table[i].end);
    }
    assert_int_equal(turn_end_wait_ms(STR("what is your name"), STR("en"), 500), 350);
    assert_int_equal(turn_end_wait_ms(STR("seven blue horses"), STR("en"), 500), 700);
    assert_int_equal(turn_end_wait_ms(STR("and then"), STR_NONE, 500), 700);
    assert_int_equal(turn_end_wait_ms(STR("because"), STR_NONE, 500), 1600);
}

/* ---- the wake phrase ---- */
static void wake_phrases_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest; /* NULL: it is not in there */
    } table[] = {
        {"Hey Mia, what time is it?", "what time is it?"},
        {"hey mia", ""},
        {"hey me a tell me a story", "tell me a story"},
        {"haymia tell me a story", "tell me a story"},
        {"okay so hey mia stop", "stop"},
        {"hey maya what is new", "what is new"},
        {"what time is it", NULL},
        {"hello there", NULL},
        {"i told her hey there", NULL},
        {"", NULL},
        {"my aunt is here", NULL},
    };
    struct str rest;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool found = wake_find(str_c(table[i].text), STR("hey mia"), &rest);
        if (found != (table[i].rest != NULL))
            fail_msg("'%s': found %d", table[i].text, found);
        if (found)
            assert_str(rest, table[i].rest);
    }
    assert_true(wake_find(STR("anything"), STR_NONE, &rest));
    assert_str(rest, "anything");
}

/* ---- signs of listening ---- */
static void signs_of_listening(void **state)
{
    (void)state;
    static const char *const signs[] = {"mm-hm", "Uh-huh.", "yeah", "right", "ok", "Yeah, yeah.", "oh I see"};
    static const char *const none[] = {"", "no", "stop", "yeah but why", "what", "wait a moment"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (!barge_is_backchannel(str_c(signs[i]), STR("en")))
            fail_msg("'%s' is one", signs[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (barge_is_backchannel(str_c(none[i]), STR("en")))
            fail_msg("'%s' is none", none[i]);
    assert_true(barge_is_backchannel(STR("ja genau"), STR("de-AT")));
    assert_false(barge_is_backchannel(STR("ja genau"), STR("en")));
}

/* ---- timelines of barge-in ---- */
enum step_kind { SPEAKS, ENDS, VOICE, SILENCE, PARTIAL, UTTERANCE, SURE, UNSURE, TICK };
struct step {
    unsigned at_ms;
    enum step_kind kind;
    const char *text;
    unsigned spoken_ms;
    unsigned want; /* of enum barge_do */
};

static unsigned take(struct barge *b, const struct step *s)
{
    switch (s->kind) {
    case SPEAKS:
        return barge_persona_starts(b, s->at_ms);
    case ENDS:
        return barge_persona_ends(b, s->at_ms);
    case VOICE:
        return barge_speech_started(b, s->at_ms);
    case SILENCE:
        return barge_speech_stopped(b, s->at_ms);
    case PARTIAL:
        return barge_partial(b, str_c(s->text), s->at_ms);
    case UTTERANCE:
        return barge_utterance(b, str_c(s->text), NAN, s->spoken_ms, s->at_ms);
    case SURE:
        return barge_utterance(b, str_c(s->text), .47, s->spoken_ms, s->at_ms);
    case UNSURE:
        return barge_utterance(b, str_c(s->text), .25, s->spoken_ms, s->at_ms);
    case TICK:
        break;
    }
    return barge_tick(b, s->at_ms);
}

#define TIMELINE(name, ...)                                                                                  \
    {                                                                                                        \
        name,                                                                                                \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
static const struct {
    const char *name;
    struct step steps[12];
} timelines[] = {
    TIMELINE("a real interruption, by its partial text", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1300, PARTIAL, "wait", 0, 0}, {1400, PARTIAL, "wait a", 0, 0},
             {1480, PARTIAL, "wait a moon", 0, 0}, {1550, PARTIAL, "wait a moment", 0, BARGE_STOP},
             {1560, ENDS, 0, 0, 0}, {2000, SILENCE, 0, 0, 0},
             {2400, UTTERANCE, "wait a moment", 1000, BARGE_SAY}),
    TIMELINE("a real interruption, known only at its end", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1400, SILENCE, 0, 0, 0},
             {1800, UTTERANCE, "stop", 400, BARGE_STOP | BARGE_SAY}),
    TIMELINE("mm-hm resumes", {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE},
             {1300, SILENCE, 0, 0, 0}, {1310, PARTIAL, "mm-hm", 0, 0},
             {1650, UTTERANCE, "mm-hm", 300, BARGE_RESUME | BARGE_DROP}, {3000, VOICE, 0, 0, BARGE_PAUSE}),
    TIMELINE("a cough resumes", {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE},
             {1150, SILENCE, 0, 0, 0}, {1650, UTTERANCE, "", 150, BARGE_RESUME | BARGE_DROP}),
    TIMELINE("a cut-off syllable and a bang: a word is found in it, and nobody is sure of it",
             {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE}, {1250, PARTIAL, "but", 0, 0},
             {1500, PARTIAL, "up", 0, 0}, {1600, SILENCE, 0, 0, 0},
             {1800, UNSURE, "up", 400, BARGE_RESUME | BARGE_DROP}, {3000, VOICE, 0, 0, BARGE_PAUSE}),
    TIMELINE("a hum is a row of words, and another one each time", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1250, PARTIAL, "an an", 0, 0},
             {1500, PARTIAL, "an an age", 0, 0}, {1750, PARTIAL, "an an h m", 0, 0},
             {2000, PARTIAL, "an an maid chan", 0, 0}, {2100, SILENCE, 0, 0, 0},
             {2400, UNSURE, "and and maid chan", 1100, BARGE_RESUME | BARGE_DROP}),
    TIMELINE("small words alone are none", {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE},
             {1300, SILENCE, 0, 0, 0}, {1700, UNSURE, "you", 300, BARGE_RESUME | BARGE_DROP}),
    TIMELINE("one word that the ears are sure of", {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE},
             {1300, SILENCE, 0, 0, 0}, {1700, SURE, "no", 300, BARGE_STOP | BARGE_SAY}),
    TIMELINE("unsure, but the persona has ended: it is said", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1200, ENDS, 0, 0, 0}, {1400, SILENCE, 0, 0, 0},
             {1800, UNSURE, "where it", 500, BARGE_SAY}),
    TIMELINE("the words of one utterance are not those of the next", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1600, PARTIAL, "crack crack", 0, 0},
             {1700, UNSURE, "crack crack", 700, BARGE_RESUME | BARGE_DROP}, {3000, VOICE, 0, 0, BARGE_PAUSE},
             {3700, PARTIAL, "crack crack", 0, 0}),
    TIMELINE("noise that goes on resumes in time", {100, SPEAKS, 0, 0, 0}, {1000, VOICE, 0, 0, BARGE_PAUSE},
             {2999, TICK, 0, 0, 0}, {3000, TICK, 0, 0, BARGE_RESUME}, {3500, TICK, 0, 0, 0},
             {6000, UTTERANCE, "", 5000, BARGE_DROP}),
    TIMELINE("words that come after it resumed stop it after all", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {3000, TICK, 0, 0, BARGE_RESUME}, {3400, SILENCE, 0, 0, 0},
             {4000, UTTERANCE, "no that is wrong", 2400, BARGE_STOP | BARGE_SAY}),
    TIMELINE("said into the end of its speech: nothing is lost", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1200, ENDS, 0, 0, 0}, {1900, SILENCE, 0, 0, 0},
             {2300, UTTERANCE, "and what then", 900, BARGE_SAY}),
    TIMELINE("yeah into the end of its question is an answer", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1100, ENDS, 0, 0, 0}, {1300, SILENCE, 0, 0, 0},
             {1700, UTTERANCE, "yeah", 300, BARGE_SAY}),
    TIMELINE("nobody speaks: all that is said is a message", {1000, VOICE, 0, 0, 0}, {1500, SILENCE, 0, 0, 0},
             {1900, UTTERANCE, "yeah", 500, BARGE_SAY}, {4000, VOICE, 0, 0, 0}, {4100, SILENCE, 0, 0, 0},
             {4500, UTTERANCE, "", 100, BARGE_DROP}),
    TIMELINE("it begins to speak into what somebody says", {1000, VOICE, 0, 0, 0},
             {1200, SPEAKS, 0, 0, BARGE_PAUSE}, {1650, PARTIAL, "one more", 0, 0},
             {1900, PARTIAL, "one more thing", 0, BARGE_STOP},
             {2500, UTTERANCE, "one more thing", 1200, BARGE_SAY}),
    TIMELINE("a long row of signs is more than a sign", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1900, PARTIAL, "yeah yeah", 0, 0},
             {2200, PARTIAL, "yeah yeah right", 0, BARGE_STOP},
             {2900, UTTERANCE, "yeah yeah right", 1500, BARGE_SAY}),
    TIMELINE("after a stop the next answer can be interrupted again", {100, SPEAKS, 0, 0, 0},
             {1000, VOICE, 0, 0, BARGE_PAUSE}, {1500, PARTIAL, "stop it", 0, 0},
             {1600, PARTIAL, "stop it please", 0, BARGE_STOP}, {2000, UTTERANCE, "stop it", 800, BARGE_SAY},
             {2500, SPEAKS, 0, 0, 0}, {3000, VOICE, 0, 0, BARGE_PAUSE}),
};

static void timelines_of_barge_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof timelines / sizeof *timelines; i++) {
        struct barge b = {.language = STR("en")};
        for (const struct step *s = timelines[i].steps; s->at_ms; s++) {
            unsigned got = take(&b, s);
            if (got != s->want)
                fail_msg("%s, at %u ms: %u, expected %u", timelines[i].name, s->at_ms, got, s->want);
        }
    }
}

static void it_says_when_it_is_due(void **state)
{
    (void)state;
    struct barge b = {.resume_ms = 700, .no_partials = true};
    assert_int_equal(barge_due_ms(&b), 0);
    barge_persona_starts(&b, 10);
    assert_int_equal(barge_speech_started(&b, 100), BARGE_PAUSE);
    assert_int_equal(barge_due_ms(&b), 800);
    /* Ears that tell no partial texts: who goes on speaking means it. */
    assert_int_equal(barge_tick(&b, 800), BARGE_STOP);
    assert_int_equal(barge_due_ms(&b), 0);
}

static void words_and_distances(void **state)
{
    (void)state;
    struct word w;
    size_t at = 0;
    assert_true(word_next(STR("  Don't, STOP!"), &at, &w));
    assert_string_equal(w.c, "don't");
    assert_true(word_next(STR("  Don't, STOP!"), &at, &w));
    assert_string_equal(w.c, "stop");
    assert_false(word_next(STR("  Don't, STOP!"), &at, &w));
    assert_int_equal(word_distance("kitten", "sitting"), 3);
    assert_int_equal(word_distance("", "abc"), 3);
    assert_int_equal(word_distance("abc", ""), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_end_or_dangle),    cmocka_unit_test(wake_phrases_are_found),
        cmocka_unit_test(signs_of_listening),     cmocka_unit_test(timelines_of_barge_in),
        cmocka_unit_test(it_says_when_it_is_due), cmocka_unit_test(words_and_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
