/* The pool of children that read card files; see card_child.h. */
#include "persona/card_wire.h"

#include "base/log.h"
#include "base/utf8.h"
#include "loop/child.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { CHILDREN_DEFAULT_MAX = 2, TIME_MS = 20000, CHILD_NICE = 5, ATTEMPTS = 2 };

struct card_slot {
    struct card_pool *pool;
    struct loop *loop;
    struct child *child;
    struct card_job *first, **last; /* waiting; the first is with the child while `busy` */
    struct timer timer;
    bool busy, late, stopped, served;
    atomic_uint waiting;
};

struct card_pool {
    struct card_pool_options options;
    struct card_slot slots[CARD_CHILDREN_MAX];
    unsigned count;
    atomic_uint turn;
    atomic_bool stopped;
};

static void give_next(struct card_slot *s) LOOP;
static void on_late(struct timer *timer);

struct card_pool *card_pool_new(struct loops *loops, const struct card_pool_options *options)
{
    struct card_pool *pool = heap_alloc(sizeof *pool);
    unsigned n = loops_count(loops);
    pool->options = *options;
    if (!pool->options.time_ms)
        pool->options.time_ms = TIME_MS;
    pool->count = options->children ? options->children : n < CHILDREN_DEFAULT_MAX ? n : CHILDREN_DEFAULT_MAX;
    if (pool->count > CARD_CHILDREN_MAX)
        pool->count = CARD_CHILDREN_MAX;
    for (unsigned i = 0; i < pool->count; i++) {
        struct card_slot *s = &pool->slots[i];
        s->pool = pool;
        /* From the last loop down: the first has the house's own errands. */
        s->loop = loops_get(loops, n - 1 - i % n);
        s->last = &s->first;
    }
    return pool;
}

void card_pool_free(struct card_pool *pool)
{
    free(pool);
}

/* ---- back home ---- */

static void come_home(struct msg *msg)
{
    on_loop();
    struct card_job *job = CONTAINER(msg, struct card_job, msg);
    job->done(job);
}

static void send_home(struct card_job *job)
{
    job->msg.deliver = come_home;
    loop_post(job->home, &job->msg);
}

/* The job that the child has, or had, is over. */
static void finish(struct card_slot *s) LOOP
{
    struct card_job *job = s->first;
    s->first = job->next;
    if (!s->first)
        s->last = &s->first;
    s->busy = false;
    timer_cancel(&s->timer);
    atomic_fetch_sub(&s->waiting, 1);
    send_home(job);
}

static void fail(struct card_slot *s, enum err err, const char *sentence) LOOP
{
    struct card_job *job = s->first;
    job->file = (struct card_file){0};
    job->err = error_set(&job->error, err, "%s", sentence);
    finish(s);
}

/* ---- what the child says ---- */

static bool add_part(struct card_job *job, struct str frame)
{
    struct card_wire_part head;
    struct card_file *file = &job->file;
    if (frame.n < sizeof head || file->part_count >= job->limits.entries_max)
        return false;
    memcpy(&head, frame.p, sizeof head);
    frame = str_from(frame, sizeof head);
    if (head.role > CARD_KEPT || head.uri > frame.n || head.head > frame.n - head.uri)
        return false;
    if (file->part_count == job->part_cap) {
        size_t cap = job->part_cap ? 2 * job->part_cap : 8;
        struct card_part *grown = arena_array(job->arena, struct card_part, cap);
        if (file->part_count)
            memcpy(grown, file->parts, file->part_count * sizeof *grown);
        file->parts = grown;
        job->part_cap = cap;
    }
    frame = arena_str(job->arena, frame);
    struct card_part part = {(enum card_role)head.role, str_sub(frame, 0, head.uri),
                             str_sub(frame, head.uri, head.head),
                             str_from(frame, (size_t)head.uri + head.head), head.clean != 0};
    if (!utf8_valid(part.uri) || !utf8_valid(part.head) || part.bytes.n > job->limits.asset_max)
        return false;
    file->parts[file->part_count++] = part;
    return true;
}

static bool end_well(struct card_job *job, struct str frame)
{
    if (frame.n != 2 || (unsigned char)frame.p[0] >= CARD_FORMS ||
        (!job->file.text.n && job->task == CARD_READ))
        return false;
    job->file.form = (enum card_form)frame.p[0];
    job->file.own_picture = frame.p[1] != 0;
    return true;
}

static bool end_badly(struct card_job *job, struct str frame)
{
    uint32_t code;
    if (frame.n < sizeof code)
        return false;
    memcpy(&code, frame.p, sizeof code);
    struct str sentence = str_from(frame, sizeof code);
    if (code == ERR_OK || code >= ERR_COUNT || !utf8_valid(sentence))
        return false;
    job->err = error_set(&job->error, (enum err)code, "%.*s", STR_ARG(sentence));
    return true;
}

static bool take_text(struct card_job *job, struct str *to, struct str frame)
{
    if (frame.n > job->limits.text_max)
        return false;
    *to = arena_str(job->arena, frame);
    return true;
}

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct card_slot *s = arg;
    struct card_job *job = s->busy ? s->first : NULL;
    char letter = frame.n ? frame.p[0] : '\0';
    bool good = false, over = letter == 'D' || letter == 'E';
    if (!job || s->late)
        return;
    frame = str_from(frame, 1);
    job->received += frame.n;
    if (job->received > job->limits.inflated_max + job->limits.file_max + 2 * job->limits.text_max)
        letter = '\0';
    if (letter == 'T')
        good = take_text(job, &job->file.text, frame);
    else if (letter == 'O')
        good = take_text(job, &job->file.other, frame);
    else if (letter == 'F')
        good = add_part(job, frame);
    else if (letter == 'D')
        good = end_well(job, frame);
    else if (letter == 'E')
        good = end_badly(job, frame);
    else if (letter == 'P') {
        job->file.picture = arena_str(job->arena, frame);
        good = true;
    }
    if (!good) {
        log_warn("cards", "the reader of a card's file answered what it may not; it is started anew");
        job->attempts = ATTEMPTS;
        child_kill(s->child);
        return;
    }
    if (over) {
        s->served = true;
        finish(s);
        give_next(s);
    }
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct card_slot *s = arg;
    bool late = s->late;
    s->late = false;
    if (s->busy && late)
        fail(s, ERR_REFUSED,
             "Reading this card's file took too long, so it was given up; save the card anew and try again.");
    else if (s->busy && s->first->attempts >= ATTEMPTS && s->served)
        fail(
            s, ERR_REFUSED,
            "This card's file cannot be read: its reader failed on it twice. Save the card anew with another "
            "program and try again.");
    else if (s->busy && s->first->attempts >= ATTEMPTS)
        fail(s, ERR_UNAVAILABLE, sentence);
    s->busy = false;
    timer_cancel(&s->timer);
    if (s->first)
        give_next(s);
}

static void on_late(struct timer *timer)
{
    on_loop();
    struct card_slot *s = CONTAINER(timer, struct card_slot, timer);
    if (!child_running(s->child)) { /* it waits to be started: the file's time has not begun */
        timer_arm(timer, s->pool->options.time_ms, on_late);
        return;
    }
    s->late = true;
    child_kill(s->child);
}

/* ---- giving it work ---- */

static void start(struct card_slot *s) LOOP
{
    static const char *const args[] = {"child", "cards", NULL};
    static const struct child_options options = {.name = "cards", .args = args, .nice = CHILD_NICE};
    static const struct child_events events = {on_frame, on_lost};
    if (!s->child)
        s->child = child_open(s->loop, &options, &events, s);
    else if (!child_running(s->child))
        child_start(s->child);
}

static void give_next(struct card_slot *s)
{
    struct card_job *job = s->first;
    if (!job || s->busy || s->stopped)
        return;
    start(s);
    struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
    struct card_wire_job head = {job->limits, job->task};
    struct error e = {0};
    buf_add(&frame, str_of((const char *)&head, sizeof head));
    buf_add(&frame, job->bytes);
    job->file = (struct card_file){0};
    job->part_cap = 0;
    job->received = 0;
    job->attempts++;
    s->busy = true;
    enum err err = buf_check(&frame, "The card's file", &e);
    if (!err)
        err = child_send(s->child, buf_str(&frame), &e);
    buf_release(&frame);
    if (err) {
        fail(s, err, e.message);
        give_next(s);
        return;
    }
    timer_arm(&s->timer, s->pool->options.time_ms, on_late);
}

static void take_job(struct msg *msg)
{
    on_loop();
    struct card_job *job = CONTAINER(msg, struct card_job, msg);
    struct card_slot *s = job->slot;
    if (s->stopped) {
        job->err = error_set(&job->error, ERR_CLOSED, "The server is stopping; send the card again later.");
        atomic_fetch_sub(&s->waiting, 1);
        send_home(job);
        return;
    }
    job->next = NULL;
    *s->last = job;
    s->last = &job->next;
    give_next(s);
}

static struct card_slot *least_busy(struct card_pool *pool)
{
    unsigned from = atomic_fetch_add(&pool->turn, 1), best = from % pool->count;
    for (unsigned i = 0; i < pool->count; i++) {
        unsigned at = (from + i) % pool->count;
        if (atomic_load(&pool->slots[at].waiting) < atomic_load(&pool->slots[best].waiting))
            best = at;
    }
    return &pool->slots[best];
}

void card_pool_submit(struct card_pool *pool, struct card_job *job)
{
    job->home = loop_self();
    job->slot = least_busy(pool);
    job->attempts = 0;
    if (atomic_load(&job->slot->waiting) >= CARD_WAITING_MAX) {
        job->err =
            error_set(&job->error, ERR_BUSY, "Too many cards are being read; send it again in a moment.");
        send_home(job);
        return;
    }
    atomic_fetch_add(&job->slot->waiting, 1);
    job->msg.deliver = take_job;
    loop_post(job->slot->loop, &job->msg);
}

bool card_pool_stopped(const struct card_pool *pool)
{
    return atomic_load(&pool->stopped);
}

void card_pool_stop(struct card_pool *pool)
{
    atomic_store(&pool->stopped, true);
    for (unsigned i = 0; i < pool->count; i++) {
        struct card_slot *s = &pool->slots[i];
        if (s->loop != loop_self() || s->stopped)
            continue;
        s->stopped = true;
        timer_close(&s->timer);
        if (s->child)
            child_close(s->child);
        s->child = NULL;
        while (s->first) {
            struct card_job *job = s->first;
            s->first = job->next;
            job->err =
                error_set(&job->error, ERR_CLOSED, "The server is stopping; send the card again later.");
            atomic_fetch_sub(&s->waiting, 1);
            send_home(job);
        }
        s->last = &s->first;
    }
}

int card_pool_pid(struct card_pool *pool, unsigned child)
{
    struct card_slot *s = &pool->slots[child % pool->count];
    return s->loop == loop_self() && s->child ? child_pid(s->child) : 0;
}
