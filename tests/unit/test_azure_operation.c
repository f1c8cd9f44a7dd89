/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/arm_operation.h"
#include "azure/retry.h"

/* When the poll that notices an operation of that length is made, and how many were needed. */
static int64_t noticed_at(int64_t length_ms, int64_t retry_after_ms, int *polls)
{
    int64_t now = 0;

    for (*polls = 0; now < length_ms; (*polls)++)
        now += arm_operation_delay_ms(*polls, retry_after_ms);
    return now;
}

static void test_pace(void **state)
{
    int polls;

    (void)state;
    /* what the figures have to be where Retry-After says 60 */
    assert_true(noticed_at(1500, 60000, &polls) < 2500);
    assert_int_equal(polls, 2);
    noticed_at(60000, 60000, &polls);
    assert_in_range(polls, 1, 6);
    /* the poll at 59.5 s may come too early for it; with its jitter it mostly does not */
    assert_true(noticed_at(59000, -1, &polls) < 60000);
    assert_int_equal(polls, 6);
    assert_true(noticed_at(1500, -1, &polls) < 2500);
    /* it is the longest pause, and 30 s is where there is none */
    assert_int_equal(arm_operation_delay_ms(20, 60000), 60000);
    assert_int_equal(arm_operation_delay_ms(20, -1), 30000);
    assert_int_equal(arm_operation_delay_ms(20, 5000), 5000);
    assert_int_equal(arm_operation_delay_ms(0, 60000), 700);
    assert_int_equal(arm_operation_delay_ms(0, -1), 700);
    /* a service that says 0, or a day, does not make azilr flood it or sleep */
    assert_int_equal(arm_operation_delay_ms(50, 0), 1000);
    assert_int_equal(arm_operation_delay_ms(1000000, (int64_t)86400 * 1000), 120000);
}

enum { SERIES = 12 };

/* The pauses of one run, all within what they may be. */
static void pause_series(int64_t retry_after_ms, int64_t series[SERIES])
{
    for (int i = 0; i < SERIES; i++) {
        int64_t delay = arm_operation_delay_ms(i, retry_after_ms);

        series[i] = arm_operation_pause_ms(i, retry_after_ms);
        assert_in_range(series[i], delay, delay + delay / 10);
    }
}

static void test_jitter_of_polls(void **state)
{
    int64_t first[SERIES], second[SERIES], end = 0;
    int most = 0;

    (void)state;
    for (int run = 0; run < 200; run++) {
        pause_series(60000, first);
        pause_series(60000, second);
        assert_memory_not_equal(first, second, sizeof(first));
        /* the promises of test_pace() hold whatever the jitter: 1.5 s are noticed within 3, 60 s take 6 polls */
        assert_true(first[0] + first[1] > 1500 && first[0] + first[1] < 2500);
        end = 0;
        for (int i = 0; i < 6; i++)
            end += first[i];
        assert_true(end >= 60000);
        pause_series(-1, first);
        pause_series(0, first);
        for (int i = 0; i < SERIES; i++)
            most = first[i] > 1000 ? most + 1 : most;
    }
    /* not all at the lower end */
    assert_in_range(most, 200, 200 * SERIES);
}

static void test_jitter_of_retries(void **state)
{
    (void)state;
    for (int run = 0; run < 200; run++) {
        int64_t first[SERIES], second[SERIES];

        for (int i = 0; i < SERIES; i++) {
            const int64_t full = (int64_t)500 << (i < 6 ? i : 6);

            first[i] = retry_backoff_ms(i);
            second[i] = retry_backoff_ms(i);
            assert_in_range(first[i], full / 2, full);
        }
        assert_memory_not_equal(first, second, sizeof(first));
    }
    assert_int_equal(retry_jitter_ms(0), 0);
    for (int seen = 0, i = 0; seen != 7; i++) {
        assert_true(i < 10000);
        assert_in_range(retry_jitter_ms(2), 0, 2);
        seen |= 1 << retry_jitter_ms(2);
    }
}

static void test_states(void **state)
{
    static const struct {
        const char *status;
        enum arm_operation_state expected;
    } cases[] = {
        {"Succeeded", ARM_OPERATION_SUCCEEDED},
        {"succeeded", ARM_OPERATION_SUCCEEDED},
        {"Failed", ARM_OPERATION_FAILED},
        {"Canceled", ARM_OPERATION_FAILED},
        {"Cancelled", ARM_OPERATION_FAILED},
        {"Invalid", ARM_OPERATION_FAILED},
        {"InProgress", ARM_OPERATION_RUNNING},
        {"Running", ARM_OPERATION_RUNNING},
        {"", ARM_OPERATION_RUNNING},
        {"Succeeded ", ARM_OPERATION_RUNNING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(arm_operation_state(cases[i].status), cases[i].expected);
}

static void test_ids(void **state)
{
    static const struct {
        const char *url, *id;
    } cases[] = {
        {"https://m/Subscriptions/x/operationsStatus/495bc3d4-4d71?api-version=2016-12-01", "495bc3d4-4d71"},
        {"https://m/a_b", "a_b"},
        {"https://m/x/", NULL},
        {"https://m/", NULL},
        {"https://m", NULL},
        {"https://m/x/a%2e%2e", NULL},
        {"https://m/x/a;b", NULL},
        {"https://m/x/a.b", NULL},
        {"https://m/x/../..", NULL},
        {"not a url", NULL},
        {"https://m/x/"
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *id = arm_operation_id(cases[i].url);

        if (cases[i].id)
            assert_string_equal(id, cases[i].id);
        else
            assert_null(id);
    }
}

static void test_lost(void **state)
{
    static const struct {
        int status;
        bool sent, lost;
    } cases[] = {
        {0, false, false}, {0, true, true},    {202, true, true},  {400, true, false}, {403, true, false},
        {408, true, true}, {409, true, false}, {429, true, false}, {500, true, true},  {503, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct http_answer answer = {.status = cases[i].status, .sent = cases[i].sent};

        assert_int_equal(arm_operation_may_have_begun(&answer), cases[i].lost);
    }
}

/* Resource Manager's copies may be some seconds apart (eventual consistency). */
static void test_unknown(void **state)
{
    struct arm_operation young = {.started_ms = 1000}, old = {.started_ms = 1000}, recorded = {0};
    struct arm_operation quick = {.started_ms = 1000, .doubt_ms = 50};

    (void)state;
    assert_false(arm_operation_is_unknown(&young, 1700));
    assert_false(arm_operation_is_unknown(&young, 11699));
    assert_true(arm_operation_is_unknown(&young, 11700));
    /* another answer in between, and it begins anew */
    young.missed_ms = 0;
    assert_false(arm_operation_is_unknown(&young, 11800));
    assert_true(arm_operation_is_unknown(&old, 1000 + ARM_OPERATION_YOUNG_MS));
    assert_true(arm_operation_is_unknown(&recorded, 5));
    assert_false(arm_operation_is_unknown(&quick, 1100));
    assert_true(arm_operation_is_unknown(&quick, 1150));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_jitter_of_polls),
        cmocka_unit_test(test_jitter_of_retries),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
