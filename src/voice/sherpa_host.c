/*
 * The server's side of sherpa-onnx's children; see sherpa.h.
 *
 * An ask is the asking loop's, a task its counterpart at the host's home; notes go between the two, in order.
 * The ask is freed on its own loop by the note END, which is the last one, also of a cancelled ask: so both
 * sides may name it until then. Which hosts there are is known to sherpa.c.
 */
#include "voice/sherpa_inner.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/utf8.h"
#include "loop/child.h"

#include <stdlib.h>

struct sherpa_ask {
    struct sherpa_host *host;
    struct loop *loop;
    const struct sherpa_events *events;
    void *arg;
    bool cancelled;
};

struct sherpa_task {
    struct sherpa_task *next;
    struct sherpa_ask *ask;
    struct loop *loop; /* the ask's */
    struct sherpa_limits limits;
    bool cancelled, answered;
    struct buf frame;
};

/* ---- notes ---- */
enum kind { ASK, CANCEL, /* back: */ FORMAT, SOUND, END };

struct note {
    struct msg msg;
    enum kind kind;
    struct sherpa_host *host; /* of those that go home */
    struct sherpa_ask *ask;   /* may be gone where a CANCEL arrives: only its address counts there */
    struct sherpa_task *task; /* of ASK */
    unsigned rate;
    enum err err;
    struct error error;
    size_t n;
    _Alignas(16) char bytes[];
};

static struct note *note_new(enum kind kind, struct sherpa_ask *ask, struct str bytes)
{
    struct note *note = heap_alloc(sizeof *note + bytes.n);
    note->kind = kind;
    note->ask = ask;
    note->n = bytes.n;
    if (bytes.n)
        memcpy(note->bytes, bytes.p, bytes.n);
    return note;
}

static void arrived_back(struct msg *msg)
{
    on_loop();
    struct note *note = CONTAINER(msg, struct note, msg);
    struct sherpa_ask *ask = note->ask;
    const struct sherpa_events *events = ask->events;
    if (note->kind == END) {
        if (!ask->cancelled)
            events->end(ask->arg, note->err, &note->error, str_of(note->bytes, note->n));
        free(ask);
    } else if (!ask->cancelled && note->kind == FORMAT && events->format) {
        events->format(ask->arg, note->rate);
    } else if (!ask->cancelled && note->kind == SOUND && events->sound) {
        events->sound(ask->arg, (const int16_t *)(const void *)note->bytes, note->n / sizeof(int16_t));
    }
    free(note);
}

static void send_back(const struct sherpa_task *task, struct note *note)
{
    note->msg.deliver = arrived_back;
    loop_post(task->loop, &note->msg);
}

/* ---- at home: the end of a task ---- */
static void end_task(struct sherpa_task *task, enum err err, const struct error *e, struct str json)
{
    struct note *note = note_new(END, task->ask, json);
    note->err = err;
    if (err)
        note->error = *e;
    send_back(task, note);
    buf_release(&task->frame);
    free(task);
}

static LOOP void end_first(struct sherpa_host *host, enum err err, const struct error *e, struct str json)
{
    struct sherpa_task *task = host->first;
    host->first = task->next;
    host->waiting--;
    host->busy = false;
    timer_cancel(&host->timer);
    end_task(task, err, e, json);
}

static enum err fault(struct error *e, const struct sherpa_host *host, enum err err, const char *code,
                      struct str what)
{
    error_set(e, err, "The speech provider '%s' %.*s", host->name, STR_ARG(str_sub(what, 0, 400)));
    str_copy(e->code, sizeof e->code, str_c(code));
    return err;
}

/* ---- the child ---- */
static LOOP void pump(struct sherpa_host *host);

static LOOP void drop_child(struct sherpa_host *host)
{
    if (host->child)
        child_close(host->child);
    host->child = NULL;
    host->loaded = false;
}

static void on_idle(struct timer *timer)
{
    on_loop();
    struct sherpa_host *host = CONTAINER(timer, struct sherpa_host, timer);
    if (!host->idle_ms && atomic_load(&host->users))
        return; /* it was left, and is used again */
    log_info("voice", "the model of the speech provider '%s' was not used and is unloaded", host->name);
    drop_child(host);
}

static LOOP void arm_idle(struct sherpa_host *host)
{
    if (!host->child || host->first)
        return;
    if (host->idle_ms)
        timer_arm(&host->timer, host->idle_ms, on_idle);
    else if (!atomic_load(&host->users))
        timer_arm(&host->timer, SHERPA_LEFT_MS, on_idle);
}

static void on_late(struct timer *timer)
{
    on_loop();
    struct sherpa_host *host = CONTAINER(timer, struct sherpa_host, timer);
    struct error e = {0};
    fault(&e, host, ERR_UPSTREAM_TIMEOUT, host->first->answered ? "timeout_stream" : "timeout_first_sound",
          host->loaded ? STR("took too long, and its process was ended.")
                       : STR("took too long to load its model, and its process was ended."));
    drop_child(host);
    end_first(host, e.err, &e, STR_NONE);
    pump(host);
}

static LOOP void arm(struct sherpa_host *host)
{
    const struct sherpa_limits *limits = &host->first->limits;
    timer_arm(&host->timer,
              !host->loaded           ? limits->load_ms
              : host->first->answered ? limits->pause_ms
                                      : limits->first_ms,
              on_late);
}

static LOOP void heard_sound(struct sherpa_host *host, char letter, struct str rest)
{
    struct sherpa_task *task = host->first;
    uint32_t rate = 0;
    task->answered = true;
    arm(host);
    struct note *note = note_new(letter == 'F' ? FORMAT : SOUND, task->ask, letter == 'F' ? STR_NONE : rest);
    memcpy(&rate, rest.p, letter == 'F' ? sizeof rate : 0);
    note->rate = rate;
    send_back(task, note);
}

static LOOP void take_end(struct sherpa_host *host, char letter, struct str rest)
{
    struct error e = {0};
    enum err err = ERR_OK;
    if (letter != 'D')
        err = fault(&e, host, ERR_UNAVAILABLE, letter == 'N' ? "upstream_refused" : "malformed", rest);
    if (letter == 'N')
        drop_child(host); /* the next task looks again: what was missing may be there by then */
    end_first(host, err, &e, err ? STR_NONE : rest);
    pump(host);
}

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct sherpa_host *host = arg;
    char letter = frame.n ? frame.p[0] : '\0';
    struct str rest = str_from(frame, 1);
    if (letter == 'R' && host->busy) {
        host->loaded = true;
        arm(host);
    } else if (host->busy && ((letter == 'F' && rest.n == sizeof(uint32_t)) ||
                              (letter == 'P' && rest.n % sizeof(int16_t) == 0))) {
        heard_sound(host, letter, rest);
    } else if (host->busy && (letter == 'D' || letter == 'E' || letter == 'N') && utf8_valid(rest)) {
        take_end(host, letter, rest);
    } else {
        log_warn("voice", "the sherpa process said what it may not; it is ended");
        child_kill(host->child);
    }
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct sherpa_host *host = arg;
    CLEANUP_BUF struct buf what = BUF_INIT;
    struct error e = {0};
    bool loaded = host->loaded;
    host->loaded = false;
    log_warn("voice", "%s", sentence);
    if (!host->busy) {
        timer_cancel(&host->timer);
        return;
    }
    buf_printf(&what, "%s %s", loaded ? "broke off." : "could not load its model.", sentence);
    fault(&e, host, ERR_UNAVAILABLE, "cut", buf_str(&what));
    end_first(host, e.err, &e, STR_NONE);
    pump(host);
}

static LOOP bool have_child(struct sherpa_host *host)
{
    static const struct child_events events = {on_frame, on_lost};
    static const char *const args[] = {"child", "sherpa", NULL};
    static const struct child_options options = {.name = "sherpa", .args = args};
    if (host->child && child_running(host->child))
        return true;
    host->loaded = false;
    if (host->child)
        child_start(host->child);
    else
        host->child = child_open(host->home, &options, &events, host);
    return child_send(host->child, str_c(host->open_frame), NULL) == ERR_OK;
}

static void pump(struct sherpa_host *host)
{
    struct error e = {0};
    while (host->first && !host->busy) {
        if (host->first->cancelled) {
            end_first(host, ERR_CANCELLED, &e, STR_NONE);
            continue;
        }
        host->busy = true;
        if (have_child(host) && child_send(host->child, buf_str(&host->first->frame), &e) == ERR_OK) {
            buf_release(&host->first->frame);
            arm(host);
            return;
        }
        fault(&e, host, ERR_UNAVAILABLE, "overloaded", STR("could not be asked; try again in a moment."));
        end_first(host, e.err, &e, STR_NONE);
    }
    arm_idle(host);
}

/* ---- what is asked ---- */
static LOOP void add_task(struct sherpa_host *host, struct sherpa_task *task)
{
    struct sherpa_task **at = &host->first;
    struct error e = {0};
    if (host->stopped || host->waiting >= SHERPA_WAITING_MAX) {
        enum err err = fault(&e, host, host->stopped ? ERR_CLOSED : ERR_BUSY, "overloaded",
                             host->stopped ? STR("is closed.") : STR("has too much to do; try again."));
        end_task(task, err, &e, STR_NONE);
        return;
    }
    while (*at)
        at = &(*at)->next;
    *at = task;
    host->waiting++;
    host->idle_ms = task->limits.idle_ms;
    if (!host->busy) {
        timer_cancel(&host->timer);
        pump(host);
    }
}

static LOOP void cancel_task(struct sherpa_host *host, const struct sherpa_ask *ask)
{
    for (struct sherpa_task *task = host->first; task; task = task->next) {
        if (task->ask != ask)
            continue;
        task->cancelled = true;
        if (task == host->first && host->busy)
            child_send(host->child, STR("C"), NULL);
    }
}

static void arrived_home(struct msg *msg)
{
    on_loop();
    struct note *note = CONTAINER(msg, struct note, msg);
    struct sherpa_host *host = note->host;
    if (note->kind == ASK)
        add_task(host, note->task);
    else
        cancel_task(host, note->ask);
    free(note);
}

struct sherpa_ask *sherpa_ask(struct sherpa_host *host, struct str frame, const struct sherpa_limits *limits,
                              const struct sherpa_events *events, void *arg)
{
    struct sherpa_ask *ask = heap_alloc(sizeof *ask);
    struct sherpa_task *task = heap_alloc(sizeof *task);
    *ask = (struct sherpa_ask){host, loop_self(), events, arg, false};
    *task = (struct sherpa_task){
        .ask = ask, .loop = ask->loop, .limits = *limits, .frame = BUF_MAX(CHILD_FRAME_MAX)};
    buf_add(&task->frame, frame);
    struct note *note = note_new(ASK, ask, STR_NONE);
    note->task = task;
    note->host = host;
    note->msg.deliver = arrived_home;
    loop_post(host->home, &note->msg);
    return ask;
}

void sherpa_cancel(struct sherpa_ask *ask)
{
    struct note *note = note_new(CANCEL, ask, STR_NONE);
    ask->cancelled = true;
    note->host = ask->host;
    note->msg.deliver = arrived_home;
    loop_post(ask->host->home, &note->msg);
}

/* At home. */
static void was_left(void *arg)
{
    on_loop();
    struct sherpa_host *host = arg;
    if (!host->stopped && !host->idle_ms)
        arm_idle(host);
}

void sherpa_leave(struct sherpa_host *host)
{
    if (atomic_fetch_sub(&host->users, 1) == 1)
        loop_call(host->home, was_left, host);
}

struct sherpa_limits sherpa_limits_of(const struct speech_provider *provider)
{
    return (struct sherpa_limits){provider->total_timeout, provider->first_sound_timeout,
                                  provider->stream_timeout, provider->idle_timeout};
}

void sherpa_host_stop(struct sherpa_host *host)
{
    struct error e = {0};
    host->stopped = true;
    fault(&e, host, ERR_CLOSED, "overloaded", STR("is closed."));
    drop_child(host);
    while (host->first)
        end_first(host, ERR_CLOSED, &e, STR_NONE);
    timer_close(&host->timer);
}
