/* SPDX-License-Identifier: MIT */
#include "volume/lvm_host.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/str.h"

/* lvm2, lib/uuid/uuid.h: 32 characters, and six dashes */
static const size_t UUID_LENGTH = 38;
/* a group with thousands of volumes has some MiB; hosts have few groups */
static const size_t MAX_COPY = (size_t)16 << 20;
static const int MAX_COPIES = 256;

/* What blkid and LVM tell comes off the backup. */
static bool is_uuid(const char *text)
{
    size_t length = text ? strlen(text) : 0;

    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-')
            return false;
    return length == UUID_LENGTH;
}

bool lvm_host_is_volume_of(const char *device_uuid, const char *group_uuid)
{
    char prefix[64] = "LVM-", *end = prefix + strlen(prefix);

    if (!is_uuid(group_uuid))
        return false;
    for (const char *at = group_uuid; *at; at++)
        if (*at != '-')
            *end++ = *at;
    return str_starts_with(device_uuid, prefix);
}

bool lvm_host_is_thin_pool(const char *device_name, const char *device_uuid)
{
    return str_starts_with(device_uuid, "LVM-") && str_ends_with(device_uuid, "-tpool") &&
           !str_starts_with(device_name, "azilr-");
}

bool lvm_host_remembers(const char *etc, const char *uuid, char **name)
{
    _cleanup_free_ char *directory = str_printf("%s/backup", etc), *line = NULL;
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;

    *name = NULL;
    if (!is_uuid(uuid))
        return false;
    dir = opendir(directory);
    line = str_printf("id = \"%s\"\n", uuid);
    for (int i = 0; dir && i < MAX_COPIES && !*name && (entry = readdir(dir)); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, entry->d_name), *text = NULL;

        if (entry->d_name[0] != '.' && file_read(path, MAX_COPY, &text, NULL, NULL) == 0 && strstr(text, line))
            *name = str_printable(entry->d_name, strlen(entry->d_name), NAME_MAX);
    }
    return *name;
}

bool lvm_host_device(const char *dev, const char *pv_uuid, dev_t *device)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;

    if (!is_uuid(pv_uuid))
        return false;
    path = str_printf("%s/disk/by-id/lvm-pv-uuid-%s", dev, pv_uuid);
    if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
        return false;
    *device = st.st_rdev;
    return true;
}

/* Up to what begins a comment, outside of quotation marks. */
static size_t length_without_comment(const char *line)
{
    bool is_quoted = false;
    size_t length = 0;

    for (; line[length] && (is_quoted || line[length] != '#'); length++)
        is_quoted ^= line[length] == '"';
    return length;
}

bool lvm_host_is_filtered(const char *etc)
{
    _cleanup_free_ char *devices = str_printf("%s/devices/system.devices", etc);
    _cleanup_free_ char *path = str_printf("%s/lvm.conf", etc), *text = NULL;
    char *save = NULL;

    if (access(devices, F_OK) == 0)
        return true;
    if (file_read(path, MAX_COPY, &text, NULL, NULL) < 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[length_without_comment(line)] = '\0';
        if (strstr(line, "global_filter") && (strstr(line, "/by-azilr/") || strstr(line, "\"r|.*|\"")))
            return true;
    }
    return false;
}
