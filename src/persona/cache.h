/*
 * One loop's cache of personas by id and slug; the least recently used goes. It belongs to its loop's thread.
 *
 * `changes` counts what was dropped because it changed: a read that began before a change must not be cached
 * after it (personas.c compares the counts).
 */
#ifndef EIDOLON_PERSONA_CACHE_H
#define EIDOLON_PERSONA_CACHE_H

#include "base/map.h"
#include "persona/persona.h"

struct cached {
    struct cached *newer, *older;
    struct arena arena;
    struct persona *persona;
};

struct persona_cache {
    struct map by_id, by_slug;
    struct cached *newest, *oldest;
    size_t count, max;
    uint64_t changes;
};

void persona_cache_release(struct persona_cache *c);
/* NULL: not here. Valid until the next call with this cache. */
const struct persona *persona_cache_id(struct persona_cache *c, struct id id);
const struct persona *persona_cache_slug(struct persona_cache *c, struct str slug);
void persona_cache_put(struct persona_cache *c, const struct persona *p);
void persona_cache_drop(struct persona_cache *c, struct id id);

#endif
