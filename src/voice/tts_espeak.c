/*
 * espeak-ng, for languages that flite does not speak: in the helper program lib/eidolon-espeak, which loads
 * the system's library (GPL; espeak/main.c says how the two are kept apart). Its phonemes come with their
 * times, so mouth shapes are exact.
 *
 * One helper a loop, started at the first word. It makes an utterance in milliseconds, one after the other;
 * what was cancelled is dropped here. When it dies, what it had not finished fails, and the next utterance
 * starts it again.
 */
#include "voice/tts.h"

#include "base/json.h"
#include "loop/child.h"
#include "voice/ipa.h"
#include "voice/speech_lib.h"

#include <math.h>
#include <stdlib.h>

enum { ID_BYTES = 4 };

struct espeak {
    struct tts tts;
    struct child *child;
    char program[SPEECH_LIB_PATH];
    char voice[64];
    struct saying *first;
    uint32_t last_id;
};

/* An utterance, or a question for the voices. */
struct saying {
    struct saying *next;
    uint32_t id;
    struct arena arena;
    struct str text;
    const struct tts_emit *emit;
    tts_listed_fn *listed;
    void *arg;
    bool sounded;
};

static void saying_free(struct saying *s)
{
    arena_release(&s->arena);
    free(s);
}

static struct saying *take(struct espeak *k, uint32_t id)
{
    for (struct saying **at = &k->first; *at; at = &(*at)->next) {
        if ((*at)->id != id)
            continue;
        struct saying *s = *at;
        *at = s->next;
        return s;
    }
    return NULL;
}

static LOOP void finish(struct espeak *k, struct saying *s, enum err err, const struct error *e)
{
    take(k, s->id);
    if (s->listed)
        s->listed(s->arg, NULL, 0, err, e);
    else
        s->emit->end(s->arg, err, e);
    saying_free(s);
}

/* ---- timings ---- */
static const struct json *nth(const struct json *list, unsigned n)
{
    const struct json *item = list && list->type == JSON_ARRAY ? list->child : NULL;
    while (item && n--)
        item = item->next;
    return item;
}

static double number(const struct json *json)
{
    double value;
    return json && json_double(json, &value) ? value : 0;
}

static size_t read_phones(struct arena *a, const struct json *list, double length_s, struct phone **out)
{
    size_t n = 0;
    struct phone *phones = *out = arena_array(a, struct phone, 2 * (list ? list->count : 0) + 1);
    for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
        double from = number(nth(item, 1)) / 1000,
               to = item->next ? number(nth(item->next, 1)) / 1000 : length_s;
        const struct json *name = nth(item, 0);
        struct str first, second;
        from = n ? fmax(from, phones[n - 1].to_s) : from;
        to = fmin(fmax(to, from), length_s);
        if (n == 0 && from > 0)
            phones[n++] = (struct phone){STR("pau"), 0, from};
        if (!name || !ipa_phones(name->string, &first, &second))
            first = STR("pau"), second = STR_NONE;
        double middle = second.n ? from + (to - from) * .6 : to;
        phones[n++] = (struct phone){first, from, middle};
        if (second.n)
            phones[n++] = (struct phone){second, middle, to};
    }
    return n;
}

/* The words of the text as espeak counts them: characters from 1. */
static size_t read_words(struct arena *a, struct str text, const struct json *list, uint32_t length_ms,
                         struct tts_word **out)
{
    size_t n = 0, at = 0, character = 1;
    struct tts_word *words = *out = arena_array(a, struct tts_word, (list ? list->count : 0) + 1);
    for (const struct json *item = list ? list->child : NULL; item; item = item->next) {
        size_t from = (size_t)fmax(1, number(nth(item, 0))), length = (size_t)fmax(0, number(nth(item, 1)));
        uint32_t ms = (uint32_t)fmin(fmax(0, number(nth(item, 2))), length_ms);
        for (; character < from && at < text.n; character++) {
            for (at++; at < text.n && (text.p[at] & 0xc0) == 0x80;)
                at++;
        }
        size_t end = at;
        for (size_t i = 0; i < length && end < text.n; i++) {
            for (end++; end < text.n && (text.p[end] & 0xc0) == 0x80;)
                end++;
        }
        /* Some languages' rules say a word's event again for each of its parts. */
        if (n && (words[n - 1].from_ms > ms || words[n - 1].text.p == text.p + at))
            continue;
        if (n)
            words[n - 1].to_ms = ms;
        if (end > at)
            words[n++] = (struct tts_word){str_sub(text, at, end - at), ms, length_ms};
    }
    return n;
}

static LOOP void say_timing(struct espeak *k, struct saying *s, struct str frame)
{
    struct json *json = NULL;
    uint32_t id = s->id;
    if (json_parse(&s->arena, frame, &json, NULL) != ERR_OK)
        return;
    uint32_t length_ms = (uint32_t)json_get_i64(json, "length_ms", 0);
    struct phone *phones;
    struct tts_word *words;
    size_t key_count, n = read_phones(&s->arena, json_get(json, "phonemes"), length_ms / 1000.0, &phones);
    size_t word_count = read_words(&s->arena, s->text, json_get(json, "words"), length_ms, &words);
    struct viseme_key *keys = viseme_timeline(&s->arena, phones, n, length_ms, &key_count);
    const struct tts_emit *emit = s->emit;
    void *arg = s->arg;
    struct arena keep = s->arena; /* the listener may cancel in between */
    s->arena = ARENA_INIT;
    emit->format(arg, (unsigned)json_get_i64(json, "rate", 22050));
    for (int step = 0; step < 2; step++) {
        struct saying *still = k->first;
        while (still && still->id != id)
            still = still->next;
        if (still && step == 0 && emit->words)
            emit->words(arg, words, word_count);
        if (still && step == 1 && emit->visemes)
            emit->visemes(arg, keys, key_count);
    }
    arena_release(&keep);
}

static LOOP void say_voices(struct espeak *k, struct saying *s, struct str frame)
{
    struct json *json = NULL;
    struct error e = {0};
    if (!s->listed || json_parse(&s->arena, frame, &json, &e) != ERR_OK || json->type != JSON_ARRAY) {
        error_set(&e, ERR_UPSTREAM, "espeak-ng's list of voices cannot be read.");
        finish(k, s, ERR_UPSTREAM, &e);
        return;
    }
    struct tts_voice *voices = arena_array(&s->arena, struct tts_voice, json->count + 1);
    size_t n = 0;
    json_each (item, json) {
        const char *name = arena_cstr(&s->arena, json_get_str(item, "name", STR_NONE));
        if (*name)
            voices[n++] =
                (struct tts_voice){name, name, arena_cstr(&s->arena, json_get_str(item, "about", STR_NONE))};
    }
    take(k, s->id);
    s->listed(s->arg, voices, n, ERR_OK, NULL);
    saying_free(s);
}

/* ---- the helper ---- */
static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct espeak *k = arg;
    struct error e = {0};
    if (frame.n < 1 + ID_BYTES)
        return;
    const unsigned char *b = (const unsigned char *)frame.p + 1;
    uint32_t id = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    struct str rest = str_from(frame, 1 + ID_BYTES);
    struct saying *s = k->first;
    while (s && s->id != id)
        s = s->next;
    if (!s)
        return; /* cancelled */
    if (frame.p[0] == 'T' && s->emit) {
        say_timing(k, s, rest);
    } else if (frame.p[0] == 'S' && s->emit && rest.n >= sizeof(int16_t)) {
        struct arena a = ARENA_INIT; /* aligned, as the frame's rest is not */
        int16_t *samples = arena_array(&a, int16_t, rest.n / sizeof(int16_t));
        memcpy(samples, rest.p, rest.n / sizeof(int16_t) * sizeof(int16_t));
        s->emit->sound(s->arg, samples, rest.n / sizeof(int16_t));
        arena_release(&a);
    } else if (frame.p[0] == 'V') {
        say_voices(k, s, rest);
    } else if (frame.p[0] == 'D' || frame.p[0] == 'E') {
        enum err err = frame.p[0] == 'D' ? ERR_OK : error_set(&e, ERR_UNAVAILABLE, "%.*s", STR_ARG(rest));
        finish(k, s, err, &e);
    }
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct espeak *k = arg;
    struct error e = {0};
    error_set(&e, ERR_UNAVAILABLE, "espeak-ng could not finish this text. %s", sentence);
    while (k->first)
        finish(k, k->first, ERR_UNAVAILABLE, &e);
}

static LOOP enum err ask(struct espeak *k, struct saying *s, struct str json, struct error *e)
{
    static const struct child_events events = {on_frame, on_lost};
    static const char *const args[] = {NULL};
    CLEANUP_BUF struct buf frame = BUF_INIT;
    const struct child_options options = {.name = "espeak", .program = k->program, .args = args};
    if (!k->child)
        k->child = child_open(k->tts.loop, &options, &events, k);
    else if (!child_running(k->child))
        child_start(k->child);
    for (int i = 0; i < ID_BYTES; i++)
        buf_add_char(&frame, (char)(s->id >> (8 * i) & 0xff));
    buf_add(&frame, json);
    return child_send(k->child, buf_str(&frame), e);
}

/* ---- the driver ---- */
static LOOP enum err espeak_open(struct loop *loop, struct workers *workers,
                                 const struct speech_provider *provider, struct tts **out, struct error *e)
{
    struct espeak *k = heap_alloc(sizeof *k);
    (void)workers;
    if (!speech_lib("eidolon-espeak", k->program)) {
        free(k);
        return error_set(
            e, ERR_UNAVAILABLE,
            "espeak-ng's helper, lib/eidolon-espeak, is not beside this program; build it with make.");
    }
    k->tts = (struct tts){&tts_espeak, loop};
    str_copy(k->voice, sizeof k->voice, provider ? provider->voice : STR_NONE);
    *out = &k->tts;
    return ERR_OK;
}

static struct saying *saying_new(struct espeak *k, void *arg)
{
    struct saying *s = heap_alloc(sizeof *s);
    *s = (struct saying){.next = k->first, .id = ++k->last_id, .arg = arg};
    k->first = s;
    return s;
}

static LOOP uint64_t espeak_start(struct tts *t, const struct tts_request *request,
                                  const struct tts_emit *emit, void *arg, struct error *e)
{
    struct espeak *k = (struct espeak *)t;
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct jw w = JW(&json);
    struct str voice = request->voice.n ? request->voice : str_c(k->voice);
    if (!voice.n)
        voice = request->language.n ? request->language : STR("en");
    if (request->text.n > TTS_TEXT_MAX) {
        error_set(e, ERR_TEXT_TOO_LONG, "One utterance has %zu bytes; at most %d are spoken at once.",
                  request->text.n, TTS_TEXT_MAX);
        return 0;
    }
    struct saying *s = saying_new(k, arg);
    s->emit = emit;
    s->text = arena_str(&s->arena, request->text);
    jw_object(&w);
    jw_kv_string(&w, "text", request->text);
    jw_kv_string(&w, "voice", voice);
    jw_kv_double(&w, "rate", request->prosody.rate);
    jw_kv_double(&w, "pitch", request->prosody.pitch);
    jw_kv_double(&w, "volume", request->prosody.volume);
    jw_end_object(&w);
    uint64_t id = s->id;
    if (ask(k, s, buf_str(&json), e) == ERR_OK)
        return id;
    saying_free(take(k, s->id));
    return 0;
}

static LOOP uint64_t espeak_list(struct tts *t, tts_listed_fn *done, void *arg, struct error *e)
{
    struct espeak *k = (struct espeak *)t;
    struct saying *s = saying_new(k, arg);
    s->listed = done;
    uint64_t id = s->id;
    if (ask(k, s, STR("{\"list\":true}"), e) == ERR_OK)
        return id;
    saying_free(take(k, s->id));
    return 0;
}

static void espeak_cancel(struct tts *t, uint64_t id)
{
    struct saying *s = take((struct espeak *)t, (uint32_t)id);
    if (s)
        saying_free(s);
}

static LOOP void espeak_close(struct tts *t)
{
    struct espeak *k = (struct espeak *)t;
    while (k->first)
        saying_free(take(k, k->first->id));
    if (k->child)
        child_close(k->child);
    free(k);
}

static const struct tts_voice *espeak_voices(struct tts *t, size_t *count)
{
    /* A few of the many; list() asks for all that are installed. */
    static const struct tts_voice voices[] = {
        {"en-us", "en-US", "English, as in America"},
        {"en-gb", "en-GB", "English, as in Britain"},
        {"de", "de", "German"},
        {"fr-fr", "fr-FR", "French"},
        {"es", "es", "Spanish"},
        {"it", "it", "Italian"},
        {"pt-br", "pt-BR", "Portuguese, as in Brazil"},
        {"pl", "pl", "Polish"},
        {"ru", "ru", "Russian"},
        {"cmn", "zh", "Mandarin"},
        {"ja", "ja", "Japanese"},
        {"hi", "hi", "Hindi"},
    };
    (void)t;
    *count = sizeof voices / sizeof *voices;
    return voices;
}

const struct tts_driver tts_espeak = {
    .name = "espeak",
    .can = TTS_TIMINGS | TTS_LISTS | TTS_RATE | TTS_PITCH | TTS_LOCAL,
    .open = espeak_open,
    .start = espeak_start,
    .cancel = espeak_cancel,
    .close = espeak_close,
    .voices = espeak_voices,
    .list = espeak_list,
};
