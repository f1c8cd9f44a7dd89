/* SPDX-License-Identifier: MIT */
#include "iscsi/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/secret.h"
#include "util/str.h"

static const char BEGIN[] = "# BEGIN RECORD";
static const char END[] = "# END RECORD";
static const size_t MAX_RECORD = 64 * 1024;

/* Whether a line sets this key: the key, then '=' with or without blanks before it. */
static bool sets(const char *line, size_t length, const char *key)
{
    size_t key_length = strlen(key);
    size_t at = key_length;

    if (length < key_length || memcmp(line, key, key_length) != 0)
        return false;
    while (at < length && line[at] == ' ')
        at++;
    return at < length && line[at] == '=';
}

static bool is_replaced(const char *line, size_t length, const struct record_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (sets(line, length, settings[i].key))
            return true;
    return false;
}

static int append_settings(struct buffer *out, const struct record_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (settings[i].value &&
            (buffer_append(out, settings[i].key, strlen(settings[i].key)) < 0 || buffer_append(out, " = ", 3) < 0 ||
             buffer_append(out, settings[i].value, strlen(settings[i].value)) < 0 || buffer_append(out, "\n", 1) < 0))
            return -1;
    return 0;
}

int record_edit(const char *text, const struct record_setting *settings, size_t count, struct buffer *changed,
                struct error **err)
{
    bool inside = false, ended = false;

    *changed = BUFFER_INIT(2 * MAX_RECORD);
    changed->secret = true;
    for (size_t i = 0; i < count; i++)
        if (settings[i].value && strpbrk(settings[i].value, "\r\n"))
            return error_set(err, EXIT_USAGE, "the value for %s holds a line end", settings[i].key);
    while (*text) {
        size_t length = strcspn(text, "\n");
        bool is_end = !ended && str_starts_with(text, END);

        inside = inside || str_starts_with(text, BEGIN);
        ended = ended || is_end;
        if ((is_end && append_settings(changed, settings, count) < 0) ||
            (!is_replaced(text, length, settings, count) &&
             (buffer_append(changed, text, length) < 0 || buffer_append(changed, "\n", 1) < 0)))
            return error_set(err, EXIT_FAILED, "the node record is larger than %zu bytes", MAX_RECORD);
        text += length + (text[length] == '\n');
    }
    if (!inside || !ended)
        return error_set(err, EXIT_FAILED, "that is no open-iscsi node record");
    return 0;
}

static bool is_of_iface(const char *path, const char *iface)
{
    _cleanup_secret_ char *text = NULL;
    _cleanup_free_ char *line = str_printf("\niface.iscsi_ifacename = %s\n", iface);

    return file_read_secret(path, MAX_RECORD, &text, NULL, NULL) == 0 && strstr(text, line);
}

/* Not written to its end: iscsiadm does not take an empty one for a record, and gives up on one that is cut. */
static bool is_cut(const char *path)
{
    _cleanup_secret_ char *text = NULL;

    return file_read_secret(path, MAX_RECORD, &text, NULL, NULL) == 0 && !strstr(text, END);
}

static bool is_whole_of_iface(const char *path, const char *iface)
{
    return !str_ends_with(path, ".new") && is_of_iface(path, iface);
}

static bool is_leftover(const char *path, const char *iface)
{
    return is_cut(path) || (str_ends_with(path, ".new") && is_of_iface(path, iface));
}

/*
 * The layout below nodes/TARGET differs: a file or a directory a portal ("127.0.0.1,5365", with or without
 * ",TPGT"), in the latter a file an iface; so what counts is the file that names our iface.
 */
static char *find_below(const char *directory, const char *iface, int depth,
                        bool (*wanted)(const char *path, const char *iface))
{
    _cleanup_closedir_ DIR *dir = opendir(directory);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, entry->d_name);
        struct stat st;

        if (entry->d_name[0] == '.' || lstat(path, &st) < 0)
            continue;
        if (S_ISREG(st.st_mode) && wanted(path, iface))
            return steal(path);
        if (S_ISDIR(st.st_mode) && depth > 0) {
            char *found = find_below(path, iface, depth - 1, wanted);

            if (found)
                return found;
        }
    }
    return NULL;
}

static const char *const databases[] = {"/etc/iscsi", "/var/lib/iscsi", "/var/db/iscsi"};

void record_remove_leftovers(const char *target, const char *iface)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *directory = str_printf("%s/nodes/%s", databases[i], target);

        for (;;) {
            _cleanup_free_ char *found = find_below(directory, iface, 1, is_leftover);

            if (!found || unlink(found) < 0)
                break;
        }
    }
}

char *record_find(const char *target, const char *iface, struct error **err)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *directory = str_printf("%s/nodes/%s", databases[i], target);
        char *found = find_below(directory, iface, 1, is_whole_of_iface);

        if (found)
            return found;
    }
    error_set(err, EXIT_HOST, "iscsiadm made a node record for %s, but not below %s, %s or %s", target, databases[0],
              databases[1], databases[2]);
    error_hint(err, "this open-iscsi keeps its records elsewhere; please report the distribution and version");
    return NULL;
}

/* Directories with nothing in them, which are nobody's record, and then the one that they are in. */
static void remove_empty(const char *directory)
{
    _cleanup_closedir_ DIR *dir = opendir(directory);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    if (dir)
        rmdir(directory);
}

int record_remove(const char *target, const char *iface, struct error **err)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *directory = str_printf("%s/nodes/%s", databases[i], target);
        _cleanup_free_ char *found = find_below(directory, iface, 1, is_whole_of_iface);

        if (found && unlink(found) < 0 && errno != ENOENT)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", found);
        remove_empty(directory);
    }
    return 0;
}

int record_remove_iface(const char *iface, struct error **err)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/ifaces/%s", databases[i], iface);

        if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    }
    return 0;
}

bool record_has_iface(const char *iface)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/ifaces/%s", databases[i], iface);

        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

int record_edit_file(const char *path, const struct record_setting *settings, size_t count, struct error **err)
{
    _cleanup_secret_ char *text = NULL;
    _cleanup_buffer_ struct buffer changed = BUFFER_INIT(0);

    if (file_read_secret(path, MAX_RECORD, &text, NULL, err) < 0)
        return -1;
    if (record_edit(text, settings, count, &changed, err) < 0)
        return error_wrap(err, "cannot change %s", path);
    return file_replace(path, changed.data, changed.length, 0600, true, err);
}
