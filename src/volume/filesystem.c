/* SPDX-License-Identifier: MIT */
#include "volume/filesystem.h"

#include <stddef.h>

#include "util/str.h"

/* What FAT and NTFS do not know, owner and mode: root alone may read what may have been anybody's. */
#define FOREIGN "uid=0,gid=0,umask=0077"

/*
 * errors=continue, because the file system's own choice may be errors=panic (tune2fs -e; vfat's and exfat's come from
 * their defaults), which on a damaged backup would take this host down, mounted read-only or not (ext4(5);
 * ext4_handle_error() in the kernel). noload, norecovery and rescue=nologreplay are documented in ext4(5), xfs(5) and
 * btrfs(5) for just this: reading a copy that must not be written to. nouuid, because the VM that was backed up has the
 * very same xfs mounted. Names are UTF-8 on this side whatever they are on the disk. Where the kernel and its tools
 * have two drivers of a type, the order is that of Linux's own preference. No driver replays the journal of an NTFS on
 * a read-only device, nor refuses it: volume/ntfs.h tells of that.
 */
static const struct filesystem filesystems[] = {
    {.type = "ext2", .drivers = {{.type = "ext2", .options = "errors=continue"}}},
    {.type = "ext3",
     .drivers = {{.type = "ext3", .options = "errors=continue", .unreplayed_options = "errors=continue,noload"}},
     .overlay = FILESYSTEM_OVERLAY_IF_DIRTY},
    {.type = "ext4",
     .drivers = {{.type = "ext4", .options = "errors=continue", .unreplayed_options = "errors=continue,noload"}},
     .overlay = FILESYSTEM_OVERLAY_IF_DIRTY},
    {.type = "xfs",
     .drivers = {{.type = "xfs", .options = "nouuid", .unreplayed_options = "nouuid,norecovery"}},
     .overlay = FILESYSTEM_OVERLAY_IF_DIRTY},
    {.type = "btrfs", .drivers = {{.type = "btrfs", .options = "subvolid=5"}}, .overlay = FILESYSTEM_OVERLAY_ALWAYS},
    {.type = "vfat", .drivers = {{.type = "vfat", .options = "utf8,errors=continue," FOREIGN}}},
    {.type = "exfat", .drivers = {{.type = "exfat", .options = "iocharset=utf8,errors=continue," FOREIGN}}},
    {.type = "ntfs",
     .drivers = {{.type = "ntfs3", .options = "iocharset=utf8," FOREIGN},
                 {.type = "fuseblk", .program = "ntfs-3g", .options = FOREIGN}}},
    {.type = "iso9660", .drivers = {{.type = "iso9660", .options = "iocharset=utf8"}}},
    {.type = "udf", .drivers = {{.type = "udf", .options = "iocharset=utf8"}}},
    {.type = "squashfs", .drivers = {{.type = "squashfs"}}},

    {.type = "swap", .reason = "swap space holds no files", .harmless = true},
    {.type = "swsuspend",
     .reason = "swap space with the memory of a hibernated system holds no files",
     .harmless = true},
    {.type = "jbd",
     .reason = "the journal of an ext file system on another device, holds no files by itself",
     .harmless = true},
    {.type = "xfs_external_log",
     .reason = "the log of an xfs on another device, holds no files by itself",
     .harmless = true},
    {.type = "bcache", .reason = "a bcache device, whose file system is only whole together with its cache"},
    {.type = "LVM2_member", .reason = "LVM physical volumes cannot be opened yet"},
    {.type = "LVM1_member", .reason = "a physical volume of LVM 1, which Linux no longer opens"},
    {.type = "linux_raid_member", .reason = "members of a Linux software RAID cannot be opened yet"},
    {.type = "ddf_raid_member", .reason = "a member of a RAID that its controller's firmware builds (DDF)"},
    {.type = "isw_raid_member", .reason = "a member of a RAID that its controller's firmware builds (Intel)"},
    {.type = "mpool", .reason = "a member of an mpool, which Linux itself does not open"},
    {.type = "crypto_LUKS", .reason = "encrypted with LUKS"},
    {.type = "BitLocker", .reason = "encrypted with BitLocker"},
    {.type = "cs_fvault2", .reason = "encrypted with FileVault"},
    {.type = "zfs_member", .reason = "ZFS, which is no part of Linux"},
    {.type = "ReFS", .reason = "ReFS, for which Linux has no driver"},
    {.type = "VMFS", .reason = "VMFS, for which Linux has no driver"},
    {.type = "VMFS_volume_member", .reason = "VMFS, for which Linux has no driver"},
    {.type = "apfs", .reason = "APFS, for which Linux has no driver"},
    {.type = "hfsplus", .reason = "HFS+, which azilr does not open"},
    {.type = "hfs", .reason = "HFS, which azilr does not open"},
    {.type = "f2fs", .reason = "F2FS, which azilr does not open"},
    {.type = "nilfs2", .reason = "NILFS2, which azilr does not open"},
    {.type = "erofs", .reason = "EROFS, which azilr does not open"},
    {.type = "ufs", .reason = "UFS of the BSDs, which azilr does not open"},
    {.type = "jfs", .reason = "JFS, which azilr does not open"},
    {.type = "reiserfs", .reason = "ReiserFS, which Linux has given up"},
    {.type = "reiser4", .reason = "Reiser4, which is no part of Linux"},
    {.type = "bcachefs", .reason = "bcachefs, which azilr does not open"},
    {.type = "gfs2", .reason = "GFS2, a cluster's file system, which azilr does not open"},
    {.type = "ocfs2", .reason = "OCFS2, a cluster's file system, which azilr does not open"},
    {.type = "oracleasm", .reason = "a disk of Oracle ASM, which only the database itself can read"},
    {.type = "ceph_bluestore", .reason = "an OSD of Ceph, which holds no file system"},
    {.type = "drbd", .reason = "a DRBD device, which azilr does not open"},
    {.type = "stratis", .reason = "a member of a Stratis pool, which azilr does not open"},
    {.type = "DM_snapshot_cow",
     .reason = "the store of a device-mapper snapshot holds no files by itself",
     .harmless = true},
    {.type = "DM_verity_hash", .reason = "checksums of dm-verity hold no files", .harmless = true},
    {.type = "DM_integrity", .reason = "a dm-integrity device, which azilr does not open"},
};

const struct filesystem *filesystem_by_type(const char *type)
{
    for (size_t i = 0; i < sizeof(filesystems) / sizeof(filesystems[0]); i++)
        if (str_equal(filesystems[i].type, type))
            return &filesystems[i];
    return NULL;
}
