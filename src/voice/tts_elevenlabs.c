/*
 * Speech from ElevenLabs.
 *
 * Follows ElevenLabs' API reference: "Stream speech with timing" (POST
 * /v1/text-to-speech/{voice_id}/stream/with-timestamps?output_format=pcm_24000: a stream of JSON documents
 * with audio_base64 and alignment {characters, character_start_times_seconds, character_end_times_seconds}),
 * "Search voices" (GET /v1/voices), "Create IVC voice" (POST /v1/voices/add, multipart) and "Delete voice"
 * (DELETE /v1/voices/{voice_id}). The key goes into xi-api-key. A voice's name is its voice_id.
 *
 * Rate is voice_settings.speed (.7 to 1.2 there); emotion makes the voice less stable the stronger it is, and
 * raises `style`; volume is a gain of ours; pitch is left out. The `alignment` is that of the text as it was
 * sent; normalized_alignment is not used, as captions show what is written.
 */
#include "voice/remote_tts.h"

#include <math.h>

enum { RATE = 24000 };
#define OUTPUT "output_format=pcm_24000"

static enum err eleven_speak(const struct remote *r, const struct tts_request *request,
                             struct remote_ask *ask, struct error *e)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct jw w = JW(ask->body);
    struct str model = remote_model(r, "eleven_flash_v2_5");
    const struct tts_emotion *feel = &request->emotion;
    double strength = feel->label.n ? fmin(1, fabs(feel->arousal) + fabs(feel->valence) / 2) : 0;
    bool names_language = request->language.n || r->settings.language.n;
    (void)e;
    buf_add(&path, STR("/v1/text-to-speech/"));
    remote_encode(&path, remote_voice(r, request));
    buf_add(&path, STR("/stream/with-timestamps?" OUTPUT));
    jw_object(&w);
    jw_kv_string(&w, "text", request->text);
    jw_kv_string(&w, "model_id", model);
    if (names_language &&
        (str_find(model, STR("v2_5")) != SIZE_MAX || str_find(model, STR("v3")) != SIZE_MAX))
        jw_kv_string(&w, "language_code", remote_language(r, ask->arena, request, "en"));
    jw_key(&w, STR("voice_settings"));
    jw_object(&w);
    jw_kv_double(&w, "stability", .5 - .25 * strength);
    jw_kv_double(&w, "similarity_boost", .75);
    jw_kv_double(&w, "style", .5 * strength);
    jw_kv_double(&w, "speed", remote_within(request->prosody.rate, .7, 1.2));
    jw_end_object(&w);
    jw_end_object(&w);
    ask->path = arena_str(ask->arena, buf_str(&path));
    ask->form = REMOTE_DOCUMENTS;
    ask->raw_rate = RATE;
    return ERR_OK;
}

static void eleven_document(struct remote_call *call, const struct json *doc)
{
    on_loop();
    struct tts_word *words = NULL;
    size_t count = 0;
    const struct json *alignment = json_get(doc, "alignment"), *detail = json_get(doc, "detail");
    if (detail) {
        remote_say_failure(call, json_get_str(detail, "message", detail->raw));
        return;
    }
    if (alignment && alignment->type == JSON_OBJECT)
        align_characters(remote_call_aligner(call), alignment, remote_call_heard_ms(call),
                         remote_call_arena(call), &words, &count);
    remote_say(call, json_get_str(doc, "audio_base64", STR_NONE), words, count);
}

static void eleven_list(const struct remote *r, struct remote_ask *ask)
{
    (void)r;
    ask->method = STR("GET");
    ask->path = STR("/v1/voices");
}

static size_t eleven_listed(const struct json *doc, struct arena *a, struct tts_voice **voices)
{
    const struct json *list = json_get(doc, "voices");
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return 0;
    *voices = arena_array(a, struct tts_voice, list->count + 1);
    json_each (voice, list) {
        struct str id = json_get_str(voice, "voice_id", STR_NONE),
                   name = json_get_str(voice, "name", STR_NONE),
                   about = json_get_str(voice, "description", STR_NONE);
        const struct json *labels = json_get(voice, "labels");
        if (!id.n)
            continue;
        (*voices)[n++] = (struct tts_voice){
            arena_cstr(a, id), arena_cstr(a, json_get_str(labels, "language", STR_NONE)),
            arena_printf(a, "%.*s%s%.*s", STR_ARG(name), about.n ? ": " : "", STR_ARG(about)).p};
    }
    return n;
}

static void eleven_clone(const struct remote *r, const struct tts_clone *clone, struct remote_ask *ask)
{
    (void)r;
    remote_form_field(ask->body, "name", clone->name);
    remote_form_file(ask->body, "files", "reference", clone->type, clone->clip);
    remote_form_end(ask->body);
    ask->type = remote_form_type();
    ask->path = STR("/v1/voices/add");
}

static struct str eleven_cloned(const struct json *doc)
{
    return json_get_str(doc, "voice_id", STR_NONE);
}

static void eleven_unclone(const struct remote *r, struct str voice, struct remote_ask *ask)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    (void)r;
    buf_add(&path, STR("/v1/voices/"));
    remote_encode(&path, voice);
    ask->method = STR("DELETE");
    ask->path = arena_str(ask->arena, buf_str(&path));
}

static const struct remote_service service = {
    .driver = &tts_elevenlabs,
    .default_voice = "JBFqnCBsd6RMkjVDRZzb", /* that of the service's own quickstart */
    .key_header = "xi-api-key",
    .key_prefix = "",
    .speak = eleven_speak,
    .document = eleven_document,
    .list = eleven_list,
    .listed = eleven_listed,
    .clone = eleven_clone,
    .cloned = eleven_cloned,
    .unclone = eleven_unclone,
};

static enum err eleven_open(struct loop *loop, struct workers *workers,
                            const struct speech_provider *provider, struct tts **out, struct error *e)
{
    (void)workers;
    return remote_open(&service, loop, provider, out, e);
}

static const struct tts_voice *eleven_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = 0;
    return NULL;
}

const struct tts_driver tts_elevenlabs = {
    .name = "elevenlabs",
    .can = TTS_TIMINGS | TTS_EMOTION | TTS_CLONES | TTS_LISTS | TTS_RATE,
    .open = eleven_open,
    .start = remote_start,
    .cancel = remote_cancel,
    .close = remote_close,
    .voices = eleven_voices,
    .list = remote_list,
    .clone = remote_clone,
    .unclone = remote_unclone,
};
