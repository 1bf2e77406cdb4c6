/* Speech in rooms over HTTP: speak a message again, interrupt. */
#include "api/call.h"
#include "room/rooms.h"

static void begun(struct call *call, struct room_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "turn", str_c(id_text(op->turn).c));
    jw_end_object(&w);
    call_json(call, 202, buf_str(&b));
}

void handle_message_speech(struct call *call)
{
    struct id room, message;
    if (!call_param_id(call, 0, "room", &room) || !call_param_id(call, 1, "message", &message))
        return;
    struct room_op *op = room_op_new(ROOM_SPEAK, &call->who, room);
    op->message = message;
    call_room(call, op, begun);
}

static void interrupted(struct call *call, struct room_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    if (!op->event.seq) {
        call_status(call, 204);
        return;
    }
    event_write(&w, &op->event);
    call_json(call, 200, buf_str(&b));
}

void handle_room_interrupt(struct call *call)
{
    struct id room;
    struct str turn = json_get_str(call->body, "turn", STR_NONE),
               message = json_get_str(call->body, "message", STR_NONE);
    int64_t index = json_get_i64(call->body, "index", -1), ms = json_get_i64(call->body, "ms", -1);
    if (!call_param_id(call, 0, "room", &room))
        return;
    struct room_op *op = room_op_new(ROOM_INTERRUPT, &call->who, room);
    op->index = index < 0 ? 0 : index > UINT16_MAX ? UINT16_MAX : (uint32_t)index;
    op->played_ms = ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    op->heard_unknown = index < 0;
    if (id_parse(turn, &op->turn) || id_parse(message, &op->message)) {
        call_room(call, op, interrupted);
        return;
    }
    room_op_free(op);
    call_refuse_param(call, ERR_INVALID, "turn",
                      "Say which turn is interrupted, or which message: by its id.");
}
