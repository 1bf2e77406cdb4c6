/*
 * How a persona begins: the greeting of a new room, and another of its greetings in that one's place while
 * nothing else was said. Which one it is, is a setting of the room ("greeting": its number, 0 the usual one).
 *
 * The words in the log are replaced as every edit replaces them: by a message.edited, here the persona's own.
 */
#include "room/room.h"

#include "base/clock.h"
#include "persona/compose.h"
#include "persona/personas.h"

static LOOP struct str greeting(struct room *room, struct arena *a, const struct persona *p, size_t number)
{
    struct prompt_input in = {.persona = p,
                              .user = room_user_name(room),
                              .now_ms = clock_wall_ms(),
                              .pick_seed = id_hash(room->id)};
    return persona_greeting(a, &in, number);
}

bool room_greeting_there(struct room_op *op, const struct persona *p, size_t number)
{
    if (number <= p->greetings.n)
        return true;
    error_set_param(&op->error, ERR_REFUSED, "greeting",
                    "%.*s has %zu greetings besides the usual one; there is no number %zu.",
                    STR_ARG(persona_called(p)), p->greetings.n, number);
    op->err = ERR_REFUSED;
    room_op_done(op);
    return false;
}

void room_greeting_add(struct room *room, struct room_append *append, const struct persona *p, size_t number)
{
    struct arena *a = &append->store.op.arena;
    struct str text = greeting(room, a, p, number);
    if (str_empty(str_trim(text)))
        return;
    struct event_row *row =
        room_append_row(append, EVENT_MESSAGE, AUTHOR_PERSONA, p->id, arena_str(a, persona_called(p)));
    row->ref = id_new();
    row->data = message_data(a, row->ref, text, ID_NONE, ID_NONE);
}

/* ---- another one ---- */

struct greet {
    struct personas_op get;
    struct home *home;
    struct room_op *op;
};

/* The greeting, where it is all that was said; else NULL. */
static const struct said *alone(const struct room *room)
{
    if (room->said_count != 1 || room->turn_count || room->said[0].deleted)
        return NULL;
    return room->said[0].author_type == AUTHOR_PERSONA ? &room->said[0] : NULL;
}

static void refuse(struct room_op *op)
{
    room_op_fail(op, ERR_CONFLICT,
                 "The greeting can be another one only while nothing else was said; open a new room.");
}

static void greeted(struct room_append *append, struct room *room)
{
    on_loop();
    if (append->store.op.err != ERR_OK && room)
        room_head_reload(room);
    room_append_answer(append, room);
}

static LOOP struct str edit_data(struct arena *a, struct id of, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(of).c));
    jw_kv_string(&w, "text", text);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void persona_found(struct personas_op *get)
{
    on_loop();
    struct greet *g = CONTAINER(get, struct greet, get);
    struct room_op *op = g->op;
    struct room *room = home_find(g->home, op->room);
    const struct said *said = room && room->load == ROOM_READY ? alone(room) : NULL;
    if (get->err != ERR_OK) {
        op->err = get->err;
        op->error = get->error;
        room_op_done(op);
        return;
    }
    if (!said) {
        refuse(op);
        return;
    }
    if (!room_greeting_there(op, get->persona, op->greeting))
        return;
    struct str text = greeting(room, &op->arena, get->persona, op->greeting);
    if (str_empty(str_trim(text))) {
        room_op_fail(op, ERR_REFUSED, "That greeting is empty; choose another one.");
        return;
    }
    room->version++;
    room_setting_set(room, "greeting",
                     op->greeting ? arena_printf(&op->arena, "%u", op->greeting) : STR_NONE);
    struct room_append *append = room_append_new(room, op, 1);
    struct arena *a = &append->store.op.arena;
    append->committed = greeted;
    room_append_head(room, append);
    struct event_row *row = room_append_row(append, EVENT_MESSAGE_EDITED, AUTHOR_PERSONA, get->persona->id,
                                            arena_str(a, persona_called(get->persona)));
    row->of = said->seq;
    row->data = edit_data(a, said->id, text);
    room_append_send(room, append);
}

void verb_greet(struct room *room, struct room_op *op)
{
    const struct said *said = alone(room);
    if (!said) {
        refuse(op);
        return;
    }
    struct greet *g = arena_new(&op->arena, struct greet);
    *g = (struct greet){.home = room->home, .op = op};
    g->get.key = arena_str(&op->arena, str_c(id_text(said->author).c));
    g->get.arena = &op->arena;
    g->get.done = persona_found;
    personas_get(room->home->rooms->deps.personas, &g->get);
}
