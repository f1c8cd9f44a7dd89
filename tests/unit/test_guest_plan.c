/* SPDX-License-Identifier: MIT */
/* A guest's fstab: how it is read, which volume each entry means, and in which order they are mounted. */
#include <string.h>

#include "check.h"
#include "mount/fstab.h"
#include "mount/guest_device.h"
#include "mount/guest_path.h"
#include "mount/guest_plan.h"
#include "util/str.h"

/* An OS disk with the root on its third partition, a data disk with two, a bare one, an LV, an array. */
static const struct guest_volume a_vm[] = {
    {.name = "disk0p1",
     .type = "vfat",
     .label = "EFI",
     .uuid = "1234-ABCD",
     .part_uuid = "0f0f0f0f-01",
     .part_name = "EFI System",
     .disk = 0,
     .partition = 1,
     .mounted = true},
    {.name = "disk0p2", .type = "swap", .uuid = "5aaa", .disk = 0, .partition = 2},
    {.name = "disk0p3",
     .type = "ext4",
     .label = "root",
     .uuid = "aaaaaaaa-0000-0000-0000-000000000001",
     .part_uuid = "0f0f0f0f-03",
     .disk = 0,
     .partition = 3,
     .mounted = true},
    {.name = "disk1p1",
     .type = "xfs",
     .label = "my data",
     .uuid = "aaaaaaaa-0000-0000-0000-000000000002",
     .part_uuid = "0f0f0f0f-11",
     .part_name = "data",
     .disk = 1,
     .partition = 1,
     .mounted = true},
    {.name = "disk1p2", .type = "ext4", .label = "broken", .disk = 1, .partition = 2, .mounted = false},
    {.name = "disk2", .type = "ext4", .label = "bare", .disk = 2, .partition = 0, .mounted = true},
    {.name = "vg-data-home",
     .type = "ext3",
     .aliases = "mapper/vg--data-home\nvg-data/home",
     .disk = -1,
     .partition = -1,
     .mounted = true},
    {.name = "md127", .type = "xfs", .aliases = "md/0", .disk = -1, .partition = -1, .mounted = true},
    {.name = "disk3p1",
     .type = "btrfs",
     .uuid = "aaaaaaaa-0000-0000-0000-00000000000b",
     .disk = 3,
     .partition = 1,
     .mounted = true},
    /* a copy of the root's disk, as a rescue VM has it */
    {.name = "disk4p3",
     .type = "ext4",
     .label = "root",
     .uuid = "aaaaaaaa-0000-0000-0000-000000000001",
     .disk = 4,
     .partition = 3,
     .mounted = true},
    {.name = "disk5", .type = "ext4", .label = "twice", .disk = 5, .partition = 0, .mounted = true},
    {.name = "disk6", .type = "ext4", .label = "twice", .disk = 6, .partition = 0, .mounted = true},
    {.name = "disk7", .type = "ext4", .label = "once", .disk = 7, .partition = 0, .mounted = true},
    {.name = "disk8", .type = "ext4", .label = "once", .disk = 8, .partition = 0, .mounted = false},
    {.name = "disk9p1", .type = "crypto_LUKS", .uuid = "eeee-1", .disk = 9, .partition = 1},
    {.name = "disk10", .type = "ext4", .label = "back\\slash\\x09tab", .disk = 10, .partition = 0, .mounted = true},
    {.name = "disk9p1-unlocked",
     .type = "xfs",
     .aliases = "mapper/luks-eeee-1",
     .disk = 9,
     .partition = -1,
     .mounted = true},
};

enum { ROOT = 2, VOLUMES = sizeof(a_vm) / sizeof(a_vm[0]) };

static void plan_text(const char *text, size_t length, struct guest_plan *plan)
{
    static const char CRYPTTAB[] = "# a comment\n"
                                   "safe UUID=eeee-1 none luks,discard\n"
                                   "\t by-disk   /dev/disk/by-uuid/EEEE-1\tnone\n"
                                   "quoted UUID=\"eeee-1\" none luks\n"
                                   "half-quoted UUID=\"eeee-1 none luks\n"
                                   "circle /dev/mapper/circle none\n"
                                   "nothing\n"
                                   "plain UUID=1234-ABCD\n"
                                   "none UUID=9999 none";
    _cleanup_crypttab_ struct crypttab crypttab = {0};
    struct guest_volumes volumes = {.items = a_vm, .count = VOLUMES, .root = ROOT, .crypttab = &crypttab};
    _cleanup_fstab_ struct fstab fstab = {0};

    assert_int_equal(fstab_parse(text, length, &fstab, NULL), 0);
    crypttab_parse(CRYPTTAB, sizeof(CRYPTTAB) - 1, &crypttab);
    guest_plan_make(&fstab, &volumes, plan);
}

/* Plans one line behind that of the root. */
static void plan_line(const char *line, struct guest_plan *plan)
{
    _cleanup_free_ char *text = str_printf("UUID=aaaaaaaa-0000-0000-0000-000000000001 / ext4 defaults 0 1\n%s\n", line);

    plan_text(text, strlen(text), plan);
}

#define P GUEST_MOUNT_PLANNED
#define S GUEST_MOUNT_SKIPPED
#define F GUEST_MOUNT_FAILED

/* One line, and what comes of it. */
struct line {
    const char *line;
    enum guest_mount_state state;
    const char *volume; /* or NULL */
    const char *target;
    const char *why; /* a part of it, or NULL for none */
};

static void check(const struct line *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_guest_plan_ struct guest_plan plan = {0};
        const struct guest_mount *mount;

        plan_line(cases[i].line, &plan);
        if (plan.count != 1)
            fail_msg("%s: %zu entries", cases[i].line, plan.count);
        mount = &plan.items[0];
        if (mount->state != cases[i].state)
            fail_msg("%s: %s, %s", cases[i].line, guest_mount_state_name(mount->state), mount->why);
        if (!str_equal(mount->target, cases[i].target))
            fail_msg("%s: goes to %s", cases[i].line, mount->target);
        if (!str_equal(mount->volume == GUEST_NO_VOLUME ? NULL : a_vm[mount->volume].name, cases[i].volume))
            fail_msg("%s: another volume, %s", cases[i].line, mount->why);
        if (cases[i].why ? !mount->why || !strstr(mount->why, cases[i].why) : mount->why != NULL)
            fail_msg("%s: says %s", cases[i].line, mount->why);
    }
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void what_is_written_on_a_volume_names_it(void **state)
{
    static const struct line cases[] = {
        {"UUID=aaaaaaaa-0000-0000-0000-000000000002 /data xfs defaults 0 0", P, "disk1p1", "/data", NULL},
        {"UUID=AAAAAAAA-0000-0000-0000-000000000002 /data xfs", P, "disk1p1", "/data", NULL},
        {"UUID=\"1234-ABCD\" /boot/efi vfat umask=0077 0 1", P, "disk0p1", "/boot/efi", NULL},
        {"UUID=1234-abcd /boot/efi/ vfat", P, "disk0p1", "/boot/efi", NULL},
        {"LABEL=\"my\\040data\" /data auto", P, "disk1p1", "/data", NULL},
        {"LABEL=my\\040data /data auto", P, "disk1p1", "/data", NULL},
        {"LABEL=bare /d ext4", P, "disk2", "/d", NULL},
        {"PARTUUID=0F0F0F0F-11 /data xfs", P, "disk1p1", "/data", NULL},
        {"PARTLABEL=data /data xfs", P, "disk1p1", "/data", NULL},
        {"PARTLABEL=\"EFI\\040System\" /efi vfat", P, "disk0p1", "/efi", NULL},
        {"/dev/disk/by-uuid/1234-ABCD /efi vfat", P, "disk0p1", "/efi", NULL},
        {"/dev/disk/by-label/my\\134x20data /data xfs", P, "disk1p1", "/data", NULL},
        {"/dev/disk/by-partuuid/0f0f0f0f-11 /data xfs", P, "disk1p1", "/data", NULL},
        {"/dev/disk/by-partlabel/EFI\\134x20System /efi vfat", P, "disk0p1", "/efi", NULL},
        {"UUID=aaaaaaaa-9999 /x ext4", F, NULL, "/x", "no volume of the backup has that UUID"},
        {"LABEL= /x ext4", F, NULL, "/x", "no volume"},
        {"LABEL=MY\\040DATA /x ext4", F, NULL, "/x", "no volume"},
        {"ID=scsi-1 /x ext4", F, NULL, "/x", "no device"},
        {"UUID=aaaaaaaa-0000-0000-0000-000000000002 /data xfs "
         "defaults,nofail,x-systemd.device-timeout=10s,x-systemd.requires=/boot,x-mount.mkdir,_netdev 0 2",
         P, "disk1p1", "/data", NULL},
        {"UUID=aaaaaaaa-0000-0000-0000-000000000002 /data xfs x-systemd.automount,noauto", P, "disk1p1", "/data",
         "noauto"},
        {"PARTUUID=\"0f0f0f0f-11\" /data xfs", P, "disk1p1", "/data", NULL},
        {"/dev/disk/by-partuuid/0F0F0F0F-11 /data xfs", P, "disk1p1", "/data", NULL},
        {"PARTUUID=0f0f0f0f-99 /x xfs", F, NULL, "/x", "that partition id"},
        {"PARTLABEL=EFI\\040System /efi vfat", P, "disk0p1", "/efi", NULL},
        {"LABEL=back\\134slash\\011tab /odd ext4", P, "disk10", "/odd", NULL},
        {"/dev/disk/by-label/back\\134x5cslash\\134x09tab /odd ext4", P, "disk10", "/odd", NULL},
        {"LABEL=my\\040data /my\\040data/it\\047s\\043 auto", P, "disk1p1", "/my data/it's#", NULL},
    };

    (void)state;
    CHECK(cases);
}

static void logical_volumes_and_arrays_have_names(void **state)
{
    static const struct line cases[] = {
        {"/dev/mapper/vg--data-home /home ext4", P, "vg-data-home", "/home", NULL},
        {"/dev/vg-data/home /home ext4", P, "vg-data-home", "/home", NULL},
        {"/dev/disk/by-id/dm-name-vg--data-home /home ext4", P, "vg-data-home", "/home", NULL},
        {"/dev/mapper/vg-data-home /home ext4", F, NULL, "/home", "that name"},
        {"/dev/mapper/ /home ext4", F, NULL, "/home", "that name"},
        {"/dev/vg/other /home ext4", F, NULL, "/home", "that name"},
        {"/dev/md0 /raid xfs", P, "md127", "/raid", NULL},
        {"/dev/md/0 /raid xfs", P, "md127", "/raid", NULL},
        {"/dev/disk/by-id/md-name-web01:0 /raid xfs", P, "md127", "/raid", NULL},
        {"/dev/md1 /raid xfs", F, NULL, "/raid", "only the running VM"},
        {"/dev/dm-0 /x ext4", F, NULL, "/x", "only the running VM"},
        {"/dev/disk/by-id/dm-name-vg--data-none /home ext4", F, NULL, "/home", "that name"},
        {"/dev/disk/by-id/dm-uuid-LVM-abc /home ext4", F, NULL, "/home", "only the running VM"},
        {"/dev/disk/by-id/md-uuid-1:2:3:4 /raid xfs", F, NULL, "/raid", "only the running VM"},
        {"/dev/disk/by-id/md-name-web01:9 /raid xfs", F, NULL, "/raid", "no array"},
    };

    (void)state;
    CHECK(cases);
}

static void what_was_unlocked_has_the_vm_s_name(void **state)
{
    static const struct line cases[] = {
        {"/dev/mapper/luks-eeee-1 /safe xfs", P, "disk9p1-unlocked", "/safe", NULL},
        {"/dev/mapper/safe /safe xfs", P, "disk9p1-unlocked", "/safe", NULL},
        {"/dev/mapper/by-disk /safe xfs", P, "disk9p1-unlocked", "/safe", NULL},
        {"/dev/mapper/circle /safe xfs", F, NULL, "/safe", "that name"},
        {"/dev/mapper/nothing /safe xfs", F, NULL, "/safe", "that name"},
        {"/dev/mapper/plain /safe xfs", F, NULL, "/safe", "that name"},
        {"/dev/mapper/none /safe xfs", F, NULL, "/safe", "that name"},
        {"UUID=eeee-1 /safe xfs", F, "disk9p1", "/safe", "could not be mounted"},
        {"/dev/mapper/quoted /safe xfs", P, "disk9p1-unlocked", "/safe", NULL},
        {"/dev/mapper/half-quoted /safe xfs", F, NULL, "/safe", "that name"},
    };

    (void)state;
    CHECK(cases);
}

static void azure_s_links_are_followed(void **state)
{
    static const struct line cases[] = {
        {"/dev/disk/azure/root-part1 /boot/efi vfat", P, "disk0p1", "/boot/efi", NULL},
        {"/dev/disk/azure/os-part1 /boot/efi vfat", P, "disk0p1", "/boot/efi", NULL},
        {"/dev/disk/cloud/azure_root-part1 /boot/efi vfat", P, "disk0p1", "/boot/efi", NULL},
        {"/dev/disk/azure/scsi0/lun0-part1 /boot/efi vfat", P, "disk0p1", "/boot/efi", NULL},
        {"/dev/disk/azure/root-part9 /x vfat", F, NULL, "/x", "no partition 9"},
        {"/dev/disk/azure/root-part /x vfat", F, NULL, "/x", "only the running VM"},
        {"/dev/disk/azure/root /x vfat", F, NULL, "/x", "as a whole"},
        {"/dev/disk/azure/resource-part1 /mnt auto", S, NULL, "/mnt", "temporary disk"},
        {"/dev/disk/cloud/azure_resource-part1 /mnt auto", S, NULL, "/mnt", "temporary disk"},
        {"/dev/disk/azure/scsi0/lun1 /mnt ext4", S, NULL, "/mnt", "temporary disk"},
        {"/dev/disk/azure/scsi1/lun0-part1 /data xfs", P, "disk1p1", "/data", "a guess"},
        {"/dev/disk/azure/scsi1/lun1 /d ext4", P, "disk2", "/d", "a guess"},
        {"/dev/disk/azure/data/by-lun/1 /d ext4", P, "disk2", "/d", "a guess"},
        {"/dev/disk/azure/datadisks/lun1 /d auto", P, "disk2", "/d", "a guess"},
        {"/dev/disk/azure/scsi1/lun1 /d xfs", F, NULL, "/d", "is no xfs"},
        {"/dev/disk/azure/scsi1/lun63 /d xfs", F, NULL, "/d", "has no 64 of them"},
        {"/dev/disk/azure/scsi1/lun /d xfs", F, NULL, "/d", "only the running VM"},
        {"/dev/disk/azure/scsi1/lun1x /d xfs", F, NULL, "/d", "only the running VM"},
        {"/dev/disk/azure/scsi1/lun99999999999999999999 /d xfs", F, NULL, "/d", "only the running VM"},
        {"/dev/disk/by-path/acpi-VMBUS:00 /x ext4", F, NULL, "/x", "only the running VM"},
    };

    (void)state;
    CHECK(cases);
}

static void names_of_disks_are_not_followed_blindly(void **state)
{
    static const struct line cases[] = {
        {"/dev/sdc1 /data xfs", F, NULL, "/data", "which disk"},
        {"/dev/nvme0n2p1 /data xfs", F, NULL, "/data", "which disk"},
        {"/dev/sr0 /cdrom iso9660", F, NULL, "/cdrom", "only the running VM"},
        {"/dev/disk/by-id/scsi-36002248000000000000000000000abcd-part1 /data xfs", F, NULL, "/data", "which disk"},
        {"/dev/disk/by-id/scsi-36002248000000000000000000000abcd /data xfs", F, NULL, "/data", "which disk"},
        {"/dev/disk/by-id/scsi-3-part0 /data xfs", F, NULL, "/data", "only the running VM"},
        {"/dev/disk/by-id/wwn-0x600224800000000000000000-part1 /data xfs", F, NULL, "/data", "which disk"},
    };

    (void)state;
    CHECK(cases);
}

static void of_several_with_one_name_the_root_s_is_meant(void **state)
{
    static const struct line cases[] = {
        {"LABEL=root /again ext4", P, "disk0p3", "/again", "on the disk of the root"},
        {"LABEL=twice /x ext4", F, NULL, "/x", "disk5 and disk6 have the same label"},
        {"LABEL=once /x ext4", P, "disk7", "/x", "only this one could be mounted"},
        {"LABEL=broken /x ext4", F, "disk1p2", "/x", "disk1p2 could not be mounted"},
    };

    (void)state;
    CHECK(cases);
}

static void subvolumes_binds_and_images(void **state)
{
    static const struct line cases[] = {
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /srv btrfs subvol=@srv", P, "disk3p1", "/srv", NULL},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /srv btrfs subvol=../../x", F, "disk3p1", "/srv", "no plain path"},
        {"/srv/www /www none bind 0 0", P, NULL, "/www", NULL},
        {"/srv/www /www none rw,rbind 0 0", P, NULL, "/www", NULL},
        {"/srv/../../etc /www none bind 0 0", F, NULL, "/www", "what it binds"},
        {"srv /www none bind 0 0", F, NULL, "/www", "what it binds"},
        {"/srv/image.iso /mnt iso9660 loop,ro 0 0", F, NULL, "/mnt", "images"},
        {"LABEL=bare /d ext4 noauto,user 0 0", P, "disk2", "/d", "noauto"},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /home btrfs subvol=/@/home,compress=zstd:1", P, "disk3p1", "/home",
         NULL},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /snap btrfs subvol=@/.snapshots/1/snapshot", P, "disk3p1", "/snap",
         NULL},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs subvol=with\\040blank", P, "disk3p1", "/b", NULL},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs subvol=@\\012x", F, "disk3p1", "/b", "no plain path"},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs subvol=..", F, "disk3p1", "/b", "no plain path"},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs subvol=@/\\377", F, "disk3p1", "/b", "no plain path"},
        {"UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs subvolid=257", P, "disk3p1", "/b", NULL},
        {"/srv/my\\040www /www none bind,x-systemd.requires-mounts-for=/srv 0 0", P, NULL, "/www", NULL},
    };

    (void)state;
    CHECK(cases);
}

static void what_is_on_no_disk_of_the_vm_is_left_out(void **state)
{
    static const struct line cases[] = {
        {"tmpfs /tmp tmpfs size=2g 0 0", S, NULL, "/tmp", "no disk"},
        {"proc /proc proc defaults 0 0", S, NULL, "/proc", "no disk"},
        {"UUID=5aaa none swap sw 0 0", S, NULL, "none", "swap"},
        {"/swapfile swap swap defaults 0 0", S, NULL, "swap", "swap"},
        {"nas:/export /nas nfs4 _netdev 0 0", S, NULL, "/nas", "network"},
        {"[fe80::1]:/export /nas nfs 0 0", S, NULL, "/nas", "network"},
        {"//nas/share /nas cifs credentials=/etc/creds 0 0", S, NULL, "/nas", "network"},
        {"//nas/share /nas auto 0 0", S, NULL, "/nas", "network"},
        {"user@host:/x /nas fuse.sshfs 0 0", S, NULL, "/nas", "network"},
        {"account.file:/x /nas aznfs 0 0", S, NULL, "/nas", "network"},
        {"overlay /merged overlay lowerdir=/lower,upperdir=/upper,workdir=/work 0 0", S, NULL, "/merged", "no disk"},
        {"/dev/mapper/vg--data-home none swap sw,pri=5 0 0", S, NULL, "none", "swap"},
        {"/dev/disk/by-id/scsi-3-part2 swap swap sw 0 0", S, NULL, "swap", "swap"},
        {"/dev/zram0 none swap defaults,pri=100,x-systemd.makefs 0 0", S, NULL, "none", "swap"},
    };

    (void)state;
    CHECK(cases);
}

static void hostile_places_are_refused(void **state)
{
    static const struct line cases[] = {
        {"LABEL=bare / ext4", F, "disk2", "/", "the root is there already"},
        {"LABEL=bare /./ ext4", F, "disk2", "/", "the root is there already"},
        {"LABEL=bare //// ext4", F, "disk2", "/", "the root is there already"},
        {"LABEL=bare /../../etc ext4", F, NULL, "/../../etc", "no plain absolute path"},
        {"LABEL=bare /a/.. ext4", F, NULL, "/a/..", "no plain absolute path"},
        {"LABEL=bare ../etc ext4", F, NULL, "../etc", "no plain absolute path"},
        {"LABEL=bare etc ext4", F, NULL, "etc", "no plain absolute path"},
        {"LABEL=bare /a\\012b ext4", F, NULL, "/a\\x0ab", "no plain absolute path"},
        {"LABEL=bare /a\\033[31m ext4", F, NULL, "/a\\x1b[31m", "no plain absolute path"},
        {"LABEL=bare /\\377\\376 ext4", F, NULL, "/\\xff\\xfe", "no plain absolute path"},
        {"LABEL=bare /a//./b/ ext4", P, "disk2", "/a/b", NULL},
        {"LABEL=bare /...  ext4", P, "disk2", "/...", NULL},
        {"LABEL=bare /a\\040b ext4", P, "disk2", "/a b", NULL},
    };

    (void)state;
    CHECK(cases);
}

static void the_kernel_s_names_follow_the_root_s(void **state)
{
    static const char TEXT[] = "/dev/sdb3 / ext4 defaults 0 1\n/dev/sdb1 /boot/efi vfat\n/dev/sda1 /x ext4\n";
    struct guest_volumes one_disk = {.items = a_vm, .count = 3, .root = ROOT};
    struct guest_device device = {0};
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    plan_text(TEXT, strlen(TEXT), &plan);
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.items[0].state, GUEST_MOUNT_PLANNED);
    assert_string_equal(a_vm[plan.items[0].volume].name, "disk0p1");
    assert_int_equal(plan.items[1].state, GUEST_MOUNT_FAILED);

    guest_device_find(&one_disk, "/dev/sda1", "auto", &device);
    assert_int_equal(device.verdict, GUEST_DEVICE_GUESSED);
    assert_int_equal(device.volume, 0);
    guest_device_clear(&device);
    guest_device_find(&one_disk, "/dev/nvme0n1p1", "auto", &device);
    assert_int_equal(device.verdict, GUEST_DEVICE_GUESSED);
    guest_device_clear(&device);
    guest_device_find(&one_disk, "/dev/sdb1", "auto", &device);
    assert_int_equal(device.verdict, GUEST_DEVICE_UNKNOWN);
    guest_device_clear(&device);
}

static void a_disk_s_serial_number_follows_the_root_s(void **state)
{
    static const char TEXT[] = "/dev/disk/by-id/scsi-part-3abc-part3 / ext4 defaults 0 1\n"
                               "/dev/disk/by-id/scsi-part-3abc-part1 /boot/efi vfat\n"
                               "/dev/disk/by-id/scsi-part-3abd-part1 /x vfat\n"
                               "/dev/disk/by-id/scsi-part-3abc-part9 /y vfat\n";
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    plan_text(TEXT, strlen(TEXT), &plan);
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.items[0].state, GUEST_MOUNT_PLANNED);
    assert_string_equal(a_vm[plan.items[0].volume].name, "disk0p1");
    assert_int_equal(plan.items[1].state, GUEST_MOUNT_FAILED);
    assert_non_null(strstr(plan.items[1].why, "which disk"));
    assert_int_equal(plan.items[2].state, GUEST_MOUNT_FAILED);
    assert_non_null(strstr(plan.items[2].why, "no partition 9"));
}

static void subvolumes_are_paths_from_the_top(void **state)
{
    static const struct {
        const char *option, *path, *id;
    } cases[] = {
        {"subvol=@", "/@", NULL},
        {"subvol=/@/home/", "/@/home", NULL},
        {"subvol=@/.snapshots/1/snapshot", "/@/.snapshots/1/snapshot", NULL},
        {"subvol=/", "/", NULL},
        {"subvol=with\\040blank", "/with blank", NULL},
        {"subvolid=257", NULL, "257"},
        {"subvolid=257,subvol=/@x", "/@x", "257"},
        {"subvol=", NULL, NULL},
        {"compress=zstd:1", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *line =
            str_printf("UUID=aaaaaaaa-0000-0000-0000-00000000000b /b btrfs %s", cases[i].option);
        _cleanup_guest_plan_ struct guest_plan plan = {0};

        plan_line(line, &plan);
        assert_int_equal(plan.items[0].state, GUEST_MOUNT_PLANNED);
        if (!str_equal(plan.items[0].path, cases[i].path) || !str_equal(plan.items[0].subvolume_id, cases[i].id))
            fail_msg("%s: %s, %s", cases[i].option, plan.items[0].path, plan.items[0].subvolume_id);
    }
}

static void what_others_need_is_mounted_first(void **state)
{
    static const char TEXT[] = "/srv/data/www /www none bind\n"
                               "LABEL=bare /srv/data/deep ext4\n"
                               "PARTLABEL=data /srv xfs\n"
                               "tmpfs /tmp tmpfs\n"
                               "/dev/md0 /srv/data xfs\n"
                               "UUID=1234-ABCD /srvx vfat\n"
                               "/circle/a/x /circle/b none bind\n"
                               "/circle/b/x /circle/a none bind\n"
                               "LABEL=bare /srv/data ext4\n";
    static const char *const order[] = {"/srv",  "/srv/data", "/www",     "/srv/data/deep",
                                        "/srvx", "/circle/b", "/circle/a"};
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    plan_text(TEXT, strlen(TEXT), &plan);
    assert_int_equal(plan.count, 9);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_string_equal(plan.items[i].target, order[i]);
        assert_int_equal(plan.items[i].state, GUEST_MOUNT_PLANNED);
    }
    assert_int_equal(plan.items[7].state, GUEST_MOUNT_SKIPPED);
    assert_non_null(strstr(plan.items[8].why, "named twice"));
}

static const struct guest_mount *planned_at(const struct guest_plan *plan, const char *target)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->items[i].state == GUEST_MOUNT_PLANNED && str_equal(plan->items[i].target, target))
            return &plan->items[i];
    return NULL;
}

static void a_recursive_bind_shows_what_is_mounted_below(void **state)
{
    static const char TEXT[] = "/again /third none rbind\n"
                               "/srv /again none rw,rbind\n"
                               "/srv /plain none bind\n"
                               "PARTLABEL=data /srv xfs\n"
                               "/dev/md0 /srv/data xfs\n"
                               "LABEL=bare /srv/data/deep ext4\n"
                               "UUID=1234-ABCD /srvx vfat\n"
                               "UUID=1234-ABCD /again/own vfat\n"
                               "UUID=1234-ABCD /srv/own vfat\n";
    static const struct {
        const char *target, *path;
    } expected[] = {
        {"/again", "/srv"},
        {"/again/data", "/srv/data"},
        {"/again/data/deep", "/srv/data/deep"},
        {"/third", "/again"},
        {"/third/data", "/again/data"},
        {"/third/data/deep", "/again/data/deep"},
        {"/third/own", "/again/own"},
        {"/plain", "/srv"},
    };
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    plan_text(TEXT, strlen(TEXT), &plan);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct guest_mount *mount = planned_at(&plan, expected[i].target);

        assert_non_null(mount);
        assert_int_equal(mount->kind, GUEST_MOUNT_BIND);
        assert_string_equal(mount->path, expected[i].path);
        /* what it shows is there before it */
        assert_true(!planned_at(&plan, mount->path) || planned_at(&plan, mount->path) < mount);
    }
    assert_null(planned_at(&plan, "/plain/data"));
    assert_null(planned_at(&plan, "/againx"));
    /* what the fstab has there itself */
    assert_int_equal(planned_at(&plan, "/again/own")->kind, GUEST_MOUNT_VOLUME);
    assert_int_equal(plan.count, 9 + 5);
}

static void recursive_binds_come_to_an_end(void **state)
{
    static const char CIRCLE[] = "/a /b none rbind\n/b /a/c none rbind\nLABEL=bare /a/x ext4\n";
    static const char INTO_ITSELF[] = "/ /a none rbind\nLABEL=bare /x ext4\n";
    _cleanup_guest_plan_ struct guest_plan circle = {0}, itself = {0};

    (void)state;
    plan_text(CIRCLE, strlen(CIRCLE), &circle);
    assert_in_range(circle.count, 4, 3 + GUEST_PLAN_MAX_MOUNTS);
    assert_non_null(planned_at(&circle, "/b/x"));
    plan_text(INTO_ITSELF, strlen(INTO_ITSELF), &itself);
    assert_int_equal(itself.count, 3);
    assert_string_equal(planned_at(&itself, "/a/x")->path, "/x");
}

static void a_guess_gives_way_to_what_is_certain(void **state)
{
    static const char TEXT[] = "LABEL=bare /certain ext4\n/dev/disk/azure/scsi1/lun1 /guess ext4\n";
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    plan_text(TEXT, strlen(TEXT), &plan);
    assert_int_equal(plan.items[0].state, GUEST_MOUNT_PLANNED);
    assert_int_equal(plan.items[1].state, GUEST_MOUNT_FAILED);
}

static void a_root_of_another_volume_is_told(void **state)
{
    static const char OTHER[] = "LABEL=bare / ext4\n", NONE[] = "UUID=9999 / ext4\n";
    _cleanup_guest_plan_ struct guest_plan plan = {0};
    _cleanup_guest_plan_ struct guest_plan nowhere = {0};

    (void)state;
    plan_text(OTHER, strlen(OTHER), &plan);
    assert_non_null(strstr(plan.note, "which is disk2"));
    plan_text(NONE, strlen(NONE), &nowhere);
    assert_non_null(strstr(nowhere.note, "no volume of the backup"));
}

static void what_is_no_fstab_is_passed_over(void **state)
{
    static const char TEXT[] = "26 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                               "Filename\tType\tSize\n"
                               "# a comment\n"
                               "\n"
                               "oneword\n"
                               "LABEL=bare /a\0 /etc ext4 defaults 0 0\n"
                               "LABEL=bare /b ext4\r\n"
                               "LABEL=bare\t/c \t ext4";
    _cleanup_fstab_ struct fstab fstab = {0};
    _cleanup_free_ char *line = xcalloc(FSTAB_MAX_LINE + 3, 1);
    _cleanup_fstab_ struct fstab longer = {0};
    _cleanup_fstab_ struct fstab none = {0};

    (void)state;
    assert_int_equal(fstab_parse(TEXT, sizeof(TEXT) - 1, &fstab, NULL), 0);
    assert_true(fstab.left_out >= 2);
    assert_true(fstab.count >= 2);
    assert_string_equal(fstab.items[fstab.count - 1].target, "/c");
    for (size_t i = 0; i < fstab.count; i++)
        assert_string_not_equal(fstab.items[i].target, "/a");
    memset(line, 'a', FSTAB_MAX_LINE + 1);
    line[FSTAB_MAX_LINE + 1] = '\n';
    assert_int_equal(fstab_parse(line, FSTAB_MAX_LINE + 2, &longer, NULL), 0);
    assert_int_equal(longer.count, 0);
    assert_int_equal(longer.left_out, 1);
    assert_int_equal(fstab_parse("", 0, &none, NULL), 0);
    assert_int_equal(none.count, 0);
}

static void there_is_an_end_to_entries(void **state)
{
    enum { LINES = 5000 };
    static const char LINE[] = "LABEL=bare /d%04zu ext4\n";
    _cleanup_free_ char *text = xcalloc(LINES, sizeof(LINE) + 8);
    _cleanup_free_ char *huge = xcalloc(FSTAB_MAX_BYTES + 1, 1);
    _cleanup_guest_plan_ struct guest_plan plan = {0};
    _cleanup_fstab_ struct fstab fstab = {0};
    struct error *err = NULL;
    size_t length = 0, planned = 0;

    (void)state;
    for (size_t i = 0; i < LINES; i++)
        length += (size_t)sprintf(text + length, LINE, i);
    plan_text(text, length, &plan);
    assert_int_equal(plan.count, FSTAB_MAX_ENTRIES);
    for (size_t i = 0; i < plan.count; i++)
        planned += plan.items[i].state == GUEST_MOUNT_PLANNED;
    assert_int_equal(planned, GUEST_PLAN_MAX_MOUNTS);
    assert_int_equal(fstab_parse(huge, FSTAB_MAX_BYTES + 1, &fstab, &err), -1);
    assert_error(err, EXIT_FAILED, "larger than");
}

static void a_place_that_is_too_long_is_refused(void **state)
{
    _cleanup_free_ char *name = xcalloc(GUEST_PATH_MAX + 1, 1);
    _cleanup_free_ char *line = NULL;
    _cleanup_guest_plan_ struct guest_plan plan = {0};

    (void)state;
    memset(name, 'a', GUEST_PATH_MAX);
    line = str_printf("LABEL=bare /%s ext4", name);
    plan_line(line, &plan);
    assert_int_equal(plan.items[0].state, GUEST_MOUNT_FAILED);
    assert_true(strlen(plan.items[0].target) < 80);
}

static void the_last_of_an_option_counts(void **state)
{
    struct fstab_entry entry = {.options = (char *)"rw,subvol=@a,noatime,subvol=@b,subvolid=7"};
    _cleanup_free_ char *subvol = fstab_option(&entry, "subvol");
    _cleanup_free_ char *flag = fstab_option(&entry, "noatime");
    _cleanup_free_ char *none = fstab_option(&entry, "sub");

    (void)state;
    assert_string_equal(subvol, "@b");
    assert_string_equal(flag, "");
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_on_a_volume_names_it),
        cmocka_unit_test(logical_volumes_and_arrays_have_names),
        cmocka_unit_test(what_was_unlocked_has_the_vm_s_name),
        cmocka_unit_test(azure_s_links_are_followed),
        cmocka_unit_test(names_of_disks_are_not_followed_blindly),
        cmocka_unit_test(of_several_with_one_name_the_root_s_is_meant),
        cmocka_unit_test(subvolumes_binds_and_images),
        cmocka_unit_test(a_recursive_bind_shows_what_is_mounted_below),
        cmocka_unit_test(recursive_binds_come_to_an_end),
        cmocka_unit_test(what_is_on_no_disk_of_the_vm_is_left_out),
        cmocka_unit_test(hostile_places_are_refused),
        cmocka_unit_test(the_kernel_s_names_follow_the_root_s),
        cmocka_unit_test(a_disk_s_serial_number_follows_the_root_s),
        cmocka_unit_test(subvolumes_are_paths_from_the_top),
        cmocka_unit_test(what_others_need_is_mounted_first),
        cmocka_unit_test(a_guess_gives_way_to_what_is_certain),
        cmocka_unit_test(a_root_of_another_volume_is_told),
        cmocka_unit_test(what_is_no_fstab_is_passed_over),
        cmocka_unit_test(there_is_an_end_to_entries),
        cmocka_unit_test(a_place_that_is_too_long_is_refused),
        cmocka_unit_test(the_last_of_an_option_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
