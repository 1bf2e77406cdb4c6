/* Loops, messages, timers and workers: order, delivery at the end, threads. */
#include "loop/workers.h"

#include "../unit.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

enum { MESSAGES = 20000 };

static _Atomic unsigned delivered, out_of_order, fired, jobs_done;

struct numbered {
    struct msg msg;
    unsigned number, *expect;
};

static void deliver_numbered(struct msg *msg)
{
    on_loop();
    struct numbered *n = CONTAINER(msg, struct numbered, msg);
    if (n->number != *n->expect)
        out_of_order++;
    (*n->expect)++;
    delivered++;
    free(n);
}

static void messages_keep_order(void **state)
{
    (void)state;
    struct loops *loops = NULL;
    unsigned expect[2] = {0, 0};
    assert_int_equal(loops_new(2, &loops, NULL), ERR_OK);
    loops_start(loops);
    for (unsigned i = 0; i < MESSAGES; i++) {
        for (unsigned l = 0; l < 2; l++) {
            struct numbered *n = calloc(1, sizeof *n);
            *n = (struct numbered){.msg.deliver = deliver_numbered, .number = i, .expect = &expect[l]};
            loop_post(loops_get(loops, l), &n->msg);
        }
    }
    loops_stop(loops); /* delivers all that was posted before */
    assert_int_equal(delivered, 2 * MESSAGES);
    assert_int_equal(out_of_order, 0);
}

static struct timer timers[3];
static unsigned order[3], order_count;

static void on_fire(struct timer *t)
{
    order[order_count++] = (unsigned)(t - timers);
    fired++;
    timer_close(t);
}

static void arm_timers(void *arg)
{
    (void)arg;
    on_loop();
    timer_arm(&timers[0], 30, on_fire);
    timer_arm(&timers[1], 5, on_fire);
    timer_arm(&timers[2], 1000, on_fire);
    timer_arm(&timers[2], 15, on_fire);
    assert_true(timer_armed(&timers[2]));
}

static void timers_fire_in_order(void **state)
{
    (void)state;
    struct loops *loops = NULL;
    assert_int_equal(loops_new(1, &loops, NULL), ERR_OK);
    loops_start(loops);
    loop_call(loops_get(loops, 0), arm_timers, NULL);
    for (int i = 0; i < 500 && fired < 3; i++)
        usleep(10000);
    loops_stop(loops);
    assert_int_equal(fired, 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
}

struct sum_job {
    struct job job;
    uint64_t sum;
};

static struct workers *pool;

static void run_sum(struct job *job)
{
    on_worker();
    struct sum_job *s = CONTAINER(job, struct sum_job, job);
    for (uint64_t i = 0; i < 1000; i++)
        s->sum += i;
}

static void sum_done(struct job *job)
{
    on_loop();
    struct sum_job *s = CONTAINER(job, struct sum_job, job);
    if (s->sum == (job_cancelled(job) ? 0 : 499500))
        jobs_done++;
    free(s);
}

static void submit_jobs(void *arg)
{
    (void)arg;
    on_loop();
    for (int i = 0; i < 100; i++) {
        struct sum_job *s = calloc(1, sizeof *s);
        s->job.run = run_sum;
        s->job.done = sum_done;
        if (i % 10 == 0)
            job_cancel(&s->job);
        workers_submit(pool, &s->job);
    }
}

static void workers_answer_on_the_home_loop(void **state)
{
    (void)state;
    struct loops *loops = NULL;
    assert_int_equal(loops_new(2, &loops, NULL), ERR_OK);
    pool = workers_new(3);
    loops_start(loops);
    loop_call(loops_get(loops, 1), submit_jobs, NULL);
    for (int i = 0; i < 500 && jobs_done < 100; i++)
        usleep(10000);
    workers_free(pool);
    loops_stop(loops);
    assert_int_equal(jobs_done, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_order),
        cmocka_unit_test(timers_fire_in_order),
        cmocka_unit_test(workers_answer_on_the_home_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
