/*
 * What the files of the personas' routes share: personas.c, cards.c, card_url.c.
 */
#ifndef EIDOLON_API_PERSONA_H
#define EIDOLON_API_PERSONA_H

#include "api/call.h"
#include "persona/card_import.h"

/* The persona as the answer, with its ETag. */
void persona_send(struct call *call, const struct persona *p, int status) LOOP;
/* The answer of a creation that an Idempotency-Key names: `result` is the persona's id. */
void persona_replay(struct call *call, struct str result) LOOP;
/* The end of what makes a persona: 201 with its address, or the replay of whoever was first with the key. */
void persona_created(struct call *call, struct personas_op *op) LOOP;

/* An import whose answer is this call's; `bytes` are copied. It is freed by itself. */
void card_answer_import(struct call *call, struct str bytes) LOOP;
/* Limits of card files, as the settings have them now. */
struct card_limits card_limits_of(const struct config *config);

#endif
