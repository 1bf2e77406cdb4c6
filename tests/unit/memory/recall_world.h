/* Rooms, sayings and recalls for memory's tests, straight on the store: no room layer is needed. */
#ifndef EIDOLON_TESTS_RECALL_WORLD_H
#define EIDOLON_TESTS_RECALL_WORLD_H

#include "memory/memory.h"

#include "base/clock.h"
#include "base/json.h"
#include "event/event.h"

#include "../world.h"

struct recall_world {
    struct world w;
    struct memory *memory;
    struct id mia, kimi;
};

static inline void stopped_post(void *arg)
{
    sem_post(arg);
}

static inline void memory_open(struct recall_world *r)
{
    struct memory_options options = {.tenant = r->w.tenant};
    assert_int_equal(memory_new(r->w.store, r->w.index, loops_get(r->w.loops, 0), &options, &r->memory, NULL),
                     ERR_OK);
    memory_start(r->memory);
}

static inline void memory_shut(struct recall_world *r)
{
    sem_t sem;
    sem_init(&sem, 0, 0);
    memory_stop(r->memory, stopped_post, &sem);
    world_wait(&sem);
    sem_destroy(&sem);
}

static inline void recall_restart(struct recall_world *r)
{
    memory_shut(r);
    world_close(&r->w);
    memory_free(r->memory);
    world_open(&r->w, "sqlite");
    memory_open(r);
}

static inline struct event_row event_row_of(struct arena *a, enum event_kind kind, enum author_type type,
                                            struct id author, struct str data)
{
    struct event_row row = {.author_type = type, .author = author, .author_name = STR("Somebody")};
    event_set_kind(&row, kind);
    row.data = arena_str(a, data);
    row.at_ms = clock_wall_ms();
    return row;
}

/* Appends one row; returns its seq. */
static inline uint64_t append_row(struct recall_world *r, struct id room, struct event_row row, bool create)
{
    struct store_append *append = STORE_NEW(append, APPEND);
    struct room_row head = {.id = room,
                            .tenant = r->w.tenant,
                            .owner = r->w.person,
                            .title = STR("t"),
                            .state = STR("idle"),
                            .members = STR("[]"),
                            .settings = STR("{}")};
    append->tenant = r->w.tenant;
    append->room = room;
    append->epoch = store_epoch(r->w.store);
    append->rows = &row;
    append->count = 1;
    append->head = create ? &head : NULL;
    append->create = create;
    if (store_wait(r->w.store, &append->op) != ERR_OK)
        fail_msg("%s", append->op.error.message);
    uint64_t seq = append->rows[0].seq;
    store_op_free(&append->op);
    memory_hint(r->memory);
    return seq;
}

static inline void joins(struct recall_world *r, struct id room, const char *type, struct id member,
                         bool leaves)
{
    struct arena a = ARENA_INIT;
    struct str data = arena_printf(&a, "{\"member\":{\"type\":\"%s\",\"id\":\"%s\",\"name\":\"x\"}}", type,
                                   id_text(member).c);
    append_row(
        r, room,
        event_row_of(&a, leaves ? EVENT_MEMBER_LEFT : EVENT_MEMBER_JOINED, AUTHOR_SYSTEM, member, data),
        false);
    arena_release(&a);
}

static inline struct id new_room(struct recall_world *r, struct id persona)
{
    struct arena a = ARENA_INIT;
    struct id room = id_new();
    append_row(r, room,
               event_row_of(&a, EVENT_ROOM_CREATED, AUTHOR_SYSTEM, ID_NONE, STR("{\"title\":\"t\"}")), true);
    joins(r, room, "user", r->w.person, false);
    joins(r, room, "persona", persona, false);
    arena_release(&a);
    return room;
}

static inline uint64_t say_as(struct recall_world *r, struct id room, struct id author, const char *text)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct id ref = id_new();
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(id_text(ref).c));
    jw_kv_string(&w, "text", str_c(text));
    jw_end_object(&w);
    bool person = id_eq(author, r->w.person);
    struct event_row row =
        event_row_of(&a, EVENT_MESSAGE, person ? AUTHOR_USER : AUTHOR_PERSONA, author, buf_str(&b));
    row.ref = ref;
    uint64_t seq = append_row(r, room, row, false);
    arena_release(&a);
    return seq;
}

static inline uint64_t say(struct recall_world *r, struct id room, const char *text)
{
    return say_as(r, room, r->w.person, text);
}

static inline void change(struct recall_world *r, struct id room, uint64_t seq, const char *text)
{
    struct arena a = ARENA_INIT;
    struct str data = text ? arena_printf(&a, "{\"of\":\"x\",\"text\":\"%s\"}", text)
                           : STR("{\"of\":\"x\",\"erased\":false}");
    struct event_row row =
        event_row_of(&a, text ? EVENT_MESSAGE_EDITED : EVENT_MESSAGE_DELETED, AUTHOR_USER, r->w.person, data);
    row.of = seq;
    append_row(r, room, row, false);
    arena_release(&a);
}

static inline void forget(struct recall_world *r, struct id room, uint64_t seq)
{
    struct arena a = ARENA_INIT;
    struct event_row note = event_row_of(&a, EVENT_MESSAGE_DELETED, AUTHOR_USER, r->w.person,
                                         STR("{\"of\":\"x\",\"erased\":true}"));
    struct store_forget *op = STORE_NEW(forget, FORGET);
    note.of = seq;
    op->tenant = r->w.tenant;
    op->room = room;
    op->epoch = store_epoch(r->w.store);
    op->seqs = &seq;
    op->seq_count = 1;
    op->note = &note;
    if (store_wait(r->w.store, &op->op) != ERR_OK)
        fail_msg("%s", op->op.error.message);
    store_op_free(&op->op);
    memory_hint(r->memory);
    arena_release(&a);
}

/* ---- recalls ---- */

struct asking {
    struct recall_world *r;
    struct memory_recall op;
    struct arena arena;
    bool cancel, returned;
    sem_t sem;
};

static inline void asking_done(struct memory_recall *op)
{
    on_loop();
    struct asking *asking = CONTAINER(op, struct asking, op);
    assert_true(asking->returned);
    sem_post(&asking->sem);
}

static inline void asking_begin(void *arg)
{
    on_loop();
    struct asking *asking = arg;
    memory_recall(asking->r->memory, &asking->op);
    if (asking->cancel)
        memory_recall_cancel(&asking->op);
    asking->returned = true;
}

static inline void asking_release(struct asking *asking)
{
    arena_release(&asking->arena);
    sem_destroy(&asking->sem);
}

/* From loop 1, which is not memory's home. */
static inline void recall_with(struct recall_world *r, struct asking *asking)
{
    asking->r = r;
    asking->returned = false;
    asking->op.arena = &asking->arena;
    asking->op.done = asking_done;
    if (!asking->op.budget_tokens)
        asking->op.budget_tokens = 1200;
    sem_init(&asking->sem, 0, 0);
    world_on(&r->w, 1, asking_begin, asking);
    world_wait(&asking->sem);
}

static inline void recall(struct recall_world *r, struct asking *asking, struct id persona, struct id room,
                          const char *text)
{
    *asking =
        (struct asking){.op = {.person = r->w.person, .persona = persona, .room = room, .text = str_c(text)}};
    recall_with(r, asking);
}

/* The hit whose text has this part, or NULL. */
static inline const struct memory_hit *hit_of(const struct asking *asking, const char *part)
{
    for (size_t i = 0; i < asking->op.hit_count; i++) {
        if (str_find(asking->op.hits[i].turn.text, str_c(part)) != SIZE_MAX)
            return &asking->op.hits[i];
    }
    return NULL;
}

static inline void wait_indexed(struct recall_world *r)
{
    struct store_stats stats;
    store_stats(r->w.store, &stats);
    memory_hint(r->memory);
    for (int i = 0; i < 6000; i++) {
        if (memory_state(r->memory).indexed_pos >= stats.head_pos)
            return;
        usleep(10000);
    }
    fail_msg("the index does not catch up");
}

#endif
