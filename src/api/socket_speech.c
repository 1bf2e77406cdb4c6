/*
 * A persona's voice on the socket: sound goes out as binary frames, and the client says how far it played it
 * and when the person stopped it; see socket.h, and docs/VOICE.md for the bytes.
 */
#include "api/mic.h"

unsigned socket_sound_wanted(const struct json *join)
{
    const struct json *audio = json_get(join, "audio");
    if (audio && audio->type == JSON_STRING)
        return str_eq(audio->string, STR("opus")) ? SOUND_OPUS_PACKETS : SOUND_PCM_FRAMES;
    return json_get_bool(join, "audio", false) ? SOUND_PCM_FRAMES : 0;
}

void socket_sound(struct sub *sub, const struct sub_sound *sound)
{
    on_loop();
    struct joined_room *room = CONTAINER(sub, struct joined_room, sub);
    ws_send_shared(room->client->ws, sound->frame, NULL);
    mic_sound(room->client, sub->room, sound);
}

/* The operation of a message that names a turn; NULL: it was refused. */
static struct room_op *of_turn(struct client *client, enum room_verb verb, const struct json *message,
                               struct id room) LOOP;
static struct room_op *of_turn(struct client *client, enum room_verb verb, const struct json *message,
                               struct id room)
{
    struct room_op *op = socket_op(client, verb, room, message);
    int64_t index = json_get_i64(message, "index", -1), ms = json_get_i64(message, "ms", -1);
    op->index = index < 0 ? 0 : index > UINT16_MAX ? UINT16_MAX : (uint32_t)index;
    op->played_ms = ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    op->heard_unknown = index < 0;
    if (id_parse(json_get_str(message, "turn", STR_NONE), &op->turn))
        return op;
    struct error e = {0};
    const struct socket_asked *asked = op->arg;
    error_set_param(&e, ERR_NOT_FOUND, "turn", "No turn of this room has that id.");
    socket_error(client, &e, asked->id, room);
    room_op_free(op);
    return NULL;
}

static void played(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct room_op *op = of_turn(client, ROOM_PLAYED, message, room);
    if (!op)
        return;
    mic_played(client, room, op->turn, op->index, op->played_ms);
    socket_submit(client, op);
}

static void interrupt(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct room_op *op = of_turn(client, ROOM_INTERRUPT, message, room);
    if (!op)
        return;
    ((struct socket_asked *)op->arg)->wants_ack = json_get(message, "id") != NULL;
    mic_interrupted(client, room, op->turn);
    socket_submit(client, op);
}

static const struct socket_message messages[] = {
    {"played", "SocketPlayed", played},
    {"interrupt", "SocketInterrupt", interrupt},
};

const struct socket_part socket_speech = {
    .messages = messages,
    .count = sizeof messages / sizeof *messages,
};
