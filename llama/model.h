/*
 * The one model of this process: loading it, and what is known of it.
 *
 * Loading and freeing happen on the scheduler's thread under the writing side of model_lock; the reader's
 * thread, which makes prompts of messages, holds the reading side. Generating uses the context and belongs to
 * the scheduler alone.
 */
#ifndef EIDOLON_LLAMA_MODEL_H
#define EIDOLON_LLAMA_MODEL_H

#include <pthread.h>

#include "base/json.h"
#include "gguf_check.h"
#include "library.h"

/* The members of a `load` frame; 0 is the child's own choice. */
struct model_options {
    char *path; /* owned */
    uint32_t context, sequences, batch, threads;
    int32_t gpu_layers; /* below 0: none */
    uint64_t memory_max;
};

struct model {
    struct llama_model *llama;     /* NULL: none is loaded */
    struct llama_context *context; /* NULL: it only makes embeddings */
    const struct llama_vocab *vocab;
    struct common_templates *templates;
    struct gguf_facts facts;
    uint32_t budget;  /* tokens of all sequences together */
    uint32_t longest; /* tokens of one sequence at most */
    uint32_t sequences, batch, threads;
    int32_t gpu_layers;
    bool partial; /* its memory can forget the end of a sequence; recurrent ones can only forget all */
    uint64_t memory_max;
    struct ggml_threadpool *threadpool;
};

extern struct model model;
extern pthread_rwlock_t model_lock;

/*
 * Loads it, in place of the one there was, telling `progress`; then `loaded` or `failed`. False if it failed:
 * there is no model then, and the process goes on. `stop` is asked while the model computes.
 */
bool model_load(const struct model_options *options, ggml_abort_callback stop);
void model_free(void);
/* Parameters of a context with the model's threads. */
struct llama_context_params model_context_params(void);
/* Joins a context with the threads that were made for the model. */
void model_attach_threads(struct llama_context *context);

#endif
