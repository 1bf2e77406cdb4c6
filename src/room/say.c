/*
 * What begins turns: say, retry; and cancel, which ends one. See room.h.
 *
 * A person's message and the turn.started of every persona who answers it are one transaction, so a message
 * that was acknowledged always has its answers coming, also if the process dies at that moment (recover.c).
 */
#include "room/room.h"

#include "base/clock.h"
#include "base/config.h"
#include "media/names.h"
#include "room/turn.h"

static void write_spoken(struct jw *w, const struct room_spoken *spoken)
{
    jw_key(w, STR("spoken"));
    jw_object(w);
    jw_kv_double(w, "confidence", spoken->confidence);
    jw_kv_string(w, "language", spoken->language);
    jw_kv_u64(w, "duration_ms", spoken->duration_ms);
    if (spoken->words.n)
        jw_kv_raw(w, "words", spoken->words);
    if (spoken->original.n)
        jw_kv_string(w, "original", spoken->original);
    if (spoken->media.n)
        jw_kv_string(w, "media", spoken->media);
    jw_end_object(w);
}

struct str message_data(struct arena *a, struct id id, struct str text, struct id reply_to,
                        struct id retry_of, const struct room_spoken *spoken, struct str media)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(id_text(id).c));
    jw_kv_string(&w, "text", text);
    if (id_none(reply_to))
        jw_kv_null(&w, "reply_to");
    else
        jw_kv_string(&w, "reply_to", str_c(id_text(reply_to).c));
    if (!id_none(retry_of))
        jw_kv_string(&w, "retry_of", str_c(id_text(retry_of).c));
    if (spoken)
        write_spoken(&w, spoken);
    if (media.n)
        jw_kv_raw(&w, "media", media);
    jw_end_object(&w);
    struct str data = arena_str(a, buf_str(&b));
    buf_release(&b);
    return data;
}

bool room_text_ok(struct room *room, struct room_op *op)
{
    size_t max = rooms_config(room->home->rooms)->room.text_max;
    if (str_empty(str_trim(op->text)) && !op->media.n) {
        error_set_param(&op->error, ERR_REFUSED, "text", "The message is empty; write something.");
        op->err = ERR_REFUSED;
    } else if (op->text.n > max) {
        error_set_param(&op->error, ERR_TEXT_TOO_LONG, "text",
                        "The message has %zu bytes; at most %zu are allowed (room.text_max).", op->text.n,
                        max);
        op->err = ERR_TEXT_TOO_LONG;
    } else {
        return true;
    }
    room_op_done(op);
    return false;
}

static struct str started_data(struct arena *a, struct id persona, struct id retry_of)
{
    struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "persona", str_c(id_text(persona).c));
    if (id_none(retry_of))
        jw_kv_null(&w, "retry_of");
    else
        jw_kv_string(&w, "retry_of", str_c(id_text(retry_of).c));
    jw_end_object(&w);
    struct str data = arena_str(a, buf_str(&b));
    buf_release(&b);
    return data;
}

/* Adds a turn.started row for a new turn, which waits for its commit. */
static LOOP struct turn *add_turn(struct room *room, struct room_append *append, const struct turn_plan *plan,
                                  uint64_t cause)
{
    struct turn *turn = turn_new(room, plan);
    struct arena *a = &append->store.op.arena;
    const struct room_persona *p = &room->personas[plan->persona];
    struct event_row *row =
        room_append_row(append, EVENT_TURN_STARTED, AUTHOR_PERSONA, p->id, arena_str(a, p->name));
    row->turn = turn_id(turn);
    row->cause = cause;
    row->data = started_data(a, p->id, plan->retry_of);
    return turn;
}

/* After the commit: begins the turns of its turn.started rows, or takes them back. */
static LOOP void begin_turns(struct room_append *append, struct room *room)
{
    const struct store_append *s = &append->store;
    bool ok = s->op.err == ERR_OK && !s->deduped;
    for (size_t i = 0; room && i < append->turn_count; i++) {
        struct turn *turn = turn_find(room, append->turns[i]);
        if (!turn)
            continue;
        if (!ok)
            turn_drop(room, turn);
    }
    for (size_t i = 0; ok && room && i < s->count; i++) {
        struct turn *turn =
            event_is(&s->rows[i], EVENT_TURN_STARTED) ? turn_find(room, s->rows[i].turn) : NULL;
        if (turn)
            turn_committed(room, turn, &s->rows[i]);
    }
}

static void said(struct room_append *append, struct room *room)
{
    on_loop();
    struct room_op *op = append->op;
    bool fresh = append->store.op.err == ERR_OK && !append->store.deduped;
    if (op && fresh) {
        op->turn_count = append->turn_count;
        op->turns = arena_array(&op->arena, struct id, append->turn_count);
        for (size_t i = 0; i < append->turn_count; i++)
            op->turns[i] = append->turns[i];
    }
    struct media_hub *media = append->home->rooms->deps.media;
    if (op && fresh && op->verb == ROOM_SAY && op->media.n && media)
        media_named(media, op->media, append->store.room, append->store.rows[0].ref);
    room_append_answer(append, room);
    begin_turns(append, room);
}

/* The message that a new one follows: the one that was named, else the newest. False: answered with an error.
 */
static LOOP bool find_parent(struct room *room, struct room_op *op, uint64_t *parent)
{
    *parent = room_leaf(room);
    if (id_none(op->parent))
        return true;
    const struct said *said = room_said(room, op->parent);
    if (said) {
        *parent = said->seq;
        return true;
    }
    error_set_param(&op->error, ERR_REFUSED, "parent",
                    "The message to go on from is not among the newest of this room.");
    op->err = ERR_REFUSED;
    room_op_done(op);
    return false;
}

/* ---- what a message shows ---- */

struct showing {
    struct media_list list;
    struct home *home;
    struct room_op *op;
};

static LOOP void say_now(struct room *room, struct room_op *op);

static void media_known(struct media_list *list)
{
    on_loop();
    struct showing *s = CONTAINER(list, struct showing, list);
    struct room_op *op = s->op;
    struct room *room = home_find(s->home, op->room);
    op->media = list->json;
    if (list->err) {
        op->err = list->err;
        op->error = list->error;
        room_op_done(op);
    } else if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
    } else {
        say_now(room, op);
    }
}

LOOP void verb_say(struct room *room, struct room_op *op)
{
    struct media_hub *media = room->home->rooms->deps.media;
    op->media = str_eq(op->media, STR("[]")) ? STR_NONE : op->media;
    if (op->media.n && media) {
        struct showing *s = arena_new(&op->arena, struct showing);
        *s = (struct showing){.home = room->home, .op = op};
        s->list.arena = &op->arena;
        s->list.ids = op->media;
        s->list.done = media_known;
        media_list_resolve(media, &s->list);
        return;
    }
    op->media = STR_NONE;
    say_now(room, op);
}

static LOOP void say_now(struct room *room, struct room_op *op)
{
    uint64_t parent = 0;
    size_t answering[ROOM_ANSWERS_MAX];
    if (!room_text_ok(room, op) || !find_parent(room, op, &parent))
        return;
    const struct room_persona *speaker = NULL;
    if (op->unanswered && op->persona_count && !(speaker = room_named(room, op->personas[0]))) {
        room_op_fail(op, ERR_REFUSED, "Nobody of that name is in this room.");
        return;
    }
    size_t answers = op->unanswered ? 0 : floor_answering(room, op->text, answering, ROOM_ANSWERS_MAX);
    if (room->turn_count + answers > ROOM_TURNS_MAX) {
        room_op_fail(op, ERR_LIMIT,
                     "Too many answers are still under way in this room; wait for them or stop them.");
        return;
    }
    struct room_append *append = room_append_new(room, op, 1 + answers);
    struct arena *a = &append->store.op.arena;
    append->committed = said;
    struct event_row *row = speaker ? room_append_row(append, EVENT_MESSAGE, AUTHOR_PERSONA, speaker->id,
                                                      arena_str(a, speaker->name))
                                    : room_append_row(append, EVENT_MESSAGE, AUTHOR_USER, op->who.user,
                                                      arena_str(a, room_author_name(room)));
    row->ref = id_new();
    row->parent = parent;
    row->client_id = op->client_id;
    row->data = message_data(a, row->ref, op->text, op->reply_to, ID_NONE, op->spoken, op->media);
    if (op->idem)
        op->idem->result = arena_str(&op->arena, str_c(id_text(row->ref).c));
    append->turns = arena_array(a, struct id, answers);
    for (size_t i = 0; i < answers; i++) {
        struct turn_plan plan = {.persona = answering[i],
                                 .heard = op->text,
                                 .person = op->who.user,
                                 .since_us = clock_mono_us(),
                                 .spoken = op->spoken};
        append->turns[append->turn_count++] = turn_id(add_turn(room, append, &plan, ROW_OF_APPEND(0)));
    }
    room->self_turns = 0;
    room_append_send(room, append);
}

void room_begin_turn(struct room *room, struct room_op *op, const struct turn_plan *plan)
{
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = said;
    append->turns = arena_array(&append->store.op.arena, struct id, 1);
    append->turns[append->turn_count++] = turn_id(add_turn(room, append, plan, room_leaf(room)));
    room_append_send(room, append);
}

void room_self_turn(struct room *room, size_t persona, struct str heard)
{
    struct turn_plan plan = {
        .persona = persona, .heard = heard, .person = room->owner, .since_us = clock_mono_us()};
    room->self_turns++;
    room_begin_turn(room, NULL, &plan);
}

/* ---- retry ---- */

/* A person's message: those whom it asks answer it anew, as after a turn that failed. */
static LOOP void answer_again(struct room *room, struct room_op *op, const struct event_row *message)
{
    size_t answering[ROOM_ANSWERS_MAX];
    struct said *before = room_said(room, op->message);
    if (before)
        translate_again(before);
    struct str text = before ? before->text : event_data_str(&op->arena, message, "text");
    size_t answers = floor_answering(room, text, answering, ROOM_ANSWERS_MAX);
    if (answers == 0) {
        room_op_fail(op, ERR_REFUSED, "Nobody answers in this room now; start it, or bring a persona in.");
        return;
    }
    struct room_append *append = room_append_new(room, op, answers);
    append->committed = said;
    append->turns = arena_array(&append->store.op.arena, struct id, answers);
    for (size_t i = 0; i < answers; i++) {
        struct turn_plan plan = {
            .persona = answering[i], .heard = text, .person = op->who.user, .since_us = clock_mono_us()};
        append->turns[append->turn_count++] = turn_id(add_turn(room, append, &plan, message->seq));
    }
    room->self_turns = 0;
    room_append_send(room, append);
}

static void retry_found(struct room *room, struct room_op *op, const struct event_row *message)
{
    on_loop();
    if (room->turn_count + ROOM_ANSWERS_MAX > ROOM_TURNS_MAX) {
        room_op_fail(op, ERR_LIMIT,
                     "Too many answers are still under way in this room; wait for them or stop them.");
        return;
    }
    if (message->author_type != AUTHOR_PERSONA) {
        answer_again(room, op, message);
        return;
    }
    const struct room_persona *p = room_persona(room, message->author);
    if (!p || !p->present) {
        room_op_fail(op, ERR_REFUSED, "Whoever gave that answer has left this room.");
        return;
    }
    const struct said *before = room_said_at(room, message->parent);
    struct room_append *append = room_append_new(room, op, 1);
    append->committed = said;
    struct turn_plan plan = {.persona = (size_t)(p - room->personas),
                             .heard = before ? before->text : STR_NONE,
                             .person = op->who.user,
                             .parent = message->parent,
                             .retry_of = op->message,
                             .since_us = clock_mono_us()};
    append->turns = arena_array(&append->store.op.arena, struct id, 1);
    append->turns[append->turn_count++] =
        turn_id(add_turn(room, append, &plan, message->cause ? message->cause : message->parent));
    room_append_send(room, append);
}

LOOP void verb_retry(struct room *room, struct room_op *op)
{
    room_with_message(room, op, retry_found);
}

LOOP void verb_cancel(struct room *room, struct room_op *op)
{
    struct turn *turn = turn_find(room, op->turn);
    if (!turn) {
        room_op_fail(op, ERR_NOT_FOUND, "No running turn of this room has the id '%s'; it may have ended.",
                     id_text(op->turn).c);
        return;
    }
    turn_abort(room, turn, op);
}
