/*
 * A call's way; see remote_tts.h.
 *
 * Ownership: a call belongs to its provider's list until it ended or was cancelled; `busy` keeps its memory
 * while something of it is being emitted, and `alive` keeps the provider's while it has calls. After `over`
 * nothing of a call is emitted any more.
 */
#include "voice/remote_tts.h"

#include "base/base64.h"
#include "base/clock.h"
#include "loop/peer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BACKOFF_MS = 300, COMPLAINT_MAX = 64 << 10, SAMPLE = sizeof(int16_t) };
enum call_kind { CALL_SPEAK, CALL_LIST, CALL_CLONE, CALL_UNCLONE };

struct remote_call {
    struct remote_call *next, **link; /* link NULL: in no list */
    struct remote *r;
    enum call_kind kind;
    uint64_t id, fetch;
    struct arena arena, doc; /* the call's, the document's in hand */
    struct tts_request request;
    struct tts_clone cloned;
    struct str name; /* of the voice that is removed */
    const struct tts_emit *emit;
    tts_listed_fn *on_listed;
    tts_cloned_fn *on_cloned;
    void *arg;

    unsigned attempt, doors_tried;
    uint64_t started_us, attempt_us, last_us; /* the whole, this attempt, the last progress (0: none) */
    bool began, over;
    unsigned busy;
    struct timer timer;

    struct remote_ask ask;
    int status;
    int64_t retry_after_ms;
    struct sound_in in;
    struct json_stream documents;
    struct buf samples, text; /* decoded, not yet emitted; a whole document or a complaint */
    bool formatted;
    uint64_t heard; /* samples */
    struct aligner aligner;
};

static atomic_ullong last_id;

/* ---- a call's memory ---- */
static LOOP void release_if_over(struct remote_call *c)
{
    struct remote *r = c->r;
    if (!c->over || c->busy)
        return;
    timer_close(&c->timer);
    sound_in_release(&c->in);
    json_stream_release(&c->documents);
    aligner_release(&c->aligner);
    buf_release(&c->samples);
    buf_release(&c->text);
    arena_release(&c->doc);
    arena_release(&c->arena);
    free(c);
    if (--r->busy == 0 && r->closed) {
        arena_release(&r->arena);
        free(r);
    }
}

static LOOP void silence(struct remote_call *c)
{
    c->over = true;
    if (c->fetch)
        fetch_cancel(c->fetch);
    c->fetch = 0;
    timer_cancel(&c->timer);
    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->link = NULL;
    }
}

static LOOP void tell_end(struct remote_call *c, enum err err, const struct error *e)
{
    struct error copy = err ? *e : (struct error){0};
    silence(c);
    if (c->kind == CALL_SPEAK)
        c->emit->end(c->arg, err, &copy);
    else if (c->kind == CALL_LIST)
        c->on_listed(c->arg, NULL, 0, err, &copy);
    else
        c->on_cloned(c->arg, STR_NONE, err, &copy);
}

/* ---- attempts ---- */
static LOOP bool attempt(struct remote_call *c, struct error *e);
static LOOP void watch_time(struct remote_call *c);

static void on_retry(struct timer *timer)
{
    on_loop();
    struct remote_call *c = CONTAINER(timer, struct remote_call, timer);
    struct error e = {0};
    c->busy++;
    if (!attempt(c, &e))
        tell_end(c, e.err, &e);
    c->busy--;
    release_if_over(c);
}

static LOOP void fail(struct remote_call *c, const struct error *e)
{
    uint64_t wait = c->retry_after_ms >= 0 ? (uint64_t)c->retry_after_ms
                                           : (uint64_t)BACKOFF_MS << (c->attempt < 5 ? c->attempt - 1 : 4);
    bool again = !c->began && c->kind <= CALL_LIST && (remote_flags(e) & REMOTE_RETRY) &&
                 c->attempt <= (unsigned)c->r->settings.retries && wait <= REMOTE_TTS_RETRY_MAX_MS;
    if (!again) {
        tell_end(c, e->err, e);
        return;
    }
    if (c->fetch)
        fetch_cancel(c->fetch);
    c->fetch = 0;
    timer_arm(&c->timer, wait, on_retry);
}

static LOOP void malformed(struct remote_call *c, const struct error *why)
{
    struct error e = {0};
    remote_fault(&e, &c->r->endpoint, "malformed", "did not answer with speech: %s.", why->message);
    fail(c, &e);
}

static uint64_t due_us(const struct remote_call *c, const char **code)
{
    const struct speech_provider *s = &c->r->settings;
    uint64_t total = c->started_us + s->total_timeout * 1000;
    uint64_t next =
        c->last_us ? c->last_us + s->stream_timeout * 1000 : c->attempt_us + s->first_sound_timeout * 1000;
    *code = total <= next ? "timeout_total" : c->last_us ? "timeout_stream" : "timeout_first_sound";
    return total <= next ? total : next;
}

static void on_due(struct timer *timer)
{
    on_loop();
    struct remote_call *c = CONTAINER(timer, struct remote_call, timer);
    const char *code;
    struct error e = {0};
    if (due_us(c, &code) > clock_mono_us()) {
        watch_time(c);
        return;
    }
    const char *what = strcmp(code, "timeout_total") == 0    ? "did not finish in time (total_timeout)."
                       : strcmp(code, "timeout_stream") == 0 ? "fell silent in the middle (stream_timeout)."
                                                             : "gave no sound in time (first_sound_timeout).";
    remote_fault(&e, &c->r->endpoint, code, "%s", what);
    c->busy++;
    fail(c, &e);
    c->busy--;
    release_if_over(c);
}

static void watch_time(struct remote_call *c)
{
    const char *code;
    uint64_t due = due_us(c, &code), now = clock_mono_us();
    timer_arm(&c->timer, due > now ? (due - now + 999) / 1000 : 0, on_due);
}

/* ---- what is heard ---- */
uint32_t remote_call_heard_ms(const struct remote_call *c)
{
    return c->in.rate ? (uint32_t)(c->heard * 1000 / c->in.rate) : 0;
}

static LOOP void tell_format(struct remote_call *c)
{
    if (c->formatted || !c->in.rate)
        return;
    c->formatted = true;
    c->emit->format(c->arg, c->in.rate);
}

static void gain(struct remote_call *c, int16_t *samples, size_t count)
{
    double volume = remote_within(c->request.prosody.volume, 0, 2);
    for (size_t i = 0; volume != 1 && i < count; i++) {
        double loud = samples[i] * volume;
        samples[i] = (int16_t)(loud > INT16_MAX ? INT16_MAX : loud < INT16_MIN ? INT16_MIN : lround(loud));
    }
}

static LOOP void tell_sound(struct remote_call *c)
{
    size_t count = c->samples.n / SAMPLE;
    int16_t *samples = (int16_t *)(void *)c->samples.p;
    uint64_t most = REMOTE_TTS_SOUND_MAX_MS + (uint64_t)c->request.text.n * REMOTE_TTS_SOUND_MAX_PER_BYTE;
    if (!count || c->over)
        return;
    tell_format(c);
    if (c->over)
        return;
    gain(c, samples, count);
    c->began = true;
    c->last_us = clock_mono_us();
    c->heard += count;
    c->emit->sound(c->arg, samples, count);
    buf_clear(&c->samples);
    if (c->over || remote_call_heard_ms(c) <= most)
        return;
    struct error e = {0};
    remote_fault(&e, &c->r->endpoint, "malformed", "makes sound without end; it was stopped.");
    fail(c, &e);
}

static LOOP void take_sound(struct remote_call *c, struct str bytes)
{
    struct error e = {0};
    if (sound_in_feed(&c->in, bytes, &c->samples, &e) != ERR_OK)
        malformed(c, &e);
}

void remote_say(struct remote_call *c, struct str base64, const struct tts_word *words, size_t count)
{
    struct str bytes;
    struct error e = {0};
    if (c->over)
        return;
    if (base64.n && !base64_decode(&c->doc, base64, &bytes)) {
        error_set(&e, ERR_UPSTREAM, "its sound is no base64");
        malformed(c, &e);
        return;
    }
    if (base64.n)
        take_sound(c, bytes);
    if (!c->over && count)
        tell_format(c);
    if (!c->over && count && c->formatted && c->emit->words)
        c->emit->words(c->arg, words, count);
    tell_sound(c);
}

void remote_say_failure(struct remote_call *c, struct str said)
{
    struct error e = {0};
    char quoted[PEER_QUOTE_TEXT];
    if (c->over)
        return;
    peer_quote(quoted, said, c->r->endpoint.key);
    remote_fault(&e, &c->r->endpoint, "upstream_unavailable", "failed: %s.", quoted);
    fail(c, &e);
}

bool remote_call_over(const struct remote_call *c)
{
    return c->over;
}

struct aligner *remote_call_aligner(struct remote_call *c)
{
    return &c->aligner;
}

struct arena *remote_call_arena(struct remote_call *c)
{
    return &c->doc;
}

unsigned remote_call_door(const struct remote_call *c)
{
    return c->ask.door;
}

static bool on_document(void *arg, struct str text)
{
    on_loop();
    struct remote_call *c = arg;
    struct json *doc = NULL;
    struct error e = {0};
    if (json_parse(&c->doc, text, &doc, NULL) != ERR_OK) {
        error_set(&e, ERR_UPSTREAM, "it sent a piece that is no JSON");
        malformed(c, &e);
    } else {
        c->r->service->document(c, doc);
    }
    arena_release(&c->doc);
    return !c->over && c->fetch;
}

/* ---- the transfer ---- */
static bool good(const struct remote_call *c)
{
    return c->status >= 200 && c->status < 300;
}

/* Compressed sound, which nobody asked for. */
static bool compressed(struct str type)
{
    static const char *const kinds[] = {"audio/mpeg", "audio/mp3",  "audio/ogg",  "audio/opus",
                                        "audio/aac",  "audio/flac", "audio/webm", "audio/mp4"};
    type = str_trim(str_sub(type, 0, str_find_char(type, ';')));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_ieq(type, str_c(kinds[i])))
            return true;
    }
    return false;
}

static bool is_text(struct str type)
{
    return str_starts(type, STR("text/")) || str_starts(type, STR("application/json")) ||
           str_starts(type, STR("application/problem"));
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct remote_call *c = arg;
    struct str type = fetch_head_get(head, "content-type");
    struct error e = {0};
    c->status = head->status;
    c->retry_after_ms = peer_retry_after(fetch_head_get(head, "retry-after-ms"),
                                         fetch_head_get(head, "retry-after"), clock_wall_ms());
    unsigned rate = sound_in_type_rate(type);
    if (rate && c->ask.raw_rate)
        c->in.raw_rate = rate;
    if (c->ask.form == REMOTE_SOUND && is_text(type))
        c->in.raw_rate = 0; /* no page is played as noise */
    if (!good(c) || c->ask.form != REMOTE_SOUND || !compressed(type))
        return;
    remote_fault(&e, &c->r->endpoint, "malformed",
                 "answered with compressed sound (%.*s); only PCM and WAV are read here.",
                 STR_ARG(str_sub(type, 0, 40)));
    c->busy++;
    fail(c, &e);
    c->busy--;
    release_if_over(c);
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct remote_call *c = arg;
    struct error e = {0};
    c->busy++;
    /* Bytes of a document are progress too, once it sounds; before it, only sound is. */
    if (c->began || c->kind != CALL_SPEAK)
        c->last_us = clock_mono_us();
    if (!good(c) || c->ask.form == REMOTE_WHOLE) {
        buf_add(&c->text, bytes);
    } else if (c->ask.form == REMOTE_SOUND) {
        take_sound(c, bytes);
        tell_sound(c);
    } else if (json_stream_feed(&c->documents, bytes) == ERR_TOO_BIG) {
        error_set(&e, ERR_UPSTREAM, "it sent a piece that is too large");
        malformed(c, &e);
    }
    if (!c->over && c->fetch)
        watch_time(c);
    c->busy--;
    release_if_over(c);
}

/* Another path to the same: true where it is tried. */
static LOOP bool next_door(struct remote_call *c, struct error *e)
{
    unsigned doors = c->r->service->doors;
    bool closed = c->status == 404 || c->status == 405 || c->status == 422 || c->status == 501 ||
                  (c->status == 400 && doors > 1);
    if (c->kind != CALL_SPEAK || c->began || !closed || doors < 2)
        return false;
    c->r->door = (c->ask.door + 1) % doors;
    /* After the last door the first is the one to be tried again: none of them was the matter. */
    return ++c->doors_tried < doors && attempt(c, e);
}

static LOOP void spoken(struct remote_call *c)
{
    struct error why = {0}, e = {0};
    struct tts_word *words;
    size_t count;
    if (json_stream_open(&c->documents)) {
        remote_fault(&e, &c->r->endpoint, "cut", "ended in the middle of its answer.");
        fail(c, &e);
        return;
    }
    enum err err = sound_in_end(&c->in, &c->samples, &why);
    tell_sound(c);
    if (c->over)
        return;
    if (err && c->began) {
        remote_fault(&e, &c->r->endpoint, "cut", "ended in the middle of its answer: %s.", why.message);
        fail(c, &e);
        return;
    }
    if (err) {
        malformed(c, &why);
        return;
    }
    align_end(&c->aligner, &c->arena, &words, &count);
    if (count && c->emit->words)
        c->emit->words(c->arg, words, count);
    if (!c->over)
        tell_end(c, ERR_OK, NULL);
}

static LOOP void answered(struct remote_call *c)
{
    struct json *doc = NULL;
    struct error e = {0};
    bool read = json_parse(&c->arena, buf_str(&c->text), &doc, NULL) == ERR_OK;
    if (!read && c->kind != CALL_UNCLONE) {
        error_set(&e, ERR_UPSTREAM, "it is no JSON");
        malformed(c, &e);
        return;
    }
    if (c->kind == CALL_LIST) {
        struct tts_voice *voices = NULL;
        size_t count = c->r->service->listed(doc, &c->arena, &voices);
        silence(c);
        c->on_listed(c->arg, voices, count, ERR_OK, &e);
        return;
    }
    struct str name = c->kind == CALL_CLONE ? c->r->service->cloned(doc) : c->name;
    if (!name.n) {
        error_set(&e, ERR_UPSTREAM, "it does not say what the new voice is called");
        malformed(c, &e);
        return;
    }
    silence(c);
    c->on_cloned(c->arg, name, ERR_OK, &e);
}

static void on_end(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct remote_call *c = arg;
    struct error e = {0};
    c->busy++;
    c->fetch = 0;
    timer_cancel(&c->timer);
    if (end->result != FETCH_DONE) {
        remote_failed(&e, &c->r->endpoint, end);
        fail(c, &e);
    } else if (!good(c)) {
        remote_refused(&e, &c->r->endpoint, c->status, buf_str(&c->text));
        if (!next_door(c, &e))
            fail(c, &e);
    } else if (c->kind == CALL_SPEAK) {
        spoken(c);
    } else {
        answered(c);
    }
    c->busy--;
    release_if_over(c);
}

static const struct fetch_events events = {on_head, on_data, on_end};

static enum err ask(struct remote_call *c, struct error *e)
{
    const struct remote_service *service = c->r->service;
    switch (c->kind) {
    case CALL_SPEAK:
        return service->speak(c->r, &c->request, &c->ask, e);
    case CALL_LIST:
        service->list(c->r, &c->ask);
        break;
    case CALL_CLONE:
        service->clone(c->r, &c->cloned, &c->ask);
        break;
    case CALL_UNCLONE:
        service->unclone(c->r, c->name, &c->ask);
        break;
    }
    return ERR_OK;
}

static void reset(struct remote_call *c, struct buf *body)
{
    sound_in_release(&c->in);
    json_stream_release(&c->documents);
    json_stream_init(&c->documents, on_document, c);
    aligner_release(&c->aligner);
    c->aligner = (struct aligner){0};
    buf_clear(&c->text);
    buf_clear(&c->samples);
    c->status = 0;
    c->retry_after_ms = -1;
    c->last_us = 0;
    c->heard = 0;
    c->attempt++;
    c->attempt_us = clock_mono_us();
    c->ask = (struct remote_ask){.arena = &c->arena,
                                 .body = body,
                                 .method = STR("POST"),
                                 .type = STR("application/json"),
                                 .form = c->kind == CALL_SPEAK ? REMOTE_SOUND : REMOTE_WHOLE,
                                 .door = c->r->door};
}

bool attempt(struct remote_call *c, struct error *e)
{
    struct remote *r = c->r;
    CLEANUP_BUF struct buf body = BUF_MAX(96 << 20);
    struct fetch_header headers[REMOTE_TTS_HEADERS];
    size_t n = 0;
    reset(c, &body);
    if (ask(c, e) != ERR_OK)
        return false;
    sound_in_init(&c->in, c->ask.raw_rate);
    if (body.n)
        headers[n++] = (struct fetch_header){STR("Content-Type"), c->ask.type};
    if (r->settings.api_key.n && r->service->key_header)
        headers[n++] = (struct fetch_header){
            str_c(r->service->key_header),
            arena_printf(&c->arena, "%s%.*s", r->service->key_prefix, STR_ARG(r->settings.api_key))};
    for (size_t i = 0; i < c->ask.header_count; i++)
        headers[n++] = c->ask.headers[i];
    n = remote_headers(&r->settings, headers, n, REMOTE_TTS_HEADERS);
    const struct fetch_request request = {
        .method = c->ask.method,
        .url = arena_printf(&c->arena, "%.*s%.*s", STR_ARG(r->base_url), STR_ARG(c->ask.path)),
        .headers = headers,
        .header_count = n,
        .body = buf_str(&body),
        .connect_ms = r->settings.connect_timeout,
        .max_bytes = c->kind == CALL_SPEAK ? 0 : REMOTE_TTS_WHOLE_MAX,
    };
    struct error why = {0};
    c->fetch = fetch_start(r->tts.loop, &request, &events, c, &why);
    if (!c->fetch) {
        remote_fault(e, &r->endpoint, "upstream_unavailable", "cannot be called: %s", why.message);
        return false;
    }
    watch_time(c);
    return true;
}

/* ---- the functions of a driver ---- */
enum err remote_open(const struct remote_service *service, struct loop *loop,
                     const struct speech_provider *settings, struct tts **out, struct error *e)
{
    struct remote *r = heap_alloc(sizeof *r);
    (void)e;
    *r = (struct remote){.tts = {service->driver, loop}, .service = service};
    config_named_copy(&r->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)settings,
                      (struct config_named *)&r->settings);
    r->base_url = r->settings.base_url.n ? r->settings.base_url : config_speech_url(r->settings.type);
    while (str_ends(r->base_url, STR("/")))
        r->base_url.n--;
    remote_endpoint_init(&r->endpoint, r->settings.name, r->base_url, r->settings.api_key);
    *out = &r->tts;
    return ERR_OK;
}

static LOOP struct remote_call *call_new(struct tts *t, enum call_kind kind, void *arg)
{
    struct remote *r = (struct remote *)t;
    struct remote_call *c = heap_alloc(sizeof *c);
    c->r = r;
    c->kind = kind;
    c->arg = arg;
    c->id = atomic_fetch_add(&last_id, 1) + 1;
    c->text.max = REMOTE_TTS_WHOLE_MAX;
    c->started_us = clock_mono_us();
    c->next = r->calls;
    c->link = &r->calls;
    if (c->next)
        c->next->link = &c->next;
    r->calls = c;
    r->busy++;
    return c;
}

/* Its id, or 0 where it could not even begin. */
static LOOP uint64_t call_begin(struct remote_call *c, struct error *e)
{
    uint64_t id = c->id;
    if (attempt(c, e))
        return id;
    silence(c);
    release_if_over(c);
    return 0;
}

uint64_t remote_start(struct tts *t, const struct tts_request *request, const struct tts_emit *emit,
                      void *arg, struct error *e)
{
    on_loop();
    if (request->text.n > TTS_TEXT_MAX) {
        error_set(e, ERR_TEXT_TOO_LONG, "One utterance has %zu bytes; at most %d are spoken at once.",
                  request->text.n, TTS_TEXT_MAX);
        return 0;
    }
    struct remote_call *c = call_new(t, CALL_SPEAK, arg);
    c->emit = emit;
    c->request = *request;
    c->request.text = arena_str(&c->arena, request->text);
    c->request.voice = arena_str(&c->arena, request->voice);
    c->request.language = arena_str(&c->arena, request->language);
    c->request.emotion.label = arena_str(&c->arena, request->emotion.label);
    return call_begin(c, e);
}

uint64_t remote_list(struct tts *t, tts_listed_fn *done, void *arg, struct error *e)
{
    on_loop();
    struct remote_call *c = call_new(t, CALL_LIST, arg);
    c->on_listed = done;
    return call_begin(c, e);
}

uint64_t remote_clone(struct tts *t, const struct tts_clone *clone, tts_cloned_fn *done, void *arg,
                      struct error *e)
{
    on_loop();
    struct remote_call *c = call_new(t, CALL_CLONE, arg);
    c->on_cloned = done;
    c->cloned = *clone;
    return call_begin(c, e);
}

uint64_t remote_unclone(struct tts *t, struct str voice, tts_cloned_fn *done, void *arg, struct error *e)
{
    on_loop();
    struct remote_call *c = call_new(t, CALL_UNCLONE, arg);
    c->on_cloned = done;
    c->name = arena_str(&c->arena, voice);
    return call_begin(c, e);
}

void remote_cancel(struct tts *t, uint64_t id)
{
    on_loop();
    struct remote *r = (struct remote *)t;
    for (struct remote_call *c = r->calls; c; c = c->next) {
        if (c->id != id)
            continue;
        silence(c);
        release_if_over(c);
        return;
    }
}

void remote_close(struct tts *t)
{
    on_loop();
    struct remote *r = (struct remote *)t;
    r->busy++; /* until all are silent */
    while (r->calls) {
        struct remote_call *c = r->calls;
        silence(c);
        release_if_over(c);
    }
    r->closed = true;
    if (--r->busy == 0) {
        arena_release(&r->arena);
        free(r);
    }
}

/* ---- what a request leaves to the settings ---- */
struct str remote_voice(const struct remote *r, const struct tts_request *request)
{
    return request->voice.n      ? request->voice
           : r->settings.voice.n ? r->settings.voice
                                 : str_c(r->service->default_voice);
}

struct str remote_language(const struct remote *r, struct arena *a, const struct tts_request *request,
                           const char *fallback)
{
    struct str tag = request->language.n      ? request->language
                     : r->settings.language.n ? r->settings.language
                                              : str_c(fallback);
    char *lower = arena_cstr(a, tag);
    size_t n = 0;
    for (; n < tag.n && lower[n] != '-' && lower[n] != '_'; n++) {
        if (lower[n] >= 'A' && lower[n] <= 'Z')
            lower[n] = (char)(lower[n] + 32);
    }
    return str_of(lower, n);
}

struct str remote_model(const struct remote *r, const char *fallback)
{
    return r->settings.model.n ? r->settings.model : str_c(fallback);
}

double remote_within(double value, double low, double high)
{
    return isnan(value) ? 1 : value < low ? low : value > high ? high : value;
}
