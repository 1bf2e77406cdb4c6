/*
 * Items of a realtime conversation: what they are made of, how clients describe them, how they are told. See
 * realtime.h.
 *
 * Sound is not kept in items: of what was spoken its transcript stays (as OpenAI leaves sound out of what it
 * tells of items).
 */
#include "api/realtime.h"

#include "base/base64.h"

#include <stdlib.h>

struct rt_item *rt_item_new(enum rt_item_type type, enum rt_role role)
{
    struct rt_item *item = heap_alloc(sizeof *item);
    item->type = type;
    item->role = role;
    item->status = "completed";
    item->text.max = REALTIME_TEXT_MAX;
    char id[REALTIME_ID];
    rt_id(id, "item");
    str_copy(item->id, sizeof item->id, str_c(id));
    return item;
}

void rt_item_free(struct rt_item *item)
{
    buf_release(&item->text);
    free((char *)item->content.p);
    free((char *)item->sound.p);
    free((char *)item->name.p);
    free((char *)item->call_id.p);
    free(item->sentences);
    rt_pictures_free(item);
    free(item);
}

/* ---- told ---- */

struct str rt_item_transcript(const struct rt_item *item)
{
    return str_trim(str_from(buf_str(&item->text), item->typed));
}

static void write_content(struct jw *w, const struct rt_item *item)
{
    jw_key(w, STR("content"));
    if (item->content.n && !item->audio) {
        jw_raw(w, item->content);
        return;
    }
    jw_array(w);
    bool user = item->role != RT_ASSISTANT;
    if (user || item->text.n || str_eq(str_c(item->status), STR("completed"))) {
        jw_object(w);
        if (item->audio) {
            jw_kv_string(w, "type", user ? STR("input_audio") : STR("output_audio"));
            if (item->heard_pending)
                jw_kv_null(w, "transcript");
            else
                jw_kv_string(w, "transcript", rt_item_transcript(item));
        } else {
            jw_kv_string(w, "type", user ? STR("input_text") : STR("output_text"));
            jw_kv_string(w, "text", buf_str(&item->text));
        }
        jw_end_object(w);
    }
    if (item->content.n)
        jw_raw(w, item->content);
    jw_end_array(w);
}

void rt_item_write(struct jw *w, const struct rt_item *item)
{
    static const char *const types[] = {"message", "function_call", "function_call_output"},
                             *const roles[] = {"system", "user", "assistant"};
    jw_object(w);
    jw_kv_string(w, "id", str_c(item->id));
    jw_kv_string(w, "object", STR("realtime.item"));
    jw_kv_string(w, "type", str_c(types[item->type]));
    jw_kv_string(w, "status", str_c(item->status));
    if (item->type == RT_MESSAGE) {
        jw_kv_string(w, "role", str_c(roles[item->role]));
        write_content(w, item);
    } else if (item->type == RT_CALL) {
        jw_kv_string(w, "name", item->name);
        jw_kv_string(w, "call_id", item->call_id);
        jw_kv_string(w, "arguments", buf_str(&item->text));
    } else {
        jw_kv_string(w, "call_id", item->call_id);
        jw_kv_string(w, "output", buf_str(&item->text));
    }
    jw_end_object(w);
}

/* ---- read ---- */

static enum err read_role(struct str role, enum rt_role *out, struct error *e)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    for (unsigned r = 0; r < sizeof roles / sizeof *roles; r++) {
        if (str_eq(role, str_c(roles[r]))) {
            *out = (enum rt_role)r;
            return ERR_OK;
        }
    }
    return rt_refuse(e, "invalid_value", "item.role",
                     "Invalid value for 'item.role': supported are user, assistant and system.");
}

/* One content part of a message; its text is added, its sound (one part may have some) noted. */
static enum err read_part(struct rt_item *item, const struct json *part, struct jw *w, struct error *e)
{
    struct str type = json_get_str(part, "type", STR_NONE);
    bool audio =
        str_eq(type, STR("input_audio")) || str_eq(type, STR("output_audio")) || str_eq(type, STR("audio"));
    bool assistant = item->role == RT_ASSISTANT;
    struct str text = json_get_str(part, audio ? "transcript" : "text", STR_NONE);
    if (str_eq(type, STR("input_image"))) {
        enum err err = rt_picture_read(item, part, e);
        if (!err)
            rt_picture_tell(w, part);
        return err;
    }
    if (!audio && !str_eq(type, assistant ? STR("output_text") : STR("input_text")) &&
        !str_eq(type, STR("text")))
        return rt_refuse(e, "invalid_value", "item.content",
                         "Invalid content part '%.*s': %s messages have %s.", STR_ARG(str_sub(type, 0, 40)),
                         assistant               ? "assistant"
                         : item->role == RT_USER ? "user"
                                                 : "system",
                         assistant               ? "output_text"
                         : item->role == RT_USER ? "input_text, input_audio and input_image"
                                                 : "input_text");
    if (audio && item->role == RT_USER) {
        struct str bytes = json_get_str(part, "audio", STR_NONE);
        if (str_empty(bytes))
            return rt_refuse(e, "missing_required_parameter", "item.content.audio",
                             "A part input_audio needs its sound as 'audio', in base64.");
        if (item->sound.n)
            return rt_refuse(e, "invalid_value", "item.content", "A message may have one part with sound.");
        item->sound = heap_str(bytes);
        item->audio = true;
        return ERR_OK;
    }
    if (item->text.n && text.n)
        buf_add_char(&item->text, '\n');
    buf_add(&item->text, text);
    jw_object(w);
    jw_kv_string(w, "type", assistant ? STR("output_text") : STR("input_text"));
    jw_kv_string(w, "text", text);
    jw_end_object(w);
    return ERR_OK;
}

static enum err read_message(struct rt_item *item, const struct json *from, struct error *e)
{
    const struct json *content = json_get(from, "content");
    CLEANUP_BUF struct buf parts = BUF_INIT;
    struct jw w = JW(&parts);
    if (!content || content->type != JSON_ARRAY || content->count == 0 || content->count > REALTIME_PARTS_MAX)
        return rt_refuse(e, "missing_required_parameter", "item.content",
                         "A message needs its content: an array of 1 to %d parts.", REALTIME_PARTS_MAX);
    jw_array(&w);
    json_each (part, content) {
        enum err err = read_part(item, part, &w, e);
        if (err)
            return err;
    }
    jw_end_array(&w);
    if (item->text.overflow)
        return rt_refuse(e, "string_above_max_length", "item.content", "An item may have %d bytes of text.",
                         REALTIME_TEXT_MAX);
    if (!item->audio && !item->picture_count && str_empty(str_trim(buf_str(&item->text))))
        return rt_refuse(e, "invalid_value", "item.content", "The message is empty; write something.");
    item->typed = item->text.n;
    item->content =
        heap_str(item->audio ? str_sub(buf_str(&parts), 1, parts.n - 2) /* brackets */ : buf_str(&parts));
    return ERR_OK;
}

static enum err read_call(struct rt_item *item, const struct json *from, struct error *e)
{
    const char *what = item->type == RT_CALL ? "arguments" : "output";
    const struct json *text = json_get(from, what);
    struct str call_id = json_get_str(from, "call_id", STR_NONE), name = json_get_str(from, "name", STR_NONE);
    char made[REALTIME_ID];
    rt_id(made, "call");
    if (str_empty(call_id) && item->type == RT_CALL)
        call_id = str_c(made);
    if (str_empty(call_id) || call_id.n > REALTIME_ITEM_ID_MAX)
        return rt_refuse(e, "missing_required_parameter", "item.call_id",
                         "The item needs the call_id of its function call.");
    if (item->type == RT_CALL && str_empty(name))
        return rt_refuse(e, "missing_required_parameter", "item.name", "A function call needs its name.");
    if (!text || text->type != JSON_STRING)
        return rt_refuse(e, "missing_required_parameter",
                         item->type == RT_CALL ? "item.arguments" : "item.output",
                         "The item needs its '%s', as a string.", what);
    buf_add(&item->text, text->string);
    if (item->text.overflow)
        return rt_refuse(e, "string_above_max_length", "item", "An item may have %d bytes of text.",
                         REALTIME_TEXT_MAX);
    item->call_id = heap_str(call_id);
    item->name = heap_str(name);
    return ERR_OK;
}

static enum err read_item(struct rt_item *item, const struct json *from, struct error *e)
{
    struct str id = json_get_str(from, "id", STR_NONE), type = json_get_str(from, "type", STR_NONE);
    if (id.n > REALTIME_ITEM_ID_MAX)
        return rt_refuse(e, "string_above_max_length", "item.id", "An item's id may have %d bytes.",
                         REALTIME_ITEM_ID_MAX);
    if (id.n)
        str_copy(item->id, sizeof item->id, id);
    if (str_eq(type, STR("message"))) {
        enum err err = read_role(json_get_str(from, "role", STR_NONE), &item->role, e);
        return err ? err : read_message(item, from, e);
    }
    if (str_eq(type, STR("function_call")))
        item->type = RT_CALL;
    else if (str_eq(type, STR("function_call_output")))
        item->type = RT_CALL_OUTPUT;
    else
        return rt_refuse(e, "invalid_value", "item.type",
                         "Invalid value for 'item.type': supported are message, function_call and "
                         "function_call_output.");
    item->role = item->type == RT_CALL ? RT_ASSISTANT : RT_USER;
    return read_call(item, from, e);
}

enum err rt_item_read(const struct json *from, struct rt_item **out, struct error *e)
{
    if (!from || from->type != JSON_OBJECT)
        return rt_refuse(e, "missing_required_parameter", "item", "The event needs its 'item', an object.");
    struct rt_item *item = rt_item_new(RT_MESSAGE, RT_USER);
    enum err err = read_item(item, from, e);
    if (err)
        rt_item_free(item);
    else
        *out = item;
    return err;
}
