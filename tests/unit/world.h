/* A small world for tests of the organs: a data folder of its own, loops, a store, an index, and waiting. */
#ifndef EIDOLON_TESTS_WORLD_H
#define EIDOLON_TESTS_WORLD_H

#include "loop/loop.h"
#include "store/index.h"
#include "store/store.h"

#include "unit.h"

#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

struct world {
    char folder[64];
    struct loops *loops;
    struct store *store;
    struct index *index;
    struct id tenant, person;
};

static inline void world_open(struct world *w, const char *driver)
{
    struct error e = {0};
    struct store_options store = {.driver = str_c(driver), .folder = str_c(w->folder)};
    struct index_options index = {.folder = w->folder};
    if (store_open(&store, &w->store, &e) != ERR_OK || index_open(&index, &w->index, &e) != ERR_OK ||
        loops_new(2, &w->loops, &e) != ERR_OK)
        fail_msg("%s", e.message);
    loops_start(w->loops);
}

static inline void world_new(struct world *w)
{
    *w = (struct world){.tenant = id_of_name(STR("tenant"), STR("test")),
                        .person = id_of_name(STR("user"), STR("ana"))};
    strcpy(w->folder, "/tmp/eidolon-world-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    world_open(w, "sqlite");
}

static inline void world_close(struct world *w)
{
    store_stop(w->store);
    index_stop(w->index);
    loops_stop(w->loops);
    store_close(w->store);
    index_close(w->index);
}

static inline void world_free(struct world *w)
{
    char command[128];
    world_close(w);
    snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
    assert_int_equal(system(command), 0);
}

/* Runs fn(arg) on a loop; the caller then waits for `sem`. */
static inline void world_on(struct world *w, unsigned loop, void (*fn)(void *), void *arg)
{
    loop_call(loops_get(w->loops, loop), fn, arg);
}

static inline void world_wait(sem_t *sem)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    if (sem_timedwait(sem, &until) != 0)
        fail_msg("nothing came back within a minute");
}

#endif
