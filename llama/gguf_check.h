/*
 * What a GGUF file says about itself, read and checked before llama.cpp sees it.
 *
 * llama.cpp refuses most junk, but in words for its developers, and ends the process for some of it. So the
 * file's frame is walked first: magic, version, counts, every length, every tensor's place against the file's
 * size. What the memory estimate and the sentences need is kept. It says nothing about the weights' values,
 * nor whether llama.cpp knows the architecture.
 *
 * Format: GGUF versions 2 and 3 (docs/gguf.md of the ggml project).
 */
#ifndef EIDOLON_LLAMA_GGUF_CHECK_H
#define EIDOLON_LLAMA_GGUF_CHECK_H

#include "base/error.h"

struct gguf_facts {
    char arch[64];
    char name[128];
    uint64_t file_bytes; /* of all its parts */
    uint64_t tensors;
    uint32_t parts;                                                             /* files it is split into */
    uint64_t words;                                                             /* of its vocabulary */
    uint64_t context, layers, width, heads, heads_kv, key_length, value_length; /* 0: not said */
    bool pooling; /* it says how embeddings are pooled */
    bool causal;  /* false: it only makes embeddings */
};

/* ERR_NOT_FOUND, ERR_CORRUPT (junk, truncated) or ERR_IO, in a sentence that names the file. */
enum err gguf_check(const char *path, struct gguf_facts *facts, struct error *e);

#endif
