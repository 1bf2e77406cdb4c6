/* The scripted driver on a real loop: pieces in order, one end, nothing after a cancel, honest without hints.
 */
#include "../unit.h"

#include <semaphore.h>
#include <stdio.h>

#include "base/buf.h"
#include "engine/provider.h"
#include "engine/scripted.h"

static struct loops *loops;

struct talk {
    struct provider *provider;
    const struct scripted_input *hints;
    struct buf text;
    unsigned pieces, ends, cancel_at;
    int64_t max_tokens;
    uint64_t gen;
    struct gen_end end;
    sem_t done;
};

static void on_text(void *arg, struct str text)
{
    on_loop();
    struct talk *t = arg;
    assert_true(text.n > 0);
    assert_int_equal(t->ends, 0);
    buf_add(&t->text, text);
    if (++t->pieces == t->cancel_at) {
        t->provider->driver->cancel(t->provider, t->gen);
        t->provider->driver->cancel(t->provider, t->gen);
        sem_post(&t->done);
    }
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct talk *t = arg;
    t->ends++;
    t->end = *end;
    sem_post(&t->done);
}

static void start(void *arg)
{
    on_loop();
    struct talk *t = arg;
    struct error e;
    const struct provider_driver *driver = provider_driver(STR("scripted"));
    struct config_provider config = {.name = STR("scripted")};
    struct gen_message message = {.role = GEN_USER, .content = STR("three words here")};
    struct gen_request request = {
        .messages = &message, .message_count = 1, .hints = t->hints, .stream = true};
    const struct gen_emit emit = {.delta = on_text, .end = on_end};
    gen_sampling_init(&request.sampling);
    if (t->max_tokens)
        request.sampling.max_tokens = t->max_tokens;
    assert_int_equal(driver->open(loop_self(), &config, &t->provider, &e), ERR_OK);
    t->gen = driver->start(t->provider, &request, &emit, t, &t->end);
    assert_true(t->gen != 0);
    assert_int_equal(t->pieces, 0);
}

static void finish(void *arg)
{
    on_loop();
    struct talk *t = arg;
    t->provider->driver->close(t->provider);
    sem_post(&t->done);
}

static void run(struct talk *t)
{
    sem_init(&t->done, 0, 0);
    loop_call(loops_get(loops, 0), start, t);
    sem_wait(&t->done);
    loop_call(loops_get(loops, 0), finish, t);
    sem_wait(&t->done);
    sem_destroy(&t->done);
}

static const struct scripted_turn turn = {SCRIPTED_PERSON, STR_INIT(""), STR_INIT("tell me a story"), 1};
static struct scripted_input hints;

static void streams_the_reply_and_ends_once(void **state)
{
    (void)state;
    struct talk t = {.hints = &hints};
    struct buf whole = BUF_INIT;
    run(&t);
    scripted_reply(scripted_shared(), &hints, &whole);
    assert_true(str_eq(buf_str(&t.text), buf_str(&whole)));
    assert_true(t.pieces > 5);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.end.code, GEN_OK);
    assert_int_equal(t.end.finish, GEN_STOP);
    assert_int_equal(t.end.usage.prompt_tokens, 3);
    assert_true(t.end.usage.completion_tokens >= t.pieces);
    buf_release(&whole);
    buf_release(&t.text);
}

static void nothing_follows_a_cancel(void **state)
{
    (void)state;
    struct talk t = {.hints = &hints, .cancel_at = 3};
    run(&t);
    assert_int_equal(t.pieces, 3);
    assert_int_equal(t.ends, 0);
    buf_release(&t.text);
}

static void says_what_it_is_without_a_persona(void **state)
{
    (void)state;
    struct talk t = {.max_tokens = 5};
    run(&t);
    assert_str(buf_str(&t.text), "This is Eidolon's scripted responder,");
    assert_int_equal(t.end.finish, GEN_LENGTH);
    assert_int_equal(t.end.usage.completion_tokens, 5);
    buf_release(&t.text);
}

static int set_up(void **state)
{
    (void)state;
    struct error e;
    hints = (struct scripted_input){.persona = {.name = STR("Kimi"), .slug = STR("kimi")},
                                    .transcript = &turn,
                                    .transcript_count = 1,
                                    .now_ms = 1795000000000};
    scripted_setup(STR_NONE, 1, NULL);
    if (loops_new(1, &loops, &e))
        return 1;
    loops_start(loops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loops_stop(loops);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_the_reply_and_ends_once),
        cmocka_unit_test(nothing_follows_a_cancel),
        cmocka_unit_test(says_what_it_is_without_a_persona),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
