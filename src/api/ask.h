/*
 * Asking a persona in a room on behalf of a request that waits for the answer: /v1/chat/completions with a
 * user, /api/chat.
 *
 * The message is said in the room (which is opened first if that was asked), and the turn that answers it is
 * followed to its end. The struct lies in the request's arena. When the client goes away first, the turn is
 * cancelled if `cancel_on_leave` is set; otherwise it goes on, as turns do.
 */
#ifndef EIDOLON_API_ASK_H
#define EIDOLON_API_ASK_H

#include "api/call.h"
#include "engine/provider.h"
#include "room/sub.h"

struct ask {
    struct call *call;
    struct id room;
    struct str text, media; /* media: what the message shows, a JSON array of ids; or empty */
    bool cancel_on_leave;
    /* The room is opened with this persona if it is not there; empty: it must be. */
    struct str persona, title, external;
    bool quiet; /* without a greeting */

    void (*delta)(struct ask *ask, struct str text); /* may be NULL; may answer the request */
    void (*done)(struct ask *ask);                   /* the turn has ended; the request is still there */
    void *arg;

    /* At done(): */
    struct error error;       /* ERR_OK, or why there is no answer */
    struct str reply;         /* the answer, or what was said of it */
    struct str message, mood; /* JSON of the events, or empty */
    enum gen_finish finish;
    bool cancelled;
    struct gen_usage usage;

    /* its own */
    struct sub sub;
    struct id turn;
    uint64_t said_seq, next_index;
    size_t told; /* bytes of the answer that delta() was given */
    struct buf so_far;
    bool created, over;
};

struct ask *ask_new(struct call *call) LOOP; /* takes over the request's on_closed */
void ask_begin(struct ask *ask) LOOP;

#endif
