/* SPDX-License-Identifier: MIT */
#include "util/terminals.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmpx.h>

#include "util/file.h"
#include "util/str.h"

static const size_t MAX_TEXT = 1024;

/* What any user can have of them must not keep the keeper busy. */
enum { MAX_LINES = 1000 };

/* Linux, Documentation/admin-guide/devices.txt: UNIX98_PTY_SLAVE_MAJOR and the seven after it, 256 of them each */
enum { FIRST_PTS_MAJOR = 136, LAST_PTS_MAJOR = 143 };

int terminals_tell_one(const char *line, const char *text)
{
    _cleanup_free_ char *path = str_printf("/dev/%s", line);
    _cleanup_free_ char *safe = str_printable(text, strlen(text), MAX_TEXT);
    _cleanup_free_ char *message = str_printf("\r\n\aazilr: %s\r\n", safe);
    _cleanup_close_ int fd = -1;

    /* utmp can be written by others than root on some hosts */
    if (!*line || strstr(line, "..") || line[0] == '/')
        return -1;
    fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !isatty(fd))
        return -1;
    return write(fd, message, strlen(message)) > 0 ? 0 : -1;
}

/* Takes line over, and leaves out what is there already. */
static void add(struct terminals *terminals, char *line)
{
    _cleanup_free_ char *mine = line;

    if (!mine || terminals->count == MAX_LINES)
        return;
    for (size_t i = 0; i < terminals->count; i++)
        if (str_equal(terminals->lines[i], mine))
            return;
    terminals->lines = xreallocarray(terminals->lines, terminals->count + 1, sizeof(*terminals->lines));
    terminals->lines[terminals->count++] = steal(mine);
}

static void add_of_utmp(struct terminals *terminals)
{
    const struct utmpx *entry;

    setutxent();
    while ((entry = getutxent()))
        if (entry->ut_type == USER_PROCESS)
            add(terminals, str_ndup(entry->ut_line, strnlen(entry->ut_line, sizeof(entry->ut_line))));
    endutxent();
}

/* The name that a terminal's number, as /proc/PID/stat has it, has below /dev. The caller frees it; NULL for none. */
static char *line_of(unsigned number)
{
    const unsigned in_front = number >> 8 & 0xfff, behind = (number & 0xff) | (number >> 12 & 0xfff00);
    _cleanup_free_ char *path = str_printf("/sys/dev/char/%u:%u/uevent", in_front, behind), *text = NULL;
    static const char name[] = "DEVNAME=";
    const char *at;

    if (in_front >= FIRST_PTS_MAJOR && in_front <= LAST_PTS_MAJOR)
        return str_printf("pts/%u", (in_front - FIRST_PTS_MAJOR) * 256 + behind);
    if (file_read(path, PATH_MAX, &text, NULL, NULL) < 0)
        return NULL;
    at = strstr(text, name);
    return at ? str_ndup(at + strlen(name), strcspn(at + strlen(name), "\n")) : NULL;
}

/* proc(5): who has logged in has a loginuid, which all that is started from there inherits; -1 is for none. */
static bool has_logged_in(const char *proc, const char *pid)
{
    _cleanup_free_ char *path = str_printf("%s/%s/loginuid", proc, pid), *text = file_read_line(path);
    long number;

    return text && str_to_long(text, 0, UINT_MAX - 1L, &number) == 0;
}

/*
 * The number of the terminal that this process leads a session on, which a shell does; 0 if it does not. proc(5), of
 * /proc/PID/stat: "PID (NAME) STATE PARENT GROUP SESSION TERMINAL …", where NAME may hold anything, a parenthesis too.
 */
static unsigned led_terminal(const char *proc, const char *pid)
{
    _cleanup_free_ char *path = str_printf("%s/%s/stat", proc, pid), *text = file_read_line(path);
    char *save = NULL, *at = text ? strrchr(text, ')') : NULL;
    const char *fields[6] = {NULL};
    long number;

    for (size_t i = 0; at && i < sizeof(fields) / sizeof(fields[0]); i++)
        fields[i] = strtok_r(i ? NULL : at, " ", &save);
    if (!str_equal(fields[4], pid) || !fields[5] || str_to_long(fields[5], 0, INT_MAX, &number) < 0)
        return 0;
    return (unsigned)number;
}

void terminals_of_logins(const char *proc, struct terminals *terminals)
{
    _cleanup_closedir_ DIR *dir = opendir(proc);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        unsigned number = str_only(entry->d_name, "0123456789") ? led_terminal(proc, entry->d_name) : 0;

        if (number && has_logged_in(proc, entry->d_name))
            add(terminals, line_of(number));
    }
}

void terminals_clear(struct terminals *terminals)
{
    for (size_t i = 0; i < terminals->count; i++)
        free(terminals->lines[i]);
    free(terminals->lines);
    *terminals = (struct terminals){0};
}

int terminals_tell(const char *text)
{
    _cleanup_terminals_ struct terminals terminals = {0};
    int told = 0;

    add_of_utmp(&terminals);
    terminals_of_logins("/proc", &terminals);
    for (size_t i = 0; i < terminals.count; i++)
        told += terminals_tell_one(terminals.lines[i], text) == 0;
    return told;
}
