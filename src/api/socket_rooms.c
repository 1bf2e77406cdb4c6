/*
 * What a socket does in rooms: join, leave, say, typing, cancel; see socket.h.
 *
 * Each room that a client joined is a subscription (room/sub.h). Frames of events are made once per event
 * (encode.c), those of sound once per piece. A client that reads slowly loses passing events and sound; one
 * that takes nothing for net.write_timeout is closed by the net.
 */
#include "api/socket.h"

#include <stdlib.h>

enum { WS_ROOMS_MAX = 256 /* rooms that one client may have joined */ };

static const struct config *config_of(const struct client *client)
{
    struct call call = {.api = client->api};
    return call_config(&call);
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
    socket_send(client, &b);
}

static void drop_room(struct joined_room *room) LOOP;
static void drop_room(struct joined_room *room)
{
    struct client *client = room->client;
    struct joined_room **at = &client->rooms;
    socket_left(client, room->sub.room);
    while (*at != room)
        at = &(*at)->next;
    *at = room->next;
    client->room_count--;
    sub_close(&room->sub);
    /* We may be inside one of its own callbacks. */
    loop_defer(loop_self(), free, room);
}

struct joined_room *socket_room(const struct client *client, struct id id)
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
    socket_told(room, frame);
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
    socket_error(client, &error, STR_NONE, id);
}

static void join(struct client *client, const struct json *message, struct id id) LOOP;
static void join(struct client *client, const struct json *message, struct id id)
{
    static const struct sub_events events = {.joined = on_joined,
                                             .frame = on_frame,
                                             .ready = on_ready,
                                             .failed = on_failed,
                                             .sound = socket_sound};
    struct error e = {0};
    int64_t after = json_get_i64(message, "after", -1);
    struct joined_room *room = socket_room(client, id);
    if (room)
        drop_room(room);
    if (client->room_count >= WS_ROOMS_MAX) {
        error_set(&e, ERR_LIMIT, "One connection can join %d rooms; leave some first.", WS_ROOMS_MAX);
        socket_error(client, &e, STR_NONE, id);
        return;
    }
    room = heap_alloc(sizeof *room);
    room->client = client;
    room->sub.events = &events;
    room->sub.format = ws_is_deflated(client->ws) ? FORMAT_WS_DEFLATED : FORMAT_WS;
    room->sub.who = client->who;
    room->sub.room = id;
    room->sub.sound = socket_sound_wanted(message);
    room->next = client->rooms;
    client->rooms = room;
    client->room_count++;
    sub_open(client->api->parts.rooms, &room->sub, after > 0 ? (uint64_t)after : 0,
             after < 0 ? SUB_LIVE_ONLY : 0);
}

static void say(struct client *client, const struct json *message, struct id room) LOOP;
static void say(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = socket_op(client, ROOM_SAY, room, message);
    struct socket_asked *asked = op->arg;
    struct str reply_to = json_get_str(message, "reply_to", STR_NONE);
    asked->wants_ack = true;
    op->text = arena_str(&op->arena, json_get_str(message, "text", STR_NONE));
    op->client_id = arena_str(&op->arena, json_get_str(message, "id", STR_NONE));
    const struct json *media = json_get(message, "media");
    op->media = media && media->type == JSON_ARRAY ? arena_str(&op->arena, media->raw) : STR_NONE;
    if (!str_empty(reply_to) && !id_parse(reply_to, &op->reply_to)) {
        struct error e = {0};
        error_set_param(&e, ERR_INVALID, "reply_to", "'reply_to' must be the id of a message.");
        socket_error(client, &e, asked->id, room);
        room_op_free(op);
        return;
    }
    socket_submit(client, op);
}

static void leave(struct client *client, const struct json *message, struct id id) LOOP;
static void leave(struct client *client, const struct json *message, struct id id)
{
    struct joined_room *room = socket_room(client, id);
    (void)message;
    if (room)
        drop_room(room);
}

static void typing(struct client *client, const struct json *message, struct id room) LOOP;
static void typing(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = socket_op(client, ROOM_TYPING, room, message);
    op->on = json_get_bool(message, "on", true);
    socket_submit(client, op);
}

static void cancel(struct client *client, const struct json *message, struct id room) LOOP;
static void cancel(struct client *client, const struct json *message, struct id room)
{
    struct room_op *op = socket_op(client, ROOM_CANCEL, room, message);
    if (!id_parse(json_get_str(message, "turn", STR_NONE), &op->turn)) {
        struct error e = {0};
        const struct socket_asked *asked = op->arg;
        error_set_param(&e, ERR_NOT_FOUND, "turn", "No running turn of this room has that id.");
        socket_error(client, &e, asked->id, room);
        room_op_free(op);
        return;
    }
    socket_submit(client, op);
}

static void rooms_closed(struct client *client)
{
    on_loop();
    while (client->rooms)
        drop_room(client->rooms);
}

static const struct socket_message messages[] = {
    {"join", "SocketJoin", join},       {"leave", "SocketLeave", leave},    {"say", "SocketSay", say},
    {"typing", "SocketTyping", typing}, {"cancel", "SocketCancel", cancel},
};

const struct socket_part socket_rooms = {
    .messages = messages,
    .count = sizeof messages / sizeof *messages,
    .closed = rooms_closed,
};
