/* SPDX-License-Identifier: MIT */
/* The checksums of btrfs. */
#ifndef AZILR_VOLUME_BTRFS_CHECKSUM_H
#define AZILR_VOLUME_BTRFS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define BTRFS_CHECKSUM_SIZE ((size_t)32)

/*
 * The checksum of the given type (BTRFS_CSUM_TYPE_…) as btrfs stores it, with zeroes behind where it is shorter.
 * crc32c, by far the most common, is computed here; the others are asked of the kernel, whose btrfs has them from the
 * same place: EXIT_HOST if it has not.
 */
int btrfs_checksum(unsigned type, const void *data, size_t length, unsigned char sum[BTRFS_CHECKSUM_SIZE],
                   struct error **err);

#endif
