/* The files of the speech cache; see cache.h. */
#include "voice/cache.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file's head: magic, rate, bytes of the timings, samples; 32 bits each, little-endian as all machines this
 * runs on. */
struct file_head {
    char magic[4];
    uint32_t rate, timing_bytes, samples;
};
static const char magic[4] = {'E', 'V', 'C', '1'};
enum { FILE_MAX = 64 << 20, PATH_SIZE = 4096 };

struct entry {
    struct blob_hash key;
    uint64_t bytes, used; /* used: a clock that goes on with each use */
};

struct speech_cache {
    pthread_mutex_t lock;
    char folder[PATH_SIZE - 200];
    struct map entries;
    uint64_t max, bytes, clock, made, hits;
};

static struct str key_str(const struct blob_hash *key)
{
    return str_of((const char *)key->b, sizeof key->b);
}

static void path_of(const struct speech_cache *cache, const struct blob_hash *key, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", cache->folder, blob_text(key).c);
}

struct blob_hash speech_cache_key(struct str provider, const struct tts_request *r)
{
    struct blob_hash hash;
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_printf(&b, "1\n%.*s\n%.*s\n%.*s\n%.3f %.3f %.3f\n%.*s %.1f %.1f\n", STR_ARG(provider),
               STR_ARG(r->voice), STR_ARG(r->language), r->prosody.rate, r->prosody.pitch, r->prosody.volume,
               STR_ARG(r->emotion.label), r->emotion.valence, r->emotion.arousal);
    buf_add(&b, r->text);
    blob_hash_of(buf_str(&b), &hash);
    return hash;
}

/* ---- the list; the lock is held ---- */

static void add(struct speech_cache *cache, const struct blob_hash *key, uint64_t bytes, uint64_t used)
{
    struct entry *e = heap_alloc(sizeof *e);
    *e = (struct entry){*key, bytes, used};
    struct entry *old = map_set(&cache->entries, key_str(key), e);
    cache->bytes += bytes - (old ? old->bytes : 0);
    free(old);
}

static void drop(struct speech_cache *cache, const struct blob_hash *key)
{
    char path[PATH_SIZE];
    struct entry *e = map_del(&cache->entries, key_str(key));
    if (!e)
        return;
    path_of(cache, key, path);
    unlink(path);
    cache->bytes -= e->bytes;
    free(e);
}

static void shrink(struct speech_cache *cache)
{
    while (cache->bytes > cache->max && cache->entries.count) {
        struct entry *oldest = NULL;
        void *value = NULL;
        for (size_t at = 0; map_next(&cache->entries, &at, &value);) {
            struct entry *e = value;
            if (!oldest || e->used < oldest->used)
                oldest = e;
        }
        struct blob_hash key = oldest->key;
        drop(cache, &key);
    }
}

/* ---- opening ---- */

struct found {
    struct blob_hash key;
    uint64_t bytes;
    int64_t at_ns;
};

static int by_age(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

static void read_list(struct speech_cache *cache)
{
    struct found *list = NULL;
    size_t count = 0, cap = 0;
    char path[PATH_SIZE + 300];
    DIR *dir = opendir(cache->folder);
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        struct found f;
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", cache->folder, d->d_name);
        if (d->d_name[0] == '.' || lstat(path, &st) != 0)
            continue;
        if (!blob_parse(str_c(d->d_name), &f.key)) {
            unlink(path); /* a write that did not come to its end */
            continue;
        }
        f.bytes = (uint64_t)st.st_size;
        f.at_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        if (count == cap)
            list = heap_realloc(list, (cap = cap ? cap * 2 : 64) * sizeof *list);
        list[count++] = f;
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(list, count, sizeof *list, by_age);
    for (size_t i = 0; i < count; i++)
        add(cache, &list[i].key, list[i].bytes, ++cache->clock);
    free(list);
}

struct speech_cache *speech_cache_new(const char *folder, uint64_t max_bytes)
{
    struct speech_cache *cache = heap_alloc(sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    cache->max = max_bytes;
    snprintf(cache->folder, sizeof cache->folder, "%s/cache", folder);
    mkdir(cache->folder, 0700);
    snprintf(cache->folder, sizeof cache->folder, "%s/cache/speech", folder);
    if (mkdir(cache->folder, 0700) != 0 && errno != EEXIST)
        log_warn("voice", "spoken sentences are not kept: %s cannot be made", cache->folder);
    read_list(cache);
    shrink(cache);
    return cache;
}

void speech_cache_set_max(struct speech_cache *cache, uint64_t max_bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->max = max_bytes;
    shrink(cache);
    pthread_mutex_unlock(&cache->lock);
}

void speech_cache_free(struct speech_cache *cache)
{
    void *value = NULL;
    if (!cache)
        return;
    for (size_t at = 0; map_next(&cache->entries, &at, &value);)
        free(value);
    map_release(&cache->entries);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

bool speech_cache_has(struct speech_cache *cache, const struct blob_hash *key)
{
    pthread_mutex_lock(&cache->lock);
    bool has = map_get(&cache->entries, key_str(key)) != NULL;
    pthread_mutex_unlock(&cache->lock);
    return has;
}

void speech_cache_count(struct speech_cache *cache, bool hit)
{
    pthread_mutex_lock(&cache->lock);
    cache->hits += hit;
    cache->made += !hit;
    pthread_mutex_unlock(&cache->lock);
}

void speech_cache_stats(struct speech_cache *cache, struct speech_cache_stats *out)
{
    pthread_mutex_lock(&cache->lock);
    *out = (struct speech_cache_stats){cache->made, cache->hits, cache->entries.count, cache->bytes};
    pthread_mutex_unlock(&cache->lock);
}

/* ---- reading ---- */

static bool read_all(const char *path, struct arena *a, struct str *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct file_head) &&
              st.st_size <= FILE_MAX;
    if (ok) {
        size_t n = (size_t)st.st_size, have = 0;
        char *bytes = arena_alloc(a, n);
        for (ssize_t got = 1; have < n && got > 0; have += got > 0 ? (size_t)got : 0)
            got = read(fd, bytes + have, n - have);
        *out = str_of(bytes, have);
        ok = have == n;
    }
    if (fd >= 0) {
        futimens(fd, NULL); /* its time of use, for the next start */
        close(fd);
    }
    return ok;
}

static uint32_t ms_of(const struct json *object, const char *name)
{
    int64_t ms = json_get_i64(object, name, 0);
    return ms < 0 || ms > UINT32_MAX ? 0 : (uint32_t)ms;
}

static bool read_timing(struct arena *a, struct str json, struct spoken_file *out)
{
    struct json *all = NULL;
    if (json_parse(a, json, &all, NULL) != ERR_OK || !json_get(all, "words") || !json_get(all, "keys"))
        return false;
    const struct json *words = json_get(all, "words"), *keys = json_get(all, "keys");
    out->words = arena_array(a, struct tts_word, words->count);
    json_each (w, words)
        out->words[out->word_count++] =
            (struct tts_word){json_get_str(w, "t", STR_NONE), ms_of(w, "f"), ms_of(w, "e")};
    out->keys = arena_array(a, struct viseme_key, keys->count);
    json_each (k, keys) {
        int64_t viseme = json_get_i64(k, "v", 0);
        if (viseme < 0 || viseme >= VISEME_COUNT)
            return false;
        out->keys[out->key_count++] =
            (struct viseme_key){ms_of(k, "a"), (enum viseme)viseme, json_get_double(k, "w", 0)};
    }
    return true;
}

static bool read_file(struct arena *a, const char *path, struct spoken_file *out)
{
    struct str all = STR_NONE;
    struct file_head head;
    if (!read_all(path, a, &all))
        return false;
    memcpy(&head, all.p, sizeof head);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || !head.rate ||
        sizeof head + (uint64_t)head.timing_bytes + 2 * (uint64_t)head.samples != all.n)
        return false;
    int16_t *samples = arena_array(a, int16_t, head.samples);
    if (head.samples)
        memcpy(samples, all.p + sizeof head + head.timing_bytes, 2 * (size_t)head.samples);
    *out = (struct spoken_file){.rate = head.rate, .samples = samples, .sample_count = head.samples};
    return read_timing(a, str_sub(all, sizeof head, head.timing_bytes), out);
}

bool speech_cache_read(struct speech_cache *cache, const struct blob_hash *key, struct arena *a,
                       struct spoken_file *out)
{
    char path[PATH_SIZE];
    path_of(cache, key, path);
    bool ok = read_file(a, path, out);
    pthread_mutex_lock(&cache->lock);
    struct entry *e = map_get(&cache->entries, key_str(key));
    if (e && ok)
        e->used = ++cache->clock;
    else if (e)
        drop(cache, key);
    pthread_mutex_unlock(&cache->lock);
    return ok;
}

/* ---- writing ---- */

static void write_timing(struct buf *to, const struct spoken_file *file)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_key(&w, STR("words"));
    jw_array(&w);
    for (size_t i = 0; i < file->word_count; i++) {
        jw_object(&w);
        jw_kv_string(&w, "t", file->words[i].text);
        jw_kv_u64(&w, "f", file->words[i].from_ms);
        jw_kv_u64(&w, "e", file->words[i].to_ms);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_key(&w, STR("keys"));
    jw_array(&w);
    for (size_t i = 0; i < file->key_count; i++) {
        jw_object(&w);
        jw_kv_u64(&w, "a", file->keys[i].at_ms);
        jw_kv_u64(&w, "v", file->keys[i].viseme);
        jw_kv_double(&w, "w", file->keys[i].weight);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n <= 0)
            return false;
        bytes = str_from(bytes, (size_t)n);
    }
    return true;
}

void speech_cache_write(struct speech_cache *cache, const struct blob_hash *key,
                        const struct spoken_file *file)
{
    char path[PATH_SIZE], beside[PATH_SIZE];
    CLEANUP_BUF struct buf timing = BUF_INIT;
    write_timing(&timing, file);
    struct file_head head = {
        .rate = file->rate, .timing_bytes = (uint32_t)timing.n, .samples = (uint32_t)file->sample_count};
    memcpy(head.magic, magic, sizeof magic);
    struct str samples = str_of((const char *)file->samples, file->sample_count * 2);
    uint64_t bytes = sizeof head + timing.n + samples.n;
    pthread_mutex_lock(&cache->lock);
    bool wanted = bytes <= cache->max / 8 && bytes <= FILE_MAX; /* one must not push all others out */
    pthread_mutex_unlock(&cache->lock);
    if (!wanted)
        return;
    path_of(cache, key, path);
    snprintf(beside, sizeof beside, "%s/new-XXXXXX", cache->folder);
    int fd = mkostemp(beside, O_CLOEXEC);
    bool ok = fd >= 0 && write_all(fd, str_of((const char *)&head, sizeof head)) &&
              write_all(fd, buf_str(&timing)) && write_all(fd, samples);
    if (fd >= 0)
        close(fd);
    pthread_mutex_lock(&cache->lock);
    if (ok && rename(beside, path) == 0) {
        add(cache, key, bytes, ++cache->clock);
        shrink(cache);
    } else if (fd >= 0) {
        unlink(beside);
    }
    pthread_mutex_unlock(&cache->lock);
}
