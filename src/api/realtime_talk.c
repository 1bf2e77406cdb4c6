/*
 * What clients do with a realtime conversation: items made, taken away, told again, cut. See realtime.h.
 *
 * A message of somebody is said in the room in its author's name (system messages are not: they stand among
 * the instructions of the answers to come). The room's log only grows: what is put between older items is
 * said at its end, and stands in its place for the engine (realtime_direct.c).
 */
#include "api/realtime.h"

#include <stdio.h>
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

/* Behind `after`; NULL: in front of all. */
static void insert(struct realtime *s, struct rt_item *after, struct rt_item *item)
{
    item->listed = true;
    item->before = after;
    item->next = after ? after->next : s->first;
    *(after ? &after->next : &s->first) = item;
    *(item->next ? &item->next->before : &s->last) = item;
    s->item_count++;
}

void rt_item_add(struct realtime *s, struct rt_item *item)
{
    insert(s, s->last, item);
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
    if (!s->room_ready || item->gone || (!item->picture_count && str_empty(str_trim(buf_str(&item->text)))))
        return;
    struct room_op *op = rt_op(s, ROOM_SAY);
    op->unanswered = true;
    op->text = arena_str(&op->arena, str_trim(buf_str(&item->text)));
    op->media = rt_pictures_ids(&op->arena, item);
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

/* Behind which item a new one comes: the last, unless previous_item_id names another, or "root" for none. */
static enum err read_place(const struct realtime *s, const struct json *event, struct rt_item **after,
                           struct error *e)
{
    const struct json *named = json_get(event, "previous_item_id");
    *after = s->last;
    if (!named || named->type == JSON_NULL || (named->type == JSON_STRING && str_empty(named->string)))
        return ERR_OK;
    if (named->type != JSON_STRING)
        return rt_wrong_type(e, "previous_item_id", "a string");
    *after = str_eq(named->string, STR("root")) ? NULL : rt_item_find(s, named->string);
    if (*after || str_eq(named->string, STR("root")))
        return ERR_OK;
    return rt_refuse(e, "item_create_invalid_previous_item_id", "previous_item_id",
                     "Error adding item: the previous item with id '%.*s' does not exist.",
                     STR_ARG(str_sub(named->string, 0, 64)));
}

/* A room's log only grows. Once something was put between what is in it, the session's own list tells the
 * engine what was said in which order. */
static bool out_of_order(const struct rt_item *item)
{
    if (item->type == RT_MESSAGE && item->role == RT_SYSTEM)
        return false;
    for (const struct rt_item *later = item->next; later; later = later->next)
        if (!later->gone && (later->type != RT_MESSAGE || later->role != RT_SYSTEM))
            return true;
    return false;
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

void rt_item_enter(struct realtime *s, struct rt_item *after, struct rt_item *item)
{
    insert(s, after, item);
    s->prompted = false;
    s->reordered |= out_of_order(item);
    rt_item_tell(s, "conversation.item.added", item);
    rt_item_tell(s, "conversation.item.done", item);
    if (item->sound.n)
        rt_hear_item(s, item);
    else
        rt_item_say(s, item, NULL);
}

void rt_item_create(struct realtime *s, const struct json *event)
{
    struct error e = {0};
    struct rt_item *item = NULL, *after;
    struct str event_id = json_get_str(event, "event_id", STR_NONE);
    enum err err = read_place(s, event, &after, &e);
    if (!err)
        err = rt_item_read(json_get(event, "item"), &item, &e);
    if (!err)
        err = check_new(s, item, &e);
    if (!err)
        err = rt_sound_check(s, item, &e);
    if (!err)
        err = rt_pictures_seen(s, item, &e);
    if (err) {
        if (item)
            rt_item_free(item);
        rt_error(s, &e, event_id);
        return;
    }
    item->heard_pending = item->sound.n != 0;
    if (s->persona)
        rt_pictures_keep(s, after, item, event_id);
    else
        rt_item_enter(s, after, item);
}

/* The item that an event names, or an error told; `verb` as OpenAI's codes and sentences have it. */
static struct rt_item *named(struct realtime *s, const struct json *event, const char *verb,
                             const char *doing) LOOP;
static struct rt_item *named(struct realtime *s, const struct json *event, const char *verb,
                             const char *doing)
{
    struct error e = {0};
    char code[sizeof e.code];
    const struct json *id = json_get(event, "item_id");
    struct rt_item *item = rt_item_find(s, id ? id->string : STR_NONE);
    if (item)
        return item;
    snprintf(code, sizeof code, "item_%s_invalid_item_id", verb);
    if (!id)
        rt_refuse(&e, "missing_required_parameter", "item_id", "Missing required parameter: 'item_id'.");
    else if (id->type != JSON_STRING)
        rt_wrong_type(&e, "item_id", "a string");
    else
        rt_refuse(&e, code, "", "Error %s item: the item with id '%.*s' does not exist.", doing,
                  STR_ARG(str_sub(id->string, 0, 64)));
    rt_error(s, &e, json_get_str(event, "event_id", STR_NONE));
    return NULL;
}

void rt_item_retrieve(struct realtime *s, const struct json *event)
{
    struct rt_item *item = named(s, event, "retrieve", "retrieving");
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
    struct rt_item *item = named(s, event, "delete", "deleting");
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
    struct rt_item *item = named(s, event, "truncate", "truncating");
    const struct json *end = json_get(event, "audio_end_ms");
    int64_t at = -1;
    if (!item)
        return;
    enum err err = ERR_OK;
    if (item->type != RT_MESSAGE || item->role != RT_ASSISTANT || !item->audio)
        err = rt_refuse(&e, "unsupported_content_type", "",
                        "Only model output audio messages can be truncated.");
    else if (json_get_i64(event, "content_index", 0) != 0)
        err = rt_refuse(&e, "invalid_value", "content_index",
                        "'content_index' is 0: the message has one part.");
    else if (!end)
        err = rt_refuse(&e, "missing_required_parameter", "audio_end_ms",
                        "Missing required parameter: 'audio_end_ms', how much was heard in milliseconds.");
    else if (!json_i64(end, &at) || at < 0)
        err = rt_refuse(&e, end->type == JSON_NUMBER ? "invalid_value" : "invalid_type", "audio_end_ms",
                        "Invalid 'audio_end_ms': it is a whole number of milliseconds, from 0.");
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
    s->plays_until_us = 0; /* the client stopped */
    struct rt_event ev;
    rt_begin(&ev, "conversation.item.truncated");
    jw_kv_string(&ev.w, "item_id", str_c(item->id));
    jw_kv_u64(&ev.w, "content_index", 0);
    jw_kv_u64(&ev.w, "audio_end_ms", at_ms);
    rt_send(s, &ev);
}
