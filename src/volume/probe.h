/* SPDX-License-Identifier: MIT */
/* What a block device holds, as libblkid reads it. The bytes are somebody else's: every text is made
 * printable. */
#ifndef AZILR_VOLUME_PROBE_H
#define AZILR_VOLUME_PROBE_H

#include "util/error.h"

struct probe {
    char *type;      /* libblkid's name of the file system or container; NULL if it found none */
    char *label;     /* NULL if none */
    char *uuid;      /* NULL if none */
    char *table;     /* "gpt", "dos": the device is partitioned; NULL if it is not */
    char *part_type; /* of a partition: its type, a GUID or "0x..", as in its table; NULL if unknown */
    char *part_uuid; /* of a partition: its id in its table; NULL if unknown */
    char *part_name; /* of a GPT partition: its name; NULL if none */
};

/*
 * Reads the device. Finding nothing is no error, and finding contradictory signatures gives the type NULL.
 * The caller clears *probe.
 */
int probe_device(const char *path, struct probe *probe, struct error **err);

void probe_clear(struct probe *probe);
#define _cleanup_probe_ _cleanup_(probe_clear)

#endif
