/*
 * The WebSocket's inside: a client, and the parts that give its messages a meaning.
 *
 * A client is a small struct with a list of the rooms it joined. What it can do is said by parts, each a file
 * with one `struct socket_part` in the list of ws.c: a table of JSON messages, the first byte of the binary
 * messages that are its own, and what it wants to hear of.
 *
 *   ws.c             opening, closing, dispatch, operations and their answers
 *   socket_rooms.c   join, leave, say, typing, cancel: events out
 *   socket_speech.c  a persona's voice: sound out; played, interrupt
 *   mic.c            the microphone: sound in
 *
 * Everything runs on the loop of its socket. Private to src/api.
 */
#ifndef EIDOLON_API_SOCKET_H
#define EIDOLON_API_SOCKET_H

#include "api/call.h"
#include "net/ws.h"
#include "room/sub.h"

struct mic; /* api/mic.c */

struct client {
    struct api *api;
    struct ws *ws;
    struct principal who;
    struct joined_room *rooms;
    unsigned room_count, pending;
    struct mic *mic; /* its part's; NULL: none is open */
};

struct joined_room {
    struct sub sub;
    struct client *client;
    struct joined_room *next;
};

struct socket_message {
    const char *type, *shape; /* shape: schema.def */
    void (*handle)(struct client *, const struct json *message, struct id room);
};

/* Members that are not set are not called. Each begins with on_loop(). */
struct socket_part {
    const struct socket_message *messages;
    size_t count;
    unsigned binary; /* the first byte of the binary messages that take() gets */
    void (*take)(struct client *, struct str payload);
    void (*told)(struct joined_room *, const struct sub_frame *); /* before the frame goes out */
    void (*left)(struct client *, struct id room);                /* also before the end */
    void (*closed)(struct client *); /* the socket is gone; the client goes after all were told */
};
extern const struct socket_part socket_rooms, socket_speech, socket_mic;

/* ws.c: for parts. */
void socket_send(struct client *client, struct buf *json) LOOP; /* a text frame */
/* `id`: the client's own, as raw JSON; empty: none. `room` likewise optional. */
void socket_error(struct client *client, const struct error *e, struct str id, struct id room) LOOP;
/* An operation that answers the client: with an error, or with an ack where asked->wants_ack. */
struct socket_asked {
    struct ws_ref ref;
    struct str id; /* the client's, raw JSON */
    bool wants_ack;
};
struct room_op *socket_op(struct client *client, enum room_verb verb, struct id room,
                          const struct json *message) LOOP; /* op->arg: struct socket_asked */
void socket_submit(struct client *client, struct room_op *op) LOOP;
void socket_told(struct joined_room *room, const struct sub_frame *frame) LOOP;
void socket_left(struct client *client, struct id room) LOOP;

/* socket_rooms.c. NULL: it did not join that room. */
struct joined_room *socket_room(const struct client *client, struct id room);

/* socket_speech.c. */
void socket_sound(struct sub *sub, const struct sub_sound *sound);
unsigned socket_sound_wanted(const struct json *join); /* sub.sound */

#endif
