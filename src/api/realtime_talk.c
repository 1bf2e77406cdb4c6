/*
 * What clients do with a realtime conversation: items made, taken away, told again, cut. See realtime.h.
 *
 * A message of somebody is said in the room in its author's name (system messages are not: they stand among
 * the instructions of the answers to come). The room's log only grows, so items are added at its end.
 */
#include "api/realtime.h"

#include <stdlib.h>

struct rt_item *rt_item_find(const struct realtime *s, struct str id)
{
    for (struct rt_item *item = s->first; item; item = item->next)
        if (!item->gone && str_eq(str_c(item->id), id))
            return item;
    return NULL;
}

static const struct rt_item *before_of(const struct rt_item *item)
{
    const struct rt_item *before = item->before;
    while (before && before->gone)
        before = before->before;
    return before;
}

void rt_item_add(struct realtime *s, struct rt_item *item)
{
    item->before = s->last;
    item->listed = true;
    if (s->last)
        s->last->next = item;
    else
        s->first = item;
    s->last = item;
    s->item_count++;
}

void rt_item_tell(struct realtime *s, const char *type, const struct rt_item *item)
{
    struct rt_event ev;
    const struct rt_item *before = before_of(item);
    rt_begin(&ev, type);
    if (before)
        jw_kv_string(&ev.w, "previous_item_id", str_c(before->id));
    else
        jw_kv_null(&ev.w, "previous_item_id");
    jw_key(&ev.w, STR("item"));
    rt_item_write(&ev.w, item);
    rt_send(s, &ev);
}

/* ---- into the room ---- */

struct saying {
    struct rt_item *item;
    struct room_spoken spoken; /* without texts */
    char language[32];
    bool by_voice;
};

static void said(struct room_op *op)
{
    on_loop();
    struct realtime *s = op->arg;
    struct id message = op->message; /* how the item is found again */
    if (!rt_op_over(s, true)) {
        room_op_free(op);
        return;
    }
    for (struct rt_item *item = s->first; item; item = item->next)
        if (id_eq(item->turn, message) && !op->err)
            item->message = op->event.ref;
    if (op->err)
        rt_error(s, &op->error, STR_NONE);
    room_op_free(op);
    rt_go_on(s);
}

static void say(struct realtime *s, struct rt_step *step)
{
    on_loop();
    const struct saying *saying = step->arg;
    struct rt_item *item = saying->item;
    if (!s->room_ready || item->gone || str_empty(str_trim(buf_str(&item->text))))
        return;
    struct room_op *op = rt_op(s, ROOM_SAY);
    op->unanswered = true;
    op->text = arena_str(&op->arena, str_trim(buf_str(&item->text)));
    /* A mark of our own; the message's id comes with the answer. */
    op->message = item->turn = id_new();
    if (item->role == RT_ASSISTANT) {
        op->personas = arena_new(&op->arena, struct str);
        op->personas[0] = arena_str(&op->arena, str_c(id_text(s->persona->id).c));
        op->persona_count = 1;
    }
    if (saying->by_voice) {
        struct room_spoken *spoken = arena_new(&op->arena, struct room_spoken);
        *spoken = saying->spoken;
        spoken->language = arena_str(&op->arena, str_c(saying->language));
        op->spoken = spoken;
    }
    rt_submit(s, op, said, true);
}

void rt_item_say(struct realtime *s, struct rt_item *item, const struct room_spoken *spoken)
{
    if (!s->persona || item->type != RT_MESSAGE || item->role == RT_SYSTEM)
        return;
    struct saying *saying = heap_alloc(sizeof *saying);
    saying->item = item;
    if (spoken) {
        saying->by_voice = true;
        saying->spoken = *spoken;
        str_copy(saying->language, sizeof saying->language, spoken->language);
        saying->spoken.language = saying->spoken.words = STR_NONE;
        saying->spoken.original = saying->spoken.media = STR_NONE;
    }
    rt_room_need(s, say, saying);
}

/* ---- the client's events ---- */

/* Whether an item may come behind the one that is named: only the last one, as logs grow at their end. */
static enum err check_place(const struct realtime *s, const struct json *event, struct error *e)
{
    struct str after = json_get_str(event, "previous_item_id", STR_NONE);
    const struct rt_item *last = s->last;
    while (last && last->gone)
        last = last->before;
    if (str_empty(after) || (last && str_eq(str_c(last->id), after)) || (!last && str_eq(after, STR("root"))))
        return ERR_OK;
    if (!str_eq(after, STR("root")) && !rt_item_find(s, after))
        return rt_refuse(e, "item_not_found", "previous_item_id",
                         "The item '%.*s' is not in this conversation.", STR_ARG(str_sub(after, 0, 64)));
    return rt_refuse(e, "invalid_value", "previous_item_id",
                     "Items come at the end here, behind '%s': a room's log only grows.", last->id);
}

static enum err check_new(const struct realtime *s, const struct rt_item *item, struct error *e)
{
    if (s->item_count >= REALTIME_ITEMS_MAX)
        return rt_refuse(e, "too_many_items", "item",
                         "A conversation may have %d items; open another session.", REALTIME_ITEMS_MAX);
    if (rt_item_find(s, str_c(item->id)))
        return rt_refuse(e, "item_already_exists", "item.id", "There is an item '%.64s' already.", item->id);
    if (item->type != RT_CALL_OUTPUT)
        return ERR_OK;
    for (const struct rt_item *at = s->first; at; at = at->next)
        if (!at->gone && at->type == RT_CALL && str_eq(at->call_id, item->call_id))
            return ERR_OK;
    return rt_refuse(e, "invalid_value", "item.call_id",
                     "No function call of this conversation has the call_id '%.*s'.",
                     STR_ARG(str_sub(item->call_id, 0, 64)));
}

void rt_item_create(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct rt_item *item = NULL;
    struct str sound = STR_NONE;
    enum err err = check_place(s, event, &e);
    if (!err)
        err = rt_item_read(json_get(event, "item"), &item, &sound, &e);
    if (!err)
        err = check_new(s, item, &e);
    if (err) {
        if (item)
            rt_item_free(item);
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    item->heard_pending = sound.n != 0;
    rt_item_add(s, item);
    rt_item_tell(s, "conversation.item.added", item);
    rt_item_tell(s, "conversation.item.done", item);
    if (sound.n)
        rt_hear_item(s, item, sound);
    else
        rt_item_say(s, item, NULL);
}

/* The item that an event names, or an error told. */
static struct rt_item *named(struct realtime *s, const struct json *event) LOOP;
static struct rt_item *named(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct str id = json_get_str(event, "item_id", STR_NONE);
    struct rt_item *item = rt_item_find(s, id);
    if (item)
        return item;
    if (str_empty(id))
        rt_refuse(&e, "missing_required_parameter", "item_id", "The event needs the 'item_id'.");
    else
        rt_refuse(&e, "item_not_found", "item_id", "The item '%.*s' is not in this conversation.",
                  STR_ARG(str_sub(id, 0, 64)));
    rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
    return NULL;
}

void rt_item_retrieve(struct realtime *s, const struct json *event)
{
    struct rt_item *item = named(s, event);
    if (!item)
        return;
    struct rt_event ev;
    rt_begin(&ev, "conversation.item.retrieved");
    jw_key(&ev.w, STR("item"));
    rt_item_write(&ev.w, item);
    rt_send(s, &ev);
}

static void deleted(struct room_op *op)
{
    on_loop();
    struct realtime *s = op->arg;
    bool there = rt_op_over(s, true);
    room_op_free(op);
    if (there)
        rt_go_on(s);
}

void rt_item_delete(struct realtime *s, const struct json *event)
{
    struct rt_item *item = named(s, event);
    struct rt_response *r = rt_response_active(s);
    struct error e = {0};
    if (!item)
        return;
    if (r && r->message == item) {
        rt_refuse(&e, "invalid_value", "item_id",
                  "This item is still being made; cancel its response first.");
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    item->gone = true;
    if (!id_none(item->message)) {
        struct room_op *op = rt_op(s, ROOM_DELETE_MESSAGE);
        op->message = item->message;
        rt_submit(s, op, deleted, true);
    }
    struct rt_event ev;
    rt_begin(&ev, "conversation.item.deleted");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    rt_send(s, &ev);
}

void rt_item_truncate(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct rt_item *item = named(s, event);
    const struct json *end = json_get(event, "audio_end_ms");
    int64_t at = -1;
    if (!item)
        return;
    enum err err = ERR_OK;
    if (item->type != RT_MESSAGE || item->role != RT_ASSISTANT || !item->audio)
        err = rt_refuse(&e, "invalid_value", "item_id",
                        "Only messages that the assistant spoke can be truncated.");
    else if (json_get_i64(event, "content_index", 0) != 0)
        err = rt_refuse(&e, "invalid_value", "content_index",
                        "'content_index' is 0: the message has one part.");
    else if (!end || !json_i64(end, &at) || at < 0)
        err = rt_refuse(&e, "missing_required_parameter", "audio_end_ms",
                        "The event needs 'audio_end_ms': how much was heard, in milliseconds.");
    else if (at > (int64_t)item->sound_ms)
        err =
            rt_refuse(&e, "invalid_value", "audio_end_ms",
                      "Audio content of %ums is already shorter than %lldms.", item->sound_ms, (long long)at);
    if (err) {
        rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
        return;
    }
    rt_room_truncate(s, item, (uint32_t)at);
}

void rt_item_truncated(struct realtime *s, struct rt_item *item, uint32_t at_ms)
{
    item->status = "incomplete";
    struct rt_event ev;
    rt_begin(&ev, "conversation.item.truncated");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_kv_u64(&ev.w, "audio_end_ms", at_ms);
    rt_send(s, &ev);
}
