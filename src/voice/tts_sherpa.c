/*
 * Speaking with the user's models of sherpa-onnx (Piper and other VITS, Kokoro, Matcha, Kitten), in a child
 * process (sherpa.h). A voice is a speaker of the model, by name or number. Sound comes a sentence at a time;
 * there are no timings, so mouth shapes are estimated (viseme_estimate.h).
 */
#include "voice/tts.h"

#include "base/arena.h"
#include "base/json.h"
#include "voice/sherpa.h"

#include <stdlib.h>

struct speaker {
    struct tts tts;
    struct sherpa_host *host;
    struct sherpa_limits limits;
    char voice[64], language[16];
    struct saying *first;
    uint64_t last_id;
};

/* A sentence, or a question for the voices. */
struct saying {
    struct saying *next;
    struct speaker *speaker;
    uint64_t id;
    struct sherpa_ask *ask;
    const struct tts_emit *emit;
    tts_listed_fn *listed;
    void *arg;
};

static struct saying *take(struct speaker *s, uint64_t id)
{
    for (struct saying **at = &s->first; *at; at = &(*at)->next) {
        if ((*at)->id != id)
            continue;
        struct saying *saying = *at;
        *at = saying->next;
        return saying;
    }
    return NULL;
}

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    struct saying *saying = arg;
    saying->emit->format(saying->arg, rate);
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct saying *saying = arg;
    saying->emit->sound(saying->arg, samples, count);
}

static void on_end(void *arg, enum err err, const struct error *e, struct str json)
{
    on_loop();
    struct saying *saying = arg;
    (void)json;
    take(saying->speaker, saying->id);
    saying->emit->end(saying->arg, err, e);
    free(saying);
}

/* ---- voices ---- */
static size_t read_voices(struct arena *a, const struct json *json, const char *own, struct tts_voice **out)
{
    int64_t count = json_get_i64(json, "speakers", 0);
    const struct json *names = json_get(json, "names");
    const struct json *name = names && names->type == JSON_ARRAY ? names->child : NULL;
    const char *language = *own ? own : arena_cstr(a, json_get_str(json, "language", STR_NONE));
    struct str kind = json_get_str(json, "kind", STR_NONE);
    *out = arena_array(a, struct tts_voice, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        struct str number = arena_printf(a, "%lld", (long long)i);
        bool named = name && name->string.n;
        (*out)[i].name = named ? arena_cstr(a, name->string) : number.p;
        (*out)[i].language = language;
        (*out)[i].about = arena_printf(a, "%.*s, speaker %s", STR_ARG(kind), number.p).p;
        name = name ? name->next : NULL;
    }
    return (size_t)count;
}

static void on_listed(void *arg, enum err err, const struct error *e, struct str text)
{
    on_loop();
    struct saying *saying = arg;
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    struct tts_voice *voices = NULL;
    struct error own = {0};
    size_t count = 0;
    if (!err && json_parse(&a, text, &json, &own) != ERR_OK) {
        err = ERR_UPSTREAM;
        e = &own;
    } else if (!err) {
        count = read_voices(&a, json, saying->speaker->language, &voices);
    }
    take(saying->speaker, saying->id);
    saying->listed(saying->arg, voices, count, err, e);
    free(saying);
    arena_release(&a);
}

/* ---- the driver ---- */
static LOOP enum err open_speaker(struct loop *loop, struct workers *workers,
                                  const struct speech_provider *provider, struct tts **out, struct error *e)
{
    struct sherpa_host *host;
    (void)workers;
    enum err err = sherpa_host(provider, provider ? provider->model : STR_NONE, loop_all(loop), &host, e);
    if (err)
        return err;
    struct speaker *s = heap_alloc(sizeof *s);
    *s = (struct speaker){.tts = {&tts_sherpa, loop}, .host = host, .limits = sherpa_limits_of(provider)};
    str_copy(s->voice, sizeof s->voice, provider->voice);
    str_copy(s->language, sizeof s->language, provider->language);
    *out = &s->tts;
    return ERR_OK;
}

static struct saying *saying_new(struct speaker *s, void *arg)
{
    struct saying *saying = heap_alloc(sizeof *saying);
    *saying = (struct saying){.next = s->first, .speaker = s, .id = ++s->last_id, .arg = arg};
    s->first = saying;
    return saying;
}

static LOOP uint64_t start_speaking(struct tts *t, const struct tts_request *request,
                                    const struct tts_emit *emit, void *arg, struct error *e)
{
    static const struct sherpa_events events = {on_format, on_sound, on_end};
    struct speaker *s = (struct speaker *)t;
    CLEANUP_BUF struct buf frame = BUF_INIT;
    struct jw w = JW(&frame);
    if (request->text.n > TTS_TEXT_MAX) {
        error_set(e, ERR_TEXT_TOO_LONG, "One utterance has %zu bytes; at most %d are spoken at once.",
                  request->text.n, TTS_TEXT_MAX);
        return 0;
    }
    buf_add_char(&frame, 'S');
    jw_object(&w);
    jw_kv_string(&w, "text", request->text);
    jw_kv_string(&w, "voice", request->voice.n ? request->voice : str_c(s->voice));
    jw_kv_double(&w, "rate", request->prosody.rate);
    jw_kv_double(&w, "volume", request->prosody.volume);
    jw_end_object(&w);
    struct saying *saying = saying_new(s, arg);
    saying->emit = emit;
    saying->ask = sherpa_ask(s->host, buf_str(&frame), &s->limits, &events, saying);
    return saying->id;
}

static LOOP uint64_t start_listing(struct tts *t, tts_listed_fn *done, void *arg, struct error *e)
{
    static const struct sherpa_events events = {NULL, NULL, on_listed};
    struct speaker *s = (struct speaker *)t;
    struct saying *saying = saying_new(s, arg);
    (void)e;
    saying->listed = done;
    saying->ask = sherpa_ask(s->host, STR("L"), &s->limits, &events, saying);
    return saying->id;
}

static LOOP void cancel_saying(struct tts *t, uint64_t id)
{
    struct saying *saying = take((struct speaker *)t, id);
    if (!saying)
        return;
    sherpa_cancel(saying->ask);
    free(saying);
}

static LOOP void close_speaker(struct tts *t)
{
    struct speaker *s = (struct speaker *)t;
    while (s->first)
        cancel_saying(t, s->first->id);
    sherpa_leave(s->host);
    free(s);
}

static const struct tts_voice *fixed_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = 0;
    return NULL;
}

const struct tts_driver tts_sherpa = {
    .name = "sherpa",
    .can = TTS_LISTS | TTS_RATE,
    .open = open_speaker,
    .start = start_speaking,
    .cancel = cancel_saying,
    .close = close_speaker,
    .voices = fixed_voices,
    .list = start_listing,
};
