/*
 * A hash table from bytes to pointers (open addressing, keyed hash, so a peer cannot choose collisions).
 *
 * The map copies its keys and does not own its values. Removing while iterating is not allowed. A map belongs
 * to one thread at a time.
 */
#ifndef EIDOLON_BASE_MAP_H
#define EIDOLON_BASE_MAP_H

#include "base/id.h"
#include "base/str.h"

struct map_slot {
    uint64_t hash; /* 0: free */
    struct str key;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t count, cap;
};

#define MAP_INIT ((struct map){0})

void map_release(struct map *m); /* frees keys and slots, not values */
void *map_get(const struct map *m, struct str key);
/* Sets and returns the value that was there before, or NULL. value must not be NULL. */
void *map_set(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key); /* returns the removed value, or NULL */

static inline struct str id_key(const struct id *id)
{
    return str_of((const char *)id->b, sizeof id->b);
}

/* for (size_t i = 0; map_next(m, &i, &value);) */
bool map_next(const struct map *m, size_t *at, void **value);

#endif
