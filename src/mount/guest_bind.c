/* SPDX-License-Identifier: MIT */
#include "mount/guest_bind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount/guest_path.h"
#include "mount/mounts.h"
#include "util/str.h"

static int check_flags(int copy, struct error **err)
{
    const unsigned long wanted = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
    struct statvfs st;

    if (fstatvfs(copy, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot look at the copy of a mount");
    if ((st.f_flag & wanted) != wanted)
        return error_set(err, EXIT_FAILED, "the volume is not mounted ro,nosuid,nodev,noexec");
    return 0;
}

int guest_bind_prepare(int directory, dev_t *device, struct error **err)
{
    _cleanup_close_ int copy = -1;

    if (mount_device_number(directory, device, err) < 0)
        return -1;
    copy = (int)syscall(SYS_open_tree, directory, "",
                        (unsigned)AT_EMPTY_PATH | (unsigned)OPEN_TREE_CLONE | (unsigned)OPEN_TREE_CLOEXEC);
    if (copy < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot copy a mount");
    if (check_flags(copy, err) < 0)
        return -1;
    return steal_fd(&copy);
}

/* umount(2): take it out of the tree now, and let it go once nobody uses it; sys/mount.h does not go with
 * linux/mount.h. */
static const int MNT_DETACH = 2;

/*
 * Where mounts are shared between namespaces (as systemd has it) a copy is a peer of what it was copied from, and what
 * is mounted on the one appears on the other. It gets a group of its own, in which other namespaces still learn of what
 * is unmounted here. Done through the descriptor, since a path could be walked elsewhere.
 */
static int leave_peer_group(int copy, struct error **err)
{
    static const unsigned long steps[] = {MS_PRIVATE, MS_SHARED};
    _cleanup_free_ char *path = str_printf("/proc/self/fd/%d", copy);

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (syscall(SYS_mount, NULL, path, NULL, steps[i], NULL) < 0) {
            error_set_errno(err, EXIT_FAILED, errno, "cannot keep a mount apart from what it is a copy of");
            syscall(SYS_umount2, path, MNT_DETACH);
            return -1;
        }
    return 0;
}

int guest_bind_attach(int copy, int directory, struct error **err)
{
    if (guest_path_is_mount(directory))
        return error_set(err, EXIT_FAILED, "another volume is there already");
    if (syscall(SYS_move_mount, copy, "", directory, "",
                (unsigned)MOVE_MOUNT_F_EMPTY_PATH | (unsigned)MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot mount");
    return leave_peer_group(copy, err);
}
