/* A text is spoken, encoded and sent; see speech.h. */
#include "api/speech.h"

#include "base/base64.h"

#include <stdlib.h>

enum { SOUND_BYTES_MAX = 256 << 20 };

void spoken_free(struct spoken *s)
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

void spoken_begin(struct spoken *s, struct str text, const struct voice *voice)
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

struct spoken *spoken_new(struct call *call)
{
    struct spoken *s = heap_alloc(sizeof *s);
    s->call = call;
    return s;
}
