/* What a file is by its bytes; what hangs on it; media in words; which models see. */
#include "../unit.h"

#include "engine/engine_inner.h"
#include "media/kind.h"
#include "media/names.h"

static enum media_form form(struct str bytes)
{
    struct error e = {0};
    enum media_form f = media_form_of(bytes, &e);
    assert_int_equal(f == MEDIA_UNKNOWN, e.message[0] != '\0');
    return f;
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(form(STR("\x89PNG\r\n\x1a\n....")), MEDIA_PNG);
    assert_int_equal(form(STR("\xff\xd8\xff\xe0")), MEDIA_JPEG);
    assert_int_equal(form(STR("RIFF....WEBPVP8 ")), MEDIA_WEBP);
    assert_int_equal(form(STR("RIFF....WAVEfmt ")), MEDIA_WAV);
    assert_int_equal(form(STR("RIFF....AVI ")), MEDIA_UNKNOWN);
    assert_int_equal(form(STR("GIF89a")), MEDIA_GIF);
    assert_int_equal(form(STR("\x1a\x45\xdf\xa3")), MEDIA_WEBM);
    assert_int_equal(form(STR("ID3\4\0\0\0\0\0\2..\xff\xfb\x90\0")), MEDIA_MP3);
    assert_int_equal(form(STR("ID3\4\0\0\0\0\0\2..<html>")), MEDIA_UNKNOWN);
    assert_int_equal(form(STR("\xff\xfb\x90\0")), MEDIA_MP3);
    assert_int_equal(form(STR("\xff\xff\xff\xff")), MEDIA_UNKNOWN);
    assert_int_equal(form(STR_NONE), MEDIA_UNKNOWN);
}

static void test_sentences(void **state)
{
    (void)state;
    struct error e = {0};
    media_form_of(STR("\0\0\0\x20"
                      "ftypheic"),
                  &e);
    assert_int_equal(e.err, ERR_UNSUPPORTED_TYPE);
    assert_non_null(strstr(e.message, "HEIC"));
    assert_string_equal(media_foreign(STR("\r\n  <script>")), "a page of HTML");
    assert_null(media_foreign(STR("\0\0\0")));
}

static void test_zip_at_the_end(void **state)
{
    (void)state;
    char file[200] = {0};
    memcpy(file + 100, "PK\5\6", 4);
    assert_false(media_ends_as_zip(str_of(file, sizeof file))); /* its comment's length is not what is left */
    file[120] = 200 - 100 - 22;
    assert_true(media_ends_as_zip(str_of(file, sizeof file)));
    assert_true(media_ends_as_zip(str_of(file + 100, 100)));
    assert_false(media_ends_as_zip(str_of(file, 10)));
}

static void test_in_words(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = BUF_INIT;
    media_in_words(
        STR("[{\"id\":\"x\",\"type\":\"image/png\",\"name\":\"harbour.png\",\"width\":640,\"height\":480},"
            "{\"id\":\"y\",\"type\":\"audio/wav\",\"duration_ms\":12345}]"),
        &b);
    assert_str(buf_str(&b), "[an image: harbour.png, 640x480]\n[a recording, 12 s]");
    buf_clear(&b);
    media_in_words(STR("nonsense"), &b);
    assert_int_equal(b.n, 0);
}

static void test_models_that_see(void **state)
{
    (void)state;
    assert_true(engine_model_sees(STR("gpt-4o-mini")));
    assert_true(engine_model_sees(STR("Qwen/Qwen2.5-VL-7B-Instruct")));
    assert_true(engine_model_sees(STR("o1")));
    assert_false(engine_model_sees(STR("foo1")));
    assert_false(engine_model_sees(STR("llama-3.1-8b")));
    struct config_provider local = {.type = STR("llama")}, remote = {.type = STR("openai")};
    struct config_engine engine = {.model = STR("gpt-4o"), .vision = STR("auto")};
    assert_true(engine_sees(&engine, &remote));
    assert_false(engine_sees(&engine, &local));
    assert_false(engine_sees(&engine, NULL));
    engine.vision = STR("off");
    assert_false(engine_sees(&engine, &remote));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_zip_at_the_end),  cmocka_unit_test(test_in_words),
        cmocka_unit_test(test_models_that_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
