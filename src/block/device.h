/* SPDX-License-Identifier: MIT */
/* One block device of any kind. */
#ifndef AZILR_BLOCK_DEVICE_H
#define AZILR_BLOCK_DEVICE_H

#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Its number and its size in bytes. EXIT_FAILED if it cannot be opened or is no block device. */
int block_device_look(const char *path, dev_t *device, uint64_t *size, struct error **err);

#endif
