/*
 * Between rooms and readers: the message that brings one event to one loop (publish.c makes it, hub.c hands
 * it on). Private to src/room.
 */
#ifndef EIDOLON_ROOM_HUB_H
#define EIDOLON_ROOM_HUB_H

#include "room/sub.h"

struct home;
struct room;

struct delivery {
    struct msg msg;
    struct home *to;
    struct id room, turn;
    uint64_t seq; /* 0: passing */
    enum event_kind kind;
    enum author_type author_type;
    bool gone; /* the room was removed: readers are told and let go */
    struct shared *frames[ROOM_FORMATS_MAX];
};

/* The same for a piece of sound. */
struct sound_delivery {
    struct msg msg;
    struct home *to;
    struct id room;
    struct sub_sound sound; /* its bytes lie in the frame, of which it holds a reference */
};
struct sound_delivery *sound_delivery_new(struct home *to, struct id room, const struct sub_sound *sound);

struct delivery *delivery_new(struct home *to, const struct event_row *row);
void room_publish_gone(struct room *room) LOOP;

void hub_release(struct home *home) LOOP;

#endif
