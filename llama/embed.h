/*
 * Embeddings: texts to vectors of length 1, pooled as the model says, or by their mean where it says nothing.
 *
 * They have a context of their own, made when first asked for. Some texts are computed at a time, between two
 * batches of answers, so that a thousand texts do not stop a conversation.
 */
#ifndef EIDOLON_LLAMA_EMBED_H
#define EIDOLON_LLAMA_EMBED_H

#include "request.h"

/* Tokens of one text at most. Under model_lock. */
size_t embed_longest(void);
/* Computes some of the request's texts. True when it is answered, well or not. Scheduler's thread. */
bool embed_some(struct request *r);
void embed_close(void);

#endif
