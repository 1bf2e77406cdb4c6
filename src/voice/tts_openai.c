/*
 * Speech from OpenAI's audio API and everything that speaks it (LocalAI, Kokoro-FastAPI, openedai-speech,
 * speaches, vLLM-Omni, ...): POST BASE/audio/speech.
 *
 * Follows OpenAI's API reference, "Create speech" (developers.openai.com, resources/audio/speech): input,
 * model, voice, response_format pcm (24 kHz, 16 bit, little endian, mono, no head), speed .25-4, instructions
 * (all models but tts-1 and tts-1-hd). Servers that answer with WAV are understood. Timestamps there are
 * none. Compatible servers list their voices at BASE/audio/voices, as {"voices":[..]}; OpenAI's own are
 * listed here.
 *
 * Emotion goes into `instructions`, where the model is known to take them. Volume is a gain of ours, pitch is
 * left out. Custom voices of OpenAI's need recordings of its own consent phrase: they are not made from here.
 */
#include "voice/remote_tts.h"

static const struct tts_voice own[] = {
    {"alloy", "", "neutral, even"},     {"ash", "", "clear, low"},      {"ballad", "", "soft, narrative"},
    {"coral", "", "warm, friendly"},    {"echo", "", "resonant, calm"}, {"fable", "", "expressive, bright"},
    {"nova", "", "lively, young"},      {"onyx", "", "deep, serious"},  {"sage", "", "gentle, thoughtful"},
    {"shimmer", "", "light, cheerful"}, {"verse", "", "versatile"},     {"marin", "", "natural, clear"},
    {"cedar", "", "natural, deep"},
};
enum { OWN = sizeof own / sizeof *own };

static bool is_openai(const struct remote *r)
{
    return str_starts(r->base_url, STR("https://api.openai.com"));
}

static const char *level(double value, const char *low, const char *middle, const char *high)
{
    return value < -.25 ? low : value > .25 ? high : middle;
}

static enum err openai_speak(const struct remote *r, const struct tts_request *request,
                             struct remote_ask *ask, struct error *e)
{
    struct jw w = JW(ask->body);
    struct str model = remote_model(r, is_openai(r) ? "gpt-4o-mini-tts" : "tts-1");
    const struct tts_emotion *feel = &request->emotion;
    double speed = remote_within(request->prosody.rate, .25, 4);
    (void)e;
    jw_object(&w);
    jw_kv_string(&w, "model", model);
    jw_kv_string(&w, "input", request->text);
    jw_kv_string(&w, "voice", remote_voice(r, request));
    jw_kv_string(&w, "response_format", STR("pcm"));
    if (speed != 1)
        jw_kv_double(&w, "speed", speed);
    if (feel->label.n && str_find(model, STR("gpt-4o")) != SIZE_MAX)
        jw_kv_string(&w, "instructions",
                     arena_printf(ask->arena, "Say it with this feeling: %.*s. Energy: %s. Mood: %s.",
                                  STR_ARG(feel->label), level(feel->arousal, "low", "moderate", "high"),
                                  level(feel->valence, "dark", "even", "bright")));
    jw_end_object(&w);
    ask->path = STR("/audio/speech");
    ask->raw_rate = (unsigned)r->settings.sample_rate;
    return ERR_OK;
}

static void openai_list(const struct remote *r, struct remote_ask *ask)
{
    (void)r;
    ask->method = STR("GET");
    ask->path = STR("/audio/voices");
}

/* {"voices":["af_sky",..]} or {"voices":[{"id"|"voice_id"|"name":..},..]} */
static size_t openai_listed(const struct json *doc, struct arena *a, struct tts_voice **voices)
{
    const struct json *list = json_get(doc, "voices");
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return 0;
    *voices = arena_array(a, struct tts_voice, list->count + 1);
    json_each (voice, list) {
        struct str name =
            voice->type == JSON_STRING
                ? voice->string
                : json_get_str(voice, "id",
                               json_get_str(voice, "voice_id", json_get_str(voice, "name", STR_NONE)));
        if (name.n)
            (*voices)[n++] = (struct tts_voice){arena_cstr(a, name), "", ""};
    }
    return n;
}

static const struct remote_service service = {
    .driver = &tts_openai,
    .default_voice = "alloy",
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .speak = openai_speak,
    .list = openai_list,
    .listed = openai_listed,
};

static enum err openai_open(struct loop *loop, struct workers *workers,
                            const struct speech_provider *provider, struct tts **out, struct error *e)
{
    (void)workers;
    return remote_open(&service, loop, provider, out, e);
}

static const struct tts_voice *openai_voices(struct tts *t, size_t *count)
{
    *count = t && is_openai((const struct remote *)t) ? OWN : 0;
    return own;
}

const struct tts_driver tts_openai = {
    .name = "openai",
    .can = TTS_EMOTION | TTS_LISTS | TTS_RATE,
    .open = openai_open,
    .start = remote_start,
    .cancel = remote_cancel,
    .close = remote_close,
    .voices = openai_voices,
    .list = remote_list,
};
