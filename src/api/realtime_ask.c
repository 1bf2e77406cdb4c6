/*
 * What response.create asks for, over what the session has. See realtime.h.
 *
 * `input` takes the conversation's place in the prompt, for this response alone; an answer to it may still be
 * added to the conversation ("auto"). Members that GA does not have are refused by name, as OpenAI does: a
 * client that sends the beta's learns of it.
 */
#include "api/realtime_output.h"

#include "api/voice_name.h"

static enum err read_conversation(struct rt_response *r, const struct json *from, struct error *e)
{
    struct str conversation = json_get_str(from, "conversation", STR("auto"));
    const struct json *input = json_get(from, "input");
    if (!str_eq(conversation, STR("auto")) && !str_eq(conversation, STR("none")))
        return rt_wrong_value(e, "response.conversation", "auto and none");
    r->in_conversation = str_eq(conversation, STR("auto"));
    if (!input || input->type == JSON_NULL)
        return ERR_OK;
    if (input->type != JSON_ARRAY || input->raw.n > REALTIME_TEXT_MAX)
        return rt_refuse(e, "invalid_value", "response.input",
                         "'response.input' is an array of items, of %d bytes at most.", REALTIME_TEXT_MAX);
    r->input = arena_str(&r->arena, input->raw);
    return ERR_OK;
}

static enum err read_voice(struct rt_response *r, const struct json *output, struct error *e)
{
    static const char at[] = "response.audio.output.voice";
    const struct json *voice = json_get(output, "voice");
    struct call call = {.api = r->session->api};
    struct voice found;
    if (!voice || voice->type == JSON_NULL)
        return ERR_OK;
    struct str name = voice->type == JSON_OBJECT ? json_get_str(voice, "id", STR_NONE) : voice->string;
    if (voice->type != JSON_OBJECT && voice->type != JSON_STRING)
        return rt_wrong_type(e, at, "a string");
    if (str_empty(name) || str_eq(name, r->voice))
        return ERR_OK;
    if (r->session->audio_sent)
        return rt_refuse(e, "cannot_update_voice", at,
                         "Cannot update a conversation's voice if assistant audio is present.");
    if (!str_eq(name, r->session->model) && !voice_named(call_config(&call), name, &found))
        return rt_refuse(
            e, "invalid_value", at,
            "No voice is called '%.*s': name one of OpenAI's, PROVIDER/VOICE as flite/slt, or the "
            "model itself for its own voice.",
            STR_ARG(str_sub(name, 0, 64)));
    r->voice = arena_str(&r->arena, name);
    return ERR_OK;
}

static enum err read_output(struct rt_response *r, const struct json *from, struct error *e)
{
    const struct json *modalities = json_get(from, "output_modalities"),
                      *tokens = json_get(from, "max_output_tokens"), *audio = json_get(from, "audio"),
                      *output = json_get(audio, "output"), *format = json_get(output, "format");
    enum err err = ERR_OK;
    if (modalities)
        err = rt_read_modalities(modalities, &r->audio, "response.output_modalities", e);
    if (!err && tokens)
        err = rt_read_max_tokens(tokens, "response.max_output_tokens", &r->max_tokens, e);
    if (!err && ((audio && audio->type != JSON_OBJECT) || (output && output->type != JSON_OBJECT)))
        err = rt_wrong_type(e, output ? "response.audio.output" : "response.audio", "an object");
    if (!err && output)
        err = rt_known(output, "response.audio.output", "format voice speed", e);
    if (!err && format)
        err = rt_read_format(format, "response.audio.output.format", &r->out, e);
    return err || !output ? err : read_voice(r, output, e);
}

static enum err read_tools(struct rt_response *r, const struct json *from, struct error *e)
{
    const struct json *tools = json_get(from, "tools"), *choice = json_get(from, "tool_choice"),
                      *metadata = json_get(from, "metadata");
    enum err err = tools ? rt_check_tools(tools, "response.tools", e) : ERR_OK;
    if (!err && choice)
        err = rt_check_tool_choice(choice, "response.tool_choice", e);
    if (!err && metadata)
        err = rt_check_metadata(metadata, "response.metadata", e);
    if (!err && tools)
        r->tools = arena_str(&r->arena, tools->raw);
    if (!err && choice)
        r->tool_choice = arena_str(&r->arena, choice->raw);
    if (!err && metadata && metadata->type != JSON_NULL)
        r->metadata = arena_str(&r->arena, metadata->raw);
    return err;
}

enum err rt_response_read(struct rt_response *r, const struct json *from, struct error *e)
{
    const struct json *instructions = json_get(from, "instructions"), *prompt = json_get(from, "prompt");
    if (!from || from->type == JSON_NULL)
        return ERR_OK;
    if (from->type != JSON_OBJECT)
        return rt_wrong_type(e, "response", "an object");
    enum err err = rt_known(from, "response",
                            "audio conversation input instructions max_output_tokens metadata "
                            "output_modalities parallel_tool_calls prompt reasoning tool_choice tools",
                            e);
    if (!err)
        err = read_conversation(r, from, e);
    if (!err)
        err = read_output(r, from, e);
    if (!err)
        err = read_tools(r, from, e);
    if (!err && prompt && prompt->type != JSON_NULL)
        err = rt_refuse(e, "invalid_value", "response.prompt",
                        "Stored prompts are not kept here; a persona is the prompt. Send instructions.");
    if (err || !instructions || instructions->type == JSON_NULL)
        return err;
    if (instructions->type != JSON_STRING)
        return rt_wrong_type(e, "response.instructions", "a string");
    if (instructions->string.n > REALTIME_TEXT_MAX)
        return rt_refuse(e, "string_above_max_length", "response.instructions",
                         "'response.instructions' may have at most %d bytes.", REALTIME_TEXT_MAX);
    r->instructions = arena_str(&r->arena, instructions->string);
    return ERR_OK;
}
