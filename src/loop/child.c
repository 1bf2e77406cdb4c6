/*
 * The parent's side of child processes; see child.h.
 *
 * A `struct child` is what its owner holds; a `struct run` is one process with its three libuv handles
 * (process, wire, standard error). A run whose child is gone, or has another run, lives on until its handles
 * are closed, and frees itself then. A process is lost when it has exited and its wire has been read to the
 * end, so that nothing it still said goes missing. Frames sent while nothing runs wait in the child and go
 * out when it starts.
 */
#include "loop/child.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/child_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_PIECE = 64 * 1024,
    LINE_MAX_BYTES = 1000, /* of the child's standard error; a longer line is logged in pieces */
    LAST_WORDS = 160,      /* of its last line, in the sentence of lost() */
    ARGS_MAX = 32,
    SENTENCE = 384,
};

/* What of our environment a child sees: nothing of ours, where keys may be. */
static const char *const environment[] = {
    "PATH=",         "HOME=",          "LANG=",         "LC_",           "TZ=",   "LD_LIBRARY_PATH=",
    "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS=", "CUDA_", "GGML_",
    "VK_",           "NVIDIA_",
};

struct out {
    uv_write_t write;
    struct out *next;
    struct run *run;
    size_t n;
    int file; /* to go along, or -1 */
    char bytes[];
};

struct run {
    struct child *child; /* NULL: nobody listens any more */
    uv_process_t process;
    uv_pipe_t wire, err;
    unsigned handles; /* not yet closed */
    bool exited, drained, closing;
    int64_t status;
    int signal;
    struct buf in, line;
    char last[LAST_WORDS + 1];
    char broken[SENTENCE]; /* why we ended it ourselves, or empty */
};

struct child {
    struct loop *loop;
    char *name, *program, **args;
    int nice;
    const struct child_events *events;
    void *arg;
    struct run *run;
    struct timer timer; /* of the next start */
    struct out *waiting, **waiting_tail;
    size_t queued;
    unsigned failures;
    uint64_t started_us, lost_us;
    bool closed;
    char unstartable[SENTENCE];
};

static LOOP void start_now(struct child *child);

static void run_freed(uv_handle_t *handle)
{
    struct run *run = handle->data;
    if (--run->handles)
        return;
    buf_release(&run->in);
    buf_release(&run->line);
    free(run);
}

static void run_close(struct run *run)
{
    if (run->closing)
        return;
    run->closing = true;
    uv_close((uv_handle_t *)&run->process, run_freed);
    uv_close((uv_handle_t *)&run->wire, run_freed);
    uv_close((uv_handle_t *)&run->err, run_freed);
}

static void run_kill(struct run *run)
{
    if (!run->exited && run->process.pid > 0)
        uv_process_kill(&run->process, SIGKILL);
}

/* ---- the end of a process ---- */
static void say_why(const struct run *run, const char *name, struct buf *to)
{
    buf_printf(to, "The %s process ", name);
    if (run->broken[0])
        buf_add(to, str_c(run->broken));
    else if (run->signal)
        buf_printf(to, "was ended by signal %d (%s)", run->signal, strsignal(run->signal));
    else
        buf_printf(to, "ended with exit status %d", (int)run->status);
    buf_printf(to, "%s%s.", run->last[0] ? "; its last words were: " : "", run->last);
}

static void out_free(struct out *out)
{
    if (out->file >= 0)
        close(out->file);
    free(out);
}

static LOOP void forget_waiting(struct child *child)
{
    while (child->waiting) {
        struct out *out = child->waiting;
        child->waiting = out->next;
        child->queued -= out->n;
        out_free(out);
    }
    child->waiting_tail = &child->waiting;
}

static LOOP void lost(struct child *child, const char *sentence)
{
    uint64_t now = clock_mono_us();
    bool healthy = child->started_us && now - child->started_us >= (uint64_t)CHILD_HEALTHY_MS * 1000;
    child->failures = healthy ? 1 : child->failures + 1;
    child->lost_us = now;
    forget_waiting(child);
    child->queued = 0; /* what the dead process never read is no longer on its way */
    child->events->lost(child->arg, sentence);
}

static LOOP void run_ended(struct run *run)
{
    struct child *child = run->child;
    CLEANUP_BUF struct buf sentence = BUF_INIT;
    if (!run->exited || !run->drained)
        return;
    run_close(run);
    if (!child)
        return;
    say_why(run, child->name, &sentence);
    buf_add_char(&sentence, '\0');
    run->child = NULL;
    child->run = NULL;
    lost(child, sentence.p);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    on_loop();
    struct run *run = process->data;
    run->exited = true;
    run->status = status;
    run->signal = signal;
    run_ended(run);
}

/* ---- what it says ---- */
static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    on_loop();
    (void)suggested;
    struct run *run = handle->data;
    struct buf *b = handle == (uv_handle_t *)&run->wire ? &run->in : &run->line;
    out->base = buf_reserve(b, READ_PIECE);
    out->len = out->base ? READ_PIECE : 0;
}

/* Every whole frame that is there. The owner may close the child in any of them. */
static LOOP void read_frames(struct run *run)
{
    size_t at = 0;
    while (run->child && run->in.n - at >= CHILD_HEAD) {
        uint32_t n = child_head_read(run->in.p + at);
        if (n > CHILD_FRAME_MAX) {
            snprintf(run->broken, sizeof run->broken,
                     "sent a frame of %u bytes, more than is allowed, and was ended", n);
            run_kill(run);
            at = run->in.n;
            break;
        }
        if (run->in.n - at - CHILD_HEAD < n)
            break;
        run->child->events->frame(run->child->arg, str_of(run->in.p + at + CHILD_HEAD, n));
        at += CHILD_HEAD + n;
    }
    buf_drop(&run->in, run->child ? at : run->in.n);
    if (!run->in.n && run->in.cap > 16 * READ_PIECE)
        buf_release(&run->in); /* a large frame's room is not kept */
}

static void on_wire(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    on_loop();
    (void)buffer;
    struct run *run = stream->data;
    if (n > 0) {
        run->in.n += (size_t)n;
        read_frames(run);
        return;
    }
    if (n == 0)
        return;
    /* Without its wire it is of no use, whatever it still does. */
    run_kill(run);
    run->drained = true;
    uv_read_stop(stream);
    run_ended(run);
}

static void log_line(struct run *run, const char *line, size_t n)
{
    while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
        n--;
    if (!n)
        return;
    snprintf(run->last, sizeof run->last, "%.*s", (int)n, line);
    log_debug("child", "%s: %.*s", run->child ? run->child->name : "a process that was let go", (int)n, line);
}

static void on_err(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    on_loop();
    (void)buffer;
    struct run *run = stream->data;
    if (n < 0) {
        log_line(run, run->line.p, run->line.n);
        uv_read_stop(stream);
        return;
    }
    run->line.n += (size_t)n;
    size_t at = 0;
    for (size_t i = 0; i < run->line.n; i++) {
        bool end = run->line.p[i] == '\n';
        if (!end && i - at < LINE_MAX_BYTES)
            continue;
        log_line(run, run->line.p + at, i - at);
        at = end ? i + 1 : i;
    }
    buf_drop(&run->line, at);
}

/* ---- what it is told ---- */
static void on_written(uv_write_t *write, int status)
{
    on_loop();
    struct out *out = CONTAINER(write, struct out, write);
    if (out->run->child)
        out->run->child->queued -= out->n;
    (void)status; /* a broken wire is seen by the reader */
    out_free(out);
}

/* The descriptor travels with the first byte of its frame (unix(7), SCM_RIGHTS), which libuv does only for
 * sockets. Where not all goes out at once the wire was not empty, which a pool's child never is when it is
 * asked something, and the process is ended. */
static LOOP void write_with_file(struct run *run, struct out *out)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec piece = {out->bytes, out->n};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    uv_os_fd_t wire;
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &out->file, sizeof(int));
    if (uv_stream_get_write_queue_size((uv_stream_t *)&run->wire) == 0 &&
        uv_fileno((uv_handle_t *)&run->wire, &wire) == 0 &&
        sendmsg(wire, &message, MSG_NOSIGNAL) == (ssize_t)out->n)
        return;
    snprintf(run->broken, sizeof run->broken, "could not be handed a file and was ended");
    run_kill(run);
}

static LOOP void write_out(struct child *child, struct out *out)
{
    uv_buf_t piece = uv_buf_init(out->bytes, (unsigned)out->n);
    out->run = child->run;
    if (out->file >= 0) {
        write_with_file(child->run, out);
        child->queued -= out->n;
        out_free(out);
        return;
    }
    if (uv_write(&out->write, (uv_stream_t *)&child->run->wire, &piece, 1, on_written) != 0) {
        child->queued -= out->n;
        out_free(out);
    }
}

static enum err send_frame(struct child *child, struct str frame, int file, struct error *e) LOOP;
static enum err send_frame(struct child *child, struct str frame, int file, struct error *e)
{
    if (frame.n > CHILD_FRAME_MAX)
        return error_set(e, ERR_TOO_BIG,
                         "%zu bytes are too many to hand to the %s process; at most %d are allowed.", frame.n,
                         child->name, CHILD_FRAME_MAX);
    if (child->queued + frame.n > CHILD_QUEUE_MAX)
        return error_set(e, ERR_BUSY, "The %s process has too much to do; try again in a moment.",
                         child->name);
    if (!child->run && !timer_armed(&child->timer))
        return error_set(e, ERR_UNAVAILABLE, "The %s process does not run.", child->name);
    struct out *out = heap_alloc(sizeof *out + CHILD_HEAD + frame.n);
    out->n = CHILD_HEAD + frame.n;
    out->file = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 0);
    if (file >= 0 && out->file < 0) {
        free(out);
        return error_set(e, ERR_BUSY, "Too many files are open here; try again in a moment.");
    }
    child_head_write(out->bytes, (uint32_t)frame.n);
    if (frame.n)
        memcpy(out->bytes + CHILD_HEAD, frame.p, frame.n);
    child->queued += out->n;
    if (child->run) {
        write_out(child, out);
    } else {
        *child->waiting_tail = out;
        child->waiting_tail = &out->next;
    }
    return ERR_OK;
}

enum err child_send(struct child *child, struct str frame, struct error *e)
{
    return send_frame(child, frame, -1, e);
}

enum err child_send_file(struct child *child, struct str frame, int file, struct error *e)
{
    if (frame.n > CHILD_FILE_FRAME_MAX)
        return error_set(e, ERR_TOO_BIG, "What goes along with a file has at most %d bytes.",
                         CHILD_FILE_FRAME_MAX);
    return send_frame(child, frame, file, e);
}

/* ---- starting ---- */
static char **child_environment(void)
{
    extern char **environ;
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **out = heap_alloc((count + 1) * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof environment / sizeof *environment; k++) {
            if (!strncmp(environ[i], environment[k], strlen(environment[k]))) {
                out[kept++] = environ[i];
                break;
            }
        }
    }
    return out;
}

static LOOP int spawn(struct child *child, struct run *run)
{
    char **env = child_environment();
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->err},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&run->wire},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = child->program,
        .args = child->args,
        .env = env,
        .stdio = stdio,
        .stdio_count = CHILD_WIRE + 1,
    };
    int rc = uv_spawn(loop_uv(child->loop), &run->process, &options);
    free(env);
    return rc;
}

static void on_unstartable(struct timer *timer)
{
    on_loop();
    struct child *child = CONTAINER(timer, struct child, timer);
    lost(child, child->unstartable);
}

static void start_now(struct child *child)
{
    struct run *run = heap_alloc(sizeof *run);
    *run =
        (struct run){.child = child, .in = BUF_MAX(CHILD_FRAME_MAX + CHILD_HEAD + READ_PIECE), .handles = 3};
    uv_pipe_init(loop_uv(child->loop), &run->wire, 0);
    uv_pipe_init(loop_uv(child->loop), &run->err, 0);
    run->process.data = run->wire.data = run->err.data = run;
    int rc = spawn(child, run);
    child->started_us = clock_mono_us();
    if (rc != 0) {
        run->child = NULL;
        run->exited = true;
        run_close(run);
        snprintf(child->unstartable, sizeof child->unstartable,
                 "The %s process could not be started from %s: %s.", child->name, child->program,
                 uv_strerror(rc));
        timer_arm(&child->timer, 0, on_unstartable);
        return;
    }
    child->run = run;
    if (child->nice)
        setpriority(PRIO_PROCESS, (id_t)run->process.pid, getpriority(PRIO_PROCESS, 0) + child->nice);
    uv_read_start((uv_stream_t *)&run->wire, on_buffer, on_wire);
    uv_read_start((uv_stream_t *)&run->err, on_buffer, on_err);
    while (child->waiting) {
        struct out *out = child->waiting;
        child->waiting = out->next;
        write_out(child, out);
    }
    child->waiting_tail = &child->waiting;
}

static void on_time(struct timer *timer)
{
    on_loop();
    start_now(CONTAINER(timer, struct child, timer));
}

struct child *child_open(struct loop *loop, const struct child_options *options,
                         const struct child_events *events, void *arg)
{
    struct child *child = heap_alloc(sizeof *child);
    size_t n = 0;
    *child = (struct child){.loop = loop, .nice = options->nice, .events = events, .arg = arg};
    child->waiting_tail = &child->waiting;
    child->name = heap_cstr(str_c(options->name));
    child->program = heap_cstr(str_c(options->program ? options->program : "/proc/self/exe"));
    child->args = heap_alloc((ARGS_MAX + 2) * sizeof *child->args);
    child->args[n++] = heap_cstr(str_c(options->program ? options->program : "eidolon"));
    for (const char *const *from = options->args; from && *from && n <= ARGS_MAX; from++)
        child->args[n++] = heap_cstr(str_c(*from));
    child->args[n] = NULL;
    start_now(child);
    return child;
}

void child_start(struct child *child)
{
    if (child->run || timer_armed(&child->timer))
        return;
    uint64_t wait_ms = 0;
    if (child->failures) {
        unsigned doublings = child->failures - 1;
        wait_ms = doublings < 16 ? (uint64_t)CHILD_BACKOFF_FIRST_MS << doublings : CHILD_BACKOFF_MAX_MS;
        if (wait_ms > CHILD_BACKOFF_MAX_MS)
            wait_ms = CHILD_BACKOFF_MAX_MS;
        uint64_t passed_ms = (clock_mono_us() - child->lost_us) / 1000;
        wait_ms = passed_ms < wait_ms ? wait_ms - passed_ms : 0;
    }
    timer_arm(&child->timer, wait_ms, on_time);
}

bool child_running(const struct child *child)
{
    return child->run != NULL;
}

int child_pid(const struct child *child)
{
    return child->run ? child->run->process.pid : 0;
}

void child_kill(struct child *child)
{
    if (child->run)
        run_kill(child->run);
}

void child_close(struct child *child)
{
    timer_close(&child->timer);
    forget_waiting(child);
    if (child->run) {
        run_kill(child->run);
        child->run->child = NULL;
        child->run = NULL; /* it frees itself when the process has exited */
    }
    for (char **arg = child->args; *arg; arg++)
        free(*arg);
    free(child->args);
    free(child->name);
    free(child->program);
    free(child);
}
