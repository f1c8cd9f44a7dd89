/* SPDX-License-Identifier: MIT */
#include "tunnel/unit.h"

#include <limits.h>
#include <pwd.h>
#include <string.h>

#include "tunnel/daemon.h"
#include "util/clock.h"
#include "util/process.h"
#include "util/run.h"
#include "util/str.h"
#include "util/wait.h"

static const int64_t ASK_TIMEOUT_MS = 5 * 1000, CHANGE_TIMEOUT_MS = 30 * 1000, END_TIMEOUT_MS = 10 * 1000,
                     LOOK_PAUSE_MS = 100;

/* systemctl(1): "program is not running", and what it means of `stop`: the unit is not loaded */
enum { NOT_LOADED = 5 };

char *tunnel_unit_name(const char *session_id)
{
    /* sd_booted(3) */
    if (access("/run/systemd/system", F_OK) < 0)
        return NULL;
    return str_printf("azilr-tunnel-%s.service", session_id);
}

/*
 * All of it is known to systemd 239 (2018), since one name that is not known makes it refuse all. The state file is
 * opened by systemd, as root, and is all that the service can write to; the CAs that it was given are in there, and the
 * system's, like the configuration of the resolver, are readable to everybody.
 */
static const char *const properties[] = {
    "Type=simple",
    /* who crashed is started again for as long as it takes; an end of its own, by these codes, has its reasons, and
       what systemd itself could not set up (203 and so on) it will not be able to the next time */
    "Restart=always",
    "RestartSec=500ms",
    "StartLimitIntervalSec=0",
    /* `systemctl isolate` of a target that knows nothing of it must not take the disks from under the mounts */
    "IgnoreOnIsolate=yes",
    "RestartPreventExitStatus=1 2 3 4 5 6 7 8 200 203 216 217 218 226 227 228 232",
    /* the listening socket is kept over restarts */
    "NotifyAccess=main",
    "FileDescriptorStoreMax=1",
    "StandardError=journal",
    "SyslogIdentifier=azilr-tunnel",
    "TimeoutStopSec=5",
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "InaccessiblePaths=-/mnt -/media -/srv -/boot",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
    "LimitCORE=0",
    "LimitFSIZE=1M",
    "MemoryMax=256M",
    "TasksMax=128",
    ("OOMScoreAdjust=" PROCESS_SPARED),
};

/* A list of arguments that owns its texts. */
struct arguments {
    char *items[128];
    size_t count;
};

static void arguments_clear(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
}

static void add(struct arguments *arguments, char *text)
{
    if (arguments->count + 1 < sizeof(arguments->items) / sizeof(arguments->items[0]))
        arguments->items[arguments->count++] = text;
    else
        free(text);
}

/* Returns -1 if it cannot be told where this program is; under /proc/self/exe systemd would find itself. */
static int add_program(struct arguments *arguments, struct error **err)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

    if (length <= 0 || length == sizeof(path) || path[0] != '/')
        return error_set(err, EXIT_HOST, "cannot tell where this program is");
    add(arguments, str_ndup(path, (size_t)length));
    return 0;
}

int unit_start(const struct unit_options *options, struct error **err)
{
    const struct run_options run_options = {.inherit_fd = options->inherit_lock_fd, .timeout_ms = CHANGE_TIMEOUT_MS};
    _cleanup_(arguments_clear) struct arguments arguments = {0};

    add(&arguments, str_dup("systemd-run"));
    add(&arguments, str_dup("--quiet"));
    add(&arguments, str_dup("--no-block"));
    /* a unit that has failed is forgotten too, and its name free again */
    add(&arguments, str_dup("--collect"));
    add(&arguments, str_printf("--unit=%s", options->name));
    add(&arguments, str_dup("--description=azilr: tunnel to the portal of a backup"));
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        add(&arguments, str_printf("--property=%s", properties[i]));
    add(&arguments, str_dup(getpwnam("azilr") ? "--property=User=azilr" : "--property=DynamicUser=yes"));
    add(&arguments, str_printf("--property=StandardInput=file:%s", options->state_path));
    add(&arguments, str_printf("--property=StandardOutput=file:%s", options->state_path));
    for (const char *const *at = options->environment; *at; at++)
        add(&arguments, str_printf("--setenv=%s", *at));
    add(&arguments, str_dup("--"));
    if (add_program(&arguments, err) < 0)
        return -1;
    for (const char *const *at = options->command; *at; at++)
        add(&arguments, str_dup(*at));
    return run_checked((const char *const *)arguments.items, &run_options, NULL, err);
}

/* Its ActiveState of systemctl(1); "" if systemd does not tell. The caller frees it. */
static char *state_of(const char *name)
{
    static const char before[] = "ActiveState=";
    const char *const argv[] = {"systemctl", "show", "--property=ActiveState", name, NULL};
    const struct run_options options = {.inherit_fd = -1, .timeout_ms = ASK_TIMEOUT_MS};
    _cleanup_run_result_ struct run_result result = {0};
    const char *text;

    if (run(argv, &options, NULL, &result, NULL) < 0 || result.exit_code != 0)
        return str_dup("");
    text = buffer_text(&result.output);
    return str_starts_with(text, before) ? str_ndup(text + strlen(before), strcspn(text + strlen(before), "\n"))
                                         : str_dup("");
}

bool unit_waits_to_stop(const char *name)
{
    static const char waiting[] = "waiting";
    const char *const argv[] = {"systemctl", "list-jobs", "--no-legend", "--no-pager", name, NULL};
    const struct run_options options = {.inherit_fd = -1, .timeout_ms = ASK_TIMEOUT_MS};
    _cleanup_run_result_ struct run_result result = {0};
    const char *line;
    size_t length;

    if (run(argv, &options, NULL, &result, NULL) < 0 || result.exit_code != 0)
        return false;
    /* "JOB UNIT TYPE STATE" */
    line = buffer_text(&result.output);
    length = strcspn(line, "\n");
    while (length && line[length - 1] == ' ')
        length--;
    return length > strlen(waiting) && strncmp(line + length - strlen(waiting), waiting, strlen(waiting)) == 0;
}

/*
 * In a shutdown the unit's stop waits for that of the keeper, and if that is who asks, `systemctl stop` would wait for
 * itself. A process that is ended meanwhile is not started again.
 */
static int end_process(const char *name, struct error **err)
{
    const char *const argv[] = {"systemctl", "kill", name, NULL};
    const struct run_options options = {.inherit_fd = -1, .timeout_ms = ASK_TIMEOUT_MS};
    int64_t end = clock_monotonic_ms() + END_TIMEOUT_MS;

    if (run_checked(argv, &options, NULL, err) < 0)
        return -1;
    for (;;) {
        _cleanup_free_ char *state = state_of(name);

        if (str_equal(state, "inactive") || str_equal(state, "failed"))
            return 1;
        if (clock_monotonic_ms() >= end)
            return error_set(err, EXIT_FAILED, "%s does not end (%s)", name, state);
        if (wait_sleep(NULL, LOOK_PAUSE_MS, err) < 0)
            return -1;
    }
}

int unit_stop(const char *name, struct error **err)
{
    const char *const argv[] = {"systemctl", "stop", name, NULL};
    const struct run_options options = {.inherit_fd = -1, .timeout_ms = CHANGE_TIMEOUT_MS};
    _cleanup_run_result_ struct run_result result = {0};

    if (unit_waits_to_stop(name))
        return end_process(name, err);
    if (run(argv, &options, NULL, &result, err) < 0)
        return -1;
    if (result.exit_code == 0)
        return 1;
    if (result.exit_code == NOT_LOADED)
        return 0;
    _cleanup_free_ char *words = run_last_words(&result);

    return error_set(err, EXIT_FAILED, "systemd cannot stop %s: %s", name, words);
}

bool unit_is_alive(const char *name)
{
    _cleanup_free_ char *state = state_of(name);

    /* "activating" while it waits to be started again */
    return str_equal(state, "active") || str_equal(state, "activating") || str_equal(state, "reloading");
}
