/*
 * What the store's tests share: a store of each driver in a folder of its own, short ways to run operations
 * from a plain thread, and a table of tests that runs against every driver.
 *
 *   static void test_x(struct fixture *f) { ... }
 *   STORE_TESTS({"x", test_x}, ...)
 */
#ifndef EIDOLON_TESTS_STORE_FIXTURE_H
#define EIDOLON_TESTS_STORE_FIXTURE_H

#include "../unit.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/driver.h"
#include "store/store.h"

struct fixture {
    const char *driver;
    char folder[64];
    struct store *store;
    struct error e;
    struct id tenant, owner, room;
};

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline enum err fixture_open(struct fixture *f)
{
    struct store_options o = {.driver = str_c(f->driver), .folder = str_c(f->folder)};
    return store_open(&o, &f->store, &f->e);
}

static inline void fixture_start(struct fixture *f, const char *driver)
{
    *f = (struct fixture){.driver = driver, .tenant = id_new(), .owner = id_new(), .room = id_new()};
    snprintf(f->folder, sizeof f->folder, "/tmp/eidolon-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    if (fixture_open(f) != ERR_OK)
        fail_msg("%s", f->e.message);
}

static inline void fixture_end(struct fixture *f)
{
    store_close(f->store);
    remove_tree(f->folder);
}

static inline void fixture_reopen(struct fixture *f)
{
    store_close(f->store);
    if (fixture_open(f) != ERR_OK)
        fail_msg("%s", f->e.message);
}

/* Runs an operation and expects this outcome. */
#define RUN_EXPECT(f, typed, want)                                                                           \
    do {                                                                                                     \
        enum err got_ = store_wait((f)->store, &(typed)->op);                                                \
        if (got_ != (want))                                                                                  \
            fail_msg("got %s (%s), expected %s", err_info(got_)->symbol, (typed)->op.error.message,          \
                     err_info(want)->symbol);                                                                \
        if (got_ != ERR_OK)                                                                                  \
            assert_true(strlen((typed)->op.error.message) > 10);                                             \
    } while (0)
#define RUN(f, typed) RUN_EXPECT(f, typed, ERR_OK)
#define DONE(typed) store_op_free(&(typed)->op)

static inline struct event_row fixture_row(struct fixture *f, const char *kind, const char *data)
{
    return (struct event_row){.kind = str_c(kind),
                              .v = 1,
                              .author_type = AUTHOR_USER,
                              .author = f->owner,
                              .author_name = STR("Ann"),
                              .ref = strcmp(kind, "message") == 0 ? id_new() : ID_NONE,
                              .data = str_c(data)};
}

static inline struct store_append *fixture_append(struct fixture *f, struct event_row *rows, size_t count)
{
    struct store_append *a = STORE_NEW(append, APPEND);
    a->tenant = f->tenant;
    a->room = f->room;
    a->epoch = store_epoch(f->store);
    a->rows = rows;
    a->count = count;
    return a;
}

static inline struct room_row fixture_head(struct fixture *f, const char *title)
{
    return (struct room_row){.owner = f->owner,
                             .title = str_c(title),
                             .state = STR("idle"),
                             .members = STR("[]"),
                             .settings = STR("{}")};
}

/* The fixture's room, with its first event. */
static inline void fixture_room(struct fixture *f)
{
    struct event_row row = fixture_row(f, "room.created", "{}");
    struct room_row head = fixture_head(f, "First");
    struct store_append *a = fixture_append(f, &row, 1);
    a->head = &head;
    a->create = true;
    RUN(f, a);
    DONE(a);
}

/* Appends one event; returns its number. */
static inline uint64_t fixture_say(struct fixture *f, const char *kind, const char *data, uint64_t of)
{
    struct event_row row = fixture_row(f, kind, data);
    row.of = of;
    struct store_append *a = fixture_append(f, &row, 1);
    RUN(f, a);
    DONE(a);
    return row.seq;
}

struct store_test {
    const char *name;
    void (*run)(struct fixture *f);
};

static inline int run_store_tests(const struct store_test *tests, size_t count, const char *driver)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        printf("         %s: %s\n", driver, tests[i].name);
        fflush(stdout);
        fixture_start(&f, driver);
        tests[i].run(&f);
        fixture_end(&f);
    }
    return 0;
}

/* One cmocka test a driver; within it every row of the table. */
#define STORE_TESTS(...)                                                                                     \
    static const struct store_test store_tests[] = {__VA_ARGS__};                                            \
    static void on_driver(void **state)                                                                      \
    {                                                                                                        \
        run_store_tests(store_tests, sizeof store_tests / sizeof *store_tests, *state);                      \
    }                                                                                                        \
    int main(void)                                                                                           \
    {                                                                                                        \
        const struct CMUnitTest tests[] = {                                                                  \
            {"sqlite", on_driver, NULL, NULL, (void *)"sqlite"},                                             \
            {"memory", on_driver, NULL, NULL, (void *)"memory"},                                             \
        };                                                                                                   \
        size_t count = store_driver_find(STR("memory")) ? 2 : 1;                                             \
        return _cmocka_run_group_tests("store", tests, count, NULL, NULL);                                   \
    }

#endif
