/* Who listens: people are counted, not their tabs. */
#include "../unit.h"

#include "room/audience.h"

static struct id person(unsigned n)
{
    struct id id = {0};
    memset(&id, (int)n, sizeof id);
    return id;
}

static void tabs_of_one_person_are_one(void **state)
{
    (void)state;
    struct audience a = {0};
    assert_false(audience_others(&a, person(1)));
    audience_join(&a, person(1));
    audience_join(&a, person(1));
    assert_int_equal(a.subs, 2);
    assert_false(audience_others(&a, person(1)));
    assert_true(audience_others(&a, person(2))); /* who interrupts without listening: over HTTP */
    audience_join(&a, person(2));
    assert_true(audience_others(&a, person(1)));
    assert_true(audience_others(&a, person(2)));
    audience_leave(&a, person(2));
    assert_false(audience_others(&a, person(1)));
    audience_leave(&a, person(1));
    assert_false(audience_others(&a, person(1)));
    assert_true(audience_others(&a, person(2)));
    audience_leave(&a, person(1));
    assert_int_equal(a.subs, 0);
    assert_false(audience_others(&a, person(2)));
    audience_release(&a);
}

static void many_come_and_go(void **state)
{
    (void)state;
    struct audience a = {0};
    for (unsigned i = 0; i < 100; i++)
        audience_join(&a, person(i % 50));
    assert_int_equal(a.count, 50);
    assert_int_equal(a.subs, 100);
    audience_leave(&a, person(77)); /* was never here */
    assert_int_equal(a.subs, 100);
    for (unsigned i = 0; i < 98; i++)
        audience_leave(&a, person(i % 50));
    assert_int_equal(a.subs, 2);
    assert_int_equal(a.count, 2);
    assert_true(audience_others(&a, person(48)));
    audience_leave(&a, person(48));
    assert_false(audience_others(&a, person(49)));
    audience_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_of_one_person_are_one),
        cmocka_unit_test(many_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
