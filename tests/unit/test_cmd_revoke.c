/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "cmd/revoke.h"
#include "util/json.h"
#include "util/str.h"

static void what_a_state_tells_of_the_opening(void **state)
{
    static const struct {
        const char *state, *url;
        bool ended;
    } cases[] = {
        {"{}", NULL, false},
        {"{\"operation\":{\"url\":\"https://m/1\",\"id\":\"1\"}}", "https://m/1", false},
        {"{\"operation\":{\"url\":7}}", NULL, true},
        /* done as soon as it was accepted */
        {"{\"operation\":{\"by_location\":true}}", NULL, true},
        {"{\"created\":\"2026-11-20T12:00:00Z\"}", NULL, false},
        {"{\"created\":\"2026-11-20T11:19:59Z\"}", NULL, true},
        {"{\"created\":\"2026-11-20T11:20:01Z\"}", NULL, false},
        {"{\"created\":\"2999-11-20T11:20:01Z\"}", NULL, false},
        {"{\"created\":\"yesterday\"}", NULL, false},
        {"{\"created\":\"2026-11-20T11:00:00Z\",\"operation\":{\"url\":\"https://m/1\"}}", "https://m/1", true},
    };
    const time_t now = 1795176000; /* 2026-11-20T12:00:00Z */

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *json = cJSON_Parse(cases[i].state);
        const struct ilr_opening opening = revoke_opening(json, now);

        if (opening.ended != cases[i].ended || !str_equal(opening.operation_url, cases[i].url))
            fail_msg("%s: %d, %s", cases[i].state, opening.ended, opening.operation_url);
    }
}

static void whether_the_address_is_of_the_results(void **state)
{
    _cleanup_json_ cJSON *json = cJSON_Parse("{\"operation\":{\"url\":\"https://m/1\",\"by_location\":true}}");

    (void)state;
    assert_true(revoke_opening(json, 0).by_location);
}

/* One that began a moment ago need not be known to the service; one that was recorded without a time is as old as all.
 */
static void how_old_the_opening_is(void **state)
{
    static const struct {
        const char *state;
        bool is_recent;
    } cases[] = {
        {"{\"created\":\"2026-11-20T11:59:00Z\",\"operation\":{\"url\":\"https://m/1\"}}", true},
        {"{\"created\":\"2026-11-20T11:50:00Z\",\"operation\":{\"url\":\"https://m/1\"}}", false},
        /* throttled before */
        {"{\"created\":\"2026-11-20T11:30:00Z\",\"operation\":{\"accepted\":\"2026-11-20T11:59:30Z\"}}", true},
        {"{\"created\":\"2026-11-20T11:59:00Z\",\"operation\":{\"accepted\":\"2026-11-20T11:50:30Z\"}}", false},
    };
    const time_t now = 1795176000; /* 2026-11-20T12:00:00Z */

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *json = cJSON_Parse(cases[i].state);

        if (revoke_opening(json, now).is_recent != cases[i].is_recent)
            fail_msg("%s", cases[i].state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_state_tells_of_the_opening),
        cmocka_unit_test(whether_the_address_is_of_the_results),
        cmocka_unit_test(how_old_the_opening_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
