/* Answers on loops: on the one that asked, in the order of commits, none lost at the stop. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { APPENDS = 500 };

struct asker {
    struct fixture *f;
    struct loop *loop;
    struct event_row rows[APPENDS];
    uint64_t last_pos;
    int done, failed, sent;
    atomic_bool over;
};

static void on_stored(struct store_op *op)
{
    on_loop();
    struct asker *a = op->arg;
    struct store_append *append = (struct store_append *)op;
    if (loop_self() != a->loop || (!op->err && append->rows[0].pos <= a->last_pos))
        abort();
    if (op->err)
        a->failed++;
    else
        a->last_pos = append->rows[0].pos;
    store_op_free(op);
    if (++a->done == a->sent)
        atomic_store(&a->over, true);
}

static void ask(void *arg)
{
    on_loop();
    struct asker *a = arg;
    a->loop = loop_self();
    a->sent = APPENDS;
    for (int i = 0; i < APPENDS; i++) {
        a->rows[i] = fixture_row(a->f, "message", "{\"text\":\"x\"}");
        struct store_append *append = fixture_append(a->f, &a->rows[i], 1);
        append->op.done = on_stored;
        append->op.arg = a;
        store_submit(a->f->store, &append->op);
    }
}

static void answers_come_in_commit_order(struct fixture *f)
{
    static struct asker askers[2];
    struct loops *loops;
    fixture_room(f);
    assert_int_equal(loops_new(2, &loops, NULL), ERR_OK);
    loops_start(loops);
    for (int i = 0; i < 2; i++) {
        memset(&askers[i], 0, sizeof askers[i]);
        askers[i].f = f;
        loop_call(loops_get(loops, (unsigned)i), ask, &askers[i]);
    }
    for (int i = 0; i < 2; i++)
        while (!atomic_load(&askers[i].over))
            usleep(1000);
    loops_stop(loops);
    for (int i = 0; i < 2; i++)
        assert_int_equal(askers[i].failed, 0);
}

/* What is submitted after store_stop() is refused, by message like any other answer. */
static void a_stopped_store_answers(struct fixture *f)
{
    static struct asker asker;
    struct loops *loops;
    fixture_room(f);
    assert_int_equal(loops_new(1, &loops, NULL), ERR_OK);
    loops_start(loops);
    memset(&asker, 0, sizeof asker);
    asker.f = f;
    store_stop(f->store);
    loop_call(loops_get(loops, 0), ask, &asker);
    while (!atomic_load(&asker.over))
        usleep(1000);
    loops_stop(loops);
    assert_int_equal(asker.failed, APPENDS);
}

STORE_TESTS({"answers come in commit order", answers_come_in_commit_order},
            {"a stopped store answers", a_stopped_store_answers})
