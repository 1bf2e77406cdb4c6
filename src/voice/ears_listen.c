/*
 * One utterance on its way through the chain; see ears.h.
 *
 * All of its sound is kept until it is over, so that the next recogniser can have it where one fails. One
 * that hears while it is fed (ASR_STREAMS) gets it as it comes; the others only once the energy gate has
 * found that there was speech at all.
 */
#include "base/clock.h"
#include "voice/asr_read.h"
#include "voice/ears_inner.h"
#include "voice/vad.h"

#include <math.h>
#include <stdlib.h>

struct utterance {
    struct ears_here *here;
    struct utterance *next;
    struct ears_chain *chain;
    struct arena arena;
    uint64_t id;
    struct ears_request request;
    const struct ears_emit *emit;
    void *arg;
    struct buf sound;
    size_t order[EARS_CHAIN_MAX + 1], count, at; /* providers to try; the one that is tried */
    struct asr *asr;
    uint64_t listening; /* the recogniser's id, or 0 */
    bool probe, finished, over, busy;
    unsigned failures;
    struct error first_error;
    enum err first_err;
    struct timer timer;
};

static LOOP void try_next(struct utterance *u);

/* ---- life ---- */
static LOOP void release(struct utterance *u)
{
    timer_close(&u->timer);
    ears_let_go(u->chain);
    buf_release(&u->sound);
    arena_release(&u->arena);
    free(u);
}

static struct ears_provider *provider_of(const struct utterance *u)
{
    return &u->chain->set->all[u->order[u->at]];
}

static void report(struct utterance *u, enum breaker_verdict verdict)
{
    const struct ears_provider *p = provider_of(u);
    breaker_report(p->breaker, verdict, u->probe, (unsigned)p->config.breaker_failures,
                   p->config.breaker_cooldown, clock_mono_us());
}

static LOOP void stop_listening(struct utterance *u)
{
    if (!u->listening)
        return;
    u->asr->driver->cancel(u->asr, u->listening);
    u->listening = 0;
    report(u, BREAKER_UNKNOWN);
}

static LOOP void leave(struct utterance *u)
{
    for (struct utterance **at = &u->here->utterances; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    u->over = true;
    timer_cancel(&u->timer);
    stop_listening(u);
}

static LOOP void end(struct utterance *u, enum err err, const struct error *e, const struct ears_heard *heard)
{
    bool outer = u->busy;
    u->busy = true;
    leave(u);
    u->emit->end(u->arg, err, e, heard);
    u->busy = outer;
    if (!outer)
        release(u);
}

/* ---- what a recogniser says ---- */
static void on_partial(void *arg, struct str text)
{
    on_loop();
    struct utterance *u = arg;
    bool outer = u->busy;
    if (!u->emit->partial)
        return;
    u->busy = true;
    u->emit->partial(u->arg, text);
    u->busy = outer;
    if (u->over && !outer)
        release(u);
}

static enum breaker_verdict verdict_of(enum err err)
{
    return err == ERR_OK ? BREAKER_HEALTHY
           : err == ERR_UPSTREAM || err == ERR_UPSTREAM_TIMEOUT || err == ERR_UNAVAILABLE || err == ERR_BUSY
               ? BREAKER_SICK
               : BREAKER_UNKNOWN;
}

static void remember(struct utterance *u, enum err err, const struct error *e)
{
    if (!u->failures++) {
        u->first_err = err;
        u->first_error = *e;
    }
}

/* {"provider":"..",...}: who heard it goes first. */
static struct str with_provider(struct utterance *u, struct str json)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "provider", provider_of(u)->config.name);
    jw_end_object(&w);
    b.n--; /* the brace */
    buf_add_char(&b, ',');
    buf_add(&b, str_from(json, 1));
    return arena_str(&u->arena, buf_str(&b));
}

static void on_end(void *arg, enum err err, const struct error *e, struct str json)
{
    on_loop();
    struct utterance *u = arg;
    u->listening = 0;
    if (!err && (json.n < 2 || json.p[0] != '{' || json.p[1] == '}'))
        err = error_set(&u->first_error, ERR_INTERNAL, "The recogniser gave no transcript."),
        e = &u->first_error;
    report(u, verdict_of(err));
    if (err) {
        remember(u, err, e);
        u->at++;
        if (u->finished)
            try_next(u);
        return; /* else the next one hears it all when it is finished */
    }
    const struct ears_heard heard = {
        .json = with_provider(u, json), .provider = provider_of(u)->config.name, .fallbacks = u->failures};
    end(u, ERR_OK, NULL, &heard);
}

static const struct asr_emit emit = {on_partial, on_end};

/* ---- through the chain ---- */
static LOOP bool begin(struct utterance *u)
{
    struct ears_provider *p = provider_of(u);
    struct error e = {0};
    uint64_t wait_ms;
    if (!breaker_allow(p->breaker, clock_mono_us(), &u->probe, &wait_ms)) {
        error_set(&e, ERR_UNAVAILABLE,
                  "The recogniser '%.*s' failed several times in a row and is left alone for %llu s.",
                  STR_ARG(p->config.name), (unsigned long long)wait_ms / 1000 + 1);
        remember(u, ERR_UNAVAILABLE, &e);
        return false;
    }
    enum err err = ears_open(u->chain, u->order[u->at], &u->asr, &e);
    if (!err) {
        u->listening = u->asr->driver->start(u->asr, &u->request.asr, &emit, u, &e);
        err = u->listening ? ERR_OK : e.err ? e.err : ERR_INTERNAL;
    }
    if (!err)
        return true;
    report(u, BREAKER_UNKNOWN);
    remember(u, err, &e);
    return false;
}

static struct str sound_of(const struct utterance *u)
{
    return buf_str(&u->sound);
}

static void try_next(struct utterance *u)
{
    for (; u->at < u->count; u->at++) {
        if (!begin(u))
            continue;
        u->asr->driver->feed(u->asr, u->listening, (const int16_t *)(const void *)sound_of(u).p,
                             sound_of(u).n / sizeof(int16_t));
        u->asr->driver->finish(u->asr, u->listening);
        return;
    }
    end(u, u->first_err ? u->first_err : ERR_UNAVAILABLE, &u->first_error, NULL);
}

uint64_t utterance_start(struct ears_here *here, const struct ears_request *request,
                         const struct ears_emit *to, void *arg, struct error *e)
{
    size_t order[EARS_CHAIN_MAX + 1], count;
    if (here->stopped) {
        error_set(e, ERR_CLOSED, "The server is stopping.");
        return 0;
    }
    count = ears_order(here->chain, request->provider, order, e);
    if (!count)
        return 0;
    struct utterance *u = heap_alloc(sizeof *u);
    *u = (struct utterance){.here = here,
                            .next = here->utterances,
                            .chain = here->chain,
                            .id = asr_id_new(),
                            .request = *request,
                            .emit = to,
                            .arg = arg,
                            .count = count};
    memcpy(u->order, order, sizeof order);
    struct asr_request *own = &u->request.asr;
    own->language = arena_str(&u->arena, own->language);
    own->prompt = arena_str(&u->arena, own->prompt);
    own->model = arena_str(&u->arena, own->model);
    u->sound.max = (size_t)ASR_SECONDS_MAX * ASR_RATE * sizeof(int16_t);
    ears_hold(u->chain);
    here->utterances = u;
    uint64_t id = u->id;
    if (own->partials && (provider_of(u)->driver->flags & ASR_STREAMS) && !begin(u))
        u->at++;
    return id;
}

static struct utterance *find(struct ears_here *here, uint64_t id)
{
    struct utterance *u = here->utterances;
    while (u && u->id != id)
        u = u->next;
    return u;
}

void utterance_feed(struct ears_here *here, uint64_t id, const int16_t *samples, size_t count)
{
    struct utterance *u = find(here, id);
    if (!u || u->finished)
        return;
    buf_add(&u->sound, str_of((const char *)samples, count * sizeof *samples));
    if (u->listening)
        u->asr->driver->feed(u->asr, u->listening, samples, count);
}

void utterance_rest(struct ears_here *here, uint64_t id)
{
    struct utterance *u = find(here, id);
    if (u && !u->finished && u->listening && u->asr->driver->rest)
        u->asr->driver->rest(u->asr, u->listening);
}

bool utterance_streams(struct ears_here *here, uint64_t id)
{
    const struct utterance *u = find(here, id);
    return u && u->listening && (provider_of(u)->driver->flags & ASR_STREAMS);
}

/* Nothing was said: nobody is asked what it was. */
static LOOP void end_silent(struct utterance *u)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    asr_write_plain(&json, STR_NONE, u->request.asr.language,
                    (uint32_t)(u->sound.n / sizeof(int16_t) / (ASR_RATE / 1000)), NAN);
    const struct ears_heard heard = {.json = buf_str(&json)};
    end(u, ERR_OK, NULL, &heard);
}

static void on_finish(struct timer *timer)
{
    on_loop();
    struct utterance *u = CONTAINER(timer, struct utterance, timer);
    if (!vad_speech_ms((const int16_t *)(const void *)u->sound.p, u->sound.n / sizeof(int16_t)))
        end_silent(u);
    else if (u->listening)
        u->asr->driver->finish(u->asr, u->listening);
    else
        try_next(u);
}

void utterance_finish(struct ears_here *here, uint64_t id)
{
    struct utterance *u = find(here, id);
    if (!u || u->finished)
        return;
    u->finished = true;
    timer_arm(&u->timer, 0, on_finish);
}

static LOOP void drop(struct utterance *u)
{
    leave(u);
    if (!u->busy)
        release(u);
}

bool utterance_cancel(struct ears_here *here, uint64_t id)
{
    struct utterance *u = find(here, id);
    if (u)
        drop(u);
    return u != NULL;
}

void ears_stop_utterances(struct ears_here *here)
{
    for (struct utterance *u = here->utterances, *next; u; u = next) {
        next = u->next;
        drop(u);
    }
}
