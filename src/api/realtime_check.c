/*
 * What clients of /v1/realtime may ask for, one member at a time: formats, modalities, tools, metadata. Used
 * by the session's configuration (realtime_config.c) and by response.create (realtime_ask.c). Codes and
 * params of refusals are OpenAI's. See realtime.h.
 */
#include "api/realtime.h"

#include "base/utf8.h"

#include <stdio.h>

enum {
    NAME_MAX_BYTES = 64,
    METADATA_MAX = 16, /* OpenAI's bounds of metadata, in characters */
    METADATA_KEY_MAX = 64,
    METADATA_VALUE_MAX = 512,
};

const char *const rt_format_names[RT_FORMATS] = {"audio/pcm", "audio/pcmu", "audio/pcma"};

unsigned rt_format_rate(enum rt_format format)
{
    return format == RT_PCM ? REALTIME_RATE : REALTIME_G711_RATE;
}

enum err rt_wrong_type(struct error *e, const char *param, const char *wanted)
{
    return rt_refuse(e, "invalid_type", param, "Invalid type for '%s': it must be %s.", param, wanted);
}

enum err rt_wrong_value(struct error *e, const char *param, const char *wanted)
{
    return rt_refuse(e, "invalid_value", param, "Invalid value for '%s': supported are %s.", param, wanted);
}

enum err rt_known(const struct json *object, const char *at, const char *names, struct error *e)
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

enum err rt_read_modalities(const struct json *list, bool *audio, const char *param, struct error *e)
{
    if (list->type != JSON_ARRAY)
        return rt_wrong_type(e, param, "an array");
    if (list->count == 1 && str_eq(list->child->string, STR("text"))) {
        *audio = false;
        return ERR_OK;
    }
    if (list->count == 1 && str_eq(list->child->string, STR("audio"))) {
        *audio = true;
        return ERR_OK;
    }
    return rt_wrong_value(e, param, "[\"audio\"] (with its transcript) and [\"text\"]");
}

enum err rt_read_max_tokens(const struct json *value, const char *param, unsigned *out, struct error *e)
{
    int64_t tokens = 0;
    if (value->type == JSON_STRING && str_eq(value->string, STR("inf"))) {
        *out = 0;
        return ERR_OK;
    }
    if (!json_i64(value, &tokens) || tokens < 1 || tokens > REALTIME_OUTPUT_TOKENS_MAX)
        return rt_wrong_value(e, param, "whole numbers from 1 to 4096, and \"inf\"");
    *out = (unsigned)tokens;
    return ERR_OK;
}

enum err rt_read_format(const struct json *format, const char *param, enum rt_format *out, struct error *e)
{
    if (format->type != JSON_OBJECT)
        return rt_wrong_type(e, param, "an object such as {\"type\":\"audio/pcm\",\"rate\":24000}");
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
    return rt_wrong_value(e, param, "the types audio/pcm, audio/pcmu and audio/pcma");
}

enum err rt_check_tools(const struct json *tools, const char *param, struct error *e)
{
    if (tools->type != JSON_ARRAY)
        return rt_wrong_type(e, param, "an array");
    if (tools->count > REALTIME_TOOLS_MAX || tools->raw.n > REALTIME_TEXT_MAX)
        return rt_refuse(e, "invalid_value", param, "There may be %d tools at most, in %d bytes.",
                         REALTIME_TOOLS_MAX, REALTIME_TEXT_MAX);
    json_each (tool, tools) {
        struct str type = json_get_str(tool, "type", STR_NONE);
        const struct json *parameters = json_get(tool, "parameters");
        if (str_eq(type, STR("mcp")))
            return rt_refuse(e, "unsupported_tool", param,
                             "Tools of MCP servers are not carried out here; give functions.");
        if (!str_eq(type, STR("function")) || str_empty(json_get_str(tool, "name", STR_NONE)))
            return rt_refuse(e, "invalid_value", param,
                             "A tool is an object with type \"function\", name, description and parameters.");
        if (parameters && parameters->type != JSON_OBJECT && parameters->type != JSON_NULL)
            return rt_refuse(e, "invalid_type", param, "A tool's parameters are a JSON Schema, an object.");
    }
    return ERR_OK;
}

enum err rt_check_tool_choice(const struct json *choice, const char *param, struct error *e)
{
    static const char *const modes[] = {"auto", "none", "required"};
    for (size_t i = 0; choice->type == JSON_STRING && i < sizeof modes / sizeof *modes; i++)
        if (str_eq(choice->string, str_c(modes[i])))
            return ERR_OK;
    if (choice->type == JSON_OBJECT && str_eq(json_get_str(choice, "type", STR_NONE), STR("function")) &&
        json_get_str(choice, "name", STR_NONE).n)
        return ERR_OK;
    return rt_wrong_value(e, param, "auto, none, required and {\"type\":\"function\",\"name\":...}");
}

enum err rt_check_metadata(const struct json *metadata, const char *param, struct error *e)
{
    if (metadata->type == JSON_NULL)
        return ERR_OK;
    if (metadata->type != JSON_OBJECT)
        return rt_wrong_type(e, param, "an object");
    if (metadata->count > METADATA_MAX)
        return rt_refuse(e, "object_above_max_properties", param, "'%s' may have %d pairs.", param,
                         METADATA_MAX);
    json_each (pair, metadata) {
        if (pair->type != JSON_STRING)
            return rt_refuse(e, "invalid_type", param, "The values of '%s' are strings.", param);
        if (utf8_count(pair->key) > METADATA_KEY_MAX || utf8_count(pair->string) > METADATA_VALUE_MAX)
            return rt_refuse(e, "string_above_max_length", param,
                             "A key of '%s' may have %d characters, a value %d.", param, METADATA_KEY_MAX,
                             METADATA_VALUE_MAX);
    }
    return ERR_OK;
}
