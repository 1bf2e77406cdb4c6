/*
 * Downloads of models: resumed after a cut, a restart of the server or a night, checked, and only then put
 * into their place.
 *
 * A download of NAME.gguf lies in the models folder as .NAME.gguf.part, with what is known of it in
 * .NAME.gguf.pull.json, so that it goes on where it stopped (Range, with If-Range: what changed meanwhile
 * begins anew). It is in its place only when its length is what the server said, its checksum is what the
 * person, the catalogue or the server said (x-linked-etag or an ETag of 64 hexadecimal digits, as Hugging
 * Face sends them), and the file itself is whole (model_inspect.h). Then .NAME.gguf.json keeps where it came
 * from. What is no model is refused at its first bytes.
 *
 * Tries that bring nothing are repeated with a growing wait, llama.pull_tries times; what the server asks for
 * (Retry-After) is kept to. Addresses that are not public are refused unless llama.pull_private is on; every
 * redirect is checked as the first address.
 *
 * Everything runs on the models' home loop (llama.h), disk work on workers; ops are llama.h's.
 */
#ifndef EIDOLON_ENGINE_MODEL_PULL_H
#define EIDOLON_ENGINE_MODEL_PULL_H

#include "engine/llama.h"

enum {
    PULLS_AT_ONCE = 2,
    PULLS_KEPT = 50, /* finished ones that are still listed */
    PULL_REDIRECTS = 8,
    PULL_PIECE = 1 << 20,  /* bytes written together */
    PULL_WRITE_MS = 500,   /* what came is not kept longer before it is written */
    PULL_SLICE = 32 << 20, /* bytes checked together */
    PULL_SPARE = 64 << 20, /* bytes of disk left free */
    PULL_BACKOFF_MS = 500, /* doubling */
    PULL_BACKOFF_MAX_MS = 60 * 1000,
    PULL_RETRY_AFTER_MAX_MS = 60 * 60 * 1000,
    PULL_LIST_MAX = 8 << 20, /* of a hub's list of files */
};

struct pulls;
struct pulls *pulls_new(struct llama *host);
/* Goes on with what was left unfinished; on the home loop. */
void pulls_start(struct pulls *pulls) LOOP;
/* Stops them where they are; on the home loop. */
void pulls_stop(struct pulls *pulls) LOOP;
void pulls_free(struct pulls *pulls); /* after the loops ended and the workers */

/* LLAMA_PULL, LLAMA_PULLS, LLAMA_PULL_SHOW, LLAMA_PULL_END: from llama_show.c, on the home loop. */
void pulls_op(struct pulls *pulls, struct llama_op *op) LOOP;

#endif
