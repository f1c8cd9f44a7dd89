/* SPDX-License-Identifier: MIT */
/*
 * Paths inside a guest's tree. Every name and symbolic link in it is somebody else's, so the kernel is told to take
 * the tree's top for "/" in all of them: absolute links, "..", and links that lead round in circles stay inside, and
 * magic links are not followed (openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS; Linux 5.6).
 */
#ifndef AZILR_MOUNT_GUEST_PATH_H
#define AZILR_MOUNT_GUEST_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * Bytes of a path in a guest's tree on which something is mounted. Real ones are far shorter, and the session keeps
 * each of them until it is taken down.
 */
#define GUEST_PATH_MAX ((size_t)256)

/*
 * A directory of the guest, below the tree of which `tree` is the top, as an O_PATH descriptor. Mounts on the way are
 * crossed. EXIT_NOT_FOUND if it is not there, EXIT_FAILED if it is something else than a directory or cannot be
 * reached; the message is a sentence for the person. The caller closes the descriptor.
 */
int guest_path_open(int tree, const char *path, struct error **err);

/*
 * Reads a regular file of the guest, of at most max bytes; what is no regular file, or larger, is an error.
 * EXIT_NOT_FOUND if there is none. The caller frees *data, which ends in a NUL that *length does not count.
 */
int guest_path_read(int tree, const char *path, size_t max, char **data, size_t *length, struct error **err);

/* Whether the path leads to a directory, or to a regular file. */
bool guest_path_is_directory(int tree, const char *path);
bool guest_path_is_file(int tree, const char *path);

/*
 * Where the open directory is on this host, without symbolic links; NULL with err set unless that is below the
 * directory `above` by at most GUEST_PATH_MAX bytes, or is it, and can be shown as it is. The caller frees it.
 */
char *guest_path_on_host(int fd, const char *above, struct error **err);

/* Whether the open directory is the top of a mount. */
bool guest_path_is_mount(int fd);

#endif
