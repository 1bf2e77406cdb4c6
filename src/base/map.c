/* Hash tables; see map.h. Linear probing, at most 3/4 full, removal by shifting back. */
#include "base/map.h"

#include "base/arena.h"

#include <stdlib.h>

void map_release(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].hash)
            free((char *)m->slots[i].key.p);
    }
    free(m->slots);
    *m = MAP_INIT;
}

static uint64_t hash_of(struct str key)
{
    uint64_t hash = hash_bytes(key);
    return hash ? hash : 1;
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *find(const struct map *m, uint64_t hash, struct str key)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->hash || (slot->hash == hash && str_eq(slot->key, key)))
            return slot;
    }
}

static void grow(struct map *m)
{
    struct map bigger = {.cap = m->cap ? m->cap * 2 : 16, .count = m->count};
    bigger.slots = heap_alloc(bigger.cap * sizeof *bigger.slots);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].hash)
            *find(&bigger, m->slots[i].hash, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
}

void *map_get(const struct map *m, struct str key)
{
    return m->cap ? find(m, hash_of(key), key)->value : NULL;
}

void *map_set(struct map *m, struct str key, void *value)
{
    if (m->count + 1 > m->cap / 4 * 3)
        grow(m);
    uint64_t hash = hash_of(key);
    struct map_slot *slot = find(m, hash, key);
    void *before = slot->value;
    if (!slot->hash) {
        *slot = (struct map_slot){hash, {heap_cstr(key), key.n}, NULL};
        m->count++;
    }
    slot->value = value;
    return before;
}

void *map_del(struct map *m, struct str key)
{
    struct map_slot *slot = m->cap ? find(m, hash_of(key), key) : NULL;
    if (!slot || !slot->hash)
        return NULL;
    void *value = slot->value;
    free((char *)slot->key.p);
    m->count--;
    /* Close the gap: move back every follower whose own place is not after the gap. */
    size_t gap = (size_t)(slot - m->slots), mask = m->cap - 1;
    for (size_t i = (gap + 1) & mask; m->slots[i].hash; i = (i + 1) & mask) {
        size_t ideal = m->slots[i].hash & mask;
        if (((i - ideal) & mask) >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct map_slot){0};
    return value;
}

bool map_next(const struct map *m, size_t *at, void **value)
{
    while (*at < m->cap) {
        const struct map_slot *slot = &m->slots[(*at)++];
        if (slot->hash) {
            *value = slot->value;
            return true;
        }
    }
    return false;
}
