/* G.711: the values of ITU-T's tables, and that what goes out comes back within a step. */
#include "../unit.h"

#include "voice/g711.h"

#include <stdlib.h>

static void known_values(void **state)
{
    (void)state;
    /* Table 2a/G.711: silence, the largest of both signs, the first steps. */
    assert_int_equal(g711_ulaw(0), 0xFF);
    assert_int_equal(g711_ulaw(32767), 0x80);
    assert_int_equal(g711_ulaw(-32768), 0x00);
    assert_int_equal(g711_from_ulaw(0xFF), 0);
    assert_int_equal(g711_from_ulaw(0x80), 32124);
    assert_int_equal(g711_from_ulaw(0x00), -32124);
    /* Table 1a/G.711. */
    assert_int_equal(g711_alaw(0), 0xD5);
    assert_int_equal(g711_alaw(32767), 0xAA);
    assert_int_equal(g711_alaw(-32768), 0x2A);
    assert_int_equal(g711_from_alaw(0xD5), 8);
    assert_int_equal(g711_from_alaw(0x55), -8);
    assert_int_equal(g711_from_alaw(0xAA), 32256);
    assert_int_equal(g711_from_alaw(0x2A), -32256);
}

static void there_and_back(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code++) {
        assert_int_equal(g711_alaw(g711_from_alaw((uint8_t)code)), code);
        /* The two zeros of mu-law are one sound. */
        if (code != 0x7F)
            assert_int_equal(g711_ulaw(g711_from_ulaw((uint8_t)code)), code);
    }
    for (int sample = -32768; sample <= 32767; sample++) {
        /* Half of the widest step, and a sixteenth of the value elsewhere. */
        int most = abs(sample) / 16 + 16;
        assert_in_range(abs(g711_from_alaw(g711_alaw((int16_t)sample)) - sample), 0, most);
        if (abs(sample) < 32636)
            assert_in_range(abs(g711_from_ulaw(g711_ulaw((int16_t)sample)) - sample), 0, most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
