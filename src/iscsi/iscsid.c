/* SPDX-License-Identifier: MIT */
#include "iscsi/iscsid.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "iscsi/sysfs.h"
#include "util/clock.h"
#include "util/run.h"
#include "util/str.h"

/* ISCSIADM_NAMESPACE in open-iscsi's mgmt_ipc.h: the abstract socket on which iscsid listens */
static const char ISCSID_SOCKET[] = "ISCSIADM_ABSTRACT_NAMESPACE";
/* __SO_ACCEPTCON in the kernel's include/uapi/linux/net.h, for a socket that is listened on */
static const unsigned long ACCEPTS_CONNECTIONS = 1UL << 16;
static const int START_TIMEOUT_MS = 15000;

bool iscsid_is_reachable(void)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (fd < 0)
        return false;
    memcpy(address.sun_path + 1, ISCSID_SOCKET, sizeof(ISCSID_SOCKET) - 1);
    return connect(fd, (const struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(ISCSID_SOCKET))) == 0;
}

/* A line of /proc/net/unix (proc(5)): Num RefCount Protocol Flags Type St Inode Path; an abstract name begins with "@".
 */
static bool is_listening_socket(char *line)
{
    const char *words[8];
    size_t count = 0;
    char *save = NULL;

    for (char *word = strtok_r(line, " \n", &save); word && count < 8; word = strtok_r(NULL, " \n", &save))
        words[count++] = word;
    return count == 8 && words[7][0] == '@' && str_equal(words[7] + 1, ISCSID_SOCKET) &&
           (strtoul(words[3], NULL, 16) & ACCEPTS_CONNECTIONS);
}

bool iscsid_is_listened_for(void)
{
    int fd = open("/proc/net/unix", O_RDONLY | O_CLOEXEC);
    _cleanup_fclose_ FILE *table = fd < 0 ? NULL : fdopen(fd, "r");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;

    if (fd >= 0 && !table)
        close(fd);
    while (table && getline(&line, &size, table) > 0)
        if (is_listening_socket(line))
            return true;
    return false;
}

static bool has_unit(const char *unit, struct wait *wait)
{
    const char *const argv[] = {"systemctl", "cat", unit, NULL};

    return run_checked(argv, NULL, wait, NULL) == 0;
}

const char *iscsid_unit(struct wait *wait)
{
    static const char *const units[] = {"iscsid.socket", "iscsid.service"};

    if (access("/run/systemd/system", F_OK) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (has_unit(units[i], wait))
            return units[i];
    return NULL;
}

bool iscsid_unit_is_masked(const char *unit, struct wait *wait)
{
    const char *const argv[] = {"systemctl", "show", "--property=LoadState", unit, NULL};
    _cleanup_run_result_ struct run_result result = {0};

    return run(argv, NULL, wait, &result, NULL) == 0 &&
           str_starts_with(buffer_text(&result.output), "LoadState=masked");
}

static bool becomes_reachable(struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + START_TIMEOUT_MS;

    while (!iscsid_is_reachable()) {
        if (clock_monotonic_ms() >= end)
            return false;
        if (wait_sleep(wait, 50, err) < 0)
            return false;
    }
    return true;
}

int iscsid_start(const char *unit, struct wait *wait, struct error **err)
{
    const char *const by_systemd[] = {"systemctl", "start", unit, NULL};
    const char *const by_openrc[] = {"rc-service", "iscsid", "start", NULL};
    const char *const by_sysv[] = {"service", "iscsid", "start", NULL};
    const char *const *const without_systemd[] = {by_openrc, by_sysv};
    _cleanup_error_ struct error *tried = NULL;
    bool started = false;

    if (unit)
        started = run_checked(by_systemd, NULL, wait, &tried) == 0;
    for (size_t i = 0; !unit && !started && i < sizeof(without_systemd) / sizeof(without_systemd[0]); i++) {
        error_free(steal(tried));
        started = run_checked(without_systemd[i], NULL, wait, &tried) == 0;
    }
    if (started && becomes_reachable(wait, err))
        return 0;
    if (err && *err)
        return -1;
    error_set(err, EXIT_HOST, "iscsid does not run, and could not be started: %s",
              tried ? tried->message : "it was started but does not answer");
    if (unit)
        return error_hint(err, "see `systemctl status %s`", unit);
    return error_hint(err, "start iscsid the way this system does it, then try again");
}

int iscsid_stop(const char *unit, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"systemctl", "stop", "iscsid.socket", "iscsid.service", NULL};
    const char *const only_service[] = {"systemctl", "stop", "iscsid.service", NULL};

    if (iscsi_any_session() || !iscsid_is_reachable())
        return 0;
    return run_checked(str_equal(unit, "iscsid.socket") ? argv : only_service, NULL, wait, err) < 0 ? -1 : 1;
}
