/* Counting; see stats.h. */
#include "stats.h"

#include <math.h>
#include <pthread.h>

#include "base/clock.h"
#include "memory.h"
#include "out.h"

enum { RATE_FORGETS_US = 2000 * 1000 }; /* tokens a second: over about the last two seconds of work */

struct stats stats;
static struct {
    pthread_mutex_t lock;
    struct stats told;
    double said, us; /* lately, older batches counting less */
} shown = {.lock = PTHREAD_MUTEX_INITIALIZER};

void stats_reset(void)
{
    stats = (struct stats){0};
    pthread_mutex_lock(&shown.lock);
    shown.told = stats;
    shown.said = shown.us = 0;
    pthread_mutex_unlock(&shown.lock);
}

void stats_publish(void)
{
    pthread_mutex_lock(&shown.lock);
    shown.told = stats;
    pthread_mutex_unlock(&shown.lock);
}

void stats_batch(uint64_t us, size_t said, size_t read, size_t sequences)
{
    stats.batches++;
    stats.batch_tokens += said + read;
    if (sequences > stats.batch_sequences_max)
        stats.batch_sequences_max = sequences;
    stats.prompt_tokens += read;
    stats.decode_tokens += said;
    /* A batch of both kinds is shared out by tokens. */
    uint64_t reading = us * read / (said + read ? said + read : 1);
    stats.prompt_us += reading;
    stats.decode_us += us - reading;
    double keep = exp(-(double)(us - reading) / RATE_FORGETS_US);
    pthread_mutex_lock(&shown.lock);
    shown.said = shown.said * keep + (double)said;
    shown.us = shown.us * keep + (double)(us - reading);
    pthread_mutex_unlock(&shown.lock);
}

void stats_tell(void)
{
    pthread_mutex_lock(&shown.lock);
    struct stats s = shown.told;
    double rate = shown.us > 0 ? shown.said * 1e6 / shown.us : 0;
    pthread_mutex_unlock(&shown.lock);
    uint64_t memory = memory_of_process();
    struct jw *w = out_begin("stats", 0);
    jw_kv_u64(w, "queue", s.queue);
    jw_kv_u64(w, "running", s.running);
    jw_kv_u64(w, "sequences", s.sequences);
    jw_kv_u64(w, "kv_used", s.kv_used);
    jw_kv_u64(w, "kv_size", s.kv_size);
    jw_kv_u64(w, "batches", s.batches);
    jw_kv_u64(w, "batch_tokens", s.batch_tokens);
    jw_kv_u64(w, "batch_sequences_max", s.batch_sequences_max);
    jw_kv_u64(w, "prompt_tokens", s.prompt_tokens);
    jw_kv_u64(w, "prompt_ms", s.prompt_us / 1000);
    jw_kv_u64(w, "cached_tokens", s.cached_tokens);
    jw_kv_u64(w, "decode_tokens", s.decode_tokens);
    jw_kv_u64(w, "decode_ms", s.decode_us / 1000);
    jw_kv_u64(w, "memory_bytes", memory);
    jw_kv_double(w, "tokens_per_second", (double)(int64_t)(rate * 10) / 10);
    out_end();
}
