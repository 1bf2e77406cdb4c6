/* Reference-counted bytes; see shared.h. */
#include "net/shared.h"

#include "base/arena.h"

#include <stdlib.h>

struct shared *shared_make(size_t n)
{
    /* Not heap_alloc(): the bytes are about to be written anyway. */
    struct shared *s = heap_realloc(NULL, sizeof *s + n);
    atomic_init(&s->refs, 1);
    s->n = n;
    return s;
}

struct shared *shared_new(struct str bytes)
{
    struct shared *s = shared_make(bytes.n);
    if (bytes.n)
        memcpy(s->p, bytes.p, bytes.n);
    return s;
}

struct shared *shared_ref(struct shared *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void shared_unref(struct shared *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}
