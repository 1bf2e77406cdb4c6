/* Sound cut where sentences end; see sound_cut.h. */
#include "voice/sound_cut.h"

#include <math.h>

/* The window around the expected end in which the pause is looked for, and what counts as quiet. */
#define WINDOW_FROM 0.6
#define WINDOW_TO 1.5
#define EXACT_FROM 0.75
#define EXACT_TO 1.3
#define FAR_WEIGHT 1.5 /* how much a pause loses by lying elsewhere */
#define QUIET_PART 0.06
#define QUIET_LEAST 60.0

void sound_cut_init(struct sound_cut *c, unsigned rate)
{
    *c = (struct sound_cut){.rate = rate, .levels = {.max = SIZE_MAX / 2}};
}

void sound_cut_release(struct sound_cut *c)
{
    buf_release(&c->levels);
}

void sound_cut_sentence(struct sound_cut *c, size_t letters)
{
    if (c->sentences < SOUND_CUT_SENTENCES)
        c->letters[c->sentences++] = letters ? letters : 1;
    else
        c->letters[SOUND_CUT_SENTENCES - 1] += letters;
}

static size_t frame_samples(const struct sound_cut *c)
{
    return (size_t)c->rate * SOUND_CUT_FRAME_MS / 1000;
}

void sound_cut_feed(struct sound_cut *c, const int16_t *samples, size_t count)
{
    size_t frame = frame_samples(c);
    for (size_t i = 0; i < count; i++) {
        c->frame_sum += (double)samples[i] * samples[i];
        if (++c->frame_count < frame)
            continue;
        float level = (float)sqrt(c->frame_sum / (double)frame);
        c->peak = level > c->peak ? level : c->peak;
        buf_add(&c->levels, str_of((const char *)&level, sizeof level));
        c->frame_sum = 0;
        c->frame_count = 0;
    }
    c->total += count;
}

static float level(const struct sound_cut *c, size_t frame)
{
    float value;
    memcpy(&value, c->levels.p + frame * sizeof value, sizeof value);
    return value;
}

/* Samples that so many letters take. */
static double expected(const struct sound_cut *c, size_t letters)
{
    double prior = (double)c->rate * SOUND_CUT_LETTER_MS / 1000;
    if (c->sound_over && c->text_over) {
        size_t left = 0;
        for (size_t i = c->now; i < c->sentences; i++)
            left += c->letters[i];
        return (double)letters * (double)(c->total - c->start) / (double)left;
    }
    return (double)letters * (prior * SOUND_CUT_TRUST + (double)c->start) /
           (double)(SOUND_CUT_TRUST + c->past_letters);
}

/* The end of the longest pause between two samples, the nearer to `end` the better; without one, `end`. */
static size_t best_pause(const struct sound_cut *c, double from, double to, double end)
{
    size_t size = frame_samples(c), frames = c->levels.n / sizeof(float);
    size_t first = (size_t)from / size, last = (size_t)to / size, run = 0;
    double quiet = c->peak * QUIET_PART > QUIET_LEAST ? (double)c->peak * QUIET_PART : QUIET_LEAST;
    double best = 0, width = end - (double)c->start;
    size_t at = (size_t)end;
    last = last < frames ? last : frames;
    for (size_t i = first; i < last; i++) {
        run = (double)level(c, i) < quiet ? run + 1 : 0;
        double here = (double)((i + 1) * size);
        double worth = (double)run * (1 - FAR_WEIGHT * fabs(here - end) / width);
        if (run * SOUND_CUT_FRAME_MS >= SOUND_CUT_PAUSE_MS && worth > best) {
            best = worth;
            at = (i + 1) * size;
        }
    }
    return at;
}

static bool take_to(struct sound_cut *c, size_t position, bool end, size_t *count, bool *ended)
{
    position = position < c->total ? position : c->total;
    position = position > c->taken ? position : c->taken;
    *count = position - c->taken;
    *ended = end;
    c->taken = position;
    if (end) {
        c->past_letters += c->letters[c->now++];
        c->start = position;
    }
    return *count || end;
}

bool sound_cut_take(struct sound_cut *c, size_t *count, bool *ended)
{
    if (c->now >= c->sentences)
        return false;
    bool last = c->now + 1 == c->sentences;
    if (last && c->text_over)
        return take_to(c, c->total, c->sound_over, count, ended);
    double length = expected(c, c->letters[c->now]), start = (double)c->start;
    bool exact = c->sound_over && c->text_over;
    double from = start + length * (exact ? EXACT_FROM : WINDOW_FROM);
    double to = start + length * (exact ? EXACT_TO : WINDOW_TO);
    if (!exact && (last || (double)c->total < to))
        return take_to(c, (size_t)from, false, count, ended);
    from = from > (double)c->taken ? from : (double)c->taken;
    return take_to(c, best_pause(c, from, to, start + length), true, count, ended);
}
