/*
 * The session's own voice, for responses that no room speaks: an engine's, and those outside the
 * conversation. Sentence by sentence while the text still comes, one after the other. See realtime.h.
 *
 * Also which voice a response has where the session asks for another than the persona's.
 */
#include "api/realtime_room.h"
#include "api/voice_name.h"

#include "voice/sentence.h"
#include "voice/speakable.h"

#include <stdlib.h>

struct own_voice {
    struct sentences cut;
    struct buf waiting; /* sentences to say, each ended by a NUL */
    struct speech *speech;
    struct voice voice;
    struct arena arena;
    unsigned rate, index;
    bool text_over, announced;
};

static void next_sentence(struct rt_response *r) LOOP;

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    struct rt_response *r = arg;
    struct own_voice *o = r->speak;
    o->rate = rate;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    (void)arg;
    (void)words;
    (void)count;
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct rt_response *r = arg;
    struct own_voice *o = r->speak;
    rt_shapes(r, keys, count, rt_sentence_from(r, o->index));
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct rt_response *r = arg;
    struct own_voice *o = r->speak;
    if (r->message)
        rt_sentence_begins(r->message, o->index, rt_voice_ms(r));
    rt_voice_sound(r, o->rate, samples, count);
}

static void failed(struct rt_response *r, const struct error *e) LOOP;
static void failed(struct rt_response *r, const struct error *e)
{
    struct own_voice *o = r->speak;
    struct error error = *e;
    str_copy(error.code, sizeof error.code, STR("speech_failed"));
    if (!o->announced)
        rt_error(r->session, &error, STR_NONE);
    o->announced = true;
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct rt_response *r = arg;
    struct own_voice *o = r->speak;
    o->speech = NULL;
    o->index++;
    if (err)
        failed(r, e);
    next_sentence(r);
}

static const struct tts_emit emit = {on_format, on_words, on_visemes, on_sound, on_end};

/* The next that waits, if nobody speaks; when there is no more, the sound is over. */
static void next_sentence(struct rt_response *r)
{
    struct own_voice *o = r->speak;
    while (!o->speech && o->waiting.n) {
        CLEANUP_BUF struct buf say = BUF_INIT;
        struct error e = {0};
        size_t n = strlen(o->waiting.p);
        text_speakable(str_of(o->waiting.p, n), &say);
        buf_drop(&o->waiting, n + 1);
        if (str_empty(str_trim(buf_str(&say))))
            continue;
        struct speech_request request = {
            .text = buf_str(&say), .voice = o->voice, .whole = true, .language = r->session->config.language};
        o->speech = speech_start(voices_here(r->session->api->parts.voices), &request, &emit, r, &e);
        if (!o->speech)
            failed(r, &e);
    }
    if (!o->speech && !o->waiting.n && o->text_over)
        rt_voice_end(r);
}

static void cut(struct rt_response *r) LOOP;
static void cut(struct rt_response *r)
{
    struct own_voice *o = r->speak;
    CLEANUP_BUF struct buf piece = BUF_INIT;
    while (sentences_next(&o->cut, &piece)) {
        buf_add(&o->waiting, buf_str(&piece));
        buf_add_char(&o->waiting, 0);
        buf_clear(&piece);
    }
    next_sentence(r);
}

/* ---- which voice ---- */

/* The voice that a session names; its own slug is the persona's own. */
static bool named(const struct rt_response *r, struct voice *out)
{
    struct call call = {.api = r->session->api};
    return !str_empty(r->voice) && !str_eq(r->voice, r->session->model) &&
           voice_named(call_config(&call), r->voice, out);
}

static struct voice own(const struct realtime *s)
{
    const struct persona *p = s->persona;
    if (!p)
        return (struct voice){.prosody = {1, 1, 1}};
    struct voice v = {.provider = p->voice.provider,
                      .name = p->voice.name,
                      .prosody = {p->voice.rate, p->voice.pitch, p->voice.volume}};
    return voice_for(p->id, &v);
}

void rt_ask_voice(const struct rt_response *r, struct room_asked *to, struct arena *a)
{
    struct voice v = own(r->session);
    bool other = named(r, &v);
    if (!other && r->speed == 1)
        return;
    to->voice = (struct room_voice){.provider = arena_str(a, v.provider),
                                    .name = arena_str(a, v.name),
                                    .rate = (v.prosody.rate > 0 ? v.prosody.rate : 1) * r->speed,
                                    .pitch = v.prosody.pitch,
                                    .volume = v.prosody.volume};
    to->voice_set = true;
}

static struct own_voice *own_voice(struct rt_response *r)
{
    if (r->speak)
        return r->speak;
    struct own_voice *o = r->speak = heap_alloc(sizeof *o);
    o->voice = own(r->session);
    named(r, &o->voice);
    o->voice.provider = arena_str(&o->arena, o->voice.provider);
    o->voice.name = arena_str(&o->arena, o->voice.name);
    o->voice.prosody.rate = (o->voice.prosody.rate > 0 ? o->voice.prosody.rate : 1) * r->speed;
    return o;
}

void rt_speak_text(struct rt_response *r, struct str text)
{
    sentences_feed(&own_voice(r)->cut, text);
    cut(r);
}

void rt_speak_end(struct rt_response *r)
{
    struct own_voice *o = own_voice(r);
    o->text_over = true;
    sentences_end(&o->cut);
    cut(r);
}

void rt_speak_drop(struct rt_response *r)
{
    struct own_voice *o = r->speak;
    r->speak = NULL;
    if (!o)
        return;
    if (o->speech)
        speech_cancel(o->speech);
    sentences_release(&o->cut);
    buf_release(&o->waiting);
    arena_release(&o->arena);
    free(o);
}
