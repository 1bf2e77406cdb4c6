/* Heads of GGUF files: whole, cut at every byte, and with absurd numbers; and the names and addresses around
 * them. */
#include "../unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "engine/gguf.h"
#include "engine/model_address.h"
#include "engine/model_file.h"

#include <string.h>

static void u32(struct buf *b, uint32_t v)
{
    buf_add(b, str_of((char *)&v, 4));
}

static void u64(struct buf *b, uint64_t v)
{
    buf_add(b, str_of((char *)&v, 8));
}

static void text(struct buf *b, const char *s)
{
    u64(b, strlen(s));
    buf_add(b, str_c(s));
}

static void key_text(struct buf *b, const char *key, const char *value)
{
    text(b, key);
    u32(b, 8);
    text(b, value);
}

static void key_number(struct buf *b, const char *key, uint32_t value)
{
    text(b, key);
    u32(b, 4);
    u32(b, value);
}

/* One tensor of 64 floats; data begins at a multiple of 32. */
static void make(struct buf *b, uint64_t elements)
{
    buf_add(b, STR("GGUF"));
    u32(b, 3);
    u64(b, 1);
    u64(b, 6);
    key_text(b, "general.architecture", "llama");
    key_number(b, "general.file_type", 15);
    key_number(b, "llama.context_length", 4096);
    key_number(b, "llama.block_count", 2);
    text(b, "tokenizer.ggml.tokens");
    u32(b, 9);
    u32(b, 8);
    u64(b, 2);
    text(b, "a");
    text(b, "b");
    key_text(b, "tokenizer.chat_template", "{{ messages }}");
    text(b, "w");
    u32(b, 1);
    u64(b, elements);
    u32(b, 0);
    u64(b, 0);
    while (b->n % 32)
        buf_add_char(b, 0);
}

static void whole(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct gguf g;
    struct error e = {0};
    (void)state;
    make(&b, 64);
    if (gguf_read(buf_str(&b), b.n + 256, &g, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_string_equal(g.arch, "llama");
    assert_string_equal(g.quantization, "Q4_K_M");
    assert_int_equal(g.context, 4096);
    assert_int_equal(g.vocabulary, 2);
    assert_int_equal(g.parameters, 64);
    assert_true(g.template);
    assert_int_equal(gguf_read(buf_str(&b), b.n + 255, &g, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.message, "cut short"));
}

static void cut_anywhere(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct gguf g;
    (void)state;
    make(&b, 64);
    for (size_t n = 0; n < b.n; n++) {
        struct error e = {0};
        char *copy = malloc(n + 1); /* so that a sanitizer sees the end */
        memcpy(copy, b.p, n);
        assert_int_equal(gguf_read(str_of(copy, n), n, &g, &e), ERR_CORRUPT);
        assert_true(e.message[0] != '\0');
        free(copy);
    }
}

static void every_byte_wrong(void **state)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct gguf g;
    (void)state;
    make(&b, 64);
    for (size_t i = 0; i < b.n; i++)
        for (int v = 0; v < 3; v++) {
            char was = b.p[i];
            b.p[i] = (char)(v == 0 ? 0xff : v == 1 ? 0x7f : was ^ 0x80);
            gguf_read(buf_str(&b), b.n + 256, &g, NULL); /* whatever it says, it comes back */
            b.p[i] = was;
        }
}

static void absurd_sizes(void **state)
{
    static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX / 4, (uint64_t)1 << 62, (uint64_t)1 << 40};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct gguf g;
        make(&b, sizes[i]);
        assert_int_equal(gguf_read(buf_str(&b), b.n + 256, &g, NULL), ERR_CORRUPT);
    }
}

static void split_names(void **state)
{
    struct str name;
    unsigned part, parts;
    (void)state;
    assert_true(model_split(STR("big-00002-of-00003.gguf"), &name, &part, &parts));
    assert_str(name, "big");
    assert_int_equal(part, 2);
    assert_int_equal(parts, 3);
    assert_false(model_split(STR("big-00004-of-00003.gguf"), &name, &part, &parts));
    assert_false(model_split(STR("big-0002-of-00003.gguf"), &name, &part, &parts));
    assert_false(model_split(STR("big.gguf"), &name, &part, &parts));
}

static void addresses(void **state)
{
    struct arena a = ARENA_INIT;
    struct model_address at;
    struct str hub = STR("https://huggingface.co");
    (void)state;
    assert_int_equal(
        model_address_read(&a, STR(" https://huggingface.co/o/r/blob/main/x%20y.gguf?download=true "), hub,
                           &at, NULL),
        ERR_OK);
    assert_str(at.url, "https://huggingface.co/o/r/resolve/main/x%20y.gguf?download=true");
    assert_str(at.file, "x y.gguf");
    assert_int_equal(model_address_read(&a, STR("hf:o/r:Q8_0"), hub, &at, NULL), ERR_OK);
    assert_str(at.list, "https://huggingface.co/api/models/o/r/tree/main?recursive=true");
    char sha[MODEL_SHA256] = "";
    struct str list = STR(
        "[{\"path\":\"x-IQ4_XS.gguf\"},{\"path\":\"x-Q4_K_M.gguf\"},{\"path\":\"x-q8_0-00001-of-00002."
        "gguf\",\"lfs\":{\"oid\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}]");
    assert_int_equal(model_address_choose(&a, list, hub, &at, sha, NULL), ERR_OK);
    assert_str(at.file, "x-q8_0-00001-of-00002.gguf");
    assert_int_equal(sha[0], 'a');
    assert_str(model_address_part(&a, at.url, 2, 2),
               "https://huggingface.co/o/r/resolve/main/x-q8_0-00002-of-00002.gguf");
    assert_int_equal(model_address_read(&a, STR("hf:o/r"), hub, &at, NULL), ERR_OK);
    assert_int_equal(model_address_choose(&a, list, hub, &at, sha, NULL), ERR_OK);
    assert_str(at.file, "x-Q4_K_M.gguf");
    static const char *const bad[] = {"hf:../x", "hf:a/b/c", "hf:a", "file:///etc/passwd", "x.gguf", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(model_address_read(&a, str_c(bad[i]), hub, &at, NULL), ERR_REFUSED);
    static const char *const names[] = {".x.gguf", "a/b.gguf", "x.bin", ".gguf", "a\\b.gguf", "a\n.gguf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(model_file_name_check(str_c(names[i]), NULL), ERR_REFUSED);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),        cmocka_unit_test(cut_anywhere), cmocka_unit_test(every_byte_wrong),
        cmocka_unit_test(absurd_sizes), cmocka_unit_test(split_names),  cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
