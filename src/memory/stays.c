/* Who was in a room when; see stays.h. */
#include "memory/stays.h"

#include "event/event.h"

#include <stdlib.h>

static void unlink_room(struct stays *m, struct room_stays *r)
{
    *(r->newer ? &r->newer->older : &m->newest) = r->older;
    *(r->older ? &r->older->newer : &m->oldest) = r->newer;
    r->newer = r->older = NULL;
}

static void link_newest(struct stays *m, struct room_stays *r)
{
    r->older = m->newest;
    *(m->newest ? &m->newest->newer : &m->oldest) = r;
    m->newest = r;
}

static void drop(struct stays *m, struct room_stays *r)
{
    unlink_room(m, r);
    map_del(&m->rooms, id_key(&r->id));
    free(r->stays);
    free(r->said);
    free(r);
    m->count--;
}

void stays_release(struct stays *m)
{
    while (m->newest)
        drop(m, m->newest);
    map_release(&m->rooms);
}

struct room_stays *stays_room(struct stays *m, struct id room)
{
    struct room_stays *r = map_get(&m->rooms, id_key(&room));
    if (r) {
        unlink_room(m, r);
        link_newest(m, r);
    }
    return r;
}

struct room_stays *stays_add(struct stays *m, struct id room)
{
    if (m->count >= STAYS_ROOMS_MAX)
        drop(m, m->oldest);
    struct room_stays *r = heap_alloc(sizeof *r);
    r->id = room;
    map_set(&m->rooms, id_key(&r->id), r);
    link_newest(m, r);
    m->count++;
    return r;
}

static void joined(struct room_stays *room, struct id member, bool persona, uint64_t seq)
{
    for (size_t i = 0; i < room->count; i++) {
        if (id_eq(room->stays[i].member, member) && room->stays[i].to == UINT64_MAX)
            return;
    }
    if (room->count == STAYS_MAX)
        return;
    if (room->count == room->cap) {
        room->cap = room->cap ? room->cap * 2 : 4;
        room->stays = heap_realloc(room->stays, room->cap * sizeof *room->stays);
    }
    room->stays[room->count++] = (struct stay){member, persona, seq, UINT64_MAX};
}

void stays_event(struct room_stays *room, const struct event_row *row)
{
    struct arena a = ARENA_INIT;
    struct json *data = NULL;
    struct id id;
    if (row->seq <= room->known)
        return;
    room->known = row->seq;
    if (json_parse(&a, row->data, &data, NULL) == ERR_OK) {
        const struct json *member = json_get(data, "member");
        struct str type = json_get_str(member, "type", STR_NONE);
        bool known = id_parse(json_get_str(member, "id", STR_NONE), &id);
        if (known && event_is(row, EVENT_MEMBER_JOINED)) {
            joined(room, id, str_eq(type, STR("persona")), row->seq);
        } else if (known && event_is(row, EVENT_MEMBER_LEFT)) {
            for (size_t i = 0; i < room->count; i++) {
                if (id_eq(room->stays[i].member, id) && room->stays[i].to == UINT64_MAX)
                    room->stays[i].to = row->seq;
            }
        }
    }
    arena_release(&a);
}

bool stay_at(const struct stay *stay, uint64_t seq)
{
    return seq >= stay->from && seq < stay->to;
}

void stays_said(struct room_stays *room, struct str text, uint64_t seq)
{
    enum { SAID_MAX = 2000 };
    free(room->said);
    room->said = NULL;
    if (text.n && text.n <= SAID_MAX)
        room->said = heap_cstr(text);
    room->said_seq = seq;
}
