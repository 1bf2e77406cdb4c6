/*
 * Recognisers with OpenAI's transcription API: the cloud, and servers like whisper.cpp's.
 *
 * An utterance is gathered and posted as a WAV file in multipart/form-data when it is finished:
 *   BASE_URL/audio/transcriptions   where base_url is an API's root (up to and with /v1)
 *   BASE_URL                        where it ends in /inference (whisper.cpp's own path) or /transcriptions
 * Whisper models are asked for verbose_json with the times of words; a server that refuses that format is
 * asked again for plain json. Models called gpt-... know no verbose_json: they are asked for json, the
 * probabilities of their tokens, and a stream (transcript.text.delta, transcript.text.done), so that text
 * comes while it is made.
 *
 * An attempt that fails before anything was heard, at a server that is busy or gone, is made again
 * (`retries`), unless waiting would take longer than listening: then the chain's next is quicker (ears.h).
 *
 * Here is the driver and the life of what it hears; asr_openai_form.c posts it, asr_openai_answer.c reads the
 * answer.
 */
#include "voice/asr_openai_inner.h"

#include "voice/asr_read.h"

#include <stdlib.h>

enum {
    RETRY_MS = 250,
    RETRY_WAIT_MAX_MS = 1000, /* a server that asks for more is left to itself */
};

/* ---- life ---- */
void asr_openai_free(struct openai_hearing *l)
{
    timer_close(&l->timer);
    sse_release(&l->sse);
    buf_release(&l->sound);
    buf_release(&l->answer);
    buf_release(&l->heard);
    arena_release(&l->arena);
    free(l);
}

static LOOP void silence(struct openai_hearing *l)
{
    for (struct openai_hearing **at = &l->ear->first; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    if (l->fetch)
        fetch_cancel(l->fetch);
    l->fetch = 0;
    l->over = true;
    timer_cancel(&l->timer);
    if (!l->busy)
        asr_openai_free(l);
}

void asr_openai_end(struct openai_hearing *l, enum err err, const struct error *e, struct str json)
{
    const struct asr_emit *emit = l->emit;
    bool outer = l->busy;
    l->busy = true;
    silence(l);
    emit->end(l->arg, err, e, json);
    l->busy = outer;
    if (!outer)
        asr_openai_free(l);
}

void asr_openai_attempt(struct openai_hearing *l)
{
    struct error e = {0};
    l->attempt++;
    l->status = 0;
    l->retry_after_ms = -1;
    l->stream = l->html = l->done = false;
    buf_clear(&l->answer);
    buf_clear(&l->heard);
    l->fetch = asr_openai_post(l, &e);
    if (!l->fetch)
        asr_openai_end(l, ERR_UNAVAILABLE, &e, STR_NONE);
}

static void on_retry(struct timer *timer)
{
    on_loop();
    asr_openai_attempt(CONTAINER(timer, struct openai_hearing, timer));
}

bool asr_openai_again(struct openai_hearing *l, bool may)
{
    if (!may || l->attempt > (unsigned)l->ear->config.retries || l->heard.n ||
        l->retry_after_ms > RETRY_WAIT_MAX_MS)
        return false;
    timer_arm(&l->timer, l->retry_after_ms >= 0 ? (uint64_t)l->retry_after_ms : RETRY_MS, on_retry);
    return true;
}

/* ---- the driver ---- */
static enum err openai_open(struct loop *loop, const struct asr_house *house,
                            const struct speech_provider *config, struct asr **out, struct error *e)
{
    struct openai_ear *ear = heap_alloc(sizeof *ear);
    char endpoint[FETCH_ENDPOINT_TEXT];
    (void)house, (void)e;
    ear->base = (struct asr){&asr_openai, loop};
    config_named_copy(&ear->arena, CONFIG_SPEECH_PROVIDERS, (const struct config_named *)config,
                      (struct config_named *)&ear->config);
    struct str base = config->base_url.n ? config->base_url : config_speech_url(config->type);
    while (str_ends(base, STR("/")))
        base.n--;
    bool whole = str_ends(base, STR("/inference")) || str_ends(base, STR("/transcriptions"));
    ear->url = whole ? arena_str(&ear->arena, base)
                     : arena_printf(&ear->arena, "%.*s/audio/transcriptions", STR_ARG(base));
    if (!config->ear_model.n && !whole)
        ear->config.ear_model = STR("whisper-1");
    fetch_endpoint(endpoint, ear->url);
    ear->endpoint = arena_str(&ear->arena, str_c(endpoint));
    *out = &ear->base;
    return ERR_OK;
}

static LOOP uint64_t openai_start(struct asr *asr, const struct asr_request *request,
                                  const struct asr_emit *emit, void *arg, struct error *e)
{
    struct openai_ear *ear = (struct openai_ear *)asr;
    struct openai_hearing *l = heap_alloc(sizeof *l);
    (void)e;
    *l =
        (struct openai_hearing){.ear = ear, .next = ear->first, .id = asr_id_new(), .emit = emit, .arg = arg};
    l->sound.max = (size_t)ASR_SECONDS_MAX * ASR_RATE * sizeof(int16_t);
    l->answer.max = ASR_JSON_MAX;
    l->model = arena_str(&l->arena, request->model.n ? request->model : ear->config.ear_model);
    struct str language = request->language.n ? request->language : ear->config.language;
    l->language = language.n ? asr_language_code(&l->arena, language) : STR_NONE;
    size_t cut = request->prompt.n > ASR_PROMPT_MAX ? request->prompt.n - ASR_PROMPT_MAX : 0;
    while (cut && cut < request->prompt.n && (request->prompt.p[cut] & 0xc0) == 0x80)
        cut++;
    l->prompt = arena_str(&l->arena, str_from(request->prompt, cut));
    ear->first = l;
    return l->id;
}

static struct openai_hearing *find(struct asr *asr, uint64_t id)
{
    struct openai_hearing *l = ((struct openai_ear *)asr)->first;
    while (l && l->id != id)
        l = l->next;
    return l;
}

static void openai_feed(struct asr *asr, uint64_t id, const int16_t *samples, size_t count)
{
    struct openai_hearing *l = find(asr, id);
    if (l)
        buf_add(&l->sound, str_of((const char *)samples, count * sizeof *samples));
}

static LOOP void openai_finish(struct asr *asr, uint64_t id)
{
    struct openai_hearing *l = find(asr, id);
    if (l && !l->attempt)
        timer_arm(&l->timer, 0, on_retry);
}

static LOOP void openai_cancel(struct asr *asr, uint64_t id)
{
    struct openai_hearing *l = find(asr, id);
    if (l)
        silence(l);
}

static LOOP void openai_close(struct asr *asr)
{
    struct openai_ear *ear = (struct openai_ear *)asr;
    for (struct openai_hearing *l = ear->first, *next; l; l = next) {
        next = l->next;
        silence(l);
    }
    arena_release(&ear->arena);
    free(ear);
}

const struct asr_driver asr_openai = {
    .name = "openai",
    .flags = ASR_REMOTE,
    .open = openai_open,
    .start = openai_start,
    .feed = openai_feed,
    .finish = openai_finish,
    .cancel = openai_cancel,
    .close = openai_close,
};
