/* The registry over a real SQLite store: every change, from two loops, and the cast across starts. */
#include "persona/personas.h"

#include "../world.h"

struct ask {
    struct personas *ps;
    struct personas_op op;
    struct arena arena;
    void (*what)(struct personas *, struct personas_op *);
    enum persona_change how;
    bool returned;
    sem_t sem;
};

static void done(struct personas_op *op)
{
    on_loop();
    struct ask *ask = CONTAINER(op, struct ask, op);
    assert_true(ask->returned);
    sem_post(&ask->sem);
}

static void submit(void *arg)
{
    on_loop();
    struct ask *ask = arg;
    if (ask->what)
        ask->what(ask->ps, &ask->op);
    else
        personas_update(ask->ps, &ask->op, ask->how);
    ask->returned = true;
}

static struct world world;
static struct personas *ps;

/* The answer lies in a static ask until the next call. */
static struct ask *run(unsigned loop, void (*what)(struct personas *, struct personas_op *), const char *key,
                       const char *body, const char *if_match)
{
    static struct ask ask;
    static bool used;
    if (used) {
        arena_release(&ask.arena);
        sem_destroy(&ask.sem);
    }
    used = true;
    ask = (struct ask){.ps = ps, .what = what, .how = PERSONA_PATCH};
    sem_init(&ask.sem, 0, 0);
    ask.op = (struct personas_op){.key = str_c(key),
                                  .body = str_c(body),
                                  .if_match = str_c(if_match),
                                  .arena = &ask.arena,
                                  .done = done};
    world_on(&world, loop, submit, &ask);
    world_wait(&ask.sem);
    return &ask;
}

static void expect(const struct ask *ask, enum err err)
{
    if (ask->op.err != err)
        fail_msg("got %s (%s), expected %s", err_info(ask->op.err)->symbol, ask->op.error.message,
                 err_info(err)->symbol);
    assert_true(err == ERR_OK || ask->op.error.message[0]);
}

static void open_registry(void)
{
    struct personas_options options = {.tenant = world.tenant, .owner = world.person, .cache = 4};
    assert_int_equal(personas_new(world.store, world.loops, &options, &ps, NULL), ERR_OK);
}

static int setup(void **state)
{
    (void)state;
    world_new(&world);
    open_registry();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free(&world);
    personas_free(ps);
    return 0;
}

static void restart(void)
{
    world_close(&world);
    personas_free(ps);
    world_open(&world, "sqlite");
    open_registry();
}

static void creates_and_finds(void **state)
{
    (void)state;
    struct ask *ask = run(0, personas_create, "", "{\"name\":\"Zo\\u00eb\",\"goals\":[\"g\"]}", "");
    expect(ask, ERR_OK);
    assert_str(ask->op.persona->slug, "zoe");
    assert_int_equal(ask->op.persona->version, 1);
    assert_true(ask->op.persona->created_ms > 0);
    char id[ID_TEXT];
    id_format(id, ask->op.persona->id);
    for (int i = 0; i < 2; i++) { /* from the store, then from the cache */
        expect(ask = run(1, personas_get, "zoe", NULL, ""), ERR_OK);
        assert_str(ask->op.persona->name, "Zo\xc3\xab");
        expect(ask = run(1, personas_get, id, NULL, ""), ERR_OK);
        assert_int_equal(ask->op.persona->goals.n, 1);
    }
    expect(run(0, personas_create, "", "{\"name\":\"Zoe\"}", ""), ERR_OK);
    expect(ask = run(0, personas_get, "zoe-2", NULL, ""), ERR_OK);
    expect(run(0, personas_create, "", "{\"name\":\"Z\",\"slug\":\"zoe\"}", ""), ERR_CONFLICT);
    expect(run(0, personas_create, "", "{\"name\":\"Z\",\"colour\":1}", ""), ERR_UNKNOWN_FIELD);
    expect(run(0, personas_create, "", "{", ""), ERR_MALFORMED_JSON);
    expect(run(0, personas_get, "nobody", NULL, ""), ERR_NOT_FOUND);
    expect(run(0, personas_get, "", NULL, ""), ERR_NOT_FOUND);
}

static void changes_reach_every_loop(void **state)
{
    (void)state;
    expect(run(0, personas_create, "", "{\"name\":\"Mo\"}", ""), ERR_OK);
    expect(run(0, personas_get, "mo", NULL, ""), ERR_OK);
    expect(run(1, personas_get, "mo", NULL, ""), ERR_OK);
    for (int i = 0; i < 20; i++) {
        char body[64], want[32];
        snprintf(want, sizeof want, "Mo %d", i);
        snprintf(body, sizeof body, "{\"name\":\"%s\"}", want);
        struct ask *ask = run((unsigned)i % 2, NULL, "mo", body, "");
        expect(ask, ERR_OK);
        assert_int_equal(ask->op.persona->version, i + 2);
        for (unsigned loop = 0; loop < 2; loop++) {
            expect(ask = run(loop, personas_get, "mo", NULL, ""), ERR_OK);
            assert_str(ask->op.persona->name, want);
            assert_int_equal(ask->op.persona->version, i + 2);
        }
    }
    expect(run(0, NULL, "mo", "{\"name\":\"x\"}", "\"1\""), ERR_PRECONDITION);
    expect(run(0, NULL, "mo", "{\"name\":\"x\"}", "\"3\", \"21\""), ERR_OK);
    expect(run(0, NULL, "mo", "{\"slug\":\"mo2\"}", "*"), ERR_OK);
    expect(run(1, personas_get, "mo", NULL, ""), ERR_NOT_FOUND);
    expect(run(1, personas_get, "mo2", NULL, ""), ERR_OK);
}

static void deletes_restores_duplicates(void **state)
{
    (void)state;
    expect(run(0, personas_create, "", "{\"name\":\"Eva\",\"scenario\":\"s\"}", ""), ERR_OK);
    struct ask *ask = run(0, personas_get, "eva", NULL, "");
    char id[ID_TEXT];
    id_format(id, ask->op.persona->id);
    expect(ask = run(0, personas_duplicate, "eva", NULL, ""), ERR_OK);
    assert_str(ask->op.persona->slug, "eva-copy");
    assert_str(ask->op.persona->scenario, "s");
    expect(ask = run(0, personas_duplicate, "eva", "{\"name\":\"Twin\"}", ""), ERR_OK);
    assert_str(ask->op.persona->slug, "twin");
    expect(run(1, personas_get, id, NULL, ""), ERR_OK);
    expect(run(0, personas_delete, "eva", NULL, ""), ERR_OK);
    expect(run(1, personas_get, id, NULL, ""), ERR_GONE);
    expect(run(0, NULL, id, "{\"name\":\"x\"}", ""), ERR_GONE);
    expect(run(0, personas_create, "", "{\"name\":\"Eva\"}", ""), ERR_OK); /* takes the slug */
    expect(ask = run(0, personas_restore, id, NULL, ""), ERR_OK);
    assert_str(ask->op.persona->slug, "eva-2");
    expect(ask = run(1, personas_get, id, NULL, ""), ERR_OK);
    assert_str(ask->op.persona->scenario, "s");
}

static void imports(void **state)
{
    (void)state;
    struct ask *ask =
        run(0, personas_import, "",
            "{\"spec\":\"chara_card_v2\",\"data\":{\"name\":\"Kat\",\"extensions\":{\"x\":1E400}}}", "");
    expect(ask, ERR_OK);
    expect(ask = run(1, personas_get, "kat", NULL, ""), ERR_OK);
    CLEANUP_BUF struct buf b = BUF_INIT;
    persona_card_write(&b, ask->op.persona);
    assert_true(str_find(buf_str(&b), STR("\"x\":1E400")) != SIZE_MAX);
    expect(run(0, personas_import, "", "\x89PNG\r\n", ""), ERR_UNSUPPORTED_TYPE);
    expect(run(0, personas_import, "", "PK\x03\x04", ""), ERR_UNSUPPORTED_TYPE);
    expect(run(0, personas_import, "", "hello", ""), ERR_UNSUPPORTED_TYPE);
    expect(run(0, personas_import, "", "{\"a\":1}", ""), ERR_INVALID);
}

static void lists_in_pages(void **state)
{
    (void)state;
    expect(run(0, personas_list, "", NULL, ""), ERR_OK);
    for (int i = 0; i < 7; i++)
        expect(run(0, personas_create, "", "{\"name\":\"Page\"}", ""), ERR_OK);
    struct ask *ask = run(1, personas_list, "", NULL, "");
    expect(ask, ERR_OK);
    assert_true(ask->op.count >= 7);
    for (size_t i = 1; i < ask->op.count; i++)
        assert_true(ask->op.list[i]->version >= 1 && ask->op.list[i]->name.n);
}

static void seeds_the_cast(void **state)
{
    (void)state;
    struct ask *ask = run(0, personas_seed, "", NULL, "");
    expect(ask, ERR_OK);
    assert_int_equal(ask->op.count, 7);
    static const char *const slugs[] = {"philosopher", "comedian", "scientist", "mia",
                                        "solene",      "lyra",     "kimi"};
    for (size_t i = 0; i < 7; i++) {
        expect(ask = run(1, personas_get, slugs[i], NULL, ""), ERR_OK);
        assert_true(id_eq(ask->op.persona->id, id_of_name(STR("persona"), str_c(slugs[i]))));
        assert_false(ask->op.persona->touched);
    }
    expect(run(0, NULL, "mia", "{\"name\":\"My Mia\"}", ""), ERR_OK);
    expect(run(0, personas_delete, "solene", NULL, ""), ERR_OK);
    restart();
    expect(ask = run(0, personas_seed, "", NULL, ""), ERR_OK);
    assert_int_equal(ask->op.count, 0);
    expect(ask = run(0, personas_get, "mia", NULL, ""), ERR_OK);
    assert_str(ask->op.persona->name, "My Mia");
    expect(run(0, personas_get, "solene", NULL, ""), ERR_NOT_FOUND);
}

static void deleted_cast_stays_away_after_the_purge(void **state)
{
    (void)state;
    struct store_purge *purge = STORE_NEW(purge, PURGE);
    purge->deleted_before_ms = INT64_MAX / 2;
    assert_int_equal(store_wait(world.store, &purge->op), ERR_OK);
    store_op_free(&purge->op);
    struct ask *ask = run(0, personas_seed, "", NULL, "");
    expect(ask, ERR_OK);
    assert_int_equal(ask->op.count, 0);
    expect(run(0, personas_get, "solene", NULL, ""), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_and_finds),
        cmocka_unit_test(changes_reach_every_loop),
        cmocka_unit_test(deletes_restores_duplicates),
        cmocka_unit_test(imports),
        cmocka_unit_test(lists_in_pages),
        cmocka_unit_test(seeds_the_cast),
        cmocka_unit_test(deleted_cast_stays_away_after_the_purge),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
