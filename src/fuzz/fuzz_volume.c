/* SPDX-License-Identifier: MIT */
/*
 * What volumes bring in: a btrfs superblock, which gets a checksum that is right so that all behind it is reached, and
 * what the kernel's log says of a device, in which names of the disk's own can stand; the text of a LUKS header; the
 * superblock and the log of an xfs; the records and restart pages of an NTFS.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mount/kernel_log.h"
#include "util/str.h"
#include "volume/btrfs.h"
#include "volume/btrfs_checksum.h"
#include "volume/luks.h"
#include "volume/ntfs.h"
#include "volume/xfs_log.h"

enum { SUPER_AT = 65536, SUPER_SIZE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_superblock(const uint8_t *data, size_t size)
{
    static int disk = -1;
    unsigned char super[SUPER_SIZE] = {0};
    struct btrfs_member before, after;
    char path[64];
    const char *const devices[] = {path};

    if (disk < 0)
        disk = memfd_create("disk", MFD_CLOEXEC);
    memcpy(super, data, size < sizeof(super) ? size : sizeof(super));
    /* crc32c, the only one that is computed without the kernel */
    super[0xc4] = super[0xc5] = 0;
    if (btrfs_checksum(0, super + BTRFS_CHECKSUM_SIZE, sizeof(super) - BTRFS_CHECKSUM_SIZE, super, NULL) < 0 ||
        pwrite(disk, super, sizeof(super), SUPER_AT) != (ssize_t)sizeof(super))
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
    if (btrfs_read_member(path, &before, NULL) < 0 || btrfs_change_id(devices, 1, NULL) < 0)
        return;
    /* what could be changed can be read, is another file system, and has the same tree blocks */
    if (btrfs_read_member(path, &after, NULL) < 0 || memcmp(before.fsid, after.fsid, BTRFS_ID_LENGTH) == 0 ||
        memcmp(before.metadata_uuid, after.metadata_uuid, BTRFS_ID_LENGTH) != 0)
        abort();
}

static void look_at_xfs_log(const uint8_t *data, size_t size)
{
    static int disk = -1;
    char path[64];

    if (disk < 0)
        disk = memfd_create("xfs", MFD_CLOEXEC);
    if (ftruncate(disk, 0) < 0 || ftruncate(disk, 1 << 20) < 0 || pwrite(disk, data, size, 0) != (ssize_t)size ||
        pwrite(disk, "XFSB", 4, 0) != 4)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
    xfs_log_is_dirty(path);
}

/* An update sequence that is right, so that all behind it is reached. */
static void seal(unsigned char *block, size_t size, size_t array)
{
    block[4] = (unsigned char)array;
    block[5] = block[7] = 0;
    block[6] = (unsigned char)(size / 512 + 1);
    for (size_t i = 1; i <= size / 512; i++)
        memcpy(block + 512 * i - 2, block + array, 2);
}

/* The records of the journal and of the volume, in clusters of 512 bytes from the second one on, and restart pages. */
static void read_ntfs(const uint8_t *data, size_t size)
{
    enum { RECORDS = 512, RECORD = 1024, LOG_FILE = RECORDS + 2 * RECORD, SIZE = 32768 };
    static const unsigned char boot[] = {0xeb, 0x52, 0x90, 'N', 'T', 'F', 'S', ' ', ' ', ' ', ' ', 0, 2, 1};
    static unsigned char image[SIZE];
    static int disk = -1;
    struct ntfs_state state;
    char path[64];

    if (disk < 0)
        disk = memfd_create("ntfs", MFD_CLOEXEC);
    memset(image, 0, SIZE);
    memcpy(image, boot, sizeof(boot));
    image[48] = image[56] = RECORDS / 512;
    image[64] = 2;
    memcpy(image + LOG_FILE, data, size < SIZE - LOG_FILE ? size : SIZE - LOG_FILE);
    for (size_t i = 0; i < 2; i++) {
        memcpy(image + LOG_FILE + i * RECORD, "FILE", 4);
        seal(image + LOG_FILE + i * RECORD, RECORD, 0x30);
    }
    for (size_t at = LOG_FILE + 2 * RECORD; at + 4096 <= SIZE; at += 4096)
        if (memcmp(image + at, "RSTR", 4) == 0)
            seal(image + at, 4096, 0x1e);
    if (pwrite(disk, image, SIZE, 0) != SIZE)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
    if (ntfs_read_state(path, &state, NULL) == 0)
        free(ntfs_note(&state));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *line = kernel_log_match((const char *)data, size, "sdc1");

    if (line && strpbrk(line, "\n\r\x1b"))
        abort();
    luks_memory_of_text((const char *)data, size);
    read_superblock(data, size);
    look_at_xfs_log(data, size);
    read_ntfs(data, size);
    return 0;
}
