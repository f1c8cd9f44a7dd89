/* SPDX-License-Identifier: MIT */
/*
 * Starts and stops a tunnel the way `azilr mount` does, for tests without disks:
 *
 *   tunnel_driver start HOST PORT CA DIRECTORY LOCK-FILE           prints the port
 *   tunnel_driver look DIRECTORY                                   prints how it is, and its report
 *   tunnel_driver extend DIRECTORY UNTIL
 *   tunnel_driver stop DIRECTORY                                   prints whether it ran
 *
 * The tunnel is this very program, run again as `tunnel …`.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "cmd/cmd.h"
#include "tunnel/daemon.h"
#include "util/log.h"
#include "util/str.h"

static int start(char **argv, struct error **err)
{
    const struct tunnel_place place = {.directory = argv[5]};
    struct tunnel_options options = {
        .portal_host = argv[2], .ca_file = argv[4], .first_port = 25365, .last_port = 25396};
    _cleanup_close_ int lock = open(argv[6], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct tunnel tunnel;
    long port;

    if (lock < 0 || flock(lock, LOCK_EX) < 0 || str_to_long(argv[3], 1, 65535, &port) < 0)
        return error_set(err, EXIT_USAGE, "cannot lock %s, or %s is no port", argv[6], argv[3]);
    options.portal_port = (int)port;
    options.inherit_lock_fd = lock;
    options.until = time(NULL) + 600;
    if (tunnel_start(&place, &options, NULL, &tunnel, err) < 0)
        return -1;
    printf("%d\n", tunnel.port);
    return 0;
}

static int look(const char *directory)
{
    static const char *const names[] = {"gone", "restarting", "runs"};
    const struct tunnel_place place = {.directory = directory};
    struct tunnel_report report;
    enum tunnel_condition condition = tunnel_look(&place, &report);

    printf("%s %d %d %u %u %llu %llu %llu %llu %d %s\n", names[condition], report.pid, report.port, report.restarts,
           report.open, (unsigned long long)report.total, (unsigned long long)report.refused,
           (unsigned long long)report.to_portal, (unsigned long long)report.from_portal, report.expired,
           report.last_error);
    return 0;
}

static int extend(const char *directory, const char *text, struct error **err)
{
    const struct tunnel_place place = {.directory = directory};
    long until;

    if (str_to_long(text, 1, LONG_MAX, &until) < 0)
        return error_set(err, EXIT_USAGE, "%s is no time", text);
    return tunnel_extend(&place, until, err);
}

static int stop(const char *directory, struct error **err)
{
    const struct tunnel_place place = {.directory = directory};
    bool was_running = false;

    if (tunnel_stop(&place, &was_running, err) < 0)
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
    else if (argc == 7 && str_equal(argv[1], "start"))
        code = start(argv, &err);
    else if (argc == 3 && str_equal(argv[1], "look"))
        code = look(argv[2]);
    else if (argc == 4 && str_equal(argv[1], "extend"))
        code = extend(argv[2], argv[3], &err);
    else if (argc == 3 && str_equal(argv[1], "stop"))
        code = stop(argv[2], &err);
    if (code >= 0)
        return code;
    log_error(err);
    return (int)err->code;
}
