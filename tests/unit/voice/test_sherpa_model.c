/* Which kind of model lies in a folder of sherpa-onnx's, and what is said where something is missing. */
#include "../unit.h"

#include "base/buf.h"
#include "voice/sherpa_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/eidolon-sherpa-XXXXXX";

static void put(const char *name, struct str bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
    close(fd);
}

static void empty_folder(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    assert_int_equal(system(command), 0);
}

static void add_field(struct buf *b, unsigned number, struct str bytes)
{
    size_t n = bytes.n;
    buf_add_char(b, (char)(number << 3 | 2));
    for (; n > 127; n >>= 7)
        buf_add_char(b, (char)((n & 127) | 128));
    buf_add_char(b, (char)n);
    buf_add(b, bytes);
}

/* An ONNX file with a graph of some bytes and these metadata, "key=value" each. */
static void put_graph(const char *name, const char *const *metadata)
{
    CLEANUP_BUF struct buf all = BUF_INIT, graph = BUF_INIT;
    buf_add_char(&all, 1 << 3);
    buf_add_char(&all, 8);
    for (int i = 0; i < 5000; i++)
        buf_add_char(&graph, (char)(i * 31));
    add_field(&all, 7, buf_str(&graph));
    for (; metadata && *metadata; metadata++) {
        CLEANUP_BUF struct buf pair = BUF_INIT;
        size_t equals = str_find_char(str_c(*metadata), '=');
        add_field(&pair, 1, str_sub(str_c(*metadata), 0, equals));
        add_field(&pair, 2, str_from(str_c(*metadata), equals + 1));
        add_field(&all, 14, buf_str(&pair));
    }
    put(name, buf_str(&all));
}

static void put_espeak(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/espeak-ng-data", folder);
    mkdir(path, 0700);
    put("espeak-ng-data/phontab", STR("x"));
}

static struct arena arena;
static struct sherpa_model model;
static struct error error;

static enum err look(void)
{
    arena_release(&arena);
    error = (struct error){0};
    return sherpa_model_look(&arena, folder, STR_NONE, &model, &error);
}

static void is_kind(enum sherpa_kind kind)
{
    if (look() != ERR_OK)
        fail_msg("%s", error.message);
    assert_int_equal(model.kind, kind);
    assert_non_null(strstr(model.tokens, "tokens.txt"));
}

static void is_refused(const char *because)
{
    assert_int_not_equal(look(), ERR_OK);
    if (!strstr(error.message, because))
        fail_msg("'%s' does not say '%s'", error.message, because);
    assert_non_null(strstr(error.message, folder));
}

static void test_voices(void **state)
{
    (void)state;
    empty_folder();
    is_refused("no model");
    put_graph("en_US-amy-low.onnx", (const char *[]){"model_type=vits", "comment=piper", "n_speakers=3",
                                                     "language=English", "speaker_names=ann,bob,cy", NULL});
    is_refused("espeak-ng-data");
    put_espeak();
    is_refused("tokens.txt");
    put("tokens.txt", STR("a 0\n"));
    is_kind(SHERPA_VITS);
    assert_int_equal(model.speakers, 3);
    assert_int_equal(model.name_count, 3);
    assert_true(str_eq(model.names[1], STR("bob")));
    assert_true(str_eq(model.language, STR("English")));
    assert_non_null(strstr(model.data_dir, "espeak-ng-data"));

    /* The one made smaller is for hearing. */
    put_graph("en_US-amy-low.int8.onnx", (const char *[]){"model_type=vits", "n_speakers=3", NULL});
    is_kind(SHERPA_VITS);
    assert_null(strstr(model.model, "int8"));

    empty_folder();
    put_graph("model.onnx", (const char *[]){"n_speakers=2", NULL});
    put("voices.bin", STR("x"));
    put("tokens.txt", STR("a 0\n"));
    is_refused("espeak-ng-data");
    put_espeak();
    put("lexicon-gb-en.txt", STR("x"));
    put("lexicon-us-en.txt", STR("x"));
    put("lexicon-zh.txt", STR("x"));
    put("phone-zh.fst", STR("x"));
    put("date-zh.fst", STR("x"));
    put("number-zh.fst", STR("x"));
    is_kind(SHERPA_KOKORO);
    assert_non_null(strstr(model.lexicons, "lexicon-us-en.txt,"));
    assert_non_null(strstr(model.lexicons, "lexicon-zh.txt"));
    assert_null(strstr(model.lexicons, "gb"));
    assert_true(strstr(model.rule_fsts, "phone") < strstr(model.rule_fsts, "date"));
    assert_true(strstr(model.rule_fsts, "date") < strstr(model.rule_fsts, "number"));
    assert_int_equal(sherpa_model_look(&arena, folder, STR("en-GB"), &model, &error), ERR_OK);
    assert_null(strstr(model.lexicons, "us-en"));
    put_graph("model.onnx", (const char *[]){"model_type=kitten-tts", "n_speakers=8", NULL});
    is_kind(SHERPA_KITTEN);

    empty_folder();
    put_graph("model-steps-3.onnx", (const char *[]){"model_type=matcha-tts", "n_speakers=1", NULL});
    put("tokens.txt", STR("a 0\n"));
    put_espeak();
    is_refused("no vocoder");
    put_graph("vocos-22khz-univ.onnx", NULL);
    is_kind(SHERPA_MATCHA);
    assert_non_null(strstr(model.model, "model-steps-3"));
    assert_non_null(strstr(model.vocoder, "vocos"));
}

static void test_ears(void **state)
{
    static const struct {
        const char *type;
        enum sherpa_kind kind;
    } single[] = {{"model_type=paraformer", SHERPA_PARAFORMER},
                  {"model_type=sense_voice_ctc", SHERPA_SENSE_VOICE},
                  {"model_type=EncDecCTCModelBPE", SHERPA_NEMO_CTC},
                  {"model_type=zipformer2_ctc", SHERPA_ZIPFORMER_CTC}};
    (void)state;
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        empty_folder();
        put_graph("model.int8.onnx", (const char *[]){single[i].type, NULL});
        is_refused("tokens.txt");
        put("tokens.txt", STR("a 0\n"));
        is_kind(single[i].kind);
        assert_non_null(strstr(model.model, "int8"));
    }
    empty_folder();
    put_graph("tiny.en-encoder.onnx", (const char *[]){"model_type=whisper-tiny.en", NULL});
    is_refused("no decoder");
    put_graph("tiny.en-decoder.onnx", NULL);
    put_graph("tiny.en-encoder.int8.onnx", (const char *[]){"model_type=whisper-tiny.en", NULL});
    put_graph("tiny.en-decoder.int8.onnx", NULL);
    put("tiny.en-tokens.txt", STR("a 0\n"));
    is_kind(SHERPA_WHISPER);
    assert_non_null(strstr(model.encoder, "encoder.int8"));
    assert_non_null(strstr(model.decoder, "decoder.int8"));

    empty_folder();
    put_graph("encoder-epoch-99-avg-1.onnx", (const char *[]){"model_type=zipformer2", NULL});
    put_graph("joiner-epoch-99-avg-1.onnx", NULL);
    put("tokens.txt", STR("a 0\n"));
    is_refused("no decoder");
    put_graph("decoder-epoch-99-avg-1.onnx", NULL);
    is_kind(SHERPA_TRANSDUCER);
    put_graph("encoder-epoch-99-avg-1.onnx", (const char *[]){"model_type=EncDecRNNTBPEModel", NULL});
    is_kind(SHERPA_NEMO_TRANSDUCER);
    put_graph("encoder-epoch-99-avg-1.onnx",
              (const char *[]){"model_type=zipformer2", "decode_chunk_len=32", NULL});
    is_refused("streaming");

    empty_folder();
    put_graph("preprocess.onnx", NULL);
    put_graph("encode.int8.onnx", NULL);
    put_graph("uncached_decode.int8.onnx", NULL);
    put("tokens.txt", STR("a 0\n"));
    is_refused("no cached_decode.onnx");
    put_graph("cached_decode.int8.onnx", NULL);
    is_kind(SHERPA_MOONSHINE);
    assert_non_null(strstr(model.cached_decoder, "/cached_decode.int8"));
    assert_non_null(strstr(model.uncached_decoder, "/uncached_decode.int8"));
}

static void test_what_cannot_be_used(void **state)
{
    (void)state;
    empty_folder();
    put_graph("voice.onnx", NULL);
    put("voice.onnx.json", STR("{}"));
    is_refused("as Piper itself has it");
    unlink("voice.onnx.json");
    empty_folder();
    put("model.onnx", STR("this is no ONNX file at all, and yet it is named so"));
    put("tokens.txt", STR("a 0\n"));
    is_refused("does not tell");
    put_graph("model.onnx", (const char *[]){"model_type=gtcrn", NULL});
    is_refused("gtcrn");
    struct sherpa_model none;
    struct error e = {0};
    assert_int_equal(sherpa_model_look(&arena, "/nowhere/at/all", STR_NONE, &none, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.message, "/nowhere/at/all"));
}

/* Lengths that lie, cut files, fields without end: read to where it makes sense, and never past the file. */
static void test_broken_metadata(void **state)
{
    static const struct str broken[] = {STR(""),
                                        STR("\x72"),
                                        STR("\x72\x7f\x0a\x03"),
                                        STR("\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                                        STR("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
                                        STR("\x72\x02\x0a\x7f"),
                                        STR("\x0b\x0b\x0b"),
                                        STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")};
    struct sherpa_meta list[SHERPA_META_MAX];
    char path[512];
    (void)state;
    empty_folder();
    snprintf(path, sizeof path, "%s/broken.onnx", folder);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        put("broken.onnx", broken[i]);
        arena_release(&arena);
        assert_int_equal(sherpa_meta_read(&arena, path, list), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_voices),
        cmocka_unit_test(test_ears),
        cmocka_unit_test(test_what_cannot_be_used),
        cmocka_unit_test(test_broken_metadata),
    };
    assert_non_null(mkdtemp(folder));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    empty_folder();
    rmdir(folder);
    arena_release(&arena);
    return failed;
}
