/* Types as the tables write them, and the check of bodies against the shapes. */
#include "../unit.h"

#include "api/schema.h"
#include "event/event.h"

static enum err check(const char *shape, const char *text, unsigned flags, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *body = NULL;
    assert_int_equal(json_parse(&a, str_c(text), &body, e), ERR_OK);
    enum err err = schema_check(schema_find(str_c(shape)), body, flags, e);
    arena_release(&a);
    return err;
}

static void all_tables_parse(void **state)
{
    (void)state;
    size_t count = 0;
    const struct schema *list = schemas(&count);
    assert_true(count > 20);
    assert_string_equal(list[0].name, "ErrorDetail");
    assert_non_null(schema_find(STR("Room")));
    assert_null(schema_find(STR("Nowhere")));
    assert_non_null(schema_event_fields(EVENT_MESSAGE));
}

static void types_are_read(void **state)
{
    (void)state;
    static const char *const good[] = {"string",          "string(1..20)",     "(string | null)[]",
                                       "\"a\" | \"b\"",   "Record<string, A>", "{ a: string; b?: number }",
                                       "string[](..3)[]", " unknown "};
    static const char *const bad[] = {"",        "string(", "string(1)", "string |",          "{ a }",
                                      "\"a",     "a b",     "[]",        "Record<number, A>", "{a: }",
                                      "(string", "string]"};
    struct arena a = ARENA_INIT;
    const struct type *t = NULL;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(type_parse(&a, str_c(good[i]), &t, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(type_parse(&a, str_c(bad[i]), &t, NULL), ERR_INVALID);
    arena_release(&a);
}

static void bodies_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *body;
        enum err err;
        const char *param;
    } cases[] = {
        {"Say", "{\"text\":\"hi\"}", ERR_OK, ""},
        {"Say", "{\"text\":\"hi\",\"reply_to\":null}", ERR_OK, ""},
        {"Say", "{}", ERR_MISSING_FIELD, "text"},
        {"Say", "[]", ERR_WRONG_TYPE, ""},
        {"Say", "{\"text\":5}", ERR_WRONG_TYPE, "text"},
        {"Say", "{\"text\":\"a\",\"tone\":\"b\"}", ERR_UNKNOWN_FIELD, "tone"},
        {"RoomCreate", "{\"personas\":[\"mia\",7]}", ERR_WRONG_TYPE, "personas.1"},
        {"RoomCreate", "{\"personas\":\"mia\"}", ERR_WRONG_TYPE, "personas"},
        {"Traits", "{\"humor\":1.5}", ERR_REFUSED, "humor"},
        {"Traits", "{\"humor\":1e400}", ERR_WRONG_TYPE, "humor"},
        {"PersonaInput", "{\"traits\":{\"humour\":1}}", ERR_UNKNOWN_FIELD, "traits.humour"},
        {"EngineInput", "{\"max_tokens\":1.5}", ERR_WRONG_TYPE, "max_tokens"},
        {"EngineInput", "{\"max_tokens\":null}", ERR_OK, ""},
        {"EngineInput", "{\"style\":\"loud\"}", ERR_REFUSED, "style"},
        {"EngineInput", "{\"name\":\"\"}", ERR_REFUSED, "name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        assert_int_equal(check(cases[i].shape, cases[i].body, 0, &e), cases[i].err);
        assert_string_equal(e.param, cases[i].param);
        if (cases[i].err)
            assert_true(strlen(e.message) > 10);
    }
    assert_int_equal(check("Say", "{\"text\":\"a\",\"tone\":\"b\"}", SCHEMA_TOLERANT, NULL), ERR_OK);
    struct error e = {0};
    check("PersonaInput", "{\"traits\":{\"humour\":1}}", 0, &e);
    assert_non_null(strstr(e.message, "Did you mean 'humor'?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_tables_parse), cmocka_unit_test(types_are_read),
                                       cmocka_unit_test(bodies_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
