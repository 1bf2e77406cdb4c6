/*
 * The life of a turn, whatever its step: made with its transaction, begun when it has the floor, stopped by a
 * person, by time or by the server, and gone when its end is stored. See turn.h.
 */
#include "room/turn.h"

#include "base/clock.h"
#include "base/config.h"
#include "room/speaking.h"

#include <stdlib.h>

struct id turn_id(const struct turn *turn)
{
    return turn->id;
}

struct turn *turn_alone_new(struct room *room, struct id persona, struct id person, struct str heard)
{
    struct turn *turn = heap_alloc(sizeof *turn);
    turn->room = room;
    turn->id = id_new();
    turn->persona = persona;
    turn->person = person;
    turn->since_us = clock_mono_us();
    turn->heard = arena_str(&turn->arena, heard);
    turn->text = BUF_INIT;
    return turn;
}

void turn_begin_preview(struct turn *turn)
{
    turn->phase = TURN_RUNNING;
    turn->step_began_us = clock_mono_us();
    turn_perceive(turn);
}

static void keep_said(struct turn *turn, const struct room_spoken *spoken)
{
    if (!spoken->sample_count)
        return;
    int16_t *samples = arena_array(&turn->arena, int16_t, spoken->sample_count);
    memcpy(samples, spoken->samples, spoken->sample_count * sizeof *samples);
    turn->said = (struct gen_sound){samples, spoken->sample_count, spoken->sample_rate};
}

struct turn *turn_new(struct room *room, const struct turn_plan *plan)
{
    struct turn *turn = heap_alloc(sizeof *turn), **tail = &room->turns;
    turn->room = room;
    turn->id = id_new();
    turn->persona = room->personas[plan->persona].id;
    turn->person = plan->person;
    turn->parent = plan->parent;
    turn->retry_of = plan->retry_of;
    turn->since_us = plan->since_us;
    turn->heard = arena_str(&turn->arena, plan->heard);
    turn->text = BUF_INIT;
    turn_ask(turn, plan->asked);
    if (plan->spoken) {
        turn->aloud = true;
        turn->last_sound_us = plan->spoken->last_sound_us;
        turn->end_of_turn_us = plan->spoken->end_of_turn_us;
        turn->transcript_us = plan->spoken->transcript_us;
        keep_said(turn, plan->spoken);
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = turn;
    room->turn_count++;
    return turn;
}

struct turn *turn_find(struct room *room, struct id id)
{
    for (struct turn *turn = room->turns; turn; turn = turn->next) {
        if (id_eq(turn->id, id))
            return turn;
    }
    return NULL;
}

static void unlink_turn(struct turn *turn)
{
    struct turn **at = &turn->room->turns;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    turn->room->turn_count--;
}

void turn_free(struct turn *turn)
{
    filter_release(turn->filter);
    timer_close(&turn->timeout);
    timer_close(&turn->recall_timeout);
    buf_release(&turn->text);
    buf_release(&turn->tool_calls);
    buf_release(&turn->engine_heard);
    arena_release(&turn->arena);
    free(turn);
}

void turn_drop(struct room *room, struct turn *turn)
{
    (void)room;
    struct room_op *op = turn->cancel_op;
    unlink_turn(turn);
    turn_free(turn);
    if (op)
        room_op_fail(op, ERR_NOT_FOUND, "The turn was never begun: its message could not be stored.");
}

static void too_long(struct timer *timer)
{
    on_loop();
    struct turn *turn = CONTAINER(timer, struct turn, timeout);
    if (turn->gen) {
        engines_cancel(turn->room->home->rooms->deps.engines, turn->gen);
        turn->gen = 0;
    }
    if (turn->phase == TURN_RUNNING && !turn->pending)
        turn_fail(turn, GEN_TIMEOUT_TOTAL, "The turn took longer than room.turn_timeout allows.");
}

static LOOP void begin(struct turn *turn)
{
    turn->phase = TURN_RUNNING;
    turn->step = STEP_PERCEIVE;
    turn->step_began_us = clock_mono_us();
    count_running(turn->room->home->rooms, 1);
    timer_arm(&turn->timeout, rooms_config(turn->room->home->rooms)->room.turn_timeout, too_long);
    turn_perceive(turn);
}

/* Begins what may begin: the first that waits if nobody has the floor, and retries beside it. */
static LOOP void next_turns(struct room *room)
{
    unsigned running = 0, max = (unsigned)rooms_config(room->home->rooms)->room.max_running_turns;
    bool taken = false;
    for (struct turn *t = room->turns; t; t = t->next) {
        if (t->phase == TURN_RUNNING || t->phase == TURN_ENDING) {
            running++;
            taken |= id_none(t->retry_of);
        }
    }
    for (struct turn *t = room->turns, *next; t && running < max; t = next) {
        next = t->next;
        bool first = id_none(t->retry_of);
        if (t->phase != TURN_WAITING || (first && taken))
            continue;
        taken |= first;
        running++;
        begin(t);
    }
}

void turn_committed(struct room *room, struct turn *turn, const struct event_row *started)
{
    turn->phase = TURN_WAITING;
    turn->started_seq = started->seq;
    turn->cause = started->cause;
    if (turn->cancelled)
        turn_stop(turn);
    else
        next_turns(room);
}

void turn_abort(struct room *room, struct turn *turn, struct room_op *op)
{
    if (op && turn->cancel_op) {
        verb_get(room, op); /* somebody else is ending it already */
        return;
    }
    if (op)
        turn->cancel_op = op;
    turn->cancelled = true;
    if (turn->gen) {
        engines_cancel(room->home->rooms->deps.engines, turn->gen);
        turn->gen = 0;
    }
    if (turn->pending && turn->step == STEP_RECALL)
        memory_recall_cancel(&turn->recall);
    else if (!turn->pending && (turn->phase == TURN_WAITING || turn->phase == TURN_RUNNING))
        turn_stop(turn);
}

bool turn_interrupt(struct turn *turn)
{
    if (turn->phase != TURN_RUNNING || turn->step != STEP_GENERATE ||
        str_empty(str_trim(buf_str(&turn->text))))
        return false;
    if (turn->gen) {
        turn->engine =
            arena_str(&turn->arena, engines_answered(turn->room->home->rooms->deps.engines, turn->gen));
        engines_cancel(turn->room->home->rooms->deps.engines, turn->gen);
    }
    turn->gen = 0;
    turn->interrupted = true;
    turn->end = (struct gen_end){.code = GEN_OK, .finish = GEN_STOP, .retry_after_ms = -1};
    turn_go(turn, STEP_EXPRESS);
    return true;
}

void turns_cancel_all(struct room *room)
{
    for (struct turn *turn = room->turns, *next; turn; turn = next) {
        next = turn->next;
        turn_abort(room, turn, NULL);
    }
}

void turns_stop_all(struct room *room, const char *reason)
{
    for (struct turn *turn = room->turns, *next; turn; turn = next) {
        next = turn->next;
        turn->stop_reason = reason;
        turn_abort(room, turn, NULL);
    }
}

void turn_ended(struct room *room, struct turn *turn)
{
    struct room_op *op = turn->cancel_op;
    count_running(room->home->rooms, turn->step_began_us ? -1 : 0);
    count_ended(room->home->rooms, turn->outcome);
    if (turn->outcome == TURN_DONE)
        room->last_speaker = turn->persona;
    unlink_turn(turn);
    turn_free(turn);
    if (op)
        verb_get(room, op);
    next_turns(room);
    floor_continue(room);
}

void turn_snapshots(struct room *room, void (*emit)(void *arg, const struct event_row *row), void *arg)
{
    for (const struct turn *turn = room->turns; turn; turn = turn->next) {
        if (turn->phase != TURN_RUNNING && turn->phase != TURN_ENDING)
            continue;
        CLEANUP_BUF struct buf data = BUF_INIT;
        struct jw w = JW(&data);
        jw_object(&w);
        jw_kv_string(&w, "turn", str_c(id_text(turn->id).c));
        jw_kv_string(&w, "text", buf_str(&turn->text));
        jw_kv_u64(&w, "index", turn->index);
        jw_end_object(&w);
        const struct room_persona *p = room_persona(room, turn->persona);
        struct event_row row = {.room = room->id,
                                .at_ms = clock_wall_ms(),
                                .author_type = AUTHOR_PERSONA,
                                .author = p->id,
                                .author_name = p->name,
                                .turn = turn->id,
                                .data = buf_str(&data)};
        event_set_kind(&row, EVENT_TURN_SNAPSHOT);
        emit(arg, &row);
    }
}
