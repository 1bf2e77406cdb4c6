/*
 * What the detector says becomes turns: where speech begins and stops, when a turn is over, what of the sound
 * goes to the ears and what may be forgotten. See listen_inner.h; listen.h says when a turn ends.
 */
#include "voice/listen_inner.h"

#include "base/clock.h"
#include "voice/turn_end.h"

#include <math.h>
#include <stdlib.h>

enum {
    STOP_MS = 200, /* of silence until speech counts as stopped */
    TALKS_MAX = 8, /* transcripts of one listener on their way */
};
static const double SURE = .85, HYSTERESIS = .15;

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
    if (t->resting)
        buf_add(&t->silence, part);
    else if (t->ear)
        ears_feed(l->house->ears, t->ear, (const int16_t *)(const void *)part.p, part.n / sizeof(int16_t));
}

/* Silence: the ears may write down what they have. */
static LOOP void rest(struct listener *l)
{
    struct talk *t = l->now;
    t->resting = true;
    if (t->ear)
        ears_rest(l->house->ears, t->ear);
}

/* Speech goes on: they get the silence too, and what follows. */
static LOOP void go_on(struct listener *l)
{
    struct talk *t = l->now;
    t->resting = false;
    if (t->ear && t->silence.n)
        ears_feed(l->house->ears, t->ear, (const int16_t *)(const void *)t->silence.p,
                  t->silence.n / sizeof(int16_t));
    buf_clear(&t->silence);
}

static LOOP void begin_turn(struct listener *l, uint64_t from_window)
{
    static const struct ears_emit emit = {.partial = talk_on_partial, .end = talk_on_heard};
    struct ears_request request = {.asr = {.language = l->options.language,
                                           .prompt = l->options.wake,
                                           .partials = true,
                                           .speaker = l->speaker}};
    struct talk *t = heap_alloc(sizeof *t), **at = &l->talks;
    uint64_t from = from_window * VAD_WINDOW, prefix = (uint64_t)l->options.prefix_ms * (VAD_RATE / 1000);
    t->listener = l;
    t->heard.from_ms = listener_ms(from_window);
    t->heard.voiced_ms = listener_ms(l->loud - 1); /* the window that began it is counted with its answer */
    t->heard.confidence = t->heard.sure = NAN;
    t->text.max = ASR_JSON_MAX;
    while (*at)
        at = &(*at)->next;
    *at = t;
    l->now = t;
    if (!l->options.no_text)
        t->ear = ears_start(l->house->ears, &request, &emit, t, &t->error);
    give_sound(l, sound_part(l, from > prefix ? from - prefix : 0, l->answered * VAD_WINDOW));
}

static LOOP void end_turn(struct listener *l, bool committed)
{
    struct talk *t = l->now;
    struct listening *house = l->house;
    l->now = NULL;
    l->loud = 0;
    t->over = true;
    t->heard.committed = committed;
    t->heard.to_ms = listener_ms(l->speech_to);
    t->heard.end_of_turn_us = clock_mono_us();
    listening_count(&house->end_count, &house->end_us_sum, house->end_us,
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
        talk_transcribed(t);
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
    else if (l->now->resting)
        go_on(l);
    l->now->heard.last_sound_us = l->came_us[(l->answered - 1) % VAD_PENDING_MAX];
    timer_arm(&l->timer, LISTEN_STARVED_MS, listener_on_starved);
    l->events->speech_started(l->arg, listener_ms(l->loud_from));
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
    } else if (listener_ms(l->answered - l->speech_to) >= STOP_MS) {
        l->vad_on = false;
        l->loud = 0;
        rest(l);
        l->events->speech_stopped(l->arg, listener_ms(l->speech_to));
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
    t->heard.confidence = t->heard.sure = NAN;
    t->heard.from_ms = t->heard.to_ms = listener_ms(l->answered);
    t->heard.end_of_turn_us = clock_mono_us();
    while (*at)
        at = &(*at)->next;
    *at = t;
    talk_transcribed(t);
}

void listener_on_window(void *arg, double p)
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
        l->now->heard.voiced_ms += p >= l->options.threshold ? LISTEN_WINDOW_MS : 0;
        unsigned silence = listener_ms(l->answered - l->speech_to);
        bool long_enough = listener_ms(l->answered) - l->now->heard.from_ms >= l->options.utterance_ms;
        if (long_enough || (!l->vad_on && l->options.mode == LISTEN_HANDS_FREE && silence >= wait_ms(l)))
            end_turn(l, false);
    }
    if (!l->closed && l->commit_at && l->answered >= l->commit_at)
        commit_now(l);
    if (!l->closed)
        forget_sound(l);
}

void listener_on_starved(struct timer *timer)
{
    on_loop();
    struct listener *l = CONTAINER(timer, struct listener, timer);
    if (l->commit_at)
        commit_now(l);
    else if (l->now && l->options.mode == LISTEN_HANDS_FREE)
        end_turn(l, false);
}
