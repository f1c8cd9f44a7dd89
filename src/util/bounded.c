/* SPDX-License-Identifier: MIT */
#include "util/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/buffer.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/str.h"

static const size_t MAX_ANSWER = 1024 * 1024;
/* The first one of a process that was killed amid a quick call is waited for. */
static const int KILL_WAIT_MS = 200;

/* What comes over the pipe: this, and then three texts, each with the NUL at its end, or without any for NULL. */
struct answer {
    int result;
    int code; /* -1 for no error */
    size_t message, hint, text;
};

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static void send_text(int fd, const char *text)
{
    if (text && file_write_all(fd, text, strlen(text) + 1) < 0)
        _exit(1);
}

static void __attribute__((noreturn)) be_child(bounded_function *call, void *argument, int fd)
{
    struct error *problem = NULL;
    struct answer answer = {.code = -1};
    char *text = NULL;

    /* a lock of the session that a stuck child held would never be given back */
    if (fd != 3 && dup2(fd, 3) < 0)
        _exit(1);
    syscall(SYS_close_range, 4U, ~0U, 0);
    answer.result = call(argument, &text, &problem);
    if (problem) {
        answer.code = (int)problem->code;
        answer.message = size_of(problem->message);
        answer.hint = size_of(problem->hint);
    }
    answer.text = size_of(text);
    if (file_write_all(3, &answer, sizeof(answer)) < 0)
        _exit(1);
    send_text(3, problem ? problem->message : NULL);
    send_text(3, problem ? problem->hint : NULL);
    send_text(3, text);
    _exit(0);
}

/* Takes the answer as it comes. Returns 1 at its end, 0 if the time is over, -1 if it cannot be had. */
static int receive(int fd, int64_t end_ms, struct wait *wait, struct buffer *into)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = end_ms - clock_monotonic_ms();
        int result = wait_poll(wait, &ready, 1, left < 0 ? 0 : left, NULL);
        char chunk[4096];
        ssize_t got;

        if (result <= 0)
            return result;
        got = read(fd, chunk, sizeof(chunk));
        if (got == 0)
            return 1;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || buffer_append(into, chunk, (size_t)got) < 0)
            return -1;
    }
}

/* Reads the next of the texts; NULL for none. */
static const char *next_text(const struct buffer *from, size_t *at, size_t size)
{
    const char *text = from->data + *at;

    if (size == 0 || size > from->length - *at || text[size - 1] != '\0')
        return NULL;
    *at += size;
    return text;
}

static int take_answer(const struct buffer *from, char **text, struct error **err)
{
    const char *message, *hint, *said;
    size_t at = sizeof(struct answer);
    struct answer answer;

    if (from->length < sizeof(answer))
        return error_set(err, EXIT_FAILED, "a child process ended without an answer");
    memcpy(&answer, from->data, sizeof(answer));
    message = next_text(from, &at, answer.message);
    hint = next_text(from, &at, answer.hint);
    said = next_text(from, &at, answer.text);
    if (answer.code >= 0) {
        error_set(err, (enum exit_code)answer.code, "%s", message ? message : "");
        if (hint)
            error_hint(err, "%s", hint);
    }
    if (text && said)
        *text = str_dup(said);
    return answer.result;
}

static void end_child(pid_t pid)
{
    const int64_t end = clock_monotonic_ms() + KILL_WAIT_MS;

    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, WNOHANG) == 0 && clock_monotonic_ms() < end)
        poll(NULL, 0, 5);
}

int bounded_call(bounded_function *call, void *argument, int64_t limit_ms, struct wait *wait, char **text, bool *stuck,
                 struct error **err)
{
    _cleanup_(buffer_clear) struct buffer answer = BUFFER_INIT(MAX_ANSWER);
    struct wait patient = WAIT_INIT;
    _cleanup_close_ int read_fd = -1;
    int ends[2], received;
    pid_t pid;

    *stuck = false;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make a pipe");
    read_fd = ends[0];
    /* what stands in a buffer would be written by both */
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        be_child(call, argument, ends[1]);
    close(ends[1]);
    if (pid < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot start a child process");
    if (wait) {
        patient.tick = wait->tick;
        patient.tick_argument = wait->tick_argument;
    }
    received = receive(read_fd, clock_monotonic_ms() + limit_ms, &patient, &answer);
    if (received <= 0) {
        end_child(pid);
        *stuck = received == 0;
        return received == 0
                   ? error_set(err, EXIT_NETWORK, "it did not finish within %lld s", (long long)(limit_ms + 999) / 1000)
                   : error_set(err, EXIT_FAILED, "a child process gave an answer that is too long");
    }
    waitpid(pid, NULL, 0);
    return take_answer(&answer, text, err);
}
