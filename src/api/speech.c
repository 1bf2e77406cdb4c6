/*
 * Speech: a text goes in, sound comes out.
 *
 * POST /api/tts         waifu-rt3d's call: the whole sound as a file; with Accept: application/json also its
 *                       mouth shapes and words
 * POST /v1/audio/speech OpenAI's: the sound as it is made; with stream_format "sse" as speech.audio.delta
 *                       events
 *
 * Here is what a request asks for and with whose voice; speech_send.c speaks it into the answer.
 */
#include "api/speech.h"

#include "api/openai.h"
#include "api/voice_name.h"
#include "base/utf8.h"

enum { OPENAI_INPUT_MAX = 4096, OPENAI_RATE = 24000 };

static LOOP bool read_format(struct call *call, const char *name, enum sound_format *out)
{
    const struct json *format = json_get(call->body, name);
    if (!format || format->type != JSON_STRING || sound_format_parse(format->string, out))
        return true;
    call_refuse_param(call, ERR_INVALID, name,
                      "The format '%.*s' cannot be made here; ask for wav, pcm, opus, mp3 or flac.",
                      STR_ARG(str_sub(format->string, 0, 40)));
    return false;
}

static void voice_of_persona(const struct persona *p, struct voice *out)
{
    struct voice own = {.provider = p->voice.provider,
                        .name = p->voice.name,
                        .prosody = {p->voice.rate, p->voice.pitch, p->voice.volume}};
    *out = voice_for(p->id, &own);
}

struct asked {
    struct spoken *spoken;
    struct str text;
    double speed;
};

static void with_persona(struct call *call, struct personas_op *op)
{
    on_loop();
    struct asked *asked = call->state;
    struct voice voice;
    call->state = NULL;
    voice_of_persona(op->persona, &voice);
    voice.name = arena_str(call_arena(call), voice.name);
    voice.provider = arena_str(call_arena(call), voice.provider);
    voice.prosody.rate *= asked->speed;
    spoken_begin(asked->spoken, asked->text, &voice);
}

static void asked_closed(struct http_req *req, bool complete)
{
    on_loop();
    struct call *call = req->user;
    struct asked *asked = call->state;
    (void)complete;
    if (asked)
        spoken_free(asked->spoken);
}

/* A persona's voice by its slug or id; gone with 404 where there is none. */
static LOOP void ask_persona(struct call *call, struct asked *asked, struct str key)
{
    struct persona_deed *deed = call_persona(call, with_persona);
    call->state = asked;
    call->req->on_closed = asked_closed;
    deed->op.key = arena_str(&deed->arena, key);
    personas_get(call->api->parts.personas, &deed->op);
}

static struct asked *asked_new(struct call *call, struct str text)
{
    struct asked *asked = arena_new(call_arena(call), struct asked);
    asked->spoken = spoken_new(call);
    asked->text = text;
    asked->speed = 1;
    return asked;
}

void handle_tts_post(struct call *call)
{
    struct str text = json_get_str(call->body, "text", STR_NONE),
               key = json_get_str(call->body, "character", STR_NONE),
               named = json_get_str(call->body, "voice", STR_NONE);
    enum sound_format format = SOUND_WAV;
    if (str_empty(str_trim(text))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "text", "Send what is to be spoken as 'text'.");
        return;
    }
    if (!read_format(call, "format", &format))
        return;
    struct asked *asked = asked_new(call, text);
    asked->spoken->format = format;
    asked->spoken->json = http_accepts_exactly(call->req, "application/json");
    if (str_empty(key)) {
        struct voice voice;
        if (!voice_named(call_config(call), named,
                         &voice)) /* the sentence names flite's, which are always there */
            voice = (struct voice){STR("flite"), named, {1, 1, 1}};
        spoken_begin(asked->spoken, text, &voice);
        return;
    }
    ask_persona(call, asked, key);
}

/* Voices by name, a persona's by its slug. */
void handle_openai_speech(struct call *call)
{
    struct str text = json_get_str(call->body, "input", STR_NONE),
               named = json_get_str(call->body, "voice", STR_NONE);
    const struct json *voice = json_get(call->body, "voice");
    double speed = json_get_double(call->body, "speed", 1);
    enum sound_format format = SOUND_MP3;
    if (str_empty(str_trim(text))) {
        call_refuse_param(call, ERR_MISSING_FIELD, "input", "Send what is to be spoken as 'input'.");
        return;
    }
    if (utf8_count(text) > OPENAI_INPUT_MAX) {
        call_refuse_param(call, ERR_INVALID, "input",
                          "The input has more than %d characters; send it in pieces.", OPENAI_INPUT_MAX);
        return;
    }
    if (!(speed >= .25 && speed <= 4)) {
        call_refuse_param(call, ERR_INVALID, "speed", "The speed is a number from 0.25 to 4.");
        return;
    }
    if (str_empty(named) && voice && voice->type == JSON_OBJECT)
        named = json_get_str(voice, "id", STR_NONE);
    if (str_empty(named)) {
        call_refuse_param(
            call, ERR_MISSING_FIELD, "voice",
            "Name a voice: one of OpenAI's names, provider/voice as flite/slt, or a persona's slug.");
        return;
    }
    if (!read_format(call, "response_format", &format))
        return;
    struct asked *asked = asked_new(call, text);
    struct spoken *s = asked->spoken;
    s->format = format;
    s->stream = true;
    s->sse = str_eq(json_get_str(call->body, "stream_format", STR_NONE), STR("sse"));
    s->to_rate = OPENAI_RATE;
    asked->speed = speed;
    struct voice v;
    if (!voice_named(call_config(call), named, &v)) {
        ask_persona(call, asked, named);
        return;
    }
    v.prosody.rate *= asked->speed;
    spoken_begin(s, text, &v);
}
