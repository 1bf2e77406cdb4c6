/*
 * pocketsphinx as a recogniser of the chain: an utterance is gathered and heard in the ear's child when it is
 * finished. It has one language and needs no prompt; what it says is as sure as it says.
 */
#include "voice/asr.h"

#include "base/arena.h"
#include "voice/asr_wav.h"
#include "voice/ear.h"

#include <stdlib.h>

struct sphinx {
    struct asr base;
    struct ear *ear;
    struct hearing *first;
};

/* An utterance; while the child has it, it outlives its cancelling and the recogniser. */
struct hearing {
    struct ear_job job;
    struct arena arena;
    struct sphinx *sphinx; /* NULL: cancelled */
    struct hearing *next;
    uint64_t id;
    const struct asr_emit *emit;
    void *arg;
    struct buf sound, file;
    struct timer timer;
    bool submitted;
};

static LOOP void hearing_free(struct hearing *h)
{
    timer_close(&h->timer);
    arena_release(&h->arena);
    buf_release(&h->sound);
    buf_release(&h->file);
    buf_release(&h->job.sound);
    free(h);
}

static void leave(struct hearing *h)
{
    for (struct hearing **at = &h->sphinx->first; *at; at = &(*at)->next) {
        if (*at == h) {
            *at = h->next;
            break;
        }
    }
    h->sphinx = NULL;
}

static void heard(struct ear_job *job)
{
    on_loop();
    struct hearing *h = CONTAINER(job, struct hearing, job);
    if (h->sphinx) {
        leave(h);
        h->emit->end(h->arg, job->err, &job->error, job->json);
    }
    hearing_free(h);
}

static void submit(struct timer *timer)
{
    on_loop();
    struct hearing *h = CONTAINER(timer, struct hearing, timer);
    h->submitted = true;
    asr_write_wav(&h->file, buf_str(&h->sound));
    buf_release(&h->sound);
    h->job = (struct ear_job){.file = buf_str(&h->file), .arena = &h->arena, .done = heard};
    ear_submit(h->sphinx->ear, &h->job);
}

static enum err sphinx_open(struct loop *loop, const struct asr_house *house,
                            const struct speech_provider *config, struct asr **out, struct error *e)
{
    struct sphinx *s = heap_alloc(sizeof *s);
    (void)config, (void)e;
    *s = (struct sphinx){.base = {&asr_sphinx, loop}, .ear = house->ear};
    *out = &s->base;
    return ERR_OK;
}

static uint64_t sphinx_start(struct asr *asr, const struct asr_request *request, const struct asr_emit *emit,
                             void *arg, struct error *e)
{
    struct sphinx *s = (struct sphinx *)asr;
    if (request->language.n && !str_ieq(str_sub(request->language, 0, 2), STR("en"))) {
        error_set_param(e, ERR_REFUSED, "language",
                        "pocketsphinx hears English only, not '%.*s'; set up another recogniser in "
                        "[speech.NAME] and name it in ear.chain.",
                        STR_ARG(str_sub(request->language, 0, 20)));
        return 0;
    }
    struct hearing *h = heap_alloc(sizeof *h);
    *h = (struct hearing){.sphinx = s, .next = s->first, .id = asr_id_new(), .emit = emit, .arg = arg};
    h->sound.max = (size_t)ASR_SECONDS_MAX * ASR_RATE * sizeof(int16_t);
    s->first = h;
    return h->id;
}

static struct hearing *find(struct asr *asr, uint64_t id)
{
    struct hearing *h = ((struct sphinx *)asr)->first;
    while (h && h->id != id)
        h = h->next;
    return h;
}

static void sphinx_feed(struct asr *asr, uint64_t id, const int16_t *samples, size_t count)
{
    struct hearing *h = find(asr, id);
    if (h && !h->submitted)
        buf_add(&h->sound, str_of((const char *)samples, count * sizeof *samples));
}

static LOOP void sphinx_finish(struct asr *asr, uint64_t id)
{
    struct hearing *h = find(asr, id);
    if (h && !h->submitted)
        timer_arm(&h->timer, 0, submit);
}

static LOOP void drop(struct hearing *h)
{
    leave(h);
    if (!h->submitted)
        hearing_free(h); /* else heard() does */
}

static LOOP void sphinx_cancel(struct asr *asr, uint64_t id)
{
    struct hearing *h = find(asr, id);
    if (h)
        drop(h);
}

static LOOP void sphinx_close(struct asr *asr)
{
    struct sphinx *s = (struct sphinx *)asr;
    while (s->first)
        drop(s->first);
    free(s);
}

const struct asr_driver asr_sphinx = {
    .name = "pocketsphinx",
    .open = sphinx_open,
    .start = sphinx_start,
    .feed = sphinx_feed,
    .finish = sphinx_finish,
    .cancel = sphinx_cancel,
    .close = sphinx_close,
};
