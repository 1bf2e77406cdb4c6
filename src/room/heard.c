/*
 * How far a persona was heard: played, interrupted, and the message.heard that says so.
 *
 * Who interrupts says where (or ROOM_PLAYED did before); what was heard is cut at the end of a word by the
 * sentence's words (voice/heard.h). message.heard names a message, so it can only follow it:
 *
 *   the turn still writes     its engine is stopped, what was said becomes the message (unless other people
 *                             listen on), and message.heard goes into the same transaction
 *   the turn is being stored  message.heard follows at once, and the turn ends when it is there, so that the
 *                             next turn's prompt knows
 *   the turn has ended        message.heard is an append of its own
 *
 * Whatever the order, there is one message and at most one message.heard; whoever asked waits for it. A
 * second interruption of the same speech is answered with the first. See speaking.h.
 */
#include "room/speaking.h"

#include "room/turn.h"
#include "voice/heard.h"

#include <stdlib.h>

/* ---- into the log ---- */

static struct str heard_data(struct arena *a, const struct speaking *s, struct id message)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(message).c));
    jw_kv_string(&w, "text", s->heard);
    jw_kv_string(&w, "by", str_c(id_text(s->heard_by).c));
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static LOOP void add_row(struct room *room, struct speaking *s, struct room_append *append, struct id message,
                         uint64_t of)
{
    struct arena *a = &append->store.op.arena;
    struct event_row *row = room_append_row(append, EVENT_MESSAGE_HEARD, AUTHOR_USER, s->heard_by,
                                            arena_str(a, room_author_name(room)));
    row->turn = s->turn;
    row->of = of;
    row->data = heard_data(a, s, message);
}

/* Those who asked; `row` NULL: nothing was to be kept, or it failed. */
static LOOP void answer(struct speaking *s, const struct event_row *row, const struct error *e)
{
    struct room_op *op = s->hearers;
    s->hearers = NULL;
    if (row) {
        s->heard_row = arena_new(&s->arena, struct event_row);
        *s->heard_row = event_copy(&s->arena, row);
    }
    while (op) {
        struct room_op *next = op->next;
        if (e && e->err) {
            op->err = e->err;
            op->error = *e;
        } else if (row) {
            op->event = event_copy(&op->arena, row);
        }
        room_op_done(op);
        op = next;
    }
}

static const struct event_row *heard_row(const struct room_append *append)
{
    for (size_t i = 0; i < append->store.count; i++) {
        if (event_is(&append->store.rows[i], EVENT_MESSAGE_HEARD))
            return &append->store.rows[i];
    }
    return NULL;
}

static void heard_stored(struct room_append *append, struct room *room)
{
    on_loop();
    struct speaking *s = room ? speaking_find(room, append->turn) : NULL;
    struct turn *turn = room ? turn_find(room, append->turn) : NULL;
    if (s)
        answer(s, append->store.op.err ? NULL : heard_row(append), &append->store.op.error);
    if (turn) /* it waited for this (heard_settle) */
        turn_ended(room, turn);
    if (room)
        speaking_drive(room);
}

static LOOP void store_heard(struct room *room, struct speaking *s)
{
    struct room_append *append = room_append_new(room, NULL, 1);
    append->turn = s->turn;
    append->committed = heard_stored;
    add_row(room, s, append, s->message, s->message_seq);
    room_append_send(room, append);
}

void heard_with_message(struct room *room, struct turn *turn, struct room_append *append)
{
    struct speaking *s = speaking_find(room, turn->id);
    if (s && !id_none(s->heard_by))
        add_row(room, s, append, append->store.rows[0].ref, ROW_OF_APPEND(0));
}

bool heard_settle(struct room *room, struct turn *turn, struct room_append *append)
{
    struct speaking *s = speaking_find(room, turn->id);
    if (!s || id_none(s->heard_by))
        return true;
    const struct event_row *row = heard_row(append);
    bool failed = append->store.op.err != ERR_OK;
    if (!failed && !row && s->message_seq) {
        store_heard(room, s);
        return false;
    }
    answer(s, failed ? NULL : row, failed ? &append->store.op.error : NULL);
    return true;
}

/* ---- what was heard ---- */

static const struct utter *utter_at(const struct speaking *s, uint32_t index)
{
    const struct utter *u = s->first;
    while (u && u->index != index)
        u = u->next;
    return u;
}

/* Bytes of the turn's text; nobody can have heard what was not given out. */
static size_t heard_length(const struct speaking *s, uint32_t index, uint32_t ms, size_t whole)
{
    const struct utter *u = utter_at(s, index), *last = s->first;
    while (last && last->next && last->next->sent)
        last = last->next;
    if (!last || !last->sent)
        return 0;
    if (!u || u->index > last->index) {
        u = last;
        ms = UINT32_MAX;
    }
    uint32_t sent = utter_ms(u, u->sent), full = u->made ? utter_ms(u, u->samples) : 0;
    if (ms > sent)
        ms = sent;
    if (full && ms >= full && !u->next && s->text_over)
        return whole;
    if (!full && u->word_count) /* still being made: it ends where its words end, or later */
        full = u->words[u->word_count - 1].to_ms + 1;
    return u->from + heard_bytes(u->text, u->words, u->word_count, ms, full ? full : sent);
}

static struct str message_text(const struct speaking *s)
{
    return str_trim(buf_str(&s->text));
}

/* ---- verbs ---- */

LOOP void verb_played(struct room *room, struct room_op *op)
{
    struct speaking *s = speaking_find(room, op->turn);
    bool further =
        s && (op->index > s->played_index || (op->index == s->played_index && op->played_ms > s->played_ms));
    if (further) {
        s->played_index = op->index;
        s->played_ms = op->played_ms;
    }
    room_op_done(op);
}

static LOOP void wait_for(struct speaking *s, struct room_op *op)
{
    op->next = s->hearers;
    s->hearers = op;
}

/* Again: as the first time. */
static LOOP void answer_as_before(struct speaking *s, struct room_op *op)
{
    if (!s->heard_row) {
        wait_for(s, op);
        return;
    }
    op->event = event_copy(&op->arena, s->heard_row);
    op->deduped = true;
    room_op_done(op);
}

/* Where somebody stopped a speech; `others`: it goes on for them. True: a message.heard will be stored. */
struct stop {
    struct id by;
    uint32_t index, ms;
    bool others;
};

static LOOP bool stop_at(struct room *room, struct speaking *s, const struct stop *stop)
{
    struct turn *turn = turn_find(room, s->turn);
    struct str text = message_text(s);
    size_t heard = heard_length(s, stop->index, stop->ms, text.n);
    /* All of it was heard, or there is no message to say it of. */
    bool nothing = s->again || (!turn && (heard >= text.n || !s->message_seq));
    if (!stop->others)
        own_played(s, stop->index, stop->ms);
    /* Decided before the speech is stopped: that changes what there is to be heard. */
    if (!nothing) {
        s->heard_by = stop->by;
        s->heard = arena_str(&s->arena, str_trim(str_sub(text, 0, heard)));
    }
    if (!stop->others)
        speaking_stop(s, "interrupted", NULL);
    if (nothing)
        return false;
    if (!turn)
        store_heard(room, s);
    else if (!stop->others)
        turn_interrupt(turn); /* else it is being stored: heard_settle() */
    return true;
}

static LOOP void interrupt(struct room *room, struct speaking *s, struct room_op *op)
{
    struct stop stop = {.by = op->who.user,
                        .index = op->heard_unknown ? s->played_index : op->index,
                        .ms = op->heard_unknown ? s->played_ms : op->played_ms,
                        .others = audience_others(&room->audience, op->who.user)};
    wait_for(s, op);
    if (!stop_at(room, s, &stop)) {
        s->hearers = op->next;
        room_op_done(op);
    }
    /* Who waits to speak next does not begin now: nobody listens any more, and nothing of it was heard. */
    stop.index = stop.ms = 0;
    for (struct speaking *next = stop.others ? NULL : room->speakings; next; next = next->next) {
        if (next != s && !next->over && id_none(next->heard_by))
            stop_at(room, next, &stop);
    }
}

LOOP void verb_interrupt(struct room *room, struct room_op *op)
{
    struct speaking *s =
        id_none(op->turn) ? speaking_of_message(room, op->message) : speaking_find(room, op->turn);
    struct turn *turn = turn_find(room, s ? s->turn : op->turn);
    if (!s && turn)
        turn_abort(room, turn, op); /* nothing was said aloud yet */
    else if (!s)
        room_op_fail(op, ERR_NOT_FOUND, "Nothing of that is being spoken in this room; it may be long over.");
    else if (!id_none(s->heard_by))
        answer_as_before(s, op);
    else
        interrupt(room, s, op);
}

/* ---- in memory ---- */

void room_heard_read(struct room *room, const struct event_row *row, struct arena *a)
{
    struct id message, by;
    struct said *said = NULL;
    if (id_parse(event_data_str(a, row, "of"), &message) && id_parse(event_data_str(a, row, "by"), &by))
        said = room_said(room, message);
    if (!said)
        return;
    free((char *)said->heard.p);
    said->heard = heap_str(event_data_str(a, row, "text"));
    said->heard_by = by;
}
