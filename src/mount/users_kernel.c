/* SPDX-License-Identifier: MIT */
/* What the kernel has in use without a process: swap, loop devices, NFS exports, device-mapper. */
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mount/users-internal.h"
#include "util/file.h"
#include "util/str.h"

static const size_t MAX_LIST = 1024 * 1024;

/* Undoes the \ooo that the kernel writes for blanks and the like. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *at = text; *at; to++) {
        if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
            *to =
                (char)(((unsigned)(at[1] - '0') << 6 | (unsigned)(at[2] - '0') << 3 | (unsigned)(at[3] - '0')) & 0xffU);
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

static bool is_on_device(const struct users_search *search, const char *path)
{
    const struct numbers devices = {.items = (dev_t *)(uintptr_t)search->devices, .count = search->device_count};
    struct stat st;

    if (users_path_is_within(search, path))
        return true;
    return str_starts_with(path, "/dev/") && stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
           numbers_have(&devices, st.st_rdev);
}

/* The first word of each line of a list, if it is on our devices. */
static void look_at_list(const struct users_search *search, const char *path, const char *kind, cJSON *users)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (file_read(path, MAX_LIST, &text, NULL, NULL) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, " \t")] = '\0';
        unescape(line);
        if (line[0] == '/' && is_on_device(search, line))
            users_add(users, search, kind, 0, NULL, line);
    }
}

static void look_at_loops(const struct users_search *search, cJSON *users)
{
    _cleanup_free_ char *path = str_printf("%s/block", search->sys);
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *attribute = str_printf("%s/%s/loop/backing_file", path, entry->d_name);
        _cleanup_free_ char *file = str_starts_with(entry->d_name, "loop") ? file_read_line(attribute) : NULL;
        _cleanup_free_ char *shown = file ? str_printf("/dev/%s, of %s,", entry->d_name, file) : NULL;

        if (shown && users_path_is_within(search, file))
            users_add(users, search, "loop", 0, NULL, shown);
    }
}

/* Devices of device-mapper right on one of ours, but those that azilr makes, whose names say so. */
static void look_at_holders(const struct users_search *search, dev_t device, cJSON *users)
{
    _cleanup_free_ char *path = str_printf("%s/dev/block/%u:%u/holders", search->sys, major(device), minor(device));
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *attribute = str_printf("%s/%s/dm/name", path, entry->d_name);
        _cleanup_free_ char *name = entry->d_name[0] == '.' ? NULL : file_read_line(attribute);

        if (name && !str_starts_with(name, "azilr"))
            users_add(users, search, "device-mapper", 0, NULL, name);
    }
}

void users_of_kernel(const struct users_search *search, cJSON *users)
{
    _cleanup_free_ char *swaps = str_printf("%s/swaps", search->proc);
    _cleanup_free_ char *exports = str_printf("%s/net/rpc/nfsd.export/content", search->proc);

    look_at_list(search, swaps, "swap", users);
    look_at_list(search, exports, "export", users);
    look_at_loops(search, users);
    for (size_t i = 0; i < search->device_count; i++)
        look_at_holders(search, search->devices[i], users);
}
