/* Asking the home of local models from a handler (engine/llama.h). */
#ifndef EIDOLON_API_ASK_MODELS_H
#define EIDOLON_API_ASK_MODELS_H

#include "api/call.h"
#include "engine/llama.h"

/* An op whose `then` runs with the call when it came back well; its failure is answered. Fill what else it
 * needs, then submit it. */
struct llama_op *models_op(struct call *call, enum llama_verb verb, struct str name,
                           void (*then)(struct call *, struct llama_op *)) LOOP;
void models_submit(struct call *call, struct llama_op *op) LOOP;
/* Two common `then`s: 200 with op->json; the same as a list. */
void models_answer(struct call *call, struct llama_op *op) LOOP;
void models_answer_list(struct call *call, struct llama_op *op) LOOP;

#endif
