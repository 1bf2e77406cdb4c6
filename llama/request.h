/*
 * One thing that was asked: an answer, or embeddings of some texts.
 *
 * It is made on the reader's thread (template, tokens and grammar take time there, and not the batch's),
 * handed to the scheduler, and belongs to it from then on.
 *
 * An answer's tokens are the prompt's and then what the model said, in one row. Its sequence holds the first
 * of them in the key-value cache; what is beyond has to be computed. So a prompt to be read, one to be read
 * again after its sequence was taken away, and one token to be added are all the same: the row is longer than
 * the sequence.
 */
#ifndef EIDOLON_LLAMA_REQUEST_H
#define EIDOLON_LLAMA_REQUEST_H

#include "base/json.h"
#include "model.h"
#include "text.h"

struct sequence;

struct embed_text {
    llama_token *tokens;
    size_t n;
    float *vector; /* NULL: not made yet */
};

struct request {
    struct request *next;
    uint64_t id;
    uint64_t asked_us, admitted_us, read_us, first_us; /* 0: not yet; read: the prompt is */

    /* An answer. */
    struct common_answer *answer;
    char *key;
    llama_token *tokens; /* prompt, then what was said */
    size_t n, cap, prompt, cached;
    uint64_t most; /* tokens to say at most */
    struct text text;
    struct sequence *sequence; /* NULL: it waits */
    size_t batched;            /* of its tokens in the batch that runs */
    int32_t output;            /* where in the batch its logits are; -1: nowhere */

    /* Embeddings. */
    struct embed_text *texts;
    size_t text_count, texts_done;
};

/* What a `generate` frame asks for; NULL if it was answered with an error. Under model_lock. */
struct request *request_generate(uint64_t id, const struct json *frame);
/* The same for an `embed` frame. */
struct request *request_embed(uint64_t id, const struct json *frame);
void request_free(struct request *r);
/* A token more at the end of the row. */
void request_push(struct request *r, llama_token token);
/* What the prompt and the answer have said, so far. */
static inline size_t request_said(const struct request *r)
{
    return r->n - r->prompt;
}

#endif
