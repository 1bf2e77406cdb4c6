/*
 * What is done to a message that is there: edit, delete, forget. See room.h.
 *
 * It may be too old for the room's memory, so its row is looked up in the store first. Editing and deleting
 * are further events that name it; forgetting is the one erasure: its data goes from the log, its number
 * stays.
 */
#include "room/room.h"

#include "base/clock.h"
#include "media/names.h"
#include "room/speaking.h"

#include <stdlib.h>

struct finding {
    struct home *home;
    struct room_op *op;
    void (*then)(struct room *room, struct room_op *op, const struct event_row *row);
};

static void found(struct store_op *store_op)
{
    on_loop();
    struct store_event_find *get = CONTAINER(store_op, struct store_event_find, op);
    struct finding *f = store_op->arg;
    struct room_op *op = f->op;
    struct room *room = home_find(f->home, op->room);
    if (get->op.err == ERR_NOT_FOUND ||
        (get->op.err == ERR_OK && !event_is(&get->found.row, EVENT_MESSAGE))) {
        room_op_fail(op, ERR_NOT_FOUND, "No message of this room has the id '%s'.", id_text(op->message).c);
    } else if (get->op.err != ERR_OK) {
        op->err = get->op.err;
        op->error = get->op.error;
        room_op_done(op);
    } else if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
    } else {
        f->then(room, op, &get->found.row);
    }
    store_op_free(store_op);
}

void room_with_message(struct room *room, struct room_op *op,
                       void (*then)(struct room *, struct room_op *, const struct event_row *))
{
    struct store_event_find *get = STORE_NEW(event_find, EVENT_FIND);
    struct finding *f = arena_new(&get->op.arena, struct finding);
    *f = (struct finding){.home = room->home, .op = op, .then = then};
    get->tenant = tenant_local();
    get->room = room->id;
    get->ref = op->message;
    get->op.done = found;
    get->op.arg = f;
    store_submit(room->home->rooms->deps.store, &get->op);
}

static struct str of_data(struct arena *a, struct id of, const struct str *text, const bool *erased)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(of).c));
    if (text)
        jw_kv_string(&w, "text", *text);
    if (erased)
        jw_kv_bool(&w, "erased", *erased);
    jw_end_object(&w);
    struct str data = arena_str(a, buf_str(&b));
    buf_release(&b);
    return data;
}

static LOOP struct event_row *user_row(struct room *room, struct room_append *append, enum event_kind kind,
                                       struct room_op *op)
{
    struct str name = arena_str(&append->store.op.arena, room_author_name(room));
    return room_append_row(append, kind, AUTHOR_USER, op->who.user, name);
}

static void changed(struct room_append *append, struct room *room)
{
    on_loop();
    room_append_answer(append, room);
}

static void edit_found(struct room *room, struct room_op *op, const struct event_row *message)
{
    on_loop();
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = changed;
    struct event_row *row = user_row(room, append, EVENT_MESSAGE_EDITED, op);
    row->of = message->seq;
    row->data = of_data(&append->store.op.arena, op->message, &op->text, NULL);
    room_append_send(room, append);
}

LOOP void verb_edit(struct room *room, struct room_op *op)
{
    if (room_text_ok(room, op))
        room_with_message(room, op, edit_found);
}

static void delete_found(struct room *room, struct room_op *op, const struct event_row *message)
{
    on_loop();
    bool erased = false;
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = changed;
    struct event_row *row = user_row(room, append, EVENT_MESSAGE_DELETED, op);
    row->of = message->seq;
    row->data = of_data(&append->store.op.arena, op->message, NULL, &erased);
    room_append_send(room, append);
}

LOOP void verb_delete_message(struct room *room, struct room_op *op)
{
    room_with_message(room, op, delete_found);
}

/* ---- forget ---- */

struct forgetting {
    struct home *home;
    struct room_op *op;
    struct str media; /* what the message showed */
};

static void forgotten(struct store_op *store_op)
{
    on_loop();
    struct store_forget *forget = CONTAINER(store_op, struct store_forget, op);
    struct forgetting *f = store_op->arg;
    struct room_op *op = f->op;
    struct room *room = home_find(f->home, op->room);
    op->err = store_op->err;
    op->error = store_op->error;
    if (room)
        room->appending--;
    if (store_op->err == ERR_OK && f->media.n && f->home->rooms->deps.media)
        media_unnamed(f->home->rooms->deps.media, f->media, op->message);
    if (room && store_op->err == ERR_OK) {
        struct said *said = room_said(room, op->message);
        if (said) {
            room_said_change(said, STR_NONE, forget->note->seq);
            free((char *)said->heard.p);
            said->heard = STR_NONE;
            said->deleted = true;
        }
        room_rows_committed(room, forget->note, 1);
        op->event = event_copy(&op->arena, forget->note);
    }
    room_op_done(op);
    store_op_free(store_op);
}

static struct str media_shown(struct arena *a, const struct event_row *message)
{
    struct json *data = NULL;
    const struct json *list =
        json_parse(a, arena_str(a, message->data), &data, NULL) ? NULL : json_get(data, "media");
    return list && list->type == JSON_ARRAY ? list->raw : STR_NONE;
}

static void forget_found(struct room *room, struct room_op *op, const struct event_row *message)
{
    on_loop();
    bool erased = true;
    struct store_forget *forget = STORE_NEW(forget, FORGET);
    struct arena *a = &forget->op.arena;
    struct forgetting *f = arena_new(a, struct forgetting);
    *f = (struct forgetting){.home = room->home, .op = op, .media = media_shown(a, message)};
    uint64_t *seq = arena_new(a, uint64_t);
    *seq = message->seq;
    struct event_row *row = arena_new(a, struct event_row);
    event_set_kind(row, EVENT_MESSAGE_DELETED);
    row->at_ms = clock_wall_ms();
    row->author_type = AUTHOR_USER;
    row->author = op->who.user;
    row->author_name = arena_str(a, room_author_name(room));
    row->of = message->seq;
    row->data = of_data(a, op->message, NULL, &erased);
    speaking_forget(room, op->message);
    struct said *said = room_said(room, op->message);
    if (said) {
        said->leaving = true;
        translate_drop(room, said);
    }
    forget->tenant = tenant_local();
    forget->room = room->id;
    forget->epoch = store_epoch(room->home->rooms->deps.store);
    forget->seqs = seq;
    forget->seq_count = 1;
    forget->note = row;
    forget->op.done = forgotten;
    forget->op.arg = f;
    room->appending++;
    store_submit(room->home->rooms->deps.store, &forget->op);
}

LOOP void verb_forget(struct room *room, struct room_op *op)
{
    room_with_message(room, op, forget_found);
}
