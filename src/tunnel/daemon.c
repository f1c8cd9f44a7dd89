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

#include "util/buffer.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/process.h"
#include "util/run.h"
#include "util/str.h"

static const int START_TIMEOUT_MS = 90 * 1000;
static const int STOP_GRACE_MS = 4000;
static const size_t MAX_STATUS = 16 * 1024;

/* Where the child finds what it inherits; also in the arguments that it is given. */
enum { STATUS_FD = 3, LOCK_FD = 4 };

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
    char **environment = xcalloc(sizeof(kept) / sizeof(kept[0]) + 3, sizeof(*environment));
    size_t count = 0;

    environment[count++] = str_dup("PATH=" RUN_PATH);
    environment[count++] = str_dup("LC_ALL=C");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (getenv(kept[i]))
            environment[count++] = str_printf("%s=%s", kept[i], getenv(kept[i]));
    return environment;
}

static char **make_arguments(const struct tunnel_options *options)
{
    char **argv = xcalloc(20, sizeof(*argv));
    size_t count = 0;

    argv[count++] = str_dup("azilr");
    argv[count++] = str_dup("tunnel");
    argv[count++] = str_printf("--listen=127.0.0.1:%d-%d", options->first_port, options->last_port);
    argv[count++] = str_printf("--connect=%s:%d", options->portal_host, options->portal_port);
    if (options->server_name)
        argv[count++] = str_printf("--server-name=%s", options->server_name);
    if (options->ca_file)
        argv[count++] = str_printf("--ca-file=%s", options->ca_file);
    argv[count++] = str_printf("--pid-file=%s", options->pid_path);
    argv[count++] = str_printf("--log-file=%s", options->log_path);
    argv[count++] = str_printf("--status-fd=%d", STATUS_FD);
    if (options->inherit_lock_fd >= 0)
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
become(char *const argv[], char *const environment[], int null_fd, int status_fd, int lock_fd)
{
    sigset_t none;

    setsid();
    /* high copies first, since any of the descriptors may be one of the numbers that are given out */
    null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, 10);
    status_fd = fcntl(status_fd, F_DUPFD_CLOEXEC, 10);
    lock_fd = lock_fd < 0 ? -1 : fcntl(lock_fd, F_DUPFD_CLOEXEC, 10);
    if (dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0 || dup2(status_fd, STATUS_FD) < 0 ||
        (lock_fd >= 0 && dup2(lock_fd, LOCK_FD) < 0))
        _exit(127);
    close_from(lock_fd >= 0 ? LOCK_FD + 1 : LOCK_FD);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", argv, environment);
    _exit(127);
}

static int spawn(const struct tunnel_options *options, pid_t *child, int *status_fd, struct error **err)
{
    _cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char **argv, **environment;
    int status[2];
    pid_t pid;

    if (null_fd < 0 || pipe2(status, O_CLOEXEC) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make a pipe for the tunnel");
    argv = make_arguments(options);
    environment = make_environment();
    pid = fork();
    if (pid == 0)
        become(argv, environment, null_fd, status[1], options->inherit_lock_fd);
    free_list(argv);
    free_list(environment);
    close(status[1]);
    if (pid < 0) {
        close(status[0]);
        return error_set_errno(err, EXIT_FAILED, errno, "cannot start the tunnel");
    }
    *child = pid;
    *status_fd = status[0];
    return 0;
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

static int read_status(int fd, struct buffer *text, struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + START_TIMEOUT_MS;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = end - clock_monotonic_ms();
        char chunk[1024];
        ssize_t got;

        if (wait_poll(wait, &ready, 1, left > 0 ? left : 0, err) < 0)
            return -1;
        if (!ready.revents && left <= 0)
            return error_set(err, EXIT_NETWORK, "the tunnel was not ready within %d s", START_TIMEOUT_MS / 1000);
        if (!ready.revents)
            continue;
        got = read(fd, chunk, sizeof(chunk));
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot hear from the tunnel");
        if (got > 0 && buffer_append(text, chunk, (size_t)got) < 0)
            return error_set(err, EXIT_FAILED, "the tunnel said more than it should");
    }
}

/*
 * {"port":N}, or {"code":N,"message":"…","hint":"…"}; nothing at all if it died. What it says is printed by root, while
 * it has already spoken with the network: so it is taken for untrusted text.
 */
static int take_status(const struct buffer *text, struct tunnel *tunnel, struct error **err)
{
    _cleanup_json_ cJSON *status = text->length ? json_parse(text->data, text->length, "its message", NULL) : NULL;
    const char *message = json_string(status, "message"), *hint = json_string(status, "hint");
    int port = json_whole(status, "port", 1, UINT16_MAX, 0);
    _cleanup_free_ char *shown = message ? str_printable(message, strlen(message), 1000) : NULL;
    _cleanup_free_ char *shown_hint = hint ? str_printable(hint, strlen(hint), 1000) : NULL;

    if (port && !message) {
        tunnel->port = port;
        return 0;
    }
    if (!message)
        return error_set(err, EXIT_FAILED, "the tunnel ended as soon as it was started");
    error_set(err, (enum exit_code)json_whole(status, "code", EXIT_FAILED, EXIT_HOST, EXIT_FAILED), "%s", shown);
    return hint ? error_hint(err, "%s", shown_hint) : -1;
}

int tunnel_start(const struct tunnel_options *options, struct wait *wait, struct tunnel *tunnel, struct error **err)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(MAX_STATUS);
    _cleanup_close_ int status_fd = -1;
    pid_t child = 0;

    if (spawn(options, &child, &status_fd, err) < 0)
        return -1;
    if (read_status(status_fd, &text, wait, err) == 0 && take_status(&text, tunnel, err) == 0)
        return 0;
    put_down(child);
    return -1;
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

int tunnel_stop(const char *pid_path, bool *was_running, struct error **err)
{
    unsigned long long start_time = 0;
    pid_t pid = 0;
    int ended = 0;

    if (read_pid_file(pid_path, &pid, &start_time))
        ended = process_end(pid, start_time, STOP_GRACE_MS);
    *was_running = ended > 0;
    if (ended < 0)
        return error_set(err, EXIT_FAILED, "the tunnel, process %d, does not end", pid);
    if (unlink(pid_path) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", pid_path);
    return 0;
}

bool tunnel_is_running(const char *pid_path)
{
    unsigned long long start_time;
    pid_t pid;

    return read_pid_file(pid_path, &pid, &start_time) && process_is_running(pid, start_time);
}

char *tunnel_last_error(const char *log_path)
{
    static const char mark[] = "error: ";
    _cleanup_free_ char *text = NULL;
    const char *last = NULL;

    if (file_read(log_path, 2 * 1024 * 1024, &text, NULL, NULL) < 0 || !text)
        return NULL;
    for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark))
        last = at + sizeof(mark) - 1;
    return last ? str_printable(last, strcspn(last, "\n"), 400) : NULL;
}
