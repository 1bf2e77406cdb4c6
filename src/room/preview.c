/*
 * The preview of a prompt: what a turn would send, without a turn.
 *
 * A turn is made that belongs to no list and to no log, and goes the way of every turn (turn.c: perceive,
 * recall, lore, compose), with the text as if it had just been said; when the prompt is there it answers the
 * operation instead of going on. Without a room one is made for it: it was never stored, holds the persona
 * and its greeting, and goes with the preview. See turn.h.
 */
#include "base/clock.h"
#include "room/lookup.h"
#include "room/turn.h"

#include <stdlib.h>

static LOOP void forget_room(struct room *room)
{
    room->load = ROOM_GONE;
    room_free(room);
}

/* Later than the callback that ended it, whose operation lies in the turn. */
static void end_later(void *arg)
{
    on_loop();
    struct turn *turn = arg;
    struct room *room = turn->room;
    bool alone = turn->alone;
    room->appending--;
    turn_free(turn);
    if (alone)
        forget_room(room);
}

void turn_preview_end(struct turn *turn)
{
    struct room_op *op = turn->preview;
    turn->phase = TURN_ENDING;
    if (turn->outcome == TURN_FAILED) {
        room_op_fail(op, ERR_REFUSED, "%s", turn->end.sentence);
    } else {
        op->preview = arena_new(&op->arena, struct room_preview);
        struct prompt *prompt = arena_new(&op->arena, struct prompt);
        *prompt = turn->prompt;
        prompt->messages = arena_array(&op->arena, struct prompt_message, prompt->count);
        for (size_t i = 0; i < prompt->count; i++) {
            prompt->messages[i] = turn->prompt.messages[i];
            prompt->messages[i].text = arena_str(&op->arena, turn->prompt.messages[i].text);
            prompt->messages[i].name = STR_NONE;
        }
        for (int part = 0; part < PART_COUNT; part++)
            prompt->texts[part] = arena_str(&op->arena, turn->prompt.texts[part]);
        op->preview->prompt = prompt;
        op->preview->budget = turn_budget(turn);
        CLEANUP_BUF struct buf lore = BUF_INIT;
        struct jw w = JW(&lore);
        lore_write_hits(&w, &turn->lore, false);
        op->preview->lore = arena_str(&op->arena, buf_str(&lore));
        room_op_done(op);
    }
    loop_defer(turn->room->home->loop, end_later, turn);
}

static LOOP void begin(struct room *room, struct room_op *op, struct id persona, bool alone)
{
    struct turn *turn = turn_alone_new(room, persona, op->who.user, op->text);
    turn->preview = op;
    turn->alone = alone;
    turn->as = op->profile;
    room->appending++; /* it stays in memory */
    turn_begin_preview(turn);
}

static void room_found(struct lookup *l)
{
    on_loop();
    struct room_op *op = l->op;
    struct room *room = home_find(l->home, op->room);
    const struct persona *p = l->found[0];
    if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
        return;
    }
    const struct room_persona *member = room_persona(room, p->id);
    if (!member || !member->present)
        room_op_fail(op, ERR_REFUSED, "%.*s is not in this room; leave 'room' out, or name one where it is.",
                     STR_ARG(str_sub(p->name, 0, 80)));
    else
        begin(room, op, p->id, false);
}

LOOP void verb_preview(struct room *room, struct room_op *op)
{
    room_look_up(room->home, op, true, room_found);
}

static void alone_found(struct lookup *l)
{
    on_loop();
    struct room_op *op = l->op;
    const struct persona *p = l->found[0];
    struct str greeting = STR_NONE;
    op->err = room_greeting_find(&op->arena, p, false, &op->greeting, &greeting, &op->error);
    if (op->err != ERR_OK) {
        room_op_done(op);
        return;
    }
    struct room *room = room_new(l->home, op->room);
    room->load = ROOM_READY;
    room->owner = op->who.user;
    str_copy(room->owner_name, sizeof room->owner_name, str_c(op->who.name));
    room->profile = op->profile;
    room_persona_name(room_persona_add(room, p->id), persona_called(p), p->slug);
    greeting = room_greeting_text(room, &op->arena, p, greeting);
    if (!str_empty(str_trim(greeting))) {
        struct event_row row = {.seq = 1,
                                .ref = id_new(),
                                .author_type = AUTHOR_PERSONA,
                                .author = p->id,
                                .author_name = persona_called(p),
                                .at_ms = clock_wall_ms()};
        room_said_add(room, &row, greeting);
    }
    begin(room, op, p->id, true);
}

void preview_alone(struct home *home, struct room_op *op)
{
    room_look_up(home, op, true, alone_found);
}
