/* What an event of a room does to the view; see chat.h. Kinds that are not known are left alone, as the API
 * asks of its clients. */
#include "app/chat.h"

#include "term/text.h"

#include <stdlib.h>

enum { NOTICE_COLUMNS = 60, STASH_MAX = 1 << 20 };

struct chat_persona *chat_persona_of(struct chat_room *room, struct str id)
{
    for (unsigned i = 0; i < room->persona_count; i++)
        if (str_eq(str_c(room->personas[i].id), id))
            return &room->personas[i];
    return NULL;
}

static struct str author_field(const struct json *event, const char *key)
{
    return json_get_str(json_get(event, "author"), key, STR_NONE);
}

static bool is_own(const struct chat *c, struct str id)
{
    for (unsigned i = 0; i < CHAT_OWN; i++)
        if (id.n && str_eq(str_c(c->own[i]), id))
            return true;
    return false;
}

void chat_remember_own(struct chat *c, struct str id)
{
    str_copy(c->own[c->own_next++ % CHAT_OWN], CHAT_ID, id);
}

/* ---- messages ---- */

static void mood_now(struct chat_room *room, struct str persona, struct str *mood)
{
    struct chat_persona *p = chat_persona_of(room, persona);
    *mood = p ? str_c(p->mood) : STR_NONE;
}

static void persons_message(struct chat_room *room, const struct json *event)
{
    struct chat *c = room->chat;
    const struct json *data = json_get(event, "data");
    struct str id = json_get_str(data, "id", STR_NONE);
    str_copy(room->last_own, sizeof room->last_own, id);
    if (is_own(c, id))
        return;
    if (c->posting && c->stash.n < STASH_MAX) {
        buf_add(&c->stash, event->raw);
        buf_add_char(&c->stash, '\n');
        return;
    }
    CLEANUP_BUF struct buf name = BUF_INIT;
    buf_add(&name, author_field(event, "name"));
    if (!name.n)
        buf_add(&name, STR("You"));
    buf_add(&name, STR(", elsewhere"));
    view_message(c, buf_str(&name), STR_NONE, json_get_str(data, "text", STR_NONE), false);
}

void chat_unstash(struct chat *c)
{
    CLEANUP_BUF struct buf stash = BUF_INIT;
    buf_add(&stash, buf_str(&c->stash));
    buf_clear(&c->stash);
    struct str rest = buf_str(&stash), line;
    while (str_cut(&rest, '\n', &line)) {
        struct arena arena = ARENA_INIT;
        struct json *event = NULL;
        if (c->room && json_parse(&arena, line, &event, NULL) == ERR_OK)
            persons_message(c->room, event);
        arena_release(&arena);
    }
}

static void personas_message(struct chat_room *room, const struct json *event)
{
    struct chat *c = room->chat;
    const struct json *data = json_get(event, "data");
    struct str text = json_get_str(data, "text", STR_NONE), mood;
    struct chat_turn *t = turn_of(c, json_get_str(event, "turn", STR_NONE));
    str_copy(room->last_answer, sizeof room->last_answer, json_get_str(data, "id", STR_NONE));
    mood_now(room, author_field(event, "id"), &mood);
    if (t)
        turn_end(c, t, text, 0, STR_NONE);
    else
        view_message(c, author_field(event, "name"), mood, text, false);
}

/* A message in a room that is followed in the background. */
static void notice(struct chat_room *room, const struct json *event)
{
    CLEANUP_BUF struct buf name = BUF_INIT;
    CLEANUP_BUF struct buf text = BUF_INIT;
    CLEANUP_BUF struct buf cut = BUF_INIT;
    struct chat *c = room->chat;
    unsigned number = 0;
    while (number < c->room_count && c->rooms[number] != room)
        number++;
    room->unread++;
    text_clean_line(&name, author_field(event, "name"));
    text_clean_line(&text, json_get_str(json_get(event, "data"), "text", STR_NONE));
    text_fit(&cut, buf_str(&text), NOTICE_COLUMNS);
    view_note(c, "%.*s in \"%s\": %.*s   (/room %u)", STR_ARG(buf_str(&name)), room->title,
              STR_ARG(buf_str(&cut)), number + 1);
}

static void message(struct chat_room *room, const struct json *event)
{
    bool persona = str_eq(author_field(event, "type"), STR("persona"));
    if (room != room->chat->room)
        notice(room, event);
    else if (persona)
        personas_message(room, event);
    else
        persons_message(room, event);
}

/* ---- turns ---- */

static void turn_ended(struct chat_room *room, const struct json *event)
{
    struct chat *c = room->chat;
    const struct json *data = json_get(event, "data"), *error = json_get(data, "error");
    struct str outcome = json_get_str(data, "outcome", STR_NONE);
    struct chat_turn *t = turn_of(c, json_get_str(event, "turn", STR_NONE));
    buf_clear(&room->last_turn);
    buf_add(&room->last_turn, data ? data->raw : STR("{}"));
    if (!t)
        return;
    struct str text = json_get_str(data, "text", STR_NONE);
    if (str_eq(outcome, STR("cancelled")))
        turn_end(c, t, text, STYLE_DIM, STR("(stopped)"));
    else if (str_eq(outcome, STR("failed")))
        turn_end(c, t, text, STYLE_BAD,
                 json_get_str(error, "message", STR("The answer failed; /retry tries again.")));
    else
        turn_end(c, t, STR_NONE, 0, STR_NONE);
}

static void turn_started(struct chat_room *room, const struct json *event)
{
    const struct json *data = json_get(event, "data");
    struct chat_persona *p = chat_persona_of(room, json_get_str(data, "persona", STR_NONE));
    turn_begin(room->chat, json_get_str(event, "turn", STR_NONE), json_get_str(data, "persona", STR_NONE),
               p ? str_c(p->name) : author_field(event, "name"));
}

/* A piece of a running turn. Those that a snapshot had already are left out. */
static void delta(struct chat_room *room, const struct json *event, bool snapshot)
{
    struct chat *c = room->chat;
    const struct json *data = json_get(event, "data");
    struct str turn = json_get_str(event, "turn", json_get_str(data, "turn", STR_NONE));
    struct str text = json_get_str(data, "text", STR_NONE);
    uint64_t index = (uint64_t)json_get_i64(data, "index", 0);
    struct chat_turn *t = turn_begin(c, turn, author_field(event, "id"), author_field(event, "name"));
    if (snapshot) {
        if (text.n > t->text.n)
            turn_add(c, t, str_from(text, t->text.n));
        t->next_index = index;
        return;
    }
    if (index < t->next_index)
        return;
    t->next_index = index + 1;
    turn_add(c, t, text);
}

/* ---- the rest ---- */

static void mood(struct chat_room *room, const struct json *data)
{
    struct chat_persona *p = chat_persona_of(room, json_get_str(data, "persona", STR_NONE));
    if (!p)
        return;
    str_copy(p->mood, sizeof p->mood, json_get_str(data, "label", STR_NONE));
    p->valence = json_get_double(data, "valence", 0);
    p->arousal = json_get_double(data, "arousal", 0);
    p->dominance = json_get_double(data, "dominance", 0);
}

static void clean(struct buf *to, struct str text)
{
    text_clean_line(to, text);
}

static void small_things(struct chat_room *room, struct str kind, const struct json *event)
{
    struct chat *c = room->chat;
    const struct json *data = json_get(event, "data");
    CLEANUP_BUF struct buf text = BUF_INIT;
    bool here = room == c->room;
    if (str_eq(kind, STR("room.updated"))) {
        clean(&text, json_get_str(data, "title", STR_NONE));
        if (here && !str_eq(buf_str(&text), str_c(room->title)))
            view_note(c, "The room is called \"%.*s\" now.", STR_ARG(buf_str(&text)));
        str_copy(room->title, sizeof room->title, buf_str(&text));
    } else if (str_eq(kind, STR("room.state"))) {
        clean(&text, json_get_str(data, "state", STR_NONE));
        str_copy(room->state, sizeof room->state, buf_str(&text));
        if (here)
            view_note(c, "The room is %.*s now.", STR_ARG(buf_str(&text)));
    } else if (str_eq(kind, STR("room.cleared")) && here) {
        view_note(c, "What was said so far is hidden from here on.");
    } else if (str_eq(kind, STR("member.joined")) || str_eq(kind, STR("member.left"))) {
        clean(&text, json_get_str(json_get(data, "member"), "name", STR_NONE));
        chat_learn(room);
        if (here && room->persona_count > 1)
            view_note(c, "%.*s %s.", STR_ARG(buf_str(&text)),
                      str_eq(kind, STR("member.joined")) ? "came in" : "left");
    } else if (str_eq(kind, STR("message.edited")) && here) {
        clean(&text, json_get_str(data, "text", STR_NONE));
        view_note(c, "A message was changed; it says now: %.*s", STR_ARG(buf_str(&text)));
    } else if (str_eq(kind, STR("message.deleted")) && here) {
        view_note(c, json_get_bool(data, "erased", false) ? "A message was forgotten for good."
                                                          : "A message was taken out.");
    }
}

void chat_event(struct chat_room *room, const struct json *event)
{
    struct str kind = json_get_str(event, "kind", STR_NONE);
    int64_t seq = json_get_i64(event, "seq", 0);
    bool here = room == room->chat->room;
    if (seq > 0 && (uint64_t)seq <= room->seq)
        return;
    if (seq > 0)
        room->seq = (uint64_t)seq;
    if (str_eq(kind, STR("message")))
        message(room, event);
    else if (str_eq(kind, STR("mood")))
        mood(room, json_get(event, "data"));
    else if (str_eq(kind, STR("turn.started")) && here)
        turn_started(room, event);
    else if (str_eq(kind, STR("turn.ended")))
        turn_ended(room, event);
    else if ((str_eq(kind, STR("delta")) || str_eq(kind, STR("turn.snapshot"))) && here)
        delta(room, event, str_eq(kind, STR("turn.snapshot")));
    else
        small_things(room, kind, event);
    if (room->chat->noted)
        view_gap(room->chat);
    room->chat->noted = false;
}
