/* SPDX-License-Identifier: MIT */
#include "util/wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "util/clock.h"
#include "util/str.h"

/* The longest single poll, so that ticks come often enough for a clock on the screen to look alive. */
static const int64_t TICK_MS = 250;

int wait_catch_signals(struct wait *wait, struct error **err)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot block signals");
    wait->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (wait->signal_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open a signal descriptor");
    return 0;
}

void wait_close(struct wait *wait)
{
    if (wait->signal_fd >= 0)
        close(wait->signal_fd);
    wait->signal_fd = -1;
}

bool wait_stop_is_pending(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP);
}

int wait_check(struct wait *wait, struct error **err)
{
    struct signalfd_siginfo info;
    struct pollfd stop = {.fd = wait ? wait->stop_fd : -1, .events = POLLIN};

    if (!wait)
        return 0;
    if (stop.fd >= 0 && poll(&stop, 1, 0) > 0)
        return error_set(err, EXIT_INTERRUPTED, "told to stop");
    if (wait->signal_fd >= 0 && read(wait->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        wait->signal = (int)info.ssi_signo;
    if (wait->signal)
        return error_set(err, EXIT_INTERRUPTED, "interrupted (SIG%s)", sigabbrev_np(wait->signal));
    if (wait->deadline_ms && clock_monotonic_ms() >= wait->deadline_ms) {
        error_set(err, EXIT_NETWORK, "the time limit is over");
        return error_hint(err, "give more with --timeout SECONDS");
    }
    return 0;
}

int wait_poll(struct wait *wait, struct pollfd *fds, nfds_t count, int64_t timeout_ms, struct error **err)
{
    int64_t end = timeout_ms < 0 ? INT64_MAX : clock_monotonic_ms() + timeout_ms;
    _cleanup_free_ struct pollfd *all = xcalloc(count + 2, sizeof(*all));

    for (;;) {
        int64_t left = end - clock_monotonic_ms();
        int ready;

        if (wait_check(wait, err) < 0)
            return -1;
        if (count)
            memcpy(all, fds, count * sizeof(*fds));
        all[count] = (struct pollfd){.fd = wait ? wait->signal_fd : -1, .events = POLLIN};
        all[count + 1] = (struct pollfd){.fd = wait ? wait->stop_fd : -1, .events = POLLIN};
        ready = poll(all, count + 2, (int)(left < 0 ? 0 : left < TICK_MS ? left : TICK_MS));
        if (ready < 0 && errno != EINTR)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot wait");
        if (ready > 0 && (all[count].revents || all[count + 1].revents))
            continue;
        if (count)
            memcpy(fds, all, count * sizeof(*fds));
        if (ready > 0)
            return ready;
        if (wait && wait->tick)
            wait->tick(wait->tick_argument);
        if (left <= 0)
            return 0;
    }
}

int wait_sleep(struct wait *wait, int64_t ms, struct error **err)
{
    return wait_poll(wait, NULL, 0, ms, err);
}
