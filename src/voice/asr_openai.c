/*
 * Recognisers with OpenAI's transcription API: the cloud, and servers like whisper.cpp's.
 *
 * An utterance is gathered and posted as a WAV file in multipart/form-data when it is finished:
 *   BASE_URL/audio/transcriptions   where base_url is an API's root (up to and with /v1)
 *   BASE_URL                        where it ends in /inference (whisper.cpp's own path) or /transcriptions
 * Whisper models are asked for verbose_json with the times of words; a server that refuses that format is
 * asked again for plain json. Models called gpt-... know no verbose_json: they are asked for json, the
 * probabilities of their tokens, and a stream (transcript.text.delta, transcript.text.done), so that text
 * comes while it is made.
 *
 * An attempt that fails before anything was heard, at a server that is busy or gone, is made again
 * (`retries`), unless waiting would take longer than listening: then the chain's next is quicker (ears.h).
 */
#include "voice/asr.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/sse.h"
#include "loop/fetch.h"
#include "voice/asr_read.h"
#include "voice/asr_wav.h"
#include "voice/vad.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

enum {
    HEADERS_MAX = 16,
    RETRY_MS = 250,
    RETRY_WAIT_MAX_MS = 1000, /* a server that asks for more is left to itself */
    REASON_MAX = 160,
};

struct openai_ear {
    struct asr base;
    struct arena arena;
    struct speech_provider config;
    struct str url, endpoint;
    struct listening *first;
};

struct listening {
    struct openai_ear *ear;
    struct listening *next;
    uint64_t id;
    struct arena arena;
    struct str language, prompt, model;
    const struct asr_emit *emit;
    void *arg;
    struct buf sound, answer, heard; /* samples; a body; deltas so far */
    struct sse sse;
    struct timer timer;
    uint64_t fetch;
    unsigned attempt;
    int status;
    bool plain;  /* verbose_json was refused */
    bool stream; /* what comes is an event stream */
    bool html;   /* what comes is a page for people */
    bool done;   /* transcript.text.done was there */
    bool over, busy;
    int64_t retry_after_ms;
};

static LOOP uint64_t post(struct listening *l, struct error *e);

/* ---- life ---- */
static LOOP void listening_free(struct listening *l)
{
    timer_close(&l->timer);
    sse_release(&l->sse);
    buf_release(&l->sound);
    buf_release(&l->answer);
    buf_release(&l->heard);
    arena_release(&l->arena);
    free(l);
}

static LOOP void silence(struct listening *l)
{
    for (struct listening **at = &l->ear->first; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    if (l->fetch)
        fetch_cancel(l->fetch);
    l->fetch = 0;
    l->over = true;
    timer_cancel(&l->timer);
    if (!l->busy)
        listening_free(l);
}

static LOOP void end(struct listening *l, enum err err, const struct error *e, struct str json)
{
    const struct asr_emit *emit = l->emit;
    bool outer = l->busy;
    l->busy = true;
    silence(l);
    emit->end(l->arg, err, e, json);
    l->busy = outer;
    if (!outer)
        listening_free(l);
}

/* ---- the request ---- */
static void add_field(struct buf *to, const char *boundary, const char *name, struct str value)
{
    buf_printf(to, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", boundary, name);
    buf_add(to, value);
    buf_add(to, STR("\r\n"));
}

static bool streams(const struct listening *l)
{
    return str_starts(l->model, STR("gpt-"));
}

static void write_form(const struct listening *l, const char *boundary, struct buf *to)
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

static LOOP void attempt(struct listening *l)
{
    struct error e = {0};
    l->attempt++;
    l->status = 0;
    l->retry_after_ms = -1;
    l->stream = l->html = l->done = false;
    buf_clear(&l->answer);
    buf_clear(&l->heard);
    l->fetch = post(l, &e);
    if (!l->fetch)
        end(l, ERR_UNAVAILABLE, &e, STR_NONE);
}

static void on_retry(struct timer *timer)
{
    on_loop();
    attempt(CONTAINER(timer, struct listening, timer));
}

static LOOP bool try_again(struct listening *l, bool may)
{
    if (!may || l->attempt > (unsigned)l->ear->config.retries || l->heard.n ||
        l->retry_after_ms > RETRY_WAIT_MAX_MS)
        return false;
    timer_arm(&l->timer, l->retry_after_ms >= 0 ? (uint64_t)l->retry_after_ms : RETRY_MS, on_retry);
    return true;
}

/* ---- the answer ---- */
static LOOP bool on_event(void *arg, struct str name, struct str data)
{
    struct listening *l = arg;
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    (void)name;
    if (!l->done && json_parse(&a, data, &json, NULL) == ERR_OK) {
        struct str type = json_get_str(json, "type", STR_NONE);
        struct str delta = json_get_str(json, "delta", STR_NONE);
        if (str_eq(type, STR("transcript.text.done"))) {
            buf_clear(&l->answer);
            buf_add(&l->answer, data);
            l->done = true;
        } else if (str_eq(type, STR("transcript.text.delta")) && delta.n) {
            buf_add(&l->heard, delta);
            if (l->emit->partial)
                l->emit->partial(l->arg, buf_str(&l->heard));
        }
    }
    arena_release(&a);
    return !l->over;
}

static bool event_on_loop(void *arg, struct str name, struct str data)
{
    on_loop();
    return on_event(arg, name, data);
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct listening *l = arg;
    struct str type = fetch_head_get(head, "Content-Type"), after = fetch_head_get(head, "Retry-After");
    double seconds;
    l->status = head->status;
    l->stream = str_starts(type, STR("text/event-stream"));
    l->html = str_starts(type, STR("text/html"));
    if (str_to_double(str_trim(after), &seconds) && seconds >= 0 && seconds < 1e6)
        l->retry_after_ms = (int64_t)lround(seconds * 1000);
    if (l->stream) {
        sse_release(&l->sse);
        sse_init(&l->sse, event_on_loop, l);
    }
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct listening *l = arg;
    if (!l->stream || l->status != 200) {
        buf_add(&l->answer, bytes);
        return;
    }
    l->busy = true;
    sse_feed(&l->sse, bytes);
    l->busy = false;
    if (l->over)
        listening_free(l);
}

/* What the server itself says is wrong: {"error":{"message"}}, {"error":".."}, {"detail":".."}. */
static struct str reason(struct listening *l)
{
    struct json *json = NULL;
    if (json_parse(&l->arena, buf_str(&l->answer), &json, NULL) != ERR_OK)
        return STR_NONE;
    const struct json *error = json_get(json, "error");
    struct str said = json_get_str(error, "message", json_get_str(json, "error", STR_NONE));
    return str_sub(said.n ? said : json_get_str(json, "detail", STR_NONE), 0, REASON_MAX);
}

static enum err refusal(struct listening *l, struct error *e)
{
    struct str why = reason(l), at = l->ear->endpoint;
    const char *colon = why.n ? ": " : "";
    if (l->status == 401 || l->status == 403)
        return error_set(e, ERR_UPSTREAM, "The recogniser at %.*s refuses the key%s%.*s. Set its api_key.",
                         STR_ARG(at), colon, STR_ARG(why));
    if (l->status == 429)
        return error_set(e, ERR_LIMIT, "The recogniser at %.*s takes no more now%s%.*s.", STR_ARG(at), colon,
                         STR_ARG(why));
    if (l->status == 404)
        return error_set(
            e, ERR_UPSTREAM,
            "There is no recogniser at %.*s under that path; base_url goes up to and with /v1, or "
            "to whisper.cpp's /inference%s%.*s.",
            STR_ARG(at), colon, STR_ARG(why));
    return error_set(e, l->status >= 500 ? ERR_UPSTREAM : ERR_REFUSED,
                     "The recogniser at %.*s answered with status %d%s%.*s.", STR_ARG(at), l->status, colon,
                     STR_ARG(why));
}

static LOOP void answered(struct listening *l)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct error e = {0};
    enum err err;
    uint32_t length_ms = (uint32_t)(l->sound.n / 2 / (ASR_RATE / 1000));
    if (l->html)
        err =
            error_set(&e, ERR_UPSTREAM, "At %.*s there is a page for people, no recogniser; check base_url.",
                      STR_ARG(l->ear->endpoint));
    else if (l->stream && !l->done)
        err = error_set(&e, ERR_UPSTREAM, "The recogniser at %.*s stopped in the middle of its answer.",
                        STR_ARG(l->ear->endpoint));
    else
        err = asr_read_answer(&l->arena, buf_str(&l->answer), l->language, length_ms,
                              vad_speech_ms((const int16_t *)(const void *)l->sound.p, l->sound.n / 2), &json,
                              &e);
    if (err && try_again(l, !l->html))
        return;
    end(l, err, &e, buf_str(&json));
}

static void on_end(void *arg, const struct fetch_end *result)
{
    on_loop();
    struct listening *l = arg;
    struct error e = {0};
    l->fetch = 0;
    if (result->result != FETCH_DONE) {
        bool late = result->result >= FETCH_TIMEOUT_CONNECT && result->result <= FETCH_TIMEOUT_TOTAL;
        bool again = result->result == FETCH_CUT || result->result == FETCH_NO_CONNECT;
        if (try_again(l, again))
            return;
        error_set(&e, late ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM, "%s", result->error.message);
        end(l, e.err, &e, STR_NONE);
    } else if (l->status == 200) {
        answered(l);
    } else if ((l->status == 400 || l->status == 422) && !l->plain) {
        l->plain = true; /* it may know no verbose_json, or no streams */
        l->attempt--;
        attempt(l);
    } else if (!try_again(l, l->status == 429 || l->status >= 500)) {
        enum err err = refusal(l, &e);
        end(l, err, &e, STR_NONE);
    }
}

static const struct fetch_events post_events = {on_head, on_data, on_end};

static LOOP uint64_t post(struct listening *l, struct error *e)
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
    return fetch_start(l->ear->base.loop, &request, &post_events, l, e);
}

/* ---- the driver ---- */
static enum err openai_open(struct loop *loop, const struct asr_house *house,
                            const struct speech_provider *config, struct asr **out, struct error *e)
{
    struct openai_ear *ear = heap_alloc(sizeof *ear);
    char endpoint[FETCH_ENDPOINT_TEXT];
    (void)house, (void)e;
    ear->base = (struct asr){&asr_openai, loop};
    config_named_copy(&ear->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)config,
                      (struct config_named *)&ear->config);
    struct str base = config->base_url.n ? config->base_url : config_speech_url(config->type);
    while (str_ends(base, STR("/")))
        base.n--;
    bool whole = str_ends(base, STR("/inference")) || str_ends(base, STR("/transcriptions"));
    ear->url = whole ? arena_str(&ear->arena, base)
                     : arena_printf(&ear->arena, "%.*s/audio/transcriptions", STR_ARG(base));
    if (!config->ear_model.n && !whole)
        ear->config.ear_model = STR("whisper-1");
    fetch_endpoint(endpoint, ear->url);
    ear->endpoint = arena_str(&ear->arena, str_c(endpoint));
    *out = &ear->base;
    return ERR_OK;
}

static LOOP uint64_t openai_start(struct asr *asr, const struct asr_request *request,
                                  const struct asr_emit *emit, void *arg, struct error *e)
{
    struct openai_ear *ear = (struct openai_ear *)asr;
    struct listening *l = heap_alloc(sizeof *l);
    (void)e;
    *l = (struct listening){.ear = ear, .next = ear->first, .id = asr_id_new(), .emit = emit, .arg = arg};
    l->sound.max = (size_t)ASR_SECONDS_MAX * ASR_RATE * sizeof(int16_t);
    l->answer.max = ASR_JSON_MAX;
    l->model = arena_str(&l->arena, request->model.n ? request->model : ear->config.ear_model);
    struct str language = request->language.n ? request->language : ear->config.language;
    l->language = language.n ? asr_language_code(&l->arena, language) : STR_NONE;
    size_t cut = request->prompt.n > ASR_PROMPT_MAX ? request->prompt.n - ASR_PROMPT_MAX : 0;
    while (cut && cut < request->prompt.n && (request->prompt.p[cut] & 0xc0) == 0x80)
        cut++;
    l->prompt = arena_str(&l->arena, str_from(request->prompt, cut));
    ear->first = l;
    return l->id;
}

static struct listening *find(struct asr *asr, uint64_t id)
{
    struct listening *l = ((struct openai_ear *)asr)->first;
    while (l && l->id != id)
        l = l->next;
    return l;
}

static void openai_feed(struct asr *asr, uint64_t id, const int16_t *samples, size_t count)
{
    struct listening *l = find(asr, id);
    if (l)
        buf_add(&l->sound, str_of((const char *)samples, count * sizeof *samples));
}

static LOOP void openai_finish(struct asr *asr, uint64_t id)
{
    struct listening *l = find(asr, id);
    if (l && !l->attempt)
        timer_arm(&l->timer, 0, on_retry);
}

static LOOP void openai_cancel(struct asr *asr, uint64_t id)
{
    struct listening *l = find(asr, id);
    if (l)
        silence(l);
}

static LOOP void openai_close(struct asr *asr)
{
    struct openai_ear *ear = (struct openai_ear *)asr;
    while (ear->first)
        silence(ear->first);
    arena_release(&ear->arena);
    free(ear);
}

const struct asr_driver asr_openai = {
    .name = "openai",
    .flags = ASR_REMOTE,
    .open = openai_open,
    .start = openai_start,
    .feed = openai_feed,
    .finish = openai_finish,
    .cancel = openai_cancel,
    .close = openai_close,
};
