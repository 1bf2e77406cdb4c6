/*
 * Speech: a text goes in, sound comes out.
 *
 * POST /api/tts               waifu-rt3d's call: the whole sound as a file; with Accept: application/json
 * also its mouth shapes and words POST /v1/audio/speech       OpenAI's: the sound as it is made; with
 * stream_format "sse" as speech.audio.delta events
 *
 * Encoding is work for a worker: what was spoken meanwhile waits, and goes with the next job, so that order
 * stays.
 */
#include "voice/speech.h"
#include "api/call.h"
#include "api/openai.h"
#include "api/voice_name.h"
#include "base/base64.h"
#include "base/utf8.h"
#include "voice/chain.h"
#include "voice/encode.h"

#include <math.h>
#include <stdlib.h>

enum { OPENAI_INPUT_MAX = 4096, OPENAI_RATE = 24000, SOUND_BYTES_MAX = 256 << 20 };

/* One answer in the making. It outlives its request while a job encodes. */
struct spoken {
    struct job job;
    struct call *call; /* NULL: the request is gone */
    struct speech *speech;
    struct encoder *encoder;
    enum sound_format format;
    unsigned to_rate, rate;
    bool stream, sse, json;
    bool begun, encoding, ended;
    struct buf waiting, work; /* samples: spoken meanwhile, and the job's */
    struct buf made;          /* encoded */
    struct buf visemes, words;
    uint64_t samples;
    bool last;       /* the job ends the file */
    enum err failed; /* the speech; while a job runs, the two below are the job's */
    struct error why;
    enum err err;
    struct error error;
};

static void spoken_free(struct spoken *s)
{
    if (s->encoder)
        encoder_free(s->encoder);
    buf_release(&s->waiting);
    buf_release(&s->work);
    buf_release(&s->made);
    buf_release(&s->visemes);
    buf_release(&s->words);
    arena_release(&s->job.arena);
    free(s);
}

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct spoken *s = call->state;
    (void)complete;
    if (!s)
        return;
    if (s->speech)
        speech_cancel(s->speech);
    s->speech = NULL;
    s->call = NULL;
    if (!s->encoding)
        spoken_free(s);
}

/* ---- answering ---- */
static LOOP void send_sse(struct spoken *s, const char *type, bool audio)
{
    CLEANUP_BUF struct buf b = BUF_INIT, text = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", str_c(type));
    if (audio) {
        base64_encode(&text, buf_str(&s->made));
        jw_kv_string(&w, "audio", buf_str(&text));
    } else {
        jw_key(&w, STR("usage"));
        jw_object(&w);
        jw_kv_u64(&w, "input_tokens", 0);
        jw_kv_u64(&w, "output_tokens", 0);
        jw_kv_u64(&w, "total_tokens", 0);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    struct shared *frame = http_sse_frame(STR_NONE, STR_NONE, buf_str(&b));
    http_sse_send(s->call->req, frame);
    shared_unref(frame);
}

static LOOP void send_piece(struct spoken *s)
{
    struct http_req *req = s->call->req;
    if (!s->begun && s->sse)
        http_sse_begin(req);
    else if (!s->begun)
        http_stream_begin(req, 200, sound_format_types[s->format]);
    s->begun = true;
    if (s->made.n && s->sse)
        send_sse(s, "speech.audio.delta", true);
    else if (s->made.n)
        http_stream_write(req, buf_str(&s->made));
    buf_clear(&s->made);
}

static LOOP void answer_json(struct spoken *s)
{
    CLEANUP_BUF struct buf b = BUF_MAX(SOUND_BYTES_MAX), audio = BUF_MAX(SOUND_BYTES_MAX);
    struct jw w = JW(&b);
    base64_encode(&audio, buf_str(&s->made));
    jw_object(&w);
    jw_kv_string(&w, "audio", buf_str(&audio));
    jw_kv_string(&w, "format", str_c(sound_format_names[s->format]));
    jw_kv_u64(&w, "sample_rate", s->to_rate ? s->to_rate : s->rate);
    jw_kv_u64(&w, "duration_ms", s->rate ? s->samples * 1000 / s->rate : 0);
    buf_add_char(&s->visemes, ']');
    buf_add_char(&s->words, ']');
    jw_kv_raw(&w, "visemes", buf_str(&s->visemes));
    jw_kv_raw(&w, "words", buf_str(&s->words));
    jw_end_object(&w);
    call_json(s->call, 200, buf_str(&b));
}

static LOOP void answer(struct spoken *s)
{
    struct call *call = s->call;
    if (s->err && !s->begun) {
        call_error(call, &s->error);
    } else if (s->err) {
        http_stream_abort(call->req);
    } else if (s->stream) {
        send_piece(s);
        if (s->sse)
            send_sse(s, "speech.audio.done", false);
        http_stream_end(call->req);
    } else if (s->json) {
        answer_json(s);
    } else {
        http_reply(call->req, 200, sound_format_types[s->format], buf_str(&s->made));
    }
}

/* ---- encoding ---- */
static LOOP void encode_next(struct spoken *s);

static void encode(struct job *job)
{
    on_worker();
    struct spoken *s = CONTAINER(job, struct spoken, job);
    if (!s->encoder)
        s->err = encoder_new(s->format, s->rate, s->to_rate, &s->made, &s->encoder, &s->error);
    if (!s->err)
        encoder_feed(s->encoder, (const int16_t *)(const void *)s->work.p, s->work.n / sizeof(int16_t));
    if (!s->err && s->last)
        s->err = encoder_end(s->encoder, !s->stream, &s->error);
}

static void encoded(struct job *job)
{
    on_loop();
    struct spoken *s = CONTAINER(job, struct spoken, job);
    s->encoding = false;
    buf_clear(&s->work);
    if (!s->call) {
        spoken_free(s);
        return;
    }
    if (!s->err && s->failed) {
        s->err = s->failed;
        s->error = s->why;
    }
    if (s->err || s->last) {
        answer(s);
        return;
    }
    if (s->stream && s->made.n)
        send_piece(s);
    if (s->call)
        encode_next(s);
}

static void encode_next(struct spoken *s)
{
    if (s->encoding || (!s->waiting.n && !s->ended))
        return;
    struct buf swap = s->work;
    s->work = s->waiting;
    s->waiting = swap;
    s->last = s->ended;
    s->encoding = true;
    s->job.home = loop_self();
    s->job.run = encode;
    s->job.done = encoded;
    workers_submit(s->call->api->parts.workers, &s->job);
}

/* ---- what is spoken ---- */
static void on_format(void *arg, unsigned rate)
{
    on_loop();
    struct spoken *s = arg;
    s->rate = rate;
    if (s->to_rate == rate)
        s->to_rate = 0;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct spoken *s = arg;
    for (size_t i = 0; s->json && i < count; i++) {
        struct jw w = JW(&s->words);
        if (s->words.n > 1)
            buf_add_char(&s->words, ',');
        jw_object(&w);
        jw_kv_string(&w, "text", words[i].text);
        jw_kv_u64(&w, "from_ms", words[i].from_ms);
        jw_kv_u64(&w, "to_ms", words[i].to_ms);
        jw_end_object(&w);
    }
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct spoken *s = arg;
    for (size_t i = 0; s->json && i < count; i++) {
        struct jw w = JW(&s->visemes);
        if (s->visemes.n > 1)
            buf_add_char(&s->visemes, ',');
        viseme_write_json(&w, &keys[i]);
    }
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct spoken *s = arg;
    buf_add(&s->waiting, str_of((const char *)samples, count * sizeof *samples));
    s->samples += count;
    encode_next(s);
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct spoken *s = arg;
    s->speech = NULL;
    s->ended = true;
    if (!s->rate && !err)
        err = error_set_param(&s->why, ERR_REFUSED, "text",
                              "There is nothing in this text that can be spoken.");
    else if (err)
        s->why = *e;
    s->failed = err;
    if (err && !s->encoding) {
        s->err = err;
        s->error = s->why;
        answer(s);
        return;
    }
    encode_next(s);
}

static const struct tts_emit emit = {on_format, on_words, on_visemes, on_sound, on_end};

static LOOP void begin(struct spoken *s, struct str text, const struct voice *voice)
{
    struct call *call = s->call;
    struct speech_request request = {.text = text, .voice = *voice};
    struct error e = {0};
    s->waiting.max = s->work.max = s->made.max = SOUND_BYTES_MAX;
    buf_add_char(&s->visemes, '[');
    buf_add_char(&s->words, '[');
    call->state = s;
    call->req->on_closed = closed;
    s->speech = speech_start(voices_here(call->api->parts.voices), &request, &emit, s, &e);
    if (!s->speech)
        call_error(call, &e);
}

/* ---- reading requests ---- */
static struct spoken *spoken_new(struct call *call)
{
    struct spoken *s = heap_alloc(sizeof *s);
    s->call = call;
    return s;
}

static LOOP bool read_format(struct call *call, const char *name, enum sound_format *out)
{
    const struct json *format = json_get(call->body, name);
    if (!format || format->type != JSON_STRING || sound_format_parse(format->string, out))
        return true;
    call_refuse_param(call, ERR_INVALID, name,
                      "The format '%.*s' cannot be made here; ask for wav, pcm, opus, mp3 or flac.",
                      STR_ARG(str_sub(format->string, 0, 40)));
    return false;
}

static void voice_of_persona(const struct persona *p, struct voice *out)
{
    struct voice own = {.provider = p->voice.provider,
                        .name = p->voice.name,
                        .prosody = {p->voice.rate, p->voice.pitch, p->voice.volume}};
    *out = voice_for(p->id, &own);
}

/* OpenAI's own names, by voices of flite's. */
static bool openai_voice(struct str name, struct voice *v)
{
    static const struct {
        const char *theirs, *ours;
        double pitch, rate;
    } known[] = {
        {"alloy", "slt", .96, 1},     {"ash", "rms", 1, 1},      {"ballad", "awb", 1, .95},
        {"coral", "slt", 1.06, 1.02}, {"echo", "rms", 1.06, 1},  {"fable", "awb", 1.08, 1},
        {"nova", "slt", 1.12, 1},     {"onyx", "rms", .88, .97}, {"sage", "slt", .92, .96},
        {"shimmer", "slt", 1.18, 1},  {"verse", "awb", .94, 1},  {"marin", "slt", 1.03, .98},
        {"cedar", "rms", .94, 1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_ieq(name, str_c(known[i].theirs)))
            continue;
        v->provider = STR("flite");
        v->name = str_c(known[i].ours);
        v->prosody = (struct tts_prosody){known[i].rate, known[i].pitch, 1};
        return true;
    }
    return false;
}

static bool flite_voice(struct str name)
{
    size_t count;
    const struct tts_voice *voices = tts_flite.voices(NULL, &count);
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(name, str_c(voices[i].name)))
            return true;
    }
    return false;
}

bool voice_named(const struct config *config, struct str name, struct voice *v)
{
    const struct speech_provider *settings;
    size_t slash = str_find_char(name, '/');
    struct str first = config->voice.chain.n ? config->voice.chain.v[0] : STR_NONE;
    *v = (struct voice){.prosody = {1, 1, 1}};
    if (str_empty(name))
        return true;
    if (slash != SIZE_MAX) {
        v->provider = str_sub(name, 0, slash);
        v->name = str_from(name, slash + 1);
        return true;
    }
    const struct tts_driver *driver = chain_driver(config, first, &settings);
    struct voice ours = *v;
    if (openai_voice(name, &ours)) {
        *v = driver == &tts_openai ? (struct voice){first, name, {1, 1, 1}} : ours;
        return true;
    }
    if (flite_voice(name)) {
        v->provider = STR("flite");
        v->name = name;
        return true;
    }
    v->provider = name;
    return chain_driver(config, name, &settings) != NULL;
}

struct asked {
    struct spoken *spoken;
    struct str text;
    double speed;
};

static void with_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    struct asked *asked = call->state;
    struct voice voice;
    call->state = NULL;
    voice_of_persona(op->persona, &voice);
    voice.name = arena_str(call_arena(call), voice.name);
    voice.provider = arena_str(call_arena(call), voice.provider);
    voice.prosody.rate *= asked->speed;
    begin(asked->spoken, asked->text, &voice);
}

/* A persona's voice by its slug or id; gone with 404 where there is none. */
static void ask_persona(struct call *call, struct asked *asked, struct str key) LOOP;
static void asked_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct asked *asked = call->state;
    (void)complete;
    if (asked)
        spoken_free(asked->spoken);
}

static void ask_persona(struct call *call, struct asked *asked, struct str key)
{
    struct persona_deed *deed = call_persona(call, with_persona);
    call->state = asked;
    call->req->on_closed = asked_closed;
    deed->op.key = arena_str(&deed->arena, key);
    personas_get(call->api->parts.personas, &deed->op);
}

static struct asked *asked_new(struct call *call, struct str text)
{
    struct asked *asked = arena_new(call_arena(call), struct asked);
    asked->spoken = spoken_new(call);
    asked->text = text;
    asked->speed = 1;
    return asked;
}

void handle_tts_post(struct call *call)
{
    struct str text = json_get_str(call->body, "text", STR_NONE),
               key = json_get_str(call->body, "character", STR_NONE),
               named = json_get_str(call->body, "voice", STR_NONE);
    enum sound_format format = SOUND_WAV;
    if (str_empty(str_trim(text))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "text", "Send what is to be spoken as 'text'.");
        return;
    }
    if (!read_format(call, "format", &format))
        return;
    struct asked *asked = asked_new(call, text);
    asked->spoken->format = format;
    asked->spoken->json = http_accepts_exactly(call->req, "application/json");
    if (str_empty(key)) {
        struct voice voice;
        if (!voice_named(call_config(call), named,
                         &voice)) /* the sentence names flite's, which are always there */
            voice = (struct voice){STR("flite"), named, {1, 1, 1}};
        begin(asked->spoken, text, &voice);
        return;
    }
    ask_persona(call, asked, key);
}

/* Voices by name, a persona's by its slug. */
void handle_openai_speech(struct call *call)
{
    struct str text = json_get_str(call->body, "input", STR_NONE),
               named = json_get_str(call->body, "voice", STR_NONE);
    const struct json *voice = json_get(call->body, "voice");
    double speed = json_get_double(call->body, "speed", 1);
    enum sound_format format = SOUND_MP3;
    if (str_empty(str_trim(text))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "input", "Send what is to be spoken as 'input'.");
        return;
    }
    if (utf8_count(text) > OPENAI_INPUT_MAX) {
        call_refuse_param(call, ERR_INVALID, "input",
                          "The input has more than %d characters; send it in pieces.", OPENAI_INPUT_MAX);
        return;
    }
    if (!(speed >= .25 && speed <= 4)) {
        call_refuse_param(call, ERR_INVALID, "speed", "The speed is a number from 0.25 to 4.");
        return;
    }
    if (str_empty(named) && voice && voice->type == JSON_OBJECT)
        named = json_get_str(voice, "id", STR_NONE);
    if (str_empty(named)) {
        call_refuse_param(
            call, ERR_MISSING_FIELD, "voice",
            "Name a voice: one of OpenAI's names, provider/voice as flite/slt, or a persona's slug.");
        return;
    }
    if (!read_format(call, "response_format", &format))
        return;
    struct asked *asked = asked_new(call, text);
    struct spoken *s = asked->spoken;
    s->format = format;
    s->stream = true;
    s->sse = str_eq(json_get_str(call->body, "stream_format", STR_NONE), STR("sse"));
    s->to_rate = OPENAI_RATE;
    asked->speed = speed;
    struct voice v;
    if (!voice_named(call_config(call), named, &v)) {
        ask_persona(call, asked, named);
        return;
    }
    v.prosody.rate *= asked->speed;
    begin(s, text, &v);
}
