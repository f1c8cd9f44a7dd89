/* SPDX-License-Identifier: MIT */
#include "util/terminals.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utmpx.h>

#include "util/cleanup.h"
#include "util/str.h"

static const size_t MAX_TEXT = 1024;

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

int terminals_tell(const char *text)
{
    const struct utmpx *entry;
    int told = 0;

    setutxent();
    while ((entry = getutxent())) {
        _cleanup_free_ char *line = str_ndup(entry->ut_line, strnlen(entry->ut_line, sizeof(entry->ut_line)));

        if (entry->ut_type == USER_PROCESS && terminals_tell_one(line, text) == 0)
            told++;
    }
    endutxent();
    return told;
}
