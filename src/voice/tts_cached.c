/*
 * A voice that remembers: what it spoke before comes from the cache; see cache.h.
 *
 * An utterance is either read (a job, then everything at once), or spoken by the inner driver while what it
 * emits is gathered; when that ended well, a job writes it. Writing outlives everything else of it.
 */
#include "voice/cache.h"
#include "voice/timings.h"

#include <stdlib.h>

enum { GATHERED_MAX = 32 << 20 };
/* Its own utterances, apart from what the inner driver gives for list() and clone(). */
static const uint64_t own_id = 1ull << 63;

struct cached {
    struct tts tts;
    struct tts_driver driver; /* the inner one's, but for start, cancel, close */
    struct tts *inner;
    struct str provider; /* heap */
    struct speech_cache *cache;
    struct workers *workers;
    struct saying *first;
    uint64_t last_id;
    unsigned jobs;
    bool closed;
};

struct saying {
    struct job job; /* reading */
    struct saying *next;
    struct cached *cached;
    uint64_t id, inner; /* inner: 0 while it is read */
    struct blob_hash key;
    struct tts_request request; /* strings in the job's arena */
    const struct tts_emit *emit;
    void *arg;
    bool over, read;
    struct spoken_file file; /* read; or gathered, in `arena` */
    struct buf sound;
};

struct writing {
    struct job job;
    struct cached *cached;
    struct speech_cache *cache;
    struct blob_hash key;
    struct spoken_file file;
    struct buf sound;
};

static LOOP void cached_free(struct cached *c)
{
    if (!c->closed || c->jobs || c->first)
        return;
    free((char *)c->provider.p);
    free(c);
}

static LOOP void saying_free(struct saying *s)
{
    struct cached *c = s->cached;
    struct saying **at = &c->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    buf_release(&s->sound);
    arena_release(&s->job.arena);
    free(s);
    cached_free(c);
}

/* ---- keeping ---- */

static void write_file(struct job *job)
{
    on_worker();
    struct writing *w = CONTAINER(job, struct writing, job);
    speech_cache_write(w->cache, &w->key, &w->file);
}

static void file_written(struct job *job)
{
    on_loop();
    struct writing *w = CONTAINER(job, struct writing, job);
    w->cached->jobs--;
    cached_free(w->cached);
    buf_release(&w->sound);
    arena_release(&w->job.arena);
    free(w);
}

/* Takes what was gathered. */
static LOOP void keep(struct saying *s)
{
    struct cached *c = s->cached;
    struct writing *w = heap_alloc(sizeof *w);
    *w = (struct writing){.cached = c, .cache = c->cache, .key = s->key, .file = s->file, .sound = s->sound};
    w->job.arena = s->job.arena;
    s->job.arena = ARENA_INIT;
    s->sound = BUF_INIT;
    w->file.samples = (const int16_t *)(const void *)w->sound.p;
    w->file.sample_count = w->sound.n / sizeof(int16_t);
    w->job.home = loop_self();
    w->job.run = write_file;
    w->job.done = file_written;
    c->jobs++;
    workers_submit(c->workers, &w->job);
}

/* ---- speaking, and gathering ---- */

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    struct saying *s = arg;
    s->file.rate = rate;
    s->emit->format(s->arg, rate);
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct saying *s = arg;
    tts_words_add(&s->job.arena, &s->file.words, &s->file.word_count, words, count);
    if (s->emit->words)
        s->emit->words(s->arg, words, count);
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct saying *s = arg;
    viseme_keys_add(&s->job.arena, &s->file.keys, &s->file.key_count, keys, count);
    if (s->emit->visemes)
        s->emit->visemes(s->arg, keys, count);
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct saying *s = arg;
    buf_add(&s->sound, str_of((const char *)samples, count * sizeof *samples));
    s->emit->sound(s->arg, samples, count);
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct saying *s = arg;
    const struct tts_emit *emit = s->emit;
    void *whose = s->arg;
    s->over = true;
    if (!err && s->sound.n && !s->sound.overflow)
        keep(s);
    saying_free(s);
    emit->end(whose, err, e);
}

static const struct tts_emit gather = {on_format, on_words, on_visemes, on_sound, on_end};

static LOOP bool speak(struct saying *s, struct error *e)
{
    struct cached *c = s->cached;
    speech_cache_count(c->cache, false);
    s->file = (struct spoken_file){0};
    s->inner = c->inner->driver->start(c->inner, &s->request, &gather, s, e);
    return s->inner != 0;
}

/* ---- from the cache ---- */

static void read_file(struct job *job)
{
    on_worker();
    struct saying *s = CONTAINER(job, struct saying, job);
    s->read = !job_cancelled(job) && speech_cache_read(s->cached->cache, &s->key, &job->arena, &s->file);
}

static LOOP void give(struct saying *s)
{
    const struct spoken_file *f = &s->file;
    speech_cache_count(s->cached->cache, true);
    s->emit->format(s->arg, f->rate);
    if (!s->over && s->emit->words && f->word_count)
        s->emit->words(s->arg, f->words, f->word_count);
    if (!s->over && s->emit->visemes && f->key_count)
        s->emit->visemes(s->arg, f->keys, f->key_count);
    if (!s->over)
        s->emit->sound(s->arg, f->samples, f->sample_count);
    const struct tts_emit *emit = s->emit;
    void *whose = s->arg;
    bool over = s->over;
    saying_free(s);
    if (!over)
        emit->end(whose, ERR_OK, NULL);
}

static void file_read(struct job *job)
{
    on_loop();
    struct saying *s = CONTAINER(job, struct saying, job);
    struct error e = {0};
    s->cached->jobs--;
    if (s->over) {
        saying_free(s);
    } else if (s->read) {
        give(s);
    } else if (!speak(s, &e)) {
        const struct tts_emit *emit = s->emit;
        void *whose = s->arg;
        saying_free(s);
        emit->end(whose, e.err, &e);
    }
}

/* ---- the driver ---- */

static LOOP uint64_t cached_start(struct tts *t, const struct tts_request *request,
                                  const struct tts_emit *emit, void *arg, struct error *e)
{
    struct cached *c = (struct cached *)t;
    struct saying *s = heap_alloc(sizeof *s);
    struct arena *a = &s->job.arena;
    *s =
        (struct saying){.cached = c, .id = own_id | ++c->last_id, .emit = emit, .arg = arg, .next = c->first};
    s->sound.max = GATHERED_MAX;
    c->first = s;
    s->request = *request;
    s->request.text = arena_str(a, request->text);
    s->request.voice = arena_str(a, request->voice);
    s->request.language = arena_str(a, request->language);
    s->request.emotion.label = arena_str(a, request->emotion.label);
    struct tts_request asked = *request;
    if (!(c->driver.can & TTS_EMOTION))
        asked.emotion = (struct tts_emotion){0}; /* it makes no difference */
    s->key = speech_cache_key(c->provider, &asked);
    uint64_t id = s->id;
    if (!request->alone && speech_cache_has(c->cache, &s->key)) { /* alone: somebody tests the provider */
        s->job.home = t->loop;
        s->job.run = read_file;
        s->job.done = file_read;
        c->jobs++;
        workers_submit(c->workers, &s->job);
        return id;
    }
    if (speak(s, e))
        return id;
    saying_free(s);
    return 0;
}

static LOOP void cached_cancel(struct tts *t, uint64_t id)
{
    struct cached *c = (struct cached *)t;
    struct saying *s = c->first;
    if (!(id & own_id)) {
        c->inner->driver->cancel(c->inner, id);
        return;
    }
    while (s && s->id != id)
        s = s->next;
    if (!s || s->over)
        return;
    s->over = true;
    if (!s->inner) { /* its job, or give(), frees it */
        job_cancel(&s->job);
        return;
    }
    c->inner->driver->cancel(c->inner, s->inner);
    saying_free(s);
}

static LOOP void cached_close(struct tts *t)
{
    struct cached *c = (struct cached *)t;
    for (struct saying *s = c->first, *next; s; s = next) {
        next = s->next;
        if (s->inner) {
            saying_free(s);
        } else {
            s->over = true;
            job_cancel(&s->job);
        }
    }
    c->inner->driver->close(c->inner);
    c->inner = NULL;
    c->closed = true;
    cached_free(c);
}

static const struct tts_voice *cached_voices(struct tts *t, size_t *count)
{
    struct tts *inner = ((struct cached *)t)->inner;
    return inner->driver->voices(inner, count);
}

static uint64_t cached_list(struct tts *t, tts_listed_fn *done, void *arg, struct error *e)
{
    struct tts *inner = ((struct cached *)t)->inner;
    return inner->driver->list(inner, done, arg, e);
}

static uint64_t cached_clone(struct tts *t, const struct tts_clone *clone, tts_cloned_fn *done, void *arg,
                             struct error *e)
{
    struct tts *inner = ((struct cached *)t)->inner;
    return inner->driver->clone(inner, clone, done, arg, e);
}

static uint64_t cached_unclone(struct tts *t, struct str voice, tts_cloned_fn *done, void *arg,
                               struct error *e)
{
    struct tts *inner = ((struct cached *)t)->inner;
    return inner->driver->unclone(inner, voice, done, arg, e);
}

struct tts *tts_cached(struct tts *inner, struct str provider, struct speech_cache *cache,
                       struct workers *workers)
{
    if (!cache)
        return inner;
    struct cached *c = heap_alloc(sizeof *c);
    *c = (struct cached){.driver = *inner->driver,
                         .inner = inner,
                         .provider = heap_str(provider),
                         .cache = cache,
                         .workers = workers};
    c->driver.start = cached_start;
    c->driver.cancel = cached_cancel;
    c->driver.close = cached_close;
    c->driver.voices = inner->driver->voices ? cached_voices : NULL;
    c->driver.list = inner->driver->list ? cached_list : NULL;
    c->driver.clone = inner->driver->clone ? cached_clone : NULL;
    c->driver.unclone = inner->driver->unclone ? cached_unclone : NULL;
    c->tts = (struct tts){&c->driver, inner->loop};
    return &c->tts;
}
