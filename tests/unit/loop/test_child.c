/*
 * Child processes, for real: this program is exec'd again with the name of what the child shall do. Frames
 * both ways, large ones too, crashes told in a sentence and started again after a back-off, and what the
 * kernel denies.
 */
#include "../unit.h"

#include "base/clock.h"
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what the child does ---- */
static void *nothing(void *arg)
{
    return arg;
}

static void say_what_is_denied(void)
{
    char text[256];
    pthread_t thread;
    int inherited = fcntl(4, F_GETFD);
    int network = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
    int process = fork();
    if (process == 0)
        _exit(0);
    int forked = process < 0 ? errno : 0;
    char *const args[] = {"true", NULL}, *const env[] = {NULL};
    execve("/bin/true", args, env);
    int exec = errno;
    int threads = pthread_create(&thread, NULL, nothing, NULL);
    if (!threads)
        pthread_join(thread, NULL);
    void *memory = mmap(NULL, (size_t)1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    snprintf(text, sizeof text, "fd4 %s network %d file %d fork %d exec %d thread %d memory %s secret %s",
             inherited < 0 ? "closed" : "open", network, file, forked, exec, threads,
             memory == MAP_FAILED ? "denied" : "given", getenv("EIDOLON_SECRET") ? "seen" : "hidden");
    child_write(str_c(text));
}

static int error_of(const char *path, int flags)
{
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file >= 0)
        close(file);
    return file < 0 ? errno : 0;
}

/* One folder to read, nothing else, and nothing to write; "no landlock": the kernel has none. */
static int be_reader(void)
{
    char text[256];
    const char *const folders[] = {"/usr/include"};
    struct error e = {0};
    struct buf frame = BUF_INIT;
    bool held = child_read_beneath(folders, 1);
    if (child_confine(CHILD_READ_FILES, 0, &e) != ERR_OK)
        _exit(9);
    snprintf(text, sizeof text, "%s: beneath %d elsewhere %d make %d write %d cut %d unlink %d",
             held ? "landlock" : "no landlock", error_of("/usr/include/stdio.h", O_RDONLY),
             error_of("/etc/passwd", O_RDONLY), error_of("/tmp/eidolon-child-made", O_WRONLY | O_CREAT),
             error_of("/dev/null", O_RDWR), error_of("/dev/null", O_RDONLY | O_TRUNC),
             unlink("/tmp/eidolon-child-none") < 0 ? errno : 0);
    child_write(str_c(text));
    while (child_read(&frame))
        ;
    _exit(0);
}

static int be_child(const char *what)
{
    if (!strcmp(what, "reader"))
        return be_reader();
    struct buf frame = BUF_INIT;
    struct error e = {0};
    if (child_confine(CHILD_NO_FILES, (uint64_t)768 << 20, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        _exit(9);
    }
    if (!strcmp(what, "denied"))
        say_what_is_denied();
    if (!strcmp(what, "flood")) {
        const unsigned char head[4] = {0xff, 0xff, 0xff, 0x7f};
        (void)!write(3, head, sizeof head);
        pause();
    }
    while (child_read(&frame)) {
        if (str_eq(buf_str(&frame), STR("crash")))
            __builtin_trap();
        if (str_eq(buf_str(&frame), STR("leave"))) {
            child_write(STR("goodbye"));
            fprintf(stderr, "I was told to leave\n");
            _exit(7);
        }
        child_write(buf_str(&frame));
    }
    _exit(0);
}

/* ---- the parent ---- */
struct owner {
    struct child *child;
    const char *mode;
    struct buf heard;
    size_t frames;
    char why[400];
    bool restart, close_in_frame;
    unsigned lost;
    int pid;
    sem_t told;
};

static struct loops *loops;

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct owner *o = arg;
    buf_clear(&o->heard);
    buf_add(&o->heard, frame);
    o->frames++;
    if (o->close_in_frame) {
        child_close(o->child);
        o->child = NULL;
    }
    sem_post(&o->told);
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct owner *o = arg;
    o->lost++;
    snprintf(o->why, sizeof o->why, "%s", sentence);
    if (o->restart)
        child_start(o->child);
    sem_post(&o->told);
}

static const struct child_events events = {on_frame, on_lost};

static void open_it(void *arg)
{
    on_loop();
    struct owner *o = arg;
    const char *args[] = {"be-child", o->mode, NULL};
    struct child_options options = {.name = "test", .args = args};
    if (!strcmp(o->mode, "nowhere"))
        options.program = "/nowhere/at/all";
    o->child = child_open(loop_self(), &options, &events, o);
    o->pid = child_pid(o->child);
    sem_post(&o->told);
}

static void close_it(void *arg)
{
    on_loop();
    struct owner *o = arg;
    if (o->child)
        child_close(o->child);
    sem_post(&o->told);
}

struct sending {
    struct owner *owner;
    struct str frame;
    enum err err;
};

static void send_it(void *arg)
{
    on_loop();
    struct sending *s = arg;
    s->err = child_send(s->owner->child, s->frame, NULL);
    sem_post(&s->owner->told);
}

static void wait_told(struct owner *o)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (sem_timedwait(&o->told, &until) != 0) {
        if (errno == ETIMEDOUT)
            fail_msg("nothing came for 30 s");
    }
}

static void call(struct owner *o, void (*fn)(void *), void *arg)
{
    loop_call(loops_get(loops, 0), fn, arg);
    wait_told(o);
}

static enum err tell(struct owner *o, struct str frame)
{
    struct sending s = {.owner = o, .frame = frame};
    call(o, send_it, &s);
    return s.err;
}

static struct owner *owner_new(const char *mode)
{
    struct owner *o = calloc(1, sizeof *o);
    o->mode = mode;
    o->heard = BUF_MAX(CHILD_FRAME_MAX);
    sem_init(&o->told, 0, 0);
    call(o, open_it, o);
    return o;
}

static void owner_free(struct owner *o)
{
    call(o, close_it, o);
    buf_release(&o->heard);
    free(o);
}

static void frames_go_both_ways(void **state)
{
    (void)state;
    struct owner *o = owner_new("echo");
    assert_int_equal(tell(o, STR("hello")), ERR_OK);
    wait_told(o);
    assert_str(buf_str(&o->heard), "hello");
    assert_int_equal(tell(o, STR_NONE), ERR_OK);
    wait_told(o);
    assert_int_equal(o->heard.n, 0);
    size_t n = (size_t)5 << 20;
    char *large = malloc(n);
    for (size_t i = 0; i < n; i++)
        large[i] = (char)(i * 31 >> 3);
    assert_int_equal(tell(o, str_of(large, n)), ERR_OK);
    wait_told(o);
    assert_int_equal(o->heard.n, n);
    assert_memory_equal(o->heard.p, large, n);
    assert_int_equal(tell(o, str_of(large, (size_t)CHILD_FRAME_MAX + 1)), ERR_TOO_BIG);
    free(large);
    assert_int_equal(o->lost, 0);
    owner_free(o);
}

static void a_crash_is_told_and_the_next_one_works(void **state)
{
    (void)state;
    struct owner *o = owner_new("echo");
    o->restart = true;
    for (unsigned i = 1; i <= 3; i++) {
        uint64_t began = clock_mono_us();
        assert_int_equal(tell(o, STR("crash")), ERR_OK);
        wait_told(o);
        assert_int_equal(o->lost, i);
        /* Under a sanitizer the signal becomes an exit status. */
        assert_true(strstr(o->why, "signal 4") || strstr(o->why, "exit status"));
        /* It waits for its time; what is sent meanwhile is answered then. */
        assert_int_equal(tell(o, STR("again")), ERR_OK);
        wait_told(o);
        assert_str(buf_str(&o->heard), "again");
        assert_true(clock_mono_us() - began >= (uint64_t)(CHILD_BACKOFF_FIRST_MS << (i - 1)) * 1000);
    }
    owner_free(o);
}

static void what_it_said_before_it_left_is_heard(void **state)
{
    (void)state;
    struct owner *o = owner_new("echo");
    assert_int_equal(tell(o, STR("leave")), ERR_OK);
    wait_told(o);
    wait_told(o);
    assert_str(buf_str(&o->heard), "goodbye");
    assert_string_equal(
        o->why, "The test process ended with exit status 7; its last words were: I was told to leave.");
    assert_int_equal(tell(o, STR("hello?")), ERR_UNAVAILABLE);
    owner_free(o);
}

static void a_mad_frame_ends_it(void **state)
{
    (void)state;
    struct owner *o = owner_new("flood");
    wait_told(o);
    assert_non_null(strstr(o->why, "more than is allowed"));
    owner_free(o);
}

static void a_missing_program_is_told(void **state)
{
    (void)state;
    struct owner *o = owner_new("nowhere");
    wait_told(o);
    assert_non_null(strstr(o->why, "could not be started"));
    assert_non_null(strstr(o->why, "no such file"));
    owner_free(o);
}

static void the_kernel_denies_what_it_does_not_need(void **state)
{
    (void)state;
    setenv("EIDOLON_SECRET", "key", 1);
    int open_file = open("/dev/null", O_RDONLY); /* inheritable, on purpose */
    struct owner *o = owner_new("denied");
    wait_told(o);
    close(open_file);
    char want[256];
    for (int sanitized = 0; sanitized < 2; sanitized++) {
        snprintf(want, sizeof want,
                 "fd4 closed network %d file %d fork %d exec %d thread 0 memory %s secret hidden", EPERM,
                 EPERM, EPERM, EPERM, sanitized ? "given" : "denied");
        if (str_eq(buf_str(&o->heard), str_c(want)))
            break;
    }
    assert_str(buf_str(&o->heard), want);
    owner_free(o);
}

static void only_a_folder_is_read(void **state)
{
    (void)state;
    struct owner *o = owner_new("reader");
    wait_told(o);
    char want[256];
    for (int landlock = 0; landlock < 2; landlock++) {
        snprintf(want, sizeof want, "%s: beneath 0 elsewhere %d make %d write %d cut %d unlink %d",
                 landlock ? "landlock" : "no landlock", landlock ? EACCES : 0, EPERM, EPERM, EPERM, EPERM);
        if (str_eq(buf_str(&o->heard), str_c(want)))
            break;
    }
    assert_str(buf_str(&o->heard), want);
    owner_free(o);
}

static void closing_ends_the_process(void **state)
{
    (void)state;
    struct owner *o = owner_new("echo");
    int pid = o->pid;
    assert_int_equal(kill(pid, 0), 0);
    o->close_in_frame = true;
    assert_int_equal(tell(o, STR("one")), ERR_OK);
    wait_told(o);
    for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(o->lost, 0);
    owner_free(o);
}

static int begin(void **state)
{
    (void)state;
    if (loops_new(1, &loops, NULL) != ERR_OK)
        return -1;
    loops_start(loops);
    return 0;
}

static int end(void **state)
{
    (void)state;
    loops_stop(loops);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "be-child"))
        return be_child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways),
        cmocka_unit_test(a_crash_is_told_and_the_next_one_works),
        cmocka_unit_test(what_it_said_before_it_left_is_heard),
        cmocka_unit_test(a_mad_frame_ends_it),
        cmocka_unit_test(a_missing_program_is_told),
        cmocka_unit_test(the_kernel_denies_what_it_does_not_need),
        cmocka_unit_test(only_a_folder_is_read),
        cmocka_unit_test(closing_ends_the_process),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
