/*
 * The WebSocket: join and leave rooms, say, typing, cancel; docs/API.md, "WebSocket".
 *
 * A client is a small struct with a list of the rooms it joined, each a subscription (room/sub.h). Frames of
 * events are made once per event (encode.c). A client that reads slowly loses passing events; one that takes
 * nothing for net.write_timeout is closed by the net. What a client sent is answered by its own id, from the
 * reference to its socket: it may be gone by then.
 */
#include "net/ws.h"
#include "api/call.h"
#include "api/schema.h"
#include "room/sub.h"

#include <stdlib.h>

enum {
    WS_ROOMS_MAX = 256,  /* rooms that one client may have joined */
    WS_PENDING_MAX = 256 /* operations of one client that may be under way */
};

struct joined_room;

struct client {
    struct api *api;
    struct ws *ws;
    struct principal who;
    struct joined_room *rooms;
    unsigned room_count, pending;
};

struct joined_room {
    struct sub sub;
    struct client *client;
    struct joined_room *next;
};

static const struct config *config_of(const struct client *client)
{
    struct call call = {.api = client->api};
    return call_config(&call);
}

/* ---- frames to the client */

static void send_frame(struct client *client, struct buf *b) LOOP;
static void send_frame(struct client *client, struct buf *b)
{
    ws_send(client->ws, buf_str(b), true);
}

/* `id`: the client's own, as raw JSON; empty: none. `room` likewise optional. */
static void send_error(struct client *client, const struct error *e, struct str id, struct id room) LOOP;
static void send_error(struct client *client, const struct error *e, struct str id, struct id room)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("error"));
    jw_key(&w, STR("error"));
    error_object_write(&w, e, STR_NONE);
    jw_kv_raw(&w, "id", id);
    if (!id_none(room))
        jw_kv_string(&w, "room", str_c(id_text(room).c));
    jw_end_object(&w);
    send_frame(client, &b);
}

static void send_joined(struct client *client, struct id room, uint64_t head) LOOP;
static void send_joined(struct client *client, struct id room, uint64_t head)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("joined"));
    jw_kv_string(&w, "room", str_c(id_text(room).c));
    jw_kv_u64(&w, "seq", head);
    jw_end_object(&w);
    send_frame(client, &b);
}

/* ---- rooms */

static void drop_room(struct joined_room *room) LOOP;
static void drop_room(struct joined_room *room)
{
    struct client *client = room->client;
    struct joined_room **at = &client->rooms;
    while (*at != room)
        at = &(*at)->next;
    *at = room->next;
    client->room_count--;
    sub_close(&room->sub);
    /* We may be inside one of its own callbacks. */
    loop_defer(loop_self(), free, room);
}

static struct joined_room *find_room(const struct client *client, struct id id)
{
    for (struct joined_room *room = client->rooms; room; room = room->next)
        if (id_eq(room->sub.room, id))
            return room;
    return NULL;
}

static void on_joined(struct sub *sub, uint64_t head)
{
    on_loop();
    struct joined_room *room = CONTAINER(sub, struct joined_room, sub);
    send_joined(room->client, sub->room, head);
}

static void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    on_loop();
    struct joined_room *room = CONTAINER(sub, struct joined_room, sub);
    ws_send_shared(room->client->ws, frame->frame, NULL);
}

static bool on_ready(struct sub *sub)
{
    const struct joined_room *room = CONTAINER(sub, struct joined_room, sub);
    return ws_queued(room->client->ws) <= config_of(room->client)->net.send_queue_max;
}

static void on_failed(struct sub *sub, const struct error *e)
{
    on_loop();
    struct joined_room *room = CONTAINER(sub, struct joined_room, sub);
    struct client *client = room->client;
    struct error error = *e;
    struct id id = sub->room;
    drop_room(room);
    send_error(client, &error, STR_NONE, id);
}

static void join(struct client *client, const struct json *message, struct id id) LOOP;
static void join(struct client *client, const struct json *message, struct id id)
{
    static const struct sub_events events = {
        .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};
    struct error e = {0};
    int64_t after = json_get_i64(message, "after", -1);
    struct joined_room *room = find_room(client, id);
    if (room)
        drop_room(room);
    if (client->room_count >= WS_ROOMS_MAX) {
        error_set(&e, ERR_LIMIT, "One connection can join %d rooms; leave some first.", WS_ROOMS_MAX);
        send_error(client, &e, STR_NONE, id);
        return;
    }
    room = heap_alloc(sizeof *room);
    room->client = client;
    room->sub.events = &events;
    room->sub.format = ws_is_deflated(client->ws) ? FORMAT_WS_DEFLATED : FORMAT_WS;
    room->sub.who = client->who;
    room->sub.room = id;
    room->next = client->rooms;
    client->rooms = room;
    client->room_count++;
    sub_open(client->api->parts.rooms, &room->sub, after > 0 ? (uint64_t)after : 0,
             after < 0 ? SUB_LIVE_ONLY : 0);
}

/* ---- operations */

struct asked {
    struct ws_ref ref;
    struct str id; /* the client's, raw JSON */
    bool wants_ack;
};

static void send_ack(struct client *client, struct str id, uint64_t seq) LOOP;
static void send_ack(struct client *client, struct str id, uint64_t seq)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("ack"));
    jw_kv_raw(&w, "id", id);
    jw_kv_u64(&w, "seq", seq);
    jw_end_object(&w);
    send_frame(client, &b);
}

static void answered(struct room_op *op)
{
    on_loop();
    const struct asked *asked = op->arg;
    struct ws *ws = ws_find(asked->ref);
    if (ws) {
        struct client *client = ws_arg(ws);
        client->pending--;
        if (op->err)
            send_error(client, &op->error, asked->id, op->room);
        else if (asked->wants_ack)
            send_ack(client, asked->id, op->event.seq);
    }
    room_op_free(op);
}

static struct room_op *op_new(struct client *client, enum room_verb verb, struct id room,
                              const struct json *message) LOOP;
static struct room_op *op_new(struct client *client, enum room_verb verb, struct id room,
                              const struct json *message)
{
    struct room_op *op = room_op_new(verb, &client->who, room);
    struct asked *asked = arena_new(&op->arena, struct asked);
    const struct json *id = json_get(message, "id");
    asked->ref = ws_ref(client->ws);
    asked->id = id ? arena_str(&op->arena, id->raw) : STR_NONE;
    op->arg = asked;
    op->done = answered;
    return op;
}

static void submit(struct client *client, struct room_op *op) LOOP;
static void submit(struct client *client, struct room_op *op)
{
    const struct asked *asked = op->arg;
    if (client->pending >= WS_PENDING_MAX) {
        struct error e = {0};
        error_set(&e, ERR_LIMIT, "Too much of this connection is still under way; wait for its answers.");
        send_error(client, &e, asked->id, op->room);
        room_op_free(op);
        return;
    }
    client->pending++;
    room_submit(client->api->parts.rooms, op);
}

static void say(struct client *client, const struct json *message, struct id room) LOOP;
static void say(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = op_new(client, ROOM_SAY, room, message);
    struct asked *asked = op->arg;
    struct str reply_to = json_get_str(message, "reply_to", STR_NONE);
    asked->wants_ack = true;
    op->text = arena_str(&op->arena, json_get_str(message, "text", STR_NONE));
    op->client_id = arena_str(&op->arena, json_get_str(message, "id", STR_NONE));
    if (!str_empty(reply_to) && !id_parse(reply_to, &op->reply_to)) {
        struct error e = {0};
        error_set_param(&e, ERR_INVALID, "reply_to", "'reply_to' must be the id of a message.");
        send_error(client, &e, asked->id, room);
        room_op_free(op);
        return;
    }
    submit(client, op);
}

static void leave(struct client *client, const struct json *message, struct id id) LOOP;
static void leave(struct client *client, const struct json *message, struct id id)
{
    struct joined_room *room = find_room(client, id);
    (void)message;
    if (room)
        drop_room(room);
}

static void typing(struct client *client, const struct json *message, struct id room) LOOP;
static void typing(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = op_new(client, ROOM_TYPING, room, message);
    op->on = json_get_bool(message, "on", true);
    submit(client, op);
}

static void cancel(struct client *client, const struct json *message, struct id room) LOOP;
static void cancel(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = op_new(client, ROOM_CANCEL, room, message);
    if (!id_parse(json_get_str(message, "turn", STR_NONE), &op->turn)) {
        struct error e = {0};
        const struct asked *asked = op->arg;
        error_set_param(&e, ERR_NOT_FOUND, "turn", "No running turn of this room has that id.");
        send_error(client, &e, asked->id, room);
        room_op_free(op);
        return;
    }
    submit(client, op);
}

/* ---- messages from the client */

static const struct {
    const char *type, *shape;
    void (*handle)(struct client *, const struct json *, struct id room);
} types[] = {
    {"join", "SocketJoin", join},       {"leave", "SocketLeave", leave},    {"say", "SocketSay", say},
    {"typing", "SocketTyping", typing}, {"cancel", "SocketCancel", cancel},
};

/* The row of a message's type, once the message has the type's shape. */
static enum err check(struct arena *a, struct str payload, struct json **message, size_t *type,
                      struct error *e)
{
    enum err err = json_parse(a, payload, message, e);
    if (err)
        return err;
    struct str name = json_get_str(*message, "type", STR_NONE);
    for (*type = 0; *type < sizeof types / sizeof *types; ++*type)
        if (str_eq(name, str_c(types[*type].type)))
            return schema_check(schema_find(str_c(types[*type].shape)), *message, SCHEMA_TOLERANT, e);
    return error_set_param(e, ERR_INVALID, "type",
                           "A message is an object whose type is join, leave, say, typing or cancel.");
}

static void on_message(struct ws *ws, struct str payload, bool text, void *arg)
{
    on_loop();
    struct client *client = arg;
    struct arena a = ARENA_INIT;
    struct json *message = NULL;
    struct error e = {0};
    size_t type = 0;
    struct id room = ID_NONE;
    (void)ws;
    enum err err =
        text ? check(&a, payload, &message, &type, &e)
             : error_set(&e, ERR_UNSUPPORTED_TYPE, "Send text messages; binary ones mean nothing here.");
    if (!err && !id_parse(json_get_str(message, "room", STR_NONE), &room))
        err = error_set_param(&e, ERR_NOT_FOUND, "room", "No room has that id.");
    if (err) {
        const struct json *id = json_get(message, "id");
        send_error(client, &e, id ? id->raw : STR_NONE, ID_NONE);
    } else {
        types[type].handle(client, message, room);
    }
    arena_release(&a);
}

static void on_drain(struct ws *ws, void *arg)
{
    on_loop();
    struct client *client = arg;
    (void)ws;
    for (struct joined_room *room = client->rooms, *next; room; room = next) {
        next = room->next;
        sub_resume(&room->sub);
    }
}

static void on_closed(struct ws *ws, unsigned code, void *arg)
{
    on_loop();
    struct client *client = arg;
    (void)ws;
    (void)code;
    while (client->rooms)
        drop_room(client->rooms);
    free(client);
}

void handle_socket_open(struct call *call)
{
    static const struct ws_events events = {.message = on_message, .drain = on_drain, .closed = on_closed};
    struct client *client = heap_alloc(sizeof *client);
    struct ws_options options = {.max_message = call_config(call)->net.ws_max_message,
                                 .no_deflate = !call_config(call)->net.ws_compress};
    client->api = call->api;
    client->who = call->who;
    client->ws = http_upgrade_ws(call->req, &events, &options, client);
    if (!client->ws)
        free(client);
}

/* ---- echo */

static void echo_message(struct ws *ws, struct str payload, bool text, void *arg)
{
    on_loop();
    (void)arg;
    ws_send(ws, payload, text);
}

static void echo_closed(struct ws *ws, unsigned code, void *arg)
{
    on_loop();
    (void)ws;
    (void)code;
    (void)arg;
}

/* Conformance suites send messages of 16 MiB. */
enum { ECHO_MESSAGE_MAX = 32 << 20 };

void handle_socket_echo(struct call *call)
{
    static const struct ws_events events = {.message = echo_message, .closed = echo_closed};
    struct ws_options options = {.max_message = ECHO_MESSAGE_MAX};
    if (call_config(call)->net.echo)
        http_upgrade_ws(call->req, &events, &options, NULL);
    else
        call_refuse(call, ERR_NOT_FOUND, "The echo is off; net.echo=on turns it on.");
}
