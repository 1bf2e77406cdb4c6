/* JSON in and out: what is kept, what is refused, and that numbers read back. */
#include "base/json.h"

#include "../unit.h"

static enum err parse(struct arena *a, const char *text, struct json **out)
{
    return json_parse(a, str_c(text), out, NULL);
}

static void keeps_the_original_text(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct json *v = NULL;
    assert_int_equal(parse(&a, " {\"a\" : 1E400, \"b\":[1, 2 ],\"c\":\"x\\u00e9\\ud83d\\ude00\"} ", &v),
                     ERR_OK);
    assert_str(json_get(v, "a")->raw, "1E400");
    assert_str(json_get(v, "b")->raw, "[1, 2 ]");
    assert_str(json_get(v, "c")->string, "x\xc3\xa9\xf0\x9f\x98\x80");
    double d = 0;
    assert_false(json_double(json_get(v, "a"), &d));
    arena_release(&a);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "+1",
        "nul",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\u0000\"",
        "\"a",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "\"\x01\"",
        "\"\xff\"",
        "1 1",
        "\"\xed\xa0\x80\"",
        "{\"a\":1,\"a\":2}",
        "\"\\ud800\\u0041\"",
        "\"\\u12\"",
        "- 1",
        "[\"a\",\n4\n,1,",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = ARENA_INIT;
        struct json *v = NULL;
        struct error e = {0};
        if (json_parse(&a, str_c(bad[i]), &v, &e) != ERR_MALFORMED_JSON)
            fail_msg("accepted: %s", bad[i]);
        assert_true(e.message[0]);
        arena_release(&a);
    }
}

static void limits_depth(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    struct arena a = ARENA_INIT;
    struct json *v = NULL;
    assert_int_equal(json_parse(&a, str_of(text, 130), &v, NULL), ERR_MALFORMED_JSON);
    assert_int_equal(json_parse(&a, str_of(text + 1, 128), &v, NULL), ERR_OK);
    arena_release(&a);
}

static void writes(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "a", STR("q\"\\\n\x01"));
    jw_key(&w, STR("b"));
    jw_array(&w);
    jw_double(&w, 0.1);
    jw_double(&w, 1.0 / 3);
    jw_i64(&w, INT64_MIN);
    jw_bool(&w, true);
    jw_null(&w);
    jw_object(&w);
    jw_end_object(&w);
    jw_end_array(&w);
    jw_kv_raw(&w, "c", STR("1E400"));
    jw_end_object(&w);
    assert_str(buf_str(&b),
               "{\"a\":\"q\\\"\\\\\\n\\u0001\",\"b\":[0.1,0.3333333333333333,-9223372036854775808,"
               "true,null,{}],\"c\":1E400}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_original_text),
        cmocka_unit_test(refuses),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
