/*
 * The llama driver's promises (provider.h), on several loops at once, with a child process that is this
 * program again: cancelling, pausing and closing from inside emit functions, one end and nothing after it, a
 * lost process.
 */
#include "../unit.h"

#include "base/json.h"
#include "engine/llama.h"
#include "engine/model_inspect.h"
#include "engine/provider.h"
#include "loop/child.h"
#include "loop/workers.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 3, PIECES = 40 };

/* ---- the child: answers with PIECES numbered words; "crash" kills it after two; "wait" never answers */

static void send_line(const char *format, unsigned long long id, int n)
{
    char text[128];
    int length = snprintf(text, sizeof text, format, id, n);
    child_write(str_of(text, (size_t)length));
}

static void answer(const struct json *op)
{
    unsigned long long id = (unsigned long long)json_get_i64(op, "id", 0);
    const struct json *messages = json_get(op, "messages");
    struct str said =
        messages && messages->child ? json_get_str(messages->child, "content", STR_NONE) : STR_NONE;
    if (str_eq(said, STR("wait")))
        return;
    for (int i = 0; i < PIECES; i++) {
        send_line("{\"ev\":\"delta\",\"id\":%llu,\"text\":\"w%d \"}", id, i);
        if (i == 1 && str_eq(said, STR("crash")))
            kill(getpid(), SIGKILL);
    }
    send_line("{\"ev\":\"end\",\"id\":%llu,\"finish\":\"stop\",\"usage\":{\"prompt\":3,\"completion\":%d,"
              "\"cached\":1}}",
              id, PIECES);
}

static int be_child(void)
{
    struct buf frame = BUF_INIT;
    child_write(STR("{\"ev\":\"hello\",\"version\":\"t\",\"release\":\"t\",\"backends\":[]}"));
    while (child_read(&frame)) {
        struct arena a = ARENA_INIT;
        struct json *op = NULL;
        if (json_parse(&a, buf_str(&frame), &op, NULL) == ERR_OK) {
            struct str name = json_get_str(op, "op", STR_NONE);
            if (str_eq(name, STR("load")))
                child_write(STR("{\"ev\":\"loaded\",\"memory_bytes\":1000}"));
            else if (str_eq(name, STR("generate")))
                answer(op);
            else if (str_eq(name, STR("stats")))
                child_write(STR("{\"ev\":\"stats\",\"queue\":0}"));
        }
        arena_release(&a);
    }
    return 0;
}

/* ---- the world */

static struct loops *loops;
static struct workers *workers;
static struct llama *llama;
static struct config config;
static char folder[64];

static void put_model(const char *path)
{
    static const char head[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
                               "\24\0\0\0\0\0\0\0general.architecture\10\0\0\0\5\0\0\0\0\0\0\0llama";
    char bytes[256] = {0};
    memcpy(bytes, head, sizeof head - 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(fd);
}

static int setup(void **state)
{
    char path[128], self[256];
    struct error e = {0};
    (void)state;
    strcpy(folder, "/tmp/eidolon-llama-XXXXXX");
    assert_non_null(mkdtemp(folder));
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    snprintf(path, sizeof path, "%s/eidolon-llama", folder);
    assert_int_equal(symlink(self, path), 0);
    config_init(&config);
    config_set(&config, STR("llama.program"), str_c(path), CONFIG_FROM_FILE, "t", &e);
    config_set(&config, STR("llama.models"), str_c(folder), CONFIG_FROM_FILE, "t", &e);
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    put_model(path);
    loops_new(LOOPS, &loops, &e);
    workers = workers_new(2);
    llama = llama_new(loops, workers, &config);
    loops_start(loops);
    return 0;
}

static void stop(void *arg)
{
    on_loop();
    llama_stop(llama);
    sem_post(arg);
}

static int teardown(void **state)
{
    char path[128];
    sem_t done;
    (void)state;
    sem_init(&done, 0, 0);
    loop_call(llama_home(llama), stop, &done);
    sem_wait(&done);
    workers_free(workers);
    loops_stop(loops);
    llama_free(llama);
    config_release(&config);
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/eidolon-llama", folder);
    unlink(path);
    rmdir(folder);
    return 0;
}

/* ---- a generation and what it saw */

struct talk {
    struct provider *provider;
    uint64_t gen;
    const char *said;
    bool cancel_at_text, close_at_text, pause_at_text, raw;
    int texts, ends, raws, after_end;
    struct gen_end end;
    struct gen_message message;
    sem_t done;
};

static void on_text(void *arg, struct str text)
{
    on_loop();
    struct talk *t = arg;
    char want[16];
    t->after_end += t->ends > 0 || !t->provider;
    snprintf(want, sizeof want, "w%d ", t->texts++);
    assert_true(str_eq(text, str_c(want))); /* in order, none lost */
    if (t->pause_at_text) {
        t->pause_at_text = false;
        t->provider->driver->pause(t->provider, t->gen, true);
        sem_post(&t->done);
    }
    if (t->cancel_at_text) {
        t->provider->driver->cancel(t->provider, t->gen);
        sem_post(&t->done);
    }
    if (t->close_at_text) {
        t->provider->driver->close(t->provider);
        t->provider = NULL;
        sem_post(&t->done);
    }
}

static void on_raw(void *arg, struct str json)
{
    (void)json;
    ((struct talk *)arg)->raws++;
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct talk *t = arg;
    t->ends++;
    t->end = *end;
    t->provider->driver->cancel(t->provider, t->gen); /* over: ignored */
    sem_post(&t->done);
}

static void start(void *arg)
{
    on_loop();
    static const struct gen_emit emit = {.delta = on_text, .raw = on_raw, .end = on_end};
    struct talk *t = arg;
    struct error e = {0};
    const struct provider_driver *driver = provider_driver(STR("llama"));
    struct config_provider own = {.name = STR("llama"), .type = STR("llama"), .total_timeout = 60000};
    struct gen_request request = {
        .model = STR("m"), .messages = &t->message, .message_count = 1, .stream = true};
    t->message = (struct gen_message){.role = GEN_USER, .content = str_c(t->said)};
    gen_sampling_init(&request.sampling);
    if (t->raw)
        request.raw_body = STR("{\"model\":\"engine/m\",\"stream\":true,\"messages\":[]}");
    assert_int_equal(driver->open(loop_self(), &own, &t->provider, &e), ERR_OK);
    t->gen = driver->start(t->provider, &request, &emit, t, &t->end);
    assert_true(t->gen != 0);
    assert_int_equal(t->texts, 0);
}

static void resume(void *arg)
{
    on_loop();
    struct talk *t = arg;
    t->provider->driver->pause(t->provider, t->gen, false);
}

static void finish(void *arg)
{
    on_loop();
    struct talk *t = arg;
    if (t->provider)
        t->provider->driver->close(t->provider);
    sem_post(&t->done);
}

static void pass(struct talk *t, unsigned loop, void (*fn)(void *))
{
    loop_call(loops_get(loops, loop), fn, t);
}

static void settle(void)
{
    struct timespec a_while = {.tv_nsec = 150000000};
    nanosleep(&a_while, NULL);
}

static void end_talk(struct talk *t, unsigned loop)
{
    pass(t, loop, finish);
    sem_wait(&t->done);
    assert_int_equal(t->after_end, 0);
    sem_destroy(&t->done);
}

static void init(struct talk *t, const char *said)
{
    *t = (struct talk){.said = said};
    sem_init(&t->done, 0, 0);
}

static void many_at_once(void **state)
{
    struct talk talks[12];
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        init(&talks[i], "hello");
        talks[i].raw = i % 2;
        pass(&talks[i], i % LOOPS, start);
    }
    for (unsigned i = 0; i < 12; i++) {
        sem_wait(&talks[i].done);
        assert_int_equal(talks[i].texts, PIECES);
        assert_int_equal(talks[i].ends, 1);
        assert_int_equal(talks[i].end.code, GEN_OK);
        assert_int_equal(talks[i].end.usage.cached_tokens, 1);
        assert_int_equal(talks[i].raws, i % 2 ? PIECES + 1 : 0);
        end_talk(&talks[i], i % LOOPS);
    }
}

static void stopped_inside(void **state)
{
    struct talk cancelled, closed;
    (void)state;
    init(&cancelled, "hello");
    init(&closed, "hello");
    cancelled.cancel_at_text = closed.close_at_text = true;
    pass(&cancelled, 1, start);
    pass(&closed, 2, start);
    sem_wait(&cancelled.done);
    sem_wait(&closed.done);
    settle();
    assert_int_equal(cancelled.texts, 1);
    assert_int_equal(cancelled.ends, 0);
    assert_int_equal(closed.texts, 1);
    assert_int_equal(closed.ends, 0);
    end_talk(&cancelled, 1);
    end_talk(&closed, 2);
}

static void paused(void **state)
{
    struct talk t;
    (void)state;
    init(&t, "hello");
    t.pause_at_text = true;
    pass(&t, 1, start);
    sem_wait(&t.done);
    settle();
    assert_int_equal(t.texts, 1);
    assert_int_equal(t.ends, 0);
    pass(&t, 1, resume);
    sem_wait(&t.done);
    assert_int_equal(t.texts, PIECES);
    assert_int_equal(t.ends, 1);
    end_talk(&t, 1);
}

static void lost_and_back(void **state)
{
    struct talk crash, wait, next;
    (void)state;
    init(&wait, "wait");
    pass(&wait, 2, start);
    settle();
    init(&crash, "crash");
    pass(&crash, 1, start);
    sem_wait(&crash.done);
    sem_wait(&wait.done);
    assert_int_equal(crash.end.code, GEN_CUT);
    assert_int_equal(wait.end.code, GEN_UNAVAILABLE); /* it had not begun */
    assert_non_null(strstr(crash.end.sentence, "signal 9"));
    assert_false(crash.end.flags & GEN_SICK);
    init(&next, "hello");
    pass(&next, 0, start);
    sem_wait(&next.done);
    assert_int_equal(next.end.code, GEN_OK);
    end_talk(&crash, 1);
    end_talk(&wait, 2);
    end_talk(&next, 0);
}

/* libuv closes descriptors by a bare system call, which ThreadSanitizer does not see: it takes the next owner
 * of the number, here a folder that a worker reads, for a rival of the last one. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:closedir\n";
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(stopped_inside),
        cmocka_unit_test(paused),
        cmocka_unit_test(lost_and_back),
    };
    if (str_ends(str_c(argv[0]), STR("/eidolon-llama")))
        return be_child();
    if (argc == 3 && !strcmp(argv[1], MODEL_INSPECT_COMMAND))
        _exit(model_inspect_child(argv[2]));
    return cmocka_run_group_tests(tests, setup, teardown);
}
