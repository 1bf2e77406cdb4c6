/* Parked sequences; see park.h. */
#include "park.h"

#include <stdlib.h>

#include "base/arena.h"
#include "model.h"

enum { WORTH = 32 }; /* tokens; fewer are read again faster than looked for */

static struct {
    struct parked *first;
    uint64_t bytes, bytes_max;
} lot;

static void forget(struct parked **at)
{
    struct parked *p = *at;
    *at = p->next;
    lot.bytes -= p->bytes;
    free(p->key);
    free(p->tokens);
    free(p->state);
    free(p);
}

void park_close(void)
{
    while (lot.first)
        forget(&lot.first);
}

void park_open(uint64_t bytes_max)
{
    park_close();
    lot.bytes_max = bytes_max;
}

uint64_t park_bytes(void)
{
    return lot.bytes;
}

static size_t shared(const struct parked *p, const llama_token *tokens, size_t n)
{
    size_t i = 0;
    while (i < n && i < p->n && p->tokens[i] == tokens[i])
        i++;
    return i;
}

/* Those that are the beginning of this row: it replaces them. True if one holds all of it, and more. */
static bool tidy(const llama_token *tokens, size_t n)
{
    for (struct parked **at = &lot.first; *at;) {
        size_t same = shared(*at, tokens, n);
        if (same == n)
            return true;
        if (same == (*at)->n)
            forget(at);
        else
            at = &(*at)->next;
    }
    return false;
}

bool park_add(llama_seq_id id, const char *key, const llama_token *tokens, size_t n)
{
    if (n < WORTH || tidy(tokens, n))
        return false;
    size_t bytes = lib.llama_state_seq_get_size(model.context, id);
    if (!bytes || bytes > lot.bytes_max)
        return false;
    while (lot.bytes + bytes > lot.bytes_max) {
        struct parked **last = &lot.first;
        while ((*last)->next)
            last = &(*last)->next;
        forget(last);
    }
    struct parked *p = heap_alloc(sizeof *p);
    p->state = malloc(bytes);
    if (!p->state || lib.llama_state_seq_get_data(model.context, p->state, bytes, id) != bytes) {
        free(p->state);
        free(p);
        return false;
    }
    p->key = heap_cstr(str_c(key));
    p->tokens = heap_alloc(n * sizeof *tokens);
    memcpy(p->tokens, tokens, n * sizeof *tokens);
    p->n = n;
    p->bytes = bytes;
    p->next = lot.first;
    lot.first = p;
    lot.bytes += bytes;
    return true;
}

struct parked *park_find(const llama_token *tokens, size_t n, size_t *common)
{
    struct parked *best = NULL;
    *common = 0;
    for (struct parked *p = lot.first; p; p = p->next) {
        size_t same = shared(p, tokens, n);
        if (!model.partial && same < p->n)
            continue; /* all of it, or nothing */
        if (same > *common) {
            best = p;
            *common = same;
        }
    }
    return best;
}

bool park_restore(struct parked *p, llama_seq_id id, bool keep)
{
    bool whole = lib.llama_state_seq_set_data(model.context, p->state, p->bytes, id) == p->bytes;
    if (whole && keep)
        return true;
    struct parked **at = &lot.first;
    while (*at != p)
        at = &(*at)->next;
    forget(at);
    return whole;
}
