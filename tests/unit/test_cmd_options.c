/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/options.h"

#define PARSE(user, ...)                                                                                               \
    char *argv[] = {__VA_ARGS__, NULL};                                                                                \
    struct options options;                                                                                            \
    char **rest;                                                                                                       \
    int count;                                                                                                         \
    struct error *err = NULL;                                                                                          \
    int result = options_parse((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv, user, &options, &rest, &count, &err)

static char mount_word[] = "mount", status_word[] = "status", vm[] = "web01";

static void options_and_arguments_mix(void **state)
{
    char g[] = "-g", rg[] = "rg1", vault[] = "--vault-name=v1", json[] = "--json";
    PARSE(OPTIONS_MOUNT, mount_word, g, rg, vm, vault, json);

    (void)state;
    assert_int_equal(result, 0);
    assert_string_equal(options.resource_group, "rg1");
    assert_string_equal(options.vault, "v1");
    assert_true(options.json);
    assert_false(options.quiet);
    assert_int_equal(count, 1);
    assert_string_equal(rest[0], "web01");
    assert_null(err);
}

static void unknown_options_are_named(void **state)
{
    char bogus[] = "--bogus";
    PARSE(OPTIONS_MOUNT, mount_word, bogus);

    (void)state;
    assert_int_equal(result, -1);
    assert_error(err, EXIT_USAGE, "unknown or ambiguous option --bogus");
}

static void an_option_of_another_command_is_unknown(void **state)
{
    char script[] = "--script";
    PARSE(OPTIONS_STATUS, status_word, script, vm);

    (void)state;
    assert_int_equal(result, -1);
    assert_error(err, EXIT_USAGE, "--script");
}

static void a_missing_value_is_named(void **state)
{
    char script[] = "--script";
    PARSE(OPTIONS_MOUNT, mount_word, script);

    (void)state;
    assert_int_equal(result, -1);
    assert_error(err, EXIT_USAGE, "--script needs a value");
}

static void control_characters_and_empty_values_are_refused(void **state)
{
    char dir[] = "--dir=/tmp/a\nb";
    PARSE(OPTIONS_MOUNT, mount_word, dir);

    (void)state;
    assert_int_equal(result, -1);
    assert_error(err, EXIT_USAGE, "--dir must not");
    char empty[] = "--vault-name=";
    char *again[] = {mount_word, empty, NULL};
    assert_int_equal(options_parse(2, again, OPTIONS_MOUNT, &options, &rest, &count, &err), -1);
    assert_error(err, EXIT_USAGE, "--vault-name must not be empty");
}

static void an_option_may_be_given_several_times(void **state)
{
    char tag[] = "--tag", one[] = "a=1", two[] = "--tag=b=2";
    PARSE(OPTIONS_MOUNT, mount_word, tag, one, vm, two);

    (void)state;
    assert_int_equal(result, 0);
    assert_int_equal(options.tags.count, 2);
    assert_string_equal(options.tags.list[0], "a=1");
    assert_string_equal(options.tags.list[1], "b=2");
    char *many[OPTION_MAX_VALUES + 3] = {mount_word};
    for (int i = 1; i < OPTION_MAX_VALUES + 2; i++)
        many[i] = two;
    assert_int_equal(options_parse(OPTION_MAX_VALUES + 1, many, OPTIONS_MOUNT, &options, &rest, &count, &err), 0);
    assert_int_equal(options.tags.count, OPTION_MAX_VALUES);
    assert_int_equal(options_parse(OPTION_MAX_VALUES + 2, many, OPTIONS_MOUNT, &options, &rest, &count, &err), -1);
    assert_error(err, EXIT_USAGE, "--tag can be given 50 times");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_mix),
        cmocka_unit_test(unknown_options_are_named),
        cmocka_unit_test(an_option_of_another_command_is_unknown),
        cmocka_unit_test(a_missing_value_is_named),
        cmocka_unit_test(control_characters_and_empty_values_are_refused),
        cmocka_unit_test(an_option_may_be_given_several_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
