/*
 * A room's events as an answer: server-sent events that follow a subscription.
 *
 * The stream begins when the room said that it is there, so a missing room is an ordinary 404. A reader that
 * reads slowly loses passing events and is caught up from the store (room/sub.h); one that takes nothing at
 * all is cut by the net after net.write_timeout. When the request ends, however it ends, the subscription is
 * closed.
 */
#ifndef EIDOLON_API_FOLLOW_H
#define EIDOLON_API_FOLLOW_H

#include "api/call.h"
#include "room/sub.h"

struct follow {
    struct sub sub;
    struct call *call;
    bool begun;
    /* Sees each frame after it was sent; may end the stream with follow_end(). NULL: nothing to see. */
    void (*sent)(struct follow *follow, const struct sub_frame *frame);
    void *arg;
};

/* In the request's arena; sets the request's callbacks. */
struct follow *follow_new(struct call *call, struct id room) LOOP;
void follow_begin(struct follow *follow, uint64_t after, unsigned flags) LOOP; /* flags: sub.h */
/* The answer is complete. The call is over. */
void follow_end(struct follow *follow) LOOP;

#endif
