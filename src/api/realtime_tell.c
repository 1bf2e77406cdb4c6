/* A realtime session's configuration as JSON, and its tools as chat completions have them. See realtime.h. */
#include "api/realtime.h"

static void write_format(struct jw *w, enum rt_format format)
{
    jw_key(w, STR("format"));
    jw_object(w);
    jw_kv_string(w, "type", str_c(rt_format_names[format]));
    if (format == RT_PCM)
        jw_kv_u64(w, "rate", REALTIME_RATE);
    jw_end_object(w);
}

static void write_turns(struct jw *w, const struct rt_config *c)
{
    if (c->turns == RT_TURNS_MANUAL) {
        jw_kv_null(w, "turn_detection");
        return;
    }
    jw_key(w, STR("turn_detection"));
    jw_object(w);
    jw_kv_string(w, "type", c->turns == RT_TURNS_SERVER ? STR("server_vad") : STR("semantic_vad"));
    if (c->turns == RT_TURNS_SERVER) {
        jw_kv_double(w, "threshold", c->threshold);
        jw_kv_u64(w, "prefix_padding_ms", c->prefix_ms);
        jw_kv_u64(w, "silence_duration_ms", c->silence_ms);
        if (c->idle_ms)
            jw_kv_u64(w, "idle_timeout_ms", c->idle_ms);
        else
            jw_kv_null(w, "idle_timeout_ms");
    } else {
        jw_kv_string(w, "eagerness", c->eagerness);
    }
    jw_kv_bool(w, "create_response", c->create_response);
    jw_kv_bool(w, "interrupt_response", c->interrupt_response);
    jw_end_object(w);
}

static void write_audio(struct jw *w, const struct rt_config *c, struct str own)
{
    jw_key(w, STR("audio"));
    jw_object(w);
    jw_key(w, STR("input"));
    jw_object(w);
    write_format(w, c->in);
    jw_kv_raw(w, "transcription", c->transcription);
    jw_kv_raw(w, "noise_reduction", c->noise_reduction);
    write_turns(w, c);
    jw_end_object(w);
    jw_key(w, STR("output"));
    jw_object(w);
    write_format(w, c->out);
    if (c->voice.n || own.n)
        jw_kv_string(w, "voice", str_empty(c->voice) ? own : c->voice);
    else
        jw_kv_null(w, "voice"); /* the model's, which nobody named yet */
    jw_kv_double(w, "speed", c->speed);
    jw_end_object(w);
    jw_end_object(w);
}

void rt_config_write(struct jw *w, const struct rt_config *c, struct str own)
{
    jw_key(w, STR("output_modalities"));
    jw_raw(w, c->audio ? STR("[\"audio\"]") : STR("[\"text\"]"));
    jw_kv_string(w, "instructions", c->instructions);
    jw_kv_raw(w, "tools", c->tools);
    jw_kv_raw(w, "tool_choice", c->tool_choice);
    if (c->max_tokens)
        jw_kv_u64(w, "max_output_tokens", c->max_tokens);
    else
        jw_kv_string(w, "max_output_tokens", STR("inf"));
    jw_kv_raw(w, "truncation", c->truncation);
    jw_kv_raw(w, "tracing", c->tracing);
    jw_kv_raw(w, "include", c->include);
    jw_kv_null(w, "prompt");
    write_audio(w, c, own);
}

struct str rt_tools_chat(struct arena *a, struct str tools)
{
    struct json *list = NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (str_empty(tools) || json_parse(a, tools, &list, NULL) != ERR_OK || list->type != JSON_ARRAY ||
        list->count == 0)
        return STR_NONE;
    jw_array(&w);
    json_each (tool, list) {
        jw_object(&w);
        jw_kv_string(&w, "type", STR("function"));
        jw_key(&w, STR("function"));
        jw_object(&w);
        json_each (member, tool) {
            if (str_eq(member->key, STR("type")))
                continue;
            jw_key(&w, member->key);
            jw_raw(&w, member->raw);
        }
        jw_end_object(&w);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return arena_str(a, buf_str(&b));
}

struct str rt_tool_choice_chat(struct arena *a, struct str choice)
{
    struct json *value = NULL;
    if (str_empty(choice) || json_parse(a, choice, &value, NULL) != ERR_OK)
        return STR_NONE;
    if (value->type == JSON_STRING)
        return choice;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("function"));
    jw_key(&w, STR("function"));
    jw_object(&w);
    jw_kv_string(&w, "name", json_get_str(value, "name", STR_NONE));
    jw_end_object(&w);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}
