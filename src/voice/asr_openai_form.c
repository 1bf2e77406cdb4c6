/*
 * What is posted to OpenAI's transcription API; see asr_openai.c.
 *
 * The form (multipart/form-data, as https://platform.openai.com/docs/api-reference/audio/createTranscription
 * has it) holds the utterance as a WAV file and how it is to be told.
 */
#include "voice/asr_openai_inner.h"

#include "base/clock.h"
#include "voice/asr_wav.h"

enum { HEADERS_MAX = 16 };

static void add_field(struct buf *to, const char *boundary, const char *name, struct str value)
{
    buf_printf(to, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", boundary, name);
    buf_add(to, value);
    buf_add(to, STR("\r\n"));
}

static bool streams(const struct openai_hearing *l)
{
    return str_starts(l->model, STR("gpt-"));
}

static void write_form(const struct openai_hearing *l, const char *boundary, struct buf *to)
{
    bool verbose = !l->plain && !streams(l);
    if (l->model.n)
        add_field(to, boundary, "model", l->model);
    if (l->language.n)
        add_field(to, boundary, "language", l->language);
    if (l->prompt.n)
        add_field(to, boundary, "prompt", l->prompt);
    add_field(to, boundary, "response_format", verbose ? STR("verbose_json") : STR("json"));
    add_field(to, boundary, "temperature", STR("0"));
    if (verbose) {
        add_field(to, boundary, "timestamp_granularities[]", STR("segment"));
        add_field(to, boundary, "timestamp_granularities[]", STR("word"));
    }
    if (streams(l) && !l->plain) {
        add_field(to, boundary, "include[]", STR("logprobs"));
        add_field(to, boundary, "stream", STR("true"));
    }
    buf_printf(to,
               "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n"
               "Content-Type: audio/wav\r\n\r\n",
               boundary);
    asr_write_wav(to, buf_str(&l->sound));
    buf_printf(to, "\r\n--%s--\r\n", boundary);
}

uint64_t asr_openai_post(struct openai_hearing *l, struct error *e)
{
    const struct speech_provider *c = &l->ear->config;
    CLEANUP_BUF struct buf body = BUF_INIT, type = BUF_INIT, bearer = BUF_INIT;
    char boundary[48];
    struct fetch_header headers[HEADERS_MAX];
    size_t n = 0;
    snprintf(boundary, sizeof boundary, "eidolon-%016llx%08x", (unsigned long long)clock_mono_us(),
             (unsigned)l->id);
    write_form(l, boundary, &body);
    buf_printf(&type, "multipart/form-data; boundary=%s", boundary);
    headers[n++] = (struct fetch_header){STR("Content-Type"), buf_str(&type)};
    headers[n++] = (struct fetch_header){STR("Accept"), STR("application/json, text/event-stream")};
    headers[n++] = (struct fetch_header){STR("User-Agent"), STR("eidolon/" EIDOLON_VERSION)};
    if (c->api_key.n) {
        buf_printf(&bearer, "Bearer %.*s", STR_ARG(c->api_key));
        headers[n++] = (struct fetch_header){STR("Authorization"), buf_str(&bearer)};
    }
    for (size_t i = 0; i < c->headers.n && n < HEADERS_MAX; i++) {
        struct str value = c->headers.v[i], name;
        if (str_cut(&value, ':', &name))
            headers[n++] = (struct fetch_header){str_trim(name), str_trim(value)};
    }
    const struct fetch_request request = {
        .method = STR("POST"),
        .url = l->ear->url,
        .headers = headers,
        .header_count = n,
        .body = buf_str(&body),
        .connect_ms = c->connect_timeout,
        .first_byte_ms = c->first_sound_timeout,
        .idle_ms = c->stream_timeout,
        .total_ms = c->total_timeout,
        .max_bytes = ASR_JSON_MAX,
    };
    return fetch_start(l->ear->base.loop, &request, &asr_openai_events, l, e);
}
