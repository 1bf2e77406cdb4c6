/*
 * Rooms that are being imported: filled batch by batch with what was said elsewhere, unseen until complete.
 * See rooms.h.
 *
 * Such a room is a deleted one whose outside name begins with IMPORTING: every other operation is refused,
 * and nothing in it starts a turn. ROOM_IMPORT_END takes both marks away in the transaction that says the
 * import is over. ROOM_IMPORT_DROP takes every message back (so that memory forgets what it read already) and
 * leaves the room to the next purge; what a process left unfinished is dropped at the next start
 * (rooms_drop_imports()).
 */
#include "room/room.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define IMPORTING "importing:"
enum { DROP_BATCH = 500 };

bool room_name_is_import(struct str external)
{
    return str_starts(external, STR(IMPORTING));
}

bool room_importing(const struct room *room)
{
    return room->deleted_ms && room_name_is_import(room->external);
}

struct str room_import_name(struct arena *a, struct id room)
{
    return arena_printf(a, IMPORTING "%s", id_text(room).c);
}

static LOOP bool still_importing(struct room *room, struct room_op *op)
{
    if (room_importing(room))
        return true;
    room_op_fail(op, ERR_CONFLICT, "The room '%s' is not being imported.", id_text(room->id).c);
    return false;
}

static struct room_append *append_of(struct room *room, struct room_op *op) LOOP;
static struct room_append *append_of(struct room *room, struct room_op *op)
{
    struct room_append *append = room_append_new(room, op, op->row_count);
    for (size_t i = 0; i < op->row_count; i++)
        append->store.rows[append->store.count++] = op->rows[i];
    return append;
}

static void added(struct room_append *append, struct room *room)
{
    on_loop();
    room_append_answer(append, room);
}

LOOP void verb_import_add(struct room *room, struct room_op *op)
{
    if (!still_importing(room, op))
        return;
    struct room_append *append = append_of(room, op);
    append->committed = added;
    room_append_send(room, append);
}

static void shown(struct room_append *append, struct room *room)
{
    on_loop();
    if (append->store.op.err != ERR_OK && room)
        room_head_reload(room);
    room_append_answer(append, room);
}

static LOOP void set_marks(struct room *room, struct str external, int64_t deleted_ms)
{
    free((char *)room->external.p);
    room->external = heap_str(external);
    room->deleted_ms = deleted_ms;
}

LOOP void verb_import_end(struct room *room, struct room_op *op)
{
    if (!still_importing(room, op))
        return;
    struct room_append *append = append_of(room, op);
    append->committed = shown;
    set_marks(room, STR_NONE, 0);
    room_append_head(room, append);
    room_append_send(room, append);
}

/* ---- dropping ---- */

struct dropping {
    struct home *home;
    struct room_op *op;
};

static void drop_more(struct home *home, struct room_op *op) LOOP;

static void drop_failed(struct room_op *op, const struct error *e) LOOP;
static void drop_failed(struct room_op *op, const struct error *e)
{
    op->err = e->err;
    op->error = *e;
    room_op_done(op);
}

static void taken_back(struct room_append *append, struct room *room)
{
    on_loop();
    struct room_op *op = append->store.op.arg;
    (void)room;
    if (append->store.op.err != ERR_OK)
        drop_failed(op, &append->store.op.error);
    else
        drop_more(append->home, op);
}

static LOOP void leave_to_purge(struct room *room, struct room_op *op)
{
    struct room_append *append = room_append_new(room, op, 0);
    append->committed = shown;
    set_marks(room, STR_NONE, 1); /* deleted long ago: the next purge takes it */
    room_append_head(room, append);
    room_append_send(room, append);
}

static void messages_here(struct store_op *store_op)
{
    on_loop();
    struct store_messages_page *page = CONTAINER(store_op, struct store_messages_page, op);
    struct dropping *d = store_op->arg;
    struct room_op *op = d->op;
    struct room *room = home_find(d->home, op->room);
    if (store_op->err != ERR_OK || !room) {
        drop_failed(op, &store_op->error);
    } else if (!page->count) {
        leave_to_purge(room, op);
    } else {
        struct room_append *append = room_append_new(room, NULL, page->count);
        append->committed = taken_back;
        append->store.op.arg = op;
        for (size_t i = 0; i < page->count; i++) {
            struct event_row *row = room_append_system(append, EVENT_MESSAGE_DELETED);
            row->of = page->rows[i].row.seq;
            row->data = arena_printf(&append->store.op.arena, "{\"of\":\"%s\",\"erased\":false}",
                                     id_text(page->rows[i].row.ref).c);
        }
        room_append_send(room, append);
    }
    store_op_free(store_op);
}

static void drop_more(struct home *home, struct room_op *op)
{
    struct store_messages_page *page = STORE_NEW(messages_page, MESSAGES_PAGE);
    struct dropping *d = arena_new(&page->op.arena, struct dropping);
    *d = (struct dropping){.home = home, .op = op};
    page->tenant = tenant_local();
    page->room = op->room;
    page->limit = DROP_BATCH;
    page->op.done = messages_here;
    page->op.arg = d;
    store_submit(home->rooms->deps.store, &page->op);
}

LOOP void verb_import_drop(struct room *room, struct room_op *op)
{
    if (still_importing(room, op))
        drop_more(room->home, op);
}

/* ---- what the last process left ---- */

static void dropped(struct room_op *op)
{
    on_loop();
    if (op->err != ERR_OK && op->err != ERR_CONFLICT)
        log_warn("room", "a half imported room could not be taken away: %s", op->error.message);
    room_op_free(op);
}

static void list_deleted(struct rooms *rooms, struct str after) LOOP;

static void deleted_here(struct store_op *store_op)
{
    on_loop();
    struct store_rooms_list *list = CONTAINER(store_op, struct store_rooms_list, op);
    struct rooms *rooms = store_op->arg;
    if (store_op->err != ERR_OK)
        log_warn("room", "half imported rooms could not be looked for: %s", store_op->error.message);
    struct principal owner = principal_owner(CREDENTIAL_NONE);
    for (size_t i = 0; i < list->count; i++) {
        if (!room_name_is_import(list->rows[i].external))
            continue;
        log_info("room", "the import of '%.*s' was cut by the last stop; the room is taken away",
                 STR_ARG(list->rows[i].title));
        struct room_op *op = room_op_new(ROOM_IMPORT_DROP, &owner, list->rows[i].id);
        op->done = dropped;
        room_submit(rooms, op);
    }
    if (list->next.n)
        list_deleted(rooms, list->next);
    store_op_free(store_op);
}

static void list_deleted(struct rooms *rooms, struct str after)
{
    struct store_rooms_list *list = STORE_NEW(rooms_list, ROOMS_LIST);
    list->tenant = tenant_local();
    list->owner = principal_owner(CREDENTIAL_NONE).user;
    list->after = arena_str(&list->op.arena, after);
    list->limit = 200;
    list->deleted = true;
    list->op.done = deleted_here;
    list->op.arg = rooms;
    store_submit(rooms->deps.store, &list->op);
}

static void begin_dropping(void *arg)
{
    on_loop();
    list_deleted(arg, STR_NONE);
}

void rooms_drop_imports(struct rooms *rooms, struct loop *on)
{
    loop_call(on, begin_dropping, rooms);
}
