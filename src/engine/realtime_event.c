/* Server events of the Realtime API; see realtime_event.h. */
#include "engine/realtime_event.h"

static const struct {
    struct str type;
    enum rt_kind kind;
} kinds[] = {
    {STR_INIT("session.created"), RT_SESSION_CREATED},
    {STR_INIT("error"), RT_ERROR},
    {STR_INIT("input_audio_buffer.committed"), RT_COMMITTED},
    {STR_INIT("conversation.item.input_audio_transcription.completed"), RT_HEARD},
    {STR_INIT("response.created"), RT_RESPONSE_CREATED},
    {STR_INIT("response.output_item.added"), RT_ITEM_ADDED},
    {STR_INIT("response.output_item.done"), RT_CALL}, /* or nothing: see read_item */
    {STR_INIT("response.output_text.delta"), RT_TEXT},
    {STR_INIT("response.output_audio_transcript.delta"), RT_TEXT},
    {STR_INIT("response.output_audio.delta"), RT_SOUND},
    {STR_INIT("response.done"), RT_DONE},
    /* the beta's */
    {STR_INIT("response.text.delta"), RT_TEXT},
    {STR_INIT("response.audio_transcript.delta"), RT_TEXT},
    {STR_INIT("response.audio.delta"), RT_SOUND},
};

static enum rt_kind kind_of(struct str type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(type, kinds[i].type))
            return kinds[i].kind;
    }
    return RT_OTHER;
}

static uint64_t count(const struct json *in, const char *key)
{
    int64_t n = json_get_i64(in, key, 0);
    return n > 0 ? (uint64_t)n : 0;
}

static void read_usage(const struct json *usage, struct gen_usage *to)
{
    const struct json *in = json_get(usage, "input_token_details");
    const struct json *out = json_get(usage, "output_token_details");
    if (!usage || usage->type != JSON_OBJECT)
        return;
    *to = (struct gen_usage){
        .known = true,
        .prompt_tokens = count(usage, "input_tokens"),
        .completion_tokens = count(usage, "output_tokens"),
        .cached_tokens = count(in, "cached_tokens"),
        .prompt_audio_tokens = count(in, "audio_tokens"),
        .completion_audio_tokens = count(out, "audio_tokens"),
    };
}

static void read_error(const struct json *error, struct rt_event *out)
{
    if (!error || error->type != JSON_OBJECT)
        return;
    out->error = error->raw;
    out->error_type = json_get_str(error, "type", STR_NONE);
    out->error_code = json_get_str(error, "code", STR_NONE);
    out->event_id = json_get_str(error, "event_id", STR_NONE);
}

static void read_item(const struct json *item, struct rt_event *out)
{
    out->item_id = json_get_str(item, "id", STR_NONE);
    out->item_type = json_get_str(item, "type", STR_NONE);
    if (out->kind != RT_CALL)
        return;
    if (!str_eq(out->item_type, STR("function_call"))) {
        out->kind = RT_OTHER;
        return;
    }
    out->call_id = json_get_str(item, "call_id", STR_NONE);
    out->name = json_get_str(item, "name", STR_NONE);
    out->text = json_get_str(item, "arguments", STR_NONE);
}

/* All the text of a finished answer: for servers that send no deltas. */
static struct str whole_text(struct arena *a, const struct json *output)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    if (!output || output->type != JSON_ARRAY)
        return STR_NONE;
    json_each (item, output) {
        const struct json *content = json_get(item, "content");
        if (!content || content->type != JSON_ARRAY)
            continue;
        json_each (part, content)
            buf_add(&text, json_get_str(part, "text", json_get_str(part, "transcript", STR_NONE)));
    }
    return arena_str(a, buf_str(&text));
}

static void read_done(struct arena *a, const struct json *response, struct rt_event *out)
{
    const struct json *details = json_get(response, "status_details");
    out->status = json_get_str(response, "status", STR("completed"));
    out->reason = json_get_str(details, "reason", STR_NONE);
    out->text = whole_text(a, json_get(response, "output"));
    read_error(json_get(details, "error"), out);
    read_usage(json_get(response, "usage"), &out->usage);
}

bool rt_event_read(struct arena *a, struct str text, struct rt_event *out)
{
    struct json *json = NULL;
    *out = (struct rt_event){0};
    if (json_parse(a, text, &json, NULL) != ERR_OK || json->type != JSON_OBJECT)
        return false;
    struct str type = json_get_str(json, "type", STR_NONE);
    if (!type.n)
        return false;
    out->kind = kind_of(type);
    out->item_id = json_get_str(json, "item_id", STR_NONE);
    switch (out->kind) {
    case RT_SESSION_CREATED:
        out->expires_at_s = json_get_i64(json_get(json, "session"), "expires_at", 0);
        break;
    case RT_ERROR:
        read_error(json_get(json, "error"), out);
        break;
    case RT_HEARD:
        out->text = json_get_str(json, "transcript", STR_NONE);
        break;
    case RT_TEXT:
        out->text = json_get_str(json, "delta", STR_NONE);
        break;
    case RT_SOUND:
        out->sound = json_get_str(json, "delta", STR_NONE);
        break;
    case RT_ITEM_ADDED:
    case RT_CALL:
        read_item(json_get(json, "item"), out);
        break;
    case RT_DONE:
        read_done(a, json_get(json, "response"), out);
        break;
    default:
        break;
    }
    return true;
}
