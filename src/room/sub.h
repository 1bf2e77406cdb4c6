/*
 * Subscriptions: one reader of one room, who gets every lasting event in order from where it left off, and
 * the passing ones while it keeps up.
 *
 * A subscription lives on its reader's loop, embedded in the reader's struct. It begins by replaying from the
 * store (paced: a page at a time, while the reader has room), splices into the live stream where the replay
 * meets it, and then gets a turn.snapshot of each running turn. The live stream of a room comes to each loop
 * once (hub.c). A reader that falls behind loses passing events and is put back to replay from the store when
 * it drains; `gap` tells it, and snapshots follow. So nothing lasting is ever lost or doubled, whatever the
 * reader does, and no backlog is held in memory for it.
 *
 * Listeners (sub.sound) also get a persona's voice: frames of sound, each made once per room and codec and
 * shared by all. Sound is passing: who reads too slowly loses some.
 *
 * Who owns what: the caller owns the struct until sub_close() returns; callbacks never run after that.
 */
#ifndef EIDOLON_ROOM_SUB_H
#define EIDOLON_ROOM_SUB_H

#include "room/rooms.h"

struct sub;

/* What a reader is told about a frame. */
struct sub_frame {
    uint64_t seq;    /* 0: passing */
    struct str kind; /* valid during the call */
    struct id turn;
    enum author_type author_type;
    struct shared *frame; /* in the reader's format; the reader takes its own reference if it keeps it */
};

/* What a listener asked for; 0: nothing. */
enum { SOUND_PCM_FRAMES = 1, SOUND_OPUS_PACKETS = 2, ROOM_SOUNDS };

/* A piece of a persona's voice. */
struct sub_sound {
    struct id turn;
    uint16_t index; /* the sentence */
    uint8_t codec;  /* SOUND_PCM_FRAMES: s16le mono; SOUND_OPUS_PACKETS: one packet */
    uint32_t rate;
    uint64_t at;          /* the first sample's position in the sentence, at that rate */
    struct str bytes;     /* valid during the call */
    struct shared *frame; /* ready for the socket (room_deps.encode_sound); as with sub_frame */
};

struct sub_events {
    /* The room is there: its head when the subscription began. Before any frame. */
    void (*joined)(struct sub *sub, uint64_t head);
    void (*frame)(struct sub *sub, const struct sub_frame *frame);
    /* True while the reader can take more without queueing too much; asked before each frame. */
    bool (*ready)(struct sub *sub);
    /* No such room, or not this principal's, or removed while subscribed. The subscription is over: close it.
     */
    void (*failed)(struct sub *sub, const struct error *error);
    /* Only with sub.sound; NULL where that is never asked for. */
    void (*sound)(struct sub *sub, const struct sub_sound *sound);
};

enum { SUB_LIVE_ONLY = 1 << 0 }; /* no replay: begin at the head */

struct sub {
    const struct sub_events *events; /* the first three are set by the caller */
    unsigned format;                 /* index into room_deps.encode; may change only before sub_open() */
    struct principal who;
    struct id room;
    unsigned sound; /* 0 none, SOUND_PCM_FRAMES, SOUND_OPUS_PACKETS; may change only before sub_open(); a
                       persona speaks while somebody listens */
    struct sub_inner *inner;
};

/* Begins; `after` is exclusive (0: from the start). Returns at once; joined() or failed() comes later. */
void sub_open(struct rooms *rooms, struct sub *sub, uint64_t after, unsigned flags) LOOP;
/* The reader drained: go on. Cheap when there is nothing to do. */
void sub_resume(struct sub *sub) LOOP;
void sub_close(struct sub *sub) LOOP;
/* The last lasting number given to the reader. */
uint64_t sub_seq(const struct sub *sub) LOOP;

#endif
