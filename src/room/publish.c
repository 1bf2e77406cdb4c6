/*
 * Telling a room's subscribers: each event becomes one frame a wire format, and one message a loop.
 *
 * Sound goes the same way, to the loops where somebody listens: one frame a codec. A frame is made only for
 * formats that somebody wants (room->interest), once, and shared by every loop and socket. The message to a
 * loop carries references; hub.c hands them on. Our own loop is told by message too, so that everything a
 * subscriber hears of a room comes through one queue, in order.
 */
#include "room/hub.h"
#include "room/room.h"

#include "base/clock.h"
#include "net/shared.h"

static uint64_t loops_interested(const struct room *room)
{
    uint64_t mask = 0;
    for (unsigned f = 0; f < room->home->rooms->formats; f++)
        mask |= room->interest[f];
    return mask;
}

void room_publish(struct room *room, const struct event_row *row)
{
    struct rooms *rooms = room->home->rooms;
    uint64_t mask = loops_interested(room);
    if (!mask)
        return;
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct jw w = JW(&json);
    event_write(&w, row);
    struct shared *frames[ROOM_FORMATS_MAX] = {0};
    for (unsigned f = 0; f < rooms->formats; f++) {
        if (room->interest[f])
            frames[f] = rooms->deps.encode[f](row, buf_str(&json));
    }
    for (unsigned l = 0; l < loops_count(rooms->deps.loops); l++) {
        if (!(mask & 1ull << l))
            continue;
        struct delivery *d = delivery_new(&rooms->homes[l], row);
        for (unsigned f = 0; f < rooms->formats; f++) {
            if (frames[f] && (room->interest[f] & 1ull << l))
                d->frames[f] = shared_ref(frames[f]);
        }
        loop_post(rooms->homes[l].loop, &d->msg);
    }
    for (unsigned f = 0; f < rooms->formats; f++)
        shared_unref(frames[f]);
}

void room_publish_passing(struct room *room, enum event_kind kind, enum author_type type, struct id author,
                          struct str name, struct id turn, struct str data)
{
    if (!loops_interested(room))
        return;
    struct event_row row = {.room = room->id,
                            .at_ms = clock_wall_ms(),
                            .author_type = type,
                            .author = author,
                            .author_name = name,
                            .turn = turn,
                            .data = data};
    event_set_kind(&row, kind);
    room_publish(room, &row);
}

void room_publish_sound(struct room *room, const struct sub_sound *sound)
{
    struct rooms *rooms = room->home->rooms;
    uint64_t mask = room->hears[sound->codec];
    if (!mask || !rooms->deps.encode_sound)
        return;
    struct sub_sound made = *sound;
    made.frame = rooms->deps.encode_sound(room->id, sound);
    count_voice_of(rooms, VOICE_FRAMES);
    for (unsigned l = 0; l < loops_count(rooms->deps.loops); l++) {
        if (mask & 1ull << l)
            loop_post(rooms->homes[l].loop, &sound_delivery_new(&rooms->homes[l], room->id, &made)->msg);
    }
    shared_unref(made.frame);
}

void room_publish_gone(struct room *room)
{
    struct rooms *rooms = room->home->rooms;
    uint64_t mask = loops_interested(room);
    for (unsigned l = 0; l < loops_count(rooms->deps.loops); l++) {
        if (!(mask & 1ull << l))
            continue;
        struct event_row row = {.room = room->id};
        struct delivery *d = delivery_new(&rooms->homes[l], &row);
        d->gone = true;
        loop_post(rooms->homes[l].loop, &d->msg);
    }
    memset(room->interest, 0, sizeof room->interest);
    memset(room->hears, 0, sizeof room->hears);
    audience_release(&room->audience);
}
