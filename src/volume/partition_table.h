/* SPDX-License-Identifier: MIT */
/*
 * A partition table on a device that the kernel looks for none on, a logical volume or an encrypted one, or on a disk
 * whose table it does not take. Read by libblkid; the bytes are somebody else's, and what does not lie on the device is
 * left out.
 */
#ifndef AZILR_VOLUME_PARTITION_TABLE_H
#define AZILR_VOLUME_PARTITION_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct table_entry {
    int number;           /* as in the table, from 1 */
    uint64_t start, size; /* in sectors of 512 bytes */
    char *type;           /* a GUID or "0x.."; NULL if unknown */
    char *uuid;           /* its id in the table; NULL if none */
    char *name;           /* of GPT; printable; NULL if none */
};

struct partition_table {
    struct table_entry *entries; /* in the table's order; no extended partition, whose logical ones are entries too */
    size_t count;
    size_t left_out; /* entries that do not lie on the device, or are too many */
    char *kind;      /* "gpt", "dos"; NULL if there is no table */
};

enum { PARTITION_TABLE_MAX = 128 }; /* what is more is left out */

/*
 * Reads the table of a device, or image of one: also one that was written for sectors of another size, as that of a
 * disk that had 4096 bytes of them and is shown with 512; a GPT of which only the backup at the end is left; and one
 * whose protective MBR is gone. The kernel takes none of these. Returns 0, with no entries if it has no table; -1 with
 * EXIT_FAILED if it cannot be read. The caller clears *table.
 */
int partition_table_read(const char *path, struct partition_table *table, struct error **err);

/*
 * What a partition is called below /dev by the one who calls the whole device so: "md/data1", "md0p1" (md(4)). Of
 * several names, one a line, each. NULL for NULL. The caller frees it.
 */
char *partition_alias(const char *whole, int number);

void partition_table_clear(struct partition_table *table);
#define _cleanup_partition_table_ _cleanup_(partition_table_clear)

#endif
