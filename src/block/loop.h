/* SPDX-License-Identifier: MIT */
/* A file as a block device. */
#ifndef AZILR_BLOCK_LOOP_H
#define AZILR_BLOCK_LOOP_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"

/*
 * Gives the file or block device that is open as `file_fd` a free loop device, which goes with its last user: the
 * descriptor that is returned is the first one, and the caller closes it once there is another. writable: file_fd is
 * too. *path, "/dev/loop3", is the caller's to free. `what` names the file in messages. EXIT_HOST if the kernel has no
 * loop devices. Returns the descriptor, or -1.
 */
int loop_attach(int file_fd, const char *what, bool writable, struct wait *wait, char **path, struct error **err);

#endif
