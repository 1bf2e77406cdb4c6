/* Client events of the Realtime API (GA); see realtime_inner.h. */
#include "engine/realtime_inner.h"

#include "base/base64.h"
#include "base/id.h"

#include <inttypes.h>
#include <math.h>

static const char sound_event[] = "sound_", tidy_event[] = "tidy_";

static struct jw begin(struct buf *to, const char *type, const char *origin)
{
    char id[RT_ID];
    buf_clear(to);
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "type", str_c(type));
    if (origin) {
        snprintf(id, sizeof id, "%s%016" PRIx64, origin, random_u64());
        jw_kv_string(&w, "event_id", str_c(id));
    }
    return w;
}

enum rt_origin rt_origin(struct str event_id)
{
    return str_starts(event_id, str_c(sound_event))  ? RT_ORIGIN_SOUND
           : str_starts(event_id, str_c(tidy_event)) ? RT_ORIGIN_TIDY
                                                     : RT_ORIGIN_OTHER;
}

static void put_format(struct jw *w)
{
    jw_key(w, STR("format"));
    jw_object(w);
    jw_kv_string(w, "type", STR("audio/pcm"));
    jw_kv_i64(w, "rate", REALTIME_RATE);
    jw_end_object(w);
}

static void put_audio(struct jw *w, const struct realtime *p, const struct rt_gen *g)
{
    jw_key(w, STR("audio"));
    jw_object(w);
    jw_key(w, STR("input"));
    jw_object(w);
    put_format(w);
    jw_kv_null(w, "turn_detection");
    if (p->transcription[0]) {
        jw_key(w, STR("transcription"));
        jw_object(w);
        jw_kv_string(w, "model", str_c(p->transcription));
        jw_end_object(w);
    }
    jw_end_object(w);
    jw_key(w, STR("output"));
    jw_object(w);
    put_format(w);
    if (g->voice.n)
        jw_kv_string(w, "voice", g->voice);
    jw_end_object(w);
    jw_end_object(w);
}

static void put_modalities(struct jw *w, const struct rt_gen *g)
{
    jw_key(w, STR("output_modalities"));
    jw_array(w);
    jw_string(w, g->sound ? STR("audio") : STR("text"));
    jw_end_array(w);
}

void rt_write_update(struct buf *to, const struct realtime *p, const struct rt_gen *g)
{
    struct jw w = begin(to, "session.update", NULL);
    jw_key(&w, STR("session"));
    jw_object(&w);
    jw_kv_string(&w, "type", STR("realtime"));
    jw_kv_string(&w, "instructions", g->instructions);
    put_modalities(&w, g);
    put_audio(&w, p, g);
    if (g->max_tokens != CONFIG_NO_INT)
        jw_kv_i64(&w, "max_output_tokens", g->max_tokens);
    if (g->tools.n) {
        jw_kv_raw(&w, "tools", g->tools);
        if (g->tool_choice.n)
            jw_kv_raw(&w, "tool_choice", g->tool_choice);
    }
    jw_end_object(&w);
    jw_end_object(&w);
}

static void put_message(struct jw *w, const struct rt_item *item)
{
    static const char *const roles[] = {"system", "user", "assistant", "user"};
    jw_kv_string(w, "type", STR("message"));
    jw_kv_string(w, "role", str_c(roles[item->role]));
    if (item->content.n) {
        jw_kv_raw(w, "content", item->content);
        return;
    }
    jw_key(w, STR("content"));
    jw_array(w);
    jw_object(w);
    jw_kv_string(w, "type", item->role == GEN_ASSISTANT ? STR("output_text") : STR("input_text"));
    jw_kv_string(w, "text", item->text);
    jw_end_object(w);
    jw_end_array(w);
}

void rt_write_item(struct buf *to, const struct rt_item *item)
{
    struct jw w = begin(to, "conversation.item.create", NULL);
    jw_key(&w, STR("item"));
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(item->id));
    switch (item->kind) {
    case RT_ITEM_MESSAGE:
        put_message(&w, item);
        break;
    case RT_ITEM_CALL:
        jw_kv_string(&w, "type", STR("function_call"));
        jw_kv_string(&w, "call_id", item->call_id);
        jw_kv_string(&w, "name", item->name);
        jw_kv_string(&w, "arguments", item->text);
        break;
    case RT_ITEM_RESULT:
        jw_kv_string(&w, "type", STR("function_call_output"));
        jw_kv_string(&w, "call_id", item->call_id);
        jw_kv_string(&w, "output", item->text);
        break;
    }
    jw_end_object(&w);
    jw_end_object(&w);
}

void rt_write_delete(struct buf *to, const char *id)
{
    struct jw w = begin(to, "conversation.item.delete", tidy_event);
    jw_kv_string(&w, "item_id", str_c(id));
    jw_end_object(&w);
}

void rt_write_append(struct buf *to, struct str pcm)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    base64_encode(&text, pcm);
    struct jw w = begin(to, "input_audio_buffer.append", sound_event);
    jw_kv_string(&w, "audio", buf_str(&text));
    jw_end_object(&w);
}

void rt_write_commit(struct buf *to)
{
    struct jw w = begin(to, "input_audio_buffer.commit", sound_event);
    jw_end_object(&w);
}

void rt_write_create(struct buf *to, const struct rt_gen *g)
{
    struct jw w = begin(to, "response.create", NULL);
    jw_key(&w, STR("response"));
    jw_object(&w);
    put_modalities(&w, g);
    jw_end_object(&w);
    jw_end_object(&w);
}

void rt_write_cancel(struct buf *to)
{
    struct jw w = begin(to, "response.cancel", tidy_event);
    jw_end_object(&w);
}

void rt_write_truncate(struct buf *to, const char *id, uint32_t played_ms)
{
    struct jw w = begin(to, "conversation.item.truncate", tidy_event);
    jw_kv_string(&w, "item_id", str_c(id));
    jw_kv_i64(&w, "content_index", 0);
    jw_kv_i64(&w, "audio_end_ms", played_ms);
    jw_end_object(&w);
}
