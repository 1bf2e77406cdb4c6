/*
 * From samples to a file as it is spoken: WAV, bare PCM, Opus in Ogg, MP3, FLAC.
 *
 * An encoder takes mono 16-bit samples of one rate, piece by piece, and appends what is ready to a buffer, so
 * an answer can stream. A WAV's length stands in its head: it is the largest there is until encoder_end() was
 * told that nothing was sent yet (then the whole file is put right). Sound is resampled by soxr where another
 * rate is asked for.
 *
 * It does not: make AAC (Debian's free libraries do not). One thread at a time; CPU work, so not for a loop
 * but for WAV and PCM, which are copies.
 */
#ifndef EIDOLON_VOICE_ENCODE_H
#define EIDOLON_VOICE_ENCODE_H

#include "base/buf.h"

enum sound_format { SOUND_WAV, SOUND_PCM, SOUND_OPUS, SOUND_MP3, SOUND_FLAC, SOUND_FORMATS };
/* "wav", "pcm", ... and their media types. */
extern const char *const sound_format_names[SOUND_FORMATS];
extern const char *const sound_format_types[SOUND_FORMATS];
bool sound_format_parse(struct str name, enum sound_format *out);

struct encoder;

/* rate: of the samples to come; to_rate: of the result, 0: the same. The buffer must outlive the encoder. */
enum err encoder_new(enum sound_format format, unsigned rate, unsigned to_rate, struct buf *to,
                     struct encoder **out, struct error *e);
void encoder_feed(struct encoder *en, const int16_t *samples, size_t count);
/* Flushes. `whole`: everything made is still in the buffer, so a head that tells the length can be put right.
 */
enum err encoder_end(struct encoder *en, bool whole, struct error *e);
void encoder_free(struct encoder *en);

#endif
