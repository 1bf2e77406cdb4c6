/* The embedder over models on this machine (memory/embedder.h over engine/llama.h). */
#ifndef EIDOLON_API_EMBEDDER_LLAMA_H
#define EIDOLON_API_EMBEDDER_LLAMA_H

#include "memory/embedder.h"

extern const struct embedder_driver embedder_llama;

#endif
