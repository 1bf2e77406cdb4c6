/*
 * A response's sound on its way out: resampled to what the session takes, in a worker, in deltas of at most
 * REALTIME_DELTA_MS. What comes in while a job runs goes with the next, so order stays. See realtime.h.
 *
 * A response that is dropped leaves its job to end by itself.
 */
#include "api/realtime.h"

#include "base/clock.h"
#include "voice/encode.h"
#include "voice/g711.h"

#include <stdlib.h>

struct piece {
    struct piece *next;
    unsigned rate;
    size_t count;
    int16_t samples[];
};

struct rt_voice {
    struct job job;
    struct rt_response *r; /* NULL: dropped */
    enum rt_format out;
    struct piece *first, **tail, *work;
    struct encoder *encoder;
    unsigned rate; /* of the encoder */
    struct buf made;
    bool running, ending, last, over;
    double in_ms;
};

static void pieces_free(struct piece *piece)
{
    while (piece) {
        struct piece *next = piece->next;
        free(piece);
        piece = next;
    }
}

static void voice_free(struct rt_voice *v)
{
    if (v->encoder)
        encoder_free(v->encoder);
    pieces_free(v->first);
    pieces_free(v->work);
    buf_release(&v->made);
    arena_release(&v->job.arena);
    free(v);
}

/* ---- in the worker ---- */

static void end_encoder(struct rt_voice *v)
{
    if (!v->encoder)
        return;
    encoder_end(v->encoder, false, NULL);
    encoder_free(v->encoder);
    v->encoder = NULL;
}

/* PCM to one byte a sample, in place. */
static void to_g711(struct rt_voice *v)
{
    size_t count = v->made.n / 2;
    for (size_t i = 0; i < count; i++) {
        int16_t sample;
        memcpy(&sample, v->made.p + 2 * i, 2);
        v->made.p[i] = (char)(v->out == RT_PCMU ? g711_ulaw(sample) : g711_alaw(sample));
    }
    v->made.n = count;
}

static void resample(struct job *job)
{
    on_worker();
    struct rt_voice *v = CONTAINER(job, struct rt_voice, job);
    for (struct piece *piece = v->work; piece; piece = piece->next) {
        if (v->encoder && v->rate != piece->rate)
            end_encoder(v);
        if (!v->encoder && encoder_new(SOUND_PCM, piece->rate, rt_format_rate(v->out), &v->made, &v->encoder,
                                       NULL) != ERR_OK)
            continue;
        v->rate = piece->rate;
        encoder_feed(v->encoder, piece->samples, piece->count);
    }
    if (v->last)
        end_encoder(v);
    if (v->out != RT_PCM)
        to_g711(v);
}

/* ---- on the loop ---- */

static void next_job(struct rt_voice *v) LOOP;

static void give_out(struct rt_voice *v) LOOP;
static void give_out(struct rt_voice *v)
{
    size_t bytes = rt_format_rate(v->out) * REALTIME_DELTA_MS / 1000 * (v->out == RT_PCM ? 2 : 1);
    struct str all = buf_str(&v->made);
    for (size_t at = 0; at < all.n && v->r; at += bytes)
        rt_response_sound(v->r, str_sub(all, at, bytes));
    buf_clear(&v->made);
}

static void resampled(struct job *job)
{
    on_loop();
    struct rt_voice *v = CONTAINER(job, struct rt_voice, job);
    pieces_free(v->work);
    v->work = NULL;
    v->running = false;
    if (!v->r) {
        voice_free(v);
        return;
    }
    give_out(v);
    if (v->last) {
        v->over = true;
        rt_response_sound_over(v->r);
    } else {
        next_job(v);
    }
}

static void next_job(struct rt_voice *v)
{
    if (v->running || v->over || (!v->first && !v->ending))
        return;
    v->work = v->first;
    v->first = NULL;
    v->tail = &v->first;
    v->last = v->ending;
    v->running = true;
    v->job.run = resample;
    v->job.done = resampled;
    workers_submit(v->r->session->api->parts.workers, &v->job);
}

static struct rt_voice *voice_of(struct rt_response *r)
{
    if (!r->voice_out) {
        r->voice_out = heap_alloc(sizeof *r->voice_out);
        r->voice_out->r = r;
        r->voice_out->out = r->out;
        r->voice_out->tail = &r->voice_out->first;
    }
    return r->voice_out;
}

void rt_voice_sound(struct rt_response *r, unsigned rate, const int16_t *samples, size_t count)
{
    struct rt_voice *v = voice_of(r);
    if (v->ending || count == 0 || rate == 0)
        return;
    struct piece *piece = heap_alloc(sizeof *piece + count * sizeof *samples);
    piece->rate = rate;
    piece->count = count;
    memcpy(piece->samples, samples, count * sizeof *samples);
    *v->tail = piece;
    v->tail = &piece->next;
    v->in_ms += (double)count * 1000 / rate;
    next_job(v);
}

void rt_voice_end(struct rt_response *r)
{
    struct rt_voice *v = voice_of(r);
    v->ending = true;
    next_job(v);
}

uint32_t rt_voice_ms(const struct rt_response *r)
{
    return r->voice_out ? (uint32_t)r->voice_out->in_ms : 0;
}

void rt_voice_drop(struct rt_response *r)
{
    struct rt_voice *v = r->voice_out;
    r->voice_out = NULL;
    if (!v)
        return;
    v->r = NULL;
    if (!v->running)
        voice_free(v);
}
