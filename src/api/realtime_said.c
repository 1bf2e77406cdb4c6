/*
 * What was said to a realtime session: its item, its transcript as events, and the message and answer that it
 * becomes. See realtime.h; where turns begin and end is realtime_turns.c's.
 */
#include "api/realtime_ear.h"

void rt_sound_committed(struct realtime *s, struct rt_item *item)
{
    struct rt_event ev;
    rt_item_add(s, item);
    rt_begin(&ev, "input_audio_buffer.committed");
    const struct rt_item *before = item->before;
    while (before && before->gone)
        before = before->before;
    if (before)
        jw_kv_string(&ev.w, "previous_item_id", str_c(before->id));
    else
        jw_kv_null(&ev.w, "previous_item_id");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    rt_send(s, &ev);
    rt_item_tell(s, "conversation.item.added", item);
    rt_item_tell(s, "conversation.item.done", item);
}

struct rt_item *rt_sound_item(void)
{
    struct rt_item *item = rt_item_new(RT_MESSAGE, RT_USER);
    item->audio = item->heard_pending = true;
    return item;
}

static void tell_transcript(struct realtime *s, const struct rt_item *item, double seconds) LOOP;
static void tell_transcript(struct realtime *s, const struct rt_item *item, double seconds)
{
    struct rt_event ev;
    if (str_empty(s->config.transcription))
        return;
    if (rt_item_transcript(item).n) {
        rt_begin(&ev, "conversation.item.input_audio_transcription.delta");
        jw_kv_string(&ev.w, "item_id", str_c(item->id));
        jw_kv_u64(&ev.w, "content_index", 0);
        jw_kv_string(&ev.w, "delta", rt_item_transcript(item));
        rt_send(s, &ev);
    }
    rt_begin(&ev, "conversation.item.input_audio_transcription.completed");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_kv_string(&ev.w, "transcript", rt_item_transcript(item));
    jw_key(&ev.w, STR("usage"));
    jw_object(&ev.w);
    jw_kv_string(&ev.w, "type", STR("duration"));
    jw_kv_double(&ev.w, "seconds", seconds);
    jw_end_object(&ev.w);
    rt_send(s, &ev);
}

void rt_item_unheard(struct realtime *s, struct rt_item *item, const struct error *e)
{
    struct rt_event ev;
    item->heard_pending = false;
    rt_begin(&ev, "conversation.item.input_audio_transcription.failed");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_key(&ev.w, STR("error"));
    jw_object(&ev.w);
    jw_kv_string(&ev.w, "type", STR("transcription_error"));
    jw_kv_string(&ev.w, "code", str_c(error_code(e)));
    jw_kv_string(&ev.w, "message", str_c(e->message));
    jw_kv_null(&ev.w, "param");
    jw_end_object(&ev.w);
    rt_send(s, &ev);
}

static void answer(struct realtime *s, struct rt_step *step)
{
    on_loop();
    (void)step;
    rt_answer(s);
}

/* What was heard of this item: told, said, and answered if that is wanted. */
void rt_item_heard(struct realtime *s, struct rt_item *item, const struct heard *heard, bool answered)
{
    struct str text = str_trim(heard->text);
    item->heard_pending = false;
    item->text.n = item->typed;
    if (item->typed && text.n)
        buf_add_char(&item->text, '\n');
    buf_add(&item->text, text);
    tell_transcript(s, item, (double)(heard->to_ms - heard->from_ms) / 1000);
    if (!item->text.n && !item->picture_count)
        return;
    if (answered)
        rt_step_add(s, answer, STR_NONE, NULL, true);
    struct room_spoken spoken = {.last_sound_us = heard->last_sound_us,
                                 .end_of_turn_us = heard->end_of_turn_us,
                                 .transcript_us = heard->transcript_us,
                                 .confidence = heard->confidence,
                                 .duration_ms = heard->to_ms - heard->from_ms,
                                 .language = heard->language};
    s->spoken = spoken;
    s->spoken.language = STR_NONE;
    s->spoken_new = true;
    rt_item_say(s, item, &spoken);
}

const struct room_spoken *rt_last_spoken(struct realtime *s, struct arena *a)
{
    if (!s->spoken_new)
        return NULL;
    struct room_spoken *spoken = arena_new(a, struct room_spoken);
    *spoken = s->spoken;
    s->spoken_new = false;
    return spoken;
}
