/*
 * Greetings: the message with which a room begins, and exchanging it for another of the persona's.
 *
 * A room with one persona begins with its greeting (0), one of its alternate greetings (1 and on), or any of
 * them. A room with several begins with a group-only greeting of the first who has one (Character Card V3,
 * group_only_greetings), or silently. While the greeting is all that was said it can be exchanged: that is an
 * edit of the message by the persona itself, and the log keeps both.
 */
#include "base/clock.h"
#include "persona/compose.h"
#include "persona/filter.h"
#include "persona/house.h"
#include "room/lookup.h"

/* ---- which there are ---- */

static struct persona_list group_greetings(struct arena *a, const struct persona *p)
{
    struct json *extras = NULL;
    struct persona_list list = {0};
    if (str_empty(p->extras) || json_parse(a, p->extras, &extras, NULL) != ERR_OK)
        return list;
    const struct json *value = json_get(json_get(extras, "data"), "group_only_greetings");
    if (!value || value->type != JSON_ARRAY)
        return list;
    list.v = arena_array(a, struct str, value->count);
    json_each (member, value) {
        if (member->type == JSON_STRING && !str_empty(str_trim(member->string)))
            list.v[list.n++] = member->string;
    }
    return list;
}

static struct persona_list greetings_of(struct arena *a, const struct persona *p, bool group)
{
    if (group)
        return group_greetings(a, p);
    struct persona_list list = {arena_array(a, struct str, p->greetings.n + 1), 0};
    list.v[list.n++] = p->greeting;
    for (size_t i = 0; i < p->greetings.n; i++)
        list.v[list.n++] = p->greetings.v[i];
    return list;
}

enum err room_greeting_find(struct arena *a, const struct persona *p, bool group, int64_t *number,
                            struct str *raw, struct error *e)
{
    struct persona_list list = greetings_of(a, p, group);
    if (*number < 0)
        *number = list.n ? (int64_t)(random_u64() % list.n) : 0;
    if (*number > 0 && (uint64_t)*number >= list.n)
        return error_set_param(e, ERR_REFUSED, "greeting",
                               "%.*s has %zu greetings, counted from 0; there is no number %lld.",
                               STR_ARG(str_sub(persona_called(p), 0, 80)), list.n, (long long)*number);
    *raw = list.n ? list.v[*number] : STR_NONE;
    return ERR_OK;
}

struct str room_greeting_text(struct room *room, struct arena *a, const struct persona *p, struct str raw)
{
    const struct house *house = personas_house(room->home->rooms->deps.personas);
    struct prompt_input in = {.persona = p,
                              .user = room_user_name(room),
                              .now_ms = clock_wall_ms(),
                              .pick_seed = id_hash(room->id)};
    struct persona_list words = limits_words(a, &house->limits, p);
    return filter_text(a, &words, persona_greeting_fill(a, &in, raw));
}

/* ---- a room begins ---- */

bool room_greeting_choose(struct lookup *l)
{
    struct room_op *op = l->op;
    bool group = l->at > 1;
    for (size_t i = 0; i < l->at && !op->quiet && !l->greeter; i++) {
        if (!group || group_greetings(&op->arena, l->found[i]).n)
            l->greeter = l->found[i];
    }
    if (!l->greeter)
        return true;
    op->err = room_greeting_find(&op->arena, l->greeter, group, &op->greeting, &l->greeting, &op->error);
    if (op->err == ERR_OK)
        return true;
    room_op_done(op);
    return false;
}

static LOOP void remember_greeting(struct room *room, struct arena *a, int64_t number)
{
    room_setting_set(room, "greeting", number ? arena_printf(a, "%lld", (long long)number) : STR_NONE);
}

void room_greet(struct room *room, struct room_append *append, const struct lookup *l)
{
    struct arena *a = &append->store.op.arena;
    if (!l->greeter)
        return;
    struct str text = room_greeting_text(room, a, l->greeter, l->greeting);
    if (str_empty(str_trim(text)))
        return;
    struct event_row *row = room_append_row(append, EVENT_MESSAGE, AUTHOR_PERSONA, l->greeter->id,
                                            arena_str(a, persona_called(l->greeter)));
    row->ref = id_new();
    row->data = message_data(a, row->ref, text, ID_NONE, ID_NONE, NULL, STR_NONE);
}

void room_greeting_keep(struct room *room, const struct lookup *l)
{
    if (l->greeter && l->op->greeting)
        remember_greeting(room, &l->op->arena, l->op->greeting);
}

/* ---- another greeting ---- */

/* The greeting, while it is all that was said; NULL: the op has failed. */
static LOOP const struct said *only_greeting(struct room *room, struct room_op *op)
{
    const struct said *said = room->said_count == 1 ? &room->said[0] : NULL;
    if (said && said->author_type == AUTHOR_PERSONA && !said->deleted && said->seq > room->cleared &&
        room->turn_count == 0)
        return said;
    room_op_fail(op, ERR_CONFLICT,
                 "The greeting can be another one only while nothing else was said; open a new room.");
    return NULL;
}

static void changed(struct room_append *append, struct room *room)
{
    on_loop();
    if (append->store.op.err != ERR_OK && room)
        room_head_reload(room);
    room_append_answer(append, room);
}

static struct str edit_data(struct arena *a, struct id of, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "of", str_c(id_text(of).c));
    jw_kv_string(&w, "text", text);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static void greet_with(struct lookup *l)
{
    on_loop();
    struct room_op *op = l->op;
    struct room *room = home_find(l->home, op->room);
    if (!room || room->load != ROOM_READY) {
        room_op_fail(op, ERR_BUSY, "The room is being loaded; try again in a second.");
        return;
    }
    const struct said *said = only_greeting(room, op);
    struct str raw = STR_NONE, text;
    if (!said)
        return;
    op->err =
        room_greeting_find(&op->arena, l->found[0], room_present(room) > 1, &op->greeting, &raw, &op->error);
    if (op->err != ERR_OK) {
        room_op_done(op);
        return;
    }
    text = room_greeting_text(room, &op->arena, l->found[0], raw);
    if (str_empty(str_trim(text))) {
        room_op_fail(op, ERR_REFUSED, "That greeting is empty; choose another one.");
        return;
    }
    remember_greeting(room, &op->arena, op->greeting);
    struct room_append *append = room_append_new(room, op, 1);
    struct arena *a = &append->store.op.arena;
    append->committed = changed;
    room_append_head(room, append);
    struct event_row *row =
        room_append_row(append, EVENT_MESSAGE_EDITED, AUTHOR_PERSONA, said->author, arena_str(a, said->name));
    row->of = said->seq;
    row->data = edit_data(a, said->id, text);
    room_append_send(room, append);
}

LOOP void verb_greet(struct room *room, struct room_op *op)
{
    const struct said *said = only_greeting(room, op);
    if (!said)
        return;
    op->personas = arena_array(&op->arena, struct str, 1);
    op->personas[0] = arena_str(&op->arena, str_c(id_text(said->author).c));
    op->persona_count = 1;
    op->persona_at = 0;
    room_look_up(room->home, op, false, greet_with);
}
