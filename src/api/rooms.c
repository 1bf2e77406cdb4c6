/*
 * Rooms: list, open, read, change, delete, restore, and their states.
 *
 * Lists come from the store (heads of rooms that nobody has loaded cost nothing), everything else from the
 * room itself by operations (room/rooms.h).
 */
#include "api/idem.h"
#include "api/render.h"
#include "persona/house.h"
#include "room/translate.h"

static void send_room(struct call *call, struct room_op *op, int status) LOOP;
static void send_room(struct call *call, struct room_op *op, int status)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    render_room(&w, &op->view);
    call_resource(call, status, op->view.version, buf_str(&b));
}

static void answer_room(struct call *call, struct room_op *op)
{
    on_loop();
    if (op->view.deleted_ms && op->verb == ROOM_GET && call->req->method <= HTTP_HEAD) {
        call_refuse(call, ERR_GONE, "This room was deleted; POST to its /restore brings it back.");
        return;
    }
    send_room(call, op, 200);
}

static struct room_op *op_new(struct call *call, enum room_verb verb) LOOP;
static struct room_op *op_new(struct call *call, enum room_verb verb)
{
    struct id room;
    if (!call_param_id(call, 0, "room", &room))
        return NULL;
    return room_op_new(verb, &call->who, room);
}

/* ---- list */

static void answer_page(struct call *call, struct store_op *op)
{
    on_loop();
    struct store_rooms_list *list = (struct store_rooms_list *)op;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < list->count; i++) {
        if (!room_name_is_import(list->rows[i].external))
            render_room_row(&w, call, &list->rows[i]);
    }
    list_end(&w, list->next);
    call_json(call, 200, buf_str(&b));
}

void handle_rooms_page(struct call *call)
{
    unsigned limit;
    bool deleted = false;
    struct str after, find;
    if (!call_query_limit(call, &limit) || !call_query(call, "after", &after) ||
        !call_query(call, "find", &find) || !call_query_flag(call, "deleted", &deleted))
        return;
    struct store_rooms_list *list = STORE_NEW(rooms_list, ROOMS_LIST);
    list->tenant = call->who.tenant;
    list->owner = call->who.user;
    list->after = arena_str(&list->op.arena, after);
    list->find = arena_str(&list->op.arena, find);
    list->limit = limit;
    list->deleted = deleted;
    call_store(call, &list->op, answer_page);
}

/* ---- open */

/* Fields that lie in the room's settings: room/settings.c keeps them as they are sent. */
static const char *const settings[] = {"lorebooks", "profile", "voice", "translate"};

static void take_settings(struct call *call, struct room_op *op, bool all)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct json *value = json_get(call->body, settings[i]);
        bool empty = !value || (value->type == JSON_ARRAY && value->count == 0);
        if (value || all)
            jw_kv_raw(&w, settings[i], empty ? STR("null") : value->raw);
    }
    jw_end_object(&w);
    if (b.n > 2)
        op->settings = arena_str(&op->arena, buf_str(&b));
}

static void take_fields(struct call *call, struct room_op *op, bool all)
{
    take_settings(call, op, all);
    const struct json *title = json_get(call->body, "title"), *personas = json_get(call->body, "personas");
    op->title_set = all || title;
    op->title = arena_str(&op->arena, json_get_str(call->body, "title", STR_NONE));
    op->personas_set = all || personas;
    if (!personas)
        return;
    op->personas = arena_array(&op->arena, struct str, personas->count);
    json_each (item, personas)
        op->personas[op->persona_count++] = arena_str(&op->arena, item->string);
}

/* 0 when left out, -1 for any. */
static int64_t greeting_of(const struct json *value)
{
    int64_t number = 0;
    if (value && value->type == JSON_STRING)
        return -1;
    return value && json_i64(value, &number) ? number : 0;
}

/* False: answered. A room keeps an id; a name of none is a mistake. */
static bool profile_known(struct call *call) LOOP;
static bool profile_known(struct call *call)
{
    const struct json *value = json_get(call->body, "profile");
    struct id id;
    if (!value || value->type != JSON_STRING ||
        (id_parse(value->string, &id) && house_profile_of(personas_house(call->api->parts.personas), id)))
        return true;
    call_refuse_param(call, ERR_REFUSED, "profile", "There is no profile '%.*s'; see GET /api/profiles.",
                      STR_ARG(str_sub(value->string, 0, 64)));
    return false;
}

/* False: answered. */
static bool translate_ok(struct call *call) LOOP;
static bool translate_ok(struct call *call)
{
    const struct json *value = json_get(call->body, "translate");
    struct error e = {0};
    if (!value || value->type != JSON_OBJECT ||
        translate_check(call->api->parts.engines, value, &e) == ERR_OK)
        return true;
    call_error(call, &e);
    return false;
}

static void replayed_room(struct call *call, struct room_op *op)
{
    on_loop();
    idem_mark_replayed(call);
    send_room(call, op, 201);
}

static void replay_room(struct call *call, struct str result)
{
    on_loop();
    struct id room = ID_NONE;
    id_parse(result, &room);
    call_room(call, room_op_new(ROOM_GET, &call->who, room), replayed_room);
}

static void opened(struct call *call, struct room_op *op)
{
    on_loop();
    if (op->err == ERR_CONFLICT) {
        idem_lost(call, &op->error, replay_room);
    } else if (op->err) {
        call_error(call, &op->error);
    } else {
        http_set_header(call->req, "Location",
                        arena_printf(call_arena(call), "/api/rooms/%s", id_text(op->view.id).c));
        send_room(call, op, 201);
    }
}

static void open_room(struct call *call)
{
    on_loop();
    if (!profile_known(call) || !translate_ok(call))
        return;
    struct room_op *op = room_op_new(ROOM_CREATE, &call->who, ID_NONE);
    take_fields(call, op, true);
    op->greeting = greeting_of(json_get(call->body, "greeting"));
    op->idem = idem_of(call, &op->arena);
    call_room_either(call, op, opened);
}

void handle_room_post(struct call *call)
{
    idem_check(call, open_room, replay_room);
}

/* ---- one room */

void handle_room_show(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_GET);
    if (op)
        call_room(call, op, answer_room);
}

static void change(struct call *call, bool all) LOOP;
static void change(struct call *call, bool all)
{
    uint64_t version;
    struct room_op *op;
    if (!profile_known(call) || !translate_ok(call) || !call_if_match(call, &version) ||
        !(op = op_new(call, ROOM_UPDATE)))
        return;
    op->if_version = version;
    take_fields(call, op, all);
    call_room(call, op, answer_room);
}

/* Answers the room, so that the page knows which greeting is there now. */
void handle_room_greeting(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_GREET);
    if (!op)
        return;
    op->greeting = greeting_of(json_get(call->body, "greeting"));
    call_room(call, op, answer_room);
}

void handle_room_put(struct call *call)
{
    change(call, true);
}

void handle_room_patch(struct call *call)
{
    change(call, false);
}

static void removed(struct call *call, struct room_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_room_delete(struct call *call)
{
    uint64_t version;
    struct room_op *op;
    if (!call_if_match(call, &version) || !(op = op_new(call, ROOM_REMOVE)))
        return;
    op->if_version = version;
    call_room(call, op, removed);
}

void handle_room_restore(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_RESTORE);
    if (op)
        call_room(call, op, answer_room);
}

/* ---- states */

static void set_state(struct call *call, enum room_state state) LOOP;
static void set_state(struct call *call, enum room_state state)
{
    struct room_op *op = op_new(call, ROOM_SET_STATE);
    if (!op)
        return;
    op->state = state;
    call_room(call, op, answer_room);
}

void handle_room_start(struct call *call)
{
    set_state(call, ROOM_RUNNING);
}

void handle_room_pause(struct call *call)
{
    set_state(call, ROOM_PAUSED);
}

void handle_room_stop(struct call *call)
{
    set_state(call, ROOM_STOPPED);
}

void handle_room_idle(struct call *call)
{
    set_state(call, ROOM_IDLE);
}

void handle_room_clear(struct call *call)
{
    struct room_op *op = op_new(call, ROOM_CLEAR);
    if (op)
        call_room(call, op, answer_room);
}
