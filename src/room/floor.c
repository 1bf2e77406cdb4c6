/*
 * The floor: who answers a message, and who goes on in a room that runs by itself.
 *
 * One persona: that one. Named by the message ("Lyra, what do you think?", "@kimi"): those who are named, in
 * the order of their names. Else one by chance, weighted by talkativeness, the one who spoke last three times
 * as likely, since a person mostly goes on talking with whom they talked. When personas go on by themselves
 * the last speaker never follows itself, so the choice cannot get stuck on one (a defect seen in peers).
 */
#include "room/room.h"

#include "base/utf8.h"
#include "room/turn.h"

enum {
    SELF_PAUSE_MS = 2500, /* before a persona goes on by itself: time to read */
    SELF_TURNS_MAX = 12,  /* turns in a row without a person; then the room rests */
};

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c & 0x80);
}

/* Where `name` stands in `text` as a whole word, ASCII case ignored; SIZE_MAX if nowhere. */
static size_t find_word(struct str text, struct str name)
{
    if (str_empty(name))
        return SIZE_MAX;
    for (size_t i = 0; i + name.n <= text.n; i++) {
        bool begins = i == 0 || !word_char(text.p[i - 1]);
        bool ends = i + name.n == text.n || !word_char(text.p[i + name.n]);
        if (begins && ends && str_ieq(str_sub(text, i, name.n), name))
            return i;
    }
    return SIZE_MAX;
}

/* "The Philosopher" is also called by "Philosopher", "Mia Rossi" by "Mia". */
static size_t named_at(const struct room_persona *p, struct str text)
{
    size_t at = find_word(text, p->name);
    if (at != SIZE_MAX)
        return at;
    struct str rest = p->name, part;
    while (str_cut(&rest, ' ', &part)) {
        if (part.n > 2 && !str_ieq(part, STR("the")))
            return find_word(text, part);
    }
    return find_word(text, p->slug);
}

static size_t named(const struct room *room, struct str text, size_t *out, size_t max)
{
    size_t places[ROOM_ANSWERS_MAX], count = 0;
    for (size_t i = 0; i < room->persona_count; i++) {
        size_t at = room->personas[i].present ? named_at(&room->personas[i], text) : SIZE_MAX;
        if (at == SIZE_MAX || count == max)
            continue;
        size_t k = count++;
        for (; k > 0 && places[k - 1] > at; k--) {
            places[k] = places[k - 1];
            out[k] = out[k - 1];
        }
        places[k] = at;
        out[k] = i;
    }
    return count;
}

/* By chance; `except` is never chosen, `favoured` three times as likely. SIZE_MAX if there is nobody. */
static size_t by_chance(const struct room *room, struct id except, struct id favoured)
{
    double total = 0;
    size_t chosen = SIZE_MAX;
    for (size_t i = 0; i < room->persona_count; i++) {
        const struct room_persona *p = &room->personas[i];
        if (!p->present || id_eq(p->id, except))
            continue;
        double weight = (.1 + p->talkativeness) * (id_eq(p->id, favoured) ? 3 : 1);
        total += weight;
        /* Reservoir choice: each ends up chosen in proportion to its weight. */
        if (random_unit() * total < weight)
            chosen = i;
    }
    return chosen;
}

size_t floor_answering(const struct room *room, struct str text, size_t *out, size_t max)
{
    if (room->state == ROOM_PAUSED || room->state == ROOM_STOPPED || room->home->rooms->draining)
        return 0;
    size_t count = room_present(room) > 1 ? named(room, text, out, max) : 0;
    if (count == 0) {
        out[0] = by_chance(room, ID_NONE, room->last_speaker);
        count = out[0] != SIZE_MAX;
    }
    return count;
}

static void go_on(struct timer *timer)
{
    on_loop();
    struct room *room = CONTAINER(timer, struct room, self_timer);
    if (room->state != ROOM_RUNNING || room->turn_count || room->home->rooms->draining ||
        room_present(room) < 2)
        return;
    if (room->self_turns >= SELF_TURNS_MAX) {
        room_rest(room,
                  "The personas talked among themselves for a while; say something or start the room again.");
        return;
    }
    struct str heard = room->said_count ? room->said[room->said_count - 1].text : STR_NONE;
    size_t candidates[ROOM_ANSWERS_MAX];
    size_t count = named(room, heard, candidates, ROOM_ANSWERS_MAX), next = SIZE_MAX;
    for (size_t i = 0; i < count && next == SIZE_MAX; i++) {
        if (!id_eq(room->personas[candidates[i]].id, room->last_speaker))
            next = candidates[i];
    }
    if (next == SIZE_MAX)
        next = by_chance(room, room->last_speaker, ID_NONE);
    if (next != SIZE_MAX)
        room_self_turn(room, next, heard);
}

void floor_continue(struct room *room)
{
    if (room->state == ROOM_RUNNING && room->turn_count == 0 && room_present(room) >= 2)
        timer_arm(&room->self_timer, SELF_PAUSE_MS, go_on);
    else
        timer_cancel(&room->self_timer);
}
