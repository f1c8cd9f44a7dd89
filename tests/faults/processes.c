/* SPDX-License-Identifier: MIT */
/* Points: children, azilr's own tunnel among them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/str.h"
#include "wraps.h"

/* Instead of the minute that azilr waits for a child. */
static const int64_t SHORT_MS = 300;
/* And for a call in a child of its own, where one of them hangs: the others still must have the time they take. */
static const int64_t SHORT_CALL_MS = 4000;
static const int64_t TIMES_FASTER = 20;

/* A child that is at work when azilr is killed: it begins so much later than that. */
static const char LATER[] = "sleep 0.6; exec \"$0\" \"$@\"";
static const long KILL_AFTER_NS = 300 * 1000 * 1000;

enum { MAX_ARGUMENTS = 400 };

pid_t __wrap_fork(void)
{
    enum fault fault = fault_meet("fork");
    pid_t pid;

    if (fault == FAULT_FAIL) {
        errno = EAGAIN;
        return -1;
    }
    pid = __real_fork();
    if (pid)
        fault_leave(fault);
    return pid;
}

int __wrap_kill(pid_t pid, int number)
{
    enum fault fault = fault_meet("kill %s", sigabbrev_np(number));
    int result = -1;

    if (fault == FAULT_FAIL)
        errno = EPERM;
    else
        result = __real_kill(pid, number);
    fault_leave(fault);
    return result;
}

/* In a child between fork() and exec. The tunnel is azilr too, and has points of its own. */
int __wrap_execve(const char *path, char *const argv[], char *const environment[])
{
    char *const *more = fault_variables();
    char *all[64];
    size_t count = 0;

    if (strcmp(path, "/proc/self/exe") != 0)
        return __real_execve(path, argv, environment);
    for (; environment[count] && count < 50; count++)
        all[count] = environment[count];
    while (*more)
        all[count++] = *more++;
    all[count] = NULL;
    return __real_execve(path, argv, all);
}

/* argv[0], and the arguments up to and without the first that is long: those are configurations and tables. */
static void describe(const char *const argv[], char *text, size_t size)
{
    size_t length = 0;

    *text = '\0';
    for (size_t i = 0; argv[i] && length < size; i++) {
        if (strlen(argv[i]) > 60)
            continue;
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "", argv[i]);
    }
}

static void kill_self_soon(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec soon = {.it_value = {.tv_nsec = KILL_AFTER_NS}};
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 || timer_settime(timer, 0, &soon, NULL) < 0)
        abort();
}

static int run_later(const char *const argv[], const struct run_options *options, struct wait *wait,
                     struct run_result *result, struct error **err)
{
    const char *later[MAX_ARGUMENTS + 4] = {"sh", "-c", LATER};

    for (size_t i = 0; argv[i] && i < MAX_ARGUMENTS; i++)
        later[i + 3] = argv[i];
    kill_self_soon();
    return __real_run(later, options, wait, result, err);
}

static int run_without_end(const struct run_options *options, struct wait *wait, struct run_result *result,
                           struct error **err)
{
    static const char *const endless[] = {"sleep", "1000", NULL};
    struct run_options impatient = options ? *options : RUN_OPTIONS_INIT;

    impatient.timeout_ms = SHORT_MS;
    return __real_run(endless, &impatient, wait, result, err);
}

static int run_at(enum fault fault, const char *const argv[], const struct run_options *options, struct wait *wait,
                  struct run_result *result, struct error **err)
{
    static const char *const failing[] = {"sh", "-c", "echo injected failure >&2; exit 1", NULL};
    int status;

    switch (fault) {
    case FAULT_FAIL:
        return __real_run(failing, options, wait, result, err);
    case FAULT_HANG:
        return run_without_end(options, wait, result, err);
    case FAULT_KILL_DURING:
        return run_later(argv, options, wait, result, err);
    default:
        break;
    }
    status = __real_run(argv, options, wait, result, err);
    if (status == 0 && fault == FAULT_DO_AND_FAIL)
        result->exit_code = 1;
    if (status == 0 && fault == FAULT_DO_AND_HANG) {
        run_result_clear(result);
        return run_without_end(options, wait, result, err);
    }
    return status;
}

/*
 * What systemd runs for azilr is azilr too, and gets the variables by its unit; a tunnel that is confined may write to
 * the record. Into copy, which has room for MAX_ARGUMENTS; texts are never freed.
 */
static const char *const *hand_on(const char *const argv[], const char *copy[])
{
    bool is_tunnel = false;
    size_t count = 0;

    if (strcmp(argv[0], "systemd-run") != 0)
        return argv;
    for (; argv[count] && strcmp(argv[count], "--") != 0 && count < MAX_ARGUMENTS / 2; count++) {
        copy[count] = argv[count];
        is_tunnel = is_tunnel || strncmp(argv[count], "--unit=azilr-tunnel-", 20) == 0;
    }
    argv += count;
    for (char *const *more = fault_variables(); *more; more++)
        copy[count++] = str_printf("--setenv=%s", *more);
    if (is_tunnel && fault_record())
        copy[count++] = str_printf("--property=ReadWritePaths=%s", fault_record());
    while (*argv && count < MAX_ARGUMENTS)
        copy[count++] = *argv++;
    copy[count] = NULL;
    return copy;
}

int __wrap_run(const char *const argv[], const struct run_options *options, struct wait *wait,
               struct run_result *result, struct error **err)
{
    const char *copy[MAX_ARGUMENTS + 1];
    enum fault fault;
    char text[300];
    int status;

    describe(argv, text, sizeof(text));
    fault = fault_meet("run %s", text);
    fault_ignore(true);
    status = run_at(fault, hand_on(argv, copy), options, wait, result, err);
    fault_ignore(false);
    fault_leave(fault);
    return status;
}

int __wrap_run_checked(const char *const argv[], const struct run_options *options, struct wait *wait,
                       struct error **err)
{
    _cleanup_run_result_ struct run_result result = {0};

    if (__wrap_run(argv, options, wait, &result, err) < 0)
        return -1;
    if (result.exit_code != 0) {
        _cleanup_free_ char *words = run_last_words(&result);

        return error_set(err, EXIT_FAILED, "%s ended with exit code %d: %s", argv[0], result.exit_code, words);
    }
    return 0;
}

/* What a child of azilr's own is to do, and for whom. */
struct bounded {
    bounded_function *call;
    void *argument;
    pid_t azilr;
};

static int in_child(void *argument, char **text, struct error **err)
{
    const struct bounded *bounded = argument;

    fault_enter_child(bounded->azilr);
    return bounded->call(bounded->argument, text, err);
}

/* Points within it are azilr's, which is killed there while its child goes on. */
int __wrap_bounded_call(bounded_function *call, void *argument, int64_t limit_ms, struct wait *wait, char **text,
                        bool *stuck, struct error **err)
{
    struct bounded bounded = {.call = call, .argument = argument, .azilr = getpid()};
    int result;

    if (fault_hangs_in_child() && limit_ms > SHORT_CALL_MS)
        limit_ms = SHORT_CALL_MS;
    fault_share();
    result = __real_bounded_call(in_child, &bounded, limit_ms, wait, text, stuck, err);
    fault_unshare();
    return result;
}

/* A limit of azilr's that a hanging tunnel must reach comes sooner. */
int64_t __wrap_clock_monotonic_ms(void)
{
    int64_t now = __real_clock_monotonic_ms();

    return fault_hurries() ? now * TIMES_FASTER : now;
}
