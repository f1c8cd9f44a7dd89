/* SPDX-License-Identifier: MIT */
#include "util/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/str.h"

/* The state letter and the start time; the name before them may hold any byte, so it is skipped from the last
 * ')'. */
static bool read_stat(pid_t pid, char *state, unsigned long long *start_time)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/stat", pid);
    _cleanup_free_ char *text = NULL;
    const char *after_name;

    if (pid <= 0 || file_read(path, 4096, &text, NULL, NULL) < 0)
        return false;
    after_name = strrchr(text, ')');
    if (!after_name)
        return false;
    // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
    return sscanf(after_name + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  state, start_time) == 2;
}

unsigned long long process_start_time(pid_t pid)
{
    unsigned long long start_time = 0;
    char state;

    return read_stat(pid, &state, &start_time) ? start_time : 0;
}

bool process_is_running(pid_t pid, unsigned long long start_time)
{
    unsigned long long started = 0;
    char state = 0;

    return read_stat(pid, &state, &started) && started == start_time && state != 'Z' && state != 'X';
}

int process_end(pid_t pid, unsigned long long start_time, int grace_ms)
{
    _cleanup_close_ int pid_fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    struct pollfd ended = {.fd = pid_fd, .events = POLLIN};

    /* the descriptor first, the look at its start time second: from here on no other process can be hit */
    if (!process_is_running(pid, start_time))
        return 0;
    if (pid_fd < 0)
        return -1;
    syscall(SYS_pidfd_send_signal, pid_fd, SIGTERM, NULL, 0);
    if (poll(&ended, 1, grace_ms) > 0)
        return 1;
    syscall(SYS_pidfd_send_signal, pid_fd, SIGKILL, NULL, 0);
    return poll(&ended, 1, grace_ms) > 0 ? 1 : -1;
}

void process_set_oom_score(const char *score)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, score, strlen(score));
    close(fd);
}
