/* The energy gate; see vad.h. */
#include "voice/vad.h"

#include <math.h>
#include <stdlib.h>

static const double OVER_NOISE = 3, FLOOR = 90; /* of 32767: below it nobody speaks, however still it is */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float loudness(const int16_t *s, size_t n)
{
    double sum = 0, mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += s[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (s[i] - mean) * (s[i] - mean);
    return (float)sqrt(sum / (double)n);
}

/* What a frame must reach to count as loud. */
static double gate(struct arena *a, const float *loud, size_t frames)
{
    float *sorted = arena_array(a, float, frames);
    double most;
    memcpy(sorted, loud, frames * sizeof *sorted);
    qsort(sorted, frames, sizeof *sorted, by_value);
    double noise = sorted[frames / 10];
    most = sorted[frames - 1 - frames / 50];
    /* A sound that is speech from end to end has no quiet tenth. */
    double level = noise * OVER_NOISE < most * .25 ? noise * OVER_NOISE : most * .25;
    return level > FLOOR ? level : FLOOR;
}

struct vad_span *vad_spans(struct arena *a, const int16_t *samples, size_t count, size_t *span_count)
{
    size_t frames = count / VAD_FRAME, n = 0;
    enum { PER_MS = VAD_RATE / 1000, FRAME_MS = 10 };
    *span_count = 0;
    if (!frames)
        return NULL;
    float *loud = arena_array(a, float, frames);
    for (size_t i = 0; i < frames; i++)
        loud[i] = loudness(samples + i * VAD_FRAME, VAD_FRAME);
    double level = gate(a, loud, frames);
    struct vad_span *spans = arena_array(a, struct vad_span, frames / 2 + 1);
    for (size_t i = 0; i < frames;) {
        if (loud[i] < level) {
            i++;
            continue;
        }
        size_t from = i, last = i, loud_frames = 0;
        for (; i < frames && i - last <= VAD_PAUSE_MS / FRAME_MS && i - from < VAD_SPAN_MAX_MS / FRAME_MS;
             i++) {
            if (loud[i] >= level) {
                last = i;
                loud_frames++;
            }
        }
        if (loud_frames * FRAME_MS < VAD_LEAST_MS)
            continue;
        size_t margin = (size_t)VAD_MARGIN_MS * PER_MS, begin = from * VAD_FRAME,
               end = (last + 1) * VAD_FRAME;
        begin = begin > margin ? begin - margin : 0;
        if (n && begin < spans[n - 1].to)
            begin = spans[n - 1].to;
        spans[n++] = (struct vad_span){begin, end + margin < count ? end + margin : count};
    }
    *span_count = n;
    return spans;
}

uint32_t vad_speech_ms(const int16_t *samples, size_t count)
{
    struct arena a = ARENA_INIT;
    size_t n, sum = 0, margin = (size_t)VAD_MARGIN_MS * VAD_RATE / 1000;
    struct vad_span *spans = vad_spans(&a, samples, count, &n);
    for (size_t i = 0; i < n; i++) {
        size_t length = spans[i].to - spans[i].from, around = 0;
        around += spans[i].from ? margin : 0;
        around += spans[i].to < count ? margin : 0;
        sum += length > around ? length - around : length;
    }
    arena_release(&a);
    return (uint32_t)(sum * 1000 / VAD_RATE);
}
