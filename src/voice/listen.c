/*
 * Listeners are opened, fed and closed; see listen.h, and listen_inner.h for what becomes of the sound.
 */
#include "voice/listen_inner.h"

#include "base/clock.h"

#include <stdlib.h>

enum {
    FEED_MAX = LISTEN_RATE_MAX, /* samples of one call */
    PREFIX_MAX_MS = 5000,
    SILENCE_MAX_MS = 10 * 1000,
    UTTERANCE_MAX_MS = (ASR_SECONDS_MAX - 10) * 1000, /* what is before it and its last silence come on top */
};
static const double THRESHOLD = .5;

/* ---- sound ---- */
static LOOP void take_samples(struct listener *l, const int16_t *samples, size_t count)
{
    buf_add(&l->sound, str_of((const char *)samples, count * sizeof *samples));
    l->fed += count;
    while (l->fed - l->windows * VAD_WINDOW >= VAD_WINDOW) {
        size_t at = (size_t)(l->windows * VAD_WINDOW - l->base) * sizeof(int16_t);
        if (!vad_mic_window(l->mic, (const int16_t *)(const void *)(l->sound.p + at)))
            break; /* fed again with what comes next */
        l->came_us[l->windows++ % VAD_PENDING_MAX] = clock_mono_us();
    }
    if (l->now)
        timer_arm(&l->timer, LISTEN_STARVED_MS, listener_on_starved);
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    take_samples(arg, samples, count);
}

static void on_broken(void *arg)
{
    on_loop();
    struct listener *l = arg;
    struct error e = {0};
    error_set(&e, ERR_REFUSED, "A packet of the microphone is no Opus; send one Opus packet a frame.");
    if (l->events->failed)
        l->events->failed(l->arg, &e);
}

static void on_detector(void *arg, const char *name)
{
    on_loop();
    struct listener *l = arg;
    if (l->events->detector)
        l->events->detector(l->arg, name);
}

static LOOP enum err room_for(const struct listener *l, struct error *e)
{
    enum { WAITING_MAX = (VAD_PENDING_MAX - 64) * VAD_WINDOW };
    if (l->fed - l->answered * VAD_WINDOW > WAITING_MAX)
        return error_set(e, ERR_BUSY,
                         "The microphone sends sound faster than it can be listened to; send it as it is "
                         "spoken.");
    return ERR_OK;
}

enum err listener_feed(struct listener *l, const int16_t *samples, size_t count, struct error *e)
{
    if (l->options.opus)
        return error_set(e, ERR_INVALID, "This microphone was opened for Opus, and PCM came.");
    if (count > FEED_MAX)
        return error_set(e, ERR_TOO_BIG, "At most a second of sound can be sent at once.");
    enum err err = room_for(l, e);
    if (err != ERR_OK || !l->resampler) {
        if (err == ERR_OK)
            take_samples(l, samples, count);
        return err;
    }
    enum { OUT = 4096 };
    int16_t out[OUT];
    for (size_t at = 0, used = 0, made = 1; at < count || made == OUT; at += used) {
        soxr_process(l->resampler, samples + at, count - at, &used, out, OUT, &made);
        take_samples(l, out, made);
        if (!used && !made)
            break;
    }
    return ERR_OK;
}

enum err listener_feed_opus(struct listener *l, struct str packet, struct error *e)
{
    if (!l->options.opus)
        return error_set(e, ERR_INVALID, "This microphone was opened for PCM, and Opus came.");
    if (!packet.n || packet.n > LISTEN_PACKET_MAX)
        return error_set(e, ERR_TOO_BIG, "An Opus packet has 1 to %d bytes.", LISTEN_PACKET_MAX);
    enum err err = room_for(l, e);
    if (err == ERR_OK)
        vad_mic_opus(l->mic, packet);
    return err;
}

/* ---- opening and closing ---- */
static enum err check(const struct listener_options *o, struct error *e)
{
    if (o->rate && (o->rate < LISTEN_RATE_MIN || o->rate > LISTEN_RATE_MAX))
        return error_set_param(e, ERR_INVALID, "rate", "A microphone has %d to %d samples a second.",
                               LISTEN_RATE_MIN, LISTEN_RATE_MAX);
    if (!(o->threshold >= 0 && o->threshold < 1) || o->prefix_ms > PREFIX_MAX_MS ||
        o->silence_ms > SILENCE_MAX_MS || o->utterance_ms > UTTERANCE_MAX_MS)
        return error_set(e, ERR_INVALID,
                         "The voice detector takes a threshold of 0 to 1, at most %d ms before speech, "
                         "at most %d ms of silence, and utterances of at most %d ms.",
                         PREFIX_MAX_MS, SILENCE_MAX_MS, UTTERANCE_MAX_MS);
    return ERR_OK;
}

static void listener_free(void *arg)
{
    struct listener *l = arg;
    soxr_delete(l->resampler);
    buf_release(&l->sound);
    free((char *)l->options.language.p);
    free((char *)l->options.wake.p);
    free(l);
}

struct listener *listener_open(struct listening *house, const struct listener_options *options,
                               const struct listen_events *events, void *arg, struct error *e)
{
    static const struct vad_events vad = {listener_on_window, on_sound, on_broken, on_detector};
    struct listener *l;
    if (check(options, e) != ERR_OK)
        return NULL;
    l = heap_alloc(sizeof *l);
    l->house = house;
    l->loop = loop_self();
    l->options = *options;
    l->events = events;
    l->arg = arg;
    l->speaker = asr_id_new();
    l->options.threshold = options->threshold > 0 ? options->threshold : THRESHOLD;
    l->options.prefix_ms = options->prefix_ms ? options->prefix_ms : LISTEN_PREFIX_MS;
    l->options.silence_ms = options->silence_ms ? options->silence_ms : LISTEN_SILENCE_MS;
    l->options.utterance_ms = options->utterance_ms ? options->utterance_ms : LISTEN_UTTERANCE_MS;
    l->options.language = heap_str(options->language);
    l->options.wake = heap_str(options->wake);
    l->mic = vad_mic_open(house->vad, &vad, l);
    if (!l->mic) {
        error_set(e, ERR_LIMIT, "%d microphones are open; close one first.", VAD_MICS_MAX);
        listener_free(l);
        return NULL;
    }
    if (!options->opus && options->rate && options->rate != LISTEN_RATE) {
        soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
        soxr_quality_spec_t quality = soxr_quality_spec(SOXR_LQ, 0);
        l->resampler = soxr_create(options->rate, LISTEN_RATE, 1, NULL, &io, &quality, NULL);
    }
    atomic_fetch_add(&house->open, 1);
    atomic_fetch_add(&house->opened, 1);
    return l;
}

void listener_commit(struct listener *l)
{
    static const int16_t silence[VAD_WINDOW];
    size_t over = (size_t)(l->fed % VAD_WINDOW);
    if (over)
        take_samples(l, silence, VAD_WINDOW - over);
    l->commit_at = l->windows ? l->windows : 1;
    if (l->answered >= l->commit_at || !l->windows)
        timer_arm(&l->timer, 0, listener_on_starved);
}

void listener_clear(struct listener *l)
{
    l->commit_at = 0;
    l->vad_on = false;
    l->loud = 0;
    timer_cancel(&l->timer);
    if (l->now)
        talk_free(l->now);
}

void listener_close(struct listener *l)
{
    if (l->closed)
        return;
    l->closed = true;
    timer_close(&l->timer);
    vad_mic_close(l->mic);
    while (l->talks)
        talk_free(l->talks);
    atomic_fetch_sub(&l->house->open, 1);
    loop_defer(l->loop, listener_free, l);
}

bool listener_streams(const struct listener *l)
{
    return l->now && l->now->ear && ears_streams(l->house->ears, l->now->ear);
}

const char *listener_detector(const struct listener *l)
{
    return vad_mic_detector(l->mic);
}

uint32_t listener_fed_ms(const struct listener *l)
{
    return (uint32_t)(l->fed * 1000 / VAD_RATE);
}

/* ---- the whole ---- */
struct listening *listening_new(struct loops *loops, struct ears *ears)
{
    struct listening *house = heap_alloc(sizeof *house);
    house->ears = ears;
    house->vad = vad_host_new(loops);
    return house;
}

void listening_stop(struct listening *house)
{
    vad_host_stop(house->vad);
}

void listening_free(struct listening *house)
{
    vad_host_free(house->vad);
    free(house);
}

void listening_stats(const struct listening *house, struct listen_stats *out)
{
    struct vad_stats vad;
    vad_host_stats(house->vad, &vad);
    *out = (struct listen_stats){
        .open = atomic_load(&house->open),
        .opened = atomic_load(&house->opened),
        .windows = vad.windows,
        .utterances = atomic_load(&house->utterances),
        .empty = atomic_load(&house->empty),
        .detector_lost = vad.lost,
        .silero = vad.silero,
        .end_count = atomic_load(&house->end_count),
        .end_us_sum = atomic_load(&house->end_us_sum),
        .text_count = atomic_load(&house->text_count),
        .text_us_sum = atomic_load(&house->text_us_sum),
    };
    for (unsigned i = 0; i < LISTEN_HISTOGRAM; i++) {
        out->end_us[i] = atomic_load(&house->end_us[i]);
        out->text_us[i] = atomic_load(&house->text_us[i]);
    }
}

int listening_detector_pid(const struct listening *house)
{
    return vad_host_pid(house->vad);
}
