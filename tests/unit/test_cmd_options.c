/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmd/options.h"
#include "util/file.h"
#include "util/str.h"

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

static char list_word[] = "list", config[] = "--config";

/* A file of defaults with this text. The caller removes and frees its name. */
static char *file_of(const char *text)
{
    char *path = str_dup("/tmp/azilr-test-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    close(fd);
    return path;
}

static void an_option_may_be_given_several_times(void **state)
{
    _cleanup_free_ char *path = file_of("");
    char tag[] = "--tag", one[] = "a=1", two[] = "--tag=b=2";
    PARSE(OPTIONS_MOUNT, mount_word, config, path, tag, one, vm, two);

    (void)state;
    assert_int_equal(result, 0);
    assert_int_equal(options.tags.count, 2);
    assert_string_equal(options.tags.list[0], "a=1");
    assert_string_equal(options.tags.list[1], "b=2");
    options_clear(&options);
    char *many[OPTION_MAX_VALUES + 5] = {mount_word, config, path};
    for (int i = 3; i < OPTION_MAX_VALUES + 4; i++)
        many[i] = two;
    assert_int_equal(options_parse(OPTION_MAX_VALUES + 3, many, OPTIONS_MOUNT, &options, &rest, &count, &err), 0);
    assert_int_equal(options.tags.count, OPTION_MAX_VALUES);
    options_clear(&options);
    assert_int_equal(options_parse(OPTION_MAX_VALUES + 4, many, OPTIONS_MOUNT, &options, &rest, &count, &err), -1);
    assert_error(err, EXIT_USAGE, "--tag can be given 50 times");
    options_clear(&options);
    unlink(path);
}

static void an_option_counts_for_more_than_the_environment_and_that_for_more_than_the_file(void **state)
{
    _cleanup_free_ char *path = file_of("vault-name = f\nresource-group = f\nsubscription = f\ninitiator-name = f\n");
    char option[] = "--vault-name=o";

    (void)state;
    setenv("AZILR_VAULT_NAME", "e", 1);
    setenv("AZILR_RESOURCE_GROUP", "e", 1);
    setenv("AZILR_SUBSCRIPTION", "", 1);
    PARSE(OPTIONS_LIST, list_word, option, config, path);
    unsetenv("AZILR_VAULT_NAME");
    unsetenv("AZILR_RESOURCE_GROUP");
    unsetenv("AZILR_SUBSCRIPTION");
    unlink(path);
    assert_int_equal(result, 0);
    assert_string_equal(options.vault, "o");
    assert_string_equal(options.resource_group, "e");
    assert_string_equal(options.subscription, "f");
    /* another command's */
    assert_null(options.initiator_name);
    options_clear(&options);
}

static void azures_own_variable_comes_after_ours(void **state)
{
    _cleanup_free_ char *path = file_of("");

    (void)state;
    setenv("AZURE_SUBSCRIPTION_ID", "azure", 1);
    PARSE(OPTIONS_MOUNT, mount_word, config, path);
    assert_int_equal(result, 0);
    assert_string_equal(options.subscription, "azure");
    options_clear(&options);
    setenv("AZILR_SUBSCRIPTION", "ours", 1);
    assert_int_equal(options_parse(3, argv, OPTIONS_MOUNT, &options, &rest, &count, &err), 0);
    assert_string_equal(options.subscription, "ours");
    options_clear(&options);
    unsetenv("AZURE_SUBSCRIPTION_ID");
    unsetenv("AZILR_SUBSCRIPTION");
    unlink(path);
}

static void where_to_revoke_is_never_a_default(void **state)
{
    _cleanup_free_ char *path = file_of("endpoint = https://f.example\nca-file = /f\n");
    char unmount_word[] = "unmount";

    (void)state;
    setenv("AZILR_ENDPOINT", "https://e.example", 1);
    setenv("AZILR_AUTHORITY", "https://e.example", 1);
    PARSE(OPTIONS_UNMOUNT, unmount_word, config, path);
    assert_int_equal(result, 0);
    assert_null(options.endpoint);
    assert_null(options.authority);
    assert_string_equal(options.ca_file, "/f");
    options_clear(&options);
    assert_int_equal(options_parse(3, argv, OPTIONS_MOUNT, &options, &rest, &count, &err), 0);
    assert_string_equal(options.endpoint, "https://e.example");
    options_clear(&options);
    unsetenv("AZILR_ENDPOINT");
    unsetenv("AZILR_AUTHORITY");
    unlink(path);
}

static void a_time_limit_of_taking_down_is_never_a_default(void **state)
{
    _cleanup_free_ char *path = file_of("timeout = 5\n");
    char unmount_word[] = "unmount", given[] = "--timeout=7";

    (void)state;
    setenv("AZILR_TIMEOUT", "6", 1);
    PARSE(OPTIONS_UNMOUNT, unmount_word, config, path, given);
    assert_int_equal(result, 0);
    assert_string_equal(options.timeout, "7");
    options_clear(&options);
    assert_int_equal(options_parse(3, argv, OPTIONS_UNMOUNT, &options, &rest, &count, &err), 0);
    assert_null(options.timeout);
    options_clear(&options);
    assert_int_equal(options_parse(3, argv, OPTIONS_LIST, &options, &rest, &count, &err), 0);
    assert_string_equal(options.timeout, "6");
    options_clear(&options);
    unsetenv("AZILR_TIMEOUT");
    assert_int_equal(options_parse(3, argv, OPTIONS_RENEW, &options, &rest, &count, &err), 0);
    assert_string_equal(options.timeout, "5");
    options_clear(&options);
    unlink(path);
}

static void what_is_given_drops_the_defaults_that_do_not_go_with_it(void **state)
{
    _cleanup_free_ char *path =
        file_of("auth = managed-identity\nidentity = f\ntoken-file = /f\nendpoint = https://f.example\n");
    char auth[] = "--auth=azure-cli", token[] = "--token-file=/t", identity[] = "--identity=i",
         cloud[] = "--cloud=china";

    (void)state;
    PARSE(OPTIONS_LIST, list_word, config, path, auth);
    assert_int_equal(result, 0);
    assert_string_equal(options.auth, "azure-cli");
    assert_null(options.token_file);
    assert_null(options.identity);
    assert_string_equal(options.endpoint, "https://f.example");
    options_clear(&options);
    argv[3] = token;
    assert_int_equal(options_parse(4, argv, OPTIONS_LIST, &options, &rest, &count, &err), 0);
    assert_null(options.auth);
    assert_string_equal(options.token_file, "/t");
    assert_null(options.identity);
    options_clear(&options);
    argv[3] = identity;
    assert_int_equal(options_parse(4, argv, OPTIONS_LIST, &options, &rest, &count, &err), 0);
    assert_null(options.auth);
    assert_null(options.token_file);
    assert_string_equal(options.identity, "i");
    options_clear(&options);
    argv[3] = cloud;
    assert_int_equal(options_parse(4, argv, OPTIONS_LIST, &options, &rest, &count, &err), 0);
    assert_null(options.endpoint);
    options_clear(&options);
    unlink(path);
}

/* Signing in as another identity than the one that was named would be no error that anybody sees. */
static void an_identity_by_default_is_kept_where_that_is_the_way_to_sign_in(void **state)
{
    static const struct {
        const char *file, *auth, *auth_variable, *token, *identity;
    } cases[] = {
        {"token-file = /f\nidentity = f\n", "--auth=managed-identity", NULL, NULL, "f"},
        {"auth = managed-identity\nidentity = f\n", NULL, NULL, "stray", "f"},
        {"identity = f\n", NULL, "managed-identity", "stray", "f"},
        {"identity = f\n", NULL, NULL, "", "f"},
        {"token-file = /f\nidentity = f\n", "--auth=managed-identity", NULL, "stray", "f"},
        {"token-file = /f\nidentity = f\n", NULL, NULL, NULL, NULL},
        {"identity = f\n", NULL, NULL, "meant", NULL},
        {"identity = f\n", "--auth=token", NULL, NULL, NULL},
        {"auth = managed-identity\nidentity = f\n", "--auth=azure-cli", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *path = file_of(cases[i].file);
        _cleanup_free_ char *auth = str_dup(cases[i].auth ? cases[i].auth : "web01");

        if (cases[i].auth_variable)
            setenv("AZILR_AUTH", cases[i].auth_variable, 1);
        if (cases[i].token)
            setenv("AZURE_ACCESS_TOKEN", cases[i].token, 1);
        PARSE(OPTIONS_LIST, list_word, config, path, auth);
        unsetenv("AZILR_AUTH");
        unsetenv("AZURE_ACCESS_TOKEN");
        unlink(path);
        assert_int_equal(result, 0);
        assert_int_equal(options.identity != NULL, cases[i].identity != NULL);
        if (cases[i].identity)
            assert_string_equal(options.identity, cases[i].identity);
        options_clear(&options);
    }
}

static void two_names_of_one_option(void **state)
{
    _cleanup_free_ char *path = file_of("");
    char r[] = "-r", name[] = "1", at[] = "--at", moment[] = "yesterday";
    PARSE(OPTIONS_MOUNT, mount_word, vm, r, name, at, moment, config, path);

    (void)state;
    unlink(path);
    assert_int_equal(result, 0);
    assert_string_equal(options.point, "1");
    assert_string_equal(options.at, "yesterday");
    options_clear(&options);
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
        cmocka_unit_test(an_option_counts_for_more_than_the_environment_and_that_for_more_than_the_file),
        cmocka_unit_test(azures_own_variable_comes_after_ours),
        cmocka_unit_test(where_to_revoke_is_never_a_default),
        cmocka_unit_test(a_time_limit_of_taking_down_is_never_a_default),
        cmocka_unit_test(two_names_of_one_option),
        cmocka_unit_test(what_is_given_drops_the_defaults_that_do_not_go_with_it),
        cmocka_unit_test(an_identity_by_default_is_kept_where_that_is_the_way_to_sign_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
