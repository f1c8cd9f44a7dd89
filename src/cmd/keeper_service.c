/* SPDX-License-Identifier: MIT */
#include "cmd/keeper_service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cmd/environment.h"
#include "tunnel/unit.h"
#include "util/file.h"
#include "util/process.h"
#include "util/run.h"
#include "util/str.h"

enum { MAX_ARGUMENTS = 80, STOP_GRACE_MS = 10 * 1000, START_TIMEOUT_MS = 30 * 1000, MAX_TEXT = 64 * 1024 };

/*
 * What a sign-in that needs no person finds its way by. Never a secret: what a unit is started with can be read by
 * every user of the host.
 */
static const char *const kept_variables[] = {
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_CONFIG_DIR",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "SUDO_USER",
    "SUDO_UID",
    "SUDO_GID",
    "IMDS_ENDPOINT",
    "no_proxy",
    "NO_PROXY",
};

/*
 * Ordered so that in a shutdown it is stopped, which takes the session down, after the logins of users, who may be
 * reading, and before all that the disks need (systemd.unit(5): a stop goes in the reverse order).
 */
static const char *const properties[] = {
    "Restart=on-failure",
    "RestartSec=2",
    "StartLimitIntervalSec=0",
    /* as the tunnel; only a shutdown, whose targets conflict with it, ends it */
    "IgnoreOnIsolate=yes",
    /* children that are changing the host are not killed with it */
    "KillMode=mixed",
    "TimeoutStopSec=60",
    "Before=systemd-user-sessions.service",
    "After=iscsid.service iscsid.socket open-iscsi.service local-fs.target dbus.service",
    "After=network.target network-online.target systemd-resolved.service",
    "SyslogIdentifier=azilr-keeper",
    "LimitCORE=0",
    "UMask=0077",
    ("OOMScoreAdjust=" PROCESS_SPARED),
};

struct arguments {
    char *items[MAX_ARGUMENTS + 1];
    size_t count;
};

static void arguments_clear(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
}

static void add(struct arguments *arguments, char *text)
{
    if (arguments->count < MAX_ARGUMENTS)
        arguments->items[arguments->count++] = text;
    else
        free(text);
}

char *keeper_unit_name(const char *session_id)
{
    /* sd_booted(3) */
    if (access("/run/systemd/system", F_OK) < 0)
        return NULL;
    return str_printf("azilr-keeper-%s.service", session_id);
}

static void add_command(struct arguments *arguments, const char *session_id, const struct options *options)
{
    const struct {
        const char *name, *value;
        bool is_path;
    } passed[] = {
        {"config", options->config, true},      {"auth", options->auth, false},
        {"identity", options->identity, false}, {"token-file", options->token_file, true},
        {"ca-file", options->ca_file, true},
    };

    add(arguments, str_dup("keeper"));
    if (options->auto_renew)
        add(arguments, str_dup("--auto-renew"));
    add(arguments, str_dup(session_id));
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        _cleanup_free_ char *real = passed[i].value && passed[i].is_path ? realpath(passed[i].value, NULL) : NULL;

        if (passed[i].value)
            add(arguments, str_printf("--%s=%s", passed[i].name, real ? real : passed[i].value));
    }
}

/* The variables that it is handed, each as one text that begins so. */
static void add_environment(struct arguments *arguments, const char *before)
{
    for (size_t i = 0; i < sizeof(kept_variables) / sizeof(kept_variables[0]); i++)
        if (getenv(kept_variables[i]))
            add(arguments, str_printf("%s%s=%s", before, kept_variables[i], getenv(kept_variables[i])));
    for (const char *const *name = environment_proxies; *name; name++) {
        const char *address = getenv(*name);

        if (address && !environment_is_secret_proxy(address))
            add(arguments, str_printf("%s%s=%s", before, *name, address));
    }
}

static int start_unit(const struct keeper_place *place, const char *session_id, const struct options *options,
                      struct error **err)
{
    const struct run_options run_options = {.inherit_fd = -1, .timeout_ms = START_TIMEOUT_MS};
    _cleanup_(arguments_clear) struct arguments arguments = {0};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program));

    if (length <= 0 || length == sizeof(program) || program[0] != '/')
        return error_set(err, EXIT_HOST, "cannot tell where this program is");
    add(&arguments, str_dup("systemd-run"));
    add(&arguments, str_dup("--quiet"));
    add(&arguments, str_dup("--collect"));
    add(&arguments, str_printf("--unit=%s", place->unit));
    add(&arguments, str_dup("--description=azilr: keeper of an opened backup"));
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        add(&arguments, str_printf("--property=%s", properties[i]));
    add(&arguments, str_printf("--property=After=azilr-tunnel-%s.service", session_id));
    add_environment(&arguments, "--setenv=");
    add(&arguments, str_dup("--"));
    add(&arguments, str_ndup(program, (size_t)length));
    add_command(&arguments, session_id, options);
    return run_checked((const char *const *)arguments.items, &run_options, NULL, err);
}

/* In the grandchild: only calls that are safe after fork(). */
static void __attribute__((noreturn)) become(char *const argv[], char *const environment[])
{
    int null_fd = open("/dev/null", O_RDWR);
    sigset_t none;

    process_set_oom_score(PROCESS_SPARED);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0 || chdir("/") < 0)
        _exit(127);
    syscall(SYS_close_range, 3U, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", argv, environment);
    _exit(127);
}

/* The child in between leads the session and names its own child to the parent, by the pipe. */
static void __attribute__((noreturn)) fork_again(int pipe_fd, char *const argv[], char *const environment[])
{
    pid_t pid;

    setsid();
    pid = fork();
    if (pid == 0)
        become(argv, environment);
    _exit(pid > 0 && write(pipe_fd, &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
}

static int start_daemon(const struct keeper_place *place, const char *session_id, const struct options *options,
                        struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/keeper.pid", place->directory), *line = NULL;
    _cleanup_(arguments_clear) struct arguments command = {0};
    _cleanup_(arguments_clear) struct arguments environment = {0};
    _cleanup_close_ int from = -1, to = -1;
    pid_t child, keeper = 0;
    int ends[2], status;
    bool named;

    add(&command, str_dup("azilr"));
    add_command(&command, session_id, options);
    add(&environment, str_dup("PATH=" RUN_PATH));
    add_environment(&environment, "");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make a pipe");
    from = ends[0];
    to = ends[1];
    child = fork();
    if (child == 0)
        fork_again(to, command.items, environment.items);
    if (child < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot start the keeper");
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    close(steal_fd(&to));
    named = read(from, &keeper, sizeof(keeper)) == sizeof(keeper);
    if (!named)
        return error_set(err, EXIT_FAILED, "cannot start the keeper");
    line = str_printf("%d %llu\n", keeper, process_start_time(keeper));
    if (file_replace(path, line, strlen(line), 0600, false, err) == 0)
        return 0;
    process_end(keeper, process_start_time(keeper), STOP_GRACE_MS);
    return -1;
}

int keeper_start(const struct keeper_place *place, const char *session_id, const struct options *options,
                 struct error **err)
{
    return place->unit ? start_unit(place, session_id, options, err) : start_daemon(place, session_id, options, err);
}

/* Who the pid file names; 0 for nobody. */
static pid_t read_pid(const char *path, unsigned long long *start_time)
{
    _cleanup_free_ char *text = NULL;
    char *end;
    long pid;

    if (file_read(path, MAX_TEXT, &text, NULL, NULL) < 0)
        return 0;
    pid = strtol(text, &end, 10);
    *start_time = strtoull(end, NULL, 10);
    return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* cgroups(7): a service's processes are in a group by its name. */
static bool is_in_unit(const char *unit)
{
    _cleanup_free_ char *wanted = str_printf("/%s", unit);
    _cleanup_free_ char *groups = NULL;

    return file_read("/proc/self/cgroup", MAX_TEXT, &groups, NULL, NULL) == 0 && strstr(groups, wanted);
}

int keeper_stop(const struct keeper_place *place, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/keeper.pid", place->directory);
    unsigned long long start_time = 0;
    int result;
    pid_t pid;

    if (place->unit)
        return is_in_unit(place->unit) ? 1 : unit_stop(place->unit, err);
    pid = read_pid(path, &start_time);
    result = !pid ? 0 : pid == getpid() ? 1 : process_end(pid, start_time, STOP_GRACE_MS);
    if (result < 0)
        return error_set(err, EXIT_FAILED, "the keeper, process %d, cannot be ended", pid);
    file_remove_leftover(path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    return result;
}

bool keeper_is_running(const struct keeper_place *place)
{
    _cleanup_free_ char *path = str_printf("%s/keeper.pid", place->directory);
    unsigned long long start_time = 0;
    pid_t pid;

    if (place->unit)
        return unit_is_alive(place->unit);
    pid = read_pid(path, &start_time);
    return pid && process_is_running(pid, start_time);
}
