/* SPDX-License-Identifier: MIT */
#include "iscsi/iscsid.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

static const char SOCKET[] = "iscsid.socket", SERVICE[] = "iscsid.service";
/* ISCSIADM_NAMESPACE in open-iscsi's mgmt_ipc.h: the abstract socket on which iscsid listens */
static const char ISCSID_SOCKET[] = "ISCSIADM_ABSTRACT_NAMESPACE";
/* __SO_ACCEPTCON in the kernel's include/uapi/linux/net.h, for a socket that is listened on */
static const unsigned long ACCEPTS_CONNECTIONS = 1UL << 16;
static const int START_TIMEOUT_MS = 15000;
static const int QUEUE_TIMEOUT_MS = 3000;
static const int LOGGED_OUT_MS = 3000;
static const int NOT_LOADED = 5; /* systemctl's exit code for a unit that is not there (systemctl(1)) */

/* Whoever listens need not accept, and nobody shall wait for that: EAGAIN is a queue that stays full. */
static int connect_to_iscsid(int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(ISCSID_SOCKET));
    int64_t end = clock_monotonic_ms() + QUEUE_TIMEOUT_MS;

    memcpy(address.sun_path + 1, ISCSID_SOCKET, sizeof(ISCSID_SOCKET) - 1);
    while (connect(fd, (const struct sockaddr *)&address, length) < 0) {
        if (errno != EAGAIN || clock_monotonic_ms() >= end)
            return -1;
        poll(NULL, 0, 50);
    }
    return 0;
}

int iscsid_is_reachable(struct error **err)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ucred peer = {0};
    socklen_t length = sizeof(peer);

    if (fd < 0)
        return 0;
    if (connect_to_iscsid(fd) < 0) {
        if (errno != EAGAIN)
            return 0;
        error_set(err, EXIT_HOST, "what listens in iscsid's place takes no connections");
        return error_hint(err, "see what it is with `ss -xlp | grep ISCSIADM`; restart iscsid, end anything else");
    }
    /* an abstract name is anybody's to take, and iscsiadm hands the passwords of targets to whoever has it */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == 0)
        return 1;
    error_set(err, EXIT_HOST, "what listens in iscsid's place is not root's: process %ld of the user %u",
              (long)peer.pid, (unsigned)peer.uid);
    return error_hint(err, "see what it is with `ps -fp %ld`, end it, and start iscsid", (long)peer.pid);
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
    static const char *const units[] = {SOCKET, SERVICE};

    if (access("/run/systemd/system", F_OK) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (has_unit(units[i], wait))
            return units[i];
    return NULL;
}

/* Of a unit, as systemctl(1) shows it; "" for none, and where there is no answer. The caller frees it. */
static char *unit_property(const char *unit, const char *property, struct wait *wait)
{
    const char *const argv[] = {"systemctl", "show", "--value", property, unit, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    const char *text;

    if (run(argv, NULL, wait, &result, NULL) < 0)
        return str_dup("");
    text = buffer_text(&result.output);
    return str_ndup(text, strcspn(text, "\n"));
}

bool iscsid_unit_is_masked(const char *unit, struct wait *wait)
{
    _cleanup_free_ char *state = unit_property(unit, "--property=LoadState", wait);

    return str_starts_with(state, "masked");
}

static bool has_job(const char *unit, struct wait *wait)
{
    _cleanup_free_ char *job = unit_property(unit, "--property=Job", wait);

    return *job && !str_equal(job, "0");
}

bool iscsid_unit_has_job(const char *unit, struct wait *wait)
{
    return has_job(unit, wait) || (!str_equal(unit, SERVICE) && has_job(SERVICE, wait));
}

/* 1 once it is, 0 if it is not in time. */
static int becomes_reachable(struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + START_TIMEOUT_MS;

    for (;;) {
        int reachable = iscsid_is_reachable(err);

        if (reachable != 0 || clock_monotonic_ms() >= end)
            return reachable;
        if (wait_sleep(wait, 50, err) < 0)
            return -1;
    }
}

/* What starts or stops a service keeps the session locked until it is through, and the service itself does not. */
static struct run_options service_options(int lock_fd)
{
    struct run_options options = RUN_OPTIONS_INIT;

    options.inherit_fd = lock_fd;
    options.guard_inherited = 1;
    return options;
}

int iscsid_start(const char *unit, int lock_fd, struct wait *wait, struct error **err)
{
    const struct run_options options = service_options(lock_fd);
    const char *const by_systemd[] = {"systemctl", "start", unit, NULL};
    const char *const by_openrc[] = {"rc-service", "iscsid", "start", NULL};
    const char *const by_sysv[] = {"service", "iscsid", "start", NULL};
    const char *const *const without_systemd[] = {by_openrc, by_sysv};
    _cleanup_error_ struct error *tried = NULL;
    bool started = false;
    int reachable;

    if (unit)
        started = run_checked(by_systemd, &options, wait, &tried) == 0;
    for (size_t i = 0; !unit && !started && i < sizeof(without_systemd) / sizeof(without_systemd[0]); i++) {
        error_free(steal(tried));
        started = run_checked(without_systemd[i], &options, wait, &tried) == 0;
    }
    /* systemd does not start the socket of a service that somebody else is starting, and that answers in a moment */
    reachable = started || (unit && iscsid_unit_has_job(unit, wait)) ? becomes_reachable(wait, err) : 0;
    if (reachable != 0)
        return reachable < 0 ? -1 : 0;
    error_set(err, EXIT_HOST, "iscsid does not run, and could not be started: %s",
              tried ? tried->message : "it was started but does not answer");
    if (unit)
        return error_hint(err, "see `systemctl status %s`", unit);
    return error_hint(err, "start iscsid the way this system does it, then try again");
}

/* A session that was logged out of is still in sysfs for a moment, without its name. 1 or 0. */
static int any_session_stays(struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + LOGGED_OUT_MS;

    while (iscsi_any_session()) {
        if (clock_monotonic_ms() >= end)
            return 1;
        if (wait_sleep(wait, 50, err) < 0)
            return -1;
    }
    return 0;
}

int iscsid_stop(const char *unit, int lock_fd, struct wait *wait, struct error **err)
{
    const struct run_options options = service_options(lock_fd);
    const char *const argv[] = {"systemctl", "stop", SOCKET, SERVICE, NULL};
    const char *const only_service[] = {"systemctl", "stop", SERVICE, NULL};

    const char *const *const stop = str_equal(unit, SOCKET) ? argv : only_service;
    _cleanup_run_result_ struct run_result result = {0};
    bool was_there = iscsid_is_listened_for();
    int stays;

    stays = any_session_stays(wait, err);
    if (stays != 0)
        return stays < 0 ? error_wrap(err, "waiting for the last iSCSI session to end, to stop iscsid") : 0;
    /* what was killed as it started it may have been too early to see it */
    if (run(stop, &options, wait, &result, err) < 0)
        return -1;
    if (result.exit_code != 0 && result.exit_code != NOT_LOADED) {
        _cleanup_free_ char *words = run_last_words(&result);

        return error_set(err, EXIT_FAILED, "iscsid cannot be stopped: %s", words);
    }
    return was_there;
}
