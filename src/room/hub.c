/*
 * Subscriptions, on the reader's loop; see sub.h for what a reader may rely on.
 *
 * A reader is OPENING (the room's home was asked), REPLAYING (reading the store, a page at a time) or LIVE.
 * The home loop sends each event to this loop once; a LIVE reader takes the number after its last one and
 * ignores what it has. Any other number means something was missed (the reader was slow, or the event came
 * while it was opening), and it replays. So the order of messages matters for passing events only: those flow
 * from the moment the home's snapshot arrived, because the snapshot travels in the same queue.
 *
 * Readers are named by a handle across gaps: a reader that closed meanwhile is simply not found.
 */
#include "room/hub.h"

#include "base/clock.h"
#include "net/shared.h"
#include "room/room.h"

#include <stdlib.h>

enum sub_state { SUB_OPENING, SUB_REPLAYING, SUB_LIVE };
enum { REPLAY_PAGE = 100 };

struct sub_inner {
    struct sub *sub; /* NULL: closed, to be freed when nobody walks the list */
    struct home *home;
    struct hub_room *room;
    struct sub_inner *next;
    uint64_t handle, seq;
    enum sub_state state;
    unsigned flags, format, sound;
    bool paging;         /* a page is on its way from the store */
    bool passing;        /* passing events flow */
    bool asked_snapshot; /* the home's answer is on its way */
    bool lost;           /* passing events were lost since gap_from */
    uint64_t gap_from;
};

/* What a loop knows of a room that somebody here reads. */
struct hub_room {
    struct id id;
    struct sub_inner *subs;
    uint64_t head;
    unsigned walking; /* the list is being walked: nothing leaves it */
    unsigned readers[ROOM_FORMATS_MAX], listeners[ROOM_SOUNDS];
};

static _Thread_local uint64_t next_handle = 1;

static struct str handle_key(const uint64_t *handle)
{
    return str_of((const char *)handle, sizeof *handle);
}

static struct sub_inner *find_sub(struct home *home, uint64_t handle)
{
    return map_get(&home->handles, handle_key(&handle));
}

static void replay(struct sub_inner *inner) LOOP;

/* Gives one frame to the reader; `frame` is borrowed. */
static void give(struct sub_inner *inner, const struct sub_frame *frame)
{
    if (frame->seq)
        inner->seq = frame->seq;
    inner->sub->events->frame(inner->sub, frame);
}

/* Encodes an event for this reader alone (replay, gap, snapshot). */
static void give_row(struct sub_inner *inner, const struct event_row *row)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct jw w = JW(&json);
    event_write(&w, row);
    struct shared *frame = inner->home->rooms->deps.encode[inner->format](row, buf_str(&json));
    give(inner, &(struct sub_frame){.seq = row->seq,
                                    .kind = row->kind,
                                    .turn = row->turn,
                                    .author_type = row->author_type,
                                    .frame = frame});
    shared_unref(frame);
}

static void give_gap(struct sub_inner *inner)
{
    char data[64];
    struct event_row row = {.room = inner->room->id, .at_ms = clock_wall_ms(), .author_type = AUTHOR_SYSTEM};
    snprintf(data, sizeof data, "{\"from\":%llu,\"to\":%llu}", (unsigned long long)inner->gap_from,
             (unsigned long long)inner->seq);
    event_set_kind(&row, EVENT_GAP);
    row.data = str_c(data);
    inner->lost = false;
    give_row(inner, &row);
}

static void snapshot_done(struct room_op *op)
{
    on_loop();
    struct rooms *rooms = op->rooms;
    struct sub_inner *inner = find_sub(&rooms->homes[loop_index(op->from)], op->handle);
    if (inner && op->err == ERR_OK) {
        uint64_t handle = op->handle;
        struct home *home = inner->home;
        inner->asked_snapshot = false;
        /* A reader that fell back to replay meanwhile asks again when it is live. */
        if (inner->state == SUB_LIVE) {
            inner->passing = true;
            if (inner->lost)
                give_gap(inner);
            for (size_t i = 0; i < op->row_count && find_sub(home, handle) == inner; i++)
                give_row(inner, &op->rows[i]);
        }
    }
    room_op_free(op);
}

static LOOP void ask_snapshot(struct sub_inner *inner)
{
    if (inner->asked_snapshot)
        return;
    inner->asked_snapshot = true;
    struct room_op *op = room_op_new(ROOM_SNAPSHOT, &inner->sub->who, inner->room->id);
    op->handle = inner->handle;
    op->done = snapshot_done;
    room_submit(inner->home->rooms, op);
}

static void page_done(struct store_op *store_op)
{
    on_loop();
    struct store_events_page *page = CONTAINER(store_op, struct store_events_page, op);
    struct home *home = store_op->arg;
    uint64_t handle = page->user;
    struct sub_inner *inner = find_sub(home, handle);
    if (!inner) {
        store_op_free(store_op);
        return;
    }
    inner->paging = false;
    if (store_op->err != ERR_OK) {
        struct sub *sub = inner->sub;
        sub->events->failed(sub, &store_op->error);
        store_op_free(store_op);
        return;
    }
    size_t given = 0;
    for (; given < page->count; given++) {
        inner = find_sub(home, handle);
        if (!inner || !inner->sub->events->ready(inner->sub))
            break;
        if (page->rows[given].seq > inner->seq)
            give_row(inner, &page->rows[given]);
    }
    bool whole = given == page->count;
    store_op_free(store_op);
    inner = find_sub(home, handle);
    /* A reader that is not ready goes on when it drained (sub_resume). */
    if (inner && whole)
        replay(inner);
}

/* Reads on, or goes live if nothing is missing. */
static void replay(struct sub_inner *inner)
{
    if (inner->paging)
        return;
    if (inner->seq >= inner->room->head) {
        inner->state = SUB_LIVE;
        ask_snapshot(inner);
        return;
    }
    inner->state = SUB_REPLAYING;
    inner->passing = false;
    inner->paging = true;
    struct store_events_page *page = STORE_NEW(events_page, EVENTS_PAGE);
    page->tenant = inner->sub->who.tenant;
    page->room = inner->room->id;
    page->after = inner->seq;
    page->limit = REPLAY_PAGE;
    page->user = inner->handle;
    page->op.done = page_done;
    page->op.arg = inner->home;
    store_submit(inner->home->rooms->deps.store, &page->op);
}

static void fall_behind(struct sub_inner *inner)
{
    if (!inner->lost) {
        inner->lost = true;
        inner->gap_from = inner->seq;
    }
    inner->passing = false;
}

/* One live event for one reader. */
static LOOP void hand_on(struct sub_inner *inner, const struct delivery *d)
{
    struct sub *sub = inner->sub;
    if (inner->state != SUB_LIVE || (d->seq && d->seq <= inner->seq) || (!d->seq && !inner->passing))
        return;
    bool ready = sub->events->ready(sub);
    if (!d->seq && !ready) {
        fall_behind(inner);
        return;
    }
    if (d->seq && (!ready || d->seq != inner->seq + 1 || !d->frames[inner->format])) {
        fall_behind(inner);
        inner->state = SUB_REPLAYING;
        if (ready)
            replay(inner);
        return;
    }
    if (!d->frames[inner->format])
        return;
    give(inner, &(struct sub_frame){.seq = d->seq,
                                    .kind = event_kind_info(d->kind)->name,
                                    .turn = d->turn,
                                    .author_type = d->author_type,
                                    .frame = d->frames[inner->format]});
}

/* Frees what closed and, with the last reader, the room's entry. */
static void tidy(struct home *home, struct hub_room *room)
{
    if (room->walking)
        return;
    for (struct sub_inner **at = &room->subs; *at;) {
        struct sub_inner *inner = *at;
        if (inner->sub) {
            at = &inner->next;
            continue;
        }
        *at = inner->next;
        free(inner);
    }
    if (!room->subs) {
        map_del(&home->subs, id_key(&room->id));
        free(room);
    }
}

static void deliver(struct msg *msg)
{
    on_loop();
    struct delivery *d = CONTAINER(msg, struct delivery, msg);
    struct hub_room *room = map_get(&d->to->subs, id_key(&d->room));
    if (room) {
        struct error gone = {0};
        error_set(&gone, ERR_GONE, "The room was removed.");
        if (d->seq > room->head)
            room->head = d->seq;
        room->walking++;
        for (struct sub_inner *inner = room->subs; inner; inner = inner->next) {
            if (inner->sub && d->gone)
                inner->sub->events->failed(inner->sub, &gone);
            else if (inner->sub)
                hand_on(inner, d);
        }
        room->walking--;
        tidy(d->to, room);
    }
    for (unsigned f = 0; f < ROOM_FORMATS_MAX; f++)
        shared_unref(d->frames[f]);
    free(d);
}

struct delivery *delivery_new(struct home *to, const struct event_row *row)
{
    struct delivery *d = heap_alloc(sizeof *d);
    d->msg.deliver = deliver;
    d->to = to;
    d->room = row->room;
    d->seq = row->seq;
    d->turn = row->turn;
    d->author_type = row->author_type;
    if (!event_kind_find(row->kind, &d->kind))
        d->kind = EVENT_MESSAGE;
    return d;
}

/* Sound is passing: who is not ready, or still catches up, goes without. */
static void deliver_sound(struct msg *msg)
{
    on_loop();
    struct sound_delivery *d = CONTAINER(msg, struct sound_delivery, msg);
    struct hub_room *room = map_get(&d->to->subs, id_key(&d->room));
    if (room) {
        room->walking++;
        for (struct sub_inner *inner = room->subs; inner; inner = inner->next) {
            struct sub *sub = inner->sub;
            if (sub && inner->sound == d->sound.codec && inner->state == SUB_LIVE && inner->passing &&
                sub->events->sound && sub->events->ready(sub))
                sub->events->sound(sub, &d->sound);
        }
        room->walking--;
        tidy(d->to, room);
    }
    shared_unref(d->sound.frame);
    free(d);
}

struct sound_delivery *sound_delivery_new(struct home *to, struct id room, const struct sub_sound *sound)
{
    struct sound_delivery *d = heap_alloc(sizeof *d);
    *d = (struct sound_delivery){.msg = {.deliver = deliver_sound}, .to = to, .room = room, .sound = *sound};
    struct str frame = shared_str(shared_ref(sound->frame));
    d->sound.bytes = str_from(frame, frame.n - sound->bytes.n);
    return d;
}

static void join_done(struct room_op *op)
{
    on_loop();
    struct sub_inner *inner = find_sub(&op->rooms->homes[loop_index(op->from)], op->handle);
    if (inner && op->err != ERR_OK) {
        inner->sub->events->failed(inner->sub, &op->error);
    } else if (inner) {
        uint64_t handle = op->handle, head = op->view.head_seq;
        struct home *home = inner->home;
        if (head > inner->room->head)
            inner->room->head = head;
        if (inner->flags & SUB_LIVE_ONLY)
            inner->seq = head;
        inner->sub->events->joined(inner->sub, head);
        inner = find_sub(home, handle);
        if (inner)
            replay(inner);
    }
    room_op_free(op);
}

static void forget_op(struct room_op *op)
{
    room_op_free(op);
}

static struct hub_room *room_entry(struct home *home, struct id id)
{
    struct hub_room *room = map_get(&home->subs, id_key(&id));
    if (!room) {
        room = heap_alloc(sizeof *room);
        room->id = id;
        map_set(&home->subs, id_key(&id), room);
    }
    return room;
}

void sub_open(struct rooms *rooms, struct sub *sub, uint64_t after, unsigned flags)
{
    struct home *home = &rooms->homes[loop_index(loop_self())];
    struct sub_inner *inner = heap_alloc(sizeof *inner);
    struct hub_room *room = room_entry(home, sub->room);
    *inner = (struct sub_inner){.sub = sub,
                                .home = home,
                                .room = room,
                                .next = room->subs,
                                .handle = next_handle++,
                                .seq = after,
                                .state = SUB_OPENING,
                                .flags = flags,
                                .format = sub->format,
                                .sound = sub->sound < ROOM_SOUNDS ? sub->sound : 0};
    room->subs = inner;
    room->readers[inner->format]++;
    room->listeners[inner->sound]++;
    map_set(&home->handles, handle_key(&inner->handle), inner);
    sub->inner = inner;
    count_subscriber(rooms, 1);
    struct room_op *op = room_op_new(ROOM_JOIN, &sub->who, sub->room);
    op->handle = inner->handle;
    op->format = inner->format;
    op->sound = inner->sound;
    op->done = join_done;
    room_submit(rooms, op);
}

void sub_resume(struct sub *sub)
{
    struct sub_inner *inner = sub->inner;
    if (!inner || !sub->events->ready(sub))
        return;
    if (inner->state == SUB_REPLAYING)
        replay(inner);
    else if (inner->state == SUB_LIVE && inner->lost)
        ask_snapshot(inner);
}

void sub_close(struct sub *sub)
{
    struct sub_inner *inner = sub->inner;
    if (!inner)
        return;
    struct home *home = inner->home;
    struct hub_room *room = inner->room;
    sub->inner = NULL;
    inner->sub = NULL;
    map_del(&home->handles, handle_key(&inner->handle));
    count_subscriber(home->rooms, -1);
    bool last = --room->readers[inner->format] == 0, silent = --room->listeners[inner->sound] == 0;
    if (last || inner->sound) {
        struct room_op *op = room_op_new(ROOM_LEAVE, &sub->who, room->id);
        op->format = last ? inner->format : ROOM_FORMATS_MAX;
        op->sound = inner->sound;
        op->on = silent;
        op->done = forget_op;
        room_submit(home->rooms, op);
    }
    tidy(home, room);
}

uint64_t sub_seq(const struct sub *sub)
{
    return sub->inner ? sub->inner->seq : 0;
}
