/*
 * The only reference-counted type of the house: an immutable run of bytes that many sockets send.
 *
 * A broadcast is encoded once into one of these, and each connection that could not take it at once keeps a
 * reference and an offset instead of a copy. Counting is atomic, so a buffer may be made on one thread and
 * sent from several loops. The bytes never change after shared_new() (or after the maker filled what
 * shared_make() gave, before anybody else saw it).
 */
#ifndef EIDOLON_NET_SHARED_H
#define EIDOLON_NET_SHARED_H

#include "base/str.h"

#include <stdatomic.h>

struct shared {
    atomic_uint refs;
    size_t n;
    char p[];
};

/* Both return the caller's one reference; they abort instead of returning NULL. */
struct shared *shared_new(struct str bytes); /* a copy */
struct shared *shared_make(size_t n);        /* unset bytes for the maker to fill */

struct shared *shared_ref(struct shared *s); /* returns s */
void shared_unref(struct shared *s);         /* NULL allowed */

static inline struct str shared_str(const struct shared *s)
{
    return (struct str){s->p, s->n};
}

#endif
