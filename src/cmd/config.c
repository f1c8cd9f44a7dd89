/* SPDX-License-Identifier: MIT */
#include "cmd/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/log.h"
#include "util/str.h"

static const size_t MAX_FILE = (size_t)64 << 10;
enum { MAX_SETTINGS = 64 };

struct seen {
    const char *names[MAX_SETTINGS];
    size_t count;
};

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    size_t length;

    text += strspn(text, " \t");
    length = strlen(text);
    while (length && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int take_line(char *line, struct seen *seen, config_taker *take, void *argument, struct error **err)
{
    char *equals, *name, *value;

    line = trim(line);
    if (!*line || *line == '#')
        return 0;
    equals = strchr(line, '=');
    if (!equals)
        return error_set(err, EXIT_USAGE, "it is no \"name = value\"");
    *equals = '\0';
    name = trim(line);
    value = trim(equals + 1);
    if (!str_is_printable(name) || !str_is_printable(value))
        return error_set(err, EXIT_USAGE, "it holds control characters, or is not UTF-8");
    if (!*name || !*value)
        return error_set(err, EXIT_USAGE, "it has no %s", *name ? "value" : "name");
    for (size_t i = 0; i < seen->count; i++)
        if (str_equal(seen->names[i], name))
            return error_set(err, EXIT_USAGE, "%s was given before", name);
    if (take(name, value, argument, err) < 0)
        return -1;
    /* every known name once is far fewer, and the others have been refused */
    if (seen->count < MAX_SETTINGS)
        seen->names[seen->count++] = name;
    return 0;
}

int config_parse(char *text, size_t length, config_taker *take, void *argument, struct error **err)
{
    struct seen seen = {0};
    char *next = text;

    if (memchr(text, '\0', length))
        return error_set(err, EXIT_USAGE, "it is not a text file");
    for (size_t number = 1; next; number++) {
        char *line = strsep(&next, "\n");

        if (take_line(line, &seen, take, argument, err) < 0)
            return error_wrap(err, "line %zu", number);
    }
    return 0;
}

static int check_owner(int fd, const char *path, struct error **err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, EXIT_HOST, "%s is not a regular file", path);
    if (geteuid() != 0 || (st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH))))
        return 0;
    error_set(err, EXIT_HOST, "%s can be changed by others than root, so root does not heed it", path);
    return error_hint(err, "chown root %s; chmod go-w %s", path, path);
}

static int read_all(int fd, const char *path, char **text, size_t *length, struct error **err)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(MAX_FILE);
    char block[4096];
    ssize_t got;

    while ((got = read(fd, block, sizeof(block))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, EXIT_HOST, errno, "cannot read %s", path);
        if (buffer_append(&buffer, block, (size_t)got) < 0)
            return error_set(err, EXIT_USAGE, "%s is larger than %zu bytes", path, MAX_FILE);
    }
    *length = buffer.length;
    *text = xcalloc(buffer.length + 1, 1);
    memcpy(*text, buffer_text(&buffer), buffer.length);
    return 0;
}

int config_read(const char *path, bool required, char **text, size_t *length, struct error **err)
{
    /* O_NONBLOCK: a FIFO under that name must not hold the program up before it is refused */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    *text = NULL;
    *length = 0;
    if (fd < 0 && !required && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 && !required && errno == EACCES && geteuid() != 0) {
        log_warning("%s may not be read, and is passed over", path);
        return 0;
    }
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_HOST, errno, "cannot open %s", path);
    if (check_owner(fd, path, err) < 0)
        return -1;
    return read_all(fd, path, text, length, err);
}
