/*
 * The server's side of hearing while somebody speaks; see ear_live.h.
 *
 * An utterance keeps all its sound until it is over, so that a child that is lost takes nothing with it: the
 * next one gets it again. It is tried twice.
 */
#include "voice/ear_live.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/utf8.h"
#include "loop/child.h"
#include "voice/sphinx_model.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ATTEMPTS = 2 };

struct utterance {
    struct sphinx *sphinx;
    struct utterance *next;
    struct hearer *hearer; /* NULL: it waits for one */
    uint64_t id, speaker;
    const struct asr_emit *emit;
    void *arg;
    struct buf sound;
    bool partials, resting, finished;
    unsigned attempts;
};

enum hearer_state { HEARER_LOADS, HEARER_FREE, HEARER_BUSY };

struct hearer {
    struct sphinx *sphinx;
    struct hearer *next;
    struct child *child;
    enum hearer_state state;
    uint32_t serial;  /* of the utterance that it has or had */
    uint64_t speaker; /* whose sound it has learnt the mean of; 0: nobody's */
    struct utterance *utterance;
    struct timer timer; /* idle, or late */
};

struct sphinx {
    struct asr base;
    struct hearer *hearers;
    unsigned count;               /* of them */
    struct utterance *utterances; /* oldest first */
    struct timer timer;           /* who waits is served from the loop, never inside start() */
    char complaint[256];          /* why there is no model */
};

static atomic_uint serials, children; /* of the process */

static void serve(struct sphinx *s) LOOP;

/* One more child? A loop may always have a few, so that no loop's people wait for another's. */
static LOOP bool may_have_another(const struct sphinx *s)
{
    return s->count < EAR_LIVE_LOOP_MIN || atomic_load(&children) < EAR_LIVE_CHILDREN_MAX;
}

/* ---- utterances ---- */
static void utterance_free(struct utterance *u)
{
    for (struct utterance **at = &u->sphinx->utterances; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    buf_release(&u->sound);
    free(u);
}

static struct utterance *find(struct asr *asr, uint64_t id)
{
    struct utterance *u = ((struct sphinx *)asr)->utterances;
    while (u && u->id != id)
        u = u->next;
    return u;
}

static LOOP void utterance_end(struct utterance *u, enum err err, const struct error *e, struct str json)
{
    const struct asr_emit *emit = u->emit;
    void *arg = u->arg;
    if (u->hearer)
        u->hearer->utterance = NULL;
    utterance_free(u);
    emit->end(arg, err, e, json);
}

/* ---- children ---- */
static LOOP void send_to(struct hearer *h, char letter, struct str rest)
{
    CLEANUP_BUF struct buf b = BUF_MAX(CHILD_FRAME_MAX);
    buf_add_char(&b, letter);
    buf_add(&b, str_of((const char *)&h->serial, sizeof h->serial));
    buf_add(&b, rest);
    child_send(h->child, buf_str(&b), NULL);
}

static LOOP void hearer_free(struct hearer *h)
{
    for (struct hearer **at = &h->sphinx->hearers; *at; at = &(*at)->next) {
        if (*at == h) {
            *at = h->next;
            break;
        }
    }
    timer_close(&h->timer);
    child_close(h->child);
    h->sphinx->count--;
    atomic_fetch_sub(&children, 1);
    loop_defer(loop_self(), free, h);
}

static void on_idle(struct timer *timer)
{
    on_loop();
    struct hearer *h = CONTAINER(timer, struct hearer, timer);
    if (h->state == HEARER_FREE)
        hearer_free(h);
}

static void on_late(struct timer *timer)
{
    on_loop();
    struct hearer *h = CONTAINER(timer, struct hearer, timer);
    if (h->utterance)
        h->utterance->attempts = ATTEMPTS;
    child_kill(h->child);
}

static LOOP void set_free(struct hearer *h)
{
    h->state = HEARER_FREE;
    h->utterance = NULL;
    timer_arm(&h->timer, EAR_LIVE_IDLE_MS, on_idle);
    serve(h->sphinx);
}

static LOOP void take(struct hearer *h, struct utterance *u)
{
    char partials = u->partials ? 1 : 0;
    h->state = HEARER_BUSY;
    h->utterance = u;
    h->speaker = u->speaker;
    h->serial = atomic_fetch_add(&serials, 1) + 1;
    u->hearer = h;
    u->attempts++;
    timer_cancel(&h->timer);
    send_to(h, 'S', str_of(&partials, 1));
    if (u->sound.n)
        send_to(h, 'A', buf_str(&u->sound));
    if (u->finished) {
        send_to(h, 'F', STR_NONE);
        timer_arm(&h->timer, EAR_LIVE_LATE_MS, on_late);
    } else if (u->resting) {
        send_to(h, 'W', STR_NONE);
    }
}

static LOOP void take_transcript(struct hearer *h, struct str json)
{
    struct utterance *u = h->utterance;
    struct arena a = ARENA_INIT;
    struct json *parsed = NULL;
    if (json_parse(&a, json, &parsed, NULL) != ERR_OK || parsed->type != JSON_OBJECT) {
        child_kill(h->child);
    } else {
        utterance_end(u, ERR_OK, NULL, json);
        set_free(h);
    }
    arena_release(&a);
}

static void on_frame(void *arg, struct str frame)
{
    on_loop();
    struct hearer *h = arg;
    uint32_t serial = 0;
    char letter = frame.n ? frame.p[0] : '\0';
    struct str rest = str_from(frame, 1 + sizeof serial);
    if (frame.n > sizeof serial)
        memcpy(&serial, frame.p + 1, sizeof serial);
    if (timer_armed(&h->timer) && h->utterance && h->utterance->finished)
        timer_arm(&h->timer, EAR_LIVE_LATE_MS, on_late); /* slow is not late, on a machine that is busy */
    if (letter == 'R') {
        h->sphinx->complaint[0] = '\0';
        set_free(h);
    } else if (letter == 'N') {
        str_copy(h->sphinx->complaint, sizeof h->sphinx->complaint, rest);
        struct sphinx *s = h->sphinx;
        hearer_free(h);
        serve(s);
    } else if (!h->utterance || serial != h->serial) {
        ; /* of one that was cancelled */
    } else if (letter == 'P' && utf8_valid(rest)) {
        if (h->utterance->emit->partial)
            h->utterance->emit->partial(h->utterance->arg, rest);
    } else if (letter == 'D') {
        take_transcript(h, rest);
    } else {
        child_kill(h->child);
    }
}

static void on_lost(void *arg, const char *sentence)
{
    on_loop();
    struct hearer *h = arg;
    struct sphinx *s = h->sphinx;
    struct utterance *u = h->utterance;
    struct error e = {0};
    timer_cancel(&h->timer);
    h->utterance = NULL;
    if (u)
        u->hearer = NULL;
    if (h->state == HEARER_LOADS && !s->complaint[0])
        str_copy(s->complaint, sizeof s->complaint, str_c(sentence));
    hearer_free(h);
    if (u && u->attempts >= ATTEMPTS) {
        error_set(&e, ERR_UNAVAILABLE, "The embedded ear failed on this twice: %s", sentence);
        utterance_end(u, ERR_UNAVAILABLE, &e, STR_NONE);
    }
    serve(s);
}

static LOOP struct hearer *hearer_new(struct sphinx *s)
{
    static const struct child_events events = {on_frame, on_lost};
    static const char *const args[] = {"child", "hear", NULL};
    static const struct child_options options = {.name = "live ear", .args = args};
    if (!may_have_another(s))
        return NULL;
    s->count++;
    atomic_fetch_add(&children, 1);
    struct hearer *h = heap_alloc(sizeof *h);
    h->sphinx = s;
    h->next = s->hearers;
    s->hearers = h;
    h->child = child_open(s->base.loop, &options, &events, h);
    return h;
}

/* ---- who waits, and who is free ---- */
static bool is_fresh(const struct hearer *h)
{
    return h->state == HEARER_LOADS || (h->state == HEARER_FREE && !h->speaker);
}

/* A child has the mean of what it heard before, and understands another voice or microphone badly with it:
 * the speaker's own, or one that has heard nobody yet. */
static struct hearer *hearer_for(const struct sphinx *s, uint64_t speaker)
{
    struct hearer *fresh = NULL;
    for (struct hearer *h = s->hearers; h; h = h->next) {
        if (h->state == HEARER_FREE && speaker && h->speaker == speaker)
            return h;
        if (h->state == HEARER_FREE && !h->speaker)
            fresh = h;
    }
    return fresh;
}

/* Makes room for a fresh one: the oldest of those that somebody has spoken to goes. */
static LOOP bool evict(struct sphinx *s)
{
    struct hearer *oldest = NULL;
    for (struct hearer *h = s->hearers; h; h = h->next)
        if (h->state == HEARER_FREE && h->speaker)
            oldest = h;
    if (oldest)
        hearer_free(oldest);
    return oldest != NULL;
}

static LOOP void give_up_all(struct sphinx *s)
{
    struct error e = {0};
    error_set(&e, ERR_UNAVAILABLE, "%s",
              s->complaint[0] ? s->complaint : "The embedded ear has no room for another child process.");
    for (bool more = true; more;) {
        more = false;
        for (struct utterance *u = s->utterances; u; u = u->next) {
            if (!u->hearer && s->complaint[0]) {
                utterance_end(u, ERR_UNAVAILABLE, &e, STR_NONE);
                more = true; /* the list may be another one now */
                break;
            }
        }
    }
}

static void serve(struct sphinx *s)
{
    unsigned fresh = 0, waiting = 0;
    if (s->complaint[0]) {
        give_up_all(s);
        s->complaint[0] = '\0'; /* the next one may find it mended */
        return;
    }
    for (struct utterance *u = s->utterances; u; u = u->next) {
        struct hearer *h = u->hearer ? NULL : hearer_for(s, u->speaker);
        if (h)
            take(h, u);
        else
            waiting += !u->hearer;
    }
    for (const struct hearer *h = s->hearers; h; h = h->next)
        fresh += is_fresh(h);
    /* One for everybody who waits, and one warm for the next. */
    unsigned want = waiting + (s->utterances != NULL);
    while (fresh < want && (may_have_another(s) || evict(s)) && hearer_new(s))
        fresh++;
}

static void on_serve(struct timer *timer)
{
    on_loop();
    serve(CONTAINER(timer, struct sphinx, timer));
}

/* ---- the driver ---- */
static enum err live_open(struct loop *loop, const struct asr_house *house,
                          const struct speech_provider *config, struct asr **out, struct error *e)
{
    (void)house, (void)config;
    enum err err = sphinx_model_find(e);
    if (err)
        return err;
    struct sphinx *s = heap_alloc(sizeof *s);
    s->base.driver = &asr_sphinx;
    s->base.loop = loop;
    *out = &s->base;
    return ERR_OK;
}

static uint64_t live_start(struct asr *asr, const struct asr_request *request, const struct asr_emit *emit,
                           void *arg, struct error *e)
{
    on_loop();
    struct sphinx *s = (struct sphinx *)asr;
    if (request->language.n && !str_ieq(str_sub(request->language, 0, 2), STR("en"))) {
        error_set_param(e, ERR_REFUSED, "language",
                        "pocketsphinx hears English only, not '%.*s'; set up another recogniser in "
                        "[speech.NAME] and name it in ear.chain.",
                        STR_ARG(str_sub(request->language, 0, 20)));
        return 0;
    }
    struct utterance *u = heap_alloc(sizeof *u), **at = &s->utterances;
    u->sphinx = s;
    u->id = asr_id_new();
    u->emit = emit;
    u->arg = arg;
    u->partials = request->partials;
    u->speaker = request->speaker;
    u->sound.max = (size_t)ASR_SECONDS_MAX * ASR_RATE * sizeof(int16_t);
    while (*at)
        at = &(*at)->next;
    *at = u;
    timer_arm(&s->timer, 0, on_serve);
    return u->id;
}

static void live_feed(struct asr *asr, uint64_t id, const int16_t *samples, size_t count)
{
    on_loop();
    struct utterance *u = find(asr, id);
    struct str bytes = str_of((const char *)samples, count * sizeof *samples);
    if (!u || u->finished)
        return;
    buf_add(&u->sound, bytes);
    u->resting = false;
    if (u->hearer && !u->sound.overflow)
        send_to(u->hearer, 'A', bytes);
}

static void live_rest(struct asr *asr, uint64_t id)
{
    on_loop();
    struct utterance *u = find(asr, id);
    if (!u || u->finished || u->resting)
        return;
    u->resting = true;
    if (u->hearer)
        send_to(u->hearer, 'W', STR_NONE);
}

static void live_finish(struct asr *asr, uint64_t id)
{
    on_loop();
    struct utterance *u = find(asr, id);
    if (!u || u->finished)
        return;
    u->finished = true;
    if (u->hearer) {
        send_to(u->hearer, 'F', STR_NONE);
        timer_arm(&u->hearer->timer, EAR_LIVE_LATE_MS, on_late);
    }
}

static void live_cancel(struct asr *asr, uint64_t id)
{
    on_loop();
    struct utterance *u = find(asr, id);
    struct sphinx *s = (struct sphinx *)asr;
    if (!u)
        return;
    struct hearer *h = u->hearer;
    utterance_free(u);
    if (!h)
        return;
    send_to(h, 'C', STR_NONE);
    h->utterance = NULL;
    h->state = HEARER_FREE;
    timer_arm(&h->timer, EAR_LIVE_IDLE_MS, on_idle);
    timer_arm(&s->timer, 0, on_serve);
}

static void live_close(struct asr *asr)
{
    on_loop();
    struct sphinx *s = (struct sphinx *)asr;
    for (struct utterance *u = s->utterances, *next; u; u = next) {
        next = u->next;
        utterance_free(u);
    }
    for (struct hearer *h = s->hearers, *next; h; h = next) {
        next = h->next;
        hearer_free(h);
    }
    timer_close(&s->timer);
    free(s);
}

const struct asr_driver asr_sphinx = {
    .name = "pocketsphinx",
    .flags = ASR_STREAMS,
    .open = live_open,
    .start = live_start,
    .feed = live_feed,
    .rest = live_rest,
    .finish = live_finish,
    .cancel = live_cancel,
    .close = live_close,
};
