/* Encoders by libopusenc, LAME, libFLAC and by hand (WAV); see encode.h. */
#include "voice/encode.h"

#include "base/arena.h"

#include <FLAC/stream_encoder.h>
#include <lame/lame.h>
#include <opusenc.h>
#include <soxr.h>
#include <stdlib.h>
#include <string.h>

const char *const sound_format_names[SOUND_FORMATS] = {"wav", "pcm", "opus", "mp3", "flac"};
const char *const sound_format_types[SOUND_FORMATS] = {"audio/wav", "audio/pcm", "audio/ogg", "audio/mpeg",
                                                       "audio/flac"};

enum {
    WAV_HEAD = 44,
    OPUS_BITRATE = 32000, /* speech in mono is transparent there */
    MP3_KBITS = 64, /* constant: a variable rate needs a head that a stream cannot have, and readers guess */
    RESAMPLED_PIECE = 8192,
};

struct encoder {
    enum sound_format format;
    unsigned rate;
    struct buf *to;
    size_t head_at; /* where the file begins in the buffer */
    uint64_t samples;
    soxr_t resample;
    double ratio;
    OggOpusEnc *opus;
    lame_t mp3;
    FLAC__StreamEncoder *flac;
    bool broken;
};

bool sound_format_parse(struct str name, enum sound_format *out)
{
    for (int i = 0; i < SOUND_FORMATS; i++) {
        if (str_ieq(name, str_c(sound_format_names[i]))) {
            *out = (enum sound_format)i;
            return true;
        }
    }
    return false;
}

/* ---- WAV: RIFF, PCM, one channel, 16 bit ---- */
static void put32(char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(value >> (8 * i));
}

static void wav_head(char to[WAV_HEAD], unsigned rate, uint32_t bytes)
{
    /* No text: the zeros are part of it. */
    static const char plain[WAV_HEAD] = "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\2\0\20\0data";
    memcpy(to, plain, sizeof plain);
    put32(to + 4, bytes > UINT32_MAX - WAV_HEAD ? UINT32_MAX : bytes + WAV_HEAD - 8);
    put32(to + 24, rate);
    put32(to + 28, rate * 2);
    put32(to + 40, bytes);
}

/* ---- Opus ---- */
static int opus_write(void *arg, const unsigned char *bytes, opus_int32 n)
{
    struct encoder *en = arg;
    buf_add(en->to, str_of((const char *)bytes, (size_t)n));
    return 0;
}

static int opus_close(void *arg)
{
    (void)arg;
    return 0;
}

static bool opus_open(struct encoder *en)
{
    static const OpusEncCallbacks callbacks = {opus_write, opus_close};
    OggOpusComments *comments = ope_comments_create();
    en->opus = comments
                   ? ope_encoder_create_callbacks(&callbacks, en, comments, (opus_int32)en->rate, 1, 0, NULL)
                   : NULL;
    if (comments)
        ope_comments_destroy(comments);
    if (!en->opus)
        return false;
    ope_encoder_ctl(en->opus, OPUS_SET_BITRATE(OPUS_BITRATE));
    ope_encoder_ctl(en->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    return true;
}

/* ---- MP3 ---- */
static bool mp3_open(struct encoder *en)
{
    en->mp3 = lame_init();
    if (!en->mp3)
        return false;
    lame_set_num_channels(en->mp3, 1);
    lame_set_mode(en->mp3, MONO);
    lame_set_in_samplerate(en->mp3, (int)en->rate);
    lame_set_out_samplerate(en->mp3, (int)en->rate);
    lame_set_brate(en->mp3, MP3_KBITS);
    lame_set_bWriteVbrTag(en->mp3, 0);
    return lame_init_params(en->mp3) == 0;
}

static void mp3_feed(struct encoder *en, const int16_t *samples, size_t n)
{
    /* lame.h: 1.25 times the samples and 7200 bytes hold any piece. */
    size_t most = n + n / 4 + 7200;
    char *room = buf_reserve(en->to, most);
    int made = room ? samples ? lame_encode_buffer(en->mp3, samples, samples, (int)n, (unsigned char *)room,
                                                   (int)most)
                              : lame_encode_flush(en->mp3, (unsigned char *)room, (int)most)
                    : -1;
    if (made < 0)
        en->broken = true;
    else
        en->to->n += (size_t)made;
}

/* ---- FLAC ---- */
static FLAC__StreamEncoderWriteStatus flac_write(const FLAC__StreamEncoder *flac, const FLAC__byte bytes[],
                                                 size_t n, uint32_t samples, uint32_t frame, void *arg)
{
    struct encoder *en = arg;
    (void)flac, (void)samples, (void)frame;
    buf_add(en->to, str_of((const char *)bytes, n));
    return FLAC__STREAM_ENCODER_WRITE_STATUS_OK;
}

static bool flac_open(struct encoder *en)
{
    en->flac = FLAC__stream_encoder_new();
    if (!en->flac)
        return false;
    FLAC__stream_encoder_set_channels(en->flac, 1);
    FLAC__stream_encoder_set_bits_per_sample(en->flac, 16);
    FLAC__stream_encoder_set_sample_rate(en->flac, en->rate);
    return FLAC__stream_encoder_init_stream(en->flac, flac_write, NULL, NULL, NULL, en) ==
           FLAC__STREAM_ENCODER_INIT_STATUS_OK;
}

static void flac_feed(struct encoder *en, const int16_t *samples, size_t n)
{
    FLAC__int32 wide[512];
    while (n) {
        size_t some = n < 512 ? n : 512;
        for (size_t i = 0; i < some; i++)
            wide[i] = samples[i];
        if (!FLAC__stream_encoder_process_interleaved(en->flac, wide, (uint32_t)some))
            en->broken = true;
        samples += some;
        n -= some;
    }
}

/* ---- all of them ---- */
static void take(struct encoder *en, const int16_t *samples, size_t n)
{
    en->samples += n;
    switch (en->format) {
    case SOUND_WAV:
    case SOUND_PCM: /* little-endian, as every machine this runs on */
        buf_add(en->to, str_of((const char *)samples, n * sizeof *samples));
        break;
    case SOUND_OPUS:
        if (ope_encoder_write(en->opus, samples, (int)n) != OPE_OK)
            en->broken = true;
        break;
    case SOUND_MP3:
        mp3_feed(en, samples, n);
        break;
    case SOUND_FLAC:
        flac_feed(en, samples, n);
        break;
    case SOUND_FORMATS:
        break;
    }
}

enum err encoder_new(enum sound_format format, unsigned rate, unsigned to_rate, struct buf *to,
                     struct encoder **out, struct error *e)
{
    struct encoder *en = heap_alloc(sizeof *en);
    *en = (struct encoder){.format = format, .rate = to_rate ? to_rate : rate, .to = to, .head_at = to->n};
    bool ok = true;
    if (en->rate != rate) {
        soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
        soxr_runtime_spec_t run = soxr_runtime_spec(1);
        en->ratio = (double)en->rate / rate;
        en->resample = soxr_create(rate, en->rate, 1, NULL, &io, &quality, &run);
        ok = en->resample != NULL;
    }
    if (ok && format == SOUND_WAV) {
        char head[WAV_HEAD];
        wav_head(head, en->rate, UINT32_MAX);
        buf_add(to, str_of(head, sizeof head));
    }
    ok = ok && (format != SOUND_OPUS || opus_open(en)) && (format != SOUND_MP3 || mp3_open(en)) &&
         (format != SOUND_FLAC || flac_open(en));
    if (!ok) {
        encoder_free(en);
        return error_set(e, ERR_REFUSED, "Sound of %u samples a second cannot be made into %s; ask for wav.",
                         rate, sound_format_names[format]);
    }
    *out = en;
    return ERR_OK;
}

static void resampled(struct encoder *en, const int16_t *samples, size_t n)
{
    int16_t out[RESAMPLED_PIECE];
    for (bool more = true; more;) {
        size_t used = 0, made = 0;
        soxr_process(en->resample, samples, n, samples ? &used : NULL, out, RESAMPLED_PIECE, &made);
        take(en, out, made);
        if (samples) {
            samples += used;
            n -= used;
        }
        more = made == RESAMPLED_PIECE || (samples && n);
    }
}

void encoder_feed(struct encoder *en, const int16_t *samples, size_t count)
{
    if (!count)
        return;
    if (en->resample)
        resampled(en, samples, count);
    else
        take(en, samples, count);
}

enum err encoder_end(struct encoder *en, bool whole, struct error *e)
{
    if (en->resample)
        resampled(en, NULL, 0);
    if (en->opus && ope_encoder_drain(en->opus) != OPE_OK)
        en->broken = true;
    if (en->mp3)
        mp3_feed(en, NULL, 0);
    if (en->flac && !FLAC__stream_encoder_finish(en->flac))
        en->broken = true;
    if (en->format == SOUND_WAV && whole && en->to->n >= en->head_at + WAV_HEAD &&
        en->samples < UINT32_MAX / 4)
        wav_head(en->to->p + en->head_at, en->rate, (uint32_t)(en->samples * 2));
    if (en->broken)
        return error_set(e, ERR_INTERNAL, "The sound could not be made into that format; ask for wav.");
    return buf_check(en->to, "The sound", e);
}

void encoder_free(struct encoder *en)
{
    if (en->resample)
        soxr_delete(en->resample);
    if (en->opus)
        ope_encoder_destroy(en->opus);
    if (en->mp3)
        lame_close(en->mp3);
    if (en->flac)
        FLAC__stream_encoder_delete(en->flac);
    free(en);
}
