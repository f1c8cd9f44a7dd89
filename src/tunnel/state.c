/* SPDX-License-Identifier: MIT */
#include "tunnel/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"
#include "util/wait.h"

/* Where the parts begin: the report; the tunnel's end, "until SECONDS", of this one length; the CAs. */
enum { REPORT_SIZE = 4096, UNTIL_AT = REPORT_SIZE, CA_AT = UNTIL_AT + 64 };
static const char UNTIL_FORMAT[] = "until %020lld\n";
static const size_t MAX_CA = (size_t)512 * 1024;

/* A report that is read just while it is replaced can be torn; it is whole again by the next look. */
static const int READ_TRIES = 4;
static const int64_t READ_PAUSE_MS = 10;

static int write_at(int fd, const void *data, size_t length, off_t at)
{
    const char *bytes = data;

    while (length) {
        ssize_t put = pwrite(fd, bytes, length, at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        bytes += put;
        at += put;
        length -= (size_t)put;
    }
    return 0;
}

/* Returns how much there is, which may be less than asked for at the end of the file, or -1. */
static ssize_t read_at(int fd, char *data, size_t length, off_t at)
{
    size_t have = 0;

    while (have < length) {
        ssize_t got = pread(fd, data + have, length - have, at + (off_t)have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int write_until(int fd, time_t until)
{
    char text[64];
    int length = snprintf(text, sizeof(text), UNTIL_FORMAT, (long long)until);

    return write_at(fd, text, (size_t)length, UNTIL_AT);
}

int state_create(const char *path, time_t until, const char *ca, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (ca && strlen(ca) > MAX_CA)
        return error_set(err, EXIT_USAGE, "more than %zu bytes of CA certificates", MAX_CA);
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s", path);
    if (write_until(fd, until) < 0 || (ca && write_at(fd, ca, strlen(ca), CA_AT) < 0))
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write %s", path);
    return 0;
}

int state_set_until(const char *path, time_t until, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || write_until(fd, until) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write %s", path);
    return 0;
}

/* Always of the same length, so that nothing of a longer one before is left. */
static void put_report(int fd, const cJSON *document)
{
    _cleanup_free_ char *text = json_text(document, false);
    _cleanup_free_ char *padded = str_printf("%-*s\n", REPORT_SIZE - 1, text);

    if (strlen(padded) == REPORT_SIZE)
        (void)write_at(fd, padded, REPORT_SIZE, 0);
}

void state_write(int fd, const struct tunnel_report *report)
{
    _cleanup_json_ cJSON *document = json_new_object();
    _cleanup_free_ char *start_time = str_printf("%llu", report->start_time);

    json_set_number(document, "pid", report->pid);
    json_set_string(document, "start_time", start_time);
    json_set_number(document, "port", report->port);
    json_set_bool(document, "ready", report->ready);
    json_set_bool(document, "expired", report->expired);
    json_set_number(document, "since", (double)report->since);
    json_set_number(document, "restarts", report->restarts);
    json_set_number(document, "open", report->open);
    json_set_number(document, "total", (double)report->total);
    json_set_number(document, "refused", (double)report->refused);
    json_set_number(document, "to_portal", (double)report->to_portal);
    json_set_number(document, "from_portal", (double)report->from_portal);
    json_set_number(document, "last_error_at", (double)report->last_error_at);
    json_set_string(document, "last_error", report->last_error);
    put_report(fd, document);
}

void state_write_failure(int fd, const struct error *problem)
{
    _cleanup_json_ cJSON *document = json_new_object();
    _cleanup_free_ char *message = str_printable(problem->message, strlen(problem->message), 1000);
    _cleanup_free_ char *hint = problem->hint ? str_printable(problem->hint, strlen(problem->hint), 1000) : NULL;

    json_set_number(document, "code", problem->code);
    json_set_string(document, "message", message);
    json_set_string(document, "hint", hint);
    put_report(fd, document);
}

time_t state_read_until(int fd)
{
    char text[64] = "";
    long long until = 0;

    if (read_at(fd, text, sizeof(text) - 1, UNTIL_AT) <= 0)
        return 0;
    // NOLINTNEXTLINE(cert-err34-c): azilr wrote it, and what is no number counts as none
    return sscanf(text, "until %lld\n", &until) == 1 && until > 0 ? (time_t)until : 0;
}

int state_read_ca(int fd, char **ca, struct error **err)
{
    _cleanup_free_ char *text = xcalloc(MAX_CA + 1, 1);

    if (read_at(fd, text, MAX_CA, CA_AT) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read the tunnel's state file");
    *ca = steal(text);
    return 0;
}

static uint64_t count_of(const cJSON *document, const char *name)
{
    double number = json_number(document, name, 0);

    /* the most that a double counts one by one */
    return number >= 0 && number <= 9007199254740992.0 ? (uint64_t)number : 0;
}

static int take_failure(const cJSON *document, struct error **err)
{
    const char *message = json_string(document, "message"), *hint = json_string(document, "hint");
    _cleanup_free_ char *shown = str_printable(message, strlen(message), 1000);
    _cleanup_free_ char *shown_hint = hint ? str_printable(hint, strlen(hint), 1000) : NULL;

    error_set(err, (enum exit_code)json_whole(document, "code", EXIT_FAILED, EXIT_HOST, EXIT_FAILED), "%s", shown);
    return hint ? error_hint(err, "%s", shown_hint) : -1;
}

static void take_report(const cJSON *document, struct tunnel_report *report)
{
    const char *error = json_string(document, "last_error"), *start_time = json_string(document, "start_time");

    *report = (struct tunnel_report){.pid = json_whole(document, "pid", 1, INT32_MAX, 0),
                                     .start_time = start_time ? strtoull(start_time, NULL, 10) : 0,
                                     .port = json_whole(document, "port", 1, UINT16_MAX, 0),
                                     .ready = json_bool(document, "ready", false),
                                     .expired = json_bool(document, "expired", false),
                                     .since = (time_t)count_of(document, "since"),
                                     .restarts = (unsigned)json_whole(document, "restarts", 0, INT32_MAX, 0),
                                     .open = (unsigned)json_whole(document, "open", 0, INT32_MAX, 0),
                                     .total = count_of(document, "total"),
                                     .refused = count_of(document, "refused"),
                                     .to_portal = count_of(document, "to_portal"),
                                     .from_portal = count_of(document, "from_portal"),
                                     .last_error_at = (time_t)count_of(document, "last_error_at")};
    if (error) {
        _cleanup_free_ char *shown = str_printable(error, strlen(error), STATE_ERROR_SIZE - 1);

        snprintf(report->last_error, sizeof(report->last_error), "%s", shown);
    }
}

int state_parse(const char *text, struct tunnel_report *report, bool *torn, struct error **err)
{
    _cleanup_json_ cJSON *document = *text ? json_parse(text, strlen(text), "the tunnel's report", NULL) : NULL;

    *report = (struct tunnel_report){0};
    *torn = *text && !document;
    if (*torn)
        return error_set(err, EXIT_FAILED, "what the tunnel says of itself cannot be read");
    /* before the first report there is a hole */
    if (!document)
        return 0;
    if (json_string(document, "message"))
        return take_failure(document, err);
    take_report(document, report);
    return 1;
}

int state_read(int fd, struct tunnel_report *report, struct error **err)
{
    for (int tries = 1;; tries++) {
        _cleanup_error_ struct error *problem = NULL;
        char text[REPORT_SIZE + 1] = "";
        bool torn = false;
        int found;

        *report = (struct tunnel_report){0};
        if (read_at(fd, text, REPORT_SIZE, 0) < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot read what the tunnel says of itself");
        found = state_parse(text, report, &torn, &problem);
        if (found < 0 && torn && tries < READ_TRIES && wait_sleep(NULL, READ_PAUSE_MS, NULL) == 0)
            continue;
        return found < 0 ? error_move(err, &problem) : found;
    }
}

int state_read_file(const char *path, struct tunnel_report *report, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return error_set_errno(err, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, errno, "cannot open %s", path);
    return state_read(fd, report, err);
}
