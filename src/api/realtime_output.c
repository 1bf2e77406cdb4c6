/*
 * The events of a response, in their order:
 *
 *   response.created, rate_limits.updated
 *   for each item: response.output_item.added, conversation.item.added, response.content_part.added, deltas,
 *     response.output_audio.done, response.output_audio_transcript.done (or response.output_text.done),
 *     response.content_part.done, conversation.item.done, response.output_item.done
 *   response.done
 *
 * A message comes first, then calls of functions. See realtime.h.
 */
#include "api/realtime_output.h"

#include "base/base64.h"
#include "base/clock.h"
#include "persona/compose.h"

#include <stdlib.h>

/* ---- the response as an object ---- */

static const char *status_of(const struct rt_response *r)
{
    if (!r->done)
        return "in_progress";
    if (r->error.err)
        return "failed";
    if (r->cancelling)
        return "cancelled";
    return r->finish == GEN_LENGTH || r->finish == GEN_CONTENT_FILTER ? "incomplete" : "completed";
}

static void write_details(struct jw *w, const struct rt_response *r)
{
    const char *status = status_of(r);
    jw_key(w, STR("status_details"));
    if (!r->done || str_eq(str_c(status), STR("completed"))) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_kv_string(w, "type", str_c(status));
    if (r->error.err) {
        jw_key(w, STR("error"));
        jw_object(w);
        jw_kv_string(w, "type", str_c(err_info(r->error.err)->type));
        jw_kv_string(w, "code", str_c(error_code(&r->error)));
        jw_kv_string(w, "message", str_c(r->error.message));
        jw_end_object(w);
    } else if (r->cancelling) {
        jw_kv_string(w, "reason", str_c(r->cancel_reason));
    } else {
        jw_kv_string(w, "reason", r->finish == GEN_LENGTH ? STR("max_output_tokens") : STR("content_filter"));
    }
    jw_end_object(w);
}

static void write_usage(struct jw *w, const struct rt_response *r)
{
    jw_key(w, STR("usage"));
    if (!r->done) {
        jw_null(w);
        return;
    }
    uint64_t out = r->usage.completion_tokens, in = r->usage.prompt_tokens;
    if (!r->usage.known)
        for (size_t i = 0; i < r->item_count; i++)
            out += compose_tokens(buf_str(&r->items[i]->text));
    jw_object(w);
    jw_kv_u64(w, "total_tokens", in + out);
    jw_kv_u64(w, "input_tokens", in);
    jw_kv_u64(w, "output_tokens", out);
    jw_key(w, STR("input_token_details"));
    jw_object(w);
    jw_kv_u64(w, "text_tokens", in);
    jw_kv_u64(w, "audio_tokens", 0);
    jw_kv_u64(w, "image_tokens", 0);
    jw_kv_u64(w, "cached_tokens", r->usage.cached_tokens);
    jw_key(w, STR("cached_tokens_details"));
    jw_object(w);
    jw_kv_u64(w, "text_tokens", r->usage.cached_tokens);
    jw_kv_u64(w, "audio_tokens", 0);
    jw_kv_u64(w, "image_tokens", 0);
    jw_end_object(w);
    jw_end_object(w);
    jw_key(w, STR("output_token_details"));
    jw_object(w);
    jw_kv_u64(w, "text_tokens", out);
    jw_kv_u64(w, "audio_tokens", 0);
    jw_end_object(w);
    jw_end_object(w);
}

static void write_response(struct jw *w, const struct rt_response *r)
{
    jw_key(w, STR("response"));
    jw_object(w);
    jw_kv_string(w, "object", STR("realtime.response"));
    jw_kv_string(w, "id", str_c(r->id));
    jw_kv_string(w, "status", str_c(status_of(r)));
    write_details(w, r);
    jw_key(w, STR("output"));
    jw_array(w);
    for (size_t i = 0; i < r->item_count; i++)
        rt_item_write(w, r->items[i]);
    jw_end_array(w);
    if (r->in_conversation)
        jw_kv_string(w, "conversation_id", str_c(r->session->conversation));
    else
        jw_kv_null(w, "conversation_id");
    jw_kv_raw(w, "output_modalities", r->audio ? STR("[\"audio\"]") : STR("[\"text\"]"));
    if (r->max_tokens)
        jw_kv_u64(w, "max_output_tokens", r->max_tokens);
    else
        jw_kv_string(w, "max_output_tokens", STR("inf"));
    jw_key(w, STR("audio"));
    jw_object(w);
    jw_key(w, STR("output"));
    jw_object(w);
    jw_key(w, STR("format"));
    jw_object(w);
    jw_kv_string(w, "type", str_c(rt_format_names[r->out]));
    jw_kv_u64(w, "rate", rt_format_rate(r->out));
    jw_end_object(w);
    jw_kv_string(w, "voice", str_empty(r->voice) ? r->session->model : r->voice);
    jw_end_object(w);
    jw_end_object(w);
    write_usage(w, r);
    jw_kv_raw(w, "metadata", r->metadata);
    jw_end_object(w);
}

static void tell(struct rt_response *r, const char *type) LOOP;
static void tell(struct rt_response *r, const char *type)
{
    struct rt_event ev;
    rt_begin(&ev, type);
    write_response(&ev.w, r);
    rt_send(r->session, &ev);
}

void rt_tell_created(struct rt_response *r)
{
    struct rt_event ev;
    tell(r, "response.created");
    /* There are none in this house. */
    rt_begin(&ev, "rate_limits.updated");
    jw_kv_raw(&ev.w, "rate_limits", STR("[]"));
    rt_send(r->session, &ev);
}

/* ---- items ---- */

static size_t index_of(const struct rt_response *r, const struct rt_item *item)
{
    size_t i = 0;
    while (i < r->item_count && r->items[i] != item)
        i++;
    return i;
}

/* Begins an event about an item's place in the response. */
static void begin_at(struct rt_event *ev, const char *type, const struct rt_response *r,
                     const struct rt_item *item, bool part)
{
    rt_begin(ev, type);
    jw_kv_string(&ev->w, "response_id", str_c(r->id));
    jw_kv_string(&ev->w, "item_id", str_c(item->id));
    jw_kv_u64(&ev->w, "output_index", index_of(r, item));
    if (part)
        jw_kv_u64(&ev->w, "content_index", 0);
}

static void tell_output_item(struct rt_response *r, const char *type, const struct rt_item *item) LOOP;
static void tell_output_item(struct rt_response *r, const char *type, const struct rt_item *item)
{
    struct rt_event ev;
    rt_begin(&ev, type);
    jw_kv_string(&ev.w, "response_id", str_c(r->id));
    jw_kv_u64(&ev.w, "output_index", index_of(r, item));
    jw_key(&ev.w, STR("item"));
    rt_item_write(&ev.w, item);
    rt_send(r->session, &ev);
}

static void tell_part(struct rt_response *r, const char *type, const struct rt_item *item) LOOP;
static void tell_part(struct rt_response *r, const char *type, const struct rt_item *item)
{
    struct rt_event ev;
    begin_at(&ev, type, r, item, true);
    jw_key(&ev.w, STR("part"));
    jw_object(&ev.w);
    jw_kv_string(&ev.w, "type", item->audio ? STR("audio") : STR("text"));
    jw_kv_string(&ev.w, item->audio ? "transcript" : "text", buf_str(&item->text));
    jw_end_object(&ev.w);
    rt_send(r->session, &ev);
}

static struct rt_item *open_item(struct rt_response *r, enum rt_item_type type) LOOP;
static struct rt_item *open_item(struct rt_response *r, enum rt_item_type type)
{
    if (r->item_count == sizeof r->items / sizeof *r->items)
        return NULL;
    struct rt_item *item = rt_item_new(type, RT_ASSISTANT);
    item->status = "in_progress";
    item->turn = r->turn;
    item->audio = type == RT_MESSAGE && r->audio;
    r->items[r->item_count++] = item;
    return item;
}

static void tell_open(struct rt_response *r, struct rt_item *item) LOOP;
static void tell_open(struct rt_response *r, struct rt_item *item)
{
    tell_output_item(r, "response.output_item.added", item);
    if (r->in_conversation) {
        rt_item_add(r->session, item);
        rt_item_tell(r->session, "conversation.item.added", item);
    }
    if (item->type == RT_MESSAGE)
        tell_part(r, "response.content_part.added", item);
}

/* The whole of a text, with the event that ends its deltas. */
static void tell_text_done(struct rt_response *r, const char *type, const char *key,
                           const struct rt_item *item, bool part) LOOP;
static void tell_text_done(struct rt_response *r, const char *type, const char *key,
                           const struct rt_item *item, bool part)
{
    struct rt_event ev;
    begin_at(&ev, type, r, item, part);
    if (item->type == RT_CALL) {
        jw_kv_string(&ev.w, "call_id", item->call_id);
        jw_kv_string(&ev.w, "name", item->name);
    }
    if (key)
        jw_kv_string(&ev.w, key, buf_str(&item->text));
    rt_send(r->session, &ev);
}

static void close_item(struct rt_response *r, struct rt_item *item) LOOP;
static void close_item(struct rt_response *r, struct rt_item *item)
{
    bool whole = !r->cancelling && !r->error.err && r->finish != GEN_LENGTH;
    if (item->type == RT_CALL) {
        tell_text_done(r, "response.function_call_arguments.done", "arguments", item, false);
    } else {
        if (item->audio)
            tell_text_done(r, "response.output_audio.done", NULL, item, true);
        if (item->audio && r->first_sound_us) {
            struct rt_event ev;
            begin_at(&ev, "response.animation_viseme.done", r, item, true);
            rt_send(r->session, &ev);
        }
        tell_text_done(r, item->audio ? "response.output_audio_transcript.done" : "response.output_text.done",
                       item->audio ? "transcript" : "text", item, true);
        tell_part(r, "response.content_part.done", item);
    }
    item->status = whole ? "completed" : "incomplete";
    if (r->in_conversation)
        rt_item_tell(r->session, "conversation.item.done", item);
    tell_output_item(r, "response.output_item.done", item);
}

void rt_tell_done(struct rt_response *r)
{
    for (size_t i = 0; i < r->item_count; i++)
        close_item(r, r->items[i]);
    tell(r, "response.done");
}

/* ---- what the sources tell ---- */

static void tell_delta(struct rt_response *r, const char *type, const struct rt_item *item, struct str delta,
                       bool part) LOOP;
static void tell_delta(struct rt_response *r, const char *type, const struct rt_item *item, struct str delta,
                       bool part)
{
    struct rt_event ev;
    begin_at(&ev, type, r, item, part);
    if (item->type == RT_CALL)
        jw_kv_string(&ev.w, "call_id", item->call_id);
    jw_kv_string(&ev.w, "delta", delta);
    rt_send(r->session, &ev);
}

void rt_response_text(struct rt_response *r, struct str text)
{
    if (r->done || r->cancelling || str_empty(text))
        return;
    if (!r->message) {
        /* White space before the first word is none of the message's. */
        const char *first = str_trim(text).p;
        if (str_empty(str_trim(text)) || !(r->message = open_item(r, RT_MESSAGE)))
            return;
        text = str_from(text, (size_t)(first - text.p));
        tell_open(r, r->message);
    }
    buf_add(&r->message->text, text);
    tell_delta(r, r->audio ? "response.output_audio_transcript.delta" : "response.output_text.delta",
               r->message, text, true);
    if (r->audio && r->source == RT_DIRECT)
        rt_speak_text(r, text);
}

void rt_response_sound(struct rt_response *r, struct str bytes)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    if (r->done || r->cancelling || !r->message)
        return;
    if (!r->first_sound_us)
        r->first_sound_us = clock_mono_us();
    r->session->audio_sent = true;
    rt_response_guard(r);
    base64_encode(&text, bytes);
    tell_delta(r, "response.output_audio.delta", r->message, buf_str(&text), true);
    size_t samples = r->out == RT_PCM ? bytes.n / 2 : bytes.n;
    /* Counted in whole milliseconds of what was sent so far. */
    r->sent_samples += samples;
    r->message->sound_ms = (uint32_t)(r->sent_samples * 1000 / rt_format_rate(r->out));
}

void rt_response_viseme(struct rt_response *r, uint32_t at_ms, struct str viseme, unsigned number)
{
    struct rt_event ev;
    if (r->done || r->cancelling || !r->message)
        return;
    begin_at(&ev, "response.animation_viseme.delta", r, r->message, true);
    jw_kv_u64(&ev.w, "audio_offset_ms", at_ms);
    jw_kv_u64(&ev.w, "viseme_id", number);
    jw_kv_string(&ev.w, "viseme", viseme);
    rt_send(r->session, &ev);
}

/* The call at this place of the engine's list; made at its first piece. */
static struct rt_item *call_item(struct rt_response *r, size_t at, const struct json *piece) LOOP;
static struct rt_item *call_item(struct rt_response *r, size_t at, const struct json *piece)
{
    size_t n = 0;
    for (size_t i = 0; i < r->item_count; i++)
        if (r->items[i]->type == RT_CALL && n++ == at)
            return r->items[i];
    struct rt_item *item = open_item(r, RT_CALL);
    char made[REALTIME_ID];
    if (!item)
        return NULL;
    rt_id(made, "call");
    struct str id = json_get_str(piece, "id", STR_NONE);
    item->call_id = heap_str(id.n ? str_sub(id, 0, REALTIME_ITEM_ID_MAX) : str_c(made));
    item->name = heap_str(json_get_str(json_get(piece, "function"), "name", STR_NONE));
    tell_open(r, item);
    return item;
}

void rt_response_call(struct rt_response *r, const struct json *piece)
{
    int64_t at = json_get_i64(piece, "index", 0);
    struct str arguments = json_get_str(json_get(piece, "function"), "arguments", STR_NONE);
    if (r->done || r->cancelling || at < 0)
        return;
    struct rt_item *item = call_item(r, (size_t)at, piece);
    if (!item || str_empty(arguments))
        return;
    buf_add(&item->text, arguments);
    tell_delta(r, "response.function_call_arguments.delta", item, arguments, false);
}
