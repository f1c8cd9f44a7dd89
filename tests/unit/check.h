/* SPDX-License-Identifier: MIT */
/* What cmocka wants before its header, and what our tests share. */
#ifndef AZILR_TESTS_UNIT_CHECK_H
#define AZILR_TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/error.h"

/* An error was given, with this exit code, and its message holds this text. Frees it. */
#define assert_error(err, expected_code, text)                                                                         \
    do {                                                                                                               \
        assert_non_null(err);                                                                                          \
        assert_int_equal((err)->code, (expected_code));                                                                \
        if (!strstr((err)->message, (text)))                                                                           \
            fail_msg("\"%s\" is not in \"%s\"", (text), (err)->message);                                               \
        error_free(err);                                                                                               \
        (err) = NULL;                                                                                                  \
    } while (0)

#endif
