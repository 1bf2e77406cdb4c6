/*
 * The transcript of a turn: partial words as they come, then the whole, without the wake phrase, told in the
 * order in which the turns were spoken. See listen_inner.h.
 */
#include "voice/listen_inner.h"

#include "base/clock.h"
#include "base/json.h"
#include "voice/wake.h"
#include "voice/words.h"

#include <math.h>
#include <stdlib.h>

enum { AWAKE_MS = 10 * 1000 /* after the wake phrase alone, the next words need none */ };

void listening_count(atomic_uint_fast64_t *count, atomic_uint_fast64_t *sum, atomic_uint_fast64_t *buckets,
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
void talk_free(struct talk *t)
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
    buf_release(&t->silence);
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

/* Of all segments' words, those that carry the meaning; and of all words. NaN where it is not told. */
static double surest(const struct json *transcript, struct str language, double *any)
{
    const struct json *segments = json_get(transcript, "segments");
    double best = NAN;
    *any = NAN;
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        const struct json *words = json_get(s, "words");
        for (const struct json *one = words ? words->child : NULL; one; one = one->next) {
            double sure = json_get_double(one, "confidence", NAN);
            struct word word;
            size_t at = 0;
            if (isnan(sure))
                continue;
            *any = isnan(*any) || sure > *any ? sure : *any;
            best = isnan(best) ? 0 : best;
            if (sure > best && word_next(json_get_str(one, "word", STR_NONE), &at, &word) &&
                !word_is_small(word.c, language))
                best = sure;
        }
    }
    return best;
}

/* Nothing was said, whatever the ears made of it. */
static void weigh(struct talk *t, const struct json *transcript)
{
    double any, least = t->heard.voiced_ms < LISTEN_SHORT_MS ? LISTEN_SURE_SHORT : LISTEN_SURE_LEAST;
    t->heard.sure = surest(transcript, t->heard.language, &any);
    if ((t->heard.sure < least && any < LISTEN_SURE_SMALL) || t->heard.voiced_ms < LISTEN_VOICED_MS)
        t->heard.text = STR_NONE;
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
    struct talk *t = l->talks;
    while (!l->closed && t && t->done) {
        tell(t);
        if (l->closed)
            break;
        struct talk *told = t;
        t = t->next;
        talk_free(told);
    }
}

void talk_transcribed(struct talk *t)
{
    t->done = true;
    t->heard.transcript_us = clock_mono_us();
    if (t->heard.last_sound_us) {
        struct listening *house = t->listener->house;
        listening_count(&house->text_count, &house->text_us_sum, house->text_us,
                        t->heard.transcript_us - t->heard.end_of_turn_us);
    }
    tell_all(t->listener);
}

void talk_on_partial(void *arg, struct str text)
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

void talk_on_heard(void *arg, enum err err, const struct error *e, const struct ears_heard *heard)
{
    on_loop();
    struct talk *t = arg;
    struct json *json = NULL;
    t->ear = 0;
    t->heard.confidence = t->heard.sure = NAN;
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
            weigh(t, json);
        }
    }
    if (t->over) /* else the ears failed early, and the turn goes on without them */
        talk_transcribed(t);
}
