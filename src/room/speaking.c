/* A persona speaks in its room; see speaking.h. */
#include "room/room.h"

LOOP void verb_speak(struct room *room, struct room_op *op)
{
    (void)room;
    room_op_fail(op, ERR_UNAVAILABLE, "Personas do not speak in rooms yet; ask /api/tts for the sound.");
}

LOOP void verb_played(struct room *room, struct room_op *op)
{
    (void)room;
    room_op_done(op);
}

LOOP void verb_interrupt(struct room *room, struct room_op *op)
{
    (void)room;
    room_op_fail(op, ERR_UNAVAILABLE, "Nothing speaks in this room yet.");
}
