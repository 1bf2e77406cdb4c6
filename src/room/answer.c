/*
 * An answer that is asked for, apart from a message: what a program wants that says first and asks later
 * (/v1/realtime), with instructions, tools and what tools gave before.
 *
 * A turn with tools ends like any other. Calls are passing events as they come, and all of them stand in
 * turn.ended; a turn that only called has no message. Who asked carries out the call and asks again with the
 * exchange: the house itself runs nothing.
 */
#include "room/turn.h"

#include "base/clock.h"

enum { TOOL_CALLS_MAX = 256 * 1024 /* bytes of one turn's calls */ };

struct room_persona *room_named(const struct room *room, struct str key)
{
    struct id id = ID_NONE;
    id_parse(key, &id);
    for (size_t i = 0; i < room->persona_count; i++) {
        struct room_persona *p = &room->personas[i];
        if (p->present && (id_eq(p->id, id) || str_eq(p->slug, key) || str_ieq(p->name, key)))
            return p;
    }
    return NULL;
}

/* What the answer will be an answer to: the newest that a person said, else the newest at all. */
static LOOP struct str last_heard(const struct room *room)
{
    const struct said *leaf = room_said_at(room, room_leaf(room));
    for (size_t i = room->said_count; i-- > 0;) {
        const struct said *s = &room->said[i];
        if (!s->deleted && s->author_type == AUTHOR_USER)
            return s->text;
    }
    return leaf ? leaf->text : STR_NONE;
}

LOOP void verb_answer(struct room *room, struct room_op *op)
{
    size_t chosen[ROOM_ANSWERS_MAX];
    struct str heard = last_heard(room);
    if (room->turn_count + 1 > ROOM_TURNS_MAX) {
        room_op_fail(op, ERR_LIMIT,
                     "Too many answers are still under way in this room; wait for them or stop them.");
        return;
    }
    if (floor_answering(room, heard, chosen, ROOM_ANSWERS_MAX) == 0) {
        room_op_fail(op, ERR_CONFLICT,
                     "Nobody answers in this room: it has no persona, or it is paused or stopped; start it.");
        return;
    }
    const struct room_persona *p = op->persona_count ? room_named(room, op->personas[0]) : NULL;
    if (op->persona_count && !p) {
        room_op_fail(op, ERR_REFUSED, "Nobody of that name is in this room.");
        return;
    }
    struct turn_plan plan = {.persona = p ? (size_t)(p - room->personas) : chosen[0],
                             .heard = heard,
                             .person = op->who.user,
                             .since_us = clock_mono_us(),
                             .spoken = op->spoken,
                             .asked = op->asked};
    room->self_turns = 0;
    room_begin_turn(room, op, &plan);
}

void turn_ask(struct turn *turn, const struct room_asked *asked)
{
    struct arena *a = &turn->arena;
    turn->tool_calls = BUF_MAX(TOOL_CALLS_MAX);
    if (asked)
        turn->asked = (struct room_asked){.instruction = arena_str(a, asked->instruction),
                                          .tools = arena_str(a, asked->tools),
                                          .tool_choice = arena_str(a, asked->tool_choice),
                                          .exchange = arena_str(a, asked->exchange),
                                          .max_tokens = asked->max_tokens,
                                          .voice = asked->voice,
                                          .voice_set = asked->voice_set};
    turn->asked.voice.provider = arena_str(a, turn->asked.voice.provider);
    turn->asked.voice.name = arena_str(a, turn->asked.voice.name);
}

/* One message of the exchange; false: of no role that belongs there. */
static bool read_message(const struct json *from, struct gen_message *to)
{
    struct str role = json_get_str(from, "role", STR_NONE);
    const struct json *content = json_get(from, "content"), *calls = json_get(from, "tool_calls");
    if (!str_eq(role, STR("assistant")) && !str_eq(role, STR("tool")))
        return false;
    *to = (struct gen_message){.role = str_eq(role, STR("tool")) ? GEN_TOOL : GEN_ASSISTANT,
                               .content = json_get_str(from, "content", STR_NONE),
                               .tool_call_id = json_get_str(from, "tool_call_id", STR_NONE)};
    if (calls && calls->type == JSON_ARRAY)
        to->tool_calls = calls->raw;
    if (content && content->type == JSON_NULL)
        to->content_raw = content->raw;
    return true;
}

void turn_request_asked(struct turn *turn, struct gen_request *out)
{
    const struct room_asked *asked = &turn->asked;
    struct json *exchange = NULL;
    out->tools = asked->tools;
    out->tool_choice = asked->tool_choice;
    if (asked->max_tokens)
        out->sampling.max_tokens = (int64_t)asked->max_tokens;
    if (str_empty(asked->exchange) || json_parse(&turn->arena, asked->exchange, &exchange, NULL) != ERR_OK ||
        exchange->type != JSON_ARRAY)
        return;
    struct gen_message *all =
        arena_array(&turn->arena, struct gen_message, out->message_count + exchange->count);
    size_t n = out->message_count;
    for (size_t i = 0; i < n; i++)
        all[i] = out->messages[i];
    json_each (item, exchange) {
        if (read_message(item, &all[n]))
            n++;
    }
    out->messages = all;
    out->message_count = n;
}

void turn_tool_call(struct turn *turn, struct str piece)
{
    CLEANUP_BUF struct buf data = BUF_INIT;
    if (turn->tool_calls.n + piece.n + 1 > TOOL_CALLS_MAX)
        return;
    if (turn->tool_calls.n)
        buf_add_char(&turn->tool_calls, ',');
    buf_add(&turn->tool_calls, piece);
    buf_printf(&data, "{\"call\":%.*s}", STR_ARG(piece));
    const struct room_persona *p = room_persona(turn->room, turn->persona);
    room_publish_passing(turn->room, EVENT_TOOL_CALL, AUTHOR_PERSONA, p->id, p->name, turn->id,
                         buf_str(&data));
}
