/* SPDX-License-Identifier: MIT */
/*
 * Whether an xfs was in use when it was backed up. No flag says so: only the end of its log does, which the kernel
 * looks for too, and if it then must not replay what it finds, it complains in the host's log of a mount that failed.
 */
#ifndef AZILR_VOLUME_XFS_LOG_H
#define AZILR_VOLUME_XFS_LOG_H

#include <stdbool.h>

/*
 * Whether the log of the xfs on the device (a path) does not end with an unmount, so that the kernel would replay it:
 * found by bisection, with about twenty small reads. False too where it cannot be told, of one whose log is on another
 * device for example; the kernel's own look decides then. The bytes are somebody else's: true may be wrong, and costs
 * an overlay.
 */
bool xfs_log_is_dirty(const char *device);

#endif
