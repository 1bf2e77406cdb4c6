/* Sets of engines: made from the configuration, replaced by message; see engine.h and engine_inner.h. */
#include "engine/engine.h"

#include "base/arena.h"
#include "base/nearest.h"
#include "engine/engine_inner.h"

#include <stdlib.h>

enum { LLAMA_TOTAL_MS = 30 * 60 * 1000 /* of one answer, once its model works on it */ };

static struct config_list copy_list(struct arena *a, struct config_list list)
{
    struct str *v = arena_array(a, struct str, list.n);
    for (size_t i = 0; i < list.n; i++)
        v[i] = arena_str(a, list.v[i]);
    return (struct config_list){v, list.n};
}

static struct slot *slot_find(struct set *set, struct str name)
{
    for (size_t i = 0; i < set->slot_count; i++) {
        if (str_ieq(set->slots[i].config.name, name))
            return &set->slots[i];
    }
    return NULL;
}

static void add_slot(struct set *set, const struct config_provider *config)
{
    struct slot *slot = &set->slots[set->slot_count++];
    config_named_copy(&set->arena, CONFIG_PROVIDERS, (const struct config_named *)config,
                      (struct config_named *)&slot->config);
    slot->meter = provider_meter(config->name);
}

static void add_entry(struct set *set, const struct config_engine *config)
{
    struct arena *a = &set->arena;
    struct engine_info *info = &set->infos[set->count];
    struct entry *entry = &set->entries[set->count++];
    struct config_list stop = copy_list(a, config->stop);
    *info = (struct engine_info){
        .name = arena_str(a, config->name),
        .provider = arena_str(a, config->provider),
        .model = arena_str(a, config->model),
        .context_tokens = config->context_tokens,
    };
    *entry = (struct entry){
        .info = info,
        .sampling = {.temperature = config->temperature,
                     .top_p = config->top_p,
                     .frequency_penalty = config->frequency_penalty,
                     .presence_penalty = config->presence_penalty,
                     .min_p = config->min_p,
                     .repeat_penalty = config->repeat_penalty,
                     .top_k = config->top_k,
                     .max_tokens = config->max_tokens,
                     .seed = config->seed,
                     .stop = stop.v,
                     .stop_count = stop.n},
        .merge_system = str_eq(config->style, STR("user")),
        .fallback = copy_list(a, config->fallback),
        .slot = slot_find(set, config->provider),
        .meter = engine_meter(config->name),
    };
    info->scripted = entry->slot && str_eq(entry->slot->config.type, STR("scripted"));
    info->sees = engine_sees(config, entry->slot ? &entry->slot->config : NULL);
}

/* Models on this machine: a provider that is always there, unless a section has its name. */
static void add_llama(struct set *set)
{
    struct config_provider provider = {.name = STR("llama"),
                                       .type = STR("llama"),
                                       .total_timeout = LLAMA_TOTAL_MS,
                                       .breaker_failures = 1000};
    if (!slot_find(set, provider.name))
        add_slot(set, &provider);
}

/* The responder that is always there: as if the file said [engine.scripted] provider = scripted. */
static void add_scripted(struct set *set)
{
    struct gen_sampling unset;
    struct config_provider provider = {.name = STR("scripted"), .type = STR("scripted")};
    gen_sampling_init(&unset);
    struct config_engine engine = {
        .name = STR("scripted"),
        .provider = STR("scripted"),
        .model = STR("scripted"),
        .style = STR("system"),
        .vision = STR("off"),
        .temperature = unset.temperature,
        .top_p = unset.top_p,
        .frequency_penalty = unset.frequency_penalty,
        .presence_penalty = unset.presence_penalty,
        .min_p = unset.min_p,
        .repeat_penalty = unset.repeat_penalty,
        .top_k = unset.top_k,
        .max_tokens = unset.max_tokens,
        .seed = unset.seed,
        .context_tokens = CONFIG_NO_INT,
    };
    provider.breaker_failures = 1000;
    add_slot(set, &provider);
    add_entry(set, &engine);
}

static struct set *set_new(const struct config *config)
{
    struct set *set = heap_alloc(sizeof *set);
    set->slots = arena_array(&set->arena, struct slot, config->provider_count + 2);
    set->infos = arena_array(&set->arena, struct engine_info, config->engine_count + 1);
    set->entries = arena_array(&set->arena, struct entry, config->engine_count + 1);
    for (size_t i = 0; i < config->provider_count; i++)
        add_slot(set, &config->providers[i]);
    add_llama(set);
    for (size_t i = 0; i < config->engine_count; i++)
        add_entry(set, &config->engines[i]);
    add_scripted(set);
    set->default_name = arena_str(&set->arena, config->engine.default_name);
    if (!set_find(set, set->default_name) || set->default_name.n == 0)
        set->default_name = set->entries[0].info->name; /* the first configured, else `scripted` */
    for (size_t i = 0; i < set->count; i++) {
        struct entry *entry = &set->entries[i];
        if (!entry->slot && str_ieq(entry->info->provider, STR("scripted")))
            entry->slot = slot_find(set, STR("scripted"));
    }
    return set;
}

const struct entry *set_find(const struct set *set, struct str name)
{
    if (name.n == 0)
        name = set->default_name;
    for (size_t i = 0; i < set->count; i++) {
        if (str_ieq(set->entries[i].info->name, name))
            return &set->entries[i];
    }
    return NULL;
}

static void set_free(struct set *set)
{
    for (size_t i = 0; i < set->slot_count; i++) {
        struct provider *provider = set->slots[i].provider;
        if (provider)
            provider->driver->close(provider);
    }
    arena_release(&set->arena);
    free(set);
}

static void free_later(void *arg)
{
    on_loop();
    set_free(arg);
}

void set_done(struct home *home, struct set *set)
{
    /* Later, as this may be running inside a callback of the set's own provider. */
    if (--set->running == 0 && set->retired)
        loop_defer(home->loop, free_later, set);
}

static void retire(struct set *set)
{
    set->retired = true;
    if (set->running == 0)
        set_free(set);
}

enum err engines_new(struct loops *loops, const struct config *config, struct engines **out, struct error *e)
{
    struct engines *engines = heap_alloc(sizeof *engines);
    (void)e;
    engines->loops = loops;
    for (unsigned i = 0; i < loops_count(loops); i++)
        engines->homes[i] =
            (struct home){.all = engines, .loop = loops_get(loops, i), .set = set_new(config)};
    *out = engines;
    return ERR_OK;
}

struct replacement {
    struct msg msg;
    struct home *home;
    struct set *set;
};

static void deliver_set(struct msg *msg)
{
    on_loop();
    struct replacement *r = CONTAINER(msg, struct replacement, msg);
    struct set *old = r->home->set;
    if (old) {
        r->home->set = r->set;
        retire(old);
    } else {
        set_free(r->set);
    }
    free(r);
}

void engines_replace(struct engines *engines, const struct config *config)
{
    for (unsigned i = 0; i < loops_count(engines->loops); i++) {
        struct replacement *r = heap_alloc(sizeof *r);
        *r = (struct replacement){{.deliver = deliver_set}, &engines->homes[i], set_new(config)};
        loop_post(engines->homes[i].loop, &r->msg);
    }
}

void engines_stop(struct engines *engines, struct loop *loop)
{
    on_loop();
    struct home *home = &engines->homes[loop_index(loop)];
    if (!home->set)
        return;
    runs_stop(home);
    retire(home->set);
    home->set = NULL;
}

void engines_free(struct engines *engines)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        if (engines->homes[i].set)
            set_free(engines->homes[i].set);
    }
    free(engines);
}

struct home *engines_home(struct engines *engines)
{
    return &engines->homes[loop_index(loop_self())];
}

bool engines_known(struct engines *engines, struct str name)
{
    return engines_find(engines, name) != NULL;
}

bool engines_speaks(struct engines *engines, struct str name)
{
    const struct set *set = engines_home(engines)->set;
    const struct entry *entry = set ? set_find(set, name) : NULL;
    const struct provider_driver *driver =
        entry && entry->slot ? provider_driver(entry->slot->config.type) : NULL;
    return driver && driver->played;
}

struct str engines_default(struct engines *engines)
{
    const struct set *set = engines_home(engines)->set;
    return set ? set->default_name : STR_NONE;
}

const struct engine_info *engines_find(struct engines *engines, struct str name)
{
    const struct set *set = engines_home(engines)->set;
    const struct entry *entry = set ? set_find(set, name) : NULL;
    return entry ? entry->info : NULL;
}

const struct engine_info *engines_list(struct engines *engines, size_t *count)
{
    const struct set *set = engines_home(engines)->set;
    *count = set ? set->count : 0;
    return set ? set->infos : NULL;
}
