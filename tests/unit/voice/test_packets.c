/* Opus packets: 20 ms each, positions without gaps, sentences filled up, foreign rates resampled; and they
 * decode to the sound that went in. */
#include "../unit.h"

#include "base/arena.h"
#include "voice/packets.h"

#include <math.h>
#include <opus.h>
#include <stdlib.h>

struct got {
    OpusDecoder *decoder;
    unsigned rate;
    uint64_t next;
    size_t count;
    double energy;
};

static void on_packet(void *arg, uint64_t at, struct str bytes)
{
    struct got *g = arg;
    int16_t out[960];
    assert_int_equal(at, g->next);
    int n = opus_decode(g->decoder, (const unsigned char *)bytes.p, (opus_int32)bytes.n, out, 960, 0);
    assert_int_equal(n, g->rate / 50);
    for (int i = 0; i < n; i++)
        g->energy += (double)out[i] * out[i];
    g->next += (uint64_t)n;
    g->count++;
}

static void sentences(unsigned rate, unsigned opus_rate)
{
    struct packets *p;
    struct error e = {0};
    int failed;
    int16_t *tone = heap_alloc(rate * sizeof *tone);
    for (unsigned i = 0; i < rate; i++)
        tone[i] = (int16_t)(8000 * sin(2 * 3.14159265 * 300 * i / rate));
    assert_int_equal(packets_new(rate, &p, &e), ERR_OK);
    assert_int_equal(packets_rate(p), opus_rate);
    struct got g = {.decoder = opus_decoder_create((opus_int32)opus_rate, 1, &failed), .rate = opus_rate};
    for (int sentence = 0; sentence < 3; sentence++) {
        g.next = g.count = 0;
        for (unsigned at = 0; at < rate; at += 777) /* a second, in odd pieces */
            packets_feed(p, tone + at, rate - at < 777 ? rate - at : 777, on_packet, &g);
        packets_feed(p, tone, rate / 100, on_packet, &g); /* and half a packet */
        packets_end(p, on_packet, &g);
        assert_in_range(g.count, 50, 52);
    }
    /* The RMS of the tone is 5657. */
    double rms = sqrt(g.energy / (3. * (double)g.next));
    assert_true(rms > 4500 && rms < 6500);
    packets_end(p, on_packet, &g); /* nothing: nothing */
    packets_free(p);
    opus_decoder_destroy(g.decoder);
    free(tone);
}

static void rates_of_opus(void **state)
{
    (void)state;
    sentences(16000, 16000);
    sentences(48000, 48000);
}

static void other_rates(void **state)
{
    (void)state;
    sentences(22050, 24000);
    sentences(44100, 24000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates_of_opus), cmocka_unit_test(other_rates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
