/*
 * Hearing: a recording goes in, text comes out.
 *
 * POST /api/asr                  waifu-rt3d's call: {text, segments, language, confidence, duration_ms,
 * provider} POST /v1/audio/transcriptions  OpenAI's: json, text, verbose_json (with word times where asked),
 * srt, vtt; stream=true as transcript.text.delta and transcript.text.done
 *
 * The recording is a multipart part `file`, or the body itself; the other fields are parts beside it, or the
 * query. It goes to the ears' chain (voice/ears.h). `model` picks one recogniser where it begins with the
 * name of one ("pocketsphinx", "NAME/whisper-large"); names that nobody here has, as OpenAI's own, leave the
 * chain.
 */
#include "api/call.h"
#include "api/multipart.h"
#include "api/transcript.h"
#include "net/shared.h"
#include "voice/ears.h"

enum { FIELD_MAX = 64 };

/* A recording that is being heard: in the request's arena, so it is gone when the request is. */
struct hearing {
    struct call *call;
    uint64_t id;
    bool api; /* our own call: the transcript as it is */
    enum transcript_format format;
    bool words, stream, begun, said;
};

static void closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct hearing *h = call->state;
    (void)complete;
    if (h && h->id)
        ears_cancel(call->api->parts.ears, h->id);
}

/* ---- answering ---- */
static LOOP void send_event(struct hearing *h, const char *type, const char *key, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!h->begun)
        http_sse_begin(h->call->req);
    h->begun = true;
    jw_object(&w);
    jw_kv_string(&w, "type", str_c(type));
    jw_kv_string(&w, key, text);
    jw_end_object(&w);
    struct shared *frame = http_sse_frame(STR_NONE, STR_NONE, buf_str(&b));
    http_sse_send(h->call->req, frame);
    shared_unref(frame);
}

static void on_piece(void *arg, struct str text)
{
    on_loop();
    struct hearing *h = arg;
    CLEANUP_BUF struct buf delta = BUF_INIT;
    if (!h->stream || !text.n)
        return;
    if (h->said)
        buf_add_char(&delta, ' ');
    buf_add(&delta, text);
    h->said = true;
    send_event(h, "transcript.text.delta", "delta", buf_str(&delta));
}

static LOOP void answer(struct hearing *h, struct str transcript)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct call *call = h->call;
    struct json *json = NULL;
    struct error e = {0};
    if (json_parse(call_arena(call), transcript, &json, &e) != ERR_OK) {
        call_error(call, &e);
    } else if (h->stream) {
        send_event(h, "transcript.text.done", "text", json_get_str(json, "text", STR_NONE));
        http_stream_end(call->req);
    } else if (h->api) {
        call_json(call, 200, transcript);
    } else {
        const char *type = transcript_write(&b, json, h->format, h->words);
        http_reply(call->req, 200, type, buf_str(&b));
    }
}

static void on_end(void *arg, enum err err, const struct error *e, const struct ears_heard *heard)
{
    on_loop();
    struct hearing *h = arg;
    h->id = 0;
    if (!err) {
        answer(h, heard->json);
    } else if (h->begun) {
        send_event(h, "error", "message", str_c(e->message));
        http_stream_end(h->call->req);
    } else {
        call_error(h->call, e);
    }
}

static const struct ears_emit emit = {.piece = on_piece, .end = on_end};

/* ---- the requests ---- */
/* The recording, and where the fields beside it are. */
struct form {
    struct call *call;
    struct str type; /* multipart, or else the query has the fields */
    struct str file;
};

static LOOP bool form_read(struct form *form, struct call *call)
{
    struct multipart_part part;
    struct error e = {0};
    *form = (struct form){.call = call, .file = call->req->body};
    http_header(call->req, "Content-Type", &form->type);
    if (!multipart_is(form->type)) {
        form->type = STR_NONE;
    } else if (multipart_find(form->type, call->req->body, STR("file"), &part, &e) != ERR_OK) {
        call_error(call, &e);
        return false;
    } else {
        form->file = part.bytes;
    }
    if (form->file.n)
        return true;
    call_refuse_param(call, ERR_MISSING_FIELD, "file",
                      "Send the recording as the part 'file', or as the body.");
    return false;
}

/* Empty where it is not there. */
static LOOP struct str form_field(const struct form *form, const char *name)
{
    struct multipart_part part;
    struct str value = STR_NONE;
    if (!form->type.n)
        call_query(form->call, name, &value);
    else if (multipart_find(form->type, form->call->req->body, str_c(name), &part, NULL) == ERR_OK)
        value = part.bytes;
    return str_trim(value);
}

static LOOP bool form_has(const struct form *form, const char *name, struct str value)
{
    struct multipart_part part;
    for (unsigned i = 0; form->type.n && multipart_nth(form->type, form->call->req->body, str_c(name), i,
                                                       &part, NULL) == ERR_OK;
         i++) {
        if (str_eq(str_trim(part.bytes), value))
            return true;
    }
    return !form->type.n && str_eq(form_field(form, name), value);
}

static LOOP void hear(struct hearing *h, const struct form *form)
{
    struct call *call = h->call;
    struct ears *ears = call->api->parts.ears;
    struct str model = form_field(form, "model"), rest = model, name;
    struct ears_request request = {
        .provider = form_field(form, "provider"),
        .asr = {.language = form_field(form, "language"), .prompt = form_field(form, "prompt")}};
    struct error e = {0};
    if (request.asr.language.n > FIELD_MAX) {
        call_refuse_param(call, ERR_INVALID, "language", "A language is a code, as 'en' or 'de'.");
        return;
    }
    if (!request.provider.n && str_cut(&rest, '/', &name) && ears_known(ears, name)) {
        request.provider = name;
        request.asr.model = rest;
    } else if (request.provider.n) {
        request.asr.model = model;
    }
    call->state = h;
    call->req->on_closed = closed;
    h->id = ears_file(ears, &request, form->file, &emit, h, &e);
    if (!h->id)
        call_error(call, &e);
}

void handle_asr_post(struct call *call)
{
    struct hearing *h = arena_new(call_arena(call), struct hearing);
    struct form form;
    *h = (struct hearing){.call = call, .api = true};
    if (form_read(&form, call))
        hear(h, &form);
}

void handle_openai_transcription(struct call *call)
{
    struct hearing *h = arena_new(call_arena(call), struct hearing);
    struct form form;
    *h = (struct hearing){.call = call, .format = TRANSCRIPT_JSON};
    if (!form_read(&form, call))
        return;
    struct str wanted = form_field(&form, "response_format");
    if (wanted.n && !transcript_format_parse(wanted, &h->format)) {
        call_refuse_param(call, ERR_INVALID, "response_format",
                          "The format '%.*s' is not known; ask for json, text, verbose_json, srt or vtt.",
                          STR_ARG(str_sub(wanted, 0, 40)));
        return;
    }
    h->words = form_has(&form, "timestamp_granularities[]", STR("word"));
    h->stream = form_has(&form, "stream", STR("true"));
    if (h->words && h->format != TRANSCRIPT_VERBOSE) {
        call_refuse_param(call, ERR_INVALID, "timestamp_granularities",
                          "Times of words need response_format verbose_json.");
        return;
    }
    hear(h, &form);
}
