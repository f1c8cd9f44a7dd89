/* SPDX-License-Identifier: MIT */
#include "tunnel/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/error.h"

/* Between a crash and the next start: short, since a session waits; but a loop of crashes must not eat a processor. */
static const int64_t FIRST_PAUSE_MS = 200, LAST_PAUSE_MS = 10 * 1000;
static const int64_t GOOD_RUN_MS = 60 * 1000;
/* An end that was asked for, of a child that does not heed it. */
static const int64_t STOP_GRACE_MS = 3000;

static void set_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGCHLD);
}

static pid_t start(int (*work)(void *argument), void *argument, const sigset_t *before)
{
    pid_t parent = getpid(), child = fork();

    if (child != 0)
        return child;
    sigprocmask(SIG_SETMASK, before, NULL);
    /* what it relays must not outlive the one who could end it; the parent may have gone before this was set */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXIT_FAILED);
    exit(work(argument));
}

/* Waits for one of the signals, at most so long (for ever if < 0). Returns it, or 0. */
static int next_signal(const sigset_t *signals, int64_t timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    int number;

    do
        number = timeout_ms < 0 ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &timeout);
    while (number < 0 && errno == EINTR);
    return number < 0 ? 0 : number;
}

/* Waits for the child's end, and ends it when that is asked for. Returns its wait status. */
static int follow(pid_t child, const sigset_t *signals, int *asked)
{
    int64_t end = -1;

    for (;;) {
        int64_t left = end < 0 ? -1 : end - clock_monotonic_ms();
        int number = next_signal(signals, end >= 0 && left < 0 ? 0 : left);
        int status = 0;

        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        if (number == 0) {
            kill(child, SIGKILL);
            end = -1;
        } else if (number != SIGCHLD) {
            *asked = number;
            kill(child, number);
            end = clock_monotonic_ms() + STOP_GRACE_MS;
        }
    }
}

int supervise(int (*work)(void *argument), void *argument)
{
    int64_t pause_ms = FIRST_PAUSE_MS;
    sigset_t signals, before;
    int asked = 0;

    set_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, &before);
    for (unsigned restarts = 0;; restarts++) {
        int64_t started = clock_monotonic_ms();
        pid_t child = start(work, argument, &before);
        int status = child < 0 ? 0 : follow(child, &signals, &asked);

        if (child > 0 && (asked || (WIFEXITED(status) && WEXITSTATUS(status) != SUPERVISE_AGAIN)))
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_DONE;
        if (child < 0 && restarts == 0)
            return EXIT_FAILED;
        if (clock_monotonic_ms() - started > GOOD_RUN_MS)
            pause_ms = FIRST_PAUSE_MS;
        for (int64_t end = clock_monotonic_ms() + pause_ms, left = pause_ms; left > 0;
             left = end - clock_monotonic_ms()) {
            int number = next_signal(&signals, left);

            if (number && number != SIGCHLD)
                return EXIT_DONE;
        }
        pause_ms = pause_ms * 2 < LAST_PAUSE_MS ? pause_ms * 2 : LAST_PAUSE_MS;
    }
}
