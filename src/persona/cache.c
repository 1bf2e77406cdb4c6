/* A loop's cache of personas; see cache.h. */
#include "persona/cache.h"

#include <stdlib.h>

static void unlink_entry(struct persona_cache *c, struct cached *entry)
{
    *(entry->newer ? &entry->newer->older : &c->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &c->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(struct persona_cache *c, struct cached *entry)
{
    entry->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = entry;
    c->newest = entry;
}

static void forget(struct persona_cache *c, struct cached *entry)
{
    unlink_entry(c, entry);
    map_del(&c->by_id, id_key(&entry->persona->id));
    if (map_get(&c->by_slug, entry->persona->slug) == entry)
        map_del(&c->by_slug, entry->persona->slug);
    arena_release(&entry->arena);
    free(entry);
    c->count--;
}

void persona_cache_release(struct persona_cache *c)
{
    while (c->newest)
        forget(c, c->newest);
    map_release(&c->by_id);
    map_release(&c->by_slug);
}

static const struct persona *used(struct persona_cache *c, struct cached *entry)
{
    if (!entry)
        return NULL;
    unlink_entry(c, entry);
    link_newest(c, entry);
    return entry->persona;
}

const struct persona *persona_cache_id(struct persona_cache *c, struct id id)
{
    return used(c, map_get(&c->by_id, id_key(&id)));
}

const struct persona *persona_cache_slug(struct persona_cache *c, struct str slug)
{
    return used(c, map_get(&c->by_slug, slug));
}

void persona_cache_put(struct persona_cache *c, const struct persona *p)
{
    struct cached *old = map_get(&c->by_id, id_key(&p->id));
    if (old)
        forget(c, old);
    while (c->count >= c->max && c->oldest)
        forget(c, c->oldest);
    struct cached *entry = heap_alloc(sizeof *entry);
    entry->persona = persona_copy(&entry->arena, p);
    map_set(&c->by_id, id_key(&entry->persona->id), entry);
    if (entry->persona->slug.n)
        map_set(&c->by_slug, entry->persona->slug, entry);
    link_newest(c, entry);
    c->count++;
}

void persona_cache_drop(struct persona_cache *c, struct id id)
{
    struct cached *entry = map_get(&c->by_id, id_key(&id));
    c->changes++;
    if (entry)
        forget(c, entry);
}
