/*
 * Inside the engine registry: a loop's set of engines, and a generation's way through its chain.
 *
 * engine.c makes, replaces and frees sets; engine_run.c runs generations. A set is immutable but for the
 * providers, which are opened at their first use; a retired set is freed when its last run has ended.
 */
#ifndef EIDOLON_ENGINE_ENGINE_INNER_H
#define EIDOLON_ENGINE_ENGINE_INNER_H

#include "engine/engine.h"
#include "engine/meter.h"

/* A provider of a set. */
struct slot {
    struct config_provider config;
    struct provider *provider; /* NULL until used */
    struct provider_meter *meter;
};

struct entry {
    struct engine_info *info;
    struct gen_sampling sampling;
    bool merge_system;
    struct config_list fallback;
    struct slot *slot; /* NULL: the engine names a provider that there is not */
    struct engine_meter *meter;
};

struct set {
    struct arena arena;
    struct engine_info *infos; /* entries[i].info is &infos[i] */
    struct entry *entries;
    size_t count;
    struct slot *slots;
    size_t slot_count;
    struct str default_name;
    unsigned running;
    bool retired;
};

/* What one loop has. */
struct home {
    struct engines *all;
    struct loop *loop;
    struct set *set; /* NULL after engines_stop() */
    struct run *runs;
};

struct engines {
    struct loops *loops;
    struct home homes[LOOPS_MAX];
};

struct home *engines_home(struct engines *engines) LOOP; /* the calling loop's */
const struct entry *set_find(const struct set *set, struct str name);
/* A run of the set is over; frees a retired set, later. */
void set_done(struct home *home, struct set *set) LOOP;

/* vision.c: by the engine's setting, and the model's name where that is auto. */
bool engine_sees(const struct config_engine *engine, const struct config_provider *provider);
bool engine_model_sees(struct str model);

/* engine_run.c: cancels every run of the loop without a word. */
void runs_stop(struct home *home) LOOP;

#endif
