/*
 * Sound from a stream of bytes: raw PCM or a WAV file, cut anywhere, to 16 bit mono samples.
 *
 * WAV: RIFF with a `fmt ` chunk of 16, 24 or 32 bit integers or 32 bit floats (also as
 * WAVE_FORMAT_EXTENSIBLE), any number of channels up to SOUND_IN_CHANNELS (they are mixed), then `data`;
 * other chunks are skipped. A length of 0 or all ones is that of a stream whose end nobody knew. Format:
 * Microsoft's "Multimedia Programming Interface and Data Specifications 1.0", RIFF WAVE.
 *
 * What was announced as raw PCM and begins with RIFF is read as WAV, as some servers answer so whatever they
 * are asked for. Everything that is neither (a page, a JSON document, MP3, Ogg, FLAC) is refused with a
 * sentence. It does not: decode compressed sound, resample. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_SOUND_IN_H
#define EIDOLON_VOICE_SOUND_IN_H

#include "base/buf.h"

enum {
    SOUND_IN_HEAD_MAX = 64 << 10, /* bytes before a WAV file's sound */
    SOUND_IN_CHANNELS = 8,
    SOUND_IN_RATE_MIN = 4000,
    SOUND_IN_RATE_MAX = 192000,
    SOUND_IN_SNIFF = 12, /* bytes that are looked at first */
};

struct sound_in {
    enum { SOUND_IN_START, SOUND_IN_WAV_HEAD, SOUND_IN_SOUND, SOUND_IN_OVER } state;
    unsigned rate;     /* 0 until known */
    unsigned raw_rate; /* of raw PCM; 0: only WAV is taken */
    unsigned channels, bits;
    bool is_float, endless;
    uint64_t left;    /* bytes of the data chunk to come */
    uint64_t skip;    /* of a chunk that is passed over */
    struct buf held;  /* bytes that make no whole frame, or no whole head yet */
    uint64_t samples; /* given out */
};

void sound_in_init(struct sound_in *in, unsigned raw_rate);
void sound_in_release(struct sound_in *in);
/* Appends int16_t samples to `to`. ERR_UPSTREAM for what is no sound that can be read here. */
enum err sound_in_feed(struct sound_in *in, struct str bytes, struct buf *to, struct error *e);
/* No more will come. ERR_UPSTREAM: nothing came at all, or the file is shorter than its head says. */
enum err sound_in_end(struct sound_in *in, struct buf *to, struct error *e);

/* The rate in "audio/L16;rate=24000;channels=1" or "audio/pcm; rate=16000"; 0 where there is none. */
unsigned sound_in_type_rate(struct str content_type);

#endif
