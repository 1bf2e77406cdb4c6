/* The registry: defaults, fallbacks, breaker, replacement, cancelling, the test of settings; over real
 * sockets. */
#include "../peer.h"
#include "../unit.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/meter.h"
#include "loop/fetch.h"

#include <semaphore.h>

static struct peer peer;
static struct loops *loops;
static struct engines *engines;
static struct config config;
static atomic_int dead_calls;
static char last_body[4096];

static void answer(int fd, const char *status, const char *body)
{
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
             strlen(body));
    peer_text(fd, head);
    peer_text(fd, body);
}

static bool handle(struct peer *at, int fd, const char *head, const char *body)
{
    if (strstr(head, " /good/")) {
        snprintf(last_body, sizeof last_body, "%s", body);
        answer(fd, "200 OK",
               "{\"choices\":[{\"message\":{\"content\":\"good\"},\"finish_reason\":\"stop\"}],"
               "\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}");
    } else if (strstr(head, " /auth/"))
        answer(fd, "401 Unauthorized", "{}");
    else if (strstr(head, " /quota/"))
        answer(fd, "402 Payment Required", "{}");
    else if (strstr(head, " /filter/"))
        answer(fd, "400 Bad Request", "{\"error\":{\"code\":\"content_policy_violation\"}}");
    else if (strstr(head, " /dead/")) {
        atomic_fetch_add(&dead_calls, 1);
        answer(fd, "500 Oops", "{\"error\":\"dead\"}");
    } else { /* half an answer, then silence or the end */
        peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                      "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n");
        if (strstr(head, " /slow/"))
            peer_sleep(at, 200);
        if (strstr(head, " /slow/"))
            peer_text(fd,
                      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
        return false;
    }
    return true;
}

struct talk {
    const char *name;
    uint64_t gen;
    struct buf text;
    int ends;
    struct gen_end end;
    char answered[64];
    bool cancel_at_text;
    struct gen_request request;
    struct gen_message message;
    sem_t done;
};

static void on_text(void *arg, struct str text)
{
    on_loop();
    struct talk *t = arg;
    buf_add(&t->text, text);
    if (t->cancel_at_text) {
        engines_cancel(engines, t->gen);
        sem_post(&t->done);
    }
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct talk *t = arg;
    t->ends++;
    t->end = *end;
    str_copy(t->answered, sizeof t->answered, engines_answered(engines, t->gen));
    engines_cancel(engines, t->gen); /* over: ignored */
    sem_post(&t->done);
}

static void begin(void *arg)
{
    static const struct gen_emit emit = {.delta = on_text, .end = on_end};
    on_loop();
    struct talk *t = arg;
    t->gen = engines_start(engines, str_c(t->name), &t->request, &emit, t, &t->end);
    assert_int_equal(t->ends, 0);
    if (!t->gen)
        sem_post(&t->done);
}

static void talk_init(struct talk *t, const char *name)
{
    memset(t, 0, sizeof *t);
    t->name = name;
    t->message = (struct gen_message){.role = GEN_USER, .content = STR("Hello")};
    gen_sampling_init(&t->request.sampling);
    t->request.messages = &t->message;
    t->request.message_count = 1;
    t->request.stream = true;
    sem_init(&t->done, 0, 0);
}

static void start(struct talk *t)
{
    loop_call(loops_get(loops, 0), begin, t);
}

static void talk_release(struct talk *t)
{
    buf_release(&t->text);
    sem_destroy(&t->done);
}

static void run(struct talk *t, const char *name)
{
    talk_init(t, name);
    start(t);
    sem_wait(&t->done);
}

static void expect(const char *name, enum gen_code code, const char *answered, const char *text)
{
    struct talk t;
    run(&t, name);
    assert_int_equal(t.ends, 1);
    if (t.end.code != code || strcmp(t.answered, answered) != 0)
        fail_msg("%s: %s from '%s': '%s'", name, gen_code_name(t.end.code), t.answered, t.end.sentence);
    assert_str(buf_str(&t.text), text);
    talk_release(&t);
}

static void the_default(void **state)
{
    (void)state;
    expect("", GEN_OK, "good", "good");
    expect("GOOD", GEN_OK, "good", "good");
    assert_non_null(strstr(last_body, "\"model\":\"m-good\""));
    assert_non_null(strstr(last_body, "\"temperature\":0.25"));
    assert_non_null(strstr(last_body, "\"stop\":[\"END\"]"));
    struct talk t;
    talk_init(&t, "good");
    t.request.sampling.temperature = 0.75;
    start(&t);
    sem_wait(&t.done);
    assert_non_null(strstr(last_body, "\"temperature\":0.75"));
    talk_release(&t);
}

static void fallbacks(void **state)
{
    (void)state;
    expect("auth", GEN_OK, "good", "good");       /* auth -> quota -> good */
    expect("cut", GEN_CUT, "cut", "half");        /* something was said: no silent change of voice */
    expect("filter", GEN_REFUSED, "filter", "");  /* a refusal is an answer */
    expect("circle-a", GEN_AUTH, "circle-a", ""); /* circle-a -> circle-b -> circle-a: each once */
    struct talk t;
    run(&t, "circle-a");
    assert_non_null(strstr(t.end.sentence, "Its fallback failed too."));
    talk_release(&t);
    run(&t, "orphan");
    assert_int_equal(t.end.code, GEN_UNAVAILABLE);
    assert_non_null(strstr(t.end.sentence, "names the provider 'nowhere', which is not configured"));
    talk_release(&t);
    run(&t, "goood");
    assert_int_equal(t.gen, 0);
    assert_non_null(strstr(t.end.sentence, "Did you mean 'good'?"));
    talk_release(&t);
}

static void a_dead_endpoint_is_left_alone(void **state)
{
    (void)state;
    atomic_store(&dead_calls, 0);
    for (int i = 0; i < 3; i++)
        expect("dead", GEN_UNAVAILABLE, "dead", "");
    assert_int_equal(atomic_load(&dead_calls), 3);
    struct talk t;
    run(&t, "dead");
    assert_int_equal(atomic_load(&dead_calls), 3);
    assert_non_null(strstr(t.end.sentence, "is left alone"));
    assert_true(t.end.retry_after_ms > 0 && t.end.retry_after_ms <= 300);
    talk_release(&t);
    expect("dead-with-fallback", GEN_OK, "good", "good"); /* at once */
    assert_int_equal(atomic_load(&dead_calls), 3);
    usleep(320000);
    expect("dead", GEN_UNAVAILABLE, "dead", ""); /* the probe */
    expect("dead", GEN_UNAVAILABLE, "dead", "");
    assert_int_equal(atomic_load(&dead_calls), 4);
    /* An account out of budget is no illness. */
    for (int i = 0; i < 6; i++)
        expect("quota-alone", GEN_QUOTA, "quota-alone", "");
}

static void flush_probe(void *arg)
{
    sem_post(arg);
}

static void flush(void)
{
    sem_t done;
    sem_init(&done, 0, 0);
    loop_call(loops_get(loops, 0), flush_probe, &done);
    sem_wait(&done);
    sem_destroy(&done);
}

static void replace(void *arg)
{
    on_loop();
    engines_replace(engines, arg);
}

static void replaced_while_running(void **state)
{
    (void)state;
    struct talk t;
    struct config other;
    struct error e = {0};
    char ini[256];
    talk_init(&t, "slow");
    start(&t);
    usleep(60000);
    config_init(&other);
    snprintf(ini, sizeof ini,
             "[provider.g]\nbase_url=http://127.0.0.1:%d/good/v1\n[engine.new]\nprovider=g\n", peer.port);
    assert_int_equal(config_read_text(&other, str_c(ini), "t", &e), ERR_OK);
    loop_call(loops_get(loops, 0), replace, &other);
    flush();
    flush();
    config_release(&other);
    expect("new", GEN_OK, "new", "good");
    expect("", GEN_OK, "new", "good");
    sem_wait(&t.done);
    assert_int_equal(t.end.code, GEN_OK);
    assert_str(buf_str(&t.text), "half");
    talk_release(&t);
    run(&t, "slow");
    assert_int_equal(t.gen, 0);
    talk_release(&t);
    loop_call(loops_get(loops, 0), replace, &config);
    flush();
    flush();
}

static void cancelling(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "slow");
    t.cancel_at_text = true;
    start(&t);
    sem_wait(&t.done);
    usleep(30000);
    flush();
    assert_int_equal(t.ends, 0);
    talk_release(&t);
}

/* What the settings page asks for: this engine, without its fallback, though the breaker is open. */
static void alone(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "auth");
    t.request.alone = true;
    start(&t);
    sem_wait(&t.done);
    assert_int_equal(t.end.code, GEN_AUTH);
    talk_release(&t);
    for (int i = 0; i < 4; i++) {
        talk_init(&t, "dead");
        t.request.alone = true;
        start(&t);
        sem_wait(&t.done);
        assert_non_null(strstr(t.end.sentence, "dead")); /* the endpoint's own words */
        talk_release(&t);
    }
}

static void nothing_configured(void **state)
{
    (void)state;
    struct config none;
    config_init(&none);
    loop_call(loops_get(loops, 0), replace, &none);
    flush();
    flush();
    config_release(&none);
    struct talk t;
    run(&t, "");
    assert_int_equal(t.end.code, GEN_OK);
    assert_string_equal(t.answered, "scripted");
    assert_true(t.text.n > 0);
    talk_release(&t);
    loop_call(loops_get(loops, 0), replace, &config);
    flush();
    flush();
}

static void lists(void *arg)
{
    on_loop();
    size_t n;
    const struct engine_info *list = engines_list(engines, &n);
    assert_int_equal(n, config.engine_count + 1);
    assert_str(list[0].name, "good");
    assert_str(list[n - 1].name, "scripted");
    assert_true(engines_known(engines, STR("cut")));
    assert_false(engines_known(engines, STR("cuts")));
    assert_str(engines_default(engines), "good");
    assert_int_equal(engines_find(engines, STR("good"))->context_tokens, 4096);
    sem_post(arg);
}

static void listing_and_meters(void **state)
{
    sem_t done;
    (void)state;
    sem_init(&done, 0, 0);
    loop_call(loops_get(loops, 0), lists, &done);
    sem_wait(&done);
    sem_destroy(&done);
    struct engine_meter *good = engine_meter(STR("good"));
    assert_true(atomic_load(&good->ended[GEN_OK]) > 0);
    assert_int_equal(atomic_load(&good->in_flight), 0);
    assert_int_equal(atomic_load(&good->prompt_tokens), 4 * atomic_load(&good->ended[GEN_OK]));
    assert_int_equal(atomic_load(&good->first_count), atomic_load(&good->ended[GEN_OK]));
    assert_int_equal(atomic_load(&engine_meter(STR("auth"))->ended[GEN_AUTH]), 1);
    assert_int_equal(atomic_load(&engine_meter(STR("slow"))->ended[GEN_CANCELLED]), 1);
    assert_true(atomic_load(&engine_meter(STR("auth"))->fallbacks) > 0);
    for (struct engine_meter *m = engine_meters(); m; m = m->next)
        assert_int_equal(atomic_load(&m->in_flight), 0);
    assert_int_equal(atomic_load(&provider_meter(STR("dead"))->last_code), GEN_UNAVAILABLE);
    CLEANUP_BUF struct buf text = BUF_INIT;
    engine_metrics_write(&text);
    assert_true(str_find(buf_str(&text),
                         STR("eidolon_engine_ended_total{engine=\"auth\",code=\"auth\"} 1\n")) != SIZE_MAX);
    assert_true(str_find(buf_str(&text),
                         STR("eidolon_engine_first_output_seconds_bucket{engine=\"good\",le=\"0.05\"}")) !=
                SIZE_MAX);
    assert_true(str_find(buf_str(&text), STR("eidolon_provider_up{provider=\"dead\"} 0\n")) != SIZE_MAX);
}

static void the_breaker(void **state)
{
    (void)state;
    struct breaker b;
    bool probe;
    uint64_t wait;
    breaker_init(&b);
    for (int i = 0; i < 2; i++) {
        assert_true(breaker_allow(&b, 1000, &probe, &wait));
        breaker_report(&b, BREAKER_SICK, probe, 3, 10, 1000);
    }
    breaker_report(&b, BREAKER_HEALTHY, false, 3, 10, 1000); /* in a row, or not at all */
    for (int i = 0; i < 3; i++) {
        assert_true(breaker_allow(&b, 1000, &probe, &wait));
        breaker_report(&b, BREAKER_SICK, probe, 3, 10, 1000);
    }
    assert_false(breaker_allow(&b, 2000, &probe, &wait));
    assert_int_equal(wait, 10);
    assert_true(breaker_allow(&b, 11000, &probe, &wait));
    assert_true(probe);
    assert_false(breaker_allow(&b, 11000, &probe, &wait)); /* one at a time */
    breaker_report(&b, BREAKER_UNKNOWN, true, 3, 10, 12000);
    assert_true(breaker_allow(&b, 12000, &probe, &wait));
    assert_true(probe);
    breaker_report(&b, BREAKER_SICK, true, 3, 10, 12000);
    assert_false(breaker_allow(&b, 21000, &probe, &wait));
    assert_true(breaker_allow(&b, 22000, &probe, &wait));
    breaker_report(&b, BREAKER_HEALTHY, true, 3, 10, 22000);
    assert_true(breaker_allow(&b, 22000, &probe, &wait));
    assert_false(probe);
    assert_int_equal(b.opened_count, 1);
}

static void stop_all(void *arg)
{
    on_loop();
    engines_stop(engines, loop_self());
    fetch_stop(loop_self());
    sem_post(arg);
}

static int setup(void **state)
{
    static const char *const names[] = {"good", "auth", "quota", "filter", "cut", "dead", "slow"};
    static const char more[] =
        "[engine.good]\ntemperature=0.25\nstop=END\ncontext_tokens=4096\n[engine.auth]\nfallback=quota\n"
        "[engine.quota]\nfallback=good\n[engine.cut]\nfallback=good\n[engine.filter]\nfallback=good\n"
        "[engine.circle-a]\nprovider=auth\nfallback=circle-b\n[engine.circle-b]\nprovider=auth\nfallback="
        "circle-a\n"
        "[engine.orphan]\nprovider=nowhere\n[engine.dead-with-fallback]\nprovider=dead\nfallback=good\n"
        "[engine.quota-alone]\nprovider=quota\n"
        "[provider.dead]\nretries=0\nbreaker_failures=3\nbreaker_cooldown=300ms\n[provider.cut]\nretries=0\n";
    struct error e = {0};
    (void)state;
    peer_start(&peer, handle);
    config_init(&config);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char ini[256];
        snprintf(ini, sizeof ini,
                 "[provider.%s]\nbase_url=http://127.0.0.1:%d/%s/v1\n[engine.%s]\nprovider=%s\nmodel=m-%s\n",
                 names[i], peer.port, names[i], names[i], names[i], names[i]);
        assert_int_equal(config_read_text(&config, str_c(ini), "t", &e), ERR_OK);
    }
    if (config_read_text(&config, str_c(more), "more", &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_int_equal(loops_new(2, &loops, &e), ERR_OK);
    assert_int_equal(engines_new(loops, &config, &engines, &e), ERR_OK);
    loops_start(loops);
    return 0;
}

/* With one call still running. */
static int teardown(void **state)
{
    struct talk t;
    sem_t done;
    (void)state;
    sem_init(&done, 0, 0);
    talk_init(&t, "slow");
    start(&t);
    usleep(30000);
    for (unsigned i = 0; i < 2; i++) {
        loop_call(loops_get(loops, i), stop_all, &done);
        sem_wait(&done);
    }
    loops_stop(loops);
    assert_int_equal(t.ends, 0);
    engines_free(engines);
    config_release(&config);
    peer_stop(&peer);
    talk_release(&t);
    sem_destroy(&done);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default),
        cmocka_unit_test(fallbacks),
        cmocka_unit_test(a_dead_endpoint_is_left_alone),
        cmocka_unit_test(replaced_while_running),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(listing_and_meters),
        cmocka_unit_test(alone),
        cmocka_unit_test(nothing_configured),
        cmocka_unit_test(the_breaker),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
