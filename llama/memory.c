/* Memory of models; see memory.h. */
#include "memory.h"

#include <stdio.h>
#include <unistd.h>

enum { HALF = 2, FLOAT = 4, ACTIVATIONS = 24, BASE = 48 << 20 };

uint64_t memory_of_token(const struct gguf_facts *f)
{
    uint64_t heads = f->heads_kv ? f->heads_kv : f->heads;
    uint64_t head = f->heads ? f->width / f->heads : f->width;
    uint64_t both = (f->key_length ? f->key_length : head) + (f->value_length ? f->value_length : head);
    return f->layers * heads * both * HALF;
}

uint64_t memory_needed(const struct gguf_facts *f, uint64_t context, uint32_t batch)
{
    /* Activations: about two dozen rows of the model's width a token, and the probabilities of a few. */
    uint64_t compute = (uint64_t)batch * f->width * ACTIVATIONS * FLOAT + 64 * f->words * FLOAT;
    return f->file_bytes + context * memory_of_token(f) + compute + BASE;
}

uint64_t memory_available(uint64_t limit)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "MemAvailable: %llu", &kib) != 1)
        ;
    if (f)
        fclose(f);
    uint64_t free = kib ? (uint64_t)kib << 10 : UINT64_MAX;
    return limit && limit < free ? limit : free;
}

uint64_t memory_of_process(void)
{
    unsigned long long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%llu %llu", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
