/*
 * Utterances in order, a little ahead; see speech.h.
 *
 * Each part of the plan (speech_plan.c) gathers what its utterance makes (speech_part.c) until its turn has
 * come; the part that is being heard hands everything on at once.
 */
#include "voice/speech_inner.h"

#include <stdlib.h>

enum { SILENCE_RATE = 16000 };

/* ---- handing on ---- */
static uint32_t clock_ms(const struct speech *s)
{
    return s->rate ? (uint32_t)(s->samples * 1000 / s->rate) : 0;
}

static LOOP void hand_timing(struct speech *s, struct part *p)
{
    size_t words = p->word_count, keys = p->key_count;
    if (!p->placed)
        p->from_ms = clock_ms(s);
    p->placed = true;
    for (size_t i = 0; i < words; i++) {
        p->words[i].from_ms += p->from_ms;
        p->words[i].to_ms += p->from_ms;
    }
    for (size_t i = 0; i < keys; i++)
        p->keys[i].at_ms += p->from_ms;
    p->word_count = p->key_count = 0;
    if (s->emit->words && words)
        s->emit->words(s->arg, p->words, words);
    if (!s->over && s->emit->visemes && keys)
        s->emit->visemes(s->arg, p->keys, keys);
}

static LOOP void hand_format(struct speech *s, unsigned rate)
{
    if (s->rate || !rate)
        return;
    s->rate = rate;
    s->emit->format(s->arg, rate);
}

/* The part's sound at the whole's rate. `last`: it has no more. */
static LOOP void hand_sound(struct speech *s, struct part *p, bool last)
{
    struct buf *from = &p->sound;
    if (p->rate && p->rate != s->rate) {
        if (!s->resample || s->resample_rate != p->rate) {
            resampler_free(s->resample);
            s->resample = resampler_new(p->rate, s->rate);
            s->resample_rate = p->rate;
        }
        if (s->resample && p->sound.n)
            resampler_feed(s->resample, (const int16_t *)(const void *)p->sound.p,
                           p->sound.n / sizeof(int16_t), &s->resampled);
        if (s->resample && last) {
            resampler_feed(s->resample, NULL, 0, &s->resampled);
            resampler_free(s->resample);
            s->resample = NULL;
        }
        buf_clear(&p->sound);
        from = &s->resampled;
    }
    if (!from->n)
        return;
    size_t n = from->n / sizeof(int16_t);
    s->emit->sound(s->arg, (const int16_t *)(const void *)from->p, n);
    s->samples += n;
    buf_clear(from);
}

static LOOP void hand_pause(struct speech *s, uint32_t ms)
{
    enum { PIECE = 1600 };
    static const int16_t silence[PIECE];
    for (uint64_t left = (uint64_t)ms * s->rate / 1000; left && !s->over;) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        s->emit->sound(s->arg, silence, n);
        s->samples += n;
        left -= n;
    }
}

static void speech_free(struct speech *s)
{
    for (struct speech **at = &s->speakers->first; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        part_drop_mouth(&s->parts[i]);
        arena_release(&s->parts[i].arena);
        buf_release(&s->parts[i].sound);
    }
    resampler_free(s->resample);
    buf_release(&s->resampled);
    arena_release(&s->arena);
    free(s);
}

static LOOP void begin_parts(struct speech *s);

static LOOP void finish(struct speech *s, enum err err, const struct error *e)
{
    struct error copy = e ? *e : (struct error){0};
    for (size_t i = 0; i < s->count; i++) {
        if (s->parts[i].begun && !s->parts[i].made && s->parts[i].id)
            chain_cancel(s->chain, s->parts[i].id);
    }
    s->over = true;
    s->emit->end(s->arg, err, &copy);
}

/* Everything that is ready and whose turn it is. The listener may cancel in any emit function. */
void speech_advance(struct speech *s)
{
    s->emitting = true;
    while (!s->over && s->heard < s->count) {
        struct part *p = &s->parts[s->heard];
        if (str_empty(p->say.text)) {
            if (p->say.pause_ms && !s->rate)
                hand_format(s, SILENCE_RATE); /* a text that begins with it */
            if (!s->over)
                hand_pause(s, p->say.pause_ms);
            s->heard++;
            continue;
        }
        if (!part_shape(s, p))
            break;
        hand_format(s, p->rate);
        if (!s->over)
            hand_timing(s, p);
        if (!s->over)
            hand_sound(s, p, p->made);
        if (s->over || !p->made)
            break;
        if (p->err) {
            finish(s, p->err, &p->error);
            break;
        }
        s->heard++;
        part_drop_mouth(p);
        arena_release(&p->arena);
        buf_release(&p->sound);
        begin_parts(s);
    }
    if (!s->over && s->heard == s->count)
        finish(s, ERR_OK, NULL);
    s->emitting = false;
    if (s->over) {
        timer_close(&s->timer);
        speech_free(s);
    }
}

bool speech_turn_of(const struct part *p)
{
    return p == &p->speech->parts[p->speech->heard];
}

static void begin_parts(struct speech *s)
{
    size_t making = 0;
    for (size_t i = s->heard; i < s->count && making < SPEECH_AHEAD; i++) {
        struct part *p = &s->parts[i];
        if (str_empty(p->say.text))
            continue;
        making++;
        if (!p->begun)
            part_begin(s, p);
    }
}

static void on_begin(struct timer *timer)
{
    on_loop();
    struct speech *s = CONTAINER(timer, struct speech, timer);
    speech_advance(s);
}

struct speech *speech_start(struct speakers *speakers, const struct speech_request *request,
                            const struct tts_emit *emit, void *arg, struct error *e)
{
    struct speech *s = heap_alloc(sizeof *s);
    *s = (struct speech){.speakers = speakers, .emit = emit, .arg = arg, .voice = request->voice};
    s->chain = speakers->chain;
    s->voice.name = arena_str(&s->arena, request->voice.name);
    s->voice.provider = arena_str(&s->arena, request->voice.provider);
    s->language = arena_str(&s->arena, request->language);
    s->emotion = request->emotion;
    s->emotion.label = arena_str(&s->arena, request->emotion.label);
    s->alone = request->alone;
    if (speech_plan(s, request->text, request->whole, e) != ERR_OK) {
        speech_free(s);
        return NULL;
    }
    begin_parts(s);
    if (s->count && s->parts[0].err) {
        *e = s->parts[0].error;
        s->over = true;
        for (size_t i = 0; i < s->count; i++) {
            if (s->parts[i].id)
                chain_cancel(s->chain, s->parts[i].id);
        }
        speech_free(s);
        return NULL;
    }
    s->next = speakers->first;
    speakers->first = s;
    timer_arm(&s->timer, 0, on_begin);
    return s;
}

void speech_cancel(struct speech *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->parts[i].begun && !s->parts[i].made)
            chain_cancel(s->chain, s->parts[i].id);
    }
    s->over = true;
    if (s->emitting)
        return; /* speech_advance() frees it */
    timer_close(&s->timer);
    speech_free(s);
}
