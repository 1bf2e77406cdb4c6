/*
 * Who was in a room when: the members' comings and goings by sequence number, for the rooms that the follower
 * meets. Rooms are loaded from the log (member.joined, member.left), the least recently used go.
 *
 * Belongs to memory's home loop. It does not read the store itself (follow.c does).
 */
#ifndef EIDOLON_MEMORY_MEMBERS_H
#define EIDOLON_MEMORY_MEMBERS_H

#include "base/map.h"
#include "store/row.h"

struct stay {
    struct id member;
    bool persona;
    uint64_t from, to; /* seqs: joined, left (UINT64_MAX: still there) */
};

struct member_room {
    struct member_room *newer, *older;
    struct id id;
    struct stay *stays;
    size_t count, cap;
    uint64_t known; /* comings and goings up to this seq are in `stays` */
    char *said;     /* what a persona said last, NUL-terminated, or NULL: what a bare answer answers */
    uint64_t said_seq;
};

struct members {
    struct map rooms;
    struct member_room *newest, *oldest;
    size_t count;
};

enum { MEMBER_ROOMS_MAX = 2048, MEMBER_STAYS_MAX = 4096 };

void members_release(struct members *m);
struct member_room *members_room(struct members *m, struct id room); /* NULL: not loaded */
struct member_room *members_add(struct members *m, struct id room);
/* Takes in a member.joined or member.left event; ignores what it knows already. */
void member_room_event(struct member_room *room, const struct event_row *row);
bool stay_at(const struct stay *stay, uint64_t seq);
void member_room_said(struct member_room *room, struct str text, uint64_t seq);

#endif
