/* SPDX-License-Identifier: MIT */
/* What an imported volume group may leave on the host once its devices are gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/str.h"
#include "volume/lvm.h"

static int remove_copies_in(const char *directory, const char *name, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(directory);
    _cleanup_free_ char *numbered = str_printf("%s_", name);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if ((str_equal(entry->d_name, name) || str_starts_with(entry->d_name, numbered)) &&
            unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s/%s", directory, entry->d_name);
    return 0;
}

int lvm_remove_copies(const char *etc, const char *name, struct error **err)
{
    _cleanup_free_ char *backup = str_printf("%s/backup", etc);
    _cleanup_free_ char *archive = str_printf("%s/archive", etc);

    if (!lvm_name_is_ours(name))
        return 0;
    return remove_copies_in(backup, name, err) < 0 || remove_copies_in(archive, name, err) < 0 ? -1 : 0;
}

void lvm_remove_links(const char *dev, const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", dev, name);
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;
    int fd;

    if (!lvm_name_is_ours(name))
        return;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    while (dir && (entry = readdir(dir)))
        if (entry->d_type == DT_LNK)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        rmdir(path);
}
