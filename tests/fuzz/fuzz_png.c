/*
 * Cards in PNG files. A fuzzer does not guess checksums, so the chunks' are mended first: what follows them
 * is what is looked for. What is accepted must hold what the reader promises.
 */
#include "persona/card_file_inner.h"

#include <stdlib.h>
#include <zlib.h>

static void mend(char *bytes, size_t n)
{
    for (size_t at = 8; at + 12 <= n;) {
        uint32_t length = card_be32(bytes + at);
        if (length > n - at - 12)
            return;
        uint32_t sum = (uint32_t)crc32(crc32(0, Z_NULL, 0), (const Bytef *)bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (char)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct card_limits limits = card_limits_default;
    struct card_file file;
    struct error e = {0};
    struct str picture;
    char *bytes = malloc(size + 8);
    limits.inflated_max = limits.asset_max = 4 << 20;
    memcpy(bytes, PNG_MARK, 8);
    memcpy(bytes + 8, data, size);
    mend(bytes, size + 8);
    if (card_file_read(&a, str_of(bytes, size + 8), &limits, &file, &e) == ERR_OK) {
        if (!file.text.n || file.text.n > limits.text_max || file.part_count > limits.entries_max)
            abort();
        /* The picture is one without a card, and stays itself. */
        if (card_image_read(&a, file.picture, &limits, &picture, &e) != ERR_OK ||
            !str_eq(picture, file.picture))
            abort();
    } else if (!e.message[0]) {
        abort();
    }
    arena_release(&a);
    free(bytes);
    return 0;
}
