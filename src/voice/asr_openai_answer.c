/*
 * What comes back from OpenAI's transcription API: a transcript, a stream of its pieces, or a reason why not;
 * see asr_openai.c.
 */
#include "voice/asr_openai_inner.h"

#include "base/clock.h"
#include "loop/peer.h"
#include "voice/asr_read.h"
#include "voice/vad.h"

static LOOP bool on_event(void *arg, struct str name, struct str data)
{
    struct openai_hearing *l = arg;
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    (void)name;
    if (!l->done && json_parse(&a, data, &json, NULL) == ERR_OK) {
        struct str type = json_get_str(json, "type", STR_NONE);
        struct str delta = json_get_str(json, "delta", STR_NONE);
        if (str_eq(type, STR("transcript.text.done"))) {
            buf_clear(&l->answer);
            buf_add(&l->answer, data);
            l->done = true;
        } else if (str_eq(type, STR("transcript.text.delta")) && delta.n) {
            buf_add(&l->heard, delta);
            if (l->emit->partial)
                l->emit->partial(l->arg, buf_str(&l->heard));
        }
    }
    arena_release(&a);
    return !l->over;
}

static bool event_on_loop(void *arg, struct str name, struct str data)
{
    on_loop();
    return on_event(arg, name, data);
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct openai_hearing *l = arg;
    struct str type = fetch_head_get(head, "Content-Type");
    l->status = head->status;
    l->stream = str_starts(type, STR("text/event-stream"));
    l->html = str_starts(type, STR("text/html"));
    l->retry_after_ms = peer_retry_after(fetch_head_get(head, "Retry-After-Ms"),
                                         fetch_head_get(head, "Retry-After"), clock_wall_ms());
    if (l->stream) {
        sse_release(&l->sse);
        sse_init(&l->sse, event_on_loop, l);
    }
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct openai_hearing *l = arg;
    if (!l->stream || l->status != 200) {
        buf_add(&l->answer, bytes);
        return;
    }
    l->busy = true;
    sse_feed(&l->sse, bytes);
    l->busy = false;
    if (l->over)
        asr_openai_free(l);
}

/* What the server itself says is wrong: {"error":{"message"}}, {"error":".."}, {"detail":".."}; never with
 * the key in it. */
static void reason(struct openai_hearing *l, char to[PEER_QUOTE_TEXT])
{
    struct json *json = NULL;
    to[0] = '\0';
    if (json_parse(&l->arena, buf_str(&l->answer), &json, NULL) != ERR_OK)
        return;
    const struct json *error = json_get(json, "error");
    struct str said = json_get_str(error, "message", json_get_str(json, "error", STR_NONE));
    peer_quote(to, said.n ? said : json_get_str(json, "detail", STR_NONE), l->ear->config.api_key);
}

static enum err refusal(struct openai_hearing *l, struct error *e)
{
    char why[PEER_QUOTE_TEXT];
    struct str at = l->ear->endpoint;
    reason(l, why);
    const char *colon = why[0] ? ": " : "";
    if (l->status == 401 || l->status == 403)
        return error_set(e, ERR_UPSTREAM, "The recogniser at %.*s refuses the key%s%s. Set its api_key.",
                         STR_ARG(at), colon, why);
    if (l->status == 429)
        return error_set(e, ERR_LIMIT, "The recogniser at %.*s takes no more now%s%s.", STR_ARG(at), colon,
                         why);
    if (l->status >= 300 && l->status < 400)
        return error_set(e, ERR_UPSTREAM,
                         "The recogniser at %.*s answered %d: it has moved. Correct its base_url.",
                         STR_ARG(at), l->status);
    if (l->status == 404)
        return error_set(
            e, ERR_UPSTREAM,
            "There is no recogniser at %.*s under that path; base_url goes up to and with /v1, or "
            "to whisper.cpp's /inference%s%s.",
            STR_ARG(at), colon, why);
    return error_set(e, l->status >= 500 ? ERR_UPSTREAM : ERR_REFUSED,
                     "The recogniser at %.*s answered with status %d%s%s.", STR_ARG(at), l->status, colon,
                     why);
}

static LOOP void answered(struct openai_hearing *l)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct error e = {0};
    enum err err;
    uint32_t length_ms = (uint32_t)(l->sound.n / 2 / (ASR_RATE / 1000));
    if (l->html)
        err =
            error_set(&e, ERR_UPSTREAM, "At %.*s there is a page for people, no recogniser; check base_url.",
                      STR_ARG(l->ear->endpoint));
    else if (l->stream && !l->done)
        err = error_set(&e, ERR_UPSTREAM, "The recogniser at %.*s stopped in the middle of its answer.",
                        STR_ARG(l->ear->endpoint));
    else
        err = asr_read_answer(&l->arena, buf_str(&l->answer), l->language, length_ms,
                              vad_speech_ms((const int16_t *)(const void *)l->sound.p, l->sound.n / 2), &json,
                              &e);
    if (err && asr_openai_again(l, !l->html))
        return;
    asr_openai_end(l, err, &e, buf_str(&json));
}

static void on_end(void *arg, const struct fetch_end *result)
{
    on_loop();
    struct openai_hearing *l = arg;
    struct error e = {0};
    l->fetch = 0;
    if (result->result != FETCH_DONE) {
        bool late = result->result >= FETCH_TIMEOUT_CONNECT && result->result <= FETCH_TIMEOUT_TOTAL;
        bool again = result->result == FETCH_CUT || result->result == FETCH_NO_CONNECT;
        if (asr_openai_again(l, again))
            return;
        struct str said = str_c(result->error.message);
        error_set(&e, late ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM, "%s%s",
                  str_starts(said, l->ear->endpoint) ? "The recogniser at " : "", result->error.message);
        asr_openai_end(l, e.err, &e, STR_NONE);
    } else if (l->status == 200) {
        answered(l);
    } else if ((l->status == 400 || l->status == 422) && !l->plain) {
        l->plain = true; /* it may know no verbose_json, or no streams */
        l->attempt--;
        asr_openai_attempt(l);
    } else if (!asr_openai_again(l, l->status == 429 || l->status >= 500)) {
        enum err err = refusal(l, &e);
        asr_openai_end(l, err, &e, STR_NONE);
    }
}

const struct fetch_events asr_openai_events = {on_head, on_data, on_end};
