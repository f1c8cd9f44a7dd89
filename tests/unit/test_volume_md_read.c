/* SPDX-License-Identifier: MIT */
/* mdadm is asked about all devices at once, and about each once. Run in its place: __wrap_run() (Makefile). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "util/run.h"
#include "util/str.h"
#include "volume/md.h"

enum { DEVICES = 6, LONG_S = 60 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t asked;    /* how often mdadm was asked whether a device has a superblock */
static size_t together; /* so many must be asking at the same time before any is answered */
static bool is_missing; /* mdadm is not installed */

/* Whether they came together, or at least before somebody would say that they do not. */
static bool meet(void)
{
    struct timespec end;
    int problem = 0;
    bool met;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LONG_S;
    pthread_mutex_lock(&lock);
    asked++;
    pthread_cond_broadcast(&changed);
    while (asked < together && problem == 0)
        problem = pthread_cond_timedwait(&changed, &lock, &end);
    met = asked >= together;
    pthread_mutex_unlock(&lock);
    return met;
}

/* /dev/empty has no superblock, /dev/senseless one that makes no sense, the others are of one raid1. */
static void answer(const char *device, bool is_export, struct run_result *result)
{
    static const char exported[] = "MD_LEVEL=raid1\nMD_DEVICES=%d\nMD_NAME=web01:x\n"
                                   "MD_UUID=89142a1b:215d4378:1ed8914a:353daa27\nMD_EVENTS=18\n";
    static const char shown[] = "        Version : 1.2\n          State : clean\n"
                                "   Device Role : Active device %c\n";
    _cleanup_free_ char *text = NULL;

    if (str_equal(device, "/dev/empty"))
        result->exit_code = 1;
    else if (str_equal(device, "/dev/senseless"))
        text = str_dup("MD_LEVEL=\n");
    else if (is_export)
        text = str_printf(exported, DEVICES);
    else
        text = str_printf(shown, device[strlen("/dev/")]);
    result->output = (struct buffer)BUFFER_INIT(4096);
    if (text)
        assert_int_equal(buffer_append(&result->output, text, strlen(text)), 0);
}

int __wrap_run(const char *const argv[], const struct run_options *options, struct wait *wait,
               struct run_result *result, struct error **err);

int __wrap_run(const char *const argv[], const struct run_options *options, struct wait *wait,
               struct run_result *result, struct error **err)
{
    const bool is_export = str_equal(argv[2], "--export");

    (void)options;
    (void)wait;
    if (is_export && !meet())
        return error_set(err, EXIT_HOST, "not all were asked at once");
    if (is_missing)
        return error_set(err, EXIT_HOST, "mdadm is not installed");
    answer(argv[is_export ? 4 : 3 + !str_starts_with(argv[3], "/dev/")], is_export, result);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    asked = together = 0;
    is_missing = false;
    return 0;
}

static void all_are_asked_at_once_and_each_once(void **state)
{
    static const char *const devices[DEVICES] = {"/dev/0", "/dev/1", "/dev/2", "/dev/3", "/dev/4", "/dev/5"};
    _cleanup_md_answers_ struct md_answers known = {0};

    (void)state;
    together = DEVICES;
    for (size_t round = 0; round < 3; round++) {
        _cleanup_md_arrays_ struct md_arrays arrays = {0};
        struct error *err = NULL;

        if (md_read(devices, DEVICES, &known, &arrays, NULL, &err) < 0)
            fail_msg("%s", err->message);
        assert_int_equal(arrays.count, 1);
        assert_int_equal(arrays.items[0].state, MD_WHOLE);
        assert_int_equal(arrays.items[0].member_count, DEVICES);
        for (size_t i = 0; i < DEVICES; i++) {
            assert_string_equal(arrays.items[0].members[i].device, devices[i]);
            assert_int_equal(arrays.items[0].members[i].role, i);
        }
    }
    assert_int_equal(asked, DEVICES);
}

static void one_that_comes_later_is_asked_alone(void **state)
{
    static const char *const devices[] = {"/dev/empty", "/dev/0", "/dev/senseless", "/dev/1"};
    _cleanup_md_answers_ struct md_answers known = {0};

    (void)state;
    for (size_t count = 3; count <= 4; count++) {
        _cleanup_md_arrays_ struct md_arrays arrays = {0};

        assert_int_equal(md_read(devices, count, &known, &arrays, NULL, NULL), 0);
        assert_int_equal(arrays.count, 1);
        assert_int_equal(arrays.items[0].member_count, count - 2);
        assert_int_equal(asked, count);
    }
}

static void without_mdadm_none_is_read(void **state)
{
    static const char *const devices[] = {"/dev/0", "/dev/1"};
    _cleanup_md_answers_ struct md_answers known = {0};
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    struct error *err = NULL;

    (void)state;
    is_missing = true;
    assert_int_equal(md_read(devices, 2, &known, &arrays, NULL, &err), -1);
    error_fold_hint(err);
    assert_error(err, EXIT_HOST, "install the package mdadm");
    assert_int_equal(arrays.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_are_asked_at_once_and_each_once, begin),
        cmocka_unit_test_setup(one_that_comes_later_is_asked_alone, begin),
        cmocka_unit_test_setup(without_mdadm_none_is_read, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
