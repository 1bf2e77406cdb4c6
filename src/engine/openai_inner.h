/*
 * Inside the openai driver: what its three files share.
 *
 * openai.c runs a generation (transfer, timeouts, attempts, callbacks); openai_body.c writes requests;
 * openai_answer.c reads answers and explains failures. Format: OpenAI's chat completions
 * (POST BASE/chat/completions) as OpenAI, LM Studio, Ollama's /v1, vLLM, llama-server and others speak it,
 * with the deviations that docs/decisions and the unit test name.
 */
#ifndef EIDOLON_ENGINE_OPENAI_INNER_H
#define EIDOLON_ENGINE_OPENAI_INNER_H

#include "engine/provider.h"

/* Appends the request's JSON. `openai` is true for OpenAI's own host (max_completion_tokens). ERR_* when
 * raw_body is no JSON object. */
enum err openai_body(struct buf *to, const struct gen_request *request, bool openai, struct error *e);

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

/* retry-after-ms, or retry-after in seconds or as an HTTP date; -1 when absent or unreadable. */
int64_t retry_after(struct str ms, struct str after, int64_t now_wall_ms);

#endif
