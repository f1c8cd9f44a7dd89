/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "check.h"
#include "iscsi/iscsid.h"
#include "util/clock.h"
#include "util/error.h"

/* A process of this user that listens in iscsid's place; it has begun to once this returns. */
static pid_t listen_as(uid_t uid, int queue)
{
    static const char name[] = "\0ISCSIADM_ABSTRACT_NAMESPACE";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        memcpy(address.sun_path, name, sizeof(name) - 1);
        if (setuid(uid) < 0 ||
            bind(fd, (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)) < 0 ||
            listen(fd, queue) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void only_root_is_taken_for_iscsid(void **state)
{
    struct error *err = NULL;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    /* abstract names are a network namespace's */
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(iscsid_is_reachable(&err), 0);
    assert_null(err);
    pid = listen_as(0, 8);
    assert_int_equal(iscsid_is_reachable(&err), 1);
    end(pid);
    pid = listen_as(65534, 8);
    assert_int_equal(iscsid_is_reachable(&err), -1);
    assert_error(err, EXIT_HOST, "not root's: process ");
    end(pid);
}

/* It takes no connection, and its queue is full. */
static void nobody_is_waited_for_for_ever(void **state)
{
    struct error *err = NULL;
    int64_t start = clock_monotonic_ms();
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    pid = listen_as(65534, 0);
    assert_int_equal(iscsid_is_reachable(&err), -1);
    assert_error(err, EXIT_HOST, "not root's");
    assert_int_equal(iscsid_is_reachable(&err), -1);
    assert_error(err, EXIT_HOST, "takes no connections");
    assert_true(clock_monotonic_ms() - start < 30000);
    end(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_root_is_taken_for_iscsid),
        cmocka_unit_test(nobody_is_waited_for_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
