/*
 * Speech from an XTTS server at home.
 *
 * Follows xtts-api-server's own description (its README and its OpenAPI page at /docs): GET
 * /tts_stream?text&speaker_wav&language (WAV as it is made, its length unknown), POST /tts_to_audio/ {text,
 * speaker_wav, language} (a whole WAV file), GET /speakers_list (an array of names). speaker_wav is the name
 * of a clip in the server's speakers folder: that is how a voice is cloned there, and it is done there, so
 * clone() there is none. Servers that do not stream are asked at the second path.
 *
 * The rate is a setting of the whole server (/set_tts_settings), so it is left as it is; volume is a gain of
 * ours; pitch and emotion are left out.
 */
#include "voice/remote_tts.h"

enum { DOOR_STREAM, DOOR_WHOLE, DOORS };

static enum err xtts_speak(const struct remote *r, const struct tts_request *request, struct remote_ask *ask,
                           struct error *e)
{
    struct str voice = remote_voice(r, request), language = remote_language(r, ask->arena, request, "en");
    if (!voice.n)
        return remote_fault(e, &r->endpoint, "upstream_refused",
                            "needs a voice: set its voice to a name out of its speakers folder.");
    if (ask->door == DOOR_WHOLE) {
        struct jw w = JW(ask->body);
        jw_object(&w);
        jw_kv_string(&w, "text", request->text);
        jw_kv_string(&w, "speaker_wav", voice);
        jw_kv_string(&w, "language", language);
        jw_end_object(&w);
        ask->path = STR("/tts_to_audio/");
        return ERR_OK;
    }
    CLEANUP_BUF struct buf path = BUF_INIT;
    buf_add(&path, STR("/tts_stream?text="));
    remote_encode(&path, request->text);
    buf_add(&path, STR("&speaker_wav="));
    remote_encode(&path, voice);
    buf_add(&path, STR("&language="));
    remote_encode(&path, language);
    ask->method = STR("GET");
    ask->path = arena_str(ask->arena, buf_str(&path));
    return ERR_OK;
}

static void xtts_list(const struct remote *r, struct remote_ask *ask)
{
    (void)r;
    ask->method = STR("GET");
    ask->path = STR("/speakers_list");
}

static size_t xtts_listed(const struct json *doc, struct arena *a, struct tts_voice **voices)
{
    size_t n = 0;
    if (doc->type != JSON_ARRAY)
        return 0;
    *voices = arena_array(a, struct tts_voice, doc->count + 1);
    json_each (name, doc) {
        if (name->type == JSON_STRING)
            (*voices)[n++] = (struct tts_voice){arena_cstr(a, name->string), "", ""};
    }
    return n;
}

static const struct remote_service service = {
    .driver = &tts_xtts,
    .default_voice = "",
    .doors = DOORS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .speak = xtts_speak,
    .list = xtts_list,
    .listed = xtts_listed,
};

static enum err xtts_open(struct loop *loop, struct workers *workers, const struct speech_provider *provider,
                          struct tts **out, struct error *e)
{
    (void)workers;
    return remote_open(&service, loop, provider, out, e);
}

static const struct tts_voice *xtts_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = 0;
    return NULL;
}

const struct tts_driver tts_xtts = {
    .name = "xtts",
    .can = TTS_LISTS,
    .open = xtts_open,
    .start = remote_start,
    .cancel = remote_cancel,
    .close = remote_close,
    .voices = xtts_voices,
    .list = remote_list,
};
