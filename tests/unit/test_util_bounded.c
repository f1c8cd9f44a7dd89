/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "util/bounded.h"
#include "util/clock.h"
#include "util/str.h"

static int fine(void *argument, char **text, struct error **err)
{
    (void)err;
    *text = str_dup(argument);
    return 7;
}

static int failing(void *argument, char **text, struct error **err)
{
    (void)argument;
    (void)text;
    error_set(err, EXIT_BUSY, "in use");
    return error_hint(err, "wait");
}

static int endless(void *argument, char **text, struct error **err)
{
    (void)text;
    (void)err;
    /* a pipe that nobody writes to, as a disk that does not answer */
    return (int)read(*(int *)argument, &(char){0}, 1);
}

static int dying(void *argument, char **text, struct error **err)
{
    (void)argument;
    (void)text;
    (void)err;
    abort();
}

static int huge(void *argument, char **text, struct error **err)
{
    (void)argument;
    (void)err;
    *text = xcalloc(3 * 1024 * 1024, 1);
    memset(*text, 'x', 3 * 1024 * 1024 - 1);
    return 0;
}

static int descriptors(void *argument, char **text, struct error **err)
{
    (void)text;
    (void)err;
    return fcntl(*(int *)argument, F_GETFD) < 0;
}

static void what_it_says_is_handed_on(void **state)
{
    _cleanup_free_ char *text = NULL;
    struct error *err = NULL;
    bool stuck = true;

    (void)state;
    assert_int_equal(bounded_call(fine, "said", 5000, NULL, &text, &stuck, &err), 7);
    assert_string_equal(text, "said");
    assert_false(stuck);
    assert_null(err);
    assert_int_equal(bounded_call(failing, NULL, 5000, NULL, NULL, &stuck, &err), -1);
    assert_false(stuck);
    assert_string_equal(err->hint, "wait");
    assert_error(err, EXIT_BUSY, "in use");
}

static void what_does_not_end_is_left(void **state)
{
    struct error *err = NULL;
    int64_t start = clock_monotonic_ms();
    bool stuck = false;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    /* numbers from 4 on are closed in the child, and 3 may be one of them */
    assert_int_equal(dup2(ends[0], 0), 0);
    assert_int_equal(bounded_call(endless, &(int){0}, 300, NULL, NULL, &stuck, &err), -1);
    assert_true(stuck);
    assert_true(clock_monotonic_ms() - start < 5000);
    assert_error(err, EXIT_NETWORK, "did not finish");
    close(ends[0]);
    close(ends[1]);
}

static void a_child_that_dies_or_says_too_much_is_an_error(void **state)
{
    _cleanup_free_ char *text = NULL;
    struct error *err = NULL;
    bool stuck = true;

    (void)state;
    assert_int_equal(bounded_call(dying, NULL, 5000, NULL, NULL, &stuck, &err), -1);
    assert_false(stuck);
    assert_error(err, EXIT_FAILED, "without an answer");
    assert_int_equal(bounded_call(huge, NULL, 5000, NULL, &text, &stuck, &err), -1);
    assert_false(stuck);
    assert_null(text);
    assert_error(err, EXIT_FAILED, "too long");
}

static void no_lock_is_held_on_by_a_child(void **state)
{
    bool stuck;
    int fd = fcntl(0, F_DUPFD, 100);

    (void)state;
    assert_int_equal(bounded_call(descriptors, &fd, 5000, NULL, NULL, &stuck, NULL), 1);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_handed_on),
        cmocka_unit_test(what_does_not_end_is_left),
        cmocka_unit_test(a_child_that_dies_or_says_too_much_is_an_error),
        cmocka_unit_test(no_lock_is_held_on_by_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
