/* What becomes of an answer's tokens: text, the end, and the numbers at the end. See schedule_inner.h. */
#include <stdio.h>

#include "base/clock.h"
#include "out.h"
#include "schedule_inner.h"
#include "sequence.h"
#include "stats.h"

enum { PIECE_MAX = 1024 };

static void emit(void *arg, enum common_piece piece, const char *text, size_t n)
{
    struct request *r = arg;
    if (!r->first_us)
        r->first_us = clock_mono_us();
    if (piece == COMMON_TOOL_CALL) {
        jw_kv_raw(out_begin("tool_call", r->id), "call", str_of(text, n));
        out_end();
    } else {
        out_text(piece == COMMON_TEXT ? "delta" : "reasoning", r->id, str_of(text, n));
    }
}

/* Gives what is ready to the parser, which emits what is certain. */
static bool tell(struct request *r, bool last, char *why)
{
    struct str ready = buf_str(&r->text.ready);
    bool sound =
        (!ready.n && !last) || lib.common->answer_feed(r->answer, ready.p, ready.n, last, emit, r, why);
    buf_clear(&r->text.ready);
    return sound;
}

static void fail(struct request *r, const char *why)
{
    out_error(r->id, "unavailable", "The model's answer could not be read: %s", why);
    sequence_leave(r);
    request_free(r);
}

static double ms(uint64_t from, uint64_t to)
{
    return from && to > from ? (double)(to - from) / 1000 : 0;
}

void answer_finish(struct request *r, const char *finish)
{
    char why[COMMON_WHY] = "";
    text_end(&r->text);
    if (!tell(r, true, why)) {
        fail(r, why);
        return;
    }
    uint64_t now = clock_mono_us();
    if (lib.common->answer_called(r->answer) && strcmp(finish, "stop") == 0)
        finish = "tool_calls";
    struct jw *w = out_begin("end", r->id);
    jw_kv_string(w, "finish", str_c(finish));
    jw_key(w, STR("usage"));
    jw_object(w);
    jw_kv_u64(w, "prompt", r->prompt);
    jw_kv_u64(w, "completion", request_said(r));
    jw_kv_u64(w, "cached", r->cached);
    jw_end_object(w);
    jw_key(w, STR("timings"));
    jw_object(w);
    jw_kv_double(w, "queue_ms", ms(r->asked_us, r->admitted_us));
    jw_kv_double(w, "prompt_ms", ms(r->admitted_us, r->read_us));
    jw_kv_double(w, "first_ms", ms(r->asked_us, r->first_us));
    jw_kv_double(w, "decode_ms", ms(r->read_us, now));
    jw_end_object(w);
    out_end();
    sequence_leave(r);
    request_free(r);
}

bool answer_next(struct request *r)
{
    char why[COMMON_WHY] = "", piece[PIECE_MAX];
    llama_token token = lib.common->answer_sample(r->answer, model.context, r->output, why);
    if (token < 0) {
        fail(r, why);
        return true;
    }
    if (lib.llama_vocab_is_eog(model.vocab, token)) {
        answer_finish(r, "stop");
        return true;
    }
    request_push(r, token);
    int32_t n = lib.llama_token_to_piece(model.vocab, token, piece, sizeof piece, 0,
                                         lib.common->answer_shows(r->answer, token));
    bool stopped = n > 0 && text_feed(&r->text, str_of(piece, (size_t)n));
    if (stopped || request_said(r) >= r->most || r->n >= model.longest) {
        answer_finish(r, stopped ? "stop" : "length");
        return true;
    }
    if (!tell(r, false, why)) {
        fail(r, why);
        return true;
    }
    return false;
}
