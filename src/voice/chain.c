/*
 * One sentence, several mouths; see chain.h.
 *
 * A set is made of the settings at its first use and retired when they changed; it is freed when nothing of
 * it speaks any more. Ownership of a run: the chain's list, until its end() has returned or it was cancelled;
 * `busy` keeps its memory while something of it is being emitted, `over` stops what would follow.
 */
#include "voice/chain.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "voice/cache.h"
#include "voice/meter.h"
#include "voice/remote.h"
#include "voice/resample.h"

#include <ctype.h>
#include <stdlib.h>

enum { LOCAL_FAILURES = 1000 /* a voice on this machine is not left alone */ };

/* A provider on this loop. */
struct mouth {
    struct str name;
    struct speech_provider settings; /* of a [speech.NAME]; else only its name */
    const struct tts_driver *driver;
    struct tts *tts; /* NULL until used */
    struct voice_meter *meter;
};

struct mouths {
    const struct config *config;
    struct arena arena;
    struct mouth *list;
    size_t count;
    struct mouth *chain[CHAIN_MAX];
    size_t chain_count;
    unsigned running;
    bool retired;
};

struct run {
    struct run *next, **link;
    struct chain *chain;
    struct mouths *set;
    uint64_t id, tts_id;
    struct arena arena;
    struct tts_request request; /* copied */
    bool own;                   /* request.voice is the first provider's */
    const struct tts_emit *emit;
    void *arg;
    struct mouth *order[CHAIN_MAX];
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
    struct mouths *set;
    struct run *runs;
    uint64_t last_id;
    bool closing;
};

/* ---- who there is ---- */
const struct tts_driver *chain_driver(const struct config *config, struct str provider,
                                      const struct speech_provider **settings)
{
    *settings = config ? config_speech(config, provider) : NULL;
    const struct tts_driver *driver = tts_driver(*settings ? (*settings)->type : provider);
    /* Drivers of other machines are nothing without settings. */
    return driver && (*settings || driver->can & TTS_LOCAL) ? driver : NULL;
}

static struct mouth *mouth_of(struct mouths *set, struct str name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (str_ieq(set->list[i].name, name))
            return &set->list[i];
    }
    const struct speech_provider *settings;
    const struct tts_driver *driver = chain_driver(set->config, name, &settings);
    size_t most = (set->config ? set->config->speech_count : 0) + CHAIN_MAX;
    if (!driver || set->count == most)
        return NULL;
    struct mouth *m = &set->list[set->count++];
    m->driver = driver;
    m->name = arena_str(&set->arena, settings ? settings->name : str_c(driver->name));
    m->meter = voice_meter(m->name);
    m->settings = (struct speech_provider){.name = m->name, .breaker_failures = LOCAL_FAILURES};
    if (settings)
        config_named_copy(&set->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)settings,
                          (struct config_named *)&m->settings);
    return m;
}

static struct mouths *set_new(const struct config *config)
{
    struct mouths *set = heap_alloc(sizeof *set);
    set->config = config;
    set->list = arena_array(&set->arena, struct mouth, (config ? config->speech_count : 0) + CHAIN_MAX);
    for (size_t i = 0; config && i < config->voice.chain.n && set->chain_count < CHAIN_MAX - 2; i++) {
        struct mouth *m = mouth_of(set, config->voice.chain.v[i]);
        if (m)
            set->chain[set->chain_count++] = m;
    }
    if (!set->chain_count)
        set->chain[set->chain_count++] = mouth_of(set, STR("flite"));
    return set;
}

static LOOP void set_free(struct mouths *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->list[i].tts)
            set->list[i].tts->driver->close(set->list[i].tts);
    }
    arena_release(&set->arena);
    free(set);
}

static void free_later(void *arg)
{
    on_loop();
    set_free(arg);
}

/* The set of the settings that are in force now. */
static LOOP struct mouths *set_now(struct chain *chain)
{
    const struct config *config = atomic_load_explicit(chain->config, memory_order_acquire);
    struct mouths *old = chain->set;
    if (old && old->config == config)
        return old;
    chain->set = set_new(config);
    if (old) {
        old->retired = true;
        if (!old->running)
            set_free(old);
    }
    return chain->set;
}

struct chain *chain_new(struct loop *loop, struct workers *workers,
                        const _Atomic(const struct config *) *config)
{
    struct chain *chain = heap_alloc(sizeof *chain);
    *chain = (struct chain){.loop = loop, .workers = workers, .config = config};
    return chain;
}

void chain_set_cache(struct chain *chain, struct speech_cache *cache)
{
    chain->cache = cache;
}

/* ---- a run's memory ---- */
static LOOP void release_if_over(struct run *run)
{
    struct mouths *set = run->set;
    if (!run->over || run->busy)
        return;
    resampler_free(run->resample);
    buf_release(&run->resampled);
    arena_release(&run->arena);
    if (--set->running == 0 && set->retired) {
        if (run->chain->closing)
            set_free(set);
        else
            loop_defer(run->chain->loop, free_later, set); /* this may be inside its driver's callback */
    }
    free(run);
}

static void unlink_run(struct run *run)
{
    if (!run->link)
        return;
    *run->link = run->next;
    if (run->next)
        run->next->link = run->link;
    run->link = NULL;
}

/* ---- the books ---- */
static LOOP void close_attempt(struct run *run, enum err err, const struct error *e, bool cancelled)
{
    struct mouth *m = run->order[run->at];
    if (!run->open)
        return;
    run->open = false;
    run->tts_id = 0;
    enum breaker_verdict verdict = cancelled                                    ? BREAKER_UNKNOWN
                                   : err && (remote_flags(e) & REMOTE_SICK)     ? BREAKER_SICK
                                   : err && err != ERR_INTERNAL && run->sounded ? BREAKER_SICK
                                                                                : BREAKER_HEALTHY;
    breaker_report(&m->meter->breaker, verdict, run->probe, (unsigned)m->settings.breaker_failures,
                   m->settings.breaker_cooldown, clock_mono_us());
    run->probe = false;
    if (cancelled) {
        atomic_fetch_add(&m->meter->cancelled, 1);
    } else if (err) {
        voice_meter_failed(m->meter, e->message);
    } else {
        atomic_fetch_add(&m->meter->done, 1);
        atomic_store(&m->meter->last_ok_ms, clock_wall_ms());
    }
}

static LOOP void tell_end(struct run *run, enum err err, const struct error *e)
{
    struct error copy = err ? *e : (struct error){0};
    run->over = true;
    run->emit->end(run->arg, err, &copy);
    unlink_run(run);
}

/* ---- handing on ---- */
static uint32_t clock_ms(const struct run *run)
{
    return run->rate ? (uint32_t)(run->heard * 1000 / run->rate) : 0;
}

static LOOP void hand_timing(struct run *run)
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

static LOOP void hand_resampled(struct run *run, const int16_t *samples, size_t count)
{
    resampler_feed(run->resample, samples, count, &run->resampled);
    hand_samples(run, (const int16_t *)(const void *)run->resampled.p, run->resampled.n / sizeof *samples);
    buf_clear(&run->resampled);
}

/* What was not wholly heard, in run->tail; false where nobody can know, or nothing is left. */
static bool rest_of(struct run *run, bool *all_said)
{
    uint32_t heard = clock_ms(run) - run->base_ms;
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
static LOOP bool try_order(struct run *run, struct error *e);

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct run *)arg)->own_rate = rate;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
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
        hand_timing(run);
    run->busy--;
    release_if_over(run);
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
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
        hand_timing(run);
    run->busy--;
    release_if_over(run);
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
        hand_timing(run);
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct run *run = arg;
    run->busy++;
    if (!run->sounded)
        begin_sound(run);
    if (!run->over && run->resample)
        hand_resampled(run, samples, count);
    else
        hand_samples(run, samples, count);
    run->busy--;
    release_if_over(run);
}

/* To the next provider, with what is left to say; false where there is none. */
static LOOP bool go_on(struct run *run, struct error *e)
{
    struct voice_meter *failed = run->order[run->at]->meter;
    if (run->at + 1 >= run->count)
        return false;
    run->at++;
    if (!try_order(run, e))
        return false;
    atomic_fetch_add(&failed->fallbacks, 1);
    return true;
}

static LOOP void failed(struct run *run, const struct error *why)
{
    struct error e = *why;
    bool all_said = false;
    if (run->failures++ == 0)
        run->first_failure = e;
    if (run->sounded && run->at + 1 < run->count && !rest_of(run, &all_said)) {
        tell_end(run, all_said ? ERR_OK : e.err, &e); /* nobody knows what was said, or it was all */
        return;
    }
    if (go_on(run, &e))
        return;
    tell_end(run, run->heard ? why->err : run->first_failure.err, run->heard ? why : &run->first_failure);
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct run *run = arg;
    run->busy++;
    close_attempt(run, err, e, false);
    if (run->resample)
        hand_resampled(run, NULL, 0);
    if (!run->over && !err) {
        if (!run->sounded)
            hand_timing(run);
        if (!run->over)
            tell_end(run, ERR_OK, NULL);
    } else if (!run->over) {
        failed(run, e);
    }
    run->busy--;
    release_if_over(run);
}

static const struct tts_emit emit = {on_format, on_words, on_visemes, on_sound, on_end};

/* ---- one provider after another ---- */
static struct str voice_of(const struct run *run, const struct mouth *m)
{
    static const char *const flites[] = {"slt", "rms", "awb", "kal16"};
    bool flite = m->driver == &tts_flite;
    if (run->own ? m == run->order[0] : flite)
        return run->request.voice;
    if (m->settings.voice.n || !flite)
        return m->settings.voice;
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < run->request.voice.n; i++)
        h = (h ^ (unsigned char)run->request.voice.p[i]) * 16777619u;
    return str_c(flites[h % 4]);
}

/* With the cache before it, under all that its sound comes from. */
static LOOP enum err open_mouth(const struct chain *chain, struct mouth *m, struct error *e)
{
    enum err err = m->driver->open(chain->loop, chain->workers, &m->settings, &m->tts, e);
    CLEANUP_BUF struct buf source = BUF_INIT;
    buf_printf(&source, "%s\n%.*s\n%.*s\n%.*s", m->driver->name, STR_ARG(m->settings.base_url),
               STR_ARG(m->settings.model), STR_ARG(m->settings.language));
    if (err == ERR_OK)
        m->tts = tts_cached(m->tts, buf_str(&source), chain->cache, chain->workers);
    return err;
}

static LOOP bool start_at(struct run *run, struct mouth *m, struct error *e)
{
    uint64_t wait_ms;
    if (!m->tts && open_mouth(run->chain, m, e) != ERR_OK)
        return false;
    run->attempt_us = clock_mono_us();
    if (!breaker_allow(&m->meter->breaker, run->attempt_us, &run->probe, &wait_ms) && !run->request.alone) {
        error_set(e, ERR_UNAVAILABLE,
                  "The speech provider '%.*s' failed several times in a row and is left alone for %llu s "
                  "more.",
                  STR_ARG(m->name), (unsigned long long)((wait_ms + 999) / 1000));
        str_copy(e->code, sizeof e->code, STR("left_alone"));
        return false;
    }
    struct tts_request request = run->request;
    request.text = run->tail;
    request.voice = voice_of(run, m);
    run->sounded = false;
    run->base_ms = clock_ms(run);
    run->word_count = run->word_told = run->key_count = run->key_told = 0;
    resampler_free(run->resample);
    run->resample = NULL;
    run->open = true;
    atomic_fetch_add(&m->meter->started, 1);
    run->tts_id = m->tts->driver->start(m->tts, &request, &emit, run, e);
    if (run->tts_id)
        return true;
    run->open = false;
    breaker_report(&m->meter->breaker, BREAKER_UNKNOWN, run->probe, 1, 0, run->attempt_us);
    if (e->code[0]) /* else the request was at fault: a voice that there is not */
        voice_meter_failed(m->meter, e->message);
    return false;
}

/* From run->at on; false when nobody could even begin, with the first one's reason in *e. */
static bool try_order(struct run *run, struct error *e)
{
    for (; run->at < run->count; run->at++) {
        struct error why = {0};
        if (start_at(run, run->order[run->at], &why))
            return true;
        if (run->failures++ == 0)
            run->first_failure = why;
        if (run->at + 1 < run->count)
            atomic_fetch_add(&run->order[run->at]->meter->fallbacks, 1);
    }
    run->at = run->count - 1;
    *e = run->first_failure;
    return false;
}

static void add(struct run *run, struct mouth *m)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->order[i] == m)
            return;
    }
    if (run->count < CHAIN_MAX)
        run->order[run->count++] = m;
}

static enum err no_provider(const struct mouths *set, struct str name, struct error *e)
{
    struct nearest near = NEAREST(name);
    for (size_t i = 0; set->config && i < set->config->speech_count; i++)
        nearest_offer(&near, set->config->speech[i].name);
    return error_set_param(e, ERR_NOT_FOUND, "voice",
                           "There is no speech provider '%.*s' that speaks.%s flite is always there.",
                           STR_ARG(str_sub(name, 0, 60)), nearest_hint(&near));
}

uint64_t chain_start(struct chain *chain, struct str provider, const struct tts_request *request,
                     const struct tts_emit *to, void *arg, struct error *e)
{
    on_loop();
    struct mouths *set = set_now(chain);
    struct mouth *own = provider.n ? mouth_of(set, provider) : NULL;
    if (provider.n && !own) {
        no_provider(set, provider, e);
        return 0;
    }
    struct run *run = heap_alloc(sizeof *run);
    *run = (struct run){.chain = chain, .set = set, .id = ++chain->last_id, .emit = to, .arg = arg};
    set->running++;
    run->request = *request;
    run->request.text = run->tail = arena_str(&run->arena, request->text);
    run->request.voice = arena_str(&run->arena, request->voice);
    run->request.language = arena_str(&run->arena, request->language);
    run->request.emotion.label = arena_str(&run->arena, request->emotion.label);
    run->own = own != NULL;
    if (own)
        add(run, own);
    for (size_t i = 0; i < set->chain_count && !(own && request->alone); i++)
        add(run, set->chain[i]);
    run->next = chain->runs;
    run->link = &chain->runs;
    if (run->next)
        run->next->link = &run->next;
    chain->runs = run;
    uint64_t id = run->id;
    if (try_order(run, e))
        return id;
    unlink_run(run);
    run->over = true;
    release_if_over(run);
    return 0;
}

static LOOP void cancel(struct run *run)
{
    struct mouth *m = run->order[run->at];
    if (run->tts_id)
        m->tts->driver->cancel(m->tts, run->tts_id);
    close_attempt(run, ERR_OK, NULL, true);
    unlink_run(run);
    run->over = true;
    release_if_over(run);
}

static LOOP struct run *run_of(struct chain *chain, uint64_t id)
{
    struct run *run = chain->runs;
    while (run && run->id != id)
        run = run->next;
    return run;
}

void chain_cancel(struct chain *chain, uint64_t id)
{
    on_loop();
    struct run *run = run_of(chain, id);
    if (run && !run->over)
        cancel(run);
}

struct str chain_answered(struct chain *chain, uint64_t id)
{
    const struct run *run = run_of(chain, id);
    return run ? run->order[run->at]->name : STR_NONE;
}

bool chain_tells(struct chain *chain, uint64_t id)
{
    const struct run *run = run_of(chain, id);
    return run && run->order[run->at]->driver->can & TTS_TIMINGS;
}

void chain_free(struct chain *chain)
{
    on_loop();
    chain->closing = true;
    while (chain->runs)
        cancel(chain->runs);
    if (chain->set)
        set_free(chain->set);
    free(chain);
}
