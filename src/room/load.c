/*
 * A room comes into memory: its head, its newest messages, what became of them (heard,
 * translated), the last mood of each persona and what its lore counts. Four reads, one after the other; then
 * the operations that waited run. See room.h.
 */
#include "room/room.h"

#include "base/config.h"

#include <stdlib.h>

/* Of the newest moods and ends of turns so many are read: what a persona felt, and what its lore counts. */
enum { LOAD_TURNS = 4, LOAD_TURNS_MORE = 16 };

struct loading {
    struct home *home;
    struct id room;
};

static size_t keep_max(const struct room *room)
{
    return (size_t)rooms_config(room->home->rooms)->room.context_messages + ROOM_SAID_SPARE;
}

static struct loading *loading_new(struct arena *a, const struct room *room)
{
    struct loading *l = arena_new(a, struct loading);
    *l = (struct loading){.home = room->home, .room = room->id};
    return l;
}

/* The room that was being loaded; it cannot have gone, because a loading room is not swept. */
static LOOP struct room *loading_room(const struct store_op *op)
{
    const struct loading *l = op->arg;
    return home_find(l->home, l->room);
}

static bool failed(struct room *room, const struct store_op *op)
{
    if (op->err == ERR_OK)
        return false;
    room->load = ROOM_GONE;
    room->load_error = op->error;
    if (op->err == ERR_NOT_FOUND)
        error_set(&room->load_error, ERR_NOT_FOUND, "No room has the id '%s'.", id_text(room->id).c);
    return true;
}

static void moods_done(struct store_op *op)
{
    on_loop();
    struct store_events_page *page = CONTAINER(op, struct store_events_page, op);
    struct room *room = loading_room(op);
    if (!failed(room, op)) {
        for (size_t i = page->count; i-- > 0;) { /* descending: the newest last */
            if (event_is(&page->rows[i], EVENT_MOOD))
                room_mood_read(room, &page->rows[i]);
            else
                room_lore_read(room, &page->rows[i]);
        }
        room->load = ROOM_READY;
    }
    store_op_free(op);
    room_loaded(room);
}

static void load_moods(struct room *room)
{
    static const struct str kinds[] = {STR_INIT("mood"), STR_INIT("turn.ended")};
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = tenant_local();
    page->room = room->id;
    page->desc = true;
    page->limit = (unsigned)(LOAD_TURNS * room->persona_count + LOAD_TURNS_MORE);
    page->kinds = kinds;
    page->kind_count = 2;
    page->op.done = moods_done;
    page->op.arg = loading_new(&page->op.arena, room);
    store_submit(room->home->rooms->deps.store, &page->op);
}

static void heard_done(struct store_op *op)
{
    on_loop();
    struct store_events_page *page = CONTAINER(op, struct store_events_page, op);
    struct room *room = loading_room(op);
    bool gone = failed(room, op);
    for (size_t i = page->count; !gone && i-- > 0;) {
        if (event_is(&page->rows[i], EVENT_MESSAGE_HEARD))
            room_heard_read(room, &page->rows[i], &op->arena);
        else
            translate_read(room, &page->rows[i], &op->arena);
    }
    store_op_free(op);
    if (gone)
        room_loaded(room);
    else
        load_moods(room);
}

/* What was heard of the messages in memory, where somebody interrupted, and their translations. */
static void load_heard(struct room *room)
{
    static const struct str kinds[] = {STR_INIT("message.heard"), STR_INIT("translation")};
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = tenant_local();
    page->room = room->id;
    page->after = room->said_count ? room->said[0].seq : room->head;
    page->desc = true;
    page->limit = (unsigned)keep_max(room) * 2;
    page->kinds = kinds;
    page->kind_count = 2;
    page->op.done = heard_done;
    page->op.arg = loading_new(&page->op.arena, room);
    store_submit(room->home->rooms->deps.store, &page->op);
}

static void messages_done(struct store_op *op)
{
    on_loop();
    struct store_messages_page *page = CONTAINER(op, struct store_messages_page, op);
    struct room *room = loading_room(op);
    bool gone = failed(room, op);
    for (size_t i = page->count; !gone && i-- > 0;) {
        const struct message_row *m = &page->rows[i];
        struct event_row row = m->row;
        if (m->edited_seq)
            row.data = m->edited_data;
        room_said_add(room, &row, event_data_str(&op->arena, &row, "text"));
        if (m->edited_seq)
            room->said[room->said_count - 1].text_seq = m->edited_seq;
        if (m->deleted)
            room->said[room->said_count - 1].deleted = true;
    }
    store_op_free(op);
    if (gone)
        room_loaded(room);
    else
        load_heard(room);
}

static void load_messages(struct room *room)
{
    struct store_messages_page *page = STORE_NEW(messages_page, MESSAGES_PAGE);
    page->tenant = tenant_local();
    page->room = room->id;
    page->desc = true;
    page->limit = (unsigned)keep_max(room);
    page->deleted = true; /* their place in the branch counts */
    page->op.done = messages_done;
    page->op.arg = loading_new(&page->op.arena, room);
    store_submit(room->home->rooms->deps.store, &page->op);
}

void room_head_read(struct room *room, const struct room_row *row)
{
    free((char *)room->title.p);
    room->title = heap_str(row->title);
    free((char *)room->external.p);
    room->external = heap_str(row->external);
    room_settings_read(room, row->settings);
    room->owner = row->owner;
    room->head = row->head_seq;
    room->cleared = row->cleared_seq;
    room->version = row->version;
    room->created_ms = row->created_ms;
    room->updated_ms = row->updated_ms;
    room->deleted_ms = row->deleted_ms;
    if (!room_state_parse(row->state, &room->state))
        room->state = ROOM_IDLE;
}

static void head_done(struct store_op *op)
{
    on_loop();
    struct store_room_get *get = CONTAINER(op, struct store_room_get, op);
    struct room *room = loading_room(op);
    bool gone = failed(room, op);
    if (!gone) {
        room_head_read(room, &get->row);
        if (room_members_read(room, get->row.members, &room->load_error) != ERR_OK) {
            room->load = ROOM_GONE;
            gone = true;
        }
    }
    store_op_free(op);
    if (gone)
        room_loaded(room);
    else
        load_messages(room);
}

void room_load(struct room *room)
{
    struct store_room_get *get = STORE_NEW(room_get, ROOM_GET);
    get->tenant = tenant_local();
    get->room = room->id;
    get->op.done = head_done;
    get->op.arg = loading_new(&get->op.arena, room);
    store_submit(room->home->rooms->deps.store, &get->op);
}

/* ---- after a refused change ---- */

static void reloaded(struct store_op *op)
{
    on_loop();
    struct store_room_get *get = CONTAINER(op, struct store_room_get, op);
    struct room *room = loading_room(op);
    if (room && op->err == ERR_OK) {
        uint64_t head = room->head;
        room_head_read(room, &get->row);
        if (head > room->head)
            room->head = head;
        for (size_t i = 0; i < room->persona_count; i++)
            room->personas[i].present = false;
        room_members_read(room, get->row.members, NULL);
    }
    store_op_free(op);
}

void room_head_reload(struct room *room)
{
    struct store_room_get *get = STORE_NEW(room_get, ROOM_GET);
    get->tenant = tenant_local();
    get->room = room->id;
    get->op.done = reloaded;
    get->op.arg = loading_new(&get->op.arena, room);
    store_submit(room->home->rooms->deps.store, &get->op);
}

/* ---- what was said, in memory ---- */

void said_release(struct said *said)
{
    free((char *)said->name.p);
    free((char *)said->text.p);
    free((char *)said->media.p);
    free((char *)said->heard.p);
    free((char *)said->language.p);
    free((char *)said->shown.p);
    free((char *)said->shown_in.p);
}

/* What most messages do not have: pictures, and a language that was spoken. */
static void read_rare(struct said *said, const struct event_row *row)
{
    struct arena a = ARENA_INIT;
    struct json *data = NULL;
    bool any = str_find(row->data, STR("\"media\"")) != SIZE_MAX ||
               str_find(row->data, STR("\"spoken\"")) != SIZE_MAX;
    if (any && json_parse(&a, row->data, &data, NULL) == ERR_OK) {
        const struct json *list = json_get(data, "media");
        struct str language = json_get_str(json_get(data, "spoken"), "language", STR_NONE);
        if (list && list->type == JSON_ARRAY && list->count)
            said->media = heap_str(list->raw);
        if (language.n)
            said->language = heap_str(language);
    }
    arena_release(&a);
}

void room_said_add(struct room *room, const struct event_row *row, struct str text)
{
    size_t max = keep_max(room);
    if (room->said_count >= max + ROOM_SAID_SPARE) {
        for (size_t i = 0; i < ROOM_SAID_SPARE; i++)
            said_release(&room->said[i]);
        room->said_count -= ROOM_SAID_SPARE;
        memmove(room->said, room->said + ROOM_SAID_SPARE, room->said_count * sizeof *room->said);
    }
    if (room->said_count == room->said_cap) {
        room->said_cap = room->said_cap ? room->said_cap * 2 : 8;
        room->said = heap_realloc(room->said, room->said_cap * sizeof *room->said);
    }
    room->said[room->said_count++] = (struct said){
        .seq = row->seq,
        .parent = row->parent,
        .id = row->ref,
        .author = row->author,
        .author_type = row->author_type,
        .at_ms = row->at_ms,
        .name = heap_str(row->author_name),
        .text = heap_str(text),
        .text_seq = row->seq,
    };
    read_rare(&room->said[room->said_count - 1], row);
}

void room_said_change(struct said *said, struct str text, uint64_t seq)
{
    free((char *)said->text.p);
    free((char *)said->shown.p);
    free((char *)said->shown_in.p);
    said->text = heap_str(text);
    said->text_seq = seq;
    said->shown = said->shown_in = STR_NONE;
    said->untranslated = false;
}

struct said *room_said(const struct room *room, struct id message)
{
    for (size_t i = room->said_count; i-- > 0;) {
        if (id_eq(room->said[i].id, message))
            return &room->said[i];
    }
    return NULL;
}

const struct said *room_said_at(const struct room *room, uint64_t seq)
{
    size_t low = 0, high = room->said_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (room->said[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low < room->said_count && room->said[low].seq == seq ? &room->said[low] : NULL;
}

uint64_t room_leaf(const struct room *room)
{
    for (size_t i = room->said_count; i-- > 0;) {
        if (room->said[i].seq > room->cleared)
            return room->said[i].seq;
    }
    return 0;
}

size_t room_branch(const struct room *room, uint64_t leaf, const struct said **out, size_t max)
{
    size_t count = 0;
    for (const struct said *s = room_said_at(room, leaf); s && count < max;
         s = room_said_at(room, s->parent)) {
        if (s->seq <= room->cleared)
            break;
        if (!s->deleted)
            out[count++] = s;
        if (!s->parent || s->parent >= s->seq)
            break;
    }
    for (size_t i = 0; i < count / 2; i++) {
        const struct said *swap = out[i];
        out[i] = out[count - 1 - i];
        out[count - 1 - i] = swap;
    }
    return count;
}
