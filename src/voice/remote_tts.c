/*
 * The functions of a remote voice's driver: providers are opened and closed, calls begun and cancelled, and
 * what a request leaves open is filled from the settings; see remote_tts.h. A call's way is remote_call.c's.
 */
#include "voice/remote_inner.h"

#include "base/clock.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_ullong last_id;
static _Thread_local struct remote *all_open;

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
    r->open_next = all_open;
    r->open_link = &all_open;
    if (r->open_next)
        r->open_next->open_link = &r->open_next;
    all_open = r;
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
    if (remote_call_attempt(c, e))
        return id;
    remote_call_silence(c);
    remote_call_settle(c);
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
        remote_call_silence(c);
        remote_call_settle(c);
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
        remote_call_silence(c);
        remote_call_settle(c);
    }
    r->closed = true;
    *r->open_link = r->open_next;
    if (r->open_next)
        r->open_next->open_link = r->open_link;
    if (--r->busy == 0) {
        arena_release(&r->arena);
        free(r);
    }
}

/* Any call of this loop; NULL: none is left. */
static struct remote_call *any_call(void)
{
    for (struct remote *r = all_open; r; r = r->open_next) {
        if (r->calls)
            return r->calls;
    }
    return NULL;
}

void remote_stop(void)
{
    on_loop();
    struct error e = {0};
    error_set(&e, ERR_UNAVAILABLE, "The server is being stopped; ask again when it is back.");
    /* From the start each time: who is told may close a provider. */
    for (struct remote_call *c; (c = any_call());) {
        c->busy++;
        remote_call_end(c, ERR_UNAVAILABLE, &e);
        c->busy--;
        remote_call_settle(c);
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
