/*
 * The providers of a chain: those of the settings, by name, each with its driver, its meter and, once it is
 * used, its connection; see chain_inner.h.
 */
#include "voice/chain_inner.h"

#include "base/nearest.h"
#include "voice/cache.h"

#include <stdlib.h>

enum { LOCAL_FAILURES = 1000 /* a voice on this machine is not left alone */ };

/* ---- who there is ---- */
const struct tts_driver *chain_driver(const struct config *config, struct str provider,
                                      const struct speech_provider **settings)
{
    *settings = config ? config_speech(config, provider) : NULL;
    const struct tts_driver *driver = tts_driver(*settings ? (*settings)->type : provider);
    /* Drivers of other machines are nothing without settings. */
    return driver && (*settings || driver->can & TTS_LOCAL) ? driver : NULL;
}

struct chain_provider *chain_providers_find(struct chain_providers *set, struct str name)
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
    struct chain_provider *m = &set->list[set->count++];
    m->driver = driver;
    m->name = arena_str(&set->arena, settings ? settings->name : str_c(driver->name));
    m->meter = voice_meter(m->name);
    m->settings = (struct speech_provider){.name = m->name, .breaker_failures = LOCAL_FAILURES};
    if (settings)
        config_named_copy(&set->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)settings,
                          (struct config_named *)&m->settings);
    return m;
}

static struct chain_providers *chain_providers_new(const struct config *config)
{
    struct chain_providers *set = heap_alloc(sizeof *set);
    set->config = config;
    set->list =
        arena_array(&set->arena, struct chain_provider, (config ? config->speech_count : 0) + CHAIN_MAX);
    for (size_t i = 0; config && i < config->voice.chain.n && set->chain_count < CHAIN_MAX - 2; i++) {
        struct chain_provider *m = chain_providers_find(set, config->voice.chain.v[i]);
        if (m)
            set->chain[set->chain_count++] = m;
    }
    if (!set->chain_count)
        set->chain[set->chain_count++] = chain_providers_find(set, STR("flite"));
    return set;
}

void chain_providers_free(struct chain_providers *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->list[i].tts)
            set->list[i].tts->driver->close(set->list[i].tts);
    }
    arena_release(&set->arena);
    free(set);
}

/* The set of the settings that are in force now. */
struct chain_providers *chain_providers_now(struct chain *chain)
{
    const struct config *config = atomic_load_explicit(chain->config, memory_order_acquire);
    struct chain_providers *old = chain->set;
    if (old && old->config == config)
        return old;
    chain->set = chain_providers_new(config);
    if (old) {
        old->retired = true;
        if (!old->running)
            chain_providers_free(old);
    }
    return chain->set;
}

enum err chain_providers_none(const struct chain_providers *set, struct str name, struct error *e)
{
    struct nearest near = NEAREST(name);
    for (size_t i = 0; set->config && i < set->config->speech_count; i++)
        nearest_offer(&near, set->config->speech[i].name);
    return error_set_param(e, ERR_NOT_FOUND, "voice",
                           "There is no speech provider '%.*s' that speaks.%s flite is always there.",
                           STR_ARG(str_sub(name, 0, 60)), nearest_hint(&near));
}

/* With the cache before it, under all that its sound comes from. */
enum err chain_provider_open(const struct chain *chain, struct chain_provider *m, struct error *e)
{
    enum err err = m->driver->open(chain->loop, chain->workers, &m->settings, &m->tts, e);
    CLEANUP_BUF struct buf source = BUF_INIT;
    buf_printf(&source, "%s\n%.*s\n%.*s\n%.*s", m->driver->name, STR_ARG(m->settings.base_url),
               STR_ARG(m->settings.model), STR_ARG(m->settings.language));
    if (err == ERR_OK)
        m->tts = tts_cached(m->tts, buf_str(&source), chain->cache, chain->workers);
    return err;
}
