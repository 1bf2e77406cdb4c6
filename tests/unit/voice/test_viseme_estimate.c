/*
 * Estimated mouth shapes against the exact ones, on the same sound: flite's slt and rms speak, its segments
 * say what is when; the estimate gets only the text and the sound.
 */
#include "../unit.h"

#include "base/thread.h"
#include "voice/flite_voice.h"
#include "voice/viseme_estimate.h"

#include <flite/flite.h>
#include <math.h>
#include <stdio.h>

cst_voice *register_cmu_us_slt(const char *folder);
cst_voice *register_cmu_us_rms(const char *folder);

enum { SOUNDS = 8, ERRORS = 4000 };
static const char *const texts[SOUNDS] = {
    "My brother bought a map for five people.",
    "Good morning! How did you sleep, my dear? I made some coffee, and there is bread on the table.",
    "The price is 29 dollars and 50 cents, but for you, Bob, I will make it twenty.",
    "Wait... did you hear that? Somebody is at the door.",
    "We walked along the river until the sun went down behind the mountains, talking about everything and "
    "nothing.",
    "Yes.",
    "Perhaps, if the weather permits, we may go to the market; otherwise, we will stay at home and play "
    "chess.",
    "Peter Piper picked a peck of pickled peppers.",
};

struct sound {
    struct arena arena;
    cst_utterance *utt;
    const cst_wave *wave;
    struct phone *phones; /* exact, without pauses */
    struct tts_word *words;
    size_t count, word_count;
    struct phone_plan plan;
};

static void speak(struct sound *s, cst_voice *voice, const char *text)
{
    on_worker();
    s->utt = flite_synth_text(text, voice);
    s->wave = utt_wave(s->utt);
    s->phones = arena_array(&s->arena, struct phone, 600);
    s->words = arena_array(&s->arena, struct tts_word, 200);
    double from = 0;
    for (const cst_item *i = relation_head(utt_relation(s->utt, "Segment")); i; i = item_next(i)) {
        double to = (double)item_feat_float(i, "end");
        if (strcmp(item_feat_string(i, "name"), "pau") != 0)
            s->phones[s->count++] = (struct phone){str_c(item_feat_string(i, "name")), from, to};
        from = to;
    }
    for (const cst_item *w = relation_head(utt_relation(s->utt, "Word")); w; w = item_next(w)) {
        double begin = (double)ffeature_float(w, "R:SylStructure.daughter1.daughter1.R:Segment.p.end");
        double end = (double)ffeature_float(w, "R:SylStructure.daughtern.daughtern.R:Segment.end");
        s->words[s->word_count++] = (struct tts_word){
            str_c(item_feat_string(w, "name")), (uint32_t)lround(begin * 1000), (uint32_t)lround(end * 1000)};
    }
    phone_plan_read(&s->arena, str_c(text), STR("en"), &s->plan);
}

static void hush(struct sound *s)
{
    delete_utterance(s->utt);
    arena_release(&s->arena);
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double errors[ERRORS];
static size_t error_count;

static void compare(struct sound *s, bool told)
{
    struct mouth *m = mouth_new(&s->plan, (unsigned)s->wave->sample_rate, 1);
    size_t n, k = 0;
    mouth_feed(m, s->wave->samples, (size_t)s->wave->num_samples);
    if (told)
        mouth_words(m, s->words, s->word_count);
    struct phone *got = mouth_phones(m, &s->arena, &n);
    double end = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(got[i].from_s >= end - 1e-9 && got[i].to_s >= got[i].from_s - 1e-9);
        end = got[i].to_s;
        if (str_eq(got[i].name, STR("pau")))
            continue;
        if (k < s->count && s->plan.count == s->count) {
            double exact = (s->phones[k].from_s + s->phones[k].to_s) / 2;
            errors[error_count++] = fabs((got[i].from_s + got[i].to_s) / 2 - exact) * 1000;
        }
        k++;
    }
    assert_int_equal(k, s->plan.count);
    assert_true(end <= s->wave->num_samples / (double)s->wave->sample_rate + .02);
    mouth_free(m);
}

static double compare_all(bool told, const char *what)
{
    cst_voice *voices[] = {register_cmu_us_slt(NULL), register_cmu_us_rms(NULL)};
    error_count = 0;
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < SOUNDS; i++) {
            struct sound s = {0};
            speak(&s, voices[v], texts[i]);
            compare(&s, told);
            hush(&s);
        }
    }
    qsort(errors, error_count, sizeof *errors, by_value);
    double median = errors[error_count / 2];
    print_message("%s: %zu phones, median %.0f ms, 90 %% within %.0f ms\n", what, error_count, median,
                  errors[error_count * 9 / 10]);
    return median;
}

static void text_and_energy_come_near_the_segments(void **state)
{
    (void)state;
    assert_true(compare_all(false, "text and energy") < 60);
    assert_true(error_count > 500);
}

static void told_words_come_nearer(void **state)
{
    (void)state;
    assert_true(compare_all(true, "times of words") < 30);
}

/* Sound in pieces, as a stream brings it: the keys are in order, within what was fed, and one mouth. */
static void a_stream_gives_one_timeline(void **state)
{
    (void)state;
    flite_quickest();
    cst_voice *slt = register_cmu_us_slt(NULL);
    for (int i = 0; i < SOUNDS; i++) {
        struct sound s = {0};
        speak(&s, slt, texts[i]);
        size_t step = (size_t)s.wave->sample_rate / 8, all = (size_t)s.wave->num_samples, words = 0;
        struct mouth *m = mouth_new(&s.plan, (unsigned)s.wave->sample_rate, 1);
        uint32_t last = 0;
        double weight[VISEME_COUNT] = {0}, closed = 0;
        for (size_t at = 0; at < all; at += step) {
            size_t n = at + step < all ? step : all - at, count, more;
            struct tts_word *said;
            mouth_feed(m, s.wave->samples + at, n);
            bool ended = at + step >= all;
            struct viseme_key *keys = mouth_keys(m, &s.arena, ended, &count, &said, &more);
            words += more;
            for (size_t k = 0; k < count; k++) {
                assert_true(keys[k].at_ms >= last);
                assert_true(keys[k].at_ms <= (at + n) * 1000 / (size_t)s.wave->sample_rate + 1);
                assert_true(keys[k].weight >= 0 && keys[k].weight <= 1.0001);
                last = keys[k].at_ms;
                weight[keys[k].viseme] = keys[k].weight;
                if (keys[k].viseme == VISEME_PP && keys[k].weight > closed)
                    closed = keys[k].weight;
            }
        }
        assert_int_equal(words, s.plan.word_count);
        bool lips = strpbrk(texts[i], "mbpMBP") != NULL;
        if (lips != (closed > .7))
            fail_msg("lips %.2f in '%s'", closed, texts[i]);
        if (weight[VISEME_SIL] < .95) /* at rest in the end */
            fail_msg("sil %.2f after '%s'", weight[VISEME_SIL], texts[i]);
        mouth_free(m);
        hush(&s);
    }
}

static double weight_of(const struct viseme_key *keys, size_t n, int v, double at)
{
    const struct viseme_key *before = NULL;
    for (size_t i = 0; i < n; i++) {
        if ((int)keys[i].viseme != v)
            continue;
        if (keys[i].at_ms > at) {
            double share = before ? (at - before->at_ms) / (keys[i].at_ms - before->at_ms) : 0;
            return before ? before->weight + share * (keys[i].weight - before->weight) : 0;
        }
        before = &keys[i];
    }
    return before ? before->weight : 0;
}

/* However the sound comes, and with another sentence's mouth behind it, all weights make 1. */
static void weights_make_one_however_it_streams(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    static struct viseme_key all[KEYS];
    static const unsigned steps_ms[] = {60, 125, 130, 171, 333, 1000, 60000};
    cst_voice *slt = register_cmu_us_slt(NULL);
    for (size_t k = 0; k < sizeof steps_ms / sizeof *steps_ms; k++) {
        size_t n = 0;
        uint32_t offset = 0;
        for (int i = 0; i < SOUNDS; i++) {
            struct sound s = {0};
            speak(&s, slt, texts[i]);
            size_t step = (size_t)s.wave->sample_rate * steps_ms[k] / 1000,
                   length = (size_t)s.wave->num_samples;
            struct mouth *m = mouth_new(&s.plan, (unsigned)s.wave->sample_rate, 1);
            for (size_t at = 0; at < length; at += step) {
                size_t count;
                bool ended = at + step >= length;
                mouth_feed(m, s.wave->samples + at, ended ? length - at : step);
                struct viseme_key *keys = mouth_keys(m, &s.arena, ended, &count, NULL, NULL);
                for (size_t j = 0; j < count && n < KEYS; j++, n++) {
                    all[n] = keys[j];
                    all[n].at_ms += offset;
                }
            }
            offset += (uint32_t)(length * 1000 / (size_t)s.wave->sample_rate);
            mouth_free(m);
            hush(&s);
        }
        assert_true(n < KEYS);
        for (uint32_t at = 0; at < offset; at += 10) {
            double sum = 0;
            for (int v = 0; v < VISEME_COUNT; v++)
                sum += weight_of(all, n, v, at);
            if (fabs(sum - 1) > .03)
                fail_msg("all weights make %.2f at %u ms, in pieces of %u ms", sum, at, steps_ms[k]);
        }
    }
}

static void silence_is_a_mouth_at_rest(void **state)
{
    (void)state;
    static int16_t nothing[32000];
    struct arena a = ARENA_INIT;
    struct phone_plan plan;
    size_t n;
    on_worker();
    phone_plan_read(&a, STR("Peter is here."), STR_NONE, &plan);
    struct mouth *m = mouth_new(&plan, 16000, 1);
    mouth_feed(m, nothing, 32000);
    struct viseme_key *keys = mouth_keys(m, &a, true, &n, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        if (keys[i].viseme != VISEME_SIL && keys[i].weight > .01)
            fail_msg("%s %.2f at %u", viseme_names[keys[i].viseme], keys[i].weight, keys[i].at_ms);
    }
    mouth_free(m);
    arena_release(&a);
}

static void letters_are_read_for_other_languages(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct phone_plan plan;
    phone_plan_letters(&a,
                       STR("Sch\xc3\xb6ne Br\xc3\xbc"
                           "cke, 7 M\xc3\xa4use"),
                       &plan);
    assert_int_equal(plan.word_count, 4);
    assert_str(plan.phones[0].name, "sh");
    assert_str(plan.phones[1].name, "ow");
    assert_str(plan.words[1].text, "Br\xc3\xbc"
                                   "cke");
    assert_true(plan.phones[plan.words[1].to - 1].pause_after);
    phone_plan_letters(&a, STR("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"), &plan);
    assert_int_equal(plan.count, 6);
    phone_plan_letters(&a, STR(""), &plan);
    assert_int_equal(plan.count, 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_energy_come_near_the_segments),
        cmocka_unit_test(told_words_come_nearer),
        cmocka_unit_test(a_stream_gives_one_timeline),
        cmocka_unit_test(weights_make_one_however_it_streams),
        cmocka_unit_test(silence_is_a_mouth_at_rest),
        cmocka_unit_test(letters_are_read_for_other_languages),
    };
    thread_become(THREAD_WORKER, "test");
    flite_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
