/* SPDX-License-Identifier: MIT */
/* How a device of a backup is read. */
#ifndef AZILR_BLOCK_READS_H
#define AZILR_BLOCK_READS_H

/*
 * Reads far enough ahead of who reads on, for a link of tens of milliseconds. Of this device alone: a disk (whose
 * partitions share it), or what is stacked on disks. It is the device's own property, and goes with it, so there is
 * nothing to undo. A device that cannot be changed is read as before, which --verbose tells.
 */
void block_reads_ahead(const char *device);

/*
 * The same, and hands requests of a disk on in the order that they come in: there is no head to be moved, and what is
 * sorted or held back here only comes later.
 */
void block_reads_tune_disk(const char *disk);

#endif
