/*
 * Speech providers: what speaks and hears, as [speech.NAME] sections. Their keys are taken, never given.
 *
 * Those that are built in (flite, espeak, pocketsphinx) are listed and have no settings. The test speaks a
 * short sentence with the provider alone: no fallback, and whatever its breaker says.
 */
#include "api/named.h"
#include "base/clock.h"
#include "voice/chain.h"
#include "voice/meter.h"
#include "voice/speech.h"

#include <stdlib.h>

#define TEST_SENTENCE "Hello! This is how I sound."

static const char *const built_ins[] = {"flite", "espeak", "pocketsphinx"};
enum { BUILT_INS = sizeof built_ins / sizeof *built_ins };

static bool is_built_in(struct str name)
{
    for (size_t i = 0; i < BUILT_INS; i++) {
        if (str_eq(name, str_c(built_ins[i])))
            return true;
    }
    return false;
}

/* ---- showing ---- */
static const char *const shown[] = {"type", "base_url", "model", "ear_model", "voice", "language", NULL};

static void write_state(struct jw *w, const struct config *config, struct str name)
{
    const struct speech_provider *settings;
    const struct tts_driver *driver = chain_driver(config, name, &settings);
    char reason[VOICE_METER_REASON];
    jw_kv_bool(w, "speaks", driver != NULL);
    jw_kv_bool(w, "clones", driver && driver->can & TTS_CLONES);
    if (driver) {
        jw_kv_bool(w, "ok", voice_meter_ok(voice_meter(name), reason));
        jw_kv_string(w, "reason", str_c(reason));
    } else {
        jw_kv_bool(w, "ok", true);
        jw_kv_string(w, "reason", STR_NONE);
    }
}

static void write_provider(struct jw *w, const struct config *config, const struct speech_provider *p)
{
    jw_object(w);
    jw_kv_string(w, "name", p->name);
    jw_kv_string(w, "type", p->type);
    jw_kv_string(w, "base_url", p->base_url.n ? p->base_url : config_speech_url(p->type));
    jw_kv_bool(w, "api_key_set", !str_empty(p->api_key));
    jw_kv_bool(w, "headers_set", p->headers.n > 0);
    jw_kv_string(w, "model", p->model);
    jw_kv_string(w, "ear_model", p->ear_model);
    jw_kv_string(w, "voice", p->voice);
    jw_kv_string(w, "language", p->language);
    named_write_settings(w, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)p, shown);
    write_state(w, config, p->name);
    jw_kv_bool(w, "locked", config_named_locked(CONFIG_SPEECH_PROVIDERS, (const struct config_named *)p));
    jw_end_object(w);
}

static void write_built_in(struct jw *w, const struct config *config, struct str name)
{
    static const char *const empty[] = {"model", "ear_model", "voice", "language"};
    jw_object(w);
    jw_kv_string(w, "name", name);
    jw_kv_string(w, "type", name);
    jw_kv_string(w, "base_url", STR_NONE);
    jw_kv_bool(w, "api_key_set", false);
    jw_kv_bool(w, "headers_set", false);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        jw_kv_string(w, empty[i], STR_NONE);
    jw_kv_raw(w, "settings", STR("{}"));
    write_state(w, config, name);
    jw_kv_bool(w, "locked", true);
    jw_end_object(w);
}

void handle_speech_providers_page(struct call *call)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    struct page page;
    const struct config *config = call_config(call);
    if (!page_begin(&page, call))
        return;
    list_begin(&w, &b);
    for (size_t i = 0; i < BUILT_INS; i++) {
        if (!config_speech(config, str_c(built_ins[i])) && page_has(&page, str_c(built_ins[i])))
            write_built_in(&w, config, str_c(built_ins[i]));
    }
    for (size_t i = 0; i < config->speech_count; i++) {
        if (page_has(&page, config->speech[i].name))
            write_provider(&w, config, &config->speech[i]);
    }
    list_end(&w, page_next(&page));
    call_json(call, 200, buf_str(&b));
}

static LOOP bool missing(struct call *call, struct str name)
{
    if (config_speech(call_config(call), name) || is_built_in(name))
        return false;
    call_refuse(call, ERR_NOT_FOUND, "There is no speech provider called '%.*s'.",
                STR_ARG(str_sub(name, 0, 64)));
    return true;
}

static void send_speech(struct call *call, struct str name, int status)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    const struct speech_provider *p = config_speech(call_config(call), name);
    if (missing(call, name))
        return;
    if (p)
        write_provider(&w, call_config(call), p);
    else
        write_built_in(&w, call_config(call), name);
    call_json(call, status, buf_str(&b));
}

void handle_speech_provider_show(struct call *call)
{
    send_speech(call, call_param(call, 0), 200);
}

/* ---- changing ---- */
static const struct named_kind kind = {
    .settings = SETTINGS_SPEECH,
    .config = CONFIG_SPEECH_PROVIDERS,
    .noun = "speech provider",
    .a = "A speech provider",
    .required = "type",
    .required_sentence = "A speech provider needs a type: openai, elevenlabs, fish, xtts, piper, ...",
    .taken = is_built_in,
    .taken_sentence = "That one is built in; it has no settings, and no other can have its name.",
    .send = send_speech,
};

void handle_speech_provider_post(struct call *call)
{
    named_post(call, &kind);
}

void handle_speech_provider_patch(struct call *call)
{
    named_patch(call, &kind);
}

void handle_speech_provider_delete(struct call *call)
{
    named_delete(call, &kind);
}

/* ---- the test ---- */
struct trial {
    struct call *call;
    struct speech *speech;
    uint64_t begun_us, first_us, samples;
    unsigned rate;
};

static void trial_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct trial *t = ((struct call *)req->user)->state;
    (void)complete;
    if (t && t->speech)
        speech_cancel(t->speech);
}

static LOOP void answer_trial(struct trial *t, const struct error *e)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_bool(&w, "ok", !e->err);
    jw_kv_u64(&w, "duration_ms", t->rate ? t->samples * 1000 / t->rate : 0);
    jw_key(&w, STR("first_sound_ms"));
    if (t->first_us)
        jw_u64(&w, (t->first_us - t->begun_us) / 1000);
    else
        jw_null(&w);
    jw_kv_u64(&w, "took_ms", (clock_mono_us() - t->begun_us) / 1000);
    if (e->err) {
        jw_key(&w, STR("error"));
        error_object_write(&w, e, STR_NONE);
    }
    jw_end_object(&w);
    call_json(t->call, 200, buf_str(&b));
}

static void trial_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct trial *)arg)->rate = rate;
}

static void trial_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct trial *t = arg;
    (void)samples;
    if (!t->samples)
        t->first_us = clock_mono_us();
    t->samples += count;
}

static void trial_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct trial *t = arg;
    struct error none = {0};
    t->speech = NULL;
    answer_trial(t, err ? e : &none);
}

static const struct tts_emit trial_emit = {trial_format, NULL, NULL, trial_sound, trial_end};

void handle_speech_provider_test(struct call *call)
{
    struct str name = call_param(call, 0);
    struct error e = {0};
    if (missing(call, name))
        return;
    struct trial *t = arena_new(call_arena(call), struct trial);
    const struct speech_request request = {
        .text = json_get_str(call->body, "text", STR(TEST_SENTENCE)),
        .voice = {.provider = name,
                  .name = json_get_str(call->body, "voice", STR_NONE),
                  .prosody = {1, 1, 1}},
        .alone = true,
        .whole = true,
    };
    *t = (struct trial){.call = call, .begun_us = clock_mono_us()};
    call->state = t;
    call->req->on_closed = trial_closed;
    t->speech = speech_start(voices_here(call->api->parts.voices), &request, &trial_emit, t, &e);
    if (!t->speech)
        answer_trial(t, &e);
}
