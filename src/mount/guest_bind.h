/* SPDX-License-Identifier: MIT */
/*
 * A directory of a mounted volume shown in a further place, by descriptors alone (open_tree(2), move_mount(2); Linux
 * 5.2): no path of a guest is ever looked up a second time.
 */
#ifndef AZILR_MOUNT_GUEST_BIND_H
#define AZILR_MOUNT_GUEST_BIND_H

#include <sys/types.h>

#include "util/error.h"

/*
 * Makes a copy of the mount that the directory is in, which shows that directory, and is not anywhere yet; what is
 * mounted below is not in it. It has the flags of the mount that it is a copy of, and is refused if those are not
 * ro,nosuid,nodev,noexec. *device is the number by which the mount table will know it. Returns a descriptor, which the
 * caller closes: the copy is gone with it unless it was attached.
 */
int guest_bind_prepare(int directory, dev_t *device, struct error **err);

/*
 * Mounts the copy on an open directory, which must not be the top of a mount. What is mounted on it later does not show
 * up in what it is a copy of.
 */
int guest_bind_attach(int copy, int directory, struct error **err);

#endif
