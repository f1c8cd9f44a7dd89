/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "util/clock.h"
#include "util/pool.h"

struct record {
    atomic_int calls[100];
    atomic_int at_once, most;
};

static void count_call(void *argument, size_t i, struct wait *wait)
{
    struct record *record = argument;

    (void)wait;
    atomic_fetch_add(&record->calls[i], 1);
}

static void each_is_done_once(void **state)
{
    static const size_t counts[] = {0, 1, 2, 31, 32, 33, 100};

    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct record record = {0};

        assert_int_equal(pool_run(counts[c], count_call, &record, NULL, NULL), 0);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(record.calls[i], i < counts[c]);
    }
}

static void sleep_a_while(void *argument, size_t i, struct wait *wait)
{
    struct record *record = argument;
    int now = atomic_fetch_add(&record->at_once, 1) + 1, most = atomic_load(&record->most);

    (void)i;
    while (now > most && !atomic_compare_exchange_weak(&record->most, &most, now))
        ;
    wait_sleep(wait, 200, NULL);
    atomic_fetch_sub(&record->at_once, 1);
}

/* counted, not timed: on a busy machine threads may well be late, but not one after the other */
static void they_run_beside_each_other(void **state)
{
    struct record record = {0};

    (void)state;
    assert_int_equal(pool_run(8, sleep_a_while, &record, NULL, NULL), 0);
    assert_true(record.most > 1);
    assert_true(record.most <= POOL_MAX_THREADS);
}

static void sleep_long(void *argument, size_t i, struct wait *wait)
{
    struct record *record = argument;
    struct error *err = NULL;

    atomic_fetch_add(&record->calls[i], 1);
    assert_int_equal(wait_sleep(wait, 60 * 1000, &err), -1);
    error_free(err);
    atomic_fetch_add(&record->at_once, 1);
}

static void a_time_limit_ends_all_of_them(void **state)
{
    struct record record = {0};
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;
    int begun = 0;

    (void)state;
    wait.deadline_ms = clock_monotonic_ms() + 100;
    assert_int_equal(pool_run(100, sleep_long, &record, &wait, &err), -1);
    assert_error(err, EXIT_NETWORK, "time limit");
    for (size_t i = 0; i < 100; i++)
        begun += record.calls[i];
    assert_true(begun <= POOL_MAX_THREADS);
    assert_int_equal(record.at_once, begun);
}

static void a_signal_ends_all_of_them(void **state)
{
    struct record record = {0};
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;
    sigset_t none;

    (void)state;
    assert_int_equal(wait_catch_signals(&wait, NULL), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(pool_run(3, sleep_long, &record, &wait, &err), -1);
    assert_error(err, EXIT_INTERRUPTED, "SIGTERM");
    assert_int_equal(record.at_once, record.calls[0] + record.calls[1] + record.calls[2]);
    wait_close(&wait);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once),
        cmocka_unit_test(they_run_beside_each_other),
        cmocka_unit_test(a_time_limit_ends_all_of_them),
        cmocka_unit_test(a_signal_ends_all_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
