/*
 * Utterances that were spoken before: sound and timings kept in DATA/cache/speech, by who spoke what and how.
 *
 * The key is the provider, the voice, language, prosody and feeling, and the text, hashed. One file an
 * utterance: a head, the timings as JSON, the samples. The list of files is in memory, so a miss costs no
 * look at the disk; above the size allowed the least recently used go. It is a cache: files are written
 * beside their place and renamed, but not synced; one that is not whole is not used, and removed.
 *
 * tts_cached() makes a driver of another one: what it speaks for the first time is kept, what was kept is
 * read by a worker and given out at once. Utterances that fail, or were cancelled, are not kept.
 *
 * Functions marked WORKER block; the others are for any thread. It does not: know rooms; keep what must not
 * be lost (that is store/blob.h).
 */
#ifndef EIDOLON_VOICE_CACHE_H
#define EIDOLON_VOICE_CACHE_H

#include "store/blob.h"
#include "voice/tts.h"

struct speech_cache;

/* `folder` is the data folder. Plain thread; reads the list of what is there. max_bytes 0: keeps nothing. */
struct speech_cache *speech_cache_new(const char *folder, uint64_t max_bytes);
void speech_cache_set_max(struct speech_cache *cache, uint64_t max_bytes);
void speech_cache_free(struct speech_cache *cache); /* after loops and workers ended */

struct spoken_file {
    unsigned rate;
    struct tts_word *words;
    size_t word_count;
    struct viseme_key *keys;
    size_t key_count;
    const int16_t *samples;
    size_t sample_count;
};

struct blob_hash speech_cache_key(struct str provider, const struct tts_request *request);
bool speech_cache_has(struct speech_cache *cache, const struct blob_hash *key);
/* False: it is not there after all. All lies in `a`. */
bool speech_cache_read(struct speech_cache *cache, const struct blob_hash *key, struct arena *a,
                       struct spoken_file *out) WORKER;
void speech_cache_write(struct speech_cache *cache, const struct blob_hash *key,
                        const struct spoken_file *file) WORKER;

struct speech_cache_stats {
    uint64_t made, hits; /* utterances that a voice spoke; that were there */
    uint64_t files, bytes;
};
void speech_cache_stats(struct speech_cache *cache, struct speech_cache_stats *out);
void speech_cache_count(struct speech_cache *cache, bool hit);

/* Takes `inner`; cache NULL gives it back as it is. */
struct tts *tts_cached(struct tts *inner, struct str provider, struct speech_cache *cache,
                       struct workers *workers) LOOP;

#endif
