/*
 * Recordings: decoded for real, in pieces, so that an hour takes no more memory than a minute.
 *
 * WAV, FLAC, Ogg (Vorbis, Opus), MP3 and AIFF by libsndfile, WebM with Opus by webm.h and libopus. Runs in
 * the media child only. sound_check() is what a file must pass to be kept: every frame decodes, what its head
 * says of its length is true, and nothing foreign hangs on it.
 *
 * It does not: write, keep tags, read films' sound.
 */
#ifndef EIDOLON_MEDIA_SOUND_H
#define EIDOLON_MEDIA_SOUND_H

#include "base/buf.h"
#include "media/kind.h"

enum {
    SOUND_CHANNELS_MAX = 8,
    SOUND_RATE_MIN = 4000,
    SOUND_RATE_MAX = 192000,
    SOUND_HOURS_MAX = 12,
    SOUND_PEAKS = 400, /* of a preview's waveform */
    SOUND_PIECE = 8192 /* frames at a time */
};

struct sound;

/* `fd` and `bytes` are the same file; both stay the caller's and must outlive the sound. */
enum err sound_open(enum media_form form, int fd, struct str bytes, struct sound **out, struct error *e);
void sound_close(struct sound *s);
unsigned sound_rate(const struct sound *s);
unsigned sound_channels(const struct sound *s);
/* Up to SOUND_PIECE frames, interleaved; 0 at the end or where the file breaks (sound_broken says so). */
size_t sound_read(struct sound *s, float *to);
const char *sound_broken(const struct sound *s); /* NULL: not */
/* Goes to a time, about (a few milliseconds before it). False: cannot. */
bool sound_seek(struct sound *s, uint64_t at_ms);

struct sound_about {
    uint64_t frames;
    unsigned rate, channels;
    uint8_t peaks[SOUND_PEAKS]; /* 0..100: the loudest sample of each part, with the loudest of all */
    unsigned peak_count;
};
/* Decodes all of it. `progress` (may be NULL) hears shares of it. */
enum err sound_check(enum media_form form, int fd, struct str bytes, struct sound_about *about,
                     struct error *e);

#endif
