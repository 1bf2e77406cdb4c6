/*
 * A reader of a room that keeps what it was given, and how tests of rooms make one and speak in it.
 */
#ifndef EIDOLON_TESTS_ROOM_READER_H
#define EIDOLON_TESTS_ROOM_READER_H

#include "house.h"

enum { FRAMES_MAX = 4000 };

/* A reader that keeps what it was given; lives on loop 1. */
struct reader {
    struct sub sub;
    struct house *house;
    pthread_mutex_t lock;
    uint64_t after, seqs[FRAMES_MAX];
    struct str kinds[FRAMES_MAX];
    char *json[FRAMES_MAX];
    size_t count;
    bool stalled, failed, closed;
    unsigned flags;
    struct gate done;
};

static inline void on_joined(struct sub *sub, uint64_t head)
{
    (void)sub;
    (void)head;
}

static inline void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    struct reader *r = CONTAINER(sub, struct reader, sub);
    pthread_mutex_lock(&r->lock);
    if (r->count < FRAMES_MAX) {
        r->seqs[r->count] = frame->seq;
        r->kinds[r->count] = str_of(heap_cstr(frame->kind), frame->kind.n);
        r->json[r->count++] = heap_cstr(shared_str(frame->frame));
    }
    pthread_mutex_unlock(&r->lock);
}

static inline bool on_ready(struct sub *sub)
{
    struct reader *r = CONTAINER(sub, struct reader, sub);
    pthread_mutex_lock(&r->lock);
    bool ready = !r->stalled;
    pthread_mutex_unlock(&r->lock);
    return ready;
}

static inline void on_failed(struct sub *sub, const struct error *error)
{
    (void)error;
    CONTAINER(sub, struct reader, sub)->failed = true;
    sub_close(sub);
}

static const struct sub_events reader_events = {
    .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};

static inline void open_reader(void *arg)
{
    on_loop();
    struct reader *r = arg;
    sub_open(r->house->rooms, &r->sub, r->after, r->flags);
    gate_open(&r->done);
}

static inline void resume_reader(void *arg)
{
    on_loop();
    sub_resume(&((struct reader *)arg)->sub);
}

static inline void close_reader(void *arg)
{
    on_loop();
    struct reader *r = arg;
    sub_close(&r->sub);
    gate_open(&r->done);
}

static inline void reader_open(struct reader *r, struct house *h, struct id room, uint64_t after)
{
    *r = (struct reader){.house = h, .after = after, .lock = PTHREAD_MUTEX_INITIALIZER, .done = GATE};
    r->sub = (struct sub){.events = &reader_events, .who = principal_owner(CREDENTIAL_LOCAL), .room = room};
    loop_call(loops_get(h->loops, 1), open_reader, r);
    gate_wait(&r->done);
}

static inline void reader_stall(struct reader *r, bool stalled)
{
    pthread_mutex_lock(&r->lock);
    r->stalled = stalled;
    pthread_mutex_unlock(&r->lock);
    if (!stalled)
        loop_call(loops_get(r->house->loops, 1), resume_reader, r);
}

static inline void reader_close(struct reader *r)
{
    r->done.passed = false;
    loop_call(loops_get(r->house->loops, 1), close_reader, r);
    gate_wait(&r->done);
    for (size_t i = 0; i < r->count; i++) {
        free((char *)r->kinds[i].p);
        free(r->json[i]);
    }
}

/* Waits until the reader was given `n` events of the kind; the index of the last, or SIZE_MAX after 20 s. */
static inline size_t reader_wait(struct reader *r, const char *kind, size_t n)
{
    for (int tries = 0; tries < 2000; tries++) {
        size_t seen = 0, at = SIZE_MAX;
        pthread_mutex_lock(&r->lock);
        for (size_t i = 0; i < r->count && seen < n; i++) {
            if (str_eq(r->kinds[i], str_c(kind)) && ++seen == n)
                at = i;
        }
        pthread_mutex_unlock(&r->lock);
        if (at != SIZE_MAX)
            return at;
        usleep(10000);
    }
    fail_msg("the reader was not given %zu events '%s' within 20 s", n, kind);
    return SIZE_MAX;
}

static inline struct id make_room(struct house *h, const char *const *slugs, size_t count)
{
    struct room_op *op = op_new(ROOM_CREATE, ID_NONE);
    op->personas = arena_array(&op->arena, struct str, count);
    op->persona_count = count;
    for (size_t i = 0; i < count; i++)
        op->personas[i] = str_c(slugs[i]);
    if (op_run(h, op) != ERR_OK)
        fail_msg("%s", op->error.message);
    struct id room = op->view.id;
    assert_int_equal(op->view.member_count, count + 1);
    room_op_free(op);
    return room;
}

static inline struct room_op *say(struct house *h, struct id room, const char *text, const char *client_id)
{
    struct room_op *op = op_new(ROOM_SAY, room);
    op->text = str_c(text);
    op->client_id = str_c(client_id);
    op_run(h, op);
    return op;
}

#endif
