/*
 * The metadata of ONNX files, without a reader of ONNX; see sherpa_model.h.
 *
 * An ONNX file is a ModelProto of Protocol Buffers (onnx.proto3): a row of fields, each a key (number and
 * wire type) and a value. Field 14, metadata_props, is repeated and holds a message of key (1) and value (2).
 * Everything else, the graph with its weights above all, is stepped over by its length.
 */
#include "voice/sherpa_model.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, METADATA_PROPS = 14, FIELDS_MAX = 4096 };

struct reader {
    int fd;
    uint64_t at, end;
};

static bool read_at(const struct reader *r, uint64_t at, void *to, size_t n)
{
    return n <= r->end && at <= r->end - n && pread(r->fd, to, n, (off_t)at) == (ssize_t)n;
}

static bool varint(struct reader *r, uint64_t *out)
{
    unsigned char byte;
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (!read_at(r, r->at, &byte, 1))
            return false;
        r->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* The next field, whose bytes (for those that have any) begin at *at; r->at is behind it. */
static bool field(struct reader *r, unsigned *number, uint64_t *at, uint64_t *length)
{
    uint64_t key, value;
    if (r->at >= r->end || !varint(r, &key))
        return false;
    *number = (unsigned)(key >> 3);
    *length = 0;
    switch (key & 7) {
    case VARINT:
        return varint(r, &value);
    case FIXED64:
        r->at += 8;
        return true;
    case FIXED32:
        r->at += 4;
        return true;
    case BYTES:
        if (!varint(r, length) || *length > r->end - r->at)
            return false;
        *at = r->at;
        r->at += *length;
        return true;
    default:
        return false;
    }
}

static struct str bytes_at(struct arena *a, const struct reader *r, uint64_t at, uint64_t length)
{
    char *copy = arena_alloc(a, length + 1);
    return length && read_at(r, at, copy, length) ? str_of(copy, length) : STR_NONE;
}

static bool read_pair(struct arena *a, const struct reader *whole, uint64_t at, uint64_t length,
                      struct sherpa_meta *out)
{
    struct reader r = {whole->fd, at, at + length};
    unsigned number;
    *out = (struct sherpa_meta){STR_NONE, STR_NONE};
    if (length > SHERPA_META_BYTES)
        return false;
    while (field(&r, &number, &at, &length)) {
        if (number == 1)
            out->key = bytes_at(a, &r, at, length);
        else if (number == 2)
            out->value = bytes_at(a, &r, at, length);
    }
    return out->key.n > 0;
}

size_t sherpa_meta_read(struct arena *a, const char *path, struct sherpa_meta *out)
{
    struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    struct stat about;
    unsigned number;
    uint64_t at = 0, length;
    size_t count = 0;
    if (r.fd < 0)
        return 0;
    if (fstat(r.fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0)
        r.end = (uint64_t)about.st_size;
    for (unsigned i = 0; i < FIELDS_MAX && count < SHERPA_META_MAX && field(&r, &number, &at, &length); i++) {
        if (number == METADATA_PROPS && read_pair(a, &r, at, length, &out[count]))
            count++;
    }
    close(r.fd);
    return count;
}

struct str sherpa_meta_get(const struct sherpa_meta *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i].key, str_c(key)))
            return list[i].value;
    }
    return STR_NONE;
}
