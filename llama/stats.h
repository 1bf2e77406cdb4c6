/*
 * Running totals since loading, as the `stats` frame tells them. The scheduler counts; the reader answers at
 * once, also while a batch runs.
 */
#ifndef EIDOLON_LLAMA_STATS_H
#define EIDOLON_LLAMA_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats {
    size_t queue, running, sequences, kv_used, kv_size;
    uint64_t batches, batch_tokens, batch_sequences_max;
    uint64_t prompt_tokens, prompt_us, cached_tokens, decode_tokens, decode_us;
};

/* The scheduler's own; told to others by stats_publish(). */
extern struct stats stats;

void stats_reset(void);
void stats_publish(void);
/* A batch that took `us`: tokens said and prompt tokens read in it, of so many sequences. */
void stats_batch(uint64_t us, size_t said, size_t read, size_t sequences);
/* Sends the frame. Any thread. */
void stats_tell(void);

#endif
