/*
 * An arena: many small allocations that are freed together, one per request, turn or job.
 *
 * Memory comes in chunks that grow; nothing is freed before arena_release(). Allocation never returns NULL:
 * out of memory aborts the process. An arena belongs to one thread at a time.
 */
#ifndef EIDOLON_BASE_ARENA_H
#define EIDOLON_BASE_ARENA_H

#include "base/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t total;               /* bytes taken from malloc */
};

#define ARENA_INIT ((struct arena){NULL, 0})

void arena_release(struct arena *a); /* frees everything; the arena is empty and usable again */

/* Zeroed, aligned for any type. n may be 0 (a unique pointer). */
void *arena_alloc(struct arena *a, size_t n);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t count, size_t size);

/* Copies; the copy is also NUL-terminated (the NUL is not counted). */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Plain heap with the same rule: zeroed, aborts instead of NULL. */
void *heap_alloc(size_t n);
void *heap_realloc(void *p, size_t n);
char *heap_cstr(struct str s);
/* A copy on the heap, NUL-terminated beyond its length; freed as (char *)copy.p. */
struct str heap_str(struct str s);

#endif
