/* Templates: every one is well formed, fills in what it asks for, and refuses what it does not. */
#include "../unit.h"

#include "persona/template.h"

static void every_one_makes_a_persona(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct template t, again;
    size_t count = 0;
    for (size_t at = 0; template_next(&a, &at, &t); count++) {
        struct error e = {0};
        struct persona *p = NULL;
        struct json *shown = NULL, *extras = NULL;
        if (template_persona(&a, &t, STR_NONE, NULL, &p, &e))
            fail_msg("%.*s: %s", STR_ARG(t.id), e.message);
        assert_true(p->name.n && p->greeting.n && p->starters.n && p->boundaries.n);
        struct buf b = BUF_INIT;
        struct jw w = JW(&b);
        template_write(&w, &a, &t);
        assert_int_equal(json_parse(&a, arena_str(&a, buf_str(&b)), &shown, NULL), ERR_OK);
        buf_release(&b);
        const struct json *variables = json_get(shown, "variables");
        json_each (v, variables) {
            struct str mark = arena_printf(&a, "{{%.*s}}", STR_ARG(json_get_str(v, "name", STR_NONE)));
            assert_int_equal(str_find(p->greeting, mark), SIZE_MAX);
            assert_int_equal(str_find(p->system_prompt, mark), SIZE_MAX);
            assert_int_equal(str_find(p->extras, mark), SIZE_MAX);
        }
        if (p->extras.n)
            assert_int_equal(json_parse(&a, p->extras, &extras, NULL), ERR_OK);
        assert_int_equal(template_find(&a, t.id, &again, NULL), ERR_OK);
    }
    assert_true(count >= 17);
    arena_release(&a);
}

static void values(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct template t;
    struct error e = {0};
    struct persona *p = NULL;
    struct json *given = NULL;
    assert_int_equal(template_find(&a, STR("support-agent"), &t, NULL), ERR_OK);
    assert_int_equal(
        json_parse(&a, STR("{\"company\":\"A \\\"B\\\" \\\\ C\",\"product\":\"{{company}}\"}"), &given, NULL),
        ERR_OK);
    assert_int_equal(template_persona(&a, &t, STR("  Max "), given, &p, &e), ERR_OK);
    assert_str(p->name, "Max");
    assert_true(str_find(p->greeting, STR("A \"B\" \\ C")) != SIZE_MAX);
    assert_int_equal(json_parse(&a, STR("{\"nobody\":\"x\"}"), &given, NULL), ERR_OK);
    assert_int_equal(template_persona(&a, &t, STR_NONE, given, &p, &e), ERR_UNKNOWN_FIELD);
    assert_int_equal(json_parse(&a, STR("{\"company\":1}"), &given, NULL), ERR_OK);
    assert_int_equal(template_persona(&a, &t, STR_NONE, given, &p, &e), ERR_INVALID);
    assert_int_equal(template_find(&a, STR("cast"), &t, &e), ERR_NOT_FOUND);
    assert_int_equal(template_find(&a, STR("../personas/mia"), &t, &e), ERR_NOT_FOUND);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_one_makes_a_persona), cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
