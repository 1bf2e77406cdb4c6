/*
 * Inside the openai driver: what its files share.
 *
 * openai.c is the driver's table; openai_run.c a generation's attempts, timeouts and end; openai_stream.c
 * takes what the transfer brings and emits it; openai_body.c writes requests; openai_answer.c reads answers
 * and explains failures. Format: OpenAI's chat completions (POST BASE/chat/completions) as OpenAI, LM Studio,
 * Ollama's /v1, vLLM, llama-server and others speak it, with the deviations that docs/decisions and the unit
 * test name.
 */
#ifndef EIDOLON_ENGINE_OPENAI_INNER_H
#define EIDOLON_ENGINE_OPENAI_INNER_H

#include "base/sse.h"
#include "engine/provider.h"
#include "loop/fetch.h"

/* Appends the request's JSON. `openai` is true for OpenAI's own host (max_completion_tokens). ERR_* when
 * raw_body is no JSON object. */
enum err openai_body(struct buf *to, const struct gen_request *request, bool openai, struct error *e);

/* The member "messages" of an object under way; the llama driver's messages have the same form. */
void openai_messages(struct jw *w, const struct gen_request *request);

/* What an answer has said so far. */
struct answer {
    const char *endpoint;  /* for sentences */
    struct str model, key; /* for sentences; the key to be kept out of them */
    bool whole;            /* one JSON document, no stream; in a stream objects of other kinds are skipped */
    struct gen_usage usage;
    bool finished; /* a finish reason came */
    enum gen_finish finish;
    bool failed; /* an error came: `end` says which */
    struct gen_end end;
};

struct answer_sink {
    void (*text)(void *arg, struct str text);
    void (*reasoning)(void *arg, struct str text);
    void (*tool_call)(void *arg, struct str json);
    void *arg;
};

/* One JSON document: a chunk of a stream, or a whole answer. False if it is neither; then, and for an error
 * inside it, answer->failed is set. The sink is called while it is read. `event` is the SSE event's name. */
bool answer_read(struct answer *a, struct str event, struct str text, const struct answer_sink *sink);

/* An HTTP status other than 200 with its body. `retry_after_ms` as asked by the peer or -1; `should_retry` is
 * the x-should-retry header or empty. */
void answer_refused(struct answer *a, int status, struct str body, int64_t retry_after_ms,
                    struct str should_retry);

/* A provider, and one request to it. A generation belongs to its provider's list until it ends. Callbacks may
 * cancel or close from inside, so `busy` keeps the memory until they have returned, and `over` stops what
 * would follow: after it, `provider` must not be touched. */

struct generation {
    struct generation *next, **link; /* link NULL: in no list */
    struct openai *provider;         /* may be gone once `over` */
    uint64_t id, fetch;
    struct gen_emit emit;
    void *arg;
    char *body, *model;
    size_t body_n;
    bool stream, pass_through;

    unsigned attempt;
    uint64_t started_us, attempt_us, last_us; /* the whole; this attempt; the last output */
    bool began, paused, over, done;           /* output seen; [DONE] seen */
    unsigned busy;
    struct timer timer;
    struct sse sse;
    struct buf whole;
    struct buf held; /* pass-through: documents (a size_t, then the bytes) from before the first output */
    enum { FORM_UNKNOWN, FORM_STREAM, FORM_WHOLE } form;
    int status;
    int64_t retry_after_ms;
    char should_retry[8];
    struct answer answer;
};

struct openai {
    struct provider base;
    char *url, *key, *bearer;
    char **header_lines;
    size_t header_count;
    char endpoint[FETCH_ENDPOINT_TEXT];
    bool own_host; /* OpenAI's */
    uint64_t connect_ms, first_ms, gap_ms, total_ms;
    unsigned retries;
    bool lenient_end;
    struct generation *list;
};

enum {
    OPENAI_WHOLE_MAX = 16 << 20,  /* of an answer that is one document */
    OPENAI_REFUSAL_MAX = 64 << 10 /* of an error's body that is looked at */
};

/* openai_run.c */
uint64_t run_transfer(struct generation *g, struct error *e) LOOP; /* an attempt: the fetch's id, or 0 */
void run_watch_time(struct generation *g) LOOP;                    /* arms the limit in force */
void run_fail(struct generation *g, struct gen_end *end) LOOP;     /* another attempt, or the end */
void run_finish(struct generation *g, struct gen_end *end) LOOP;
void run_silence(struct generation *g) LOOP; /* nothing is emitted any more */
void run_release_if_over(struct generation *g) LOOP;

/* openai_stream.c: what fetch calls, and what an attempt begins with. */
extern const struct fetch_events stream_events;
void stream_reset(struct generation *g) LOOP;

#endif
