/* How much memory a model needs, and how much there is. All in bytes. */
#ifndef EIDOLON_LLAMA_MEMORY_H
#define EIDOLON_LLAMA_MEMORY_H

#include "gguf_check.h"

/* Of one token in the key-value cache, at half precision. */
uint64_t memory_of_token(const struct gguf_facts *facts);
/* Of weights, cache and what is computed with; an estimate that rather errs upwards. */
uint64_t memory_needed(const struct gguf_facts *facts, uint64_t context, uint32_t batch);
/* What may be used: the system's, or `limit` where that is less (0: none is set). */
uint64_t memory_available(uint64_t limit);
uint64_t memory_of_process(void); /* resident now */

#endif
