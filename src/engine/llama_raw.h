/*
 * A local model's answer in OpenAI's shape, for clients of the gateway: chat.completion, or its chunks.
 * Thoughts are `reasoning_content`, as DeepSeek and llama-server have it; what was read from cache is
 * usage.prompt_tokens_details.cached_tokens.
 *
 * A value of one generation; every function writes one JSON document to `to`, cleared first.
 */
#ifndef EIDOLON_ENGINE_LLAMA_RAW_H
#define EIDOLON_ENGINE_LLAMA_RAW_H

#include "base/arena.h"
#include "base/json.h"
#include "engine/provider.h"

struct llama_call {
    struct buf id, name, type, arguments;
};
enum { LLAMA_CALLS_MAX = 64, LLAMA_RAW_ID = 40 };

struct llama_raw {
    char id[LLAMA_RAW_ID];
    struct str model; /* heap */
    int64_t created_s;
    bool stream, usage_wanted, begun;
    struct buf text, thoughts; /* of an answer that is not streamed */
    struct llama_call *calls;
    size_t call_count;
};

/* Reads stream, stream_options and model of the client's body. ERR_REFUSED for what cannot be done (n,
 * logprobs, pictures). */
enum err llama_raw_init(struct llama_raw *raw, struct str body, struct error *e);
void llama_raw_release(struct llama_raw *raw);

/* A piece: as a chunk, or kept. False: there is nothing to send. */
bool llama_raw_text(struct llama_raw *raw, struct str text, bool thought, struct buf *to);
bool llama_raw_call(struct llama_raw *raw, struct str call, struct buf *to);
/* The n-th document of the end: a chunk with the finish reason, one with the usage; or the whole. */
bool llama_raw_end(struct llama_raw *raw, unsigned n, const struct gen_end *end, struct buf *to);

#endif
