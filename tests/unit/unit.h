/* What every unit test includes: cmocka and a few assertions in the house's own types. */
#ifndef EIDOLON_TESTS_UNIT_H
#define EIDOLON_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka's own include order needs the four above. */
#include <cmocka.h>

#include "base/str.h"

#define assert_str(view, literal)                                                                            \
    do {                                                                                                     \
        struct str got_ = (view), want_ = str_c(literal);                                                    \
        if (!str_eq(got_, want_))                                                                            \
            fail_msg("got '%.*s', expected '%.*s'", STR_ARG(got_), STR_ARG(want_));                          \
    } while (0)

#endif
