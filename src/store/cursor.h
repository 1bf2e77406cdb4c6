/*
 * List cursors: the place after the last row of a page, as opaque text. The same in all drivers.
 */
#ifndef EIDOLON_STORE_CURSOR_H
#define EIDOLON_STORE_CURSOR_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"

struct list_place {
    int64_t number;  /* time, in lists ordered by time */
    struct str text; /* sort key, in lists ordered by one */
    struct id id;
};

struct str list_place_write(struct arena *a, const struct list_place *place);
/* ERR_INVALID (param "after") if it is none of ours. */
enum err list_place_read(struct arena *a, struct str cursor, struct list_place *out, struct error *e);

/* The first 160 bytes or so of the "text" of a message's data; empty if there is none. */
struct str row_preview(struct arena *a, struct str data);

/* cause, parent and `of` may name a row of the same append (ROW_OF_APPEND): the number it gets. */
uint64_t row_resolve(uint64_t link, uint64_t first_seq, size_t count);

/* A growing array of rows in an arena. */
void *store_grow(struct arena *a, void *rows, size_t count, size_t *cap, size_t size);

#endif
