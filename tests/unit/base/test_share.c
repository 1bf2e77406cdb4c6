/* The embedded files are there, whole, and found by path and by prefix. */
#include "../unit.h"

#include <stdio.h>

#include "base/share.h"

static void finds_a_file_with_the_bytes_on_disk(void **state)
{
    (void)state;
    struct share_file file;
    assert_true(share_get(STR("scripted/README.md"), &file));
    static char disk[1 << 20];
    FILE *f = fopen("share/scripted/README.md", "rb");
    if (!f)
        skip(); /* not run from the root of the tree */
    size_t n = fread(disk, 1, sizeof disk, f);
    fclose(f);
    assert_int_equal(n, file.bytes.n);
    assert_memory_equal(disk, file.bytes.p, n);
    assert_int_equal(file.bytes.p[file.bytes.n], 0);
}

static void absent_paths_leave_the_result_alone(void **state)
{
    (void)state;
    struct share_file file = {STR("x"), STR("y")};
    assert_false(share_get(STR("scripted/none"), &file));
    assert_false(share_get(STR(""), &file));
    assert_str(file.path, "x");
}

static void walks_a_prefix_in_order(void **state)
{
    (void)state;
    struct share_file file;
    struct str last = STR("");
    size_t count = 0;
    for (size_t i = 0; share_next(&i, STR("scripted/"), &file); count++) {
        assert_true(str_starts(file.path, STR("scripted/")));
        assert_true(str_cmp(last, file.path) < 0);
        last = file.path;
    }
    assert_true(count >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_file_with_the_bytes_on_disk),
        cmocka_unit_test(absent_paths_leave_the_result_alone),
        cmocka_unit_test(walks_a_prefix_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
