/*
 * Looking into model files before anything is done with them: what gguf.h reads, in a confined child process
 * for each file, one at a time.
 *
 * Owned by one loop. A file that the child does not finish in INSPECT_MS counts as damaged. The sentence and
 * the JSON that done() gets are valid during the call.
 */
#ifndef EIDOLON_ENGINE_MODEL_INSPECT_H
#define EIDOLON_ENGINE_MODEL_INSPECT_H

#include "loop/loop.h"

/* The hidden command: `eidolon gguf-info FILE`, with a frame socket on descriptor 3. */
#define MODEL_INSPECT_COMMAND "gguf-info"

struct inspector;

/* json: {"arch","name","quantization","parameters","context","embedding","layers","vocabulary","token_bytes",
 * "part","parts","template","embeds"}; empty where the file is no model, and then `sentence` says why. */
typedef void inspected_fn(void *arg, struct str json, const char *sentence);

struct inspector *inspector_new(struct loop *loop) LOOP;
/* Nothing more is called. */
void inspector_free(struct inspector *inspector) LOOP;
void inspect(struct inspector *inspector, struct str path, inspected_fn *done, void *arg) LOOP;

/* The child: the process's exit code. */
int model_inspect_child(const char *path);

#endif
