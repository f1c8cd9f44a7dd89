/* SPDX-License-Identifier: MIT */
#include "block/holders.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/str.h"

static bool read_number(const char *path, dev_t *device)
{
    _cleanup_free_ char *text = file_read_line(path);
    char *colon = text ? strchr(text, ':') : NULL;
    long in_front, behind;

    if (!colon)
        return false;
    *colon = '\0';
    if (str_to_long(text, 0, INT_MAX, &in_front) < 0 || str_to_long(colon + 1, 0, INT_MAX, &behind) < 0)
        return false;
    *device = makedev((unsigned)in_front, (unsigned)behind);
    return true;
}

static bool has(const dev_t *devices, size_t count, dev_t device)
{
    for (size_t i = 0; i < count; i++)
        if (devices[i] == device)
            return true;
    return false;
}

void holders_append_from(const char *sysfs, dev_t **devices, size_t *count)
{
    /* the list grows while it is walked, and so what lies on what was found is found too */
    for (size_t i = 0; i < *count; i++) {
        _cleanup_free_ char *path = str_printf("%s/%u:%u/holders", sysfs, major((*devices)[i]), minor((*devices)[i]));
        _cleanup_closedir_ DIR *dir = opendir(path);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
            _cleanup_free_ char *attribute = str_printf("%s/%s/dev", path, entry->d_name);
            dev_t device;

            if (entry->d_name[0] == '.' || !read_number(attribute, &device) || has(*devices, *count, device))
                continue;
            *devices = xreallocarray(*devices, *count + 1, sizeof(**devices));
            (*devices)[(*count)++] = device;
        }
    }
}

void holders_append(dev_t **devices, size_t *count)
{
    holders_append_from("/sys/dev/block", devices, count);
}
