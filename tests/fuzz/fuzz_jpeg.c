/* Cards in JPEG and WebP files, and JSON: EXIF, XMP, comments, data: addresses. The first byte chooses. */
#include "persona/card_file_inner.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const begins[] = {"\xff\xd8\xff", "RIFF\xff\xff\xff\xffWEBP", "\xff\xfe", "{"};
    static const size_t lengths[] = {3, 12, 2, 1};
    struct arena a = ARENA_INIT;
    struct card_limits limits = card_limits_default;
    struct card_file file;
    struct error e = {0};
    if (!size)
        return 0;
    size_t kind = data[0] % 4, head = lengths[kind];
    limits.inflated_max = limits.asset_max = 4 << 20;
    char *bytes = malloc(head + size);
    memcpy(bytes, begins[kind], head);
    memcpy(bytes + head, data + 1, size - 1);
    if (card_file_read(&a, str_of(bytes, head + size - 1), &limits, &file, &e) != ERR_OK && !e.message[0])
        abort();
    arena_release(&a);
    free(bytes);
    return 0;
}
