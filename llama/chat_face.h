/*
 * The C face of llama.cpp's common code (libllama-common of the npm package, which is C++): chat templates,
 * the parsers that find reasoning and tool calls in what a model says, JSON schemas made grammars, and the
 * sampler that goes with them. chat_face.cpp implements it, in a library of its own that is built with a C++
 * compiler and loaded beside libllama; it is the only C++ in the house.
 *
 * No exception leaves it: what fails says so in `why`, a buffer of COMMON_WHY bytes. A `struct common_models`
 * may be used by several threads at once; a `struct common_answer` belongs to one at a time.
 */
#ifndef EIDOLON_LLAMA_CHAT_FACE_H
#define EIDOLON_LLAMA_CHAT_FACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with any shape below: the child refuses a library that was built for another. */
#define COMMON_FACE 1
enum { COMMON_WHY = 512 };

struct common_templates; /* a model's own templates */
struct common_answer;    /* one answer in the making: its prompt, sampler and parser */

enum common_piece { COMMON_TEXT, COMMON_REASONING, COMMON_TOOL_CALL };

/* COMMON_TOOL_CALL: the text is JSON, as in a chunk's delta.tool_calls[]. The text is valid during the call.
 */
typedef void common_emit(void *arg, enum common_piece piece, const char *text, size_t n);

struct common_face {
    int face; /* COMMON_FACE */

    /* NULL (and why) if the model's template cannot be read. */
    struct common_templates *(*templates_new)(const struct llama_model *model, char *why);
    void (*templates_free)(struct common_templates *templates);
    /* Whether the model brought a template; else it is chatml. */
    bool (*templates_own)(const struct common_templates *templates);

    /*
     * What a `generate` frame (engine/llama_wire.h) asks for: `json` is the whole frame. NULL and why if it
     * makes no sense: broken JSON, a grammar that cannot be parsed, messages that the template refuses.
     */
    struct common_answer *(*answer_new)(const struct common_templates *templates,
                                        const struct llama_model *model, const char *json, size_t n,
                                        char *why);
    void (*answer_free)(struct common_answer *answer);

    /* The prompt's tokens; owned by the answer. */
    const llama_token *(*answer_tokens)(const struct common_answer *answer, size_t *n);
    /* Stop strings that the template adds; NULL past the last. */
    const char *(*answer_stop)(const struct common_answer *answer, size_t i);
    /* Whether the token's text is wanted although it is a control token (a tool call's mark). */
    bool (*answer_shows)(const struct common_answer *answer, llama_token token);
    /* The next token from the logits of batch position idx, accepted; -1 and why if none fits. */
    llama_token (*answer_sample)(struct common_answer *answer, struct llama_context *context, int idx,
                                 char *why);
    /* More of what the model said (n may be 0), and whether that is all; emits what has become certain. False
     * and why if it does not fit the format. */
    bool (*answer_feed)(struct common_answer *answer, const char *text, size_t n, bool last,
                        common_emit *emit, void *arg, char *why);
    /* Whether a tool has been called. */
    bool (*answer_called)(const struct common_answer *answer);
};

/* The library's only symbol. */
const struct common_face *eidolon_llama_common(void);

#ifdef __cplusplus
}
#endif
#endif
