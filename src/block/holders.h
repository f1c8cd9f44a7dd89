/* SPDX-License-Identifier: MIT */
/* What is stacked on block devices, as sysfs shows it: nothing is asked of the devices themselves. */
#ifndef AZILR_BLOCK_HOLDERS_H
#define AZILR_BLOCK_HOLDERS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Appends to a list of device numbers all block devices that lie on any of them, at whatever height: device-mapper's,
 * md's. The list is the caller's, allocated with malloc(); no number is added twice.
 */
void holders_append(dev_t **devices, size_t *count);

/* The same below another place than /sys/dev/block, for tests. */
void holders_append_from(const char *sysfs, dev_t **devices, size_t *count);

#endif
