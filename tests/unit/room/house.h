/*
 * A whole house below the API, for tests of rooms: loops, a real store, index, personas, memory and engines
 * in a folder that is removed afterwards. Operations are submitted from the test's thread and waited for.
 */
#ifndef EIDOLON_TESTS_ROOM_HOUSE_H
#define EIDOLON_TESTS_ROOM_HOUSE_H

#include "../unit.h"

#include "base/config.h"
#include "engine/engine.h"
#include "engine/scripted.h"
#include "loop/fetch.h"
#include "memory/memory.h"
#include "net/shared.h"
#include "persona/personas.h"
#include "room/sub.h"
#include "store/index.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct house {
    char folder[64];
    struct config config;
    struct loops *loops;
    struct store *store;
    struct index *index;
    struct personas *personas;
    struct memory *memory;
    struct engines *engines;
    struct rooms *rooms;
};

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t open;
    bool passed;
};
#define GATE ((struct gate){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false})

static inline void gate_open(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->passed = true;
    pthread_cond_signal(&g->open);
    pthread_mutex_unlock(&g->lock);
}

static inline void gate_wait(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->passed)
        pthread_cond_wait(&g->open, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

/* The one wire format of these tests: the event's JSON as it is. */
static inline struct shared *plain_frame(const struct event_row *row, struct str json)
{
    (void)row;
    return shared_new(json);
}

struct seeding {
    struct personas_op op;
    struct arena arena;
    struct house *house;
    struct gate gate;
};

static inline void seeded(struct personas_op *op)
{
    gate_open(&CONTAINER(op, struct seeding, op)->gate);
}

static inline void seed(void *arg)
{
    on_loop();
    struct seeding *s = arg;
    s->op.arena = &s->arena;
    s->op.done = seeded;
    personas_seed(s->house->personas, &s->op);
}

/* Opens on h->folder (made if empty). `set` are "section.key=value", NULL at the end. */
static inline void house_open(struct house *h, const char *const *set)
{
    struct error e = {0};
    if (!h->folder[0]) {
        strcpy(h->folder, "/tmp/eidolon-room-XXXXXX");
        assert_non_null(mkdtemp(h->folder));
    }
    config_init(&h->config);
    for (size_t i = 0; set && set[i]; i++) {
        struct str rest = str_c(set[i]), key;
        str_cut(&rest, '=', &key);
        if (config_set(&h->config, key, rest, CONFIG_FROM_FLAG, "test", &e) != ERR_OK)
            fail_msg("%s", e.message);
    }
    assert_int_equal(loops_new(2, &h->loops, &e), ERR_OK);
    struct store_options options = {.driver = STR("sqlite"), .folder = str_c(h->folder)};
    if (store_open(&options, &h->store, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_int_equal(index_open(&(struct index_options){.folder = h->folder}, &h->index, &e), ERR_OK);
    struct personas_options who = {.tenant = tenant_local(), .owner = tenant_owner()};
    assert_int_equal(personas_new(h->store, h->loops, &who, &h->personas, &e), ERR_OK);
    struct memory_options remember = {.tenant = tenant_local()};
    assert_int_equal(memory_new(h->store, h->index, loops_get(h->loops, 0), &remember, &h->memory, &e),
                     ERR_OK);
    scripted_setup(STR_NONE, (unsigned)h->config.engine.scripted_delay, NULL);
    assert_int_equal(engines_new(h->loops, &h->config, &h->engines, &e), ERR_OK);
    h->rooms = rooms_new(&(struct room_deps){.loops = h->loops,
                                             .store = h->store,
                                             .personas = h->personas,
                                             .memory = h->memory,
                                             .engines = h->engines,
                                             .config = &h->config,
                                             .encode = {plain_frame}});
    loops_start(h->loops);
    memory_start(h->memory);
    struct seeding s = {.house = h, .gate = GATE};
    loop_call(loops_get(h->loops, 0), seed, &s);
    gate_wait(&s.gate);
    assert_int_equal(s.op.err, ERR_OK);
    arena_release(&s.arena);
}

static inline void stop_memory(void *arg)
{
    on_loop();
    void **both = arg;
    memory_stop(both[0], gate_open, both[1]);
}

struct leaving {
    struct house *house;
    struct gate gate;
};

static inline void leave_loop(void *arg)
{
    on_loop();
    struct leaving *l = arg;
    engines_stop(l->house->engines, loop_self());
    fetch_stop(loop_self());
    gate_open(&l->gate);
}

static inline void house_close(struct house *h)
{
    struct gate drained = GATE, stopped = GATE;
    rooms_drain(h->rooms, loops_get(h->loops, 0), 2000, gate_open, &drained);
    gate_wait(&drained);
    void *both[] = {h->memory, &stopped};
    loop_call(loops_get(h->loops, 0), stop_memory, both);
    gate_wait(&stopped);
    for (unsigned i = 0; i < loops_count(h->loops); i++) {
        struct leaving l = {.house = h, .gate = GATE};
        loop_call(loops_get(h->loops, i), leave_loop, &l);
        gate_wait(&l.gate);
    }
    store_stop(h->store);
    index_stop(h->index);
    loops_stop(h->loops);
    rooms_free(h->rooms);
    memory_free(h->memory);
    engines_free(h->engines);
    personas_free(h->personas);
    index_close(h->index);
    store_close(h->store);
    config_release(&h->config);
}

static inline void house_remove(struct house *h)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", h->folder);
    assert_int_equal(system(command), 0);
    h->folder[0] = '\0';
}

struct waiting {
    struct house *house;
    struct room_op *op;
    struct gate gate;
};

static inline void answered(struct room_op *op)
{
    gate_open(&((struct waiting *)op->arg)->gate);
}

static inline void submit(void *arg)
{
    on_loop();
    struct waiting *w = arg;
    w->op->done = answered;
    w->op->arg = w;
    room_submit(w->house->rooms, w->op);
}

static inline struct room_op *op_new(enum room_verb verb, struct id room)
{
    struct principal owner = principal_owner(CREDENTIAL_LOCAL);
    return room_op_new(verb, &owner, room);
}

/* Submits from loop 1 and waits; the caller frees the op. */
static inline enum err op_run(struct house *h, struct room_op *op)
{
    struct waiting w = {.house = h, .op = op, .gate = GATE};
    loop_call(loops_get(h->loops, 1), submit, &w);
    gate_wait(&w.gate);
    return op->err;
}

#endif
