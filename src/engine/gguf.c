/* Heads of GGUF files; see gguf.h. */
#include "engine/gguf.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VERSION_FIRST = 2,
    VERSION_LAST = 3,
    TENSORS_MAX = 1000000,
    KEYS_MAX = 1000000,
    DIMS_MAX = 4,
    ALIGN_DEFAULT = 32,
    ARRAY_DEPTH_MAX = 4,
};

/* Types of values, as the format numbers them. */
enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, VALUE_TYPES };
static const uint8_t value_bytes[VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* Elements and bytes of a block, by ggml's number of the type (ggml.h's enum ggml_type); 0: no such type. */
static const struct {
    uint16_t elements, bytes;
} tensor_types[] = {
    [0] = {1, 4},      [1] = {1, 2},      [2] = {32, 18},    [3] = {32, 20},    [6] = {32, 22},
    [7] = {32, 24},    [8] = {32, 34},    [9] = {32, 36},    [10] = {256, 84},  [11] = {256, 110},
    [12] = {256, 144}, [13] = {256, 176}, [14] = {256, 210}, [15] = {256, 292}, [16] = {256, 66},
    [17] = {256, 74},  [18] = {256, 98},  [19] = {256, 50},  [20] = {32, 18},   [21] = {256, 110},
    [22] = {256, 82},  [23] = {256, 136}, [24] = {1, 1},     [25] = {1, 2},     [26] = {1, 4},
    [27] = {1, 8},     [28] = {1, 8},     [29] = {256, 56},  [30] = {1, 2},     [34] = {256, 54},
    [35] = {256, 66},  [39] = {32, 17},
};
enum { TENSOR_TYPES = sizeof tensor_types / sizeof *tensor_types };

/* general.file_type, by llama.h's enum llama_ftype. */
static const char *const quantizations[] = {
    [0] = "F32",     [1] = "F16",     [2] = "Q4_0",     [3] = "Q4_1",    [7] = "Q8_0",     [8] = "Q5_0",
    [9] = "Q5_1",    [10] = "Q2_K",   [11] = "Q3_K_S",  [12] = "Q3_K_M", [13] = "Q3_K_L",  [14] = "Q4_K_S",
    [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",  [18] = "Q6_K",   [19] = "IQ2_XXS", [20] = "IQ2_XS",
    [21] = "Q2_K_S", [22] = "IQ3_XS", [23] = "IQ3_XXS", [24] = "IQ1_S",  [25] = "IQ4_NL",  [26] = "IQ3_S",
    [27] = "IQ3_M",  [28] = "IQ2_S",  [29] = "IQ2_M",   [30] = "IQ4_XS", [31] = "IQ1_M",   [32] = "BF16",
    [36] = "TQ1_0",  [37] = "TQ2_0",  [38] = "MXFP4",
};
enum { QUANTIZATIONS = sizeof quantizations / sizeof *quantizations };

struct reader {
    struct str rest;
    bool short_of; /* something reached past the end */
};

static uint64_t take(struct reader *r, size_t bytes)
{
    uint64_t value = 0;
    if (r->rest.n < bytes) {
        r->short_of = true;
        r->rest = STR_NONE;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)r->rest.p[i] << (8 * i);
    r->rest = str_from(r->rest, bytes);
    return value;
}

static struct str take_bytes(struct reader *r, uint64_t n)
{
    if (r->short_of || r->rest.n < n) {
        r->short_of = true;
        r->rest = STR_NONE;
        return STR_NONE;
    }
    struct str bytes = str_sub(r->rest, 0, (size_t)n);
    r->rest = str_from(r->rest, (size_t)n);
    return bytes;
}

static struct str take_string(struct reader *r)
{
    return take_bytes(r, take(r, 8));
}

/* A value that is a whole number or a text; the count of an array. */
struct value {
    uint64_t number;
    struct str text;
};

static bool skip_array(struct reader *r, uint64_t *count, unsigned depth)
{
    uint64_t type = take(r, 4), n = take(r, 8);
    *count = n;
    if (type >= VALUE_TYPES || depth == ARRAY_DEPTH_MAX || n > r->rest.n)
        return false;
    if (type == STRING) {
        while (n-- && !r->short_of)
            take_string(r);
    } else if (type == ARRAY) {
        uint64_t inner;
        while (n-- && !r->short_of)
            if (!skip_array(r, &inner, depth + 1))
                return false;
    } else {
        take_bytes(r, n * value_bytes[type]); /* n is at most what is left, so this cannot wrap */
    }
    return !r->short_of;
}

static bool take_value(struct reader *r, struct value *v)
{
    uint64_t type = take(r, 4);
    *v = (struct value){0};
    if (type >= VALUE_TYPES)
        return false;
    if (type == STRING)
        v->text = take_string(r);
    else if (type == ARRAY)
        return skip_array(r, &v->number, 0);
    else
        v->number = take(r, value_bytes[type]);
    return !r->short_of;
}

static void keep_word(char to[GGUF_WORD], struct str text)
{
    size_t n = 0;
    while (text.n && n + 5 < GGUF_WORD) {
        uint32_t cp = utf8_next(&text);
        n += utf8_put(to + n, cp < ' ' || cp == 0x7f ? ' ' : cp);
    }
    to[n] = '\0';
}

/* The part of a key behind "ARCH."; empty when it is another's. */
static struct str own_key(const struct gguf *g, struct str key)
{
    struct str arch = str_c(g->arch);
    if (!arch.n || !str_starts(key, arch) || key.n <= arch.n || key.p[arch.n] != '.')
        return STR_NONE;
    return str_from(key, arch.n + 1);
}

static void keep_number(struct gguf *g, struct str key, uint64_t number)
{
    const struct {
        const char *key;
        uint64_t *to;
    } numbers[] = {
        {"context_length", &g->context},
        {"embedding_length", &g->embedding},
        {"block_count", &g->layers},
        {"attention.head_count", &g->heads},
        {"attention.head_count_kv", &g->kv_heads},
        {"attention.key_length", &g->key_length},
        {"attention.value_length", &g->value_length},
        {"vocab_size", &g->vocabulary},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_eq(key, str_c(numbers[i].key)))
            *numbers[i].to = number;
    if (str_eq(key, STR("pooling_type")) && number != 0)
        g->embeds = true;
}

static void keep(struct gguf *g, struct str key, const struct value *v, uint64_t *align)
{
    if (str_eq(key, STR("general.architecture"))) {
        keep_word(g->arch, v->text);
        g->embeds = g->embeds || str_find(v->text, STR("bert")) != SIZE_MAX;
    } else if (str_eq(key, STR("general.name"))) {
        keep_word(g->name, v->text);
    } else if (str_eq(key, STR("general.alignment"))) {
        *align = v->number;
    } else if (str_eq(key, STR("general.file_type"))) {
        if (v->number < QUANTIZATIONS && quantizations[v->number])
            keep_word(g->quantization, str_c(quantizations[v->number]));
    } else if (str_eq(key, STR("tokenizer.chat_template"))) {
        g->template = v->text.n > 0;
    } else if (str_eq(key, STR("tokenizer.ggml.tokens"))) {
        g->vocabulary = v->number;
    } else if (str_eq(key, STR("split.no"))) {
        g->part = v->number;
    } else if (str_eq(key, STR("split.count"))) {
        g->parts = v->number;
    } else {
        keep_number(g, own_key(g, key), v->number);
    }
}

/* One row of the table of tensors: adds its elements, moves *end behind its bytes. */
static bool read_tensor(struct reader *r, struct gguf *g, uint64_t *end)
{
    uint64_t elements = 1, dims, type, offset, bytes;
    take_string(r);
    dims = take(r, 4);
    if (dims > DIMS_MAX)
        return false;
    for (uint64_t i = 0; i < dims; i++)
        if (__builtin_mul_overflow(elements, take(r, 8), &elements))
            return false;
    type = take(r, 4);
    offset = take(r, 8);
    if (r->short_of)
        return false;
    if (type >= TENSOR_TYPES || !tensor_types[type].elements) {
        bytes = 0; /* newer than we are: the library will know */
    } else if (__builtin_mul_overflow(elements / tensor_types[type].elements, tensor_types[type].bytes,
                                      &bytes)) {
        return false;
    }
    if (__builtin_add_overflow(offset, bytes, &bytes))
        return false;
    g->parameters += elements;
    if (bytes > *end)
        *end = bytes;
    return true;
}

static enum err damaged(struct error *e)
{
    return error_set(e, ERR_CORRUPT,
                     "The file is a damaged GGUF: its tables cannot be read. Download it again.");
}

enum err gguf_read(struct str head, uint64_t size, struct gguf *out, struct error *e)
{
    struct reader r = {head, false};
    struct gguf g = {.parts = 1};
    uint64_t align = ALIGN_DEFAULT, end = 0;
    if (!str_starts(head, STR("GGUF")))
        return error_set(e, ERR_CORRUPT,
                         "The file is no GGUF model: it does not begin with GGUF. Models for "
                         "llama.cpp are GGUF files.");
    take(&r, 4);
    uint64_t version = take(&r, 4);
    if (version < VERSION_FIRST || version > VERSION_LAST)
        return error_set(e, ERR_CORRUPT,
                         "The file is a GGUF of version %" PRIu64 ", which is not known here; "
                         "versions %d and %d are.",
                         version, VERSION_FIRST, VERSION_LAST);
    g.tensors = take(&r, 8);
    uint64_t keys = take(&r, 8);
    if (r.short_of || g.tensors > TENSORS_MAX || keys > KEYS_MAX)
        return damaged(e);
    for (uint64_t i = 0; i < keys; i++) {
        struct value v;
        struct str key = take_string(&r);
        if (!take_value(&r, &v))
            return damaged(e);
        keep(&g, key, &v, &align);
    }
    for (uint64_t i = 0; i < g.tensors; i++)
        if (!read_tensor(&r, &g, &end))
            return damaged(e);
    if (align == 0 || align > size || r.short_of)
        return damaged(e);
    uint64_t start = ((uint64_t)(head.n - r.rest.n) + align - 1) / align * align;
    g.data_bytes = end;
    if (end > size || start > size - end)
        return error_set(e, ERR_CORRUPT,
                         "The model file is cut short: it has %" PRIu64
                         " bytes where its tensors need %" PRIu64 ". Download it again.",
                         size, start + end);
    if (!g.arch[0])
        return error_set(e, ERR_CORRUPT, "The GGUF file names no architecture; it is no language model.");
    *out = g;
    return ERR_OK;
}

uint64_t gguf_token_bytes(const struct gguf *g)
{
    uint64_t heads = g->kv_heads ? g->kv_heads : g->heads;
    uint64_t length = g->heads ? g->embedding / g->heads : 0;
    uint64_t key = g->key_length ? g->key_length : length, value = g->value_length ? g->value_length : length;
    uint64_t sane = 1 << 24;
    if (g->layers > 1000 || heads > 10000 || key > sane || value > sane)
        return 0;
    return g->layers * heads * (key + value) * 2;
}
