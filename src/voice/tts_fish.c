/*
 * Speech from Fish Audio, and from Fish Speech servers at home.
 *
 * Follows Fish Audio's API reference: "Text to Speech Stream with Timestamps" (POST
 * /v1/tts/stream/with-timestamp: server-sent events, each a JSON document with audio_base64, alignment
 * {segments:[{text,start,end}]} or null, chunk_seq, chunk_audio_offset_sec), "Text to Speech" (POST /v1/tts:
 * the sound itself), "Create model" (POST /model, multipart), "List models" (GET /model?self=true) and
 * "Delete model" (DELETE /model/{id}). The model's name goes into the header `model`; format pcm is 16 bit,
 * little endian, mono at sample_rate. A voice's name is a model's id: reference_id.
 *
 * Servers without the first path are asked at the second. Rate is prosody.speed (.5 to 2 there); emotion is a
 * mark before the text ("[joy] ...") for models of the s2 family, which read such; volume is a gain of ours;
 * pitch is left out.
 */
#include "voice/remote_tts.h"

enum { DOOR_TIMED, DOOR_PLAIN, DOORS };

static enum err fish_speak(const struct remote *r, const struct tts_request *request, struct remote_ask *ask,
                           struct error *e)
{
    struct jw w = JW(ask->body);
    struct str model = remote_model(r, "s1"), voice = remote_voice(r, request), text = request->text;
    double speed = remote_within(request->prosody.rate, .5, 2);
    (void)e;
    if (request->emotion.label.n && str_starts(model, STR("s2")))
        text = arena_printf(ask->arena, "[%.*s] %.*s", STR_ARG(request->emotion.label), STR_ARG(text));
    jw_object(&w);
    jw_kv_string(&w, "text", text);
    if (voice.n)
        jw_kv_string(&w, "reference_id", voice);
    jw_kv_string(&w, "format", STR("pcm"));
    jw_kv_i64(&w, "sample_rate", r->settings.sample_rate);
    jw_kv_string(&w, "latency", STR("balanced"));
    if (speed != 1) {
        jw_key(&w, STR("prosody"));
        jw_object(&w);
        jw_kv_double(&w, "speed", speed);
        jw_end_object(&w);
    }
    jw_end_object(&w);
    ask->headers[ask->header_count++] = (struct fetch_header){STR("model"), model};
    ask->path = ask->door == DOOR_TIMED ? STR("/v1/tts/stream/with-timestamp") : STR("/v1/tts");
    ask->form = ask->door == DOOR_TIMED ? REMOTE_DOCUMENTS : REMOTE_SOUND;
    ask->raw_rate = (unsigned)r->settings.sample_rate;
    return ERR_OK;
}

static void fish_document(struct remote_call *call, const struct json *doc)
{
    on_loop();
    struct tts_word *words = NULL;
    size_t count = 0;
    const struct json *alignment = json_get(doc, "alignment");
    int64_t chunk = json_get_i64(doc, "chunk_seq", 0);
    struct str sound = json_get_str(doc, "audio_base64", STR_NONE),
               said = json_get_str(doc, "message", json_get_str(doc, "error", STR_NONE));
    if (!sound.n && said.n) {
        remote_say_failure(call, said);
        return;
    }
    if (alignment && alignment->type == JSON_OBJECT)
        align_segments(remote_call_aligner(call), alignment, (uint64_t)(chunk < 0 ? 0 : chunk),
                       json_get_double(doc, "chunk_audio_offset_sec", 0), remote_call_arena(call), &words,
                       &count);
    remote_say(call, sound, words, count);
}

static void fish_list(const struct remote *r, struct remote_ask *ask)
{
    (void)r;
    ask->method = STR("GET");
    ask->path = STR("/model?self=true&page_size=100");
}

static size_t fish_listed(const struct json *doc, struct arena *a, struct tts_voice **voices)
{
    const struct json *list = json_get(doc, "items");
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return 0;
    *voices = arena_array(a, struct tts_voice, list->count + 1);
    json_each (model, list) {
        struct str id = json_get_str(model, "_id", STR_NONE);
        const struct json *languages = json_get(model, "languages");
        const struct json *first = languages && languages->type == JSON_ARRAY ? languages->child : NULL;
        if (id.n)
            (*voices)[n++] = (struct tts_voice){
                arena_cstr(a, id), first && first->type == JSON_STRING ? arena_cstr(a, first->string) : "",
                arena_cstr(a, json_get_str(model, "title", STR_NONE))};
    }
    return n;
}

static void fish_clone(const struct remote *r, const struct tts_clone *clone, struct remote_ask *ask)
{
    (void)r;
    remote_form_field(ask->body, "visibility", STR("private"));
    remote_form_field(ask->body, "type", STR("tts"));
    remote_form_field(ask->body, "train_mode", STR("fast"));
    remote_form_field(ask->body, "title", clone->name);
    remote_form_file(ask->body, "voices", "reference", clone->type, clone->clip);
    if (clone->transcript.n)
        remote_form_field(ask->body, "texts", clone->transcript);
    remote_form_end(ask->body);
    ask->type = remote_form_type();
    ask->path = STR("/model");
}

static struct str fish_cloned(const struct json *doc)
{
    return json_get_str(doc, "_id", STR_NONE);
}

static void fish_unclone(const struct remote *r, struct str voice, struct remote_ask *ask)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    (void)r;
    buf_add(&path, STR("/model/"));
    remote_encode(&path, voice);
    ask->method = STR("DELETE");
    ask->path = arena_str(ask->arena, buf_str(&path));
}

static const struct remote_service service = {
    .driver = &tts_fish,
    .default_voice = "",
    .doors = DOORS,
    .key_header = "Authorization",
    .key_prefix = "Bearer ",
    .speak = fish_speak,
    .document = fish_document,
    .list = fish_list,
    .listed = fish_listed,
    .clone = fish_clone,
    .cloned = fish_cloned,
    .unclone = fish_unclone,
};

static enum err fish_open(struct loop *loop, struct workers *workers, const struct speech_provider *provider,
                          struct tts **out, struct error *e)
{
    (void)workers;
    return remote_open(&service, loop, provider, out, e);
}

static const struct tts_voice *fish_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = 0;
    return NULL;
}

const struct tts_driver tts_fish = {
    .name = "fish",
    .can = TTS_TIMINGS | TTS_EMOTION | TTS_CLONES | TTS_LISTS | TTS_RATE,
    .open = fish_open,
    .start = remote_start,
    .cancel = remote_cancel,
    .close = remote_close,
    .voices = fish_voices,
    .list = remote_list,
    .clone = remote_clone,
    .unclone = remote_unclone,
};
