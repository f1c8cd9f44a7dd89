/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmd/countdown.h"
#include "util/clock.h"

/* Standard error goes to a file meanwhile. */
struct screen {
    int kept_fd, file_fd;
    char text[8192];
};

static void screen_begin(struct screen *screen)
{
    fflush(stderr);
    screen->kept_fd = dup(STDERR_FILENO);
    screen->file_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(screen->kept_fd >= 0 && screen->file_fd >= 0);
    dup2(screen->file_fd, STDERR_FILENO);
}

static void screen_end(struct screen *screen)
{
    ssize_t length;

    fflush(stderr);
    dup2(screen->kept_fd, STDERR_FILENO);
    length = pread(screen->file_fd, screen->text, sizeof(screen->text) - 1, 0);
    screen->text[length > 0 ? length : 0] = '\0';
    close(screen->kept_fd);
    close(screen->file_fd);
}

static int run(struct screen *screen, struct wait *wait, bool live, int64_t seconds, int64_t limit_ms,
               struct error **err)
{
    struct progress progress;
    int result;

    screen_begin(screen);
    progress_open(&progress, false);
    progress.live = live;
    wait->tick = progress_tick;
    wait->tick_argument = &progress;
    progress_begin(&progress, "Asking");
    result = countdown_sleep(&progress, wait, "Waiting for a test", seconds, clock_monotonic_ms() + limit_ms, err);
    progress_fail(&progress);
    progress_close(&progress);
    screen_end(screen);
    return result;
}

static void a_person_sees_the_seconds_go(void **state)
{
    static struct screen screen;
    struct wait wait = WAIT_INIT;
    const char *three, *two, *one;
    int64_t before = clock_monotonic_ms();

    (void)state;
    assert_int_equal(run(&screen, &wait, true, 3, 60000, NULL), 0);
    assert_in_range(clock_monotonic_ms() - before, 2999, 4500);
    three = strstr(screen.text, "\r\033[K   0.0 s  Waiting for a test (asking again in 3 s) …");
    assert_non_null(three);
    two = strstr(three, "  Waiting for a test (asking again in 2 s) …");
    assert_non_null(two);
    one = strstr(two, "  Waiting for a test (asking again in 1 s) …");
    assert_non_null(one);
    assert_null(strstr(screen.text, "again in 0 s"));
    assert_null(strstr(screen.text, "again in 4 s"));
    /* the time of the whole stage goes on */
    assert_non_null(strstr(one, "\033[K   2."));
}

static void elsewhere_it_is_silent(void **state)
{
    static struct screen screen;
    struct wait wait = WAIT_INIT;

    (void)state;
    assert_int_equal(run(&screen, &wait, false, 1, 60000, NULL), 0);
    assert_null(strstr(screen.text, "\r"));
    /* one line, when it has ended */
    assert_ptr_equal(strchr(screen.text, '\n'), screen.text + strlen(screen.text) - 1);
}

static void it_ends_with_the_time_and_with_a_signal(void **state)
{
    static struct screen screen;
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;
    int64_t before = clock_monotonic_ms();

    (void)state;
    assert_int_equal(run(&screen, &wait, true, 60, 500, NULL), 0);
    assert_in_range(clock_monotonic_ms() - before, 499, 3000);
    wait.signal = 2;
    assert_int_equal(run(&screen, &wait, true, 60, 60000, &err), -1);
    assert_error(err, EXIT_INTERRUPTED, "interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_sees_the_seconds_go),
        cmocka_unit_test(elsewhere_it_is_silent),
        cmocka_unit_test(it_ends_with_the_time_and_with_a_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
