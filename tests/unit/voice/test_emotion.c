/* Feelings in a voice: directions, bounds, tenderness. */
#include "../unit.h"

#include "voice/emotion.h"

#include <math.h>

static struct tts_prosody of(const char *label, double v, double a, double d, bool close)
{
    struct emotion e = {.label = str_c(label), .valence = v, .arousal = a, .dominance = d, .close = close};
    return emotion_prosody(&e);
}

static void nothing_changes_nothing(void **state)
{
    (void)state;
    struct tts_prosody p = of("", 0, 0, 0, true);
    assert_true(p.rate == 1 && p.pitch == 1 && p.volume == 1);
}

static void directions(void **state)
{
    (void)state;
    struct tts_prosody joy = of("joy", .8, .6, .3, false), grief = of("grief", -.8, -.5, -.5, false),
                       calm = of("", 0, 0, 0, false);
    assert_true(joy.rate > calm.rate && joy.pitch > calm.pitch && joy.volume > calm.volume);
    assert_true(grief.rate < calm.rate && grief.pitch < calm.pitch && grief.volume < calm.volume);
    struct tts_prosody anger = of("anger", -.6, .8, .5, false);
    assert_true(anger.rate > 1 && anger.volume > 1);
}

/* The same point, but tender words: slower, lower, softer; more so where they are meant. */
static void tender(void **state)
{
    (void)state;
    struct tts_prosody joy = of("joy", .8, .4, .1, true), love = of("love", .8, .4, .1, true),
                       kind = of("love", .8, .4, .1, false);
    assert_true(love.rate < joy.rate && love.pitch < joy.pitch && love.volume < joy.volume);
    assert_true(love.rate <= kind.rate && love.volume < kind.volume);
    assert_true(love.rate < 1 && love.volume < 1);
    assert_true(emotion_tender(STR("desire")) && !emotion_tender(STR("anger")) && !emotion_tender(STR_NONE));
}

static void bounds(void **state)
{
    (void)state;
    static const char *const labels[] = {"", "love", "anger"};
    for (int i = 0; i < 3 * 11 * 11 * 2; i++) {
        double v = i % 11 / 5.0 - 1, a = i / 11 % 11 / 5.0 - 1;
        struct tts_prosody p = of(labels[i / 121 % 3], v * 3, a * 3, v * a, i % 2);
        for (size_t k = 0; k < 3; k++) {
            double x = k == 0 ? p.rate : k == 1 ? p.pitch : p.volume;
            assert_true(x >= EMOTION_LEAST / 100. - 1e-9 && x <= EMOTION_MOST / 100. + 1e-9);
            assert_true(fabs(x * 100 / EMOTION_STEP - round(x * 100 / EMOTION_STEP)) < 1e-6);
        }
    }
    struct tts_prosody p = of("", (double)NAN, (double)NAN, (double)NAN, false);
    assert_true(p.rate == 1 && p.pitch == 1 && p.volume == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changes_nothing),
        cmocka_unit_test(directions),
        cmocka_unit_test(tender),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
