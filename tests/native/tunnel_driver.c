/* SPDX-License-Identifier: MIT */
/*
 * Starts and stops a tunnel the way `azilr mount` does, for tests without disks:
 *
 *   tunnel_driver start HOST PORT CA PID-FILE LOG-FILE LOCK-FILE     prints the port
 *   tunnel_driver stop PID-FILE                                      prints whether it ran
 *
 * The tunnel is this very program, run again as `tunnel …`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "cmd/cmd.h"
#include "tunnel/daemon.h"
#include "util/log.h"
#include "util/str.h"

static int start(char **argv, struct error **err)
{
    struct tunnel_options options = {.portal_host = argv[2],
                                     .ca_file = argv[4],
                                     .pid_path = argv[5],
                                     .log_path = argv[6],
                                     .first_port = 25365,
                                     .last_port = 25396};
    _cleanup_close_ int lock = open(argv[7], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct tunnel tunnel;
    long port;

    if (lock < 0 || flock(lock, LOCK_EX) < 0 || str_to_long(argv[3], 1, 65535, &port) < 0)
        return error_set(err, EXIT_USAGE, "cannot lock %s, or %s is no port", argv[7], argv[3]);
    options.portal_port = (int)port;
    options.inherit_lock_fd = lock;
    if (tunnel_start(&options, NULL, &tunnel, err) < 0)
        return -1;
    printf("%d\n", tunnel.port);
    return 0;
}

static int stop(const char *pid_path, struct error **err)
{
    bool was_running = false;

    if (tunnel_stop(pid_path, &was_running, err) < 0)
        return -1;
    puts(was_running ? "ran" : "did not run");
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;
    int code = EXIT_USAGE;

    if (argc > 1 && str_equal(argv[1], "tunnel"))
        code = cmd_tunnel(argc - 1, argv + 1, &err);
    else if (argc == 8 && str_equal(argv[1], "start"))
        code = start(argv, &err);
    else if (argc == 3 && str_equal(argv[1], "stop"))
        code = stop(argv[2], &err);
    if (code >= 0)
        return code;
    log_error(err);
    return (int)err->code;
}
