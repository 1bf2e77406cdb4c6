/* A stored message, spoken again; see speaking.h. */
#include "room/speaking.h"

LOOP void verb_speak(struct room *room, struct room_op *op)
{
    (void)room;
    room_op_fail(op, ERR_UNAVAILABLE, "Messages are not spoken again yet; ask /api/tts for the sound.");
}
