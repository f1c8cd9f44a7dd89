#!/bin/bash
# The guest's own tree: three disks of one VM come together as its fstab has them, and neither that fstab nor the links
# in it, which are full of traps, get a mount outside of root/.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

cd "$LAB_WORK" || exit

# small_fs NAME FILE: a directory with one file, for volumes whose content only has to be told apart
small_tree() {
    mkdir -p "$1"
    echo "this is $1" > "$1/$2"
    head -c 30000 /dev/urandom > "$1/blob"
}

# The data disks: one in partitions, one bare.
for name in home log lun; do small_tree $name "file of $name"; done
mkdir -p home/anna/www
echo 'a page' > home/anna/www/index.html
truncate -s 128M data.img
sfdisk -q data.img << TABLE
label: gpt
size=40M, type=L, name=home
size=40M, type=L, name=logs
TABLE
loop=$(_attach data.img)
mke2fs -q -t ext4 "${loop}p1"
mke2fs -q -t ext4 "${loop}p2"
home_uuid=$(blkid -p -o value -s UUID "${loop}p1")
log_part=$(blkid -p -o value -s PART_ENTRY_UUID "${loop}p2")
_fill "${loop}p1" home home.manifest
_fill "${loop}p2" log log.manifest
_detach "$loop"
truncate -s 64M bare.img
loop=$(_attach bare.img)
mke2fs -q -t ext4 "$loop"
_fill "$loop" lun lun.manifest
_detach "$loop"

# The OS disk, with its traps.
make_tree root
small_tree srv "file of srv"
_efi_tree efi
truncate -s 320M os.img
sfdisk -q os.img << TABLE
label: gpt
size=40M, type=U, name=EFI
size=40M, type=L, name=srv
type=L, name=root
TABLE
loop=$(_attach os.img)
mkfs.vfat -n EFI "${loop}p1" > /dev/null
mke2fs -q -t ext4 -L 'srv data' "${loop}p2"
mke2fs -q -t ext4 -L root "${loop}p3"
mkdir -p root/boot/efi root/data root/www root/again root/guest-etc root/deep/er root/mnt/resource
ln -s /etc root/absolute
ln -s ../../../../../../../../etc root/upwards
ln -s second root/first
ln -s upwards/../../etc root/second
ln -s loop2 root/loop1
ln -s loop1 root/loop2
ln -s /proc/self/root root/magic
ln -s /mnt/azilr root/host
ln -s deep root/short
echo 'no directory' > root/plain
mkdir root/$'new\nline'
cat > root/etc/fstab << FSTAB
# the VM's own
UUID=$(blkid -p -o value -s UUID "${loop}p3") / ext4 defaults,errors=remount-ro 0 1
UUID=$(blkid -p -o value -s UUID "${loop}p1") /boot/efi vfat umask=0077 0 1
UUID=$home_uuid /home ext4 defaults,nofail 0 2
LABEL="srv\040data" /srv ext4 defaults 0 2
PARTUUID=$log_part /var/log ext4 defaults 0 2
/dev/disk/azure/scsi1/lun1 /data ext4 defaults,nofail 0 2
/home/anna/www /www none bind 0 0
/var /again none rbind 0 0
/dev/disk/cloud/azure_resource-part1 /mnt/resource auto defaults,nofail 0 2
tmpfs /tmp tmpfs defaults 0 0
nas:/export /deep nfs defaults 0 0
UUID=01234567-89ab-cdef-0123-456789abcdef none swap sw 0 0
# traps
UUID=$home_uuid /absolute ext4 defaults 0 0
UUID=$home_uuid /upwards ext4 defaults 0 0
UUID=$home_uuid /first/../first ext4 defaults 0 0
UUID=$home_uuid ../../../../etc ext4 defaults 0 0
UUID=$home_uuid /../../../../../etc ext4 defaults 0 0
UUID=$home_uuid /loop1 ext4 defaults 0 0
UUID=$home_uuid /magic/etc ext4 defaults 0 0
UUID=$home_uuid /host ext4 defaults 0 0
UUID=$home_uuid /plain ext4 defaults 0 0
UUID=$home_uuid /nowhere ext4 defaults 0 0
UUID=$home_uuid /new\012line ext4 defaults 0 0
UUID=$home_uuid /short/er ext4 defaults 0 0
/../../../../../../etc /guest-etc none bind 0 0
/upwards /guest-etc none bind 0 0
UUID=ffffffff-89ab-cdef-0123-456789abcdef /missing ext4 defaults 0 0
FSTAB
_fill "${loop}p1" efi efi.manifest
_fill "${loop}p2" srv srv.manifest
_fill "${loop}p3" root root.manifest
_detach "$loop"

# A second system, as on a rescue disk.
make_tree rescue
echo rescue01 > rescue/etc/hostname
printf 'PRETTY_NAME="Rescue \033[31mLinux"\n' > rescue/etc/os-release
truncate -s 128M rescue.img
loop=$(_attach rescue.img)
mke2fs -q -t ext4 "$loop"
_fill "$loop" rescue rescue.manifest
_detach "$loop"

start_azure -- "$PWD"/{os,data,bare,rescue}.img
systemctl start iscsid
host_snapshot before
mount_table() { awk '{ print $5, $3, $4 }' /proc/self/mountinfo | sort; }
mount_table > mounts.before

step "mount"
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_contains stdout "Debian GNU/Linux 12 (bookworm)"
assert_contains stdout "/missing is not in its place: no volume of the backup has that UUID"
session=$(ls /mnt/azilr)
top=/mnt/azilr/$session
root=$top/root
expect_exit 0 azilr status --json
cp stdout result.json

# of TARGET, MEMBER of the first root's mounts; the first one of that target
entry() {
    /usr/bin/python3 -c 'import json,sys
for m in json.load(open("result.json"))["sessions"][0]["roots"][0]["mounts"]:
    if m["target"] == sys.argv[1]: print(m[sys.argv[2]]); break' "$1" "$2"
}

step "each volume is where the VM had it"
device_at() { findmnt -n -o MAJ:MIN --mountpoint "$1"; }
same_device() { assert_eq "$(device_at "$1")" "$(device_at "$top/volumes/$2")" "$1"; }
same_device "$root" disk0p3
same_device "$root/boot/efi" disk0p1
same_device "$root/home" disk1p1
same_device "$root/srv" disk0p2
same_device "$root/var/log" disk1p2
same_device "$root/data" disk2
assert_manifest efi.manifest "$root/boot/efi"
assert_manifest home.manifest "$root/home"
assert_manifest srv.manifest "$root/srv"
assert_manifest log.manifest "$root/var/log"
assert_manifest lun.manifest "$root/data"
assert_eq "$(cat "$root/www/index.html")" 'a page'
same_device "$root/again/log" disk1p2
cmp "$root/var/lib/app/blob3" "$LAB_WORK/root/var/lib/app/blob3"
assert_contains "$(entry /data note)" "a guess"

step "a link inside of the guest is followed as the guest follows it"
same_device "$root/deep/er" disk1p1

step "what the VM had under a mount point is below volumes, and nothing is mounted there"
assert_manifest root.manifest "$top/volumes/disk0p3"
assert_eq "$(findmnt -rn -o TARGET | grep -c "^$top/volumes/[^/]*/" || true)" 0 "mounts inside of volumes/"

step "the traps: nothing is mounted outside of root/ and volumes/"
mount_table > mounts.now
comm -13 mounts.before mounts.now > mounts.new
cat mounts.new
while read -r place _; do
    case $place in
    "$top"/root | "$top"/root/* | "$top"/root2 | "$top"/volumes/*) ;;
    *) fail "mounted on $place" ;;
    esac
done < mounts.new
comm -23 mounts.before mounts.now > mounts.gone
assert_eq "$(cat mounts.gone)" "" "mounts that are gone"
for target in /loop1 /magic/etc /host /plain /nowhere; do
    assert_eq "$(entry $target status)" failed "$target"
    [ -n "$(entry $target reason)" ] || fail "no reason for $target"
done
# what links led to the guest's own etc went there, as on the VM, and no further
same_device "$root/etc" disk1p1
assert_eq "$(stat -c %d /etc)" "$(stat -c %d /)" "the etc of this host"

step "nothing can be written or run there either"
while read -r place; do
    options=$(findmnt -n -o VFS-OPTIONS --mountpoint "$place")
    for option in ro nosuid nodev noexec; do assert_contains ",$options," ",$option,"; done
done < <(findmnt -rn -o TARGET | grep "^$top/root")
if touch "$root/home/new" 2> /dev/null; then fail "a file could be made"; fi

step "what is not of the backup is left out, with the reason"
assert_eq "$(entry /mnt/resource status)" skipped
assert_contains "$(entry /mnt/resource reason)" "temporary disk"
assert_eq "$(entry /deep status)" skipped
assert_contains "$(entry /deep reason)" "network"
assert_eq "$(entry none status)" skipped

step "the second system has a tree of its own"
assert_eq "$(json_get result.json sessions.0.roots.1.directory)" "$top/root2"
assert_eq "$(json_get result.json sessions.0.roots.1.volume)" disk3
assert_eq "$(json_get result.json sessions.0.roots.1.hostname)" rescue01
assert_eq "$(json_get result.json sessions.0.roots.1.os)" 'Rescue \x1b[31mLinux'
assert_eq "$(json_get result.json sessions.0.roots.0.hostname)" web01
assert_manifest rescue.manifest "$top/root2"

step "while a file of it is in use, the rest can go, and it later"
exec 7< "$root/home/anna/www/index.html"
expect_exit 7 azilr unmount "$session" "${sign_in[@]}"
assert_contains stderr "is in use"
exec 7<&-

step "unmount"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
mount_table | diff -u mounts.before - || fail "mounts are left"
assert_nothing_left

step "a mount of somebody else's on top of the tree is not taken for ours"
expect_exit 0 azilr mount web01 "${point_options[@]}"
mkdir -p "$LAB_WORK/decoy/home"
mount --bind "$LAB_WORK/decoy" "$root"
mount -t tmpfs decoy "$root/home"
expect_exit 7 azilr unmount "$session" "${sign_in[@]}"
assert_contains stderr "something else is mounted over"
umount "$root/home"
umount "$root"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_nothing_left
