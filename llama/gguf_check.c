/*
 * Reading a GGUF's frame; see gguf_check.h. The file is mapped read-only and walked with a cursor that never
 * passes the end: every read says how many bytes it needs, and the first that is not there ends the walk.
 */
#include "gguf_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "library.h"

enum {
    KEYS_MAX = 1 << 16,
    TENSORS_MAX = 1 << 16,
    KEY_MAX = 1 << 16,
    DIMS_MAX = 4,
    ALIGN_DEFAULT = 32,
    WHY_MAX = 160,
    STEPS_MAX = 1 << 24, /* values of arrays */
};

struct walk {
    const unsigned char *p;
    uint64_t at, n;
    char why[WHY_MAX]; /* empty: all is well so far */
    struct gguf_facts *facts;
    uint64_t align;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct walk *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!w->why[0])
        vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
    return false;
}

static const void *take(struct walk *w, uint64_t n)
{
    if (w->why[0] || n > w->n - w->at) {
        wrong(w, "it ends in the middle of its description; it is truncated");
        return NULL;
    }
    const void *p = w->p + w->at;
    w->at += n;
    return p;
}

static uint32_t take_u32(struct walk *w)
{
    uint32_t v = 0;
    const void *p = take(w, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t take_u64(struct walk *w)
{
    uint64_t v = 0;
    const void *p = take(w, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static struct str take_text(struct walk *w)
{
    uint64_t n = take_u64(w);
    const void *p = take(w, n);
    return p ? str_of(p, n) : STR_NONE;
}

/* Bytes of a value of fixed size; 0: a string, an array, or no type at all. */
static uint64_t value_bytes(uint32_t type)
{
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

static uint64_t number(const void *p, uint32_t type)
{
    uint64_t v = 0;
    if (p && type != GGUF_TYPE_FLOAT32 && type != GGUF_TYPE_FLOAT64)
        memcpy(&v, p, value_bytes(type));
    return v;
}

static void note_number(struct walk *w, struct str key, uint64_t value)
{
    struct gguf_facts *f = w->facts;
    const struct {
        const char *suffix;
        uint64_t *to;
    } wanted[] = {
        {".context_length", &f->context},
        {".block_count", &f->layers},
        {".embedding_length", &f->width},
        {".attention.head_count", &f->heads},
        {".attention.head_count_kv", &f->heads_kv},
        {".attention.key_length", &f->key_length},
        {".attention.value_length", &f->value_length},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (str_ends(key, str_c(wanted[i].suffix)) && value > *wanted[i].to)
            *wanted[i].to = value;
    if (str_ends(key, STR(".attention.causal")))
        f->causal = value;
    if (str_ends(key, STR(".pooling_type")))
        f->pooling = value > 0;
    if (str_eq(key, STR("general.alignment")))
        w->align = value;
    if (str_eq(key, STR("split.count")) && value > 1)
        f->parts = (uint32_t)value;
}

static void take_array(struct walk *w, struct str key)
{
    uint32_t type = take_u32(w);
    uint64_t n = take_u64(w), each = value_bytes(type);
    if (str_eq(key, STR("tokenizer.ggml.tokens")))
        w->facts->words = n;
    if (type != GGUF_TYPE_STRING && !each) {
        wrong(w, "the value of '%.*s' is of no known type", STR_ARG(str_sub(key, 0, 64)));
    } else if (n > STEPS_MAX || (each && n > w->n / each)) {
        wrong(w, "'%.*s' claims to hold %llu values", STR_ARG(str_sub(key, 0, 64)), (unsigned long long)n);
    } else if (each) {
        const unsigned char *p = take(w, n * each);
        for (uint64_t i = 0; p && i < n && n <= 1024; i++) /* one number a layer: the largest counts */
            note_number(w, key, number(p + i * each, type));
    } else {
        for (uint64_t i = 0; i < n && !w->why[0]; i++)
            take_text(w);
    }
}

static void take_pair(struct walk *w)
{
    struct str key = take_text(w);
    uint32_t type = take_u32(w);
    if (key.n > KEY_MAX)
        wrong(w, "a name of %zu bytes is in it", key.n);
    if (w->why[0])
        return;
    if (type == GGUF_TYPE_ARRAY) {
        take_array(w, key);
    } else if (type == GGUF_TYPE_STRING) {
        struct str text = take_text(w);
        if (!utf8_valid(text))
            return;
        if (str_eq(key, STR("general.architecture")))
            str_copy(w->facts->arch, sizeof w->facts->arch, text);
        if (str_eq(key, STR("general.name")))
            str_copy(w->facts->name, sizeof w->facts->name, text);
    } else if (value_bytes(type)) {
        note_number(w, key, number(take(w, value_bytes(type)), type));
    } else {
        wrong(w, "the value of '%.*s' is of no known type", STR_ARG(str_sub(key, 0, 64)));
    }
}

/* The tensor's end, counted from where tensors begin. */
static uint64_t take_tensor(struct walk *w)
{
    struct str name = take_text(w);
    uint32_t dims = take_u32(w);
    uint64_t elements = 1, first = 1;
    if (dims > DIMS_MAX || name.n > KEY_MAX)
        return wrong(w, "a tensor has %u dimensions", dims);
    for (uint32_t i = 0; i < dims; i++) {
        uint64_t d = take_u64(w);
        if (!w->why[0] && (d == 0 || d > INT64_MAX / elements))
            return wrong(w, "the size of tensor '%.*s' makes no sense", STR_ARG(str_sub(name, 0, 64)));
        elements *= w->why[0] ? 1 : d;
        first = i == 0 ? d : first;
    }
    uint32_t type = take_u32(w);
    uint64_t offset = take_u64(w);
    if (w->why[0])
        return 0;
    if (type >= GGML_TYPE_COUNT || lib.ggml_type_size(type) == 0 || lib.ggml_blck_size(type) == 0)
        return wrong(w, "tensor '%.*s' is of type %u, which this llama.cpp does not know",
                     STR_ARG(str_sub(name, 0, 64)), type);
    uint64_t blocks = elements / (uint64_t)lib.ggml_blck_size(type), size = lib.ggml_type_size(type);
    if (blocks > INT64_MAX / size || offset > INT64_MAX || first % (uint64_t)lib.ggml_blck_size(type))
        return wrong(w, "the size of tensor '%.*s' makes no sense", STR_ARG(str_sub(name, 0, 64)));
    return offset + blocks * size;
}

static bool walk_all(struct walk *w)
{
    const void *magic = take(w, 4);
    if (!magic || memcmp(magic, "GGUF", 4) != 0) {
        w->why[0] = '\0';
        return wrong(w, w->n < 4 ? "it is too short to be anything" : "it does not begin as a GGUF does");
    }
    uint32_t version = take_u32(w);
    uint64_t tensors = take_u64(w), pairs = take_u64(w);
    if (w->why[0])
        return false;
    if (version != 2 && version != 3)
        return wrong(w, "it is GGUF version %u, and versions 2 and 3 are known", version);
    if (tensors > TENSORS_MAX || pairs > KEYS_MAX)
        return wrong(w, "it claims %llu tensors and %llu values", (unsigned long long)tensors,
                     (unsigned long long)pairs);
    for (uint64_t i = 0; i < pairs && !w->why[0]; i++)
        take_pair(w);
    if (!w->why[0] && (w->align == 0 || w->align > 1 << 20 || (w->align & (w->align - 1))))
        return wrong(w, "its alignment is %llu", (unsigned long long)w->align);
    uint64_t end = 0;
    for (uint64_t i = 0; i < tensors && !w->why[0]; i++) {
        uint64_t one = take_tensor(w);
        end = one > end ? one : end;
    }
    if (w->why[0])
        return false;
    w->facts->tensors = tensors;
    uint64_t begin = (w->at + w->align - 1) / w->align * w->align;
    if (tensors && (begin > w->n || end > w->n - begin))
        return wrong(w, "%llu of its %llu bytes are there; it is truncated", (unsigned long long)w->n,
                     (unsigned long long)(begin + end));
    if (!w->facts->arch[0])
        return wrong(w, "it does not say what architecture it has");
    return true;
}

/* The bytes of all parts, where the model is split. */
static uint64_t parts_bytes(const char *path, uint32_t parts, uint64_t one)
{
    char prefix[4096], part[4200];
    uint64_t sum = 0;
    if (parts < 2 || lib.llama_split_prefix(prefix, sizeof prefix, path, 0, (int)parts) <= 0)
        return one;
    for (uint32_t i = 0; i < parts; i++) {
        struct stat s;
        lib.llama_split_path(part, sizeof part, prefix, (int)i, (int)parts);
        sum += stat(part, &s) == 0 ? (uint64_t)s.st_size : 0;
    }
    return sum;
}

enum err gguf_check(const char *path, struct gguf_facts *facts, struct error *e)
{
    struct stat s;
    *facts = (struct gguf_facts){.causal = true, .parts = 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0) {
        enum err err = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        error_set(e, err, "The model file %s cannot be opened: %s.", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    struct walk w = {.n = (uint64_t)s.st_size, .facts = facts, .align = ALIGN_DEFAULT};
    void *map = S_ISREG(s.st_mode) && w.n ? mmap(NULL, w.n, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED)
        return error_set(e, ERR_CORRUPT, "%s is %s.", path,
                         S_ISREG(s.st_mode) ? "an empty file" : "not a file");
    w.p = map;
    bool sound = walk_all(&w);
    munmap(map, w.n);
    if (!sound)
        return error_set(e, ERR_CORRUPT, "%s is no usable GGUF model: %s.", path, w.why);
    facts->file_bytes = parts_bytes(path, facts->parts, w.n);
    return ERR_OK;
}
