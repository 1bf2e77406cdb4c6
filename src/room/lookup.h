/* Personas that an operation names, looked up one after the other (verbs.c). Private to src/room. */
#ifndef EIDOLON_ROOM_LOOKUP_H
#define EIDOLON_ROOM_LOOKUP_H

#include "persona/personas.h"
#include "room/room.h"

struct lookup {
    struct personas_op get;
    struct home *home;
    struct room_op *op;
    struct persona **found; /* without repetitions */
    size_t at;
    const struct persona *greeter; /* greeting.c: who begins, and with what; NULL: nobody */
    struct str greeting;
    bool any; /* also those that the content limits keep from being met */
    void (*then)(struct lookup *);
};

/* op->personas; fails the op where one is not there, or may not be met. The room may go meanwhile. */
void room_look_up(struct home *home, struct room_op *op, bool any, void (*then)(struct lookup *)) LOOP;

/* greeting.c. Which greeting a new room is to begin with, before it is made: sets greeter and op->greeting
 * (any becomes one). False: there is none of that number, and the op has failed. */
bool room_greeting_choose(struct lookup *l) LOOP;
/* Its row; and the room's setting, before the head is written. */
void room_greet(struct room *room, struct room_append *append, const struct lookup *l) LOOP;
void room_greeting_keep(struct room *room, const struct lookup *l) LOOP;
/* The text as it will be said. */
struct str room_greeting_text(struct room *room, struct arena *a, const struct persona *p,
                              struct str raw) LOOP;
/* The greeting of this number (-1: any; it becomes which), of one who is alone or among several. ERR_REFUSED.
 */
enum err room_greeting_find(struct arena *a, const struct persona *p, bool group, int64_t *number,
                            struct str *raw, struct error *e);

#endif
