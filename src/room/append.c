/*
 * The one way to change a room: rows into the store, then memory, subscribers and the operation, in that
 * order, after the commit. See room.h.
 */
#include "room/room.h"

#include "base/clock.h"
#include "base/log.h"
#include "memory/memory.h"

#include <stdlib.h>

struct room_append *room_append_new(struct room *room, struct room_op *op, size_t rows)
{
    struct room_append *append = heap_alloc(sizeof *append);
    append->store.op.kind = STORE_APPEND;
    struct rooms *rooms = room->home->rooms;
    append->home = room->home;
    append->op = op;
    append->store.tenant = tenant_local();
    append->store.room = room->id;
    append->store.epoch = store_epoch(rooms->deps.store);
    append->store.rows = arena_array(&append->store.op.arena, struct event_row, rows);
    append->store.idem = op ? op->idem : NULL;
    return append;
}

struct event_row *room_append_row(struct room_append *append, enum event_kind kind, enum author_type type,
                                  struct id author, struct str name)
{
    struct event_row *row = &append->store.rows[append->store.count++];
    event_set_kind(row, kind);
    row->at_ms = clock_wall_ms();
    row->author_type = type;
    row->author = author;
    row->author_name = name;
    return row;
}

struct event_row *room_append_system(struct room_append *append, enum event_kind kind)
{
    return room_append_row(append, kind, AUTHOR_SYSTEM, ID_NONE, STR("Eidolon"));
}

void room_append_head(struct room *room, struct room_append *append)
{
    struct store_append *s = &append->store;
    CLEANUP_BUF struct buf members = BUF_INIT;
    room_members_write(room, &members);
    s->head = arena_new(&s->op.arena, struct room_row);
    *s->head = (struct room_row){
        .id = room->id,
        .tenant = s->tenant,
        .owner = room->owner,
        .title = arena_str(&s->op.arena, room->title),
        .state = str_c(room_state_names[room->state]),
        .members = arena_str(&s->op.arena, buf_str(&members)),
        .settings = arena_str(&s->op.arena, room_settings(room)),
        .external = arena_str(&s->op.arena, room->external),
        .created_ms = room->created_ms,
        .updated_ms = clock_wall_ms(),
        .deleted_ms = room->deleted_ms,
        .cleared_seq = room->cleared,
    };
}

/* What an event means for the room's memory. */
static LOOP void apply(struct room *room, const struct event_row *row, struct arena *a)
{
    if (row->seq > room->head)
        room->head = row->seq;
    if (event_is(row, EVENT_MESSAGE)) {
        room_said_add(room, row, event_data_str(a, row, "text"));
        translate_message(room, &room->said[room->said_count - 1]);
    } else if (event_is(row, EVENT_MESSAGE_EDITED) || event_is(row, EVENT_MESSAGE_DELETED)) {
        struct id message;
        struct said *said = NULL;
        if (id_parse(event_data_str(a, row, "of"), &message))
            said = room_said(room, message);
        if (said && event_is(row, EVENT_MESSAGE_EDITED))
            room_said_change(said, event_data_str(a, row, "text"), row->seq);
        else if (said)
            said->deleted = true;
        if (said)
            translate_message(room, said);
    } else if (event_is(row, EVENT_MESSAGE_HEARD)) {
        room_heard_read(room, row, a);
    } else if (event_is(row, EVENT_TRANSLATION)) {
        translate_read(room, row, a);
    } else if (event_is(row, EVENT_MOOD)) {
        room_mood_read(room, row);
    } else if (event_is(row, EVENT_TURN_ENDED)) {
        room_lore_read(room, row);
    } else if (event_is(row, EVENT_ROOM_CLEARED)) {
        room->cleared = row->seq;
    }
}

void room_rows_committed(struct room *room, const struct event_row *rows, size_t count)
{
    struct rooms *rooms = room->home->rooms;
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < count; i++) {
        apply(room, &rows[i], &a);
        room_publish(room, &rows[i]);
    }
    arena_release(&a);
    count_events(rooms, count);
    room_touch(room);
    memory_hint(rooms->deps.memory);
}

static void committed(struct store_op *op)
{
    on_loop();
    struct room_append *append = CONTAINER(op, struct room_append, store.op);
    struct room *room = home_find(append->home, append->store.room);
    if (room) {
        room->appending--;
        if (op->err == ERR_OK && append->store.head) {
            room->version = append->store.version;
            room->updated_ms = append->store.head->updated_ms;
        }
        if (op->err == ERR_OK && !append->store.deduped)
            room_rows_committed(room, append->store.rows, append->store.count);
    }
    append->committed(append, room);
    arena_release(&op->arena);
    free(append);
}

void room_append_send(struct room *room, struct room_append *append)
{
    room->appending++;
    append->store.op.done = committed;
    store_submit(room->home->rooms->deps.store, &append->store.op);
}

/* Answers the append's operation when nothing else is to be done: fails it, or sends the first row and the
 * view. */
void room_append_answer(struct room_append *append, struct room *room)
{
    struct room_op *op = append->op;
    if (!op)
        return;
    if (append->store.op.err != ERR_OK || !room) {
        op->err = append->store.op.err != ERR_OK ? append->store.op.err : ERR_GONE;
        op->error = append->store.op.error;
        room_op_done(op);
        return;
    }
    if (append->store.count)
        op->event = event_copy(&op->arena, &append->store.rows[0]);
    op->deduped = append->store.deduped;
    room_view_fill(room, &op->arena, &op->view);
    room_op_done(op);
}
