/* Zips with cards: whatever comes, what is accepted has safe paths and keeps to the limits. */
#include "persona/card_file_inner.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct card_limits limits = card_limits_default;
    struct card_file file = {0};
    struct error e = {0};
    uint64_t all = 0;
    limits.inflated_max = limits.asset_max = 4 << 20;
    struct card_reader r = {.arena = &a, .limits = &limits, .out = &file, .error = &e};
    if (card_zip_read(&r, str_of((const char *)data, size)) == ERR_OK) {
        for (size_t i = 0; i < file.part_count; i++) {
            all += file.parts[i].bytes.n;
            if (file.parts[i].role == CARD_KEPT && !card_path_safe(file.parts[i].uri))
                abort();
        }
        if (!file.text.n || all > limits.inflated_max * limits.entries_max)
            abort();
    } else if (!e.message[0]) {
        abort();
    }
    arena_release(&a);
    return 0;
}
