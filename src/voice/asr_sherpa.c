/*
 * Hearing with the user's models of sherpa-onnx (Whisper, transducers, Paraformer, SenseVoice, Moonshine,
 * CTC), in a child process (sherpa.h). They hear whole utterances: sound is kept here until it is over. The
 * model is the provider's `ear_model`, or `model` where that is empty.
 */
#include "voice/asr.h"

#include "base/arena.h"
#include "base/buf.h"
#include "voice/sherpa.h"

#include <stdlib.h>

struct utterance {
    struct utterance *next;
    struct listener *listener;
    uint64_t id;
    struct sherpa_ask *ask; /* once it is over */
    const struct asr_emit *emit;
    void *arg;
    struct buf frame; /* as sherpa.h's H: language, NUL, sound */
};

struct listener {
    struct asr asr;
    struct sherpa_host *host;
    struct sherpa_limits limits;
    struct utterance *utterances;
};

static struct utterance *find(struct asr *asr, uint64_t id)
{
    struct utterance *u = ((struct listener *)asr)->utterances;
    while (u && u->id != id)
        u = u->next;
    return u;
}

static void forget(struct utterance *u)
{
    for (struct utterance **at = &u->listener->utterances; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    buf_release(&u->frame);
    free(u);
}

static void on_end(void *arg, enum err err, const struct error *e, struct str json)
{
    on_loop();
    struct utterance *u = arg;
    const struct asr_emit *emit = u->emit;
    void *to = u->arg;
    forget(u);
    emit->end(to, err, e, json);
}

static enum err open_listener(struct loop *loop, const struct asr_house *house,
                              const struct speech_provider *config, struct asr **out, struct error *e)
{
    struct sherpa_host *host;
    struct str folder = config->ear_model.n ? config->ear_model : config->model;
    (void)house;
    enum err err = sherpa_host(config, folder, loop_all(loop), &host, e);
    if (err)
        return err;
    struct listener *l = heap_alloc(sizeof *l);
    *l = (struct listener){.asr = {&asr_sherpa, loop}, .host = host, .limits = sherpa_limits_of(config)};
    *out = &l->asr;
    return ERR_OK;
}

static uint64_t start_hearing(struct asr *asr, const struct asr_request *request, const struct asr_emit *emit,
                              void *arg, struct error *e)
{
    struct listener *l = (struct listener *)asr;
    struct utterance *u = heap_alloc(sizeof *u);
    (void)e;
    *u = (struct utterance){.next = l->utterances,
                            .listener = l,
                            .id = asr_id_new(),
                            .emit = emit,
                            .arg = arg,
                            .frame = BUF_MAX((size_t)(ASR_SECONDS_MAX + 1) * ASR_RATE * sizeof(int16_t))};
    size_t end = 0; /* "de-AT" is de to all of them */
    while (end < request->language.n && request->language.p[end] != '-' && request->language.p[end] != '_')
        end++;
    buf_add_char(&u->frame, 'H');
    buf_add(&u->frame, str_sub(request->language, 0, end));
    buf_add_char(&u->frame, '\0');
    l->utterances = u;
    return u->id;
}

static void feed(struct asr *asr, uint64_t id, const int16_t *samples, size_t count)
{
    struct utterance *u = find(asr, id);
    if (u && !u->ask)
        buf_add(&u->frame, str_of((const char *)samples, count * sizeof *samples));
}

static void finish(struct asr *asr, uint64_t id)
{
    static const struct sherpa_events events = {NULL, NULL, on_end};
    on_loop();
    struct utterance *u = find(asr, id);
    if (!u || u->ask)
        return;
    u->ask = sherpa_ask(u->listener->host, buf_str(&u->frame), &u->listener->limits, &events, u);
    buf_release(&u->frame);
}

static LOOP void drop(struct utterance *u)
{
    if (u->ask)
        sherpa_cancel(u->ask);
    forget(u);
}

static void cancel(struct asr *asr, uint64_t id)
{
    on_loop();
    struct utterance *u = find(asr, id);
    if (u)
        drop(u);
}

static void close_listener(struct asr *asr)
{
    on_loop();
    struct listener *l = (struct listener *)asr;
    for (struct utterance *u = l->utterances, *next; u; u = next) {
        next = u->next;
        drop(u);
    }
    sherpa_leave(l->host);
    free(l);
}

const struct asr_driver asr_sherpa = {
    .name = "sherpa",
    .open = open_listener,
    .start = start_hearing,
    .feed = feed,
    .finish = finish,
    .cancel = cancel,
    .close = close_listener,
};
