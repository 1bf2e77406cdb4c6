/*
 * Who was in a room when: the members' comings and goings by sequence number, for the rooms that the reader
 * meets. Rooms are loaded from the log (member.joined, member.left), the least recently used go.
 *
 * Belongs to memory's home loop. It does not read the store itself (reader.c does).
 */
#ifndef EIDOLON_MEMORY_STAYS_H
#define EIDOLON_MEMORY_STAYS_H

#include "base/map.h"
#include "store/row.h"

struct stay {
    struct id member;
    bool persona;
    uint64_t from, to; /* seqs: joined, left (UINT64_MAX: still there) */
};

struct room_stays {
    struct room_stays *newer, *older;
    struct id id;
    struct stay *stays;
    size_t count, cap;
    uint64_t known; /* comings and goings up to this seq are in `stays` */
    char *said;     /* what a persona said last, NUL-terminated, or NULL: what a bare answer answers */
    uint64_t said_seq;
};

struct stays {
    struct map rooms;
    struct room_stays *newest, *oldest;
    size_t count;
};

enum { STAYS_ROOMS_MAX = 2048, STAYS_MAX = 4096 };

void stays_release(struct stays *m);
struct room_stays *stays_room(struct stays *m, struct id room); /* NULL: not loaded */
struct room_stays *stays_add(struct stays *m, struct id room);
/* Takes in a member.joined or member.left event; ignores what it knows already. */
void stays_event(struct room_stays *room, const struct event_row *row);
bool stay_at(const struct stay *stay, uint64_t seq);
void stays_said(struct room_stays *room, struct str text, uint64_t seq);

#endif
