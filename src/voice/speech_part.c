/*
 * One part of a speech is made: the chain says what it says of it, and where that tells no mouth shapes, they
 * are made of its text and its sound (viseme_estimate.h), the text read by a worker. See speech.h.
 */
#include "voice/speech_inner.h"

#include "voice/timings.h"

#include <stdlib.h>

/* A text read by a worker for its phones; it outlives the part where that is dropped. */
struct reading {
    struct job job;
    struct part *part; /* NULL: dropped */
    struct str text, language;
    struct phone_plan plan;
    bool ready;
};

static void reading_free(struct reading *r)
{
    arena_release(&r->job.arena);
    free((char *)r->text.p);
    free((char *)r->language.p);
    free(r);
}

static void read_text(struct job *job)
{
    on_worker();
    struct reading *r = CONTAINER(job, struct reading, job);
    phone_plan_read(&job->arena, r->text, r->language, &r->plan);
}

static void text_read(struct job *job)
{
    on_loop();
    struct reading *r = CONTAINER(job, struct reading, job);
    r->ready = true;
    if (!r->part)
        reading_free(r);
    else if (speech_turn_of(r->part))
        speech_advance(r->part->speech);
}

static LOOP void begin_reading(struct speech *s, struct part *p)
{
    struct reading *r = p->reading = heap_alloc(sizeof *r);
    r->part = p;
    r->text = heap_str(p->say.text);
    r->language = heap_str(s->language);
    r->job.home = s->speakers->loop;
    r->job.run = read_text;
    r->job.done = text_read;
    workers_submit(s->speakers->workers, &r->job);
}

void part_drop_mouth(struct part *p)
{
    mouth_free(p->mouth);
    p->mouth = NULL;
    if (p->reading && p->reading->ready)
        reading_free(p->reading);
    else if (p->reading)
        p->reading->part = NULL;
    p->reading = NULL;
}

bool part_shape(struct speech *s, struct part *p)
{
    if (p->shaped || p->err || !s->emit->visemes || !(p->sound.n || (p->made && p->mouth)))
        return true;
    if (!p->reading)
        begin_reading(s, p);
    if (!p->reading->ready)
        return false;
    if (!p->mouth) {
        p->mouth = mouth_new(&p->reading->plan, p->rate, p->say.prosody.rate * s->voice.prosody.rate);
        mouth_words(p->mouth, p->words, p->word_count);
    }
    mouth_feed(p->mouth, (const int16_t *)(const void *)(p->sound.p + p->seen),
               (p->sound.n - p->seen) / sizeof(int16_t));
    p->seen = p->sound.n;
    if (!p->made && mouth_waiting_ms(p->mouth) < MOUTH_STEP_MS)
        return false;
    struct arena a = ARENA_INIT;
    struct tts_word *words;
    size_t count, word_count;
    struct viseme_key *keys = mouth_keys(p->mouth, &a, p->made, &count, &words, &word_count);
    viseme_keys_add(&p->arena, &p->keys, &p->key_count, keys, count);
    if (!p->worded)
        tts_words_add(&p->arena, &p->words, &p->word_count, words, word_count);
    p->seen = 0;
    arena_release(&a);
    return true;
}

static void part_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct part *)arg)->rate = rate;
}

/* Both may come more than once; what was not yet handed on waits. */
static void part_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct part *p = arg;
    tts_words_add(&p->arena, &p->words, &p->word_count, words, count);
    p->worded = p->worded || count;
    if (p->mouth)
        mouth_words(p->mouth, words, count);
}

static void part_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct part *p = arg;
    viseme_keys_add(&p->arena, &p->keys, &p->key_count, keys, count);
    p->shaped = true;
}

static void part_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct part *p = arg;
    p->worded = p->worded || chain_tells(p->speech->chain, p->id);
    buf_add(&p->sound, str_of((const char *)samples, count * sizeof *samples));
    if (speech_turn_of(p))
        speech_advance(p->speech);
}

static void part_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct part *p = arg;
    p->made = true;
    p->err = err;
    if (err && e)
        p->error = *e;
    if (speech_turn_of(p))
        speech_advance(p->speech);
}

static const struct tts_emit part_emit = {part_format, part_words, part_visemes, part_sound, part_end};

void part_begin(struct speech *s, struct part *p)
{
    struct tts_request request = {
        .text = p->say.text,
        .voice = str_empty(p->say.voice) ? s->voice.name : p->say.voice,
        .prosody = {p->say.prosody.rate * s->voice.prosody.rate,
                    p->say.prosody.pitch * s->voice.prosody.pitch,
                    p->say.prosody.volume * s->voice.prosody.volume},
        .language = s->language,
        .emotion = s->emotion,
        .alone = s->alone,
    };
    struct str provider = s->voice.provider;
    p->begun = true;
    p->id = chain_start(s->chain, provider, &request, &part_emit, p, &p->error);
    if (!p->id) {
        p->made = true;
        p->err = p->error.err ? p->error.err : ERR_INTERNAL;
    }
}
