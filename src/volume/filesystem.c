/* SPDX-License-Identifier: MIT */
#include "volume/filesystem.h"

#include <stddef.h>

#include "util/str.h"

/*
 * errors=continue, because the file system's own choice may be errors=panic (tune2fs -e), which on a damaged backup
 * would take this host down, mounted read-only or not (ext4(5); ext4_handle_error() in the kernel). noload and
 * norecovery are documented in ext4(5) and xfs(5) for just this: reading a copy that must not be written to. nouuid,
 * because the VM that was backed up has the very same xfs mounted. utf8 shows vfat names as they were meant.
 */
static const struct filesystem filesystems[] = {
    {.type = "ext2", .options = "errors=continue"},
    {.type = "ext3", .options = "errors=continue", .unreplayed_options = "errors=continue,noload"},
    {.type = "ext4", .options = "errors=continue", .unreplayed_options = "errors=continue,noload"},
    {.type = "xfs", .options = "nouuid", .unreplayed_options = "nouuid,norecovery"},
    {.type = "vfat", .options = "utf8,umask=0077"},

    {.type = "swap", .reason = "swap space holds no files", .harmless = true},
    {.type = "LVM2_member", .reason = "LVM physical volumes cannot be opened yet"},
    {.type = "linux_raid_member", .reason = "members of a Linux software RAID cannot be opened yet"},
    {.type = "crypto_LUKS", .reason = "encrypted with LUKS"},
    {.type = "BitLocker", .reason = "encrypted with BitLocker"},
    {.type = "ntfs", .reason = "NTFS cannot be opened yet"},
    {.type = "btrfs", .reason = "btrfs cannot be opened yet"},
    {.type = "exfat", .reason = "exFAT cannot be opened yet"},
};

const struct filesystem *filesystem_by_type(const char *type)
{
    for (size_t i = 0; i < sizeof(filesystems) / sizeof(filesystems[0]); i++)
        if (str_equal(filesystems[i].type, type))
            return &filesystems[i];
    return NULL;
}
