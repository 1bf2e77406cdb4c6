/*
 * What a speech provider's answer means: sound is decoded, made louder or softer, and told with its words;
 * other answers are read as one document. The promises of tts.h are kept here: the format before the sound,
 * nothing after the end, no sound without end.
 */
#include "voice/remote_inner.h"

#include "base/base64.h"
#include "base/clock.h"
#include "loop/peer.h"

#include <math.h>

enum { SAMPLE = sizeof(int16_t) };

/* ---- what is heard ---- */
uint32_t remote_call_heard_ms(const struct remote_call *c)
{
    return c->in.rate ? (uint32_t)(c->heard * 1000 / c->in.rate) : 0;
}

static LOOP void tell_format(struct remote_call *c)
{
    if (c->formatted || !c->in.rate)
        return;
    c->formatted = true;
    c->emit->format(c->arg, c->in.rate);
}

static void gain(struct remote_call *c, int16_t *samples, size_t count)
{
    double volume = remote_within(c->request.prosody.volume, 0, 2);
    for (size_t i = 0; volume != 1 && i < count; i++) {
        double loud = samples[i] * volume;
        samples[i] = (int16_t)(loud > INT16_MAX ? INT16_MAX : loud < INT16_MIN ? INT16_MIN : lround(loud));
    }
}

static LOOP void tell_sound(struct remote_call *c)
{
    size_t count = c->samples.n / SAMPLE;
    int16_t *samples = (int16_t *)(void *)c->samples.p;
    uint64_t most = REMOTE_TTS_SOUND_MAX_MS + (uint64_t)c->request.text.n * REMOTE_TTS_SOUND_MAX_PER_BYTE;
    if (!count || c->over)
        return;
    tell_format(c);
    if (c->over)
        return;
    gain(c, samples, count);
    c->began = true;
    c->last_us = clock_mono_us();
    c->heard += count;
    c->emit->sound(c->arg, samples, count);
    buf_clear(&c->samples);
    if (c->over || remote_call_heard_ms(c) <= most)
        return;
    struct error e = {0};
    remote_fault(&e, &c->r->endpoint, "malformed", "makes sound without end; it was stopped.");
    remote_call_fail(c, &e);
}

static LOOP void take_sound(struct remote_call *c, struct str bytes)
{
    struct error e = {0};
    if (sound_in_feed(&c->in, bytes, &c->samples, &e) != ERR_OK)
        remote_call_malformed(c, &e);
}

void remote_call_sound(struct remote_call *c, struct str bytes)
{
    take_sound(c, bytes);
    tell_sound(c);
}

void remote_say(struct remote_call *c, struct str base64, const struct tts_word *words, size_t count)
{
    struct str bytes;
    struct error e = {0};
    if (c->over)
        return;
    if (base64.n && !base64_decode(&c->doc, base64, &bytes)) {
        error_set(&e, ERR_UPSTREAM, "its sound is no base64");
        remote_call_malformed(c, &e);
        return;
    }
    if (base64.n)
        take_sound(c, bytes);
    if (!c->over && count)
        tell_format(c);
    if (!c->over && count && c->formatted && c->emit->words)
        c->emit->words(c->arg, words, count);
    tell_sound(c);
}

void remote_say_failure(struct remote_call *c, struct str said)
{
    struct error e = {0};
    char quoted[PEER_QUOTE_TEXT];
    if (c->over)
        return;
    peer_quote(quoted, said, c->r->endpoint.key);
    remote_fault(&e, &c->r->endpoint, "upstream_unavailable", "failed: %s.", quoted);
    remote_call_fail(c, &e);
}

bool remote_call_over(const struct remote_call *c)
{
    return c->over;
}

struct aligner *remote_call_aligner(struct remote_call *c)
{
    return &c->aligner;
}

struct arena *remote_call_arena(struct remote_call *c)
{
    return &c->doc;
}

unsigned remote_call_door(const struct remote_call *c)
{
    return c->ask.door;
}

bool remote_call_document(void *arg, struct str text)
{
    on_loop();
    struct remote_call *c = arg;
    struct json *doc = NULL;
    struct error e = {0};
    if (json_parse(&c->doc, text, &doc, NULL) != ERR_OK) {
        error_set(&e, ERR_UPSTREAM, "it sent a piece that is no JSON");
        remote_call_malformed(c, &e);
    } else {
        c->r->service->document(c, doc);
    }
    arena_release(&c->doc);
    return !c->over && c->fetch;
}

/* ---- the end of an answer ---- */
void remote_call_spoken(struct remote_call *c)
{
    struct error why = {0}, e = {0};
    struct tts_word *words;
    size_t count;
    if (json_stream_open(&c->documents)) {
        remote_fault(&e, &c->r->endpoint, "cut", "ended in the middle of its answer.");
        remote_call_fail(c, &e);
        return;
    }
    enum err err = sound_in_end(&c->in, &c->samples, &why);
    tell_sound(c);
    if (c->over)
        return;
    if (err && c->began) {
        remote_fault(&e, &c->r->endpoint, "cut", "ended in the middle of its answer: %s.", why.message);
        remote_call_fail(c, &e);
        return;
    }
    if (err) {
        remote_call_malformed(c, &why);
        return;
    }
    align_end(&c->aligner, &c->arena, &words, &count);
    if (count && c->emit->words)
        c->emit->words(c->arg, words, count);
    if (!c->over)
        remote_call_end(c, ERR_OK, NULL);
}

void remote_call_answered(struct remote_call *c)
{
    struct json *doc = NULL;
    struct error e = {0};
    bool read = json_parse(&c->arena, buf_str(&c->text), &doc, NULL) == ERR_OK;
    if (!read && c->kind != CALL_UNCLONE) {
        error_set(&e, ERR_UPSTREAM, "it is no JSON");
        remote_call_malformed(c, &e);
        return;
    }
    if (c->kind == CALL_LIST) {
        struct tts_voice *voices = NULL;
        size_t count = c->r->service->listed(doc, &c->arena, &voices);
        remote_call_silence(c);
        c->on_listed(c->arg, voices, count, ERR_OK, &e);
        return;
    }
    struct str name = c->kind == CALL_CLONE ? c->r->service->cloned(doc) : c->name;
    if (!name.n) {
        error_set(&e, ERR_UPSTREAM, "it does not say what the new voice is called");
        remote_call_malformed(c, &e);
        return;
    }
    remote_call_silence(c);
    c->on_cloned(c->arg, name, ERR_OK, &e);
}
