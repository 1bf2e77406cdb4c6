/*
 * What a provider says of a sentence is handed on as one stream, on one clock and at one rate, whoever it was
 * that spoke before; and what of the sentence was heard so far. See chain.h for the promise, chain_inner.h
 * for who owns a run.
 */
#include "voice/chain_inner.h"

#include "base/clock.h"

#include <ctype.h>

/* ---- handing on ---- */
uint32_t run_clock_ms(const struct run *run)
{
    return run->rate ? (uint32_t)(run->heard * 1000 / run->rate) : 0;
}

void run_hand_timing(struct run *run)
{
    struct arena moved = ARENA_INIT;
    size_t words = run->word_count - run->word_told, keys = run->key_count - run->key_told;
    struct tts_word *word = arena_array(&moved, struct tts_word, words);
    struct viseme_key *key = arena_array(&moved, struct viseme_key, keys);
    for (size_t i = 0; i < words; i++) {
        word[i] = run->words[run->word_told + i];
        word[i].from_ms += run->base_ms;
        word[i].to_ms += run->base_ms;
    }
    for (size_t i = 0; i < keys; i++) {
        key[i] = run->keys[run->key_told + i];
        key[i].at_ms += run->base_ms;
    }
    run->word_told = run->word_count;
    run->key_told = run->key_count;
    if (words && run->emit->words)
        run->emit->words(run->arg, word, words);
    if (!run->over && keys && run->emit->visemes)
        run->emit->visemes(run->arg, key, keys);
    arena_release(&moved);
}

static LOOP void hand_samples(struct run *run, const int16_t *samples, size_t count)
{
    if (run->over || !count)
        return;
    run->heard += count;
    run->emit->sound(run->arg, samples, count);
}

void run_hand_resampled(struct run *run, const int16_t *samples, size_t count)
{
    resampler_feed(run->resample, samples, count, &run->resampled);
    hand_samples(run, (const int16_t *)(const void *)run->resampled.p, run->resampled.n / sizeof *samples);
    buf_clear(&run->resampled);
}

/* What was not wholly heard, in run->tail; false where nobody can know, or nothing is left. */
bool run_rest(struct run *run, bool *all_said)
{
    uint32_t heard = run_clock_ms(run) - run->base_ms;
    size_t said = 0;
    *all_said = false;
    if (!run->word_count)
        return false;
    while (said < run->word_count && run->words[said].to_ms <= heard)
        said++;
    size_t bytes = chain_said(run->tail, run->words, said);
    if (bytes == SIZE_MAX)
        return false;
    run->tail = str_trim(str_from(run->tail, bytes));
    while (run->tail.n && ispunct((unsigned char)run->tail.p[0]))
        run->tail = str_trim(str_from(run->tail, 1));
    *all_said = run->tail.n == 0;
    return run->tail.n > 0;
}

size_t chain_said(struct str text, const struct tts_word *words, size_t count)
{
    enum { FURTHEST = 64 /* a word lies no farther from the one before it */ };
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t found = str_find(str_sub(text, at, FURTHEST + words[i].text.n), words[i].text);
        if (found == SIZE_MAX)
            return SIZE_MAX;
        at += found + words[i].text.n;
    }
    return at;
}

/* ---- what the driver says ---- */
void run_on_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct run *)arg)->own_rate = rate;
}

void run_on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct run *run = arg;
    if (run->word_count + count > run->word_cap) {
        run->word_cap = (run->word_count + count) * 2;
        struct tts_word *more = arena_array(&run->arena, struct tts_word, run->word_cap);
        if (run->word_count)
            memcpy(more, run->words, run->word_count * sizeof *more);
        run->words = more;
    }
    for (size_t i = 0; i < count; i++) {
        struct tts_word *to = &run->words[run->word_count++];
        *to = words[i];
        to->text = arena_str(&run->arena, words[i].text);
    }
    run->busy++;
    if (run->sounded)
        run_hand_timing(run);
    run->busy--;
    run_settle(run);
}

void run_on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct run *run = arg;
    if (run->key_count + count > run->key_cap) {
        run->key_cap = (run->key_count + count) * 2;
        struct viseme_key *more = arena_array(&run->arena, struct viseme_key, run->key_cap);
        if (run->key_count)
            memcpy(more, run->keys, run->key_count * sizeof *more);
        run->keys = more;
    }
    if (count)
        memcpy(run->keys + run->key_count, keys, count * sizeof *keys);
    run->key_count += count;
    run->busy++;
    if (run->sounded)
        run_hand_timing(run);
    run->busy--;
    run_settle(run);
}

/* An attempt's first sound: from here on it is this provider's sentence. */
static LOOP void begin_sound(struct run *run)
{
    run->sounded = true;
    voice_meter_first(run->order[run->at]->meter, clock_mono_us() - run->attempt_us);
    if (!run->rate) {
        run->rate = run->own_rate;
        run->emit->format(run->arg, run->rate);
    } else if (run->own_rate != run->rate) {
        run->resample = resampler_new(run->own_rate, run->rate);
    }
    if (!run->over)
        run_hand_timing(run);
}

void run_on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct run *run = arg;
    run->busy++;
    if (!run->sounded)
        begin_sound(run);
    if (!run->over && run->resample)
        run_hand_resampled(run, samples, count);
    else
        hand_samples(run, samples, count);
    run->busy--;
    run_settle(run);
}
