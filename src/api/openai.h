/*
 * What the parts of /v1/chat/completions share: openai.c reads the request and chooses, gateway.c calls an
 * engine, character.c lets a persona answer from the messages given, ask.c from a room that remembers.
 */
#ifndef EIDOLON_API_OPENAI_H
#define EIDOLON_API_OPENAI_H

#include "api/completion.h"

/* 404 model_not_found. */
void model_unknown(struct call *call, struct str name) LOOP;

/* The body's messages for an engine, in the request's arena. False: answered with an error. */
struct chat_messages {
    struct gen_message *v;
    size_t n;
};
bool chat_read_messages(struct call *call, struct chat_messages *out) LOOP;
/* Sampling, tools and response_format of the body. */
void chat_read_options(const struct json *body, struct arena *a, struct gen_request *out);

/* An engine model. The completion is the request's. */
void gateway_start(struct completion *c, struct str engine, const struct chat_messages *messages) LOOP;
/* A persona model, without a room. */
void character_start(struct completion *c, const struct persona *persona,
                     const struct chat_messages *messages) LOOP;

#endif
