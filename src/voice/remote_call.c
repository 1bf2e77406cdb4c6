/*
 * Attempts at a speech provider: the request goes out, time is watched, and what comes back is handed to
 * remote_sound.c; see remote_tts.h for when an attempt is made again and which limits of time there are, and
 * remote_inner.h for who owns a call.
 */
#include "voice/remote_inner.h"

#include "base/clock.h"
#include "loop/peer.h"

#include <stdlib.h>

enum { BACKOFF_MS = 300 };

/* ---- a call's memory ---- */
void remote_call_settle(struct remote_call *c)
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

void remote_call_silence(struct remote_call *c)
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

void remote_call_end(struct remote_call *c, enum err err, const struct error *e)
{
    struct error copy = err ? *e : (struct error){0};
    remote_call_silence(c);
    if (c->kind == CALL_SPEAK)
        c->emit->end(c->arg, err, &copy);
    else if (c->kind == CALL_LIST)
        c->on_listed(c->arg, NULL, 0, err, &copy);
    else
        c->on_cloned(c->arg, STR_NONE, err, &copy);
}

/* ---- attempts ---- */
static LOOP void watch_time(struct remote_call *c);

static void on_retry(struct timer *timer)
{
    on_loop();
    struct remote_call *c = CONTAINER(timer, struct remote_call, timer);
    struct error e = {0};
    c->busy++;
    if (!remote_call_attempt(c, &e))
        remote_call_end(c, e.err, &e);
    c->busy--;
    remote_call_settle(c);
}

void remote_call_fail(struct remote_call *c, const struct error *e)
{
    uint64_t wait = c->retry_after_ms >= 0 ? (uint64_t)c->retry_after_ms
                                           : (uint64_t)BACKOFF_MS << (c->attempt < 5 ? c->attempt - 1 : 4);
    bool again = !c->began && c->kind <= CALL_LIST && (remote_flags(e) & REMOTE_RETRY) &&
                 c->attempt <= (unsigned)c->r->settings.retries && wait <= REMOTE_TTS_RETRY_MAX_MS;
    if (!again) {
        remote_call_end(c, e->err, e);
        return;
    }
    if (c->fetch)
        fetch_cancel(c->fetch);
    c->fetch = 0;
    timer_arm(&c->timer, wait, on_retry);
}

void remote_call_malformed(struct remote_call *c, const struct error *why)
{
    struct error e = {0};
    remote_fault(&e, &c->r->endpoint, "malformed", "did not answer with speech: %s.", why->message);
    remote_call_fail(c, &e);
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
    remote_call_fail(c, &e);
    c->busy--;
    remote_call_settle(c);
}

static void watch_time(struct remote_call *c)
{
    const char *code;
    uint64_t due = due_us(c, &code), now = clock_mono_us();
    timer_arm(&c->timer, due > now ? (due - now + 999) / 1000 : 0, on_due);
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
    remote_call_fail(c, &e);
    c->busy--;
    remote_call_settle(c);
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
        remote_call_sound(c, bytes);
    } else if (json_stream_feed(&c->documents, bytes) == ERR_TOO_BIG) {
        error_set(&e, ERR_UPSTREAM, "it sent a piece that is too large");
        remote_call_malformed(c, &e);
    }
    if (!c->over && c->fetch)
        watch_time(c);
    c->busy--;
    remote_call_settle(c);
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
    return ++c->doors_tried < doors && remote_call_attempt(c, e);
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
        remote_call_fail(c, &e);
    } else if (!good(c)) {
        remote_refused(&e, &c->r->endpoint, c->status, buf_str(&c->text));
        if (!next_door(c, &e))
            remote_call_fail(c, &e);
    } else if (c->kind == CALL_SPEAK) {
        remote_call_spoken(c);
    } else {
        remote_call_answered(c);
    }
    c->busy--;
    remote_call_settle(c);
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
    json_stream_init(&c->documents, remote_call_document, c);
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

bool remote_call_attempt(struct remote_call *c, struct error *e)
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
