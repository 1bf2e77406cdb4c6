/* See asr_wav.h: a RIFF head of 44 bytes, then the samples. */
#include "voice/asr_wav.h"

#include "voice/asr.h"

enum { WAV_HEAD = 44 };

static void put16(char *to, unsigned value)
{
    to[0] = (char)(value & 0xff);
    to[1] = (char)(value >> 8 & 0xff);
}

static void put32(char *to, uint32_t value)
{
    put16(to, value & 0xffff);
    put16(to + 2, value >> 16);
}

void asr_write_wav(struct buf *to, struct str sound)
{
    char head[WAV_HEAD] = "RIFF____WAVEfmt ____________________data";
    put32(head + 4, (uint32_t)(WAV_HEAD - 8 + sound.n));
    put32(head + 16, 16);
    put16(head + 20, 1);
    put16(head + 22, 1);
    put32(head + 24, ASR_RATE);
    put32(head + 28, ASR_RATE * 2);
    put16(head + 32, 2);
    put16(head + 34, 16);
    put32(head + 40, (uint32_t)sound.n);
    buf_add(to, str_of(head, sizeof head));
    buf_add(to, sound);
}
