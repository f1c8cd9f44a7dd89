/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/failure.h"
#include "cmd/options.h"
#include "util/json.h"
#include "util/log.h"

static void assert_document(const struct error *err, const char *expected)
{
    _cleanup_json_ cJSON *document = failure_document(err);
    _cleanup_free_ char *text = json_text(document, false);

    assert_string_equal(text, expected);
}

static void an_error_becomes_a_document(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    error_set(&err, EXIT_NOT_FOUND, "no vault \"%s\"", "v");
    assert_document(err, "{\"error\":{\"exit_code\":4,\"message\":\"no vault \\\"v\\\"\",\"hint\":null}}");
    error_wrap(&err, "looking");
    error_hint(&err, "look again");
    assert_document(
        err, "{\"error\":{\"exit_code\":4,\"message\":\"looking: no vault \\\"v\\\"\",\"hint\":\"look again\"}}");
}

static void details_and_results_are_beside_it(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_error_ struct error *moved = NULL;

    (void)state;
    assert_int_equal(error_set_details(&err, "{}"), -1);
    assert_null(err);
    error_set(&err, EXIT_NETWORK, "m");
    error_set_details(&err, "{\"azure\":{\"code\":\"C\"}}");
    error_set_details(&err, "{\"azure\":{\"code\":\"later\"}}");
    error_set_results(&err, "{\"sessions\":[]}");
    error_move(&moved, &err);
    assert_document(moved, "{\"error\":{\"exit_code\":5,\"message\":\"m\",\"hint\":null,\"azure\":{\"code\":\"C\"}},"
                           "\"sessions\":[]}");
}

static void details_that_are_no_object_are_left_out(void **state)
{
    static const char *const texts[] = {"", "[]", "7", "{\"a\":", "null"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_error_ struct error *err = NULL;

        error_set(&err, EXIT_FAILED, "m");
        error_set_details(&err, texts[i]);
        assert_document(err, "{\"error\":{\"exit_code\":1,\"message\":\"m\",\"hint\":null}}");
    }
}

/* Wrong usage is told as JSON too, wherever the option stands. */
static void json_is_known_before_the_options_are_read(void **state)
{
    static char command[] = "status", bogus[] = "--bogus", json[] = "--json", end[] = "--";
    char *with[] = {command, bogus, json, NULL}, *without[] = {command, bogus, end, json, NULL};
    struct options options;
    char **rest;
    int count;

    (void)state;
    assert_int_equal(options_parse(3, with, OPTIONS_STATUS, &options, &rest, &count, NULL), -1);
    assert_true(log_wants_json());
    assert_int_equal(options_parse(4, without, OPTIONS_STATUS, &options, &rest, &count, NULL), -1);
    assert_false(log_wants_json());
    with[1] = command;
    assert_int_equal(options_parse(3, with, OPTIONS_STATUS, &options, &rest, &count, NULL), 0);
    assert_true(log_wants_json());
    log_set_json(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_becomes_a_document),
        cmocka_unit_test(details_and_results_are_beside_it),
        cmocka_unit_test(details_that_are_no_object_are_left_out),
        cmocka_unit_test(json_is_known_before_the_options_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
