/*
 * A generation's way: through the chain of engines until one has emitted something; see engine.h.
 *
 * Ownership: a run belongs to its loop's list until its end() has returned or it was cancelled. Callbacks may
 * cancel from inside: `busy` keeps the memory until they have returned, `over` stops what would follow.
 */
#include "engine/engine.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/nearest.h"
#include "engine/engine_inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct run {
    struct run *next, **link;
    struct home *home;
    struct set *set;
    uint64_t id, gen; /* ours; the driver's, 0 while there is none */
    struct arena arena;
    struct gen_request request;
    struct gen_sampling wanted;                 /* what the request itself set */
    const struct gen_message *messages, *blind; /* as asked, and without pictures (NULL: not made) */
    struct gen_emit emit;
    void *arg;
    const struct entry *chain[ENGINE_CHAIN_MAX];
    size_t chain_n, at, failures;
    struct gen_end first_failure;
    uint64_t attempt_us;
    bool began, probe, paused, over;
    unsigned busy;
    struct timer timer; /* tells the end when it was clear at once */
};

static bool try_chain(struct run *run) LOOP;

static void release_if_over(struct run *run) LOOP
{
    if (!run->over || run->busy)
        return;
    timer_close(&run->timer);
    set_done(run->home, run->set);
    arena_release(&run->arena);
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

static struct run *run_of(struct engines *engines, uint64_t id) LOOP
{
    struct run *run = engines_home(engines)->runs;
    while (run && run->id != id)
        run = run->next;
    return run;
}

/* The books: breaker, health, counters. Every begun attempt is closed once. */

static void close_attempt(struct run *run, const struct gen_end *end) LOOP
{
    const struct entry *entry = run->chain[run->at];
    engine_meter_end(entry->meter, end);
    if (!entry->slot)
        return;
    const struct config_provider *config = &entry->slot->config;
    struct provider_meter *health = entry->slot->meter;
    /* An endpoint that answers, be it with a refusal, is alive. */
    enum breaker_verdict verdict = end->code == GEN_CANCELLED ? BREAKER_UNKNOWN
                                   : end->flags & GEN_SICK    ? BREAKER_SICK
                                                              : BREAKER_HEALTHY;
    breaker_report(&health->breaker, verdict, run->probe, (unsigned)config->breaker_failures,
                   config->breaker_cooldown, clock_mono_us());
    run->probe = false;
    if (end->code == GEN_CANCELLED)
        return;
    atomic_store(&health->last_code, (int)end->code);
    atomic_store(end->code == GEN_OK ? &health->last_ok_ms : &health->last_failure_ms, clock_wall_ms());
}

static void note_failure(struct run *run, const struct gen_end *end)
{
    if (run->failures++ > 0)
        return;
    run->first_failure = *end;
    run->first_failure.raw_error = arena_str(&run->arena, end->raw_error);
}

static void tell_end(struct run *run, const struct gen_end *end) LOOP
{
    struct gen_end told = *end;
    told.began = run->began;
    run->over = true;
    run->busy++;
    run->emit.end(run->arg, &told);
    run->busy--;
    unlink_run(run);
    release_if_over(run);
}

static void give_up(struct run *run) LOOP
{
    struct gen_end end = run->first_failure;
    if (run->failures > 1) {
        size_t n = strlen(end.sentence);
        snprintf(end.sentence + n, sizeof end.sentence - n, " %s failed too.",
                 run->failures == 2 ? "Its fallback" : "Its fallbacks");
    }
    run->at = 0; /* the engine that was asked for */
    tell_end(run, &end);
}

static void on_give_up(struct timer *timer)
{
    on_loop();
    give_up(CONTAINER(timer, struct run, timer));
}

/* What the driver emits. */

static void begin_output(struct run *run) LOOP
{
    if (run->began)
        return;
    run->began = true;
    engine_meter_first(run->chain[run->at]->meter, clock_mono_us() - run->attempt_us);
}

static void on_delta(void *arg, struct str text)
{
    on_loop();
    struct run *run = arg;
    begin_output(run);
    run->busy++;
    run->emit.delta(run->arg, text);
    run->busy--;
    release_if_over(run);
}

static void on_reasoning(void *arg, struct str text)
{
    on_loop();
    struct run *run = arg;
    begin_output(run);
    run->busy++;
    run->emit.reasoning(run->arg, text);
    run->busy--;
    release_if_over(run);
}

static void on_tool_call(void *arg, struct str json)
{
    on_loop();
    struct run *run = arg;
    begin_output(run);
    run->busy++;
    run->emit.tool_call(run->arg, json);
    run->busy--;
    release_if_over(run);
}

static void on_raw(void *arg, struct str json)
{
    on_loop();
    struct run *run = arg;
    begin_output(run);
    run->busy++;
    run->emit.raw(run->arg, json);
    run->busy--;
    release_if_over(run);
}

static void on_sound(void *arg, const struct gen_sound *sound)
{
    on_loop();
    struct run *run = arg;
    begin_output(run);
    run->busy++;
    run->emit.sound(run->arg, sound);
    run->busy--;
    release_if_over(run);
}

/* What was understood of the question is no output: another engine may still answer it. */
static void on_heard(void *arg, struct str text)
{
    on_loop();
    struct run *run = arg;
    run->busy++;
    run->emit.heard(run->arg, text);
    run->busy--;
    release_if_over(run);
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct run *run = arg;
    run->gen = 0;
    close_attempt(run, end);
    if (end->code == GEN_OK || run->began) {
        tell_end(run, end);
        return;
    }
    note_failure(run, end);
    if ((end->flags & GEN_FALLBACK) && run->at + 1 < run->chain_n) {
        atomic_fetch_add(&run->chain[run->at]->meter->fallbacks, 1);
        run->at++;
        if (try_chain(run))
            return;
    }
    give_up(run);
}

/* One engine of the chain. */

static double pick(double wanted, double own)
{
    return isnan(wanted) ? own : wanted;
}

/* For engines that do not see: what stands for the pictures. */
static const struct gen_message *without_pictures(struct run *run)
{
    struct gen_message *messages =
        run->blind ? NULL : arena_array(&run->arena, struct gen_message, run->request.message_count);
    for (size_t i = 0; messages && i < run->request.message_count; i++) {
        messages[i] = run->messages[i];
        if (messages[i].pictures)
            messages[i].content_raw = STR_NONE;
    }
    run->blind = messages ? messages : run->blind;
    return run->blind;
}

static void set_sampling(struct run *run, const struct entry *entry)
{
    const struct gen_sampling *wanted = &run->wanted, *own = &entry->sampling;
    run->request.sampling = (struct gen_sampling){
        .temperature = pick(wanted->temperature, own->temperature),
        .top_p = pick(wanted->top_p, own->top_p),
        .frequency_penalty = pick(wanted->frequency_penalty, own->frequency_penalty),
        .presence_penalty = pick(wanted->presence_penalty, own->presence_penalty),
        .min_p = pick(wanted->min_p, own->min_p),
        .repeat_penalty = pick(wanted->repeat_penalty, own->repeat_penalty),
        .top_k = wanted->top_k != CONFIG_NO_INT ? wanted->top_k : own->top_k,
        .max_tokens = wanted->max_tokens != CONFIG_NO_INT ? wanted->max_tokens : own->max_tokens,
        .seed = wanted->seed != CONFIG_NO_INT ? wanted->seed : own->seed,
        .stop = wanted->stop_count ? wanted->stop : own->stop,
        .stop_count = wanted->stop_count ? wanted->stop_count : own->stop_count,
    };
    run->request.model = entry->info->model;
    run->request.merge_system = entry->merge_system;
    run->request.messages = entry->info->sees ? run->messages : without_pictures(run);
}

/* The entry's provider, opened if it was not yet; NULL with *end filled. */
static struct provider *provider_ready(struct run *run, const struct entry *entry, struct gen_end *end) LOOP
{
    struct slot *slot = entry->slot;
    struct error e = {0};
    if (!slot) {
        gen_end_fail(
            end, GEN_UNAVAILABLE,
            "The engine '%.*s' names the provider '%.*s', which is not configured. Add it in Settings → "
            "Engines.",
            STR_ARG(entry->info->name), STR_ARG(entry->info->provider));
        end->flags = GEN_FALLBACK;
        return NULL;
    }
    if (slot->provider)
        return slot->provider;
    const struct provider_driver *driver = provider_driver(slot->config.type);
    if (!driver) {
        gen_end_fail(end, GEN_UNAVAILABLE, "This build has no driver for providers of the type '%.*s'.",
                     STR_ARG(slot->config.type));
        end->flags = GEN_FALLBACK;
        return NULL;
    }
    if (driver->open(run->home->loop, &slot->config, &slot->provider, &e) == ERR_OK)
        return slot->provider;
    gen_end_fail(end, GEN_UNAVAILABLE, "%s", e.message);
    end->flags = GEN_FALLBACK;
    return NULL;
}

static bool start_entry(struct run *run, const struct entry *entry, struct gen_end *end) LOOP
{
    uint64_t wait_ms;
    const struct gen_emit emit = {run->emit.delta ? on_delta : NULL,
                                  run->emit.reasoning ? on_reasoning : NULL,
                                  run->emit.tool_call ? on_tool_call : NULL,
                                  run->emit.raw ? on_raw : NULL,
                                  on_end,
                                  run->emit.sound ? on_sound : NULL,
                                  run->emit.heard ? on_heard : NULL};
    struct provider *provider = provider_ready(run, entry, end);
    if (!provider)
        return false;
    run->attempt_us = clock_mono_us();
    struct breaker *breaker = &entry->slot->meter->breaker;
    if (!breaker_allow(breaker, run->attempt_us, &run->probe, &wait_ms) && !run->request.alone) {
        gen_end_fail(
            end, GEN_UNAVAILABLE,
            "The provider '%.*s' failed several times in a row and is left alone for %llu s more. See "
            "Settings → Engines.",
            STR_ARG(entry->slot->config.name), (unsigned long long)((wait_ms + 999) / 1000));
        end->flags = GEN_FALLBACK;
        end->retry_after_ms = (int64_t)wait_ms;
        return false;
    }
    set_sampling(run, entry);
    run->gen = provider->driver->start(provider, &run->request, &emit, run, end);
    if (run->gen == 0)
        breaker_report(breaker, BREAKER_UNKNOWN, run->probe, 1, 0, run->attempt_us);
    else if (run->paused && provider->driver->pause)
        provider->driver->pause(provider, run->gen, true);
    return run->gen != 0;
}

/* From run->at on; false when nobody could even begin. */
static bool try_chain(struct run *run)
{
    for (; run->at < run->chain_n; run->at++) {
        const struct entry *entry = run->chain[run->at];
        struct gen_end end = {.retry_after_ms = -1};
        atomic_fetch_add(&entry->meter->started, 1);
        atomic_fetch_add(&entry->meter->in_flight, 1);
        if (start_entry(run, entry, &end))
            return true;
        engine_meter_end(entry->meter, &end);
        note_failure(run, &end);
        if (!(end.flags & GEN_FALLBACK))
            break;
        if (run->at + 1 < run->chain_n)
            atomic_fetch_add(&entry->meter->fallbacks, 1);
    }
    return false;
}

/* Starting. */

static void copy_request(struct run *run, const struct gen_request *from)
{
    struct arena *a = &run->arena;
    struct gen_request *to = &run->request;
    *to = *from;
    struct gen_message *messages = arena_array(a, struct gen_message, from->message_count);
    for (size_t i = 0; i < from->message_count; i++) {
        const struct gen_message *m = &from->messages[i];
        messages[i] = (struct gen_message){m->role,
                                           arena_str(a, m->name),
                                           arena_str(a, m->content),
                                           arena_str(a, m->content_raw),
                                           arena_str(a, m->tool_call_id),
                                           arena_str(a, m->tool_calls),
                                           m->pictures};
    }
    to->messages = run->messages = messages;
    to->tools = arena_str(a, from->tools);
    to->tool_choice = arena_str(a, from->tool_choice);
    to->response_format = arena_str(a, from->response_format);
    to->raw_body = arena_str(a, from->raw_body);
    to->key = arena_str(a, from->key);
    to->voice = arena_str(a, from->voice);
    struct str *stop = arena_array(a, struct str, from->sampling.stop_count);
    for (size_t i = 0; i < from->sampling.stop_count; i++)
        stop[i] = arena_str(a, from->sampling.stop[i]);
    run->wanted = from->sampling;
    run->wanted.stop = stop;
}

static bool in_chain(const struct run *run, const struct entry *entry)
{
    for (size_t i = 0; i < run->chain_n; i++) {
        if (run->chain[i] == entry)
            return true;
    }
    return false;
}

/* The entry's fallbacks, each followed by its own, each engine once. */
static void add_fallbacks(struct run *run, const struct entry *entry)
{
    for (size_t i = 0; i < entry->fallback.n && run->chain_n < ENGINE_CHAIN_MAX; i++) {
        const struct entry *next = set_find(run->set, entry->fallback.v[i]);
        if (!next || in_chain(run, next))
            continue;
        run->chain[run->chain_n++] = next;
        add_fallbacks(run, next);
    }
}

static void no_such_engine(const struct set *set, struct str name, struct gen_end *end)
{
    struct nearest near = NEAREST(name);
    for (size_t i = 0; set && i < set->count; i++)
        nearest_offer(&near, set->infos[i].name);
    gen_end_fail(end, GEN_UNAVAILABLE,
                 "There is no engine '%.*s'.%s Choose one of those in Settings → Engines.",
                 STR_ARG(str_sub(name, 0, 80)), nearest_hint(&near));
}

uint64_t engines_start(struct engines *engines, struct str name, const struct gen_request *request,
                       const struct gen_emit *emit, void *arg, struct gen_end *end)
{
    on_loop();
    struct home *home = engines_home(engines);
    const struct entry *entry = home->set ? set_find(home->set, name) : NULL;
    if (!entry) {
        no_such_engine(home->set, name, end);
        return 0;
    }
    struct run *run = heap_alloc(sizeof *run);
    run->home = home;
    run->set = home->set;
    run->set->running++;
    run->id = gen_id_new();
    run->emit = *emit;
    run->arg = arg;
    copy_request(run, request);
    run->chain[run->chain_n++] = entry;
    if (!request->alone)
        add_fallbacks(run, entry);
    run->next = home->runs;
    run->link = &home->runs;
    if (run->next)
        run->next->link = &run->next;
    home->runs = run;
    uint64_t id = run->id;
    if (!try_chain(run))
        timer_arm(&run->timer, 0, on_give_up); /* nothing is emitted before we have returned */
    return id;
}

static void cancel(struct run *run) LOOP
{
    struct gen_end end;
    if (run->gen) {
        struct provider *provider = run->chain[run->at]->slot->provider;
        provider->driver->cancel(provider, run->gen);
        run->gen = 0;
        gen_end_fail(&end, GEN_CANCELLED, "The answer was cancelled.");
        close_attempt(run, &end);
    }
    timer_cancel(&run->timer);
    unlink_run(run);
    run->over = true;
    release_if_over(run);
}

void engines_cancel(struct engines *engines, uint64_t gen)
{
    on_loop();
    struct run *run = run_of(engines, gen);
    if (run && !run->over)
        cancel(run);
}

void engines_pause(struct engines *engines, uint64_t gen, bool paused)
{
    on_loop();
    struct run *run = run_of(engines, gen);
    if (!run || run->over)
        return;
    run->paused = paused;
    if (!run->gen)
        return;
    struct provider *provider = run->chain[run->at]->slot->provider;
    if (provider->driver->pause)
        provider->driver->pause(provider, run->gen, paused);
}

struct str engines_answered(struct engines *engines, uint64_t gen)
{
    const struct run *run = run_of(engines, gen);
    return run && run->at < run->chain_n ? run->chain[run->at]->info->name : STR_NONE;
}

void engines_played(struct engines *engines, struct str name, struct str key, uint32_t played_ms)
{
    on_loop();
    const struct set *set = engines_home(engines)->set;
    const struct entry *entry = set ? set_find(set, name) : NULL;
    struct provider *provider = entry && entry->slot ? entry->slot->provider : NULL;
    if (provider && provider->driver->played)
        provider->driver->played(provider, key, played_ms);
}

void runs_stop(struct home *home)
{
    struct run *next;
    for (struct run *run = home->runs; run; run = next) {
        next = run->next;
        if (!run->over)
            cancel(run);
    }
}
