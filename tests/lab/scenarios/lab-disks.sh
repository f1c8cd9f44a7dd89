#!/bin/bash
#
# The lab's backup disks: each kind is built, read back through a read-only loop device and found
# to hold what its manifest says; building them leaves nothing on the host.
. "$AZILR_LAB/lib.sh"

# Read-only as azilr has it: what needs a replay of its journal is read without one, or not at all.
check_volume() {
    local manifest=$1
    shift
    mkdir -p "$LAB_WORK/mnt"
    mount -o ro "$@" "$LAB_WORK/mnt"
    assert_manifest "$manifest" "$LAB_WORK/mnt"
    umount "$LAB_WORK/mnt"
}

read_only_loop() {
    losetup -r -P -f --show "$1"
    udevadm settle
}

host_snapshot before

step "GPT with an EFI partition and an ext4 root"
make_disk_linux "$LAB_WORK/linux"
loop=$(read_only_loop "$LAB_WORK/linux")
check_volume "$LAB_WORK/linux.efi.manifest" "${loop}p1"
check_volume "$LAB_WORK/linux.root.manifest" "${loop}p2"
losetup -d "$loop"

step "file systems on the whole disk"
for kind in ext4 xfs btrfs; do
    requires "mkfs.$kind"
    "make_disk_$kind" "$LAB_WORK/$kind"
    loop=$(read_only_loop "$LAB_WORK/$kind")
    check_volume "$LAB_WORK/$kind.root.manifest" "$loop"
    losetup -d "$loop"
done

step "a journal that was not written back"
make_disk_ext4_dirty "$LAB_WORK/dirty"
assert_contains "$(dumpe2fs -h "$LAB_WORK/dirty" 2> /dev/null)" needs_recovery
record_images "$LAB_WORK/dirty"
loop=$(read_only_loop "$LAB_WORK/dirty")
expect_exit 32 mount -o ro "$loop" "$LAB_WORK/mnt"
losetup -d "$loop"
images_unchanged
# With a disk that can be written to, the journal brings back what the backup has.
loop=$(losetup -f --show "$LAB_WORK/dirty")
check_volume "$LAB_WORK/dirty.root.manifest" "$loop"
losetup -d "$loop"

step "LVM"
make_disk_lvm "$LAB_WORK/lvm" vgdata
loop=$(read_only_loop "$LAB_WORK/lvm")
only=(--devices "${loop}p1" -q --config 'backup { backup = 0 archive = 0 }')
vgchange "${only[@]}" -ay vgdata > /dev/null
check_volume "$LAB_WORK/lvm.root.manifest" /dev/vgdata/root
check_volume "$LAB_WORK/lvm.home.manifest" /dev/vgdata/home
vgchange "${only[@]}" -an vgdata > /dev/null
losetup -d "$loop"

step "RAID 1, which the host's own udev rules put together as soon as they see it"
make_disk_md "$LAB_WORK/md1" "$LAB_WORK/md2"
one=$(losetup -r -f --show "$LAB_WORK/md1")
two=$(losetup -r -f --show "$LAB_WORK/md2")
retry_until 10 grep -q '^md.*raid1 .*\[1\].*\[0\]\|^md.*raid1 .*\[0\].*\[1\]' /proc/mdstat
udevadm settle
md=/dev/$(awk '/^md/ { print $1 }' /proc/mdstat)
check_volume "$LAB_WORK/md1.root.manifest" "$md"
mdadm --stop --quiet "$md"
losetup -d "$one" "$two"

udevadm settle
host_snapshot after
assert_host_same before after
