/*
 * What a GGUF file says of itself, and whether it is whole: its head and its table of tensors, read without
 * the model library. Format: ggml/docs/gguf.md of llama.cpp, versions 2 and 3, little-endian.
 *
 * Foreign bytes: gguf_read() runs in a confined child (model_inspect.h), over a mapping of the file's
 * beginning. Every length is checked against what is there before it is used; strings are cut and made valid
 * UTF-8 before they go out.
 *
 * It does not: look at weights; know whether llama.cpp can run the architecture.
 */
#ifndef EIDOLON_ENGINE_GGUF_H
#define EIDOLON_ENGINE_GGUF_H

#include "base/error.h"
#include "base/str.h"

enum { GGUF_WORD = 96 };

struct gguf {
    char arch[GGUF_WORD], name[GGUF_WORD], quantization[GGUF_WORD];
    uint64_t tensors, parameters, data_bytes; /* of this file */
    uint64_t context, embedding, layers, heads, kv_heads, key_length, value_length, vocabulary;
    uint64_t part, parts; /* of a split file: 0-based, 1 where it is not split */
    bool template;        /* it brings a chat template */
    bool embeds;          /* made for embeddings: it has a pooling, or is an encoder */
};

/*
 * `head` is the file's beginning (all of it, or as much as holds the tables), `size` the whole file's.
 * ERR_CORRUPT with a sentence for what is no GGUF, is damaged, or is shorter than its tensors need.
 */
enum err gguf_read(struct str head, uint64_t size, struct gguf *out, struct error *e);

/* Bytes of cache that one token takes, as 16-bit numbers; 0 when unknown. */
uint64_t gguf_token_bytes(const struct gguf *g);

#endif
