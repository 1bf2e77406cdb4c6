/*
 * Utterances in order, a little ahead; see speech.h.
 *
 * Each part of the plan gathers what its utterance makes until its turn has come; the part that is being
 * heard hands everything on at once.
 */
#include "voice/speech.h"

#include "voice/chain.h"
#include "voice/phone_plan.h"
#include "voice/resample.h"
#include "voice/sentence.h"
#include "voice/speakable.h"
#include "voice/ssml.h"
#include "voice/viseme_estimate.h"

#include <stdlib.h>
#include <string.h>

struct part {
    struct speech *speech;
    struct ssml_piece say;
    uint64_t id; /* the chain's, while it is being made */
    bool begun, made;
    unsigned rate;
    struct arena arena;
    struct tts_word *words;
    struct viseme_key *keys;
    size_t word_count, key_count; /* not yet handed on */
    uint32_t from_ms;             /* where it begins in the whole */
    bool placed;                  /* ... is known */
    struct buf sound;
    size_t seen;             /* bytes of it that the mouth was fed */
    bool shaped;             /* the voice tells its mouth shapes itself */
    bool worded;             /* and its words */
    struct reading *reading; /* where it does not: how the text is read, once a worker has done it */
    struct mouth *mouth;
    enum err err;
    struct error error;
};

/* A text read by a worker for its phones; it outlives the part where that is dropped. */
struct reading {
    struct job job;
    struct part *part; /* NULL: dropped */
    struct str text, language;
    struct phone_plan plan;
    bool ready;
};

struct speech {
    struct speakers *speakers;
    struct speech *next;
    struct arena arena;
    struct voice voice;
    struct str language;
    struct tts_emotion emotion;
    bool alone;
    struct chain *chain;
    const struct tts_emit *emit;
    void *arg;
    struct part *parts;
    size_t count, heard, begun; /* parts wholly handed on; parts started */
    unsigned rate;              /* of what is handed on; 0: nothing was yet */
    uint64_t samples;           /* handed on */
    struct resampler *resample; /* of the part in hand, where its rate is another */
    unsigned resample_rate;
    struct buf resampled;
    bool over, emitting;
    struct timer timer;
};

struct speakers {
    struct loop *loop;
    struct workers *workers;
    struct chain *chain;
    struct speech *first;
};

struct voices {
    struct workers *workers;
    _Atomic(const struct config *) config;
    struct speakers *of[LOOPS_MAX];
    struct speech_cache *cache;
};

struct voices *voices_new(struct workers *workers)
{
    struct voices *v = heap_alloc(sizeof *v);
    v->workers = workers;
    return v;
}

void voices_configure(struct voices *v, const struct config *config)
{
    atomic_store_explicit(&v->config, config, memory_order_release);
}

void voices_set_cache(struct voices *v, struct speech_cache *cache)
{
    v->cache = cache;
}

struct speakers *voices_here(struct voices *v)
{
    struct speakers **here = &v->of[loop_index(loop_self())];
    if (!*here) {
        *here = heap_alloc(sizeof **here);
        **here = (struct speakers){.loop = loop_self(),
                                   .workers = v->workers,
                                   .chain = chain_new(loop_self(), v->workers, &v->config)};
        chain_set_cache((*here)->chain, v->cache);
    }
    return *here;
}

void voices_stop(struct voices *v)
{
    struct speakers *s = v->of[loop_index(loop_self())];
    while (s && s->first)
        speech_cancel(s->first);
    if (s)
        chain_free(s->chain);
    v->of[loop_index(loop_self())] = NULL;
    free(s);
}

void voices_free(struct voices *v)
{
    free(v);
}

/* ---- who sounds how ---- */
struct voice voice_for(struct id id, const struct voice *own)
{
    static const char *const names[] = {"slt", "rms", "awb", "kal16"};
    struct voice v = *own;
    uint64_t h = id_hash(id);
    bool nothing = str_empty(own->provider) && str_empty(own->name);
    if (str_empty(v.provider) && !nothing)
        v.provider = STR("flite");
    if (nothing) {
        v.name = str_c(names[h % 4]);
        v.prosody.pitch *= .9 + (double)(h >> 8 & 0xff) / 255 * .25;
        v.prosody.rate *= .92 + (double)(h >> 16 & 0xff) / 255 * .16;
    }
    return v;
}

/* ---- the plan ---- */
static void plan_text(struct speech *s, struct str text, struct ssml_piece **list, size_t *count)
{
    CLEANUP_BUF struct buf plain = BUF_INIT, one = BUF_INIT;
    struct sentences cut = {0};
    size_t cap = 0;
    text_speakable(text, &plain);
    sentences_feed(&cut, buf_str(&plain));
    sentences_end(&cut);
    for (; sentences_next(&cut, &one); buf_clear(&one)) {
        if (*count == cap) {
            struct ssml_piece *more = arena_array(&s->arena, struct ssml_piece, cap = cap ? cap * 2 : 8);
            if (*count)
                memcpy(more, *list, *count * sizeof *more);
            *list = more;
        }
        (*list)[(*count)++] =
            (struct ssml_piece){.text = arena_str(&s->arena, buf_str(&one)), .prosody = {1, 1, 1}};
    }
    sentences_release(&cut);
}

static enum err plan(struct speech *s, struct str text, bool whole, struct error *e)
{
    struct ssml_piece *list = NULL;
    size_t count = 0;
    if (text.n > SPEECH_TEXT_MAX)
        return error_set_param(e, ERR_TEXT_TOO_LONG, "text",
                               "The text has %zu bytes; at most %d are spoken at once. Send it in pieces.",
                               text.n, SPEECH_TEXT_MAX);
    if (whole) {
        list = arena_new(&s->arena, struct ssml_piece);
        *list = (struct ssml_piece){.text = arena_str(&s->arena, text), .prosody = {1, 1, 1}};
        count = 1;
    }
    enum err err = !whole && ssml_is(text) ? ssml_read(&s->arena, text, &list, &count, e) : ERR_OK;
    if (err)
        return err;
    if (!whole && !ssml_is(text))
        plan_text(s, text, &list, &count);
    s->parts = arena_array(&s->arena, struct part, count);
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        s->parts[i].speech = s;
        s->parts[i].say = list[i];
        s->parts[i].sound.max = SIZE_MAX / 2; /* bounded by the text */
    }
    return ERR_OK;
}

/* ---- handing on ---- */
static uint32_t clock_ms(const struct speech *s)
{
    return s->rate ? (uint32_t)(s->samples * 1000 / s->rate) : 0;
}

static LOOP void hand_timing(struct speech *s, struct part *p)
{
    size_t words = p->word_count, keys = p->key_count;
    if (!p->placed)
        p->from_ms = clock_ms(s);
    p->placed = true;
    for (size_t i = 0; i < words; i++) {
        p->words[i].from_ms += p->from_ms;
        p->words[i].to_ms += p->from_ms;
    }
    for (size_t i = 0; i < keys; i++)
        p->keys[i].at_ms += p->from_ms;
    p->word_count = p->key_count = 0;
    if (s->emit->words && words)
        s->emit->words(s->arg, p->words, words);
    if (!s->over && s->emit->visemes && keys)
        s->emit->visemes(s->arg, p->keys, keys);
}

static LOOP void hand_format(struct speech *s, unsigned rate)
{
    if (s->rate || !rate)
        return;
    s->rate = rate;
    s->emit->format(s->arg, rate);
}

/* The part's sound at the whole's rate. `last`: it has no more. */
static LOOP void hand_sound(struct speech *s, struct part *p, bool last)
{
    struct buf *from = &p->sound;
    if (p->rate && p->rate != s->rate) {
        if (!s->resample || s->resample_rate != p->rate) {
            resampler_free(s->resample);
            s->resample = resampler_new(p->rate, s->rate);
            s->resample_rate = p->rate;
        }
        if (s->resample && p->sound.n)
            resampler_feed(s->resample, (const int16_t *)(const void *)p->sound.p,
                           p->sound.n / sizeof(int16_t), &s->resampled);
        if (s->resample && last) {
            resampler_feed(s->resample, NULL, 0, &s->resampled);
            resampler_free(s->resample);
            s->resample = NULL;
        }
        buf_clear(&p->sound);
        from = &s->resampled;
    }
    if (!from->n)
        return;
    size_t n = from->n / sizeof(int16_t);
    s->emit->sound(s->arg, (const int16_t *)(const void *)from->p, n);
    s->samples += n;
    buf_clear(from);
}

static LOOP void hand_pause(struct speech *s, uint32_t ms)
{
    enum { PIECE = 1600 };
    static const int16_t silence[PIECE];
    for (uint64_t left = (uint64_t)ms * s->rate / 1000; left && !s->over;) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        s->emit->sound(s->arg, silence, n);
        s->samples += n;
        left -= n;
    }
}

/* ---- a mouth for voices that tell of none ---- */
static void reading_free(struct reading *r)
{
    arena_release(&r->job.arena);
    free((char *)r->text.p);
    free((char *)r->language.p);
    free(r);
}

static LOOP void advance(struct speech *s);
static LOOP bool has_turn(const struct part *p);

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
    else if (has_turn(r->part))
        advance(r->part->speech);
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

static void drop_mouth(struct part *p)
{
    mouth_free(p->mouth);
    p->mouth = NULL;
    if (p->reading && p->reading->ready)
        reading_free(p->reading);
    else if (p->reading)
        p->reading->part = NULL;
    p->reading = NULL;
}

static void add_keys(struct part *p, const struct viseme_key *keys, size_t count)
{
    struct viseme_key *all = arena_array(&p->arena, struct viseme_key, p->key_count + count);
    if (p->key_count)
        memcpy(all, p->keys, p->key_count * sizeof *all);
    if (count)
        memcpy(all + p->key_count, keys, count * sizeof *keys);
    p->keys = all;
    p->key_count += count;
}

static void add_words(struct part *p, const struct tts_word *words, size_t count)
{
    struct tts_word *all = arena_array(&p->arena, struct tts_word, p->word_count + count);
    if (p->word_count)
        memcpy(all, p->words, p->word_count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[p->word_count] = words[i];
        all[p->word_count++].text = arena_str(&p->arena, words[i].text);
    }
    p->words = all;
}

/* Keys for the sound that waits. False: it has to wait for them; more comes soon, or the worker is reading.
 */
static LOOP bool shape_mouth(struct speech *s, struct part *p)
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
    add_keys(p, keys, count);
    if (!p->worded)
        add_words(p, words, word_count);
    p->seen = 0;
    arena_release(&a);
    return true;
}

static void speech_free(struct speech *s)
{
    for (struct speech **at = &s->speakers->first; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        drop_mouth(&s->parts[i]);
        arena_release(&s->parts[i].arena);
        buf_release(&s->parts[i].sound);
    }
    resampler_free(s->resample);
    buf_release(&s->resampled);
    arena_release(&s->arena);
    free(s);
}

static LOOP void begin_parts(struct speech *s);

static LOOP void finish(struct speech *s, enum err err, const struct error *e)
{
    struct error copy = e ? *e : (struct error){0};
    for (size_t i = 0; i < s->count; i++) {
        if (s->parts[i].begun && !s->parts[i].made && s->parts[i].id)
            chain_cancel(s->chain, s->parts[i].id);
    }
    s->over = true;
    s->emit->end(s->arg, err, &copy);
}

/* Everything that is ready and whose turn it is. The listener may cancel in any emit function. */
static void advance(struct speech *s)
{
    s->emitting = true;
    while (!s->over && s->heard < s->count) {
        struct part *p = &s->parts[s->heard];
        if (str_empty(p->say.text)) {
            if (p->say.pause_ms && !s->rate)
                hand_format(s, 16000); /* a text that begins with silence */
            if (!s->over)
                hand_pause(s, p->say.pause_ms);
            s->heard++;
            continue;
        }
        if (!shape_mouth(s, p))
            break;
        hand_format(s, p->rate);
        if (!s->over)
            hand_timing(s, p);
        if (!s->over)
            hand_sound(s, p, p->made);
        if (s->over || !p->made)
            break;
        if (p->err) {
            finish(s, p->err, &p->error);
            break;
        }
        s->heard++;
        drop_mouth(p);
        arena_release(&p->arena);
        buf_release(&p->sound);
        begin_parts(s);
    }
    if (!s->over && s->heard == s->count)
        finish(s, ERR_OK, NULL);
    s->emitting = false;
    if (s->over) {
        timer_close(&s->timer);
        speech_free(s);
    }
}

/* ---- what the driver says of a part ---- */
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
    add_words(p, words, count);
    p->worded = p->worded || count;
    if (p->mouth)
        mouth_words(p->mouth, words, count);
}

static void part_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct part *p = arg;
    add_keys(p, keys, count);
    p->shaped = true;
}

static bool has_turn(const struct part *p)
{
    return p == &p->speech->parts[p->speech->heard];
}

static void part_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct part *p = arg;
    p->worded = p->worded || chain_tells(p->speech->chain, p->id);
    buf_add(&p->sound, str_of((const char *)samples, count * sizeof *samples));
    if (has_turn(p))
        advance(p->speech);
}

static void part_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct part *p = arg;
    p->made = true;
    p->err = err;
    if (err && e)
        p->error = *e;
    if (has_turn(p))
        advance(p->speech);
}

static const struct tts_emit part_emit = {part_format, part_words, part_visemes, part_sound, part_end};

static LOOP void begin_part(struct speech *s, struct part *p)
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

static void begin_parts(struct speech *s)
{
    size_t making = 0;
    for (size_t i = s->heard; i < s->count && making < SPEECH_AHEAD; i++) {
        struct part *p = &s->parts[i];
        if (str_empty(p->say.text))
            continue;
        making++;
        if (!p->begun)
            begin_part(s, p);
    }
}

static void on_begin(struct timer *timer)
{
    on_loop();
    struct speech *s = CONTAINER(timer, struct speech, timer);
    advance(s);
}

struct speech *speech_start(struct speakers *speakers, const struct speech_request *request,
                            const struct tts_emit *emit, void *arg, struct error *e)
{
    struct speech *s = heap_alloc(sizeof *s);
    *s = (struct speech){.speakers = speakers, .emit = emit, .arg = arg, .voice = request->voice};
    s->chain = speakers->chain;
    s->voice.name = arena_str(&s->arena, request->voice.name);
    s->voice.provider = arena_str(&s->arena, request->voice.provider);
    s->language = arena_str(&s->arena, request->language);
    s->emotion = request->emotion;
    s->emotion.label = arena_str(&s->arena, request->emotion.label);
    s->alone = request->alone;
    if (plan(s, request->text, request->whole, e) != ERR_OK) {
        speech_free(s);
        return NULL;
    }
    begin_parts(s);
    if (s->count && s->parts[0].err) {
        *e = s->parts[0].error;
        s->over = true;
        for (size_t i = 0; i < s->count; i++) {
            if (s->parts[i].id)
                chain_cancel(s->chain, s->parts[i].id);
        }
        speech_free(s);
        return NULL;
    }
    s->next = speakers->first;
    speakers->first = s;
    timer_arm(&s->timer, 0, on_begin);
    return s;
}

void speech_cancel(struct speech *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->parts[i].begun && !s->parts[i].made)
            chain_cancel(s->chain, s->parts[i].id);
    }
    s->over = true;
    if (s->emitting)
        return; /* advance() frees it */
    timer_close(&s->timer);
    speech_free(s);
}
