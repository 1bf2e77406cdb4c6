/*
 * Fuzzes the chunk decoder: the first byte gives the size of the pieces in which the rest is fed. The outcome
 * and the body must not depend on it.
 */
#include "net/chunk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum chunk_result decode(struct str bytes, size_t step, char *body, size_t *size, size_t *used)
{
    struct chunk c = {0};
    *size = 0;
    for (size_t at = 0; at < bytes.n; at += step) {
        struct str rest = str_sub(bytes, at, step), data;
        for (;;) {
            enum chunk_result r = chunk_next(&c, &rest, &data);
            if (r == CHUNK_MORE)
                break;
            if (r != CHUNK_DATA) {
                *used = (size_t)(rest.p - bytes.p);
                return r;
            }
            if (!data.n)
                abort();
            memcpy(body + *size, data.p, data.n);
            *size += data.n;
            if (data.n > 3 && (*size & 1)) { /* as when an upload pauses: give some back */
                chunk_untake(&c, 2);
                *size -= 2;
                rest = str_of(data.p + data.n - 2, (size_t)(rest.p + rest.n - (data.p + data.n - 2)));
            }
        }
    }
    return CHUNK_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct str bytes = str_of((const char *)data + 1, n - 1);
    char *a = malloc(n), *b = malloc(n);
    size_t an, bn, au = 0, bu = 0;
    enum chunk_result whole = decode(bytes, bytes.n, a, &an, &au);
    enum chunk_result pieces = decode(bytes, data[0] ? data[0] : 1, b, &bn, &bu);
    if (whole != pieces || an != bn || memcmp(a, b, an) != 0 || au != bu)
        abort();
    free(a);
    free(b);
    return 0;
}
