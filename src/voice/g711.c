/* The two laws of G.711 as the recommendation's tables 1 and 2 give them: sign, segment, four bits. */
#include "voice/g711.h"

enum { ULAW_BIAS = 132, ULAW_MOST = 32635, ALAW_MOST = 4095 };

uint8_t g711_ulaw(int16_t sample)
{
    int value = sample, sign = 0, segment = 7;
    if (value < 0) {
        sign = 0x80;
        value = -value;
    }
    value = (value > ULAW_MOST ? ULAW_MOST : value) + ULAW_BIAS;
    while (segment && !(value & (0x80 << segment)))
        segment--;
    return (uint8_t) ~(sign | segment << 4 | ((value >> (segment + 3)) & 15));
}

int16_t g711_from_ulaw(uint8_t byte)
{
    int code = (uint8_t)~byte, segment = (code >> 4) & 7;
    int value = ((((code & 15) << 3) + ULAW_BIAS) << segment) - ULAW_BIAS;
    return (int16_t)(code & 0x80 ? -value : value);
}

uint8_t g711_alaw(int16_t sample)
{
    int value = sample >> 3, sign = 0x80, segment = 0;
    if (value < 0) {
        sign = 0;
        value = -value - 1;
    }
    if (value > ALAW_MOST)
        value = ALAW_MOST;
    while (segment < 7 && value >= 32 << segment)
        segment++;
    int low = segment < 2 ? value >> 1 : value >> segment;
    return (uint8_t)((sign | segment << 4 | (low & 15)) ^ 0x55);
}

int16_t g711_from_alaw(uint8_t byte)
{
    int code = byte ^ 0x55, segment = (code >> 4) & 7, value = (code & 15) << 4;
    value += segment ? 0x108 : 8;
    if (segment > 1)
        value <<= segment - 1;
    return (int16_t)(code & 0x80 ? value : -value);
}
