/* Arenas and the aborting heap; see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CHUNK = 1024, LARGEST_CHUNK = 256 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

static void out_of_memory(size_t n)
{
    fprintf(stderr, "eidolon: out of memory asking for %zu bytes; stopping.\n", n);
    abort();
}

void *heap_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

void *heap_realloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (!grown)
        out_of_memory(n);
    return grown;
}

char *heap_cstr(struct str s)
{
    char *copy = heap_alloc(s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

struct str heap_str(struct str s)
{
    return (struct str){heap_cstr(s), s.n};
}

void arena_release(struct arena *a)
{
    struct arena_chunk *chunk = a->chunks;
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *a = ARENA_INIT;
}

static struct arena_chunk *add_chunk(struct arena *a, size_t need)
{
    size_t size = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    if (size < need)
        size = need;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        out_of_memory(size);
    chunk->used = 0;
    chunk->size = size;
    chunk->next = a->chunks;
    a->chunks = chunk;
    a->total += size;
    return chunk;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t align = alignof(max_align_t);
    if (n > SIZE_MAX / 2)
        out_of_memory(n);
    size_t need = (n + align - 1) / align * align;
    if (need == 0)
        need = align;
    struct arena_chunk *chunk = a->chunks;
    if (!chunk || chunk->size - chunk->used < need)
        chunk = add_chunk(a, need);
    void *p = chunk->data + chunk->used;
    chunk->used += need;
    return memset(p, 0, need);
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t n = 0;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory(SIZE_MAX);
    return arena_alloc(a, n);
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){arena_cstr(a, s), s.n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return STR_NONE;
    char *text = arena_alloc(a, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return str_of(text, (size_t)n);
}
