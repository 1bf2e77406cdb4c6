/* Opus packets by libopus; see packets.h. */
#include "voice/packets.h"

#include "base/arena.h"

#include <opus.h>
#include <soxr.h>
#include <stdlib.h>

enum { BITRATE = 32000, FALLBACK_RATE = 24000, RATE_MAX = 48000, RESAMPLED_PIECE = 4096 };
enum { FRAME_MAX = RATE_MAX / 1000 * PACKET_MS };

struct packets {
    OpusEncoder *opus;
    soxr_t resample;
    unsigned rate;
    size_t frame, have; /* samples of a packet; gathered for the next */
    uint64_t at;
    int16_t next[FRAME_MAX];
};

static bool rate_of_opus(unsigned rate)
{
    return rate == 8000 || rate == 12000 || rate == 16000 || rate == 24000 || rate == 48000;
}

enum err packets_new(unsigned rate, struct packets **out, struct error *e)
{
    struct packets *p = heap_alloc(sizeof *p);
    int failed = 0;
    p->rate = rate_of_opus(rate) ? rate : FALLBACK_RATE;
    p->frame = p->rate / 1000 * PACKET_MS;
    p->opus = opus_encoder_create((opus_int32)p->rate, 1, OPUS_APPLICATION_VOIP, &failed);
    if (p->rate != rate) {
        soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
        soxr_runtime_spec_t run = soxr_runtime_spec(1);
        p->resample = soxr_create(rate, p->rate, 1, NULL, &io, &quality, &run);
    }
    if (!p->opus || (p->rate != rate && !p->resample)) {
        packets_free(p);
        return error_set(
            e, ERR_REFUSED,
            "Sound of %u samples a second cannot be made into Opus; join with \"audio\":\"pcm\".", rate);
    }
    opus_encoder_ctl(p->opus, OPUS_SET_BITRATE(BITRATE));
    opus_encoder_ctl(p->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    *out = p;
    return ERR_OK;
}

unsigned packets_rate(const struct packets *p)
{
    return p->rate;
}

static void encode(struct packets *p, packet_fn *packet, void *arg)
{
    unsigned char bytes[PACKET_BYTES_MAX];
    opus_int32 n = opus_encode(p->opus, p->next, (int)p->frame, bytes, sizeof bytes);
    if (n > 0)
        packet(arg, p->at, str_of((const char *)bytes, (size_t)n));
    p->at += p->frame;
    p->have = 0;
}

static void take(struct packets *p, const int16_t *samples, size_t count, packet_fn *packet, void *arg)
{
    while (count) {
        size_t n = p->frame - p->have < count ? p->frame - p->have : count;
        memcpy(p->next + p->have, samples, n * sizeof *samples);
        p->have += n;
        samples += n;
        count -= n;
        if (p->have == p->frame)
            encode(p, packet, arg);
    }
}

/* samples NULL: what the resampler still holds. */
static void resampled(struct packets *p, const int16_t *samples, size_t count, packet_fn *packet, void *arg)
{
    int16_t out[RESAMPLED_PIECE];
    for (bool more = true; more;) {
        size_t used = 0, made = 0;
        soxr_process(p->resample, samples, count, samples ? &used : NULL, out, RESAMPLED_PIECE, &made);
        take(p, out, made, packet, arg);
        if (samples) {
            samples += used;
            count -= used;
        }
        more = made == RESAMPLED_PIECE || (samples && count);
    }
}

void packets_feed(struct packets *p, const int16_t *samples, size_t count, packet_fn *packet, void *arg)
{
    if (!count)
        return;
    if (p->resample)
        resampled(p, samples, count, packet, arg);
    else
        take(p, samples, count, packet, arg);
}

void packets_end(struct packets *p, packet_fn *packet, void *arg)
{
    if (p->resample) {
        resampled(p, NULL, 0, packet, arg);
        soxr_clear(p->resample);
    }
    if (p->have) {
        memset(p->next + p->have, 0, (p->frame - p->have) * sizeof *p->next);
        encode(p, packet, arg);
    }
    p->at = 0;
}

void packets_free(struct packets *p)
{
    if (p->opus)
        opus_encoder_destroy(p->opus);
    if (p->resample)
        soxr_delete(p->resample);
    free(p);
}
