/* Sound cut where its text's sentences end: made sound of known sentences, fed in pieces of every size. */
#include "../unit.h"

#include "voice/sound_cut.h"

#include <math.h>

enum { RATE = 24000, LETTER_MS = 58, PAUSE_MS = 260, COMMA_MS = 110, SENTENCES = 6, TOLERANCE_MS = 60 };

/* Letters before and after a comma in each sentence. */
static const unsigned plan[SENTENCES][2] = {{14, 0}, {31, 22}, {9, 0}, {60, 41}, {25, 0}, {18, 12}};

static int16_t *sound;
static size_t total, ends[SENTENCES];

static void put(unsigned ms, double amplitude)
{
    for (size_t n = (size_t)ms * RATE / 1000; n; n--, total++)
        sound[total] =
            (int16_t)(amplitude * sin((double)total * 0.09) * (0.6 + 0.4 * sin((double)total * 0.0004)));
}

static int make(void **state)
{
    (void)state;
    sound = calloc(RATE * 60, sizeof *sound);
    for (size_t i = 0; i < SENTENCES; i++) {
        put(plan[i][0] * LETTER_MS, 7000);
        if (plan[i][1]) {
            put(COMMA_MS, 20);
            put(plan[i][1] * LETTER_MS, 7000);
        }
        put(PAUSE_MS, 20);
        ends[i] = total;
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    free(sound);
    return 0;
}

struct taken {
    size_t at, ends[SENTENCES], count;
};

static void take(struct sound_cut *c, struct taken *t)
{
    size_t n;
    bool ended;
    while (sound_cut_take(c, &n, &ended)) {
        t->at += n;
        if (!ended)
            break;
        t->ends[t->count++] = t->at;
    }
}

static void run(size_t piece, bool text_first)
{
    struct sound_cut c;
    struct taken t = {0};
    size_t told = 0;
    sound_cut_init(&c, RATE);
    for (size_t at = 0; at < total; at += piece) {
        /* The text comes with the sound, a sentence ahead; or all of it before. */
        while (told < SENTENCES && (text_first || told == 0 || at >= ends[told - 1] - RATE / 2)) {
            sound_cut_sentence(&c, plan[told][0] + plan[told][1]);
            told++;
        }
        sound_cut_feed(&c, sound + at, total - at < piece ? total - at : piece);
        take(&c, &t);
        assert_true(t.at <= at + piece);
    }
    for (; told < SENTENCES; told++)
        sound_cut_sentence(&c, plan[told][0] + plan[told][1]);
    c.text_over = c.sound_over = true;
    take(&c, &t);
    assert_int_equal(t.count, SENTENCES);
    assert_int_equal(t.at, total);
    for (size_t i = 0; i < SENTENCES; i++) {
        long off = (long)t.ends[i] - (long)ends[i];
        if (labs(off) > (long)TOLERANCE_MS * RATE / 1000)
            fail_msg("pieces of %zu: sentence %zu ends %ld ms away", piece, i, off * 1000 / RATE);
    }
    sound_cut_release(&c);
}

static void test_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {101, 2400, 24000, 1 << 20};
    for (size_t i = 0; i < 4; i++) {
        run(pieces[i], true);
        run(pieces[i], false);
    }
}

/* The first sentence's sound is not held back until all of it is there. */
static void test_early(void **state)
{
    (void)state;
    struct sound_cut c;
    size_t n;
    bool ended;
    sound_cut_init(&c, RATE);
    assert_false(sound_cut_take(&c, &n, &ended));
    sound_cut_feed(&c, sound, RATE / 10);
    sound_cut_sentence(&c, 80);
    assert_true(sound_cut_take(&c, &n, &ended));
    assert_int_equal(n, RATE / 10);
    assert_false(ended);
    assert_false(sound_cut_take(&c, &n, &ended));
    sound_cut_release(&c);
}

/* Whatever the sound is: all of it is given out, once, and every sentence ends. */
static void test_anything(void **state)
{
    (void)state;
    static int16_t noise[RATE];
    unsigned seed = 7;
    for (int round = 0; round < 60; round++) {
        struct sound_cut c;
        size_t n, at = 0, fed = 0, sentences = 0, over = 0;
        bool ended;
        sound_cut_init(&c, RATE);
        for (int step = 0; step < 40; step++) {
            seed = seed * 1103515245 + 12345;
            if (seed >> 30 == 0) {
                sound_cut_sentence(&c, (seed >> 8) % 200);
                sentences++;
            }
            size_t count = (seed >> 10) % RATE;
            for (size_t i = 0; i < count; i++)
                noise[i] = round % 3 ? (int16_t)((seed >> (i % 16)) & 0xfff) : 0;
            sound_cut_feed(&c, noise, count);
            fed += count;
            while (sound_cut_take(&c, &n, &ended)) {
                at += n;
                over += ended;
                if (!ended)
                    break;
            }
        }
        sound_cut_sentence(&c, 10);
        sentences++;
        c.text_over = c.sound_over = true;
        while (sound_cut_take(&c, &n, &ended)) {
            at += n;
            over += ended;
        }
        assert_int_equal(at, fed);
        assert_int_equal(over, sentences);
        sound_cut_release(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_early),
                                       cmocka_unit_test(test_anything)};
    return cmocka_run_group_tests(tests, make, drop);
}
