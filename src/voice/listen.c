/*
 * Listeners; see listen.h.
 *
 * Sound is cut into windows of the detector; its answers come back in order, so the number of answers is the
 * clock: window k lies at k * 32 ms. What is not yet answered, and the prefix before it, wait in `sound`.
 *
 * A turn (struct talk) begins with the first speech and holds one utterance of the ears; when it is over the
 * listener lets go of it, and it lives on until its transcript is there. So somebody may go on speaking while
 * what they said before is still being written down; transcripts come in order.
 */
#include "voice/listen.h"

#include "base/clock.h"
#include "base/json.h"
#include "voice/turn_end.h"
#include "voice/vad.h"
#include "voice/vad_live.h"
#include "voice/wake.h"

#include <math.h>
#include <soxr.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    WINDOW_MS = VAD_WINDOW * 1000 / VAD_RATE,
    STOP_MS = 200,              /* of silence until speech counts as stopped */
    STARVED_MS = 3000,          /* without any sound while somebody speaks: the client fell silent */
    AWAKE_MS = 10 * 1000,       /* after the wake phrase alone, the next words need none */
    FEED_MAX = LISTEN_RATE_MAX, /* samples of one call */
    PREFIX_MAX_MS = 5000,
    SILENCE_MAX_MS = 10 * 1000,
    TALKS_MAX = 8, /* transcripts of one listener on their way */
};
static const double THRESHOLD = .5, SURE = .85, HYSTERESIS = .15;

struct listening {
    struct ears *ears;
    struct vad_host *vad;
    atomic_uint_fast64_t open, opened, utterances, empty;
    atomic_uint_fast64_t end_count, end_us_sum, end_us[LISTEN_HISTOGRAM];
    atomic_uint_fast64_t text_count, text_us_sum, text_us[LISTEN_HISTOGRAM];
};

struct talk {
    struct listener *listener;
    struct talk *next;
    uint64_t ear; /* of ears_start(); 0: none */
    struct buf text, sound;
    struct arena arena; /* of the transcript */
    struct heard heard;
    struct error error;
    bool over, done;
};

struct listener {
    struct listening *house;
    struct loop *loop;
    struct listener_options options;
    const struct listen_events *events;
    void *arg;
    struct vad_mic *mic;
    soxr_t resampler;
    struct buf sound;   /* from sample `base` on */
    uint64_t base, fed; /* samples: at the front of `sound`; that came in */
    uint64_t windows, answered;
    uint64_t came_us[VAD_PENDING_MAX]; /* when each window on its way was full */
    struct talk *talks;                /* oldest first; the last one may be open */
    struct talk *now;                  /* that is spoken; NULL: nobody speaks */
    bool vad_on, closed;
    unsigned loud;                 /* windows of speech in a row */
    uint64_t loud_from, speech_to; /* windows */
    uint64_t commit_at;            /* windows that must be answered first; 0: nothing to commit */
    uint64_t awake_until_us;
    struct timer timer; /* starved, or a commit that waits for nothing */
};

static void on_starved(struct timer *timer);
static void end_turn(struct listener *l, bool committed) LOOP;

static uint32_t ms_of(uint64_t windows)
{
    return (uint32_t)(windows * WINDOW_MS);
}

static void count_us(atomic_uint_fast64_t *count, atomic_uint_fast64_t *sum, atomic_uint_fast64_t *buckets,
                     uint64_t us)
{
    unsigned bucket = 0;
    while (bucket + 1 < LISTEN_HISTOGRAM && us > ((uint64_t)64 << bucket))
        bucket++;
    atomic_fetch_add(count, 1);
    atomic_fetch_add(sum, us);
    atomic_fetch_add(&buckets[bucket], 1);
}

/* ---- transcripts ---- */
static LOOP void talk_free(struct talk *t)
{
    struct listener *l = t->listener;
    for (struct talk **at = &l->talks; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    if (l->now == t)
        l->now = NULL;
    if (t->ear)
        ears_cancel(l->house->ears, t->ear);
    buf_release(&t->text);
    buf_release(&t->sound);
    arena_release(&t->arena);
    free(t);
}

void listener_wake(struct listener *l, struct heard *heard)
{
    struct str rest;
    heard->woken = true;
    if (!l->options.wake.n || str_empty(heard->text))
        return;
    if (wake_find(heard->text, l->options.wake, &rest)) {
        heard->text = rest;
        l->awake_until_us = str_empty(rest) ? clock_mono_us() + (uint64_t)AWAKE_MS * 1000 : 0;
    } else if (heard->end_of_turn_us < l->awake_until_us) {
        l->awake_until_us = 0;
    } else {
        heard->text = STR_NONE;
        heard->woken = false;
    }
}

static LOOP void tell(struct talk *t)
{
    struct listener *l = t->listener;
    struct heard heard = t->heard;
    struct listening *house = l->house;
    if (t->error.err != ERR_OK && l->events->failed)
        l->events->failed(l->arg, &t->error);
    if (l->closed)
        return;
    heard.transcript_us = t->heard.transcript_us;
    if (l->options.keep_sound) {
        heard.samples = (const int16_t *)(const void *)t->sound.p;
        heard.sample_count = t->sound.n / sizeof(int16_t);
    }
    listener_wake(l, &heard);
    atomic_fetch_add(str_empty(heard.text) ? &house->empty : &house->utterances, 1);
    l->events->utterance(l->arg, &heard);
}

/* In order, as many as are there. */
static LOOP void tell_all(struct listener *l)
{
    while (!l->closed && l->talks && l->talks->done) {
        struct talk *t = l->talks;
        tell(t);
        if (!l->closed)
            talk_free(t);
    }
}

static LOOP void transcribed(struct talk *t)
{
    t->done = true;
    t->heard.transcript_us = clock_mono_us();
    if (t->heard.last_sound_us) {
        struct listening *house = t->listener->house;
        count_us(&house->text_count, &house->text_us_sum, house->text_us,
                 t->heard.transcript_us - t->heard.end_of_turn_us);
    }
    tell_all(t->listener);
}

static void on_partial(void *arg, struct str text)
{
    on_loop();
    struct talk *t = arg;
    struct listener *l = t->listener;
    struct str rest = text;
    buf_clear(&t->text);
    buf_add(&t->text, text);
    if (!l->events->partial || str_empty(text))
        return;
    /* What was not meant for us is not told; whether it was is often known only later. */
    if (!l->options.wake.n || wake_find(text, l->options.wake, &rest) || clock_mono_us() < l->awake_until_us)
        l->events->partial(l->arg, rest);
}

static void on_heard(void *arg, enum err err, const struct error *e, const struct ears_heard *heard)
{
    on_loop();
    struct talk *t = arg;
    struct json *json = NULL;
    t->ear = 0;
    t->heard.confidence = NAN;
    if (err != ERR_OK) {
        error_set(&t->error, err, "%s", e->message);
    } else {
        struct str text = arena_str(&t->arena, heard->json);
        if (json_parse(&t->arena, text, &json, NULL) == ERR_OK) {
            t->heard.json = text;
            t->heard.provider = arena_str(&t->arena, heard->provider);
            t->heard.text = str_trim(json_get_str(json, "text", STR_NONE));
            t->heard.language = json_get_str(json, "language", STR_NONE);
            t->heard.confidence = json_get_double(json, "confidence", NAN);
        }
    }
    if (t->over) /* else the ears failed early, and the turn goes on without them */
        transcribed(t);
}

/* ---- turns ---- */

/* The samples of `sound` from one to another, both in samples since the beginning. */
static struct str sound_part(const struct listener *l, uint64_t from, uint64_t to)
{
    from = from > l->base ? from - l->base : 0;
    to = to > l->base ? to - l->base : 0;
    return str_sub(buf_str(&l->sound), from * sizeof(int16_t), (to > from ? to - from : 0) * sizeof(int16_t));
}

static LOOP void give_sound(struct listener *l, struct str part)
{
    struct talk *t = l->now;
    if (l->options.keep_sound)
        buf_add(&t->sound, part);
    if (t->ear)
        ears_feed(l->house->ears, t->ear, (const int16_t *)(const void *)part.p, part.n / sizeof(int16_t));
}

static LOOP void begin_turn(struct listener *l, uint64_t from_window)
{
    static const struct ears_emit emit = {.partial = on_partial, .end = on_heard};
    struct ears_request request = {
        .asr = {.language = l->options.language, .prompt = l->options.wake, .partials = true}};
    struct talk *t = heap_alloc(sizeof *t), **at = &l->talks;
    uint64_t from = from_window * VAD_WINDOW, prefix = (uint64_t)l->options.prefix_ms * (VAD_RATE / 1000);
    t->listener = l;
    t->heard.from_ms = ms_of(from_window);
    t->heard.confidence = NAN;
    t->text.max = ASR_JSON_MAX;
    while (*at)
        at = &(*at)->next;
    *at = t;
    l->now = t;
    if (!l->options.no_text)
        t->ear = ears_start(l->house->ears, &request, &emit, t, &t->error);
    give_sound(l, sound_part(l, from > prefix ? from - prefix : 0, l->answered * VAD_WINDOW));
}

static void end_turn(struct listener *l, bool committed)
{
    struct talk *t = l->now;
    struct listening *house = l->house;
    l->now = NULL;
    l->loud = 0;
    t->over = true;
    t->heard.committed = committed;
    t->heard.to_ms = ms_of(l->speech_to);
    t->heard.end_of_turn_us = clock_mono_us();
    count_us(&house->end_count, &house->end_us_sum, house->end_us,
             t->heard.end_of_turn_us - t->heard.last_sound_us);
    timer_cancel(&l->timer);
    if (l->vad_on) {
        l->vad_on = false;
        l->events->speech_stopped(l->arg, t->heard.to_ms);
    }
    if (!l->closed && l->events->ended)
        l->events->ended(l->arg);
    if (l->closed)
        return;
    if (t->ear)
        ears_finish(house->ears, t->ear);
    else
        transcribed(t);
}

static LOOP unsigned wait_ms(const struct listener *l)
{
    unsigned silence = l->options.silence_ms;
    return l->options.complete && l->now
               ? turn_end_wait_ms(buf_str(&l->now->text), l->options.language, silence)
               : silence;
}

/* ---- what the detector says ---- */
static LOOP void speech_on(struct listener *l)
{
    l->vad_on = true;
    l->speech_to = l->answered;
    if (!l->now)
        begin_turn(l, l->loud_from);
    l->now->heard.last_sound_us = l->came_us[(l->answered - 1) % VAD_PENDING_MAX];
    timer_arm(&l->timer, STARVED_MS, on_starved);
    l->events->speech_started(l->arg, ms_of(l->loud_from));
}

static LOOP void look_for_start(struct listener *l, double p)
{
    if (p < l->options.threshold) {
        l->loud = 0;
        return;
    }
    if (!l->loud++)
        l->loud_from = l->answered - 1;
    if (l->loud < 2 && p < SURE)
        return;
    if (!l->now && l->talks) {
        unsigned waiting = 0;
        for (const struct talk *t = l->talks; t; t = t->next)
            waiting++;
        if (waiting >= TALKS_MAX)
            return;
    }
    speech_on(l);
}

static LOOP void look_for_stop(struct listener *l, double p)
{
    if (p >= l->options.threshold - HYSTERESIS) {
        l->speech_to = l->answered;
        l->now->heard.last_sound_us = l->came_us[(l->answered - 1) % VAD_PENDING_MAX];
    } else if (ms_of(l->answered - l->speech_to) >= STOP_MS) {
        l->vad_on = false;
        l->loud = 0;
        l->events->speech_stopped(l->arg, ms_of(l->speech_to));
    }
}

/* What is answered and not needed any more. */
static LOOP void forget_sound(struct listener *l)
{
    uint64_t keep = (uint64_t)l->options.prefix_ms * (VAD_RATE / 1000) + (uint64_t)2 * VAD_WINDOW;
    uint64_t to = l->answered * VAD_WINDOW;
    enum { SLACK = VAD_RATE / 2 }; /* moved in pieces */
    if (to > l->base + keep + SLACK) {
        buf_drop(&l->sound, (to - keep - l->base) * sizeof(int16_t));
        l->base = to - keep;
    }
}

static LOOP void commit_now(struct listener *l)
{
    l->commit_at = 0;
    if (l->now) {
        end_turn(l, true);
        return;
    }
    /* Nothing was said; whoever pressed the button is told so. */
    struct talk *t = heap_alloc(sizeof *t), **at = &l->talks;
    t->listener = l;
    t->over = true;
    t->heard.committed = true;
    t->heard.confidence = NAN;
    t->heard.from_ms = t->heard.to_ms = ms_of(l->answered);
    t->heard.end_of_turn_us = clock_mono_us();
    while (*at)
        at = &(*at)->next;
    *at = t;
    transcribed(t);
}

static void on_window(void *arg, double p)
{
    on_loop();
    struct listener *l = arg;
    uint64_t from = l->answered++ * VAD_WINDOW;
    if (l->now)
        give_sound(l, sound_part(l, from, from + VAD_WINDOW));
    if (l->vad_on)
        look_for_stop(l, p);
    else
        look_for_start(l, p);
    if (!l->closed && l->now) {
        unsigned silence = ms_of(l->answered - l->speech_to);
        bool long_enough = ms_of(l->answered) - l->now->heard.from_ms >= LISTEN_UTTERANCE_MS;
        if (long_enough || (!l->vad_on && l->options.mode == LISTEN_HANDS_FREE && silence >= wait_ms(l)))
            end_turn(l, false);
    }
    if (!l->closed && l->commit_at && l->answered >= l->commit_at)
        commit_now(l);
    if (!l->closed)
        forget_sound(l);
}

static void on_starved(struct timer *timer)
{
    on_loop();
    struct listener *l = CONTAINER(timer, struct listener, timer);
    if (l->commit_at)
        commit_now(l);
    else if (l->now && l->options.mode == LISTEN_HANDS_FREE)
        end_turn(l, false);
}

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
        timer_arm(&l->timer, STARVED_MS, on_starved);
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
        o->silence_ms > SILENCE_MAX_MS)
        return error_set(e, ERR_INVALID,
                         "The voice detector takes a threshold of 0 to 1, at most %d ms before speech, "
                         "and at most %d ms of silence.",
                         PREFIX_MAX_MS, SILENCE_MAX_MS);
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
    static const struct vad_events vad = {on_window, on_sound, on_broken, on_detector};
    struct listener *l;
    if (check(options, e) != ERR_OK)
        return NULL;
    l = heap_alloc(sizeof *l);
    l->house = house;
    l->loop = loop_self();
    l->options = *options;
    l->events = events;
    l->arg = arg;
    l->options.threshold = options->threshold > 0 ? options->threshold : THRESHOLD;
    l->options.prefix_ms = options->prefix_ms ? options->prefix_ms : LISTEN_PREFIX_MS;
    l->options.silence_ms = options->silence_ms ? options->silence_ms : LISTEN_SILENCE_MS;
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
        timer_arm(&l->timer, 0, on_starved);
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
