/*
 * Who listens in a room: how many subscriptions with sound, and whose they are.
 *
 * Two tabs, or a phone beside a computer, are one person: when somebody interrupts, only other people's
 * listening keeps the persona speaking. On the room's home loop. Private to src/room.
 */
#ifndef EIDOLON_ROOM_AUDIENCE_H
#define EIDOLON_ROOM_AUDIENCE_H

#include "base/id.h"

#include <stdbool.h>

struct audience {
    struct listening_person {
        struct id user;
        unsigned subs; /* with sound, of this person */
    } * people;
    unsigned count, cap;
    unsigned subs; /* of all */
};

void audience_join(struct audience *a, struct id user);
/* One that never joined is passed over. */
void audience_leave(struct audience *a, struct id user);
/* Somebody other than this person listens. */
bool audience_others(const struct audience *a, struct id user);
void audience_release(struct audience *a);

#endif
