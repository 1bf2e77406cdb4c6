/*
 * What can be done with a room as a whole: make it, change it, start and stop it, clear it, put it away. See
 * room.h.
 *
 * Memory is changed when the change is committed, but for the head's own fields: those are set before,
 * because the row that is stored is written from memory, and put back if the store refuses.
 */
#include "room/room.h"

#include "base/clock.h"
#include "base/config.h"
#include "persona/house.h"
#include "persona/personas.h"
#include "room/hub.h"
#include "room/lookup.h"
#include "room/speaking.h"

#include <stdlib.h>

/* ---- personas by slug or id ------------------------------------------------------------------------------
 */

static void look_up_next(struct lookup *l) LOOP;

static void looked_up(struct personas_op *get)
{
    on_loop();
    struct lookup *l = CONTAINER(get, struct lookup, get);
    struct room_op *op = l->op;
    if (get->err == ERR_NOT_FOUND || get->err == ERR_GONE) {
        op->err =
            error_set_param(&op->error, op->verb == ROOM_PREVIEW ? ERR_NOT_FOUND : ERR_REFUSED, "personas",
                            "There is no persona '%.*s'; see GET /api/personas.", STR_ARG(get->key));
        room_op_done(op);
        return;
    }
    if (get->err != ERR_OK) {
        op->err = get->err;
        op->error = get->error;
        room_op_done(op);
        return;
    }
    const struct room *room = home_find(l->home, op->room);
    const struct room_persona *member = room ? room_persona(room, get->persona->id) : NULL;
    const struct content_limits *limits = &personas_house(l->home->rooms->deps.personas)->limits;
    if (!l->any && !(member && member->present && op->verb == ROOM_UPDATE) &&
        limits_meet(limits, get->persona, &op->error) != ERR_OK) {
        op->err = op->error.err;
        room_op_done(op);
        return;
    }
    bool known = false;
    for (size_t i = 0; i < l->at; i++)
        known |= id_eq(l->found[i]->id, get->persona->id);
    if (!known)
        l->found[l->at++] = get->persona;
    look_up_next(l);
}

static void look_up_next(struct lookup *l)
{
    struct room_op *op = l->op;
    if (op->persona_at == op->persona_count) {
        l->then(l);
        return;
    }
    l->get.key = op->personas[op->persona_at++];
    l->get.persona = NULL;
    l->get.err = ERR_OK;
    personas_get(l->home->rooms->deps.personas, &l->get);
}

void room_look_up(struct home *home, struct room_op *op, bool any, void (*then)(struct lookup *))
{
    size_t max = (size_t)rooms_config(home->rooms)->room.max_members;
    if (op->persona_count + 1 > max) {
        room_op_fail(op, ERR_REFUSED, "A room can have %zu members at most.", max);
        return;
    }
    struct lookup *l = arena_new(&op->arena, struct lookup);
    *l = (struct lookup){.home = home, .op = op, .any = any, .then = then};
    l->found = arena_array(&op->arena, struct persona *, op->persona_count);
    l->get.arena = &op->arena;
    l->get.done = looked_up;
    look_up_next(l);
}

static LOOP void add_persona(struct room *room, const struct persona *p)
{
    struct room_persona *member = room_persona_add(room, p->id);
    room_persona_name(member, persona_called(p), p->slug);
    member->talkativeness = p->traits[TRAIT_TALKATIVENESS];
}

/* ---- create ---- */

static struct str member_data(struct arena *a, const char *type, struct id id, struct str name)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("member"));
    jw_object(&w);
    jw_kv_string(&w, "type", str_c(type));
    jw_kv_string(&w, "id", str_c(id_text(id).c));
    jw_kv_string(&w, "name", name);
    jw_end_object(&w);
    jw_end_object(&w);
    struct str data = arena_str(a, buf_str(&b));
    buf_release(&b);
    return data;
}

static struct str title_data(struct arena *a, struct str title)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "title", title);
    jw_end_object(&w);
    struct str data = arena_str(a, buf_str(&b));
    buf_release(&b);
    return data;
}

static void created(struct room_append *append, struct room *room)
{
    on_loop();
    if (append->store.op.err == ERR_OK) {
        room->load = ROOM_READY;
        room_append_answer(append, room);
        room_loaded(room);
        return;
    }
    /* Not made: an answer, then whoever waited hears that there is no such room. */
    room_append_answer(append, room);
    room->load = ROOM_GONE;
    error_set(&room->load_error, ERR_NOT_FOUND, "No room has the id '%s'.", id_text(room->id).c);
    room_loaded(room);
}

static void create_with(struct lookup *l)
{
    on_loop();
    struct room_op *op = l->op;
    if (!room_greeting_choose(l))
        return;
    struct room *room = room_new(l->home, op->room);
    room->owner = op->who.user;
    str_copy(room->owner_name, sizeof room->owner_name, str_c(op->who.name));
    room->created_ms = clock_wall_ms();
    room->external = heap_str(op->importing ? room_import_name(&op->arena, room->id) : op->external);
    room->deleted_ms = op->importing ? room->created_ms : 0;
    room->version = 1;
    struct str title = op->title;
    if (str_empty(title) && l->at)
        title = persona_called(l->found[0]);
    room->title = heap_str(title);
    room_settings_change(room, op->settings);
    room_greeting_keep(room, l);
    for (size_t i = 0; i < l->at; i++)
        add_persona(room, l->found[i]);
    struct room_append *append = room_append_new(room, op, l->at + 3);
    struct arena *a = &append->store.op.arena;
    append->committed = created;
    room_append_head(room, append);
    append->store.create = true;
    if (op->idem)
        op->idem->result = arena_str(&op->arena, str_c(id_text(room->id).c));
    room_append_system(append, EVENT_ROOM_CREATED)->data = title_data(a, title);
    struct str name = arena_str(a, room_author_name(room));
    room_append_row(append, EVENT_MEMBER_JOINED, AUTHOR_USER, op->who.user, name)->data =
        member_data(a, "user", op->who.user, name);
    for (size_t i = 0; i < l->at; i++) {
        struct str called = arena_str(a, persona_called(l->found[i]));
        room_append_row(append, EVENT_MEMBER_JOINED, AUTHOR_PERSONA, l->found[i]->id, called)->data =
            member_data(a, "persona", l->found[i]->id, called);
    }
    room_greet(room, append, l);
    room_append_send(room, append);
}

void verb_create(struct home *home, struct room_op *op)
{
    if (home_find(home, op->room)) {
        room_op_fail(op, ERR_CONFLICT, "A room with the id '%s' is there already.", id_text(op->room).c);
        return;
    }
    room_look_up(home, op, false, create_with);
}

/* ---- change ---- */

static void head_changed(struct room_append *append, struct room *room)
{
    on_loop();
    if (append->store.op.err != ERR_OK && room)
        room_head_reload(room);
    room_append_answer(append, room);
}

static LOOP bool version_differs(struct room *room, struct room_op *op)
{
    if (!op->if_version || op->if_version == room->version)
        return false;
    room_op_fail(op, ERR_PRECONDITION, "The room changed meanwhile; read it again and repeat the change.");
    return true;
}

static bool wanted(const struct lookup *l, struct id id)
{
    for (size_t i = 0; i < l->at; i++) {
        if (id_eq(l->found[i]->id, id))
            return true;
    }
    return false;
}

static LOOP void change_members(struct room *room, struct room_append *append, const struct lookup *l)
{
    struct arena *a = &append->store.op.arena;
    for (size_t i = 0; i < room->persona_count; i++) {
        struct room_persona *p = &room->personas[i];
        if (!p->present || wanted(l, p->id))
            continue;
        p->present = false;
        struct str name = arena_str(a, p->name);
        room_append_row(append, EVENT_MEMBER_LEFT, AUTHOR_PERSONA, p->id, name)->data =
            member_data(a, "persona", p->id, name);
    }
    for (size_t i = 0; i < l->at; i++) {
        const struct room_persona *known = room_persona(room, l->found[i]->id);
        bool joins = !known || !known->present;
        add_persona(room, l->found[i]);
        if (!joins)
            continue;
        struct str name = arena_str(a, persona_called(l->found[i]));
        room_append_row(append, EVENT_MEMBER_JOINED, AUTHOR_PERSONA, l->found[i]->id, name)->data =
            member_data(a, "persona", l->found[i]->id, name);
    }
}

static void update_with(struct lookup *l)
{
    on_loop();
    struct room_op *op = l->op;
    /* The lookup took time: the room may have gone, or have changed. */
    struct room *room = home_find(l->home, op->room);
    if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
        return;
    }
    if (version_differs(room, op))
        return;
    struct room_append *append = room_append_new(room, op, room->persona_count + l->at + 1);
    append->committed = head_changed;
    append->store.expect_version = op->if_version;
    if (op->title_set) {
        free((char *)room->title.p);
        room->title = heap_str(op->title);
    }
    room_settings_change(room, op->settings);
    if (op->title_set || op->settings.n)
        room_append_system(append, EVENT_ROOM_UPDATED)->data =
            title_data(&append->store.op.arena, room->title);
    if (op->personas_set)
        change_members(room, append, l);
    room_append_head(room, append);
    room_append_send(room, append);
}

LOOP void verb_update(struct room *room, struct room_op *op)
{
    if (!version_differs(room, op))
        room_look_up(room->home, op, false, update_with);
}

LOOP void verb_get(struct room *room, struct room_op *op)
{
    room_view_fill(room, &op->arena, &op->view);
    room_op_done(op);
}

static LOOP struct room_append *state_append(struct room *room, struct room_op *op, enum room_state state,
                                             const char *reason)
{
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = head_changed;
    room->state = state;
    room_append_head(room, append);
    CLEANUP_BUF struct buf data = BUF_INIT;
    struct jw w = JW(&data);
    jw_object(&w);
    jw_kv_string(&w, "state", str_c(room_state_names[state]));
    if (reason)
        jw_kv_string(&w, "reason", str_c(reason));
    else
        jw_kv_null(&w, "reason");
    jw_end_object(&w);
    room_append_system(append, EVENT_ROOM_STATE)->data = arena_str(&append->store.op.arena, buf_str(&data));
    return append;
}

static void state_changed(struct room_append *append, struct room *room)
{
    on_loop();
    bool ok = append->store.op.err == ERR_OK && room;
    head_changed(append, room);
    if (!ok)
        return;
    if (room->state == ROOM_STOPPED) {
        turns_cancel_all(room);
        speaking_stop_all(room);
    }
    room->self_turns = 0;
    floor_continue(room);
}

LOOP void verb_set_state(struct room *room, struct room_op *op)
{
    if (room->state == op->state) {
        verb_get(room, op);
        return;
    }
    struct room_append *append = state_append(room, op, op->state, NULL);
    append->committed = state_changed;
    room_append_send(room, append);
}

void room_rest(struct room *room, const char *reason)
{
    room_append_send(room, state_append(room, NULL, ROOM_IDLE, reason));
}

LOOP void verb_clear(struct room *room, struct room_op *op)
{
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = head_changed;
    room_append_head(room, append);
    append->store.head->cleared_seq = ROW_OF_APPEND(0);
    room_append_system(append, EVENT_ROOM_CLEARED)->data = STR("{}");
    room_append_send(room, append);
}

static void removed(struct room_append *append, struct room *room)
{
    on_loop();
    bool ok = append->store.op.err == ERR_OK && room;
    head_changed(append, room);
    if (ok && room->deleted_ms) {
        turns_cancel_all(room);
        speaking_stop_all(room);
        translate_stop_all(room, NULL);
        room_publish_gone(room);
    }
}

static LOOP void set_deleted(struct room *room, struct room_op *op, int64_t deleted_ms)
{
    struct room_append *append = room_append_new(room, op, 0);
    append->committed = removed;
    append->store.expect_version = op->if_version;
    room->deleted_ms = deleted_ms;
    room_append_head(room, append);
    room_append_send(room, append);
}

LOOP void verb_remove(struct room *room, struct room_op *op)
{
    if (!version_differs(room, op))
        set_deleted(room, op, clock_wall_ms());
}

LOOP void verb_restore(struct room *room, struct room_op *op)
{
    if (room->deleted_ms)
        set_deleted(room, op, 0);
    else
        verb_get(room, op);
}

/* ---- readers, typing ---- */

LOOP void verb_join(struct room *room, struct room_op *op)
{
    room->interest[op->format] |= 1ull << loop_index(op->from);
    if (op->sound) {
        room->hears[op->sound] |= 1ull << loop_index(op->from);
        audience_join(&room->audience, op->who.user);
    }
    verb_get(room, op);
}

LOOP void verb_leave(struct room *room, struct room_op *op)
{
    uint64_t loop = 1ull << loop_index(op->from);
    if (op->format < ROOM_FORMATS_MAX)
        room->interest[op->format] &= ~loop;
    if (op->sound && op->on) /* the last listener of its codec on its loop */
        room->hears[op->sound] &= ~loop;
    if (op->sound)
        audience_leave(&room->audience, op->who.user);
    room_op_done(op);
}

LOOP void verb_typing(struct room *room, struct room_op *op)
{
    struct str name = room_author_name(room);
    room_publish_passing(room, EVENT_TYPING, AUTHOR_USER, op->who.user, name, ID_NONE,
                         op->on ? STR("{\"on\":true}") : STR("{\"on\":false}"));
    room_op_done(op);
}

static void collect_snapshot(void *arg, const struct event_row *row)
{
    struct room_op *op = arg;
    op->rows[op->row_count++] = event_copy(&op->arena, row);
}

LOOP void verb_snapshot(struct room *room, struct room_op *op)
{
    op->rows = arena_array(&op->arena, struct event_row, room->turn_count + 2);
    turn_snapshots(room, collect_snapshot, op);
    op->row_count += speaking_now(room, &op->rows[op->row_count], &op->arena);
    room_op_done(op);
}
