/* The set of recognisers and its chain, on every loop; see ears.h and ears_inner.h. */
#include "voice/ears_inner.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- the set ---- */
static void set_let_go(struct ears_set *set)
{
    if (atomic_fetch_sub(&set->holders, 1) != 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        pthread_mutex_destroy(&set->all[i].breaker->lock);
    arena_release(&set->arena);
    free(set);
}

static void add_provider(struct ears_set *set, const struct speech_provider *config)
{
    struct ears_provider *p = &set->all[set->count];
    const struct asr_driver *driver = asr_driver(config->type);
    if (!driver)
        return; /* it speaks only */
    config_named_copy(&set->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)config,
                      (struct config_named *)&p->config);
    p->driver = driver;
    p->breaker = arena_new(&set->arena, struct breaker);
    breaker_init(p->breaker);
    set->count++;
}

static size_t provider_named(const struct ears_set *set, struct str name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (str_ieq(set->all[i].config.name, name))
            return i;
    }
    return SIZE_MAX;
}

/* A built-in that no section names: with every setting at its default. */
static void add_built_in(struct ears_set *set, const char *type)
{
    struct config plain;
    struct error e = {0};
    char setting[64];
    if (!asr_driver(str_c(type)) || provider_named(set, str_c(type)) != SIZE_MAX)
        return;
    snprintf(setting, sizeof setting, "speech.%s.type", type);
    config_init(&plain);
    if (config_set(&plain, str_c(setting), str_c(type), CONFIG_FROM_FILE, "ears", &e) == ERR_OK)
        add_provider(set, config_speech(&plain, str_c(type)));
    config_release(&plain);
}

static void add_to_chain(struct ears_set *set, struct str name)
{
    size_t i = provider_named(set, name);
    bool there = i == SIZE_MAX || set->chain_count == EARS_CHAIN_MAX;
    for (size_t k = 0; k < set->chain_count; k++)
        there = there || set->chain[k] == i;
    if (!there)
        set->chain[set->chain_count++] = i;
}

static struct ears_set *set_new(const struct config *config)
{
    struct ears_set *set = heap_alloc(sizeof *set);
    set->holders = 1;
    set->all = arena_array(&set->arena, struct ears_provider, config->speech_count + 1);
    for (size_t i = 0; i < config->speech_count; i++)
        add_provider(set, &config->speech[i]);
    add_built_in(set, "pocketsphinx");
    for (size_t i = 0; i < config->ear.chain.n; i++)
        add_to_chain(set, config->ear.chain.v[i]);
    if (set->chain_count == EARS_CHAIN_MAX)
        set->chain_count--;
    add_to_chain(set, STR("pocketsphinx"));
    return set;
}

/* ---- the chain of a loop ---- */
static LOOP void chain_free(struct ears_chain *chain)
{
    for (size_t i = 0; i < chain->set->count; i++) {
        if (chain->open[i])
            chain->open[i]->driver->close(chain->open[i]);
    }
    set_let_go(chain->set);
    free(chain->open);
    free(chain);
}

void ears_hold(struct ears_chain *chain)
{
    chain->running++;
}

static void free_later(void *arg)
{
    on_loop();
    chain_free(arg);
}

void ears_let_go(struct ears_chain *chain)
{
    chain->running--;
    /* Later: a recogniser of it may be the one that is calling. */
    if (chain->old && chain->running == 0)
        loop_defer(chain->here->loop, free_later, chain);
}

static LOOP void chain_retire(struct ears_chain *chain)
{
    chain->old = true;
    if (chain->running == 0)
        chain_free(chain);
}

static struct ears_chain *chain_new(struct ears_here *here, struct ears_set *set)
{
    struct ears_chain *chain = heap_alloc(sizeof *chain);
    *chain = (struct ears_chain){.here = here, .set = set};
    chain->open = heap_alloc(set->count * sizeof *chain->open);
    return chain;
}

struct ears_here *ears_here(struct ears *ears)
{
    return ears->of[loop_index(loop_self())];
}

size_t ears_order(struct ears_chain *chain, struct str provider, size_t order[EARS_CHAIN_MAX + 1],
                  struct error *e)
{
    if (str_empty(provider)) {
        memcpy(order, chain->set->chain, sizeof chain->set->chain);
        return chain->set->chain_count;
    }
    order[0] = provider_named(chain->set, provider);
    if (order[0] != SIZE_MAX)
        return 1;
    error_set_param(e, ERR_NOT_FOUND, "provider",
                    "There is no recogniser '%.*s'; pocketsphinx is always there, others are set up as "
                    "[speech.NAME].",
                    STR_ARG(str_sub(provider, 0, 60)));
    return 0;
}

enum err ears_open(struct ears_chain *chain, size_t provider, struct asr **out, struct error *e)
{
    const struct ears_provider *p = &chain->set->all[provider];
    struct asr **open = &chain->open[provider];
    enum err err =
        *open ? ERR_OK : p->driver->open(chain->here->loop, &chain->here->ears->house, &p->config, open, e);
    *out = *open;
    return err;
}

/* ---- the process ---- */
struct ears *ears_new(struct loops *loops, const struct asr_house *house, const struct config *config)
{
    struct ears *ears = heap_alloc(sizeof *ears);
    struct ears_set *set = set_new(config);
    ears->loops = loops;
    ears->house = *house;
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct ears_here *here = ears->of[i] = heap_alloc(sizeof *here);
        *here = (struct ears_here){.ears = ears, .loop = loops_get(loops, i)};
        atomic_fetch_add(&set->holders, 1);
        here->chain = chain_new(here, set);
    }
    set_let_go(set);
    return ears;
}

struct change {
    struct ears *ears;
    struct ears_set *set;
};

static void take_change(void *arg)
{
    on_loop();
    struct change *change = arg;
    struct ears_here *here = ears_here(change->ears);
    if (here->stopped) {
        set_let_go(change->set);
    } else {
        chain_retire(here->chain);
        here->chain = chain_new(here, change->set);
    }
    free(change);
}

void ears_replace(struct ears *ears, const struct config *config)
{
    struct ears_set *set = set_new(config);
    for (unsigned i = 0; i < loops_count(ears->loops); i++) {
        struct change *change = heap_alloc(sizeof *change);
        *change = (struct change){ears, set};
        atomic_fetch_add(&set->holders, 1);
        loop_call(loops_get(ears->loops, i), take_change, change);
    }
    set_let_go(set);
}

void ears_stop(struct ears *ears)
{
    struct ears_here *here = ears_here(ears);
    here->stopped = true;
    ears_stop_recordings(here);
    ears_stop_utterances(here);
    chain_retire(here->chain);
    here->chain = NULL;
}

void ears_free(struct ears *ears)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        struct ears_here *here = ears->of[i];
        if (here && here->chain) { /* the loops never ran: nothing is open */
            set_let_go(here->chain->set);
            free(here->chain->open);
            free(here->chain);
        }
        free(here);
    }
    free(ears);
}

uint64_t ears_start(struct ears *ears, const struct ears_request *request, const struct ears_emit *emit,
                    void *arg, struct error *e)
{
    return utterance_start(ears_here(ears), request, emit, arg, e);
}

void ears_feed(struct ears *ears, uint64_t id, const int16_t *samples, size_t count)
{
    utterance_feed(ears_here(ears), id, samples, count);
}

void ears_rest(struct ears *ears, uint64_t id)
{
    utterance_rest(ears_here(ears), id);
}

bool ears_streams(struct ears *ears, uint64_t id)
{
    return utterance_streams(ears_here(ears), id);
}

void ears_finish(struct ears *ears, uint64_t id)
{
    utterance_finish(ears_here(ears), id);
}

void ears_cancel(struct ears *ears, uint64_t id)
{
    struct ears_here *here = ears_here(ears);
    if (!utterance_cancel(here, id))
        recording_cancel(here, id);
}

bool ears_known(struct ears *ears, struct str name)
{
    struct ears_here *here = ears_here(ears);
    return here->chain && provider_named(here->chain->set, name) != SIZE_MAX;
}

size_t ears_list(struct ears *ears, struct ears_info list[EARS_CHAIN_MAX])
{
    struct ears_here *here = ears_here(ears);
    size_t n = 0;
    for (; here->chain && n < here->chain->set->chain_count; n++) {
        struct ears_provider *p = &here->chain->set->all[here->chain->set->chain[n]];
        struct error e = {0};
        struct asr *asr;
        list[n] = (struct ears_info){.name = p->config.name,
                                     .type = p->config.type,
                                     .model = p->config.ear_model,
                                     .streams = p->driver->flags & ASR_STREAMS,
                                     .remote = p->driver->flags & ASR_REMOTE};
        list[n].ok = ears_open(here->chain, here->chain->set->chain[n], &asr, &e) == ERR_OK;
        if (list[n].ok && p->breaker->state == BREAKER_OPEN) {
            list[n].ok = false;
            error_set(&e, ERR_UNAVAILABLE,
                      "It failed several times in a row and is left alone for a moment.");
        }
        snprintf(list[n].reason, sizeof list[n].reason, "%.250s", e.message);
    }
    return n;
}
