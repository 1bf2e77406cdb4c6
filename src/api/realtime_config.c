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

#include <stdio.h>

const char *const rt_format_names[RT_FORMATS] = {"audio/pcm", "audio/pcmu", "audio/pcma"};

enum {
    VAD_PREFIX_MS = 300,
    VAD_SILENCE_MS = 500,
    VAD_MS_MAX = 10000,
    IDLE_LEAST_MS = 5000, /* OpenAI's bounds of idle_timeout_ms */
    IDLE_MOST_MS = 30000,
    NAME_MAX_BYTES = 64,
};

unsigned rt_format_rate(enum rt_format format)
{
    return format == RT_PCM ? REALTIME_RATE : REALTIME_G711_RATE;
}

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

static enum err wrong_type(struct error *e, const char *param, const char *wanted)
{
    return rt_refuse(e, "invalid_type", param, "Invalid type for '%s': it must be %s.", param, wanted);
}

static enum err wrong_value(struct error *e, const char *param, const char *wanted)
{
    return rt_refuse(e, "invalid_value", param, "Invalid value for '%s': supported are %s.", param, wanted);
}

/* Every member must be one of `names` (parted by spaces). */
static enum err known(const struct json *object, const char *at, const char *names, struct error *e)
{
    json_each (member, object) {
        struct str rest = str_c(names), name;
        bool found = false;
        while (!found && str_cut(&rest, ' ', &name))
            found = str_eq(name, member->key);
        if (!found) {
            char param[64];
            snprintf(param, sizeof param, "%s.%.*s", at, STR_ARG(str_sub(member->key, 0, NAME_MAX_BYTES)));
            return rt_refuse(e, "unknown_parameter", param, "Unknown parameter: '%s'.", param);
        }
    }
    return ERR_OK;
}

/* A member that is there; NULL with ERR_OK: it is not. */
static enum err member(const struct json *object, const char *key, enum json_type type, bool null_ok,
                       const char *param, const struct json **out, struct error *e)
{
    *out = json_get(object, key);
    if (!*out || (*out)->type == type || (null_ok && (*out)->type == JSON_NULL))
        return ERR_OK;
    return wrong_type(e, param, json_type_name(type));
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

/* An object or null, carried as it is. */
static enum err raw_member(const struct json *object, const char *key, struct arena *a, struct str *out)
{
    const struct json *value = json_get(object, key);
    if (value)
        *out = value->type == JSON_NULL ? STR_NONE : arena_str(a, value->raw);
    return ERR_OK;
}

enum err rt_read_modalities(const struct json *list, bool *audio, const char *param, struct error *e)
{
    if (list->type != JSON_ARRAY)
        return wrong_type(e, param, "an array");
    if (list->count == 1 && str_eq(list->child->string, STR("text"))) {
        *audio = false;
        return ERR_OK;
    }
    if (list->count == 1 && str_eq(list->child->string, STR("audio"))) {
        *audio = true;
        return ERR_OK;
    }
    return wrong_value(e, param, "[\"audio\"] (with its transcript) and [\"text\"]");
}

enum err rt_read_max_tokens(const struct json *value, const char *param, unsigned *out, struct error *e)
{
    int64_t tokens = 0;
    if (value->type == JSON_STRING && str_eq(value->string, STR("inf"))) {
        *out = 0;
        return ERR_OK;
    }
    if (!json_i64(value, &tokens) || tokens < 1 || tokens > REALTIME_OUTPUT_TOKENS_MAX)
        return wrong_value(e, param, "whole numbers from 1 to 4096, and \"inf\"");
    *out = (unsigned)tokens;
    return ERR_OK;
}

enum err rt_read_format(const struct json *format, const char *param, enum rt_format *out, struct error *e)
{
    if (format->type != JSON_OBJECT)
        return wrong_type(e, param, "an object such as {\"type\":\"audio/pcm\",\"rate\":24000}");
    struct str type = json_get_str(format, "type", STR_NONE);
    for (unsigned f = 0; f < RT_FORMATS; f++) {
        if (!str_eq(type, str_c(rt_format_names[f])))
            continue;
        unsigned rate = rt_format_rate((enum rt_format)f);
        if (json_get_i64(format, "rate", rate) != rate)
            return rt_refuse(e, "invalid_value", param, "Invalid value for '%s': the rate of %s is %u.",
                             param, rt_format_names[f], rate);
        *out = (enum rt_format)f;
        return ERR_OK;
    }
    return wrong_value(e, param, "the types audio/pcm, audio/pcmu and audio/pcma");
}

enum err rt_check_tools(const struct json *tools, struct error *e)
{
    if (tools->type != JSON_ARRAY)
        return wrong_type(e, "tools", "an array");
    if (tools->count > REALTIME_TOOLS_MAX || tools->raw.n > REALTIME_TEXT_MAX)
        return rt_refuse(e, "invalid_value", "tools", "There may be %d tools at most, in %d bytes.",
                         REALTIME_TOOLS_MAX, REALTIME_TEXT_MAX);
    json_each (tool, tools) {
        struct str type = json_get_str(tool, "type", STR_NONE);
        if (str_eq(type, STR("mcp")))
            return rt_refuse(e, "unsupported_tool", "tools",
                             "Tools of MCP servers are not carried out here; give functions.");
        if (!str_eq(type, STR("function")) || str_empty(json_get_str(tool, "name", STR_NONE)))
            return rt_refuse(e, "invalid_value", "tools",
                             "A tool is an object with type \"function\", name, description and parameters.");
    }
    return ERR_OK;
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
        return wrong_value(e, AT ".type", "server_vad and semantic_vad, or null for turns by hand");
    err = c->turns == RT_TURNS_SERVER
              ? known(t, AT,
                      "type threshold prefix_padding_ms silence_duration_ms create_response "
                      "interrupt_response idle_timeout_ms",
                      e)
              : known(t, AT, "type eagerness create_response interrupt_response", e);
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
        err = wrong_value(e, AT ".eagerness", "low, medium, high and auto");
#undef AT
    c->threshold = threshold;
    return err;
}

static enum err read_input(struct rt_config *c, const struct json *input, struct error *e)
{
    const struct json *format = json_get(input, "format"), *heard = json_get(input, "transcription");
    enum err err =
        known(input, "session.audio.input", "format transcription noise_reduction turn_detection", e);
    if (!err && format)
        err = rt_read_format(format, "session.audio.input.format", &c->in, e);
    if (!err && heard && heard->type != JSON_NULL && heard->type != JSON_OBJECT)
        err = wrong_type(e, "session.audio.input.transcription", "an object or null");
    if (!err)
        err = raw_member(input, "transcription", &c->arena, &c->transcription);
    if (!err && heard) {
        c->language = STR_NONE;
        err = text_member(heard, "language", "session.audio.input.transcription.language", NAME_MAX_BYTES,
                          &c->arena, &c->language, e);
    }
    if (!err)
        err = raw_member(input, "noise_reduction", &c->arena, &c->noise_reduction);
    return err ? err : read_turns(c, input, e);
}

static enum err read_output(struct rt_config *c, const struct json *output, bool voice_fixed, struct error *e)
{
    const struct json *format = json_get(output, "format"), *voice = json_get(output, "voice");
    struct str before = c->voice;
    enum err err = known(output, "session.audio.output", "format voice speed", e);
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
                        "The voice of a session cannot be changed once it was heard.");
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
    err = known(audio, "session.audio", "input output", e);
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
    enum err err = tools ? rt_check_tools(tools, e) : ERR_OK;
    if (!err && tools)
        c->tools = arena_str(&c->arena, tools->raw);
    if (!err && choice && choice->type != JSON_STRING && choice->type != JSON_OBJECT)
        err = wrong_type(e, "session.tool_choice", "\"auto\", \"none\", \"required\" or a function");
    if (!err && choice)
        c->tool_choice = arena_str(&c->arena, choice->raw);
    return err;
}

static enum err change(struct rt_config *c, const struct json *session, bool voice_fixed, struct error *e)
{
    struct str type = json_get_str(session, "type", STR("realtime"));
    const struct json *modalities = json_get(session, "output_modalities"),
                      *tokens = json_get(session, "max_output_tokens");
    if (session->type != JSON_OBJECT)
        return wrong_type(e, "session", "an object");
    if (!str_eq(type, STR("realtime")))
        return wrong_value(e, "session.type", "realtime (transcription alone: /v1/audio/transcriptions)");
    /* What session.created tells may come back: those that cannot change are passed over. */
    enum err err = known(session, "session",
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
    raw_member(session, "truncation", &c->arena, &c->truncation);
    raw_member(session, "tracing", &c->arena, &c->tracing);
    raw_member(session, "include", &c->arena, &c->include);
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
