/*
 * Parked sequences: what was in the key-value cache, copied out to plain memory.
 *
 * The cache holds what is being said. Of rooms that are silent its cells would be in everybody's way:
 * attention looks at each of them, if only to see that it is masked (for a small model that is a tenth of the
 * work per thousand tokens). So silent rooms are copied out when somebody has much to read, or when cells are
 * short, and copied in again when they speak, which costs a thousandth of reading them again. Past the limit
 * of bytes the oldest is forgotten.
 *
 * All of it belongs to the scheduler's thread.
 */
#ifndef EIDOLON_LLAMA_PARK_H
#define EIDOLON_LLAMA_PARK_H

#include "library.h"

struct parked {
    struct parked *next; /* newest first */
    char *key;
    llama_token *tokens;
    size_t n, bytes;
    uint8_t *state;
};

/* Empties it and sets the limit of bytes. */
void park_open(uint64_t bytes_max);
void park_close(void);
/* Copies a sequence of n tokens out. False if it does not fit, or is held in a longer one already. */
bool park_add(llama_seq_id id, const char *key, const llama_token *tokens, size_t n);
/* The one that shares most tokens with a row of n; *common says how many. NULL: none shares any. */
struct parked *park_find(const llama_token *tokens, size_t n, size_t *common);
/* Copies it into an empty sequence. False if llama.cpp would not. Unless it is wanted for its beginning only
 * (`keep`), it is forgotten here. */
bool park_restore(struct parked *p, llama_seq_id id, bool keep);
uint64_t park_bytes(void);

#endif
