/* Another rate; see resample.h. */
#include "voice/resample.h"

#include "base/arena.h"

#include <soxr.h>
#include <stdlib.h>

enum { PIECE = 4096 };

struct resampler {
    soxr_t soxr;
};

struct resampler *resampler_new(unsigned from_rate, unsigned to_rate)
{
    soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
    soxr_runtime_spec_t run = soxr_runtime_spec(1);
    soxr_t soxr = from_rate == to_rate ? NULL : soxr_create(from_rate, to_rate, 1, NULL, &io, &quality, &run);
    if (!soxr)
        return NULL;
    struct resampler *r = heap_alloc(sizeof *r);
    r->soxr = soxr;
    return r;
}

void resampler_feed(struct resampler *r, const int16_t *samples, size_t count, struct buf *to)
{
    for (;;) {
        size_t used = 0, made = 0;
        char *out = buf_reserve(to, PIECE * sizeof(int16_t));
        if (!out)
            return;
        soxr_process(r->soxr, samples, count, samples ? &used : NULL, out, PIECE, &made);
        to->n += made * sizeof(int16_t);
        if (samples) {
            samples += used;
            count -= used;
        }
        if (made < PIECE && count == 0)
            return;
        if (made == 0 && used == 0)
            return;
    }
}

void resampler_free(struct resampler *r)
{
    if (!r)
        return;
    soxr_delete(r->soxr);
    free(r);
}
