/*
 * One sentence, several mouths; see chain.h. Here is the order of the attempts, and the books that are kept
 * of each; chain_inner.h says what the chain's files share and who owns it.
 */
#include "voice/chain_inner.h"

#include "base/clock.h"
#include "voice/remote.h"

#include <stdlib.h>

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
static void free_later(void *arg)
{
    on_loop();
    chain_providers_free(arg);
}

void run_settle(struct run *run)
{
    struct chain_providers *set = run->set;
    if (!run->over || run->busy)
        return;
    resampler_free(run->resample);
    buf_release(&run->resampled);
    arena_release(&run->arena);
    if (--set->running == 0 && set->retired) {
        if (run->chain->closing)
            chain_providers_free(set);
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
    struct chain_provider *m = run->order[run->at];
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

/* ---- an attempt is over ---- */
static LOOP bool try_order(struct run *run, struct error *e);

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
    if (run->sounded && run->at + 1 < run->count && !run_rest(run, &all_said)) {
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
        run_hand_resampled(run, NULL, 0);
    if (!run->over && !err) {
        if (!run->sounded)
            run_hand_timing(run);
        if (!run->over)
            tell_end(run, ERR_OK, NULL);
    } else if (!run->over) {
        failed(run, e);
    }
    run->busy--;
    run_settle(run);
}

static const struct tts_emit emit = {run_on_format, run_on_words, run_on_visemes, run_on_sound, on_end};

/* ---- one provider after another ---- */
static struct str voice_of(const struct run *run, const struct chain_provider *m)
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

static LOOP bool start_at(struct run *run, struct chain_provider *m, struct error *e)
{
    uint64_t wait_ms;
    if (!m->tts && chain_provider_open(run->chain, m, e) != ERR_OK)
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
    run->base_ms = run_clock_ms(run);
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

static void add(struct run *run, struct chain_provider *m)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->order[i] == m)
            return;
    }
    if (run->count < CHAIN_MAX)
        run->order[run->count++] = m;
}

uint64_t chain_start(struct chain *chain, struct str provider, const struct tts_request *request,
                     const struct tts_emit *to, void *arg, struct error *e)
{
    on_loop();
    struct chain_providers *set = chain_providers_now(chain);
    struct chain_provider *own = provider.n ? chain_providers_find(set, provider) : NULL;
    if (provider.n && !own) {
        chain_providers_none(set, provider, e);
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
    run_settle(run);
    return 0;
}

static LOOP void cancel(struct run *run)
{
    struct chain_provider *m = run->order[run->at];
    if (run->tts_id)
        m->tts->driver->cancel(m->tts, run->tts_id);
    close_attempt(run, ERR_OK, NULL, true);
    unlink_run(run);
    run->over = true;
    run_settle(run);
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
    for (struct run *run = chain->runs, *next; run; run = next) {
        next = run->next;
        cancel(run);
    }
    if (chain->set)
        chain_providers_free(chain->set);
    free(chain);
}
