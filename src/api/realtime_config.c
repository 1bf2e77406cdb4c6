/*
 * A realtime session's configuration: read from session.update and client secrets, checked, told. See
 * realtime.h.
 *
 * Names and defaults are OpenAI's (GA). A change is made in a copy that takes the place of what was there
 * when all of it is good. What the house has no use for (tracing, noise_reduction, truncation) is kept and
 * told back.
 */
#include "api/realtime.h"

#include "api/voice_name.h"

enum {
    VAD_PREFIX_MS = 300,
    VAD_SILENCE_MS = 500,
    VAD_MS_MAX = 10000,
    IDLE_LEAST_MS = 5000, /* OpenAI's bounds of idle_timeout_ms */
    IDLE_MOST_MS = 30000,
    NAME_MAX_BYTES = 64,
};

void rt_config_init(struct rt_config *c)
{
    *c = (struct rt_config){.audio = true,
                            .tool_choice = STR("\"auto\""),
                            .tools = STR("[]"),
                            .truncation = STR("\"auto\""),
                            .speed = 1,
                            .threshold = .5,
                            .turns = RT_TURNS_SERVER,
                            .eagerness = STR("auto"),
                            .prefix_ms = VAD_PREFIX_MS,
                            .silence_ms = VAD_SILENCE_MS,
                            .create_response = true,
                            .interrupt_response = true};
}

void rt_config_release(struct rt_config *c)
{
    arena_release(&c->arena);
}

void rt_config_copy(struct rt_config *to, const struct rt_config *from)
{
    struct arena a = ARENA_INIT;
    *to = *from;
    struct str *const texts[] = {&to->instructions, &to->voice,     &to->tools,          &to->tool_choice,
                                 &to->truncation,   &to->tracing,   &to->include,        &to->transcription,
                                 &to->language,     &to->eagerness, &to->noise_reduction};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = str_empty(*texts[i]) ? STR_NONE : arena_str(&a, *texts[i]);
    to->arena = a;
}

/* ---- checks ---- */

/* A member that is there; NULL with ERR_OK: it is not. */
static enum err member(const struct json *object, const char *key, enum json_type type, bool null_ok,
                       const char *param, const struct json **out, struct error *e)
{
    *out = json_get(object, key);
    if (!*out || (*out)->type == type || (null_ok && (*out)->type == JSON_NULL))
        return ERR_OK;
    return rt_wrong_type(e, param, json_type_name(type));
}

static enum err text_member(const struct json *object, const char *key, const char *param, size_t max,
                            struct arena *a, struct str *out, struct error *e)
{
    const struct json *value;
    enum err err = member(object, key, JSON_STRING, false, param, &value, e);
    if (err || !value)
        return err;
    if (value->string.n > max)
        return rt_refuse(e, "string_above_max_length", param, "'%s' may have at most %zu bytes.", param, max);
    *out = arena_str(a, value->string);
    return ERR_OK;
}

static enum err bool_member(const struct json *object, const char *key, const char *param, bool *out,
                            struct error *e)
{
    const struct json *value;
    enum err err = member(object, key, JSON_BOOL, false, param, &value, e);
    if (!err && value)
        *out = value->boolean;
    return err;
}

static enum err number_member(const struct json *object, const char *key, const char *param, double least,
                              double most, double *out, struct error *e)
{
    const struct json *value;
    double number;
    enum err err = member(object, key, JSON_NUMBER, false, param, &value, e);
    if (err || !value)
        return err;
    if (!json_double(value, &number) || !(number >= least && number <= most))
        return rt_refuse(e, "invalid_value", param, "Invalid value for '%s': it is a number from %g to %g.",
                         param, least, most);
    *out = number;
    return ERR_OK;
}

static enum err ms_member(const struct json *object, const char *key, const char *param, double least,
                          double most, unsigned *out, struct error *e)
{
    double value = *out;
    enum err err = number_member(object, key, param, least, most, &value, e);
    *out = (unsigned)value;
    return err;
}

/* Carried as it is; null is empty. */
static void raw_member(const struct json *object, const char *key, struct arena *a, struct str *out)
{
    const struct json *value = json_get(object, key);
    if (value)
        *out = value->type == JSON_NULL ? STR_NONE : arena_str(a, value->raw);
}

/* ---- reading ---- */

static enum err read_turns(struct rt_config *c, const struct json *input, struct error *e)
{
    const struct json *t;
    enum err err =
        member(input, "turn_detection", JSON_OBJECT, true, "session.audio.input.turn_detection", &t, e);
    if (err || !t)
        return err;
    if (t->type == JSON_NULL) {
        c->turns = RT_TURNS_MANUAL;
        return ERR_OK;
    }
#define AT "session.audio.input.turn_detection"
    struct str type = json_get_str(t, "type", STR("server_vad"));
    const struct json *idle = json_get(t, "idle_timeout_ms");
    double threshold = c->threshold;
    if (str_eq(type, STR("server_vad")))
        c->turns = RT_TURNS_SERVER;
    else if (str_eq(type, STR("semantic_vad")))
        c->turns = RT_TURNS_SEMANTIC;
    else
        return rt_wrong_value(e, AT ".type", "server_vad and semantic_vad, or null for turns by hand");
    err = c->turns == RT_TURNS_SERVER
              ? rt_known(t, AT,
                         "type threshold prefix_padding_ms silence_duration_ms create_response "
                         "interrupt_response idle_timeout_ms",
                         e)
              : rt_known(t, AT, "type eagerness create_response interrupt_response", e);
    if (!err)
        err = number_member(t, "threshold", AT ".threshold", 0, 1, &threshold, e);
    if (!err)
        err = ms_member(t, "prefix_padding_ms", AT ".prefix_padding_ms", 0, VAD_MS_MAX, &c->prefix_ms, e);
    if (!err)
        err =
            ms_member(t, "silence_duration_ms", AT ".silence_duration_ms", 0, VAD_MS_MAX, &c->silence_ms, e);
    if (!err)
        err = bool_member(t, "create_response", AT ".create_response", &c->create_response, e);
    if (!err)
        err = bool_member(t, "interrupt_response", AT ".interrupt_response", &c->interrupt_response, e);
    if (!err)
        err = text_member(t, "eagerness", AT ".eagerness", NAME_MAX_BYTES, &c->arena, &c->eagerness, e);
    if (!err && idle && idle->type == JSON_NULL)
        c->idle_ms = 0;
    else if (!err)
        err = ms_member(t, "idle_timeout_ms", AT ".idle_timeout_ms", IDLE_LEAST_MS, IDLE_MOST_MS, &c->idle_ms,
                        e);
    static const char *const eager[] = {"low", "medium", "high", "auto"};
    bool fine = false;
    for (size_t i = 0; i < sizeof eager / sizeof *eager; i++)
        fine |= str_eq(c->eagerness, str_c(eager[i]));
    if (!err && !fine)
        err = rt_wrong_value(e, AT ".eagerness", "low, medium, high and auto");
#undef AT
    c->threshold = threshold;
    return err;
}

static enum err read_transcription(struct rt_config *c, const struct json *input, struct error *e)
{
#define AT "session.audio.input.transcription"
    const struct json *heard;
    struct str unused = STR_NONE;
    enum err err = member(input, "transcription", JSON_OBJECT, true, AT, &heard, e);
    if (err || !heard)
        return err;
    c->language = STR_NONE;
    if (heard->type == JSON_OBJECT)
        err = rt_known(heard, AT, "model language prompt delay", e);
    if (!err)
        err = text_member(heard, "language", AT ".language", NAME_MAX_BYTES, &c->arena, &c->language, e);
    if (!err)
        err = text_member(heard, "model", AT ".model", REALTIME_TEXT_MAX, &c->arena, &unused, e);
    if (!err)
        err = text_member(heard, "prompt", AT ".prompt", REALTIME_TEXT_MAX, &c->arena, &unused, e);
    raw_member(input, "transcription", &c->arena, &c->transcription);
    return err;
#undef AT
}

static enum err read_input(struct rt_config *c, const struct json *input, struct error *e)
{
#define AT "session.audio.input"
    const struct json *format = json_get(input, "format"), *noise;
    enum err err = rt_known(input, AT, "format transcription noise_reduction turn_detection", e);
    if (!err && format)
        err = rt_read_format(format, AT ".format", &c->in, e);
    if (!err)
        err = read_transcription(c, input, e);
    if (!err)
        err = member(input, "noise_reduction", JSON_OBJECT, true, AT ".noise_reduction", &noise, e);
    struct str type = err ? STR_NONE : json_get_str(noise, "type", STR_NONE);
    if (!err && noise && noise->type == JSON_OBJECT && !str_eq(type, STR("near_field")) &&
        !str_eq(type, STR("far_field")))
        err = rt_wrong_value(e, AT ".noise_reduction.type", "near_field and far_field");
    raw_member(input, "noise_reduction", &c->arena, &c->noise_reduction);
    return err ? err : read_turns(c, input, e);
#undef AT
}

static enum err read_output(struct rt_config *c, const struct json *output, bool voice_fixed, struct error *e)
{
    const struct json *format = json_get(output, "format"), *voice = json_get(output, "voice");
    struct str before = c->voice;
    enum err err = rt_known(output, "session.audio.output", "format voice speed", e);
    if (!err && format)
        err = rt_read_format(format, "session.audio.output.format", &c->out, e);
    if (!err && voice && voice->type == JSON_OBJECT)
        err = text_member(voice, "id", "session.audio.output.voice.id", NAME_MAX_BYTES, &c->arena, &c->voice,
                          e);
    else if (!err && voice && voice->type != JSON_NULL)
        err = text_member(output, "voice", "session.audio.output.voice", NAME_MAX_BYTES, &c->arena, &c->voice,
                          e);
    if (!err && voice_fixed && !str_eq(before, c->voice))
        err = rt_refuse(e, "cannot_update_voice", "session.audio.output.voice",
                        "Cannot update a conversation's voice if assistant audio is present.");
    struct voice known_voice;
    if (!err && c->voice.n && !str_eq(c->voice, c->own) && !voice_named(c->house, c->voice, &known_voice))
        err = rt_refuse(
            e, "invalid_value", "session.audio.output.voice",
            "No voice is called '%.*s': name one of OpenAI's, PROVIDER/VOICE as flite/slt, or the model "
            "itself for its own voice.",
            STR_ARG(c->voice));
    return err ? err : number_member(output, "speed", "session.audio.output.speed", .25, 1.5, &c->speed, e);
}

static enum err read_audio(struct rt_config *c, const struct json *session, bool voice_fixed, struct error *e)
{
    const struct json *audio, *input, *output;
    enum err err = member(session, "audio", JSON_OBJECT, false, "session.audio", &audio, e);
    if (err || !audio)
        return err;
    err = rt_known(audio, "session.audio", "input output", e);
    if (!err)
        err = member(audio, "input", JSON_OBJECT, false, "session.audio.input", &input, e);
    if (!err && input)
        err = read_input(c, input, e);
    if (!err)
        err = member(audio, "output", JSON_OBJECT, false, "session.audio.output", &output, e);
    return err || !output ? err : read_output(c, output, voice_fixed, e);
}

static enum err read_tools(struct rt_config *c, const struct json *session, struct error *e)
{
    const struct json *tools = json_get(session, "tools"), *choice = json_get(session, "tool_choice");
    enum err err = tools ? rt_check_tools(tools, "session.tools", e) : ERR_OK;
    if (!err && tools)
        c->tools = arena_str(&c->arena, tools->raw);
    if (!err && choice)
        err = rt_check_tool_choice(choice, "session.tool_choice", e);
    if (!err && choice)
        c->tool_choice = arena_str(&c->arena, choice->raw);
    return err;
}

/* What the house has no use for, but tells back: in the shapes that OpenAI takes. */
static enum err read_kept(struct rt_config *c, const struct json *session, struct error *e)
{
    const struct json *truncation = json_get(session, "truncation"), *tracing = json_get(session, "tracing"),
                      *include;
    enum err err = member(session, "include", JSON_ARRAY, true, "session.include", &include, e);
    if (!err && truncation && truncation->type == JSON_STRING && !str_eq(truncation->string, STR("auto")) &&
        !str_eq(truncation->string, STR("disabled")))
        err =
            rt_wrong_value(e, "session.truncation", "auto, disabled and {\"type\":\"retention_ratio\",...}");
    else if (!err && truncation && truncation->type != JSON_STRING && truncation->type != JSON_OBJECT)
        err = rt_wrong_type(e, "session.truncation", "a string or an object");
    if (!err && tracing && tracing->type == JSON_STRING && !str_eq(tracing->string, STR("auto")))
        err = rt_wrong_value(e, "session.tracing", "auto, an object and null");
    else if (!err && tracing && tracing->type != JSON_STRING && tracing->type != JSON_OBJECT &&
             tracing->type != JSON_NULL)
        err = rt_wrong_type(e, "session.tracing", "\"auto\", an object or null");
    raw_member(session, "truncation", &c->arena, &c->truncation);
    raw_member(session, "tracing", &c->arena, &c->tracing);
    raw_member(session, "include", &c->arena, &c->include);
    return err;
}

static enum err change(struct rt_config *c, const struct json *session, bool voice_fixed, struct error *e)
{
    struct str type = json_get_str(session, "type", STR("realtime"));
    const struct json *modalities = json_get(session, "output_modalities"),
                      *tokens = json_get(session, "max_output_tokens");
    if (session->type != JSON_OBJECT)
        return rt_wrong_type(e, "session", "an object");
    if (!str_eq(type, STR("realtime")))
        return rt_wrong_value(e, "session.type", "realtime (transcription alone: /v1/audio/transcriptions)");
    /* What session.created tells may come back: those that cannot change are passed over. */
    enum err err = rt_known(session, "session",
                            "type object id model expires_at output_modalities instructions audio tools "
                            "tool_choice max_output_tokens tracing truncation include prompt "
                            "parallel_tool_calls reasoning",
                            e);
    if (!err && modalities)
        err = rt_read_modalities(modalities, &c->audio, "session.output_modalities", e);
    if (!err)
        err = text_member(session, "instructions", "session.instructions", REALTIME_TEXT_MAX, &c->arena,
                          &c->instructions, e);
    if (!err && tokens)
        err = rt_read_max_tokens(tokens, "session.max_output_tokens", &c->max_tokens, e);
    if (!err && json_get(session, "prompt") && json_get(session, "prompt")->type != JSON_NULL)
        err = rt_refuse(e, "invalid_value", "session.prompt",
                        "Stored prompts are not kept here; a persona is the prompt. Send instructions.");
    if (!err)
        err = read_tools(c, session, e);
    if (!err)
        err = read_kept(c, session, e);
    return err ? err : read_audio(c, session, voice_fixed, e);
}

enum err rt_config_change(struct rt_config *c, const struct json *session, bool voice_fixed, struct error *e)
{
    struct rt_config next;
    rt_config_copy(&next, c);
    enum err err = change(&next, session, voice_fixed, e);
    rt_config_release(err ? &next : c);
    if (!err)
        *c = next;
    return err;
}
