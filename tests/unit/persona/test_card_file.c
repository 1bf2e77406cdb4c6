/* Card files by hand: what is taken out of them, and each limit's own sentence. */
#include "../unit.h"

#include "base/base64.h"
#include "persona/card_file_inner.h"
#include "persona/paint.h"

#include <zlib.h>

static struct arena arena;
static struct card_file file;
static struct error e;

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void chunk_text(struct buf *b, const char *key, struct str value, bool encode)
{
    struct buf data = BUF_INIT;
    buf_add(&data, str_c(key));
    buf_add_char(&data, '\0');
    if (encode)
        base64_encode(&data, value);
    else
        buf_add(&data, value);
    png_chunk(b, "tEXt", buf_str(&data));
    buf_release(&data);
}

static void begin_png(struct buf *b)
{
    static const char head[13] = {0, 0, 0, 1, 0, 0, 0, 1, 8};
    buf_clear(b);
    buf_add(b, STR(PNG_MARK));
    png_chunk(b, "IHDR", str_of(head, sizeof head));
}

static enum err read_card(struct str bytes)
{
    e = (struct error){0};
    return card_file_read(&arena, bytes, &card_limits_default, &file, &e);
}

#define V2 STR("{\"spec\":\"chara_card_v2\",\"data\":{\"name\":\"a\"}}")
#define V3 STR("{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"b\"}}")

static void png_cards_are_taken_out(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    begin_png(&b);
    chunk_text(&b, "Chara", V2, true);
    png_chunk(&b, "IDAT", STR("pixels"));
    chunk_text(&b, "ccv3", V3, true);
    chunk_text(&b, "Comment", STR("mine"), false);
    chunk_text(&b, "chara-ext-asset_:4", STR("bytes"), true);
    png_chunk(&b, "IEND", STR_NONE);
    assert_int_equal(read_card(buf_str(&b)), ERR_OK);
    assert_true(str_eq(file.text, V3));
    assert_true(str_eq(file.other, V2));
    assert_int_equal(file.part_count, 1);
    assert_str(file.parts[0].uri, "__asset:4");
    assert_str(file.parts[0].bytes, "bytes");
    assert_true(str_find(file.picture, STR("pixels")) != SIZE_MAX);
    assert_true(str_find(file.picture, STR("mine")) != SIZE_MAX);
    assert_true(str_find(file.picture, STR("ccv3")) == SIZE_MAX);
    assert_false(file.own_picture);
    for (size_t n = 0; n < b.n; n++) /* every cut is noticed */
        assert_int_not_equal(read_card(str_sub(buf_str(&b), 0, n)), ERR_OK);
    buf_release(&b);
}

static void painted_pictures_are_marked(void **state)
{
    (void)state;
    struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
    struct id one = id_new(), two = id_new();
    persona_paint(&a, one);
    persona_paint(&b, one);
    persona_paint(&c, two);
    assert_true(str_eq(buf_str(&a), buf_str(&b)));
    assert_false(str_eq(buf_str(&a), buf_str(&c)));
    a.n -= 12;
    chunk_text(&a, "ccv3", V3, true);
    png_chunk(&a, "IEND", STR_NONE);
    assert_int_equal(read_card(buf_str(&a)), ERR_OK);
    assert_true(file.own_picture);
    buf_release(&a);
    buf_release(&b);
    buf_release(&c);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct card_limits l = card_limits_default;
    begin_png(&b);
    chunk_text(&b, "ccv3", V3, true);
    chunk_text(&b, "chara-ext-asset_:1", STR("twenty bytes of this"), true);
    png_chunk(&b, "IEND", STR_NONE);
    l.asset_max = 20;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_OK);
    l.file_max = b.n - 1;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_TOO_BIG);
    l = card_limits_default;
    l.entries_max = 0;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_TOO_BIG);
    l = card_limits_default;
    l.text_max = V3.n - 1;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_TOO_BIG);
    assert_non_null(strstr(e.message, "JSON"));
    buf_release(&b);
}

static void assets_are_counted(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct card_limits l = card_limits_default;
    begin_png(&b);
    chunk_text(&b, "ccv3", V3, true);
    for (int i = 0; i < 4; i++)
        chunk_text(&b, "chara-ext-asset_:1", STR("0123456789"), true);
    png_chunk(&b, "IEND", STR_NONE);
    l.asset_max = 9;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_TOO_BIG);
    l.asset_max = 10;
    l.inflated_max = 39;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_TOO_BIG);
    l.inflated_max = 40;
    assert_int_equal(card_file_read(&arena, buf_str(&b), &l, &file, &e), ERR_OK);
    buf_release(&b);
}

static void data_addresses_become_files(void **state)
{
    (void)state;
    struct str text = STR("{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"b\",\"assets\":["
                          "{\"type\":\"a\",\"uri\":\"data:text/plain;base64,aGVsbG8=\",\"name\":\"n\"},"
                          "{\"uri\":\"data:;base64,aGVsbG8\"},{\"uri\":\"data:,plain\"},7]}}");
    assert_int_equal(read_card(text), ERR_OK);
    assert_int_equal(file.part_count, 1);
    assert_str(file.parts[0].bytes, "hello");
    assert_str(file.parts[0].head, "data:text/plain;base64,");
    assert_str(file.text, "{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"b\",\"assets\":["
                          "{\"type\":\"a\",\"uri\":\"__data:0\",\"name\":\"n\"},"
                          "{\"uri\":\"data:;base64,aGVsbG8\"},{\"uri\":\"data:,plain\"},7]}}");
}

static void paths_are_judged(void **state)
{
    (void)state;
    static const char *const safe[] = {"a", "a/b.png", "assets/icon/images/x y.png", "Ünï/ø", "a..b", "..."};
    static const char *const not_safe[] = {"",     "/a",  "../a", "a/..", "a/../b", ".",
                                           "a\\b", "C:x", "a\nb", "a//b", "\xff"};
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        assert_true(card_path_safe(str_c(safe[i])));
    for (size_t i = 0; i < sizeof not_safe / sizeof *not_safe; i++)
        assert_false(card_path_safe(str_c(not_safe[i])));
    assert_false(card_path_safe(str_of("a\0b", 3)));
}

static void base64_both_ways(void **state)
{
    (void)state;
    struct str out;
    struct buf b = BUF_INIT;
    for (size_t n = 0; n < 70; n++) {
        char bytes[70];
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(i * 37 + n);
        buf_clear(&b);
        base64_encode(&b, str_of(bytes, n));
        assert_true(base64_decode(&arena, buf_str(&b), &out));
        assert_true(str_eq(out, str_of(bytes, n)));
    }
    assert_true(base64_decode(&arena, STR(" aGV\nsbG8 "), &out));
    assert_str(out, "hello");
    assert_true(base64_decode(&arena, STR("_-8"), &out));
    assert_false(base64_decode(&arena, STR("a"), &out));
    assert_false(base64_decode(&arena, STR("aGVsbG8=x"), &out));
    assert_false(base64_decode(&arena, STR("a*bc"), &out));
    assert_false(base64_decode(&arena, STR("aGVs="), &out));
    buf_release(&b);
}

static void media_types_are_a_closed_list(void **state)
{
    (void)state;
    assert_string_equal(card_media_type(STR(PNG_MARK)), "image/png");
    assert_string_equal(card_media_type(STR("RIFF1234WEBPVP8 ")), "image/webp");
    assert_string_equal(card_media_type(STR("<svg xmlns=\"http://www.w3.org/2000/svg\">")),
                        "application/octet-stream");
    assert_string_equal(card_media_type(STR("<html>")), "application/octet-stream");
    assert_string_equal(card_media_type(STR("")), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(png_cards_are_taken_out, teardown),
        cmocka_unit_test_teardown(painted_pictures_are_marked, teardown),
        cmocka_unit_test_teardown(limits_are_kept, teardown),
        cmocka_unit_test_teardown(assets_are_counted, teardown),
        cmocka_unit_test_teardown(data_addresses_become_files, teardown),
        cmocka_unit_test_teardown(paths_are_judged, teardown),
        cmocka_unit_test_teardown(base64_both_ways, teardown),
        cmocka_unit_test_teardown(media_types_are_a_closed_list, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
