/*
 * Speech from Piper's own HTTP server (OHF-Voice/piper1-gpl, python3 -m piper.http_server).
 *
 * Follows its docs/API_HTTP.md: POST JSON {text, voice, speaker, length_scale} to /synthesize (older servers:
 * to /), answered with a WAV file; GET /voices, an object whose members are the voices with their
 * configuration (language.code). A voice is a model's name, or model/speaker where a model has several.
 *
 * Rate is length_scale (its reciprocal); volume is a gain of ours; pitch and emotion are left out.
 */
#include "voice/remote_tts.h"

enum { DOOR_NAMED, DOOR_ROOT, DOORS };

static enum err piper_speak(const struct remote *r, const struct tts_request *request, struct remote_ask *ask,
                            struct error *e)
{
    struct jw w = JW(ask->body);
    struct str voice = remote_voice(r, request);
    size_t slash = str_find_char(voice, '/');
    double rate = remote_within(request->prosody.rate, .25, 4);
    (void)e;
    jw_object(&w);
    jw_kv_string(&w, "text", request->text);
    if (voice.n)
        jw_kv_string(&w, "voice", str_sub(voice, 0, slash));
    if (slash != SIZE_MAX)
        jw_kv_string(&w, "speaker", str_from(voice, slash + 1));
    if (rate != 1)
        jw_kv_double(&w, "length_scale", 1 / rate);
    jw_end_object(&w);
    ask->path = ask->door == DOOR_NAMED ? STR("/synthesize") : STR("/");
    return ERR_OK;
}

static void piper_list(const struct remote *r, struct remote_ask *ask)
{
    (void)r;
    ask->method = STR("GET");
    ask->path = STR("/voices");
}

static size_t piper_listed(const struct json *doc, struct arena *a, struct tts_voice **voices)
{
    size_t n = 0;
    if (doc->type != JSON_OBJECT)
        return 0;
    *voices = arena_array(a, struct tts_voice, doc->count + 1);
    json_each (voice, doc) {
        const struct json *language = json_get(voice, "language");
        (*voices)[n++] = (struct tts_voice){arena_cstr(a, voice->key),
                                            arena_cstr(a, json_get_str(language, "code", STR_NONE)),
                                            arena_cstr(a, json_get_str(voice, "dataset", STR_NONE))};
    }
    return n;
}

static const struct remote_service service = {
    .driver = &tts_piper,
    .default_voice = "",
    .doors = DOORS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .speak = piper_speak,
    .list = piper_list,
    .listed = piper_listed,
};

static enum err piper_open(struct loop *loop, struct workers *workers, const struct speech_provider *provider,
                           struct tts **out, struct error *e)
{
    (void)workers;
    return remote_open(&service, loop, provider, out, e);
}

static const struct tts_voice *piper_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = 0;
    return NULL;
}

const struct tts_driver tts_piper = {
    .name = "piper",
    .can = TTS_LISTS | TTS_RATE,
    .open = piper_open,
    .start = remote_start,
    .cancel = remote_cancel,
    .close = remote_close,
    .voices = piper_voices,
    .list = remote_list,
};
