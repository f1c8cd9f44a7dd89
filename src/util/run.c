/* SPDX-License-Identifier: MIT */
#include "util/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/process.h"
#include "util/str.h"

static const size_t MAX_OUTPUT = 2 * 1024 * 1024;
static const size_t MAX_ERRORS = 64 * 1024;
static const int64_t DEFAULT_TIMEOUT_MS = 60 * 1000;
static const int64_t GRACE_MS = 2000;
/* What a guard is sent, so that it kills the program and stays. */
static const int KILL_BY_GUARD = SIGUSR1;

struct child {
    pid_t pid;
    int pid_fd;
    int output_fd;
    int errors_fd;
    bool is_guarded;
};

static void child_close(struct child *child)
{
    cleanup_close_fd(&child->pid_fd);
    cleanup_close_fd(&child->output_fd);
    cleanup_close_fd(&child->errors_fd);
}

char *run_find(const char *name)
{
    _cleanup_free_ char *path = str_dup(RUN_PATH);
    char *save = NULL;

    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? str_dup(name) : NULL;
    for (char *dir = strtok_r(path, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
        _cleanup_free_ char *full = str_printf("%s/%s", dir, name);

        if (access(full, X_OK) == 0)
            return steal(full);
    }
    return NULL;
}

/* What the child is to be; made before fork(), since little may be done after it. */
struct part {
    char *program;
    char *environment[RUN_MAX_ENVIRONMENT + 6];
    size_t count;
    const struct person *person; /* NULL for azilr's own user */
    int in_fd, out_fd, err_fd, inherit_fd;
    bool guard_inherited;
    uint64_t memory_limit;
};

static void part_clear(struct part *part)
{
    free(part->program);
    for (size_t i = 0; i < part->count; i++)
        free(part->environment[i]);
    cleanup_close_fd(&part->in_fd);
    cleanup_close_fd(&part->out_fd);
    cleanup_close_fd(&part->err_fd);
}

static void make_environment(struct part *part, const struct run_options *options)
{
    part->environment[part->count++] = str_dup("PATH=" RUN_PATH);
    part->environment[part->count++] = str_dup("LC_ALL=C");
    if (options->person) {
        part->environment[part->count++] = str_printf("HOME=%s", options->person->home);
        part->environment[part->count++] = str_printf("USER=%s", options->person->name);
        part->environment[part->count++] = str_printf("LOGNAME=%s", options->person->name);
    }
    for (size_t i = 0; options->environment && options->environment[i] && i < RUN_MAX_ENVIRONMENT; i++)
        part->environment[part->count++] = str_dup(options->environment[i]);
}

/* The functions of the C library would change all threads, which a child of fork() has not, and take locks for it. */
static int become_person(const struct person *person)
{
    if (syscall(SYS_setgroups, person->group_count, person->groups) < 0 ||
        syscall(SYS_setresgid, person->gid, person->gid, person->gid) < 0 ||
        syscall(SYS_setresuid, person->uid, person->uid, person->uid) < 0)
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* What the guard has to do with a signal that is for the program. */
static int forwarded(int signal_number)
{
    return signal_number == SIGTERM ? SIGTERM : signal_number == KILL_BY_GUARD ? SIGKILL : 0;
}

/*
 * Waits for the program, and ends as it did. A program that waits in the kernel for a disk that does not answer is not
 * ended by SIGKILL, so the guard, which would be, must not be sent that one.
 */
static void __attribute__((noreturn)) stand_guard(pid_t pid, const sigset_t *all)
{
    for (;;) {
        int status = 0, got = sigwaitinfo(all, NULL);
        pid_t ended = got == SIGCHLD ? waitpid(pid, &status, WNOHANG) : 0;

        if (forwarded(got))
            kill(-pid, forwarded(got));
        if (ended == pid)
            _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        if (ended < 0)
            _exit(127);
    }
}

/*
 * Returns in a child of its own only, which becomes the program, in a group of its own; here the descriptors are held
 * until that has ended.
 */
static void stand_by(void)
{
    sigset_t all;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid = fork();
    if (pid < 0)
        _exit(127);
    setpgid(pid, pid);
    if (pid > 0)
        stand_guard(pid, &all);
}

/* What cannot be had is done without: it is only for the host's sake. */
static void be_modest(uint64_t memory_limit)
{
    static const int nice_value = 10;
    const struct rlimit limit = {.rlim_cur = memory_limit, .rlim_max = memory_limit};

    process_set_oom_score(PROCESS_FIRST_TO_GO);
    setpriority(PRIO_PROCESS, 0, nice_value);
    setrlimit(RLIMIT_AS, &limit);
}

/* In the child: only calls that are safe after fork() in a process with threads. */
static void __attribute__((noreturn)) become(const struct part *part, const char *const argv[])
{
    const bool other = part->person && part->person->other;
    sigset_t none;

    if (other)
        setsid();
    else
        setpgid(0, 0);
    if (dup2(part->in_fd, 0) < 0 || dup2(part->out_fd, 1) < 0 || dup2(part->err_fd, 2) < 0)
        _exit(127);
    if (part->inherit_fd >= 0 && (dup2(part->inherit_fd, 3) < 0 || (part->inherit_fd == 3 && fcntl(3, F_SETFD, 0) < 0)))
        _exit(127);
    syscall(SYS_close_range, part->inherit_fd >= 0 ? 4U : 3U, ~0U, 0);
    if (part->inherit_fd >= 0 && part->guard_inherited) {
        stand_by();
        close(3);
    }
    if (part->memory_limit)
        be_modest(part->memory_limit);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if ((!other || become_person(part->person) == 0) && chdir("/") == 0)
        execve(part->program, (char *const *)(uintptr_t)argv, part->environment);
    _exit(127);
}

static int open_pipe(const char *name, int *read_fd, int *write_fd, struct error **err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make a pipe for %s", name);
    *read_fd = ends[0];
    *write_fd = ends[1];
    return 0;
}

/*
 * A descriptor to read the input from: a pipe that holds all of it already, so that a child that does not read cannot
 * make anybody wait; unlike a file in memory, it is never swapped out.
 */
static int open_input(const char *name, const struct buffer *input, int *fd, struct error **err)
{
    _cleanup_close_ int write_fd = -1;

    if (!input || input->length == 0) {
        *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *fd < 0 ? error_set_errno(err, EXIT_FAILED, errno, "cannot open /dev/null") : 0;
    }
    if (input->length > RUN_MAX_INPUT)
        return error_set(err, EXIT_FAILED, "more than %zu bytes of input for %s", RUN_MAX_INPUT, name);
    if (open_pipe(name, fd, &write_fd, err) < 0)
        return -1;
    if ((input->length > 4096 && fcntl(write_fd, F_SETPIPE_SZ, (int)input->length) < 0) ||
        fcntl(write_fd, F_SETFL, O_NONBLOCK) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot prepare the input of %s", name);
    if (file_write_all(write_fd, input->data, input->length) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write the input of %s", name);
    return 0;
}

static int start(const char *const argv[], const struct run_options *options, struct child *child, struct error **err)
{
    _cleanup_(part_clear) struct part part = {.program = run_find(argv[0]),
                                              .person = options->person,
                                              .in_fd = -1,
                                              .out_fd = -1,
                                              .err_fd = -1,
                                              .inherit_fd = options->inherit_fd,
                                              .guard_inherited = options->guard_inherited,
                                              .memory_limit = options->memory_limit};

    if (!part.program)
        return error_set(err, EXIT_HOST, "%s is not installed (looked in %s)", argv[0], RUN_PATH);
    if (open_input(argv[0], options->input, &part.in_fd, err) < 0 ||
        open_pipe(argv[0], &child->output_fd, &part.out_fd, err) < 0 ||
        open_pipe(argv[0], &child->errors_fd, &part.err_fd, err) < 0)
        return -1;
    make_environment(&part, options);
    child->is_guarded = part.inherit_fd >= 0 && part.guard_inherited;
    child->pid = fork();
    if (child->pid < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot start %s", argv[0]);
    if (child->pid == 0)
        become(&part, argv);
    child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pid_fd < 0) {
        int errnum = errno;

        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        return error_set_errno(err, EXIT_HOST, errnum, "this kernel (older than 5.3?) has no pidfd_open");
    }
    return 0;
}

/* Takes what is there. Closes *fd at the end of the stream. Returns -1 if it is over the cap and that
 * matters. */
static int drain(int *fd, struct buffer *into, int must_fit)
{
    char chunk[4096];
    bool full;
    ssize_t got;

    if (*fd < 0)
        return 0;
    got = read(*fd, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR)
        return 0;
    if (got <= 0) {
        close(steal_fd(fd));
        return 0;
    }
    full = buffer_append(into, chunk, (size_t)got) < 0;
    if (into->secret)
        explicit_bzero(chunk, (size_t)got);
    return full && must_fit ? -1 : 0;
}

static void put_down(const struct child *child)
{
    struct pollfd ended = {.fd = child->pid_fd, .events = POLLIN};

    kill(-child->pid, SIGTERM);
    if (poll(&ended, 1, (int)GRACE_MS) <= 0) {
        kill(-child->pid, child->is_guarded ? KILL_BY_GUARD : SIGKILL);
        /* one that waits in the kernel for a disk that does not answer cannot be killed, and must not be waited for */
        if (poll(&ended, 1, (int)GRACE_MS) <= 0) {
            log_verbose("process %d does not end", (int)child->pid);
            return;
        }
    }
    waitpid(child->pid, NULL, 0);
}

/*
 * Reads until the child has ended, and what it had written by then. A grandchild that keeps the pipes open (a
 * daemon that the program started) is not waited for.
 */
static int follow(struct child *child, const char *name, int64_t timeout_ms, struct wait *wait,
                  struct run_result *result, struct error **err)
{
    int64_t end = clock_monotonic_ms() + timeout_ms;

    for (;;) {
        struct pollfd fds[3] = {{.fd = child->pid_fd, .events = POLLIN},
                                {.fd = child->output_fd, .events = POLLIN},
                                {.fd = child->errors_fd, .events = POLLIN}};
        int64_t left = end - clock_monotonic_ms();
        int ready = left <= 0 ? 0 : wait_poll(wait, fds, 3, left, err);

        if (ready < 0)
            return -1;
        if (ready == 0)
            return error_set(err, EXIT_FAILED, "%s did not finish within %lld s", name, (long long)(timeout_ms / 1000));
        if ((fds[1].revents && drain(&child->output_fd, &result->output, 1) < 0))
            return error_set(err, EXIT_FAILED, "%s printed more than %zu bytes", name, MAX_OUTPUT);
        if (fds[2].revents)
            drain(&child->errors_fd, &result->errors, 0);
        if (fds[0].revents && !fds[1].revents && !fds[2].revents)
            return 0;
    }
}

int run(const char *const argv[], const struct run_options *options, struct wait *wait, struct run_result *result,
        struct error **err)
{
    static const struct run_options defaults = {.inherit_fd = -1};
    _cleanup_(child_close) struct child child = {.pid = -1, .pid_fd = -1, .output_fd = -1, .errors_fd = -1};
    /* the screen's clock goes on, but neither a signal nor the time limit stops a change to the host half-way
     */
    struct wait patient = WAIT_INIT;
    int64_t timeout_ms;
    int status = 0;

    *result = (struct run_result){.output = BUFFER_INIT(MAX_OUTPUT), .errors = BUFFER_INIT(MAX_ERRORS)};
    if (!options)
        options = &defaults;
    result->output.secret = options->secret_output;
    timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (wait) {
        patient.tick = wait->tick;
        patient.tick_argument = wait->tick_argument;
    }
    if (start(argv, options, &child, err) < 0)
        return -1;
    if (follow(&child, argv[0], timeout_ms, options->interruptible ? wait : &patient, result, err) < 0) {
        put_down(&child);
        return -1;
    }
    if (waitpid(child.pid, &status, 0) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot wait for %s", argv[0]);
    result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    log_verbose("ran %s%s%s: exit %d", argv[0], argv[1] ? " " : "", argv[1] ? argv[1] : "", result->exit_code);
    return 0;
}

char *run_last_words(const struct run_result *result)
{
    const struct buffer *words = result->errors.length ? &result->errors : &result->output;
    size_t length = words->length;

    while (length && (words->data[length - 1] == '\n' || words->data[length - 1] == ' '))
        length--;
    if (length == 0 || words->secret)
        return str_dup("(it said nothing)");
    _cleanup_free_ char *one_line = str_ndup(words->data, length);
    for (char *at = one_line; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return str_printable(one_line, strlen(one_line), 400);
}

int run_checked(const char *const argv[], const struct run_options *options, struct wait *wait, struct error **err)
{
    _cleanup_run_result_ struct run_result result;

    if (run(argv, options, wait, &result, err) < 0)
        return -1;
    if (result.exit_code != 0) {
        _cleanup_free_ char *words = run_last_words(&result);

        return error_set(err, EXIT_FAILED, "%s ended with exit code %d: %s", argv[0], result.exit_code, words);
    }
    return 0;
}

void run_result_clear(struct run_result *result)
{
    buffer_clear(&result->output);
    buffer_clear(&result->errors);
}
