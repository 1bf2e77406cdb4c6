/*
 * A sentence and the providers that may speak it, as the three files of the chain share them: chain.c (one
 * provider after another), chain_providers.c (which providers there are), chain_hear.c (what one says, handed
 * on).
 *
 * A set is made of the settings at its first use and retired when they changed; it is freed when nothing of
 * it speaks any more. Ownership of a run: the chain's list, until its end() has returned or it was cancelled;
 * `busy` keeps its memory while something of it is being emitted, `over` stops what would follow.
 * Private to these three.
 */
#ifndef EIDOLON_VOICE_CHAIN_INNER_H
#define EIDOLON_VOICE_CHAIN_INNER_H

#include "voice/chain.h"
#include "voice/meter.h"
#include "voice/resample.h"

/* A provider on this loop. */
struct chain_provider {
    struct str name;
    struct speech_provider settings; /* of a [speech.NAME]; else only its name */
    const struct tts_driver *driver;
    struct tts *tts; /* NULL until used */
    struct voice_meter *meter;
};

struct chain_providers {
    const struct config *config;
    struct arena arena;
    struct chain_provider *list;
    size_t count;
    struct chain_provider *chain[CHAIN_MAX];
    size_t chain_count;
    unsigned running;
    bool retired;
};

struct run {
    struct run *next, **link;
    struct chain *chain;
    struct chain_providers *set;
    uint64_t id, tts_id;
    struct arena arena;
    struct tts_request request; /* copied */
    bool own;                   /* request.voice is the first provider's */
    const struct tts_emit *emit;
    void *arg;
    struct chain_provider *order[CHAIN_MAX];
    size_t count, at, failures;
    struct error first_failure;
    uint64_t attempt_us;
    bool probe, over, open; /* open: the attempt is in the books */
    unsigned busy;

    struct str tail;         /* of the text: what this attempt says */
    unsigned rate, own_rate; /* as handed on, as the present provider's */
    struct resampler *resample;
    struct buf resampled;
    uint64_t heard;         /* samples handed on, at `rate` */
    uint32_t base_ms;       /* where the present attempt's sound begins */
    bool sounded;           /* the present attempt made a sound */
    struct tts_word *words; /* of the present attempt, its own times */
    size_t word_count, word_cap, word_told;
    struct viseme_key *keys;
    size_t key_count, key_cap, key_told;
};

struct chain {
    struct loop *loop;
    struct workers *workers;
    const _Atomic(const struct config *) *config;
    struct speech_cache *cache; /* or NULL */
    struct chain_providers *set;
    struct run *runs;
    uint64_t last_id;
    bool closing;
};

/* chain_providers.c */
struct chain_providers *
chain_providers_now(struct chain *chain) LOOP; /* of the settings that are in force now */
void chain_providers_free(struct chain_providers *set) LOOP;
struct chain_provider *chain_providers_find(struct chain_providers *set, struct str name); /* or NULL */
/* Fills *e: there is no provider of that name. */
enum err chain_providers_none(const struct chain_providers *set, struct str name, struct error *e);
/* With the cache before it, under all that its sound comes from. */
enum err chain_provider_open(const struct chain *chain, struct chain_provider *m, struct error *e) LOOP;

/* chain_hear.c: what the driver says of the present attempt (struct tts_emit, but for the end). */
void run_on_format(void *arg, unsigned rate);
void run_on_words(void *arg, const struct tts_word *words, size_t count);
void run_on_visemes(void *arg, const struct viseme_key *keys, size_t count);
void run_on_sound(void *arg, const int16_t *samples, size_t count);
void run_hand_timing(struct run *run) LOOP; /* the words and mouth shapes that were not told yet */
void run_hand_resampled(struct run *run, const int16_t *samples, size_t count) LOOP;
uint32_t run_clock_ms(const struct run *run); /* how much was handed on */
/* What was not wholly heard, in run->tail; false where nobody can know, or nothing is left. */
bool run_rest(struct run *run, bool *all_said) LOOP;

/* chain.c */
void run_settle(struct run *run) LOOP; /* its memory goes, where it is over and idle */

#endif
