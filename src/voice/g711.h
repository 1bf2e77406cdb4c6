/*
 * G.711 (ITU-T): telephone sound, 8 bits a sample at 8 kHz, in its two laws. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_G711_H
#define EIDOLON_VOICE_G711_H

#include <stdint.h>

uint8_t g711_ulaw(int16_t sample);
int16_t g711_from_ulaw(uint8_t byte);
uint8_t g711_alaw(int16_t sample);
int16_t g711_from_alaw(uint8_t byte);

#endif
