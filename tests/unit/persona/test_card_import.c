/*
 * Importing, whole: real children (this program again), workers, blobs and a SQLite store, from two loops. A
 * child that is killed, one that is too slow, and stopping with work under way.
 */
#include "../world.h"

#include <signal.h>

#include "base/base64.h"
#include "base/clock.h"
#include "loop/child.h"
#include "persona/card_import.h"
#include "persona/card_pack.h"
#include "persona/paint.h"

enum { AT_ONCE = 40 };

struct house {
    struct world w;
    struct personas *personas;
    struct blobs *blobs;
    struct workers *workers;
    struct card_pool *pool;
    struct card_importer importer;
    bool stopped;
};

static void stop_pool(void *arg)
{
    on_loop();
    struct house *h = arg;
    card_pool_stop(h->pool);
}

struct errand {
    void (*fn)(void *);
    void *arg;
    sem_t over;
};

static void do_errand(void *arg)
{
    on_loop();
    struct errand *errand = arg;
    errand->fn(errand->arg);
    sem_post(&errand->over);
}

static void on_loop_wait(struct house *h, unsigned loop, void (*fn)(void *), void *arg)
{
    struct errand errand = {.fn = fn, .arg = arg};
    sem_init(&errand.over, 0, 0);
    world_on(&h->w, loop, do_errand, &errand);
    world_wait(&errand.over);
    sem_destroy(&errand.over);
}

static void stop(struct house *h)
{
    for (unsigned i = 0; i < 2 && !h->stopped; i++)
        on_loop_wait(h, i, stop_pool, h);
    h->stopped = true;
}

static int setup_with(void **state, uint64_t time_ms)
{
    struct house *h = calloc(1, sizeof *h);
    world_new(&h->w);
    struct personas_options who = {.tenant = h->w.tenant, .owner = h->w.person};
    struct card_pool_options options = {.children = 2, .time_ms = time_ms};
    assert_int_equal(personas_new(h->w.store, h->w.loops, &who, &h->personas, NULL), ERR_OK);
    assert_int_equal(blobs_open(str_c(h->w.folder), &h->blobs, NULL), ERR_OK);
    h->workers = workers_new(2);
    h->pool = card_pool_new(h->w.loops, &options);
    h->importer = (struct card_importer){h->w.loops, h->workers, h->w.store, h->personas,
                                         h->blobs,   h->pool,    h->w.tenant};
    *state = h;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 0);
}

static int setup_hurried(void **state)
{
    return setup_with(state, 1);
}

static int teardown(void **state)
{
    struct house *h = *state;
    stop(h);
    store_stop(h->w.store);
    workers_free(h->workers);
    world_free(&h->w);
    personas_free(h->personas);
    card_pool_free(h->pool);
    blobs_close(h->blobs);
    free(h);
    return 0;
}

struct ask {
    struct house *h;
    struct card_import *import;
    sem_t over;
};

static void done(struct card_import *import)
{
    on_loop();
    struct ask *ask = import->arg;
    sem_post(&ask->over);
}

static void submit(void *arg)
{
    on_loop();
    struct ask *ask = arg;
    card_import_start(&ask->h->importer, ask->import);
}

static void begin(struct ask *ask, struct house *h, unsigned loop, struct str bytes, bool skip)
{
    *ask = (struct ask){.h = h, .import = card_import_new()};
    sem_init(&ask->over, 0, 0);
    ask->import->bytes = arena_str(&ask->import->arena, bytes);
    ask->import->limits = card_limits_default;
    ask->import->skip_same = skip;
    ask->import->owner = h->w.person;
    ask->import->done = done;
    ask->import->arg = ask;
    world_on(&h->w, loop, submit, ask);
}

static void finish(struct ask *ask)
{
    card_import_free(ask->import);
    sem_destroy(&ask->over);
}

/* A PNG of a painted picture with a card of that name in it. */
static void make_png(struct buf *b, unsigned number)
{
    char text[600];
    struct buf data = BUF_INIT;
    snprintf(text, sizeof text,
             "{\"spec\":\"chara_card_v3\",\"spec_version\":\"3.0\",\"data\":{\"name\":\"Card "
             "%u\",\"creator_notes\":\"\","
             "\"creator\":\"\",\"character_version\":\"\",\"group_only_greetings\":[],\"x\":1E400,"
             "\"extensions\":{\"e\":[ ]}}}",
             number);
    buf_clear(b);
    buf_add(b, STR("\x89PNG\r\n\x1a\n"));
    png_chunk(b, "IHDR", str_of("\0\0\0\1\0\0\0\1\10\0\0\0\0", 13));
    png_chunk(b, "IDAT", str_c(text));
    buf_add(&data, STR("ccv3\0"));
    base64_encode(&data, str_c(text));
    png_chunk(b, "tEXt", buf_str(&data));
    png_chunk(b, "IEND", STR_NONE);
    buf_release(&data);
}

static void many_from_two_loops(void **state)
{
    struct house *h = *state;
    struct ask asks[AT_ONCE];
    struct buf b = BUF_INIT;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        make_png(&b, i % 20);
        begin(&asks[i], h, i % 2, buf_str(&b), false);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct persona_files files;
        struct str picture;
        world_wait(&asks[i].over);
        if (asks[i].import->err)
            fail_msg("%s", asks[i].import->error.message);
        persona_files_read(&asks[i].import->arena, asks[i].import->persona, &files);
        assert_non_null(files.portrait);
        assert_int_equal(
            blob_read(h->blobs, &files.portrait->hash, &asks[i].import->arena, 1 << 20, &picture, NULL),
            ERR_OK);
        finish(&asks[i]);
    }
    buf_release(&b);
}

static void the_same_is_known(void **state)
{
    struct house *h = *state;
    struct ask first, second;
    struct buf b = BUF_INIT;
    make_png(&b, 1);
    begin(&first, h, 0, buf_str(&b), true);
    world_wait(&first.over);
    assert_int_equal(first.import->err, ERR_OK);
    assert_false(first.import->same);
    begin(&second, h, 1, buf_str(&b), true);
    world_wait(&second.over);
    assert_int_equal(second.import->err, ERR_OK);
    assert_true(second.import->same);
    assert_true(id_eq(first.import->persona->id, second.import->persona->id));
    finish(&first);
    finish(&second);
    buf_release(&b);
}

static void exports_read_back(void **state)
{
    struct house *h = *state;
    struct ask ask, again;
    struct buf b = BUF_INIT, out = BUF_INIT;
    struct error e = {0};
    make_png(&b, 3);
    begin(&ask, h, 0, buf_str(&b), false);
    world_wait(&ask.over);
    for (int form = CARD_JSON; form <= CARD_CHARX; form++) {
        struct card_packing how = {.form = (enum card_form)form, .spec = CARD_V3, .blobs = h->blobs};
        buf_clear(&out);
        if (card_pack(&out, ask.import->persona, &how, &e) != ERR_OK)
            fail_msg("%s", e.message);
        begin(&again, h, 1, buf_str(&out), false);
        world_wait(&again.over);
        assert_int_equal(again.import->err, ERR_OK);
        assert_true(str_eq(again.import->persona->files, ask.import->persona->files));
        assert_true(str_eq(again.import->persona->extras, ask.import->persona->extras));
        finish(&again);
    }
    finish(&ask);
    buf_release(&b);
    buf_release(&out);
}

static void kill_readers(void *arg)
{
    on_loop();
    struct house *h = arg;
    for (unsigned i = 0; i < 2; i++) {
        int pid = card_pool_pid(h->pool, i);
        if (pid)
            kill(pid, SIGKILL);
    }
}

static void killed_readers_are_replaced(void **state)
{
    struct house *h = *state;
    struct ask asks[AT_ONCE];
    struct buf b = BUF_INIT;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        make_png(&b, i);
        begin(&asks[i], h, i % 2, buf_str(&b), false);
        if (i == 20)
            for (unsigned loop = 0; loop < 2; loop++)
                on_loop_wait(h, loop, kill_readers, h);
    }
    unsigned came = 0;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        world_wait(&asks[i].over);
        came += asks[i].import->err == ERR_OK;
        finish(&asks[i]);
    }
    assert_int_equal(came, AT_ONCE); /* one death costs nobody anything */
    buf_release(&b);
}

static void slow_files_are_given_up(void **state)
{
    struct house *h = *state;
    struct ask ask;
    struct buf b = BUF_MAX(80 << 20);
    /* Sixteen megabytes of base64 take longer than a millisecond. */
    buf_add(&b,
            STR("{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"a\",\"assets\":[{\"uri\":\"data:;base64,"));
    memset(buf_reserve(&b, 16 << 20), 'A', 16 << 20);
    b.n += 16 << 20;
    buf_add(&b, STR("\"}]}}"));
    begin(&ask, h, 0, buf_str(&b), false);
    world_wait(&ask.over);
    assert_int_equal(ask.import->err, ERR_REFUSED);
    assert_non_null(strstr(ask.import->error.message, "too long"));
    finish(&ask);
    buf_release(&b);
}

static void stopping_answers_everybody(void **state)
{
    struct house *h = *state;
    struct ask asks[AT_ONCE];
    struct buf b = BUF_INIT;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        make_png(&b, i);
        begin(&asks[i], h, i % 2, buf_str(&b), false);
    }
    stop(h);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        world_wait(&asks[i].over);
        assert_true(asks[i].import->err == ERR_OK || asks[i].import->err == ERR_CLOSED);
        finish(&asks[i]);
    }
    buf_release(&b);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "child"))
        _exit(child_confine(CHILD_NO_FILES, CARD_CHILD_MEMORY, NULL)
                  ? 1
                  : card_child_serve(child_read, child_write));
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_from_two_loops, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(exports_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_readers_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_files_are_given_up, setup_hurried, teardown),
        cmocka_unit_test_setup_teardown(stopping_answers_everybody, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
