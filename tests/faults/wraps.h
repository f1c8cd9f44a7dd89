/* SPDX-License-Identifier: MIT */
/* What ld's --wrap puts in the place of a call to NAME, and what it calls the true one. The Makefile reads the names
 * here. */
#ifndef AZILR_TESTS_WRAPS_H
#define AZILR_TESTS_WRAPS_H

#include <libmount/libmount.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <termios.h>

#include "azure/http.h"
#include "fault.h"
#include "util/bounded.h"
#include "util/error.h"
#include "util/run.h"
#include "util/wait.h"

#define WRAP(result, name, ...)                                                                                        \
    result __real_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__)

/* files.c */
WRAP(int, open, const char *path, int flags, ...);
WRAP(int, openat, int directory, const char *path, int flags, ...);
WRAP(int, mkdir, const char *path, mode_t mode);
WRAP(int, rmdir, const char *path);
WRAP(int, unlink, const char *path);
WRAP(int, unlinkat, int directory, const char *path, int flags);
WRAP(int, rename, const char *from, const char *to);
WRAP(int, fchmod, int fd, mode_t mode);
WRAP(int, ftruncate, int fd, off_t length);
WRAP(int, fsync, int fd);
WRAP(int, flock, int fd, int operation);
WRAP(ssize_t, write, int fd, const void *data, size_t length);
WRAP(ssize_t, pwrite, int fd, const void *data, size_t length, off_t at);

/* kernel.c */
WRAP(int, ioctl, int fd, unsigned long request, ...);
WRAP(int, umount2, const char *path, int flags);
WRAP(int, mnt_context_mount, struct libmnt_context *context);
WRAP(long, syscall, long number, ...);
WRAP(int, bind, int fd, const struct sockaddr *address, socklen_t length);
WRAP(int, listen, int fd, int backlog);
WRAP(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags);
WRAP(int, tcsetattr, int fd, int when, const struct termios *settings);

/* processes.c */
WRAP(pid_t, fork, void);
WRAP(int, kill, pid_t pid, int number);
WRAP(int, execve, const char *path, char *const argv[], char *const environment[]);
WRAP(int, run, const char *const argv[], const struct run_options *options, struct wait *wait,
     struct run_result *result, struct error **err);
WRAP(int, run_checked, const char *const argv[], const struct run_options *options, struct wait *wait,
     struct error **err);
WRAP(int, bounded_call, bounded_function *call, void *argument, int64_t limit_ms, struct wait *wait, char **text,
     bool *stuck, struct error **err);
WRAP(int64_t, clock_monotonic_ms, void);

/* requests.c */
WRAP(int, http_send, struct http *http, const struct http_request *request, struct wait *wait,
     struct http_answer *answer, struct error **err);

#endif
