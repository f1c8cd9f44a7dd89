#!/bin/bash
# Fourteen disks at once on a host without LVM, mdadm and dmsetup: each file system that can be opened is, each thing that
# cannot is named with the reason, and none of it is touched by the host's LVM, md or multipath.
# weight=135
# machine=qemu: exFAT, ntfs3
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires mkfs.exfat mkudffs genisoimage mkntfs ntfs-3g
cd "$LAB_WORK" || exit
make_disk_ext4 ext4.img
make_disk_xfs xfs.img
make_disk_ext4_dirty dirty.img
make_disk_linux linux.img
make_disk_lvm lvm.img
make_disk_md md1.img md2.img
make_disk_ext4 panic.img
# a file system that asks for a panic of whatever host reads it, with a directory entry whose inode is gone
tune2fs -e panic panic.img > /dev/null
debugfs -w -R 'clri /home/ben/empty' panic.img 2> /dev/null
truncate -s 64M empty.img swap.img
mkswap swap.img > /dev/null

# what Windows and other systems leave behind
mkdir small mnt
echo 'the yearly report' > 'small/Bericht für März.txt'
head -c 100000 /dev/urandom > small/bin
small_disk() { # IMAGE MKFS...
    local image=$1 loop
    shift
    truncate -s 16M "$image"
    loop=$(losetup -f --show "$image")
    "$@" "$loop" > /dev/null
    udevadm settle
    _fill "$loop" small "$image.manifest"
    _detach "$loop"
}
small_disk exfat.img mkfs.exfat
small_disk udf.img mkudffs --utf8 --bootarea=erase
genisoimage -quiet -R -input-charset utf-8 -o iso.img small
manifest small > iso.img.manifest
# hibernated: Windows has more of it in its memory, and it must not be written to
truncate -s 24M ntfs.img
mkntfs -q -F ntfs.img
ntfs-3g ntfs.img mnt
cp small/* mnt/
{ printf hibr; head -c 8188 /dev/zero; } > mnt/hiberfil.sys
manifest mnt > ntfs.img.manifest
umount mnt
retry_until 10 sh -c '! pgrep -x ntfs-3g'
start_azure -- "$PWD"/{ext4,xfs,dirty,linux,lvm,md1,md2,empty,swap,panic,exfat,udf,iso,ntfs}.img
systemctl start iscsid multipathd
host_snapshot before

# The host lacks these commands for as long as azilr is at work.
hide() {
    local command
    for command in pvs mdadm dmsetup; do
        command=$(readlink -e "/sbin/$command" > /dev/null && echo "/sbin/$command")
        mv "$command" "$command.hidden"
        cleanup_fn eval "[ ! -e $command.hidden ] || mv $command.hidden $command"
    done
}
bring_back() {
    local command
    for command in pvs mdadm dmsetup; do mv "/sbin/$command.hidden" "/sbin/$command"; done
}

step "mount"
hide
expect_exit 6 azilr mount web01 "${point_options[@]}" --json
bring_back
cp "$LAB_WORK/stdout" result.json
volumes=$(json_get result.json directory)/volumes

step "what can be opened is"
assert_manifest ext4.img.root.manifest "$volumes/disk0"
assert_manifest xfs.img.root.manifest "$volumes/disk1"
# which is not taken for one that was in use
assert_eq "$(volume disk1 note)" None
assert_manifest linux.img.efi.manifest "$volumes/disk3p1"
assert_manifest linux.img.root.manifest "$volumes/disk3p2"

assert_contains "$(volume disk3p1 note)" "EFI"
assert_manifest exfat.img.manifest "$volumes/disk10"
assert_manifest udf.img.manifest "$volumes/disk11"
assert_manifest iso.img.manifest "$volumes/disk12"
assert_manifest ntfs.img.manifest "$volumes/disk13"

step "a dirty journal is said to be one"
assert_eq "$(volume disk2 status)" mounted
assert_contains "$(volume disk2 note)" "journal was not replayed"
assert_contains "$(volume disk2 note)" "dmsetup"

step "what cannot be opened is named"
assert_contains "$(volume disk4p1 reason)" "LVM"
assert_contains "$(volume disk4p1 reason)" "lvm2"
assert_contains "$(volume disk5 reason)" "RAID"
assert_contains "$(volume disk6 reason)" "RAID"
assert_contains "$(volume disk6 reason)" "mdadm"
assert_contains "$(volume disk7 reason)" "no file system"
assert_eq "$(volume disk7 status)" failed
assert_eq "$(volume disk8 status)" skipped
assert_contains "$(volume disk8 reason)" "swap"
[ ! -e "$volumes/disk4p1" ] || fail "a directory for what is not mounted"

step "a damaged file system that asks for a panic does not get one"
assert_eq "$(volume disk9 status)" mounted
! stat "$volumes/disk9/home/ben/empty" 2> "$LAB_WORK/stat" || fail "the damage was not met"
cat "$LAB_WORK/stat"
assert_contains "$(dmesg)" "EXT4-fs error"

step "the host took none of it"
udevadm settle
assert_eq "$(awk '/^md/' /proc/mdstat)" "" "an array of the backup was assembled"
assert_eq "$(dmsetup ls)" "No devices found" "device-mapper"
assert_eq "$(multipathd show paths | grep -w 'sd[a-z]' || true)" "" "multipathd"
assert_eq "$(swapon --show)" ""

step "unmount by the VM's name"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
