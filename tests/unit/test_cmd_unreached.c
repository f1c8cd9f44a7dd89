/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "cmd/unreached.h"
#include "util/json.h"

static cJSON *registration(const char *endpoint, const char *authority)
{
    cJSON *made = json_new_object();

    json_set_string(made, "recovery_point", "/point");
    json_set_string(made, "endpoint", endpoint);
    json_set_string(made, "authority", authority);
    return made;
}

static void a_place_that_does_not_answer_is_waited_for_once(void **state)
{
    _cleanup_json_ cJSON *first = registration("https://m.example", "https://a.example");
    _cleanup_json_ cJSON *again = registration("https://m.example", "https://a.example");
    _cleanup_json_ cJSON *endpoint = registration("https://other.example", "https://a.example");
    _cleanup_json_ cJSON *authority = registration("https://m.example", "https://other.example");
    _cleanup_json_ cJSON *nowhere = registration(NULL, NULL);
    _cleanup_error_ struct error *silent = NULL, *refusal = NULL, *forbidden = NULL;
    struct unreached unreached = {0};

    (void)state;
    error_set(&silent, EXIT_NETWORK, "the time limit is over");
    error_set(&refusal, EXIT_NETWORK, "m.example answered 409");
    error_set_details(&refusal, "{\"azure\":{\"status\":409}}");
    error_set(&forbidden, EXIT_AUTH, "not allowed");
    assert_int_equal(unreached_limit_ms(&unreached, first), UNREACHED_FIRST_MS);
    unreached_note(&unreached, first, refusal);
    unreached_note(&unreached, first, forbidden);
    assert_int_equal(unreached_limit_ms(&unreached, first), UNREACHED_FIRST_MS);
    unreached_note(&unreached, first, silent);
    unreached_note(&unreached, first, silent);
    assert_int_equal(cJSON_GetArraySize(unreached.registrations), 1);
    assert_int_equal(unreached_limit_ms(&unreached, again), UNREACHED_AGAIN_MS);
    assert_int_equal(unreached_limit_ms(&unreached, endpoint), UNREACHED_FIRST_MS);
    assert_int_equal(unreached_limit_ms(&unreached, authority), UNREACHED_FIRST_MS);
    /* each place by itself, whichever came last */
    unreached_note(&unreached, nowhere, silent);
    assert_int_equal(unreached_limit_ms(&unreached, nowhere), UNREACHED_AGAIN_MS);
    assert_int_equal(unreached_limit_ms(&unreached, again), UNREACHED_AGAIN_MS);
    unreached_clear(&unreached);
    assert_int_equal(unreached_limit_ms(&unreached, again), UNREACHED_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_does_not_answer_is_waited_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
