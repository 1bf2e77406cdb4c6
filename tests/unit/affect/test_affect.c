/* Reading affect from words, the mood's formulas, and how good the lexicon is on GoEmotions' development
 * split. */
#include "../unit.h"

#include <math.h>
#include <stdio.h>

#include "affect/affect.h"
#include "base/arena.h"

static void near(double got, double want)
{
    const double close = 1e-9;
    if (fabs(got - want) > close)
        fail_msg("got %.12f, expected %.12f", got, want);
}

static const char *read_label(const char *text)
{
    struct affect out;
    affect_read(str_c(text), &out);
    return affect_label_name(out.label);
}

static void words_are_read(void **state)
{
    (void)state;
    assert_string_equal(read_label("Thank you so much!"), "gratitude");
    assert_string_equal(read_label("I'm so sad and lonely today"), "sadness");
    assert_string_equal(read_label("lol that's hilarious"), "amusement");
    assert_string_equal(read_label("\xf0\x9f\x98\x82\xf0\x9f\x98\x82"), "amusement");
    assert_string_equal(read_label("I'm terrified of the dark"), "fear");
    assert_string_equal(read_label("The train leaves at nine."), "neutral");
    assert_string_equal(read_label(""), "neutral");
    assert_string_equal(read_label("\xff\xfe"), "neutral");
}

static void context_changes_a_word(void **state)
{
    (void)state;
    struct affect plain, denied, strong, loud;
    affect_read(STR("I am happy"), &plain);
    affect_read(STR("I am not happy"), &denied);
    affect_read(STR("I am very happy"), &strong);
    affect_read(STR("I am HAPPY!!!"), &loud);
    assert_true(plain.valence > 0.3);
    assert_true(denied.valence < 0);
    assert_true(strong.confidence > plain.confidence);
    assert_true(loud.arousal > plain.arousal);
    assert_true(loud.confidence <= 1 && strong.confidence <= 1);
}

static void baseline_follows_mehrabian_with_stability(void **state)
{
    (void)state;
    const struct affect_traits anxious = {.neuroticism = 1}, stable = {.neuroticism = -1},
                               kind = {.agreeableness = 1};
    near(mood_baseline(&anxious).valence, -.19);
    near(mood_baseline(&anxious).arousal, .57); /* an anxious persona is aroused, not calm */
    near(mood_baseline(&stable).arousal, -.57);
    near(mood_baseline(&kind).valence, .59);
    near(mood_baseline(&kind).dominance, -.32);
    const struct affect_traits all = {.1, .2, .3, .4, .5};
    near(mood_baseline(&all).valence, .21 * .3 + .59 * .4 - .19 * .5);
    near(mood_baseline(&all).arousal, .15 * .1 + .30 * .4 + .57 * .5);
    near(mood_baseline(&all).dominance, .25 * .1 + .17 * .2 + .60 * .3 - .32 * .4);
}

static void decay_is_exact_for_any_gaps(void **state)
{
    (void)state;
    const struct mood home = {.2, -.1, 0}, away = {-.8, .9, -.5};
    struct mood once = mood_decay(away, home, 600000, 0), steps = away;
    static const int64_t gaps[] = {1, 9999, 90000, 200000, 300000};
    for (size_t i = 0; i < 5; i++)
        steps = mood_decay(steps, home, gaps[i], 0);
    near(steps.valence, once.valence);
    near(steps.arousal, once.arousal);
    near(steps.dominance, once.dominance);
    struct mood back = mood_decay(away, home, MOOD_RETURN_MS, 0);
    assert_true(fabs(back.valence - home.valence) < .05 * fabs(away.valence - home.valence) + 1e-3);
    near(mood_decay(away, home, 0, 0).valence, away.valence);
    near(mood_decay(away, home, -5000, 0).valence, away.valence); /* the clock was set back */
    near(mood_decay(away, home, INT64_MAX, 0).valence, home.valence);
}

static void pull_goes_towards_the_emotion(void **state)
{
    (void)state;
    const struct affect joy = {1, 1, 1, AFFECT_JOY, 1}, nothing = {1, 1, 1, AFFECT_NEUTRAL, 0};
    const struct mood m = {-.5, 0, 0};
    near(mood_pull(m, &joy, 1).valence, 1);
    near(mood_pull(m, &joy, .5).valence, .25);
    near(mood_pull(m, &nothing, 1).valence, -.5);
    struct mood far = m;
    for (int i = 0; i < 1000; i++)
        far = mood_pull(far, &joy, MOOD_PULL_WEIGHT);
    assert_true(far.valence <= 1 && far.arousal <= 1 && far.dominance <= 1);
}

static void octants_have_names(void **state)
{
    (void)state;
    assert_string_equal(mood_label((struct mood){.5, .5, .5}), "exuberant");
    assert_string_equal(mood_label((struct mood){.5, .5, -.5}), "trusting");
    assert_string_equal(mood_label((struct mood){.5, -.5, .5}), "relaxed");
    assert_string_equal(mood_label((struct mood){.5, -.5, -.5}), "gentle");
    assert_string_equal(mood_label((struct mood){-.5, .5, .5}), "irritated");
    assert_string_equal(mood_label((struct mood){-.5, .5, -.5}), "anxious");
    assert_string_equal(mood_label((struct mood){-.5, -.5, .5}), "aloof");
    assert_string_equal(mood_label((struct mood){-.5, -.5, -.5}), "bored");
    assert_string_equal(mood_label((struct mood){0, 0, 0}), "calm");
}

static void labels_go_there_and_back(void **state)
{
    (void)state;
    enum affect_label label = AFFECT_JOY;
    for (int i = 0; i < AFFECT_LABELS; i++) {
        assert_true(affect_label_parse(str_c(affect_label_name((enum affect_label)i)), &label));
        assert_int_equal(label, i);
        assert_non_null(affect_ekman_name(affect_label_ekman(label)));
    }
    assert_false(affect_label_parse(STR("happyish"), &label));
    assert_int_equal(AFFECT_LABELS, 28);
}

static double macro_f1(const int (*cell)[3], size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) { /* true positives, false positives, false negatives */
        double down = 2.0 * cell[i][0] + cell[i][1] + cell[i][2];
        sum += down > 0 ? 2.0 * cell[i][0] / down : 0;
    }
    return sum / (double)n;
}

/* Macro-F1 over GoEmotions' development split, one label a text; skipped where the data is not there. */
static void figures_on_goemotions(void **state)
{
    (void)state;
    const char *path = getenv("EIDOLON_GOEMOTIONS_DEV");
    FILE *file = fopen(path ? path : "../shared/data/goemotions/dev.tsv", "rb");
    if (!file && !path)
        file = fopen("../../shared/data/goemotions/dev.tsv", "rb");
    if (!file) {
        print_message("skipped: no goemotions/dev.tsv (set EIDOLON_GOEMOTIONS_DEV to its path)\n");
        skip();
    }
    static int fine[AFFECT_LABELS][3], coarse[EKMAN_COUNT][3];
    static char line[8192];
    while (fgets(line, sizeof line, file)) {
        struct str rest = str_c(line), text, labels, one;
        bool gold[AFFECT_LABELS] = {false}, group[EKMAN_COUNT] = {false};
        str_cut(&rest, '\t', &text);
        str_cut(&rest, '\t', &labels);
        uint64_t id;
        while (str_cut(&labels, ',', &one))
            if (str_to_u64(one, &id) && id < AFFECT_LABELS)
                gold[id] = group[affect_label_ekman((enum affect_label)id)] = true;
        struct affect got;
        affect_read(text, &got);
        for (int i = 0; i < AFFECT_LABELS; i++)
            if (gold[i] || (int)got.label == i)
                fine[i][gold[i] && (int)got.label == i ? 0 : gold[i] ? 2 : 1]++;
        for (int i = 0; i < EKMAN_COUNT; i++) {
            bool said = (int)affect_label_ekman(got.label) == i;
            if (group[i] || said)
                coarse[i][group[i] && said ? 0 : group[i] ? 2 : 1]++;
        }
    }
    fclose(file);
    double f28 = macro_f1(fine, AFFECT_LABELS), f7 = macro_f1(coarse, EKMAN_COUNT);
    print_message("lexicon on GoEmotions dev: macro-F1 %.3f over 28 labels, %.3f over Ekman's 7\n", f28, f7);
    const double floor28 = .20, floor7 = .35;
    assert_true(f28 > floor28);
    assert_true(f7 > floor7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read),
        cmocka_unit_test(context_changes_a_word),
        cmocka_unit_test(baseline_follows_mehrabian_with_stability),
        cmocka_unit_test(decay_is_exact_for_any_gaps),
        cmocka_unit_test(pull_goes_towards_the_emotion),
        cmocka_unit_test(octants_have_names),
        cmocka_unit_test(labels_go_there_and_back),
        cmocka_unit_test(figures_on_goemotions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
