/*
 * The registry of rooms: operations find their room, rooms come into memory and leave it. See room.h.
 *
 * Routing: room_submit() posts the op to the room's home loop; there it runs at once if the room is loaded,
 * waits if it is being loaded, and starts loading it if it is neither. Answers go back by message.
 */
#include "room/rooms.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "room/hub.h"
#include "room/room.h"
#include "room/speaking.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const room_state_names[4] = {"idle", "running", "paused", "stopped"};

bool room_state_parse(struct str name, enum room_state *out)
{
    for (size_t i = 0; i < sizeof room_state_names / sizeof *room_state_names; i++) {
        if (str_eq(name, str_c(room_state_names[i]))) {
            *out = (enum room_state)i;
            return true;
        }
    }
    return false;
}

struct room_op *room_op_new(enum room_verb verb, const struct principal *who, struct id room)
{
    struct room_op *op = heap_alloc(sizeof *op);
    op->verb = verb;
    op->who = *who;
    op->room = room;
    return op;
}

void room_op_free(struct room_op *op)
{
    arena_release(&op->arena);
    free(op);
}

static void deliver_answer(struct msg *msg)
{
    on_loop();
    struct room_op *op = CONTAINER(msg, struct room_op, msg);
    op->done(op);
}

void room_op_done(struct room_op *op)
{
    op->msg.deliver = deliver_answer;
    loop_post(op->from, &op->msg);
}

void room_op_fail(struct room_op *op, enum err err, const char *format, ...)
{
    char sentence[sizeof op->error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    op->err = error_set(&op->error, err, "%s", sentence);
    room_op_done(op);
}

struct room *home_find(struct home *home, struct id id)
{
    return map_get(&home->table, id_key(&id));
}

void room_touch(struct room *room)
{
    room->used_us = clock_mono_us();
}

static bool mine(const struct room *room, const struct principal *who)
{
    return id_eq(who->tenant, tenant_local()) && id_eq(who->user, room->owner);
}

/* Carries out an op on a room that is loaded. */
static LOOP void run_op(struct room *room, struct room_op *op)
{
    static room_verb_fn *const verbs[ROOM_VERBS] = {
        [ROOM_UPDATE] = verb_update,
        [ROOM_REMOVE] = verb_remove,
        [ROOM_RESTORE] = verb_restore,
        [ROOM_SET_STATE] = verb_set_state,
        [ROOM_CLEAR] = verb_clear,
        [ROOM_SAY] = verb_say,
        [ROOM_GREET] = verb_greet,
        [ROOM_EDIT] = verb_edit,
        [ROOM_DELETE_MESSAGE] = verb_delete_message,
        [ROOM_FORGET] = verb_forget,
        [ROOM_RETRY] = verb_retry,
        [ROOM_CANCEL] = verb_cancel,
        [ROOM_ANSWER] = verb_answer,
        [ROOM_TYPING] = verb_typing,
        [ROOM_GET] = verb_get,
        [ROOM_JOIN] = verb_join,
        [ROOM_LEAVE] = verb_leave,
        [ROOM_SNAPSHOT] = verb_snapshot,
        [ROOM_SPEAK] = verb_speak,
        [ROOM_PLAYED] = verb_played,
        [ROOM_INTERRUPT] = verb_interrupt,
        [ROOM_PREVIEW] = verb_preview,
        [ROOM_RECOVER] = verb_recover,
        [ROOM_IMPORT_ADD] = verb_import_add,
        [ROOM_IMPORT_END] = verb_import_end,
        [ROOM_IMPORT_DROP] = verb_import_drop,
    };
    bool import = op->verb >= ROOM_IMPORT_ADD && op->verb <= ROOM_IMPORT_DROP;
    room_touch(room);
    if (op->who.name[0])
        str_copy(room->owner_name, sizeof room->owner_name, str_c(op->who.name));
    if (!mine(room, &op->who))
        room_op_fail(op, ERR_NOT_FOUND, "No room has the id '%s'.", id_text(op->room).c);
    else if (room_importing(room) && !import && op->verb != ROOM_RECOVER)
        room_op_fail(op, ERR_CONFLICT, "The room '%s' is still being imported; try again when that is done.",
                     id_text(op->room).c);
    else if (room->deleted_ms && !import && op->verb != ROOM_RESTORE && op->verb != ROOM_GET &&
             op->verb != ROOM_RECOVER)
        room_op_fail(op, ERR_GONE, "The room '%s' was deleted; restore it first.", id_text(op->room).c);
    else
        verbs[op->verb](room, op);
}

void room_loaded(struct room *room)
{
    struct room_op *op = room->waiting;
    room->waiting = NULL;
    room->waiting_tail = &room->waiting;
    room->waiting_count = 0;
    while (op) {
        struct room_op *next = op->next;
        if (room->load == ROOM_READY)
            run_op(room, op);
        else
            room_op_fail(op, room->load_error.err, "%s", room->load_error.message);
        op = next;
    }
    if (room->load == ROOM_GONE)
        room_free(room);
}

static LOOP void enqueue(struct room *room, struct room_op *op)
{
    if (room->waiting_count >= ROOM_QUEUE_MAX) {
        room_op_fail(op, ERR_BUSY,
                     "The room is still being loaded and too much waits for it; try again in a second.");
        return;
    }
    op->next = NULL;
    *room->waiting_tail = op;
    room->waiting_tail = &op->next;
    room->waiting_count++;
}

static void deliver_op(struct msg *msg)
{
    on_loop();
    struct room_op *op = CONTAINER(msg, struct room_op, msg);
    struct home *home = &op->rooms->homes[loop_index(loop_self())];
    if (home->closed) {
        room_op_fail(op, ERR_CLOSED, "The server is being stopped; try again when it is back.");
        return;
    }
    if (op->verb == ROOM_CREATE) {
        verb_create(home, op);
        return;
    }
    if (op->verb == ROOM_PREVIEW && op->on) {
        preview_alone(home, op);
        return;
    }
    struct room *room = home_find(home, op->room);
    if (!room) {
        room = room_new(home, op->room);
        enqueue(room, op);
        room_load(room);
    } else if (room->load == ROOM_LOADING) {
        enqueue(room, op);
    } else {
        run_op(room, op);
    }
}

void room_submit(struct rooms *rooms, struct room_op *op)
{
    op->rooms = rooms;
    op->from = loop_self();
    if ((op->verb == ROOM_CREATE || op->verb == ROOM_PREVIEW) && id_none(op->room)) {
        op->room = id_new();
        op->on = true; /* of a preview: the room is made for it, and goes with it */
    }
    op->msg.deliver = deliver_op;
    loop_post(room_home(rooms, op->room)->loop, &op->msg);
}

struct home *room_home(struct rooms *rooms, struct id id)
{
    return &rooms->homes[loop_index(loops_home(rooms->deps.loops, id_hash(id)))];
}

struct room *room_new(struct home *home, struct id id)
{
    struct room *room = heap_alloc(sizeof *room);
    room->home = home;
    room->id = id;
    room->waiting_tail = &room->waiting;
    room_touch(room);
    map_set(&home->table, id_key(&id), room);
    count_rooms(home->rooms, 1);
    return room;
}

void room_free(struct room *room)
{
    map_del(&room->home->table, id_key(&room->id));
    count_rooms(room->home->rooms, -1);
    timer_close(&room->self_timer);
    speaking_release(room);
    audience_release(&room->audience);
    translate_stop_all(room, NULL);
    translate_setting_read(&room->translate, NULL);
    for (size_t i = 0; i < room->said_count; i++)
        said_release(&room->said[i]);
    free(room->said);
    room_members_release(room);
    free((char *)room->title.p);
    free((char *)room->settings.p);
    free((char *)room->external.p);
    free(room);
}

static LOOP bool interesting(const struct room *room)
{
    uint64_t any = 0;
    for (unsigned f = 0; f < ROOM_FORMATS_MAX; f++)
        any |= room->interest[f];
    return any || room->turn_count || room->appending || room->load != ROOM_READY ||
           timer_armed(&room->self_timer) || speaking_busy(room) || translate_busy(room);
}

/* Lets go of rooms where nothing happens. */
static void sweep(struct timer *timer)
{
    on_loop();
    struct home *home = CONTAINER(timer, struct home, sweep);
    uint64_t now = clock_mono_us();
    struct room **idle = heap_alloc((home->table.count + 1) * sizeof *idle);
    size_t at = 0, count = 0;
    void *value = NULL;
    while (map_next(&home->table, &at, &value)) {
        struct room *room = value;
        if (!interesting(room) && now - room->used_us > (uint64_t)ROOM_IDLE_MS * 1000)
            idle[count++] = room;
    }
    for (size_t i = 0; i < count; i++)
        room_free(idle[i]);
    free(idle);
    timer_arm(&home->sweep, ROOM_SWEEP_MS, sweep);
}

static void start_home(void *arg)
{
    on_loop();
    struct home *home = arg;
    timer_arm(&home->sweep, ROOM_SWEEP_MS, sweep);
}

void rooms_close_home(struct home *home)
{
    home->closed = true;
    timer_close(&home->sweep);
    size_t at = 0, count = 0;
    void *value = NULL;
    struct room **all = heap_alloc((home->table.count + 1) * sizeof *all);
    while (map_next(&home->table, &at, &value))
        all[count++] = value;
    for (size_t i = 0; i < count; i++)
        room_free(all[i]);
    free(all);
}

void rooms_set_config(struct rooms *rooms, const struct config *config)
{
    rooms->config = config;
}

struct rooms *rooms_new(const struct room_deps *deps)
{
    struct rooms *rooms = heap_alloc(sizeof *rooms);
    rooms->deps = *deps;
    rooms->config = deps->config;
    rooms->counters = counters_new(loops_count(deps->loops));
    while (rooms->formats < ROOM_FORMATS_MAX && deps->encode[rooms->formats])
        rooms->formats++;
    for (unsigned i = 0; i < loops_count(deps->loops); i++) {
        rooms->homes[i].rooms = rooms;
        rooms->homes[i].loop = loops_get(deps->loops, i);
        loop_call(rooms->homes[i].loop, start_home, &rooms->homes[i]);
    }
    return rooms;
}

void rooms_free(struct rooms *rooms)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++) {
        map_release(&rooms->homes[i].table);
        map_release(&rooms->homes[i].subs);
        map_release(&rooms->homes[i].handles);
    }
    free(rooms->counters);
    free(rooms);
}
