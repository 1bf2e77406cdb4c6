/*
 * The server's side of the voice detector; see vad_live.h.
 *
 * Two halves: a microphone on its own loop (struct vad_mic: the gate, and what waits for an answer), and the
 * child's home (struct vad_host: slots, the batch, the child). Between them go messages, in order. A
 * microphone is freed on its own loop when its home has said that it knows of it no more.
 */
#include "voice/vad_wire.h"

#include "base/arena.h"
#include "base/log.h"
#include "loop/child.h"
#include "voice/speech_lib.h"
#include "voice/vad_energy.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct pending {
    uint32_t seq;
    float gate; /* what the energy gate says, should the child not */
};

struct vad_mic {
    struct vad_host *host;
    struct loop *loop;
    const struct vad_events *events;
    void *arg;
    uint32_t id; /* home's, 0: not yet given, or none */
    bool silero, closed, deferred;
    struct vad_energy gate;
    struct pending pending[VAD_PENDING_MAX];
    unsigned first, count;
    uint32_t seq;
};

struct slot {
    struct vad_mic *mic;
    uint32_t id;
};

struct vad_host {
    struct loop *home;
    struct child *child;
    bool ready, silero, busy, stopped;
    struct timer timer; /* of the batch that is gathered, or of the one that the child has */
    struct buf batch;
    struct slot slots[VAD_MICS_MAX];
    uint32_t counts[VAD_MICS_MAX];
    unsigned open;
    atomic_uint_fast64_t opened, windows, lost;
    atomic_int pid;
    atomic_bool good;
};

/* ---- messages between the two halves ---- */
enum kind { OPEN, WINDOW, OPUS, CLOSE, /* back: */ DETECTOR, ANSWER, SOUND, BROKEN, GONE };

struct note {
    struct msg msg;
    struct vad_mic *mic;
    enum kind kind;
    uint32_t seq;
    float probability;
    bool silero;
    size_t n;
    char bytes[];
};

static struct note *note_new(struct vad_mic *mic, enum kind kind, struct str bytes)
{
    struct note *note = heap_alloc(sizeof *note + bytes.n);
    note->mic = mic;
    note->kind = kind;
    note->n = bytes.n;
    if (bytes.n)
        memcpy(note->bytes, bytes.p, bytes.n);
    return note;
}

static void arrived_home(struct msg *msg);
static void arrived_back(struct msg *msg);

static void send_home(struct note *note)
{
    note->msg.deliver = arrived_home;
    loop_post(note->mic->host->home, &note->msg);
}

static void send_back(struct note *note)
{
    note->msg.deliver = arrived_back;
    loop_post(note->mic->loop, &note->msg);
}

/* ---- the child's home ---- */
static void flush(struct vad_host *host) LOOP;

static LOOP struct slot *slot_of(struct vad_host *host, uint32_t id)
{
    struct slot *slot = &host->slots[id & VAD_SLOT_MASK];
    return slot->mic && slot->id == id ? slot : NULL;
}

static LOOP void tell_detector(struct vad_host *host, struct vad_mic *mic)
{
    struct note *note = note_new(mic, DETECTOR, STR_NONE);
    note->silero = host->ready && host->silero;
    send_back(note);
}

static LOOP void tell_all(struct vad_host *host)
{
    for (unsigned i = 0; i < VAD_MICS_MAX; i++) {
        if (host->slots[i].mic)
            tell_detector(host, host->slots[i].mic);
    }
}

static LOOP void take_answers(struct vad_host *host, struct str rest)
{
    struct vad_wire_answer answer;
    for (; rest.n >= sizeof answer; rest = str_from(rest, sizeof answer)) {
        memcpy(&answer, rest.p, sizeof answer);
        struct slot *slot = slot_of(host, answer.id);
        if (!slot)
            continue;
        struct note *note = note_new(slot->mic, ANSWER, STR_NONE);
        note->seq = answer.seq;
        note->probability = answer.probability;
        send_back(note);
    }
    host->busy = false;
    timer_cancel(&host->timer);
    if (host->batch.n)
        flush(host);
}

static LOOP void take_hello(struct vad_host *host, struct str rest)
{
    host->ready = true;
    atomic_store(&host->pid, child_pid(host->child));
    host->silero = rest.n && rest.p[0] == 1;
    atomic_store(&host->good, host->silero);
    if (!host->silero)
        log_warn("voice", "%.*s Until then an energy gate finds speech.", STR_ARG(str_from(rest, 1)));
    tell_all(host);
}

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct vad_host *host = arg;
    char letter = frame.n ? frame.p[0] : '\0';
    struct str rest = str_from(frame, 1);
    uint32_t id = 0;
    if (letter == 'H') {
        take_hello(host, rest);
    } else if (letter == 'P' && host->busy) {
        take_answers(host, rest);
    } else if ((letter == 'S' || letter == 'B') && rest.n >= sizeof id) {
        memcpy(&id, rest.p, sizeof id);
        struct slot *slot = slot_of(host, id);
        if (slot)
            send_back(note_new(slot->mic, letter == 'S' ? SOUND : BROKEN, str_from(rest, sizeof id)));
    } else {
        log_warn("voice", "the voice detector's process said what it may not; it is started anew");
        child_kill(host->child);
    }
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct vad_host *host = arg;
    log_warn("voice", "%s An energy gate finds speech until it is back.", sentence);
    host->ready = host->busy = false;
    atomic_store(&host->good, false);
    atomic_store(&host->pid, 0);
    atomic_fetch_add(&host->lost, 1);
    timer_cancel(&host->timer);
    buf_clear(&host->batch);
    tell_all(host);
    if (host->open)
        child_start(host->child);
}

static void on_stuck(struct timer *timer)
{
    on_loop();
    struct vad_host *host = CONTAINER(timer, struct vad_host, timer);
    log_warn("voice", "the voice detector did not answer for %d ms; it is started anew", VAD_STUCK_MS);
    child_kill(host->child);
}

static LOOP void want_child(struct vad_host *host)
{
    static const struct child_events events = {on_frame, on_lost};
    static const char *const args[] = {"child", "vad", NULL};
    static const struct child_options options = {.name = "voice detector", .args = args};
    if (!host->child)
        host->child = child_open(host->home, &options, &events, host);
    else
        child_start(host->child);
}

static void on_gathered(struct timer *timer)
{
    on_loop();
    flush(CONTAINER(timer, struct vad_host, timer));
}

static void flush(struct vad_host *host)
{
    if (host->busy || !host->batch.n)
        return;
    if (host->ready && child_send(host->child, buf_str(&host->batch), NULL) == ERR_OK) {
        host->busy = true;
        timer_arm(&host->timer, VAD_STUCK_MS, on_stuck);
    }
    buf_clear(&host->batch); /* what could not be sent the gates answer */
}

static LOOP void add_window(struct vad_host *host, const struct note *note)
{
    struct vad_wire_window window = {.id = note->mic->id, .seq = note->seq};
    if (!host->ready || !host->silero || !slot_of(host, note->mic->id))
        return;
    memcpy(window.samples, note->bytes, sizeof window.samples);
    if (!host->batch.n)
        buf_add_char(&host->batch, 'W');
    buf_add(&host->batch, str_of((const char *)&window, sizeof window));
    if (host->busy)
        return;
    if (host->batch.n >= (size_t)VAD_FRAME_WINDOWS / 2 * sizeof window || host->open <= VAD_GATHER_FROM) {
        timer_cancel(&host->timer);
        flush(host);
    } else if (!timer_armed(&host->timer)) {
        timer_arm(&host->timer, VAD_GATHER_MS, on_gathered);
    }
}

static LOOP void send_id(struct vad_host *host, char letter, uint32_t id, struct str rest)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!host->ready)
        return;
    buf_add_char(&b, letter);
    buf_add(&b, str_of((const char *)&id, sizeof id));
    buf_add(&b, rest);
    child_send(host->child, buf_str(&b), NULL);
}

static LOOP void open_slot(struct vad_host *host, struct vad_mic *mic)
{
    unsigned at = 0;
    while (host->slots[at].mic)
        at++; /* there is one: vad_mic_open() counted */
    host->slots[at].mic = mic;
    host->slots[at].id = mic->id = ++host->counts[at] << VAD_SLOT_BITS | at;
    host->open++;
    if (host->stopped)
        return;
    want_child(host);
    if (host->ready)
        tell_detector(host, mic);
}

static LOOP void close_slot(struct vad_host *host, struct vad_mic *mic)
{
    send_id(host, 'X', mic->id, STR_NONE);
    host->slots[mic->id & VAD_SLOT_MASK].mic = NULL;
    host->open--;
    send_back(note_new(mic, GONE, STR_NONE));
}

static void arrived_home(struct msg *msg)
{
    on_loop();
    struct note *note = CONTAINER(msg, struct note, msg);
    struct vad_host *host = note->mic->host;
    if (note->kind == OPEN)
        open_slot(host, note->mic);
    else if (note->kind == WINDOW)
        add_window(host, note);
    else if (note->kind == OPUS)
        send_id(host, 'O', note->mic->id, str_of(note->bytes, note->n));
    else if (note->kind == CLOSE)
        close_slot(host, note->mic);
    free(note);
}

/* ---- the microphone's loop ---- */

/* Of all that waits. */
static LOOP void answer_by_gate(struct vad_mic *mic)
{
    while (mic->count && !mic->closed) {
        double p = mic->pending[mic->first].gate;
        mic->first = (mic->first + 1) % VAD_PENDING_MAX;
        mic->count--;
        mic->events->window(mic->arg, p);
    }
}

static LOOP void answered(struct vad_mic *mic, const struct note *note)
{
    /* An answer that comes after the gate had to give it is none. */
    if (!mic->count || mic->pending[mic->first].seq != note->seq)
        return;
    mic->first = (mic->first + 1) % VAD_PENDING_MAX;
    mic->count--;
    mic->events->window(mic->arg, note->probability);
}

static LOOP void detector_changed(struct vad_mic *mic, bool silero)
{
    bool was = mic->silero;
    mic->silero = silero;
    answer_by_gate(mic);
    if (was != silero && !mic->closed && mic->events->detector)
        mic->events->detector(mic->arg, vad_mic_detector(mic));
}

static void arrived_back(struct msg *msg)
{
    on_loop();
    struct note *note = CONTAINER(msg, struct note, msg);
    struct vad_mic *mic = note->mic;
    if (note->kind == GONE) {
        atomic_fetch_sub(&mic->host->opened, 1);
        loop_defer(mic->loop, free, mic); /* on_deferred() may still come, in this very tick */
    } else if (mic->closed) {
        ;
    } else if (note->kind == DETECTOR) {
        detector_changed(mic, note->silero);
    } else if (note->kind == ANSWER) {
        answered(mic, note);
    } else if (note->kind == SOUND) {
        mic->events->sound(mic->arg, (const int16_t *)(const void *)note->bytes, note->n / sizeof(int16_t));
    } else if (note->kind == BROKEN) {
        mic->events->broken(mic->arg);
    }
    free(note);
}

struct vad_mic *vad_mic_open(struct vad_host *host, const struct vad_events *events, void *arg)
{
    if (atomic_fetch_add(&host->opened, 1) >= VAD_MICS_MAX) {
        atomic_fetch_sub(&host->opened, 1);
        return NULL;
    }
    struct vad_mic *mic = heap_alloc(sizeof *mic);
    mic->host = host;
    mic->loop = loop_self();
    mic->events = events;
    mic->arg = arg;
    send_home(note_new(mic, OPEN, STR_NONE));
    return mic;
}

static void on_deferred(void *arg)
{
    on_loop();
    struct vad_mic *mic = arg;
    mic->deferred = false;
    if (!mic->silero)
        answer_by_gate(mic);
}

bool vad_mic_window(struct vad_mic *mic, const int16_t samples[VAD_WINDOW])
{
    double p = vad_energy_window(&mic->gate, samples, VAD_WINDOW);
    atomic_fetch_add(&mic->host->windows, 1);
    if (mic->count == VAD_PENDING_MAX)
        return false;
    mic->pending[(mic->first + mic->count++) % VAD_PENDING_MAX] = (struct pending){++mic->seq, (float)p};
    if (mic->silero) {
        struct note *note =
            note_new(mic, WINDOW, str_of((const char *)samples, VAD_WINDOW * sizeof *samples));
        note->seq = mic->seq;
        send_home(note);
    } else if (!mic->deferred) {
        mic->deferred = true;
        loop_defer(mic->loop, on_deferred, mic);
    }
    return true;
}

void vad_mic_opus(struct vad_mic *mic, struct str packet)
{
    send_home(note_new(mic, OPUS, packet));
}

void vad_mic_close(struct vad_mic *mic)
{
    mic->closed = true;
    send_home(note_new(mic, CLOSE, STR_NONE));
}

const char *vad_mic_detector(const struct vad_mic *mic)
{
    return mic->silero ? "silero" : "energy";
}

/* ---- the whole ---- */
struct vad_host *vad_host_new(struct loops *loops)
{
    struct vad_host *host = heap_alloc(sizeof *host);
    host->home = loops_get(loops, loops_count(loops) - 1);
    host->batch = BUF_MAX(CHILD_FRAME_MAX);
    char path[SPEECH_LIB_PATH];
    atomic_store(&host->good, speech_lib(SPEECH_LIB_ONNX, path) && speech_lib(SPEECH_LIB_SILERO, path));
    return host;
}

void vad_host_stop(struct vad_host *host)
{
    if (loop_self() != host->home || host->stopped)
        return;
    host->stopped = true;
    host->ready = host->silero = false;
    timer_close(&host->timer);
    if (host->child)
        child_close(host->child);
    host->child = NULL;
}

void vad_host_free(struct vad_host *host)
{
    buf_release(&host->batch);
    free(host);
}

void vad_host_stats(const struct vad_host *host, struct vad_stats *out)
{
    *out = (struct vad_stats){.open = atomic_load(&host->opened),
                              .windows = atomic_load(&host->windows),
                              .lost = atomic_load(&host->lost),
                              .silero = atomic_load(&host->good)};
}

int vad_host_pid(struct vad_host *host)
{
    return atomic_load(&host->pid);
}
