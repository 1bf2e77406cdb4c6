/*
 * The WebSocket: what comes from a client goes to the part it belongs to; see socket.h, and docs/API.md,
 * "WebSocket".
 *
 * What a client sent is answered by its own id, from the reference to its socket: it may be gone by then.
 */
#include "api/socket.h"

#include "api/schema.h"

#include <stdlib.h>

enum { WS_PENDING_MAX = 256 /* operations of one client that may be under way */ };

static const struct socket_part *const parts[] = {&socket_rooms, &socket_speech, &socket_mic};
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- frames to the client */

void socket_send(struct client *client, struct buf *b)
{
    ws_send(client->ws, buf_str(b), true);
}

void socket_error(struct client *client, const struct error *e, struct str id, struct id room)
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
    socket_send(client, &b);
}

/* ---- operations */

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
    socket_send(client, &b);
}

static void answered(struct room_op *op)
{
    on_loop();
    const struct socket_asked *asked = op->arg;
    struct ws *ws = ws_find(asked->ref);
    if (ws) {
        struct client *client = ws_arg(ws);
        client->pending--;
        if (op->err)
            socket_error(client, &op->error, asked->id, op->room);
        else if (asked->wants_ack)
            send_ack(client, asked->id, op->event.seq);
    }
    room_op_free(op);
}

struct room_op *socket_op(struct client *client, enum room_verb verb, struct id room,
                          const struct json *message)
{
    struct room_op *op = room_op_new(verb, &client->who, room);
    struct socket_asked *asked = arena_new(&op->arena, struct socket_asked);
    const struct json *id = json_get(message, "id");
    asked->ref = ws_ref(client->ws);
    asked->id = id ? arena_str(&op->arena, id->raw) : STR_NONE;
    op->arg = asked;
    op->done = answered;
    return op;
}

void socket_submit(struct client *client, struct room_op *op)
{
    const struct socket_asked *asked = op->arg;
    if (client->pending >= WS_PENDING_MAX) {
        struct error e = {0};
        error_set(&e, ERR_LIMIT, "Too much of this connection is still under way; wait for its answers.");
        socket_error(client, &e, asked->id, op->room);
        room_op_free(op);
        return;
    }
    client->pending++;
    room_submit(client->api->parts.rooms, op);
}

/* ---- what parts hear of each other */

void socket_told(struct joined_room *room, const struct sub_frame *frame)
{
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i]->told)
            parts[i]->told(room, frame);
}

void socket_left(struct client *client, struct id room)
{
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i]->left)
            parts[i]->left(client, room);
}

/* ---- messages from the client */

/* The row of a message's type, once the message has the type's shape. */
static enum err check(struct arena *a, struct str payload, struct json **message,
                      const struct socket_message **row, struct error *e)
{
    enum err err = json_parse(a, payload, message, e);
    if (err)
        return err;
    struct str name = json_get_str(*message, "type", STR_NONE);
    for (size_t i = 0; i < PARTS; i++) {
        for (size_t k = 0; k < parts[i]->count; k++) {
            *row = &parts[i]->messages[k];
            if (str_eq(name, str_c((*row)->type)))
                return schema_check(schema_find(str_c((*row)->shape)), *message, SCHEMA_TOLERANT, e);
        }
    }
    return error_set_param(
        e, ERR_INVALID, "type",
        "A message is an object whose type is join, leave, say, typing, cancel or another of "
        "docs/API.md, \"WebSocket\".");
}

/* Sound and the like: the first byte says whose it is. */
static void on_binary(struct client *client, struct str payload) LOOP;
static void on_binary(struct client *client, struct str payload)
{
    struct error e = {0};
    for (size_t i = 0; i < PARTS; i++) {
        if (!parts[i]->take || !payload.n || (unsigned char)payload.p[0] != parts[i]->binary)
            continue;
        parts[i]->take(client, payload);
        return;
    }
    error_set(&e, ERR_UNSUPPORTED_TYPE,
              "This binary message means nothing here; its first byte says what it is (docs/VOICE.md).");
    socket_error(client, &e, STR_NONE, ID_NONE);
}

static void on_message(struct ws *ws, struct str payload, bool text, void *arg)
{
    on_loop();
    struct client *client = arg;
    if (!text) {
        on_binary(client, payload);
        return;
    }
    struct arena a = ARENA_INIT;
    struct json *message = NULL;
    struct error e = {0};
    const struct socket_message *row = NULL;
    struct id room = ID_NONE;
    (void)ws;
    enum err err = check(&a, payload, &message, &row, &e);
    if (!err && !id_parse(json_get_str(message, "room", STR_NONE), &room))
        err = error_set_param(&e, ERR_NOT_FOUND, "room", "No room has that id.");
    if (err) {
        const struct json *id = json_get(message, "id");
        socket_error(client, &e, id ? id->raw : STR_NONE, ID_NONE);
    } else {
        row->handle(client, message, room);
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
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i]->closed)
            parts[i]->closed(client);
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
