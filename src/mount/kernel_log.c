/* SPDX-License-Identifier: MIT */
#include "mount/kernel_log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/str.h"

/* What is worth telling is said first; the hex dumps and advice that may follow are not. */
static const int MAX_LINES = 3;
static const size_t MAX_LINE = 200;
/* the log of a host in trouble may grow faster than it is read */
static const int MAX_RECORDS = 2000;
/* KERN_WARNING of include/linux/kern_levels.h; KERN_INFO and KERN_NOTICE tell what goes well */
static const long WORST_TOLD = 4;

int kernel_log_open(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && lseek(fd, 0, SEEK_END) < 0)
        close(steal_fd(&fd));
    return fd;
}

/* The caller frees it; NULL if there is no such device. */
static char *kernel_name_of(dev_t device)
{
    _cleanup_free_ char *link = str_printf("/sys/dev/block/%u:%u", major(device), minor(device));
    char target[PATH_MAX];
    ssize_t length = readlink(link, target, sizeof(target) - 1);
    const char *name;

    if (length <= 0)
        return NULL;
    target[length] = '\0';
    name = strrchr(target, '/');
    return name ? str_dup(name + 1) : NULL;
}

/* What xfs says of every damage, and a hex dump's headline. */
static bool is_advice(const char *text)
{
    return strstr(text, "Unmount and run xfs_repair") || strstr(text, "bytes of corrupted metadata buffer");
}

static bool names(const char *text, const char *device_name)
{
    size_t length = strlen(device_name);

    for (const char *at = strstr(text, device_name); at; at = strstr(at + 1, device_name)) {
        unsigned char before = at == text ? ' ' : (unsigned char)at[-1], after = (unsigned char)at[length];

        if (!isalnum(before) && before != '-' && !isalnum(after) && after != '-')
            return true;
    }
    return false;
}

/* "level,sequence,time,flags;text", a line end, and lines with more about it (Documentation/ABI/testing/dev-kmsg) */
char *kernel_log_match(const char *record, size_t length, const char *device_name)
{
    _cleanup_free_ char *copy = str_ndup(record, length);
    char *text = strchr(copy, ';'), *end;
    long level = strtol(copy, &end, 10);

    if (!text || end == copy || *end != ',' || level < 0 || (level & 7) > WORST_TOLD)
        return NULL;
    text++;
    text[strcspn(text, "\n")] = '\0';
    if (!names(text, device_name) || is_advice(text))
        return NULL;
    return str_printable(text, strlen(text), MAX_LINE);
}

static char *match_any(const char *record, size_t length, const dev_t *devices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *name = kernel_name_of(devices[i]);
        char *line = name ? kernel_log_match(record, length, name) : NULL;

        if (line)
            return line;
    }
    return NULL;
}

char *kernel_log_about(int fd, const dev_t *devices, size_t count)
{
    _cleanup_free_ char *all = NULL;
    char record[8192];
    int lines = 0;

    for (int i = 0; fd >= 0 && i < MAX_RECORDS && lines < MAX_LINES; i++) {
        ssize_t got = read(fd, record, sizeof(record));
        _cleanup_free_ char *line = NULL;

        /* EPIPE: records were lost before they were read; the next read goes on behind them */
        if (got < 0 && (errno == EINTR || errno == EPIPE))
            continue;
        if (got <= 0)
            break;
        line = match_any(record, (size_t)got, devices, count);
        if (line) {
            char *longer = all ? str_printf("%s; %s", all, line) : str_dup(line);

            free(all);
            all = longer;
            lines++;
        }
    }
    return steal(all);
}
