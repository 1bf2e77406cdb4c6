/*
 * Choosing, opening and following rooms; see chat.h.
 *
 * Each room that was opened is followed by a stream of its own, in which it goes on from the last event seen,
 * however often the stream breaks off. A lost stream is tried again after 0.2, 0.4, ... 5 seconds.
 */
#include "app/chat.h"

#include "base/clock.h"
#include "term/text.h"

#include <stdlib.h>

enum { RETRY_FIRST_MS = 200, RETRY_MOST_MS = 5000, TAIL_EVENTS = 100, HISTORY_MOST = 200 };

void chat_room_path(struct buf *to, const struct chat_room *room, const char *rest)
{
    buf_printf(to, "/api/rooms/%s%s", room->id, rest);
}

static void clean_copy(char *to, size_t size, struct str text)
{
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean_line(&clean, text);
    str_copy(to, size, buf_str(&clean));
}

/* ---- what a room is ---- */

static void read_members(struct chat_room *room, const struct json *members)
{
    struct chat_persona before[CHAT_PERSONAS];
    unsigned count = room->persona_count;
    memcpy(before, room->personas, sizeof before);
    room->persona_count = 0;
    for (const struct json *m = members ? members->child : NULL; m && room->persona_count < CHAT_PERSONAS;
         m = m->next) {
        if (!str_eq(json_get_str(m, "type", STR_NONE), STR("persona")))
            continue;
        struct chat_persona *p = &room->personas[room->persona_count++];
        *p = (struct chat_persona){.mood = ""};
        str_copy(p->id, sizeof p->id, json_get_str(m, "id", STR_NONE));
        for (unsigned i = 0; i < count; i++)
            if (!strcmp(before[i].id, p->id))
                *p = before[i];
        clean_copy(p->name, sizeof p->name, json_get_str(m, "name", STR_NONE));
        clean_copy(p->slug, sizeof p->slug, json_get_str(m, "slug", STR_NONE));
    }
}

static void read_room(struct chat_room *room, const struct json *json)
{
    clean_copy(room->title, sizeof room->title, json_get_str(json, "title", STR_NONE));
    clean_copy(room->state, sizeof room->state, json_get_str(json, "state", STR_NONE));
    read_members(room, json_get(json, "members"));
    if (!room->title[0])
        snprintf(room->title, sizeof room->title, "%s",
                 room->persona_count ? room->personas[0].name : "A room");
}

/* The members may have changed: asked without waiting, as this comes from the middle of a stream. */
struct learning {
    struct chat *chat;
    char id[CHAT_ID];
    struct buf body;
};

static void learn_data(void *arg, int status, struct str bytes)
{
    struct learning *l = arg;
    if (status == 200)
        buf_add(&l->body, bytes);
}

static void learn_end(void *arg, int status, const struct error *e)
{
    struct learning *l = arg;
    struct arena arena = ARENA_INIT;
    struct json *json = NULL;
    if (!e && status == 200 && json_parse(&arena, buf_str(&l->body), &json, NULL) == ERR_OK)
        for (unsigned i = 0; i < l->chat->room_count; i++)
            if (!strcmp(l->chat->rooms[i]->id, l->id))
                read_room(l->chat->rooms[i], json);
    arena_release(&arena);
    buf_release(&l->body);
    free(l);
}

bool chat_learn(struct chat_room *room)
{
    static const struct client_events events = {learn_data, learn_end};
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct learning *l = heap_alloc(sizeof *l);
    l->chat = room->chat;
    memcpy(l->id, room->id, sizeof l->id);
    chat_room_path(&path, room, "");
    if (client_start(room->chat->act.client, &(struct client_request){.path = buf_str(&path)}, &events, l,
                     NULL))
        return true;
    free(l);
    return false;
}

/* ---- following ---- */

static bool stream_event(void *arg, struct str name, struct str data)
{
    struct chat_room *room = arg;
    struct arena arena = ARENA_INIT;
    struct json *event = NULL;
    (void)name;
    if (json_parse(&arena, data, &event, NULL) == ERR_OK) {
        if (room->lost) {
            view_note(room->chat, "The server is back.");
            view_gap(room->chat);
        }
        room->lost = false;
        room->retry_ms = 0;
        chat_event(room, event);
    }
    arena_release(&arena);
    return true;
}

static void stream_data(void *arg, int status, struct str bytes)
{
    struct chat_room *room = arg;
    if (status == 200)
        sse_feed(&room->sse, bytes);
}

static void stream_end(void *arg, int status, const struct error *e)
{
    struct chat_room *room = arg;
    struct chat *c = room->chat;
    room->stream = 0;
    room->refused = status == 404 || status == 410 || status == 401 || status == 403;
    room->retry_ms = room->retry_ms ? room->retry_ms * 2 : RETRY_FIRST_MS;
    if (room->retry_ms > RETRY_MOST_MS)
        room->retry_ms = RETRY_MOST_MS;
    room->retry_at_us = clock_mono_us() + room->retry_ms * 1000ULL;
    if (room != c->room)
        return;
    if (room->refused)
        view_wrong(c, STR("This room is not there any more; /rooms lists those that are."));
    /* Said at the third failure in a row: a server that starts again is back before that. */
    else if (e && !room->lost && room->retry_ms >= RETRY_FIRST_MS * 4) {
        room->lost = true;
        view_note(c, "The server does not answer; waiting for it. /quit leaves.");
        view_gap(c);
    }
}

void chat_follow(struct chat_room *room)
{
    static const struct client_events events = {stream_data, stream_end};
    CLEANUP_BUF struct buf path = BUF_INIT;
    char rest[64];
    sse_release(&room->sse);
    sse_init(&room->sse, stream_event, room);
    snprintf(rest, sizeof rest, "/events?after=%llu", (unsigned long long)room->seq);
    chat_room_path(&path, room, rest);
    room->stream = client_start(
        room->chat->act.client,
        &(struct client_request){.path = buf_str(&path), .accept = "text/event-stream", .stream = true},
        &events, room, NULL);
}

void chat_retry(struct chat *c)
{
    uint64_t now = clock_mono_us();
    for (unsigned i = 0; i < c->room_count; i++) {
        struct chat_room *room = c->rooms[i];
        if (room->stream || room->refused || now < room->retry_at_us)
            continue;
        home_again(&c->act.home);
        /* Turns that ran when the stream broke off: what became of them comes with the events that were
         * missed. */
        chat_follow(room);
    }
}

/* ---- opening ---- */

static void tail_event(struct chat_room *room, const struct json *event)
{
    struct str kind = json_get_str(event, "kind", STR_NONE);
    const struct json *data = json_get(event, "data");
    struct chat_persona *p = chat_persona_of(room, json_get_str(data, "persona", STR_NONE));
    if (str_eq(kind, STR("turn.ended"))) {
        buf_clear(&room->last_turn);
        buf_add(&room->last_turn, data ? data->raw : STR("{}"));
    } else if (str_eq(kind, STR("mood")) && p) {
        clean_copy(p->mood, sizeof p->mood, json_get_str(data, "label", STR_NONE));
        p->valence = json_get_double(data, "valence", 0);
        p->arousal = json_get_double(data, "arousal", 0);
        p->dominance = json_get_double(data, "dominance", 0);
    }
}

/* The last events of the room: moods as they are, what the last turn recalled. */
static void read_tail(struct chat_room *room, uint64_t head)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer;
    char rest[96];
    snprintf(rest, sizeof rest, "/events?limit=%d&after=%llu", TAIL_EVENTS,
             (unsigned long long)(head > TAIL_EVENTS ? head - TAIL_EVENTS : 0));
    chat_room_path(&path, room, rest);
    if (client_get(room->chat->act.client, buf_str(&path), &answer, NULL) == ERR_OK) {
        const struct json *data = json_get(answer.json, "data");
        for (const struct json *event = data ? data->child : NULL; event; event = event->next)
            tail_event(room, event);
    }
    answer_release(&answer);
}

static void show_from(struct chat_room *room, const struct json *message)
{
    struct chat *c = room->chat;
    const struct json *author = json_get(message, "author");
    struct str id = json_get_str(message, "id", STR_NONE), text = json_get_str(message, "text", STR_NONE);
    bool persona = str_eq(json_get_str(author, "type", STR_NONE), STR("persona"));
    uint64_t seq = (uint64_t)json_get_i64(message, "seq", 0);
    str_copy(persona ? room->last_answer : room->last_own, CHAT_ID, id);
    if (seq > room->seq)
        room->seq = seq;
    view_message(c, json_get_str(author, "name", STR_NONE), STR_NONE, text, !persona);
}

bool chat_history(struct chat *c, unsigned count)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer;
    struct error e = {0};
    char rest[64];
    if (!count)
        return true;
    snprintf(rest, sizeof rest, "/messages?limit=%u", count < HISTORY_MOST ? count : HISTORY_MOST);
    chat_room_path(&path, c->room, rest);
    bool ok = client_get(c->act.client, buf_str(&path), &answer, &e) == ERR_OK;
    const struct json *data = json_get(answer.json, "data"), *rows[HISTORY_MOST];
    unsigned n = 0;
    /* They come from the newest on. */
    for (const struct json *m = ok && data ? data->child : NULL; m && n < HISTORY_MOST; m = m->next)
        rows[n++] = m;
    while (n)
        show_from(c->room, rows[--n]);
    if (!ok)
        view_wrong(c, str_c(e.message));
    answer_release(&answer);
    return ok;
}

static struct chat_room *known_room(struct chat *c, struct str id)
{
    for (unsigned i = 0; i < c->room_count; i++)
        if (str_eq(str_c(c->rooms[i]->id), id))
            return c->rooms[i];
    return NULL;
}

static void room_free(struct chat_room *room)
{
    if (room->stream)
        client_cancel(room->chat->act.client, room->stream);
    sse_release(&room->sse);
    buf_release(&room->last_turn);
    free(room);
}

/* A place for one more room; the one that was opened longest ago gives way. */
static struct chat_room *add_room(struct chat *c, struct str id)
{
    if (c->room_count == CHAT_ROOMS) {
        unsigned i = c->rooms[0] == c->room;
        room_free(c->rooms[i]);
        memmove(c->rooms + i, c->rooms + i + 1, (CHAT_ROOMS - 1 - i) * sizeof *c->rooms);
        c->room_count--;
    }
    struct chat_room *room = heap_alloc(sizeof *room);
    room->chat = c;
    str_copy(room->id, sizeof room->id, id);
    c->rooms[c->room_count++] = room;
    return room;
}

static void say_where(struct chat *c)
{
    CLEANUP_BUF struct buf who = BUF_INIT;
    struct chat_room *room = c->room;
    for (unsigned i = 0; i < room->persona_count; i++)
        buf_printf(&who, "%s%s", i ? ", " : "", room->personas[i].name);
    bool titled = room->title[0] && !str_eq(str_c(room->title), buf_str(&who));
    view_note(c, "%s%s%.*s%s%s.   /help lists what can be done here.", titled ? room->title : "",
              titled ? ", with " : "", STR_ARG(who.n ? buf_str(&who) : STR("nobody")),
              strcmp(room->state, "idle") ? "; it is " : "", strcmp(room->state, "idle") ? room->state : "");
    view_say(c, STR("\n"));
}

bool chat_open(struct chat *c, struct str id, unsigned history)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer;
    struct error e = {0};
    struct chat_room *room = known_room(c, id);
    buf_add(&path, STR("/api/rooms/"));
    client_encode(&path, id);
    if (client_get(c->act.client, buf_str(&path), &answer, &e) != ERR_OK) {
        view_wrong(c, str_c(e.message));
        c->act.code = act_code(e.err);
        answer_release(&answer);
        return false;
    }
    bool fresh = !room;
    if (fresh)
        room = add_room(c, json_get_str(answer.json, "id", id));
    uint64_t head = (uint64_t)json_get_i64(answer.json, "head", 0);
    read_room(room, answer.json);
    answer_release(&answer);
    view_forget(c);
    c->room = room;
    room->unread = 0;
    read_tail(room, head);
    say_where(c);
    chat_history(c, history);
    if (room->stream)
        client_cancel(c->act.client, room->stream);
    room->refused = false;
    chat_follow(room);
    return true;
}

void chat_close_rooms(struct chat *c)
{
    view_forget(c);
    while (c->room_count)
        room_free(c->rooms[--c->room_count]);
    c->room = NULL;
}

/* ---- choosing ---- */

bool chat_create(struct chat *c, struct str title, struct str persona, char id[CHAT_ID])
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    struct client_answer answer;
    struct error e = {0};
    struct jw w = JW(&body);
    jw_object(&w);
    jw_kv_string(&w, "title", title);
    jw_key(&w, STR("personas"));
    jw_array(&w);
    if (persona.n)
        jw_string(&w, persona);
    jw_end_array(&w);
    jw_end_object(&w);
    bool ok = client_send(c->act.client, "POST", STR("/api/rooms"), buf_str(&body), &answer, &e) == ERR_OK;
    if (ok)
        str_copy(id, CHAT_ID, json_get_str(answer.json, "id", STR_NONE));
    else
        act_fail(&c->act, &e);
    answer_release(&answer);
    return ok;
}

struct persona_search {
    struct str words;
    char slug[CHAT_ID], id[CHAT_ID];
    bool any, found;
};

static bool look_at_persona(void *arg, const struct json *item)
{
    struct persona_search *s = arg;
    struct str name = json_get_str(item, "name", STR_NONE), slug = json_get_str(item, "slug", STR_NONE);
    struct str id = json_get_str(item, "id", STR_NONE);
    bool hit = s->any ? !s->found || str_eq(slug, STR("mia"))
                      : str_ieq(name, s->words) || str_ieq(slug, s->words) || str_eq(id, s->words);
    if (hit) {
        s->found = true;
        str_copy(s->slug, sizeof s->slug, slug);
        str_copy(s->id, sizeof s->id, id);
    }
    return !s->found || s->any;
}

bool chat_find_persona(struct chat *c, struct str words, char slug[CHAT_ID], char id[CHAT_ID])
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct client_answer answer;
    struct error e = {0};
    struct persona_search search = {.words = words, .any = str_empty(words)};
    if (!search.any) {
        buf_add(&path, STR("/api/personas/"));
        client_encode(&path, words);
        if (client_get(c->act.client, buf_str(&path), &answer, &e) == ERR_OK)
            look_at_persona(&search, answer.json);
        search.found = answer.json != NULL;
        if (search.found) {
            str_copy(search.slug, sizeof search.slug, json_get_str(answer.json, "slug", STR_NONE));
            str_copy(search.id, sizeof search.id, json_get_str(answer.json, "id", STR_NONE));
        }
        answer_release(&answer);
    }
    if (!search.found && (search.any || e.err == ERR_NOT_FOUND) &&
        !act_each(&c->act, STR("/api/personas"), look_at_persona, &search))
        return false;
    if (!search.found) {
        if (e.err == ERR_NOT_FOUND || !e.err)
            error_set(&e, ERR_NOT_FOUND, "There is no persona '%.*s'; `eidolon persona list` lists them.",
                      STR_ARG(words));
        return act_fail(&c->act, &e);
    }
    memcpy(slug, search.slug, CHAT_ID);
    memcpy(id, search.id, CHAT_ID);
    return true;
}

struct room_search {
    const char *persona; /* id, or NULL: any room */
    char room[CHAT_ID];
};

/* Rooms come newest first; a room with that persona alone is the one. */
static bool look_at_room(void *arg, const struct json *item)
{
    struct room_search *s = arg;
    const struct json *members = json_get(item, "members");
    unsigned personas = 0;
    bool there = false;
    for (const struct json *m = members ? members->child : NULL; m; m = m->next) {
        if (!str_eq(json_get_str(m, "type", STR_NONE), STR("persona")))
            continue;
        personas++;
        there = there || (s->persona && str_eq(json_get_str(m, "id", STR_NONE), str_c(s->persona)));
    }
    if (s->persona ? !there || personas != 1 : personas == 0)
        return true;
    str_copy(s->room, sizeof s->room, json_get_str(item, "id", STR_NONE));
    return false;
}

bool chat_choose(struct chat *c, const char *persona)
{
    const struct options *o = &c->act.options;
    const char *room = option_value(o, "room"), *number = option_value(o, "history");
    bool fresh = option_value(o, "new") != NULL;
    struct room_search search = {.persona = NULL};
    char slug[CHAT_ID] = "", id[CHAT_ID] = "";
    unsigned history = number ? (unsigned)strtoul(number, NULL, 10) : 10;
    if (room && !act_find_room(&c->act, str_c(room), search.room))
        return false;
    if (!search.room[0] && (persona || fresh)) {
        if (!chat_find_persona(c, str_c(persona), slug, id))
            return false;
        search.persona = id;
    }
    if (!search.room[0] && !fresh && !act_each(&c->act, STR("/api/rooms"), look_at_room, &search))
        return false;
    if (!search.room[0] && !slug[0] && !chat_find_persona(c, STR_NONE, slug, id))
        return false;
    if (!search.room[0] && !chat_create(c, STR_NONE, str_c(slug), search.room))
        return false;
    return chat_open(c, str_c(search.room), c->line || c->term->in_tty ? history : 0);
}
