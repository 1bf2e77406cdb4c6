/*
 * A chat completion on its way out, exactly as OpenAI sends one: whole, or in chunks.
 *
 * Chunks: first the role, then pieces of content, then finish_reason, then (stream_options.include_usage) the
 * usage with no choices, then [DONE]. The request's `stop` texts and `max_tokens` are kept here too, whatever
 * the engine does about them: text that may be the beginning of a stop text is held back until it is known.
 */
#ifndef EIDOLON_API_COMPLETION_H
#define EIDOLON_API_COMPLETION_H

#include "api/call.h"
#include "engine/provider.h"

enum { COMPLETION_STOPS_MAX = 16 };

struct completion {
    struct call *call;
    struct str id, model; /* in the request's arena */
    int64_t created_s;
    bool stream, usage_wanted;
    struct str stops[COMPLETION_STOPS_MAX];
    size_t stop_count;
    uint64_t max_bytes; /* max_tokens at four bytes each; 0: none */

    bool begun, over;
    struct buf text; /* what was given out (not streaming: collected); released with completion_release() */
    struct buf held;
    size_t given;
};

/* Reads model, stream, stream_options, stop, max_tokens and n from the body. False: answered with an error.
 */
bool completion_init(struct completion *c, struct call *call) LOOP;
void completion_release(struct completion *c);

/* A piece. False: a stop text or the length ended the answer; the source is no longer wanted. */
bool completion_delta(struct completion *c, struct str text) LOOP;
/* One member of delta.tool_calls, streaming only. */
void completion_tool_call(struct completion *c, struct str json) LOOP;
/* tool_calls: the members of the array (not streaming), or empty. */
void completion_end(struct completion *c, enum gen_finish finish, const struct gen_usage *usage,
                    struct str tool_calls) LOOP;
/* Before the first chunk an error answer; after it an error in the stream, which then breaks off. */
void completion_fail(struct completion *c, const struct error *e) LOOP;

#endif
