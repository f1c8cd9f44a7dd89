/* SPDX-License-Identifier: MIT */
#include "tunnel/journal.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/str.h"

static const rlim_t MAX_LOG = 1024 * 1024;

void journal(int fd, unsigned connection, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    char now[CLOCK_TEXT_SIZE];
    char line[1024];
    va_list args;
    int length;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    clock_format(time(NULL), now);
    if (connection)
        length = snprintf(line, sizeof(line), "%s connection %u: %s", now, connection, text);
    else
        length = snprintf(line, sizeof(line), "%s %s", now, text);
    if (length >= (int)sizeof(line))
        length = (int)sizeof(line) - 1;
    line[length] = '\n';
    /* one write, so that lines of several threads do not mix; a full log is no reason to stop relaying */
    (void)file_write_all(fd, line, (size_t)length + 1);
}

void journal_limit(void)
{
    const struct rlimit limit = {MAX_LOG, MAX_LOG};

    /* past the limit a write fails instead of ending the process */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
}
