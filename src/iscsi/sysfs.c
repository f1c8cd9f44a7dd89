/* SPDX-License-Identifier: MIT */
#include "iscsi/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "util/file.h"
#include "util/log.h"
#include "util/str.h"

static const char CLASS[] = "/sys/class/iscsi_session";

static bool attribute_is(const char *name, const char *attribute, const char *value)
{
    _cleanup_free_ char *path = str_printf("%s/%s/%s", CLASS, name, attribute);
    _cleanup_free_ char *found = file_read_line(path);

    return str_equal(found, value);
}

/* The number behind the last occurrence of "/PREFIX" in a path; -1 if there is none. */
static int number_after(const char *path, const char *prefix)
{
    const char *last = NULL;
    long number = -1;

    for (const char *at = strstr(path, prefix); at; at = strstr(at + 1, prefix))
        last = at + strlen(prefix);
    if (!last)
        return -1;
    _cleanup_free_ char *digits = str_ndup(last, strspn(last, "0123456789"));
    return str_to_long(digits, 0, INT_MAX, &number) == 0 ? (int)number : -1;
}

static int fill(const char *name, struct iscsi_session *session, struct error **err)
{
    _cleanup_free_ char *link = str_printf("%s/%s/device", CLASS, name);
    char *path = realpath(link, NULL);

    if (!path)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot resolve %s", link);
    session->number = number_after(path, "/session");
    session->host = number_after(path, "/host");
    session->syspath = path;
    if (session->number < 0 || session->host < 0) {
        error_set(err, EXIT_FAILED, "%s is no path of an iSCSI session", path);
        iscsi_session_clear(session);
        return -1;
    }
    return 1;
}

int iscsi_find_session(const char *target, const char *iface, struct iscsi_session *session, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(CLASS);
    struct dirent *entry;

    *session = (struct iscsi_session){.number = -1, .host = -1};
    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        if (str_starts_with(entry->d_name, "session") && attribute_is(entry->d_name, "targetname", target) &&
            attribute_is(entry->d_name, "ifacename", iface))
            return fill(entry->d_name, session, err);
    return 0;
}

bool iscsi_session_is_of(int number, const char *iface)
{
    _cleanup_free_ char *name = str_printf("session%d", number);

    return attribute_is(name, "ifacename", iface);
}

bool iscsi_session_is_logged_in(int number)
{
    _cleanup_free_ char *name = str_printf("session%d", number);

    return attribute_is(name, "state", "LOGGED_IN");
}

void iscsi_session_fail_soon(int number)
{
    _cleanup_free_ char *path = str_printf("%s/session%d/recovery_tmo", CLASS, number);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || file_write_all(fd, "1", 1) < 0)
        log_verbose("cannot shorten %s: %s", path, strerror(errno));
}

bool iscsi_any_session(void)
{
    _cleanup_closedir_ DIR *dir = opendir(CLASS);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (str_starts_with(entry->d_name, "session"))
            return true;
    return false;
}

void iscsi_session_clear(struct iscsi_session *session)
{
    free(session->syspath);
    *session = (struct iscsi_session){.number = -1, .host = -1};
}
