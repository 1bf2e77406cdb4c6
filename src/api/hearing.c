/*
 * Hearing: a recording goes in, text comes out.
 *
 * POST /api/asr                  waifu-rt3d's call: {text, segments, language, confidence, duration_ms}
 * POST /v1/audio/transcriptions  OpenAI's: json, text, verbose_json (with word times where asked), srt, vtt
 *
 * The recording is a multipart part `file`, or the body itself. The text's format follows OpenAI's
 * description; what the embedded ear does not know (tokens, temperature) is left out.
 */
#include "api/call.h"
#include "api/multipart.h"
#include "voice/ear.h"

#include <math.h>
#include <stdlib.h>

enum hearing_format { HEARING_API, HEARING_JSON, HEARING_TEXT, HEARING_VERBOSE, HEARING_SRT, HEARING_VTT };

struct hearing {
    struct ear_job job;
    struct arena arena; /* of the answer; the request may go meanwhile */
    struct http_ref ref;
    char *file; /* a copy: the child reads it after the request is gone, too */
    enum hearing_format format;
    bool words;
};

static void hearing_free(struct hearing *h)
{
    arena_release(&h->arena);
    free(h->file);
    free(h);
}

/* ---- the formats ---- */
static void write_verbose(struct buf *to, const struct json *heard, bool words)
{
    struct jw w = JW(to);
    const struct json *segments = json_get(heard, "segments");
    jw_object(&w);
    jw_kv_string(&w, "task", STR("transcribe"));
    jw_kv_string(&w, "language", STR("english"));
    jw_kv_double(&w, "duration", json_get_double(heard, "duration_ms", 0) / 1000);
    jw_kv_string(&w, "text", json_get_str(heard, "text", STR_NONE));
    jw_key(&w, STR("segments"));
    jw_array(&w);
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        jw_object(&w);
        jw_kv_raw(&w, "id", json_get(s, "id")->raw);
        jw_kv_raw(&w, "start", json_get(s, "start")->raw);
        jw_kv_raw(&w, "end", json_get(s, "end")->raw);
        jw_kv_string(&w, "text", json_get_str(s, "text", STR_NONE));
        double sure = json_get_double(s, "confidence", 0);
        jw_kv_double(&w, "avg_logprob", round(log(sure > 1e-4 ? sure : 1e-4) * 1000) / 1000);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    if (words) {
        jw_key(&w, STR("words"));
        jw_array(&w);
        for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
            const struct json *list = json_get(s, "words");
            for (const struct json *one = list ? list->child : NULL; one; one = one->next) {
                jw_object(&w);
                jw_kv_string(&w, "word", json_get_str(one, "word", STR_NONE));
                jw_kv_raw(&w, "start", json_get(one, "start")->raw);
                jw_kv_raw(&w, "end", json_get(one, "end")->raw);
                jw_end_object(&w);
            }
        }
        jw_end_array(&w);
    }
    jw_end_object(&w);
}

static void write_time(struct buf *to, double seconds, char point)
{
    unsigned ms = (unsigned)lround(seconds * 1000);
    buf_printf(to, "%02u:%02u:%02u%c%03u", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, point, ms % 1000);
}

static void write_subtitles(struct buf *to, const struct json *heard, bool vtt)
{
    const struct json *segments = json_get(heard, "segments");
    unsigned n = 0;
    if (vtt)
        buf_add(to, STR("WEBVTT\n\n"));
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        if (!vtt)
            buf_printf(to, "%u\n", ++n);
        write_time(to, json_get_double(s, "start", 0), vtt ? '.' : ',');
        buf_add(to, STR(" --> "));
        write_time(to, json_get_double(s, "end", 0), vtt ? '.' : ',');
        buf_printf(to, "\n%.*s\n\n", STR_ARG(json_get_str(s, "text", STR_NONE)));
    }
}

static LOOP void answer(struct http_req *req, const struct hearing *h, const struct json *heard)
{
    struct call *call = req->user;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct str text = json_get_str(heard, "text", STR_NONE);
    switch (h->format) {
    case HEARING_API:
        call_json(call, 200, h->job.json);
        return;
    case HEARING_JSON:
        jw_object(&w);
        jw_kv_string(&w, "text", text);
        jw_end_object(&w);
        call_json(call, 200, buf_str(&b));
        return;
    case HEARING_VERBOSE:
        write_verbose(&b, heard, h->words);
        call_json(call, 200, buf_str(&b));
        return;
    case HEARING_TEXT:
        buf_printf(&b, "%.*s\n", STR_ARG(text));
        break;
    case HEARING_SRT:
    case HEARING_VTT:
        write_subtitles(&b, heard, h->format == HEARING_VTT);
        break;
    }
    http_reply(req, 200, h->format == HEARING_VTT ? "text/vtt; charset=utf-8" : "text/plain; charset=utf-8",
               buf_str(&b));
}

static void heard(struct ear_job *job)
{
    on_loop();
    struct hearing *h = CONTAINER(job, struct hearing, job);
    struct http_req *req = http_find(h->ref);
    struct json *json = NULL;
    if (req && job->err)
        call_error(req->user, &job->error);
    else if (req && json_parse(&h->arena, job->json, &json, NULL) == ERR_OK)
        answer(req, h, json);
    hearing_free(h);
}

/* ---- the requests ---- */
static LOOP void hear(struct call *call, struct str file, enum hearing_format format, bool words)
{
    struct hearing *h;
    if (!file.n) {
        call_refuse_param(call, ERR_MISSING_FIELD, "file",
                          "Send the recording as the part 'file', or as the body.");
        return;
    }
    if (file.n > EAR_FILE_MAX) {
        call_refuse(call, ERR_TOO_BIG, "The recording has %zu bytes; at most %d are heard at once. Split it.",
                    file.n, EAR_FILE_MAX);
        return;
    }
    h = heap_alloc(sizeof *h);
    h->ref = http_ref(call->req);
    h->file = heap_cstr(file);
    h->format = format;
    h->words = words;
    h->job.file = str_of(h->file, file.n);
    h->job.arena = &h->arena;
    h->job.done = heard;
    ear_submit(call->api->parts.ear, &h->job);
}

/* The value of a form's field; empty where there is none. */
static struct str form_field(struct call *call, struct str type, const char *name)
{
    struct multipart_part part;
    return multipart_find(type, call->req->body, str_c(name), &part, NULL) ? STR_NONE : str_trim(part.bytes);
}

static LOOP bool recording(struct call *call, struct str *type, struct str *file)
{
    struct multipart_part part;
    struct error e = {0};
    *type = STR_NONE;
    http_header(call->req, "Content-Type", type);
    *file = call->req->body;
    if (!multipart_is(*type))
        return true;
    if (multipart_find(*type, call->req->body, STR("file"), &part, &e) != ERR_OK) {
        call_error(call, &e);
        return false;
    }
    *file = part.bytes;
    return true;
}

void handle_asr_post(struct call *call)
{
    struct str type, file;
    if (recording(call, &type, &file))
        hear(call, file, HEARING_API, false);
}

void handle_openai_transcription(struct call *call)
{
    static const struct {
        const char *name;
        enum hearing_format format;
    } formats[] = {{"json", HEARING_JSON},
                   {"text", HEARING_TEXT},
                   {"verbose_json", HEARING_VERBOSE},
                   {"srt", HEARING_SRT},
                   {"vtt", HEARING_VTT}};
    struct str type, file, wanted;
    if (!recording(call, &type, &file))
        return;
    wanted = form_field(call, type, "response_format");
    struct str words = form_field(call, type, "timestamp_granularities[]");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!str_eq(wanted, str_c(formats[i].name)) && !(str_empty(wanted) && i == 0))
            continue;
        if (words.n && formats[i].format != HEARING_VERBOSE) {
            call_refuse_param(call, ERR_INVALID, "timestamp_granularities",
                              "Times of words need response_format verbose_json.");
            return;
        }
        hear(call, file, formats[i].format, str_eq(words, STR("word")));
        return;
    }
    call_refuse_param(call, ERR_INVALID, "response_format",
                      "The format '%.*s' is not known; ask for json, text, verbose_json, srt or vtt.",
                      STR_ARG(str_sub(wanted, 0, 40)));
}
