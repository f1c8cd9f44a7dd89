/* SPDX-License-Identifier: MIT */
/* The starter's side: making the process, and hearing from it. Its own side is service.c. */
#include "tunnel/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tunnel/tls.h"
#include "tunnel/unit.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/process.h"
#include "util/str.h"

static const int START_TIMEOUT_MS = 90 * 1000;
static const int STOP_GRACE_MS = 4000;
static const int64_t LOOK_PAUSE_MS = 30;

/* How often to ask systemd whether a unit that says nothing has died. */
static const int64_t ALIVE_PAUSE_MS = 1000;

/* Where a daemon finds the lock that it inherits; also in the arguments that it is given. */
enum { LOCK_FD = 3 };

/* What is being started, and how to tell that it has ended. */
struct start {
    const struct tunnel_place *place;
    const struct tunnel_options *options;
    char *state_path;
    char **command;
    char **environment;
    pid_t child; /* of a daemon; 0 under systemd */
    int64_t asked_ms;
};

void tunnel_listen_ports(const char *os_id, int *first, int *last)
{
    static const char *const selinux[] = {"rhel", "centos", "ol", "rocky", "almalinux", "fedora"};

    *first = 5365;
    *last = 5396;
    for (size_t i = 0; i < sizeof(selinux) / sizeof(selinux[0]); i++)
        if (str_equal(os_id, selinux[i]))
            *first = *last = 3260;
}

/* What the child needs of the environment: where OpenSSL looks for CAs, and nothing else. */
static char **make_environment(void)
{
    static const char *const kept[] = {"SSL_CERT_FILE", "SSL_CERT_DIR"};
    char **environment = xcalloc(sizeof(kept) / sizeof(kept[0]) + 1, sizeof(*environment));
    size_t count = 0;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (getenv(kept[i]))
            environment[count++] = str_printf("%s=%s", kept[i], getenv(kept[i]));
    return environment;
}

/* A daemon's have its files too, which are made by itself; systemd has those of a service. */
static char **make_arguments(const struct tunnel_place *place, const struct tunnel_options *options, bool is_daemon)
{
    char **argv = xcalloc(20, sizeof(*argv));
    size_t count = 0;

    argv[count++] = str_dup("tunnel");
    argv[count++] = str_printf("--listen=127.0.0.1:%d-%d", options->first_port, options->last_port);
    argv[count++] = str_printf("--connect=%s:%d", options->portal_host, options->portal_port);
    if (options->server_name)
        argv[count++] = str_printf("--server-name=%s", options->server_name);
    argv[count++] = str_dup("--service");
    if (is_daemon)
        argv[count++] = str_printf("--pid-file=%s/tunnel.pid", place->directory);
    if (is_daemon && options->inherit_lock_fd >= 0)
        argv[count++] = str_printf("--lock-fd=%d", LOCK_FD);
    return argv;
}

static void free_list(char **list)
{
    for (char **at = list; *at; at++)
        free(*at);
    free(list);
}

/* Kernels before 5.9 have no close_range(). */
static void close_from(int first)
{
    struct rlimit limit;

    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (int fd = first; fd < (int)limit.rlim_cur; fd++)
        close(fd);
}

/* In the child: only calls that are safe after fork() in a process with threads. */
static void __attribute__((noreturn))
become(char *const argv[], char *const environment[], int state_fd, int log_fd, int lock_fd)
{
    sigset_t none;

    setsid();
    /* high copies first, since any of the descriptors may be one of the numbers that are given out */
    state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 10);
    log_fd = fcntl(log_fd, F_DUPFD_CLOEXEC, 10);
    lock_fd = lock_fd < 0 ? -1 : fcntl(lock_fd, F_DUPFD_CLOEXEC, 10);
    if (dup2(state_fd, 0) < 0 || dup2(state_fd, 1) < 0 || dup2(log_fd, 2) < 0 ||
        (lock_fd >= 0 && dup2(lock_fd, LOCK_FD) < 0))
        _exit(127);
    close_from(lock_fd >= 0 ? LOCK_FD + 1 : LOCK_FD);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", argv, environment);
    _exit(127);
}

static int start_daemon(struct start *start, struct error **err)
{
    _cleanup_free_ char *log_path = str_printf("%s/tunnel.log", start->place->directory);
    _cleanup_close_ int state_fd = open(start->state_path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_close_ int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    _cleanup_free_ char **argv = NULL;
    size_t count = 0;
    pid_t pid;

    if (state_fd < 0 || log_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", state_fd < 0 ? start->state_path : log_path);
    while (start->command[count])
        count++;
    argv = xcalloc(count + 2, sizeof(*argv));
    argv[0] = (char *)(uintptr_t) "azilr";
    memcpy(argv + 1, start->command, count * sizeof(*argv));
    pid = fork();
    if (pid == 0)
        become(argv, start->environment, state_fd, log_fd, start->options->inherit_lock_fd);
    if (pid < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot start the tunnel");
    start->child = pid;
    return 0;
}

static int start_unit(const struct start *start, struct error **err)
{
    const struct unit_options unit = {.name = start->place->unit,
                                      .command = (const char *const *)start->command,
                                      .environment = (const char *const *)start->environment,
                                      .state_path = start->state_path,
                                      .inherit_lock_fd = start->options->inherit_lock_fd};

    return unit_start(&unit, err);
}

/*
 * Ends a tunnel that did not come up, by its pid: it may not have written its pid file yet, and nobody may be left to
 * read that later. It is our child and not waited for, so its pid is nobody else's.
 */
static void put_down(pid_t child)
{
    process_end(child, process_start_time(child), STOP_GRACE_MS);
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static bool has_ended(struct start *start)
{
    if (start->child)
        return waitpid(start->child, NULL, WNOHANG) == start->child;
    if (clock_monotonic_ms() - start->asked_ms < ALIVE_PAUSE_MS)
        return false;
    start->asked_ms = clock_monotonic_ms();
    return !unit_is_alive(start->place->unit);
}

/* Returns 0 when the tunnel is ready, 1 if it has ended without a word, -1 with err set. */
static int follow(struct start *start, struct wait *wait, struct tunnel *tunnel, struct error **err)
{
    int64_t end = clock_monotonic_ms() + START_TIMEOUT_MS;
    struct tunnel_report report;
    bool ended = false;

    start->asked_ms = clock_monotonic_ms();
    for (;;) {
        if (state_read_file(start->state_path, &report, err) < 0)
            return -1;
        if (report.ready && report.port) {
            tunnel->port = report.port;
            return 0;
        }
        /* one more look after the end, for its last words */
        if (ended)
            return 1;
        ended = has_ended(start);
        if (clock_monotonic_ms() >= end)
            return error_set(err, EXIT_NETWORK, "the tunnel was not ready within %d s", START_TIMEOUT_MS / 1000);
        if (!ended && wait_sleep(wait, LOOK_PAUSE_MS, err) < 0)
            return -1;
    }
}

static void start_clear(struct start *start)
{
    free(start->state_path);
    if (start->command)
        free_list(start->command);
    if (start->environment)
        free_list(start->environment);
}

static int prepare(struct start *start, bool is_daemon, struct error **err)
{
    _cleanup_free_ char *ca = NULL;

    if (start->options->ca_file && tls_read_ca(start->options->ca_file, &ca, err) < 0)
        return -1;
    if (start->command)
        free_list(start->command);
    start->command = make_arguments(start->place, start->options, is_daemon);
    /* of a try before; the directory is ours alone */
    unlink(start->state_path);
    return state_create(start->state_path, start->options->until, ca, err);
}

/* Returns as follow(). */
static int try_unit(struct start *start, struct wait *wait, struct tunnel *tunnel, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    int result;

    if (prepare(start, false, err) < 0)
        return -1;
    if (start_unit(start, &problem) < 0) {
        log_verbose("%s", problem->message);
        return 1;
    }
    result = follow(start, wait, tunnel, err);
    if (result != 0)
        unit_stop(start->place->unit, NULL);
    return result;
}

static int try_daemon(struct start *start, struct wait *wait, struct tunnel *tunnel, struct error **err)
{
    int result;

    if (prepare(start, true, err) < 0 || start_daemon(start, err) < 0)
        return -1;
    result = follow(start, wait, tunnel, err);
    if (result == 0)
        return 0;
    put_down(start->child);
    return result < 0 ? -1 : error_set(err, EXIT_FAILED, "the tunnel ended as soon as it was started");
}

int tunnel_start(const struct tunnel_place *place, const struct tunnel_options *options, struct wait *wait,
                 struct tunnel *tunnel, struct error **err)
{
    _cleanup_(start_clear) struct start start = {.place = place,
                                                 .options = options,
                                                 .state_path = str_printf("%s/tunnel.state", place->directory),
                                                 .environment = make_environment()};
    int result = place->unit ? try_unit(&start, wait, tunnel, err) : 1;

    if (result <= 0)
        return result;
    if (place->unit)
        log_verbose("systemd cannot run the tunnel (see `journalctl -u %s`); it runs as a daemon", place->unit);
    return try_daemon(&start, wait, tunnel, err);
}

/* Returns 1 with the process in the file, 0 if there is no such file or nothing in it. */
static int read_pid_file(const char *path, pid_t *pid, unsigned long long *start_time)
{
    _cleanup_free_ char *line = file_read_line(path);
    char *end = NULL;
    long number;

    if (!line || !*line)
        return 0;
    number = strtol(line, &end, 10);
    if (number <= 1 || number > INT32_MAX || *end != ' ')
        return 0;
    *pid = (pid_t)number;
    *start_time = strtoull(end + 1, &end, 10);
    return *end == '\0' && *start_time != 0;
}

static int stop_daemon(const char *pid_path, struct error **err)
{
    unsigned long long start_time = 0;
    pid_t pid = 0;
    int ended = 0;

    if (read_pid_file(pid_path, &pid, &start_time))
        ended = process_end(pid, start_time, STOP_GRACE_MS);
    if (ended < 0)
        return error_set(err, EXIT_FAILED, "the tunnel, process %d, does not end", pid);
    return ended;
}

static int remove_file(const char *path, struct error **err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    return 0;
}

int tunnel_stop(const struct tunnel_place *place, bool *was_running, struct error **err)
{
    _cleanup_free_ char *pid_path = str_printf("%s/tunnel.pid", place->directory);
    _cleanup_free_ char *state_path = str_printf("%s/tunnel.state", place->directory);
    int unit = place->unit ? unit_stop(place->unit, err) : 0, daemon;

    if (unit < 0)
        return -1;
    daemon = stop_daemon(pid_path, err);
    *was_running = unit > 0 || daemon > 0;
    if (daemon < 0)
        return -1;
    return remove_file(pid_path, err) < 0 || remove_file(state_path, err) < 0 ? -1 : 0;
}

enum tunnel_condition tunnel_look(const struct tunnel_place *place, struct tunnel_report *report)
{
    _cleanup_free_ char *pid_path = str_printf("%s/tunnel.pid", place->directory);
    _cleanup_free_ char *state_path = str_printf("%s/tunnel.state", place->directory);
    unsigned long long start_time;
    pid_t pid;

    *report = (struct tunnel_report){0};
    (void)state_read_file(state_path, report, NULL);
    if (report->pid && process_is_running(report->pid, report->start_time))
        return TUNNEL_RUNS;
    /* its parent starts it again, or systemd does */
    if ((read_pid_file(pid_path, &pid, &start_time) && process_is_running(pid, start_time)) ||
        (place->unit && unit_is_alive(place->unit)))
        return TUNNEL_RESTARTING;
    return TUNNEL_GONE;
}

int tunnel_extend(const struct tunnel_place *place, time_t until, struct error **err)
{
    _cleanup_free_ char *state_path = str_printf("%s/tunnel.state", place->directory);

    /* without a tunnel there is nothing to move, and `status` says that it is gone */
    return access(state_path, F_OK) < 0 ? 0 : state_set_until(state_path, until, err);
}
