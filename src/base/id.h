/*
 * Ids and random numbers.
 *
 * An id is a UUIDv7 (RFC 9562): 48 bits of wall-clock milliseconds, then random bits, so ids made later sort
 * later, roughly. Outside the house ids are opaque strings; inside they are 16 bytes passed by value. The
 * zero id means "none".
 */
#ifndef EIDOLON_BASE_ID_H
#define EIDOLON_BASE_ID_H

#include "base/str.h"

struct id {
    uint8_t b[16];
};

#define ID_NONE ((struct id){{0}})
enum { ID_TEXT = 37 }; /* bytes of the text with its NUL */

struct id id_new(void);
static inline bool id_eq(struct id a, struct id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}
static inline bool id_none(struct id a)
{
    return id_eq(a, ID_NONE);
}
/* Lower-case 8-4-4-4-12. */
void id_format(char to[ID_TEXT], struct id id);
struct id_text {
    char c[ID_TEXT];
};
struct id_text id_text(struct id id); /* for printf: id_text(id).c */
/* The form that id_format() writes, any case; false leaves *out alone. */
bool id_parse(struct str s, struct id *out);
/* A stable id (UUIDv8) for a name within a space: same names, same id, on every machine. No secret. */
struct id id_of_name(struct str space, struct str name);
/* A spread of the id for tables and for choosing a home loop. */
uint64_t id_hash(struct id id);

/* From the kernel, through a per-thread buffer; never fails. */
void random_bytes(void *to, size_t n);
uint64_t random_u64(void);
double random_unit(void); /* 0 <= x < 1 */
/* Tests only: a fixed sequence from this seed on the calling thread; 0 restores the kernel's. */
void random_seed(uint64_t seed);

/* SipHash-1-3 under a key of this process: for tables whose keys a peer chooses. */
uint64_t hash_bytes(struct str s);

#endif
