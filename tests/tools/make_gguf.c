/*
 * Makes GGUF files with random weights, for tests and benches: `make_gguf KIND FILE [SEED]`. The same seed
 * gives the same bytes. No weights are shipped anywhere, and none need to be fetched to see a model run.
 *
 *   tiny     a llama of 2 layers and 64 dimensions over bytes, with a chatml template; it babbles letters,
 * and may end tools    the same with a template that has tools and reasoning (<think>, <tool_call>) endless
 * tiny, but its end marks are never likely: for benches embed    a BERT of 2 layers and 64 dimensions over
 * letters, mean pooling: only for embeddings shape    a llama of SmolLM-135M's shape (30 layers, 576
 * dimensions, 9 heads of which 3 for keys, 1,536 inside, 49,152 made-up words), q8_0: 143 MB. As slow and as
 * large as the real one; it babbles, too
 *
 * The format is GGUF version 3: magic, counts, metadata, tensor infos, then the tensors, each aligned to 32
 * bytes (docs/gguf.md of the ggml project).
 */
#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 32, Q8_BLOCK = 32, TENSORS_MAX = 512, BYTES = 256 };
enum value { U32 = 4, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 };
enum type { T_F32 = 0, T_F16 = 1, T_Q8_0 = 8 };
enum token { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3 };

/* How a tensor is filled. */
enum fill { RANDOM, ONES, ZEROS, WORDS };

struct tensor {
    char name[64];
    unsigned rows, columns; /* rows 0: one dimension */
    enum type type;
    enum fill fill;
};

struct gguf {
    struct buf meta;
    unsigned values;
    struct tensor tensors[TENSORS_MAX];
    unsigned count;
    uint64_t random;
    unsigned specials; /* this many last words are control tokens */
    bool endless;
};

struct shape {
    unsigned layers, width, heads, heads_kv, inside, words, context;
    enum type type;
    bool tied;
};

static uint64_t next_random(struct gguf *g)
{
    uint64_t z = g->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* About normal, with deviation 1: a sum of four. */
static float bell(struct gguf *g)
{
    uint64_t r = next_random(g);
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (float)(r >> (16 * i) & 0xffff) / 65535.0F - 0.5F;
    return sum * 1.7320508F;
}

/* ---- metadata ---- */

static void put(struct buf *b, const void *p, size_t n)
{
    buf_add(b, str_of(p, n));
}

static void put_u32(struct buf *b, uint32_t v)
{
    put(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
    put(b, &v, sizeof v);
}

static void put_text(struct buf *b, const char *text)
{
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

static void key(struct gguf *g, const char *name, enum value type)
{
    g->values++;
    put_text(&g->meta, name);
    put_u32(&g->meta, type);
}

static void text(struct gguf *g, const char *name, const char *value)
{
    key(g, name, STRING);
    put_text(&g->meta, value);
}

static void u32(struct gguf *g, const char *name, uint32_t value)
{
    key(g, name, U32);
    put_u32(&g->meta, value);
}

static void f32(struct gguf *g, const char *name, float value)
{
    key(g, name, F32);
    put(&g->meta, &value, sizeof value);
}

static void flag(struct gguf *g, const char *name, bool value)
{
    key(g, name, BOOL);
    buf_add_char(&g->meta, (char)value);
}

static void array(struct gguf *g, const char *name, enum value type, uint64_t n)
{
    key(g, name, ARRAY);
    put_u32(&g->meta, type);
    put_u64(&g->meta, n);
}

static void add(struct gguf *g, enum type type, enum fill fill, unsigned rows, unsigned columns,
                const char *format, unsigned layer)
{
    struct tensor *t = &g->tensors[g->count++];
    *t = (struct tensor){.rows = rows, .columns = columns, .type = type, .fill = fill};
    char *percent = strchr(format, '%');
    if (percent)
        snprintf(t->name, sizeof t->name, "blk.%u.%s", layer, percent + 1);
    else
        snprintf(t->name, sizeof t->name, "%s", format);
}

/* ---- vocabularies ---- */

static const char chatml[] = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + "
                             "'<|im_end|>' + '\\n' }}{% endfor %}"
                             "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static const char with_tools[] =
    "{% if tools %}{{ '<|im_start|>system\\n' }}{% if messages[0]['role'] == 'system' %}{{ "
    "messages[0]['content'] + "
    "'\\n\\n' }}{% endif %}{{ 'Tools you may call, inside <tool_call></tool_call>:\\n<tools>' }}{% for tool "
    "in tools %}"
    "{{ '\\n' }}{{ tool | tojson }}{% endfor %}{{ '\\n</tools>\\n<tool_call>\\n{\"name\": <name>, "
    "\"arguments\": "
    "<arguments>}\\n</tool_call><|im_end|>\\n' }}{% elif messages[0]['role'] == 'system' %}{{ "
    "'<|im_start|>system\\n' + "
    "messages[0]['content'] + '<|im_end|>\\n' }}{% endif %}{% for m in messages %}{% if m['role'] == 'user' "
    "or "
    "(m['role'] == 'system' and not loop.first) %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + "
    "'<|im_end|>\\n' }}{% elif m['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% if "
    "m['reasoning_content'] "
    "%}{{ '<think>\\n' + m['reasoning_content'] + '\\n</think>\\n\\n' }}{% endif %}{{ m['content'] }}{% if "
    "m['tool_calls'] %}{% for call in m['tool_calls'] %}{% if (loop.first and m['content']) or (not "
    "loop.first) %}{{ "
    "'\\n' }}{% endif %}{{ '<tool_call>\\n{\"name\": \"' }}{{ call['function']['name'] }}{{ '\", "
    "\"arguments\": ' }}{% "
    "if call['function']['arguments'] is string %}{{ call['function']['arguments'] }}{% else %}{{ "
    "call['function']['arguments'] | tojson }}{% endif %}{{ '}\\n</tool_call>' }}{% endfor %}{% endif %}{{ "
    "'<|im_end|>\\n' }}{% elif m['role'] == 'tool' %}{{ '<|im_start|>user\\n<tool_response>\\n' + "
    "m['content'] + "
    "'\\n</tool_response><|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\\n' }}{% if enable_thinking is defined and enable_thinking is false %}{{ "
    "'<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}";

/* GPT-2's letters for bytes: printable ones stand for themselves, the others for U+0100 and up, in order. */
static unsigned letter_of_byte(unsigned byte)
{
    unsigned above = 0;
    for (unsigned b = 0; b < BYTES; b++) {
        bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return itself ? b : 256 + above;
        above += !itself;
    }
    return 0;
}

static void put_letter(struct buf *b, unsigned letter)
{
    char utf8[3] = {(char)letter, 0, 0};
    if (letter >= 0x80) {
        utf8[0] = (char)(0xc0 | letter >> 6);
        utf8[1] = (char)(0x80 | (letter & 0x3f));
    }
    put_text(b, utf8);
}

static const char *const specials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
enum { SPECIALS = 3 };

/* Bytes, then made-up words (each its own), then the control tokens. */
static void byte_vocabulary(struct gguf *g, unsigned words, const char *template)
{
    text(g, "tokenizer.ggml.model", "gpt2");
    text(g, "tokenizer.ggml.pre", "gpt-2");
    array(g, "tokenizer.ggml.tokens", STRING, words);
    for (unsigned i = 0; i < words - SPECIALS; i++) {
        char word[16];
        snprintf(word, sizeof word, "\xc4\xa0%x", i); /* with GPT-2's space before it */
        if (i < BYTES)
            put_letter(&g->meta, letter_of_byte(i));
        else
            put_text(&g->meta, word);
    }
    for (int i = 0; i < SPECIALS; i++)
        put_text(&g->meta, specials[i]);
    array(g, "tokenizer.ggml.token_type", 5, words); /* int32 */
    for (unsigned i = 0; i < words; i++)
        put_u32(&g->meta, i < words - SPECIALS ? TOKEN_NORMAL : TOKEN_CONTROL);
    array(g, "tokenizer.ggml.merges", STRING, 1);
    put_text(&g->meta, "t h"); /* it makes no token: none are joined */
    u32(g, "tokenizer.ggml.bos_token_id", words - SPECIALS);
    u32(g, "tokenizer.ggml.eos_token_id", words - 1);
    flag(g, "tokenizer.ggml.add_bos_token", false);
    text(g, "tokenizer.chat_template", template);
    g->specials = SPECIALS;
}

/* WordPiece with one letter a piece, at the start of a word or inside. */
static unsigned letter_vocabulary(struct gguf *g)
{
    static const char *const first[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    enum { FIRST = 5, LETTERS = '~' - '!' + 1, ALL = FIRST + 2 * LETTERS };
    text(g, "tokenizer.ggml.model", "bert");
    array(g, "tokenizer.ggml.tokens", STRING, ALL);
    for (int i = 0; i < FIRST; i++)
        put_text(&g->meta, first[i]);
    for (int i = 0; i < 2 * LETTERS; i++) {
        char piece[8];
        snprintf(piece, sizeof piece, "%s%c", i < LETTERS ? "\xe2\x96\x81" : "", '!' + i % LETTERS);
        put_text(&g->meta, piece);
    }
    array(g, "tokenizer.ggml.token_type", 5, ALL);
    for (int i = 0; i < ALL; i++)
        put_u32(&g->meta, i == 1 ? TOKEN_UNKNOWN : i < FIRST ? TOKEN_CONTROL : TOKEN_NORMAL);
    static const char *const ids[] = {"padding", "unknown", "cls", "seperator",
                                      "mask"}; /* as the format spells it */
    for (unsigned i = 0; i < FIRST; i++) {
        char name[48];
        snprintf(name, sizeof name, "tokenizer.ggml.%s_token_id", ids[i]);
        u32(g, name, i);
    }
    u32(g, "tokenizer.ggml.bos_token_id", 2);
    u32(g, "tokenizer.ggml.eos_token_id", 3);
    u32(g, "tokenizer.ggml.token_type_count", 2);
    return ALL;
}

/* ---- models ---- */

static void head(struct gguf *g, const char *arch, const char *name, const struct shape *s)
{
    char k[64];
    text(g, "general.architecture", arch);
    text(g, "general.name", name);
    u32(g, "general.file_type", s->type == T_Q8_0 ? 7 : 1);
#define ARCH(suffix) (snprintf(k, sizeof k, "%s." suffix, arch), k)
    u32(g, ARCH("block_count"), s->layers);
    u32(g, ARCH("context_length"), s->context);
    u32(g, ARCH("embedding_length"), s->width);
    u32(g, ARCH("feed_forward_length"), s->inside);
    u32(g, ARCH("attention.head_count"), s->heads);
    u32(g, ARCH("attention.head_count_kv"), s->heads_kv);
#undef ARCH
}

static void llama(struct gguf *g, const char *name, const struct shape *s, const char *template)
{
    unsigned w = s->width, kv = w / s->heads * s->heads_kv;
    head(g, "llama", name, s);
    u32(g, "llama.rope.dimension_count", w / s->heads);
    u32(g, "llama.vocab_size", s->words);
    f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
    f32(g, "llama.rope.freq_base", 10000);
    byte_vocabulary(g, s->words, template);
    add(g, s->type, RANDOM, s->words, w, "token_embd.weight", 0);
    add(g, T_F32, ONES, 0, w, "output_norm.weight", 0);
    if (!s->tied)
        add(g, s->type, WORDS, s->words, w, "output.weight", 0);
    for (unsigned i = 0; i < s->layers; i++) {
        add(g, T_F32, ONES, 0, w, "%attn_norm.weight", i);
        add(g, s->type, RANDOM, w, w, "%attn_q.weight", i);
        add(g, s->type, RANDOM, kv, w, "%attn_k.weight", i);
        add(g, s->type, RANDOM, kv, w, "%attn_v.weight", i);
        add(g, s->type, RANDOM, w, w, "%attn_output.weight", i);
        add(g, T_F32, ONES, 0, w, "%ffn_norm.weight", i);
        add(g, s->type, RANDOM, s->inside, w, "%ffn_gate.weight", i);
        add(g, s->type, RANDOM, s->inside, w, "%ffn_up.weight", i);
        add(g, s->type, RANDOM, w, s->inside, "%ffn_down.weight", i);
    }
}

static void bert(struct gguf *g, const struct shape *s)
{
    static const char *const square[] = {"attn_q", "attn_k", "attn_v", "attn_output"};
    static const char *const norms[] = {"attn_output_norm", "layer_output_norm"};
    unsigned w = s->width;
    char name[64];
    head(g, "bert", "Tiny random BERT", s);
    f32(g, "bert.attention.layer_norm_epsilon", 1e-12F);
    flag(g, "bert.attention.causal", false);
    u32(g, "bert.pooling_type", 1);
    unsigned words = letter_vocabulary(g);
    add(g, T_F16, RANDOM, words, w, "token_embd.weight", 0);
    add(g, T_F32, RANDOM, s->context, w, "position_embd.weight", 0);
    add(g, T_F32, RANDOM, 2, w, "token_types.weight", 0);
    add(g, T_F32, ONES, 0, w, "token_embd_norm.weight", 0);
    add(g, T_F32, ZEROS, 0, w, "token_embd_norm.bias", 0);
    for (unsigned i = 0; i < s->layers; i++) {
        for (int part = 0; part < 4; part++) {
            snprintf(name, sizeof name, "%%%s.weight", square[part]);
            add(g, T_F16, RANDOM, w, w, name, i);
            snprintf(name, sizeof name, "%%%s.bias", square[part]);
            add(g, T_F32, ZEROS, 0, w, name, i);
        }
        for (int part = 0; part < 2; part++) {
            snprintf(name, sizeof name, "%%%s.weight", norms[part]);
            add(g, T_F32, ONES, 0, w, name, i);
            snprintf(name, sizeof name, "%%%s.bias", norms[part]);
            add(g, T_F32, ZEROS, 0, w, name, i);
        }
        add(g, T_F16, RANDOM, s->inside, w, "%ffn_up.weight", i);
        add(g, T_F32, ZEROS, 0, s->inside, "%ffn_up.bias", i);
        add(g, T_F16, RANDOM, w, s->inside, "%ffn_down.weight", i);
        add(g, T_F32, ZEROS, 0, w, "%ffn_down.bias", i);
    }
}

/* ---- the file ---- */

static uint16_t half(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    int exponent = (int)(bits >> 23 & 0xff) - 127 + 15;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (exponent <= 0)
        return sign; /* too small to matter here */
    return (uint16_t)(sign | (unsigned)exponent << 10 | (bits >> 13 & 0x3ff));
}

static uint64_t row_bytes(const struct tensor *t)
{
    if (t->type == T_Q8_0)
        return (uint64_t)t->columns / Q8_BLOCK * (Q8_BLOCK + 2);
    return (uint64_t)t->columns * (t->type == T_F16 ? 2 : 4);
}

static uint64_t tensor_bytes(const struct tensor *t)
{
    return row_bytes(t) * (t->rows ? t->rows : 1);
}

static uint64_t aligned(uint64_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* How loud a row is: letters loud, other bytes hardly, so that what a tiny model babbles can be read. */
static float loudness(const struct gguf *g, const struct tensor *t, unsigned row)
{
    if (t->fill != WORDS)
        return 1;
    if (row >= t->rows - g->specials)
        return row == t->rows - 1 && !g->endless ? 1.0F : 0;
    return (row >= 'a' && row <= 'z') || row == ' ' || row == '\n' || row == '.' || row >= BYTES ? 1.5F
                                                                                                 : 0.3F;
}

static void write_row(struct gguf *g, const struct tensor *t, float scale, float *values, FILE *to)
{
    for (unsigned i = 0; i < t->columns; i++)
        values[i] = t->fill == ONES ? 1 : t->fill == ZEROS ? 0 : bell(g) * scale;
    if (t->type == T_F32)
        fwrite(values, sizeof *values, t->columns, to);
    for (unsigned i = 0; t->type == T_F16 && i < t->columns; i++) {
        uint16_t h = half(values[i]);
        fwrite(&h, sizeof h, 1, to);
    }
    for (unsigned i = 0; t->type == T_Q8_0 && i < t->columns; i += Q8_BLOCK) {
        float most = 0;
        int8_t q[Q8_BLOCK];
        for (unsigned j = 0; j < Q8_BLOCK; j++)
            most = fmaxf(most, fabsf(values[i + j]));
        for (unsigned j = 0; j < Q8_BLOCK; j++)
            q[j] = (int8_t)(most > 0 ? lrintf(values[i + j] / most * 127) : 0);
        uint16_t d = half(most / 127);
        fwrite(&d, sizeof d, 1, to);
        fwrite(q, 1, sizeof q, to);
    }
}

static void write_tensor(struct gguf *g, const struct tensor *t, FILE *to)
{
    static const char none[ALIGN];
    float *values = malloc(t->columns * sizeof *values);
    for (unsigned row = 0; row < (t->rows ? t->rows : 1); row++) {
        /* Kept near 1 through a layer; the words' rows louder, so that some are likelier than others. */
        float scale = t->fill == WORDS ? 0.35F * loudness(g, t, row) : 1 / sqrtf((float)t->columns);
        write_row(g, t, strstr(t->name, "embd") ? 1 : scale, values, to);
    }
    free(values);
    fwrite(none, 1, aligned(tensor_bytes(t)) - tensor_bytes(t), to);
}

static bool write_file(struct gguf *g, const char *path)
{
    struct buf out = BUF_INIT;
    put(&out, "GGUF", 4);
    put_u32(&out, 3);
    put_u64(&out, g->count);
    put_u64(&out, g->values);
    buf_add(&out, buf_str(&g->meta));
    uint64_t offset = 0;
    for (unsigned i = 0; i < g->count; i++) {
        const struct tensor *t = &g->tensors[i];
        put_text(&out, t->name);
        put_u32(&out, t->rows ? 2 : 1);
        put_u64(&out, t->columns);
        if (t->rows)
            put_u64(&out, t->rows);
        put_u32(&out, t->type);
        put_u64(&out, offset);
        offset = aligned(offset + tensor_bytes(t));
    }
    while (out.n % ALIGN)
        buf_add_char(&out, 0);
    FILE *to = fopen(path, "wb");
    if (!to)
        return false;
    fwrite(out.p, 1, out.n, to);
    for (unsigned i = 0; i < g->count; i++)
        write_tensor(g, &g->tensors[i], to);
    bool whole = !ferror(to);
    buf_release(&out);
    return fclose(to) == 0 && whole;
}

int main(int argc, char **argv)
{
    static struct gguf g;
    const struct shape tiny = {2, 64, 4, 2, 192, BYTES + SPECIALS, 4096, T_F16, false};
    const struct shape smol = {30, 576, 9, 3, 1536, 49152, 8192, T_Q8_0, true};
    const struct shape small_bert = {2, 64, 4, 4, 128, 0, 512, T_F16, true};
    if (argc < 3) {
        fprintf(stderr, "usage: make_gguf tiny|tools|endless|embed|shape FILE [SEED]\n");
        return 64;
    }
    const char *kind = argv[1];
    g.random = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    g.endless = strcmp(kind, "endless") == 0;
    if (strcmp(kind, "tiny") == 0 || g.endless)
        llama(&g, "Tiny random llama", &tiny, chatml);
    else if (strcmp(kind, "tools") == 0)
        llama(&g, "Tiny random llama with tools", &tiny, with_tools);
    else if (strcmp(kind, "shape") == 0)
        llama(&g, "Random llama of SmolLM-135M's shape", &smol, chatml);
    else if (strcmp(kind, "embed") == 0)
        bert(&g, &small_bert);
    else
        return fprintf(stderr, "make_gguf: there is no kind '%s'.\n", kind), 64;
    if (!write_file(&g, argv[2]))
        return fprintf(stderr, "make_gguf: %s could not be written.\n", argv[2]), 1;
    buf_release(&g.meta);
    return 0;
}
