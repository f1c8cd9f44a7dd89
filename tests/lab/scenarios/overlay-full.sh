#!/bin/bash
# Overlays that run full under a mount: one while its journal is replayed, one later. Each is noticed, told by status, in
# the journal and by the mount itself, and takes nothing down but what lies on it.
# weight=110
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

cd "$LAB_WORK" || exit
make_disk_ext4 whole.img
make_disk_ext4_dirty dirty.img
make_disk_xfs other.img

# A disk whose journal holds more than its overlay may take: the files' data too.
truncate -s 160M live.img
mke2fs -q -t ext4 -J size=64 live.img
loop=$(_attach live.img)
mkdir mnt
mount "$loop" mnt
echo early > mnt/early
umount mnt
mount -o data=journal,commit=300 "$loop" mnt
head -c 8M /dev/urandom > mnt/late
sync mnt/late
cp --sparse=always live.img large.img
umount mnt
_detach "$loop"
rm live.img

start_azure -- "$PWD"/{whole,dirty,large,other}.img
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before

overlay() { # VOLUME MEMBER: of what status tells
    azilr status --json > status.json
    /usr/bin/python3 -c 'import json,sys
for o in json.load(open("status.json"))["sessions"][0]["overlays"]:
    if o["volume"] == sys.argv[1]: print(o[sys.argv[2]])' "$1" "$2"
}
journal_has() { journalctl -b --no-pager -t azilr-keeper | grep -F "overlays of the backup $session have run full" | grep -qF "$1"; }

step "one whose journal is larger than the overlay"
expect_exit 0 azilr mount web01 "${point_options[@]}" --overlay-size 4M
assert_contains "$LAB_WORK/stdout" "disk2: its journal could not be replayed"
assert_contains "$LAB_WORK/stdout" "its overlay is full"
session=$(ls /mnt/azilr)
volumes=/mnt/azilr/$session/volumes
assert_eq "$(cat "$volumes/disk2/early")" early
assert_manifest whole.img.root.manifest "$volumes/disk0"
assert_manifest dirty.img.root.manifest "$volumes/disk1"
assert_manifest other.img.root.manifest "$volumes/disk3"

step "status and the journal tell of it, and of no other"
assert_eq "$(overlay disk2 status)" full
assert_eq "$(overlay disk1 status)" good
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "disk2: the overlay that it needs to be readable is full"
assert_lacks "$LAB_WORK/stdout" "disk1: the overlay"
retry_until 60 journal_has "disk2 (full)"
! journal_has disk1 || fail "another is told of too"

step "one that runs full later"
expect_exit 1 dd if=/dev/urandom of="/dev/mapper/$(overlay disk1 name)" bs=64k seek=1600 count=128 oflag=direct
assert_eq "$(overlay disk1 status)" full
retry_until 90 journal_has "disk1 (full)"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "disk1: the overlay that it needs to be readable is full"
echo 3 > /proc/sys/vm/drop_caches
assert_manifest whole.img.root.manifest "$volumes/disk0"
assert_manifest other.img.root.manifest "$volumes/disk3"
assert_eq "$(journalctl -b --no-pager -t azilr-keeper | grep -c 'have run full')" 2 "lines in the journal"

step "unmount"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_nothing_left

step "a size that there is no room for is shared, and that is said"
mkdir small
mount -t tmpfs -o size=128M,mode=700 small small
cleanup_fn umount small
host_snapshot before
expect_exit 0 azilr mount web01 "${point_options[@]}" --overlay-dir "$PWD/small" --overlay-size 1G
assert_contains "$LAB_WORK/stderr" "2 of the overlays there may take less than --overlay-size"
assert_lacks "$LAB_WORK/stdout" "could not be"
volumes=$(echo /mnt/azilr/*/volumes)
assert_manifest dirty.img.root.manifest "$volumes/disk1"
assert_eq "$(stat -c %s "$volumes/disk2/late")" $((8 << 20))
first=$(overlay disk1 size)
second=$(overlay disk2 size)
[ $((first + second)) -le $((112 << 20)) ] || fail "$first and $second bytes are promised of 128 MiB"
[ $((first - second)) -lt $((1 << 20)) ] && [ $((second - first)) -lt $((1 << 20)) ] || fail "$first and $second are not alike"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "an xfs whose log is larger than the overlay: what the mount alone would not tell, whichever way it is read"
stop_azure
truncate -s 400M live.img
mkfs.xfs -q live.img
loop=$(_attach live.img)
mount "$loop" mnt
mkdir mnt/many
(cd mnt/many && seq 20000 | xargs touch)
sync mnt/many
cp --sparse=always live.img large.img
umount mnt
_detach "$loop"
rm live.img
start_azure -- "$PWD"/{large,whole}.img
azure_set polls_before_success=0
host_snapshot before
for how in file volume; do
    expect_exit 6 azilr mount web01 "${point_options[@]}" --overlay-size 4M --read-ahead $how
    assert_contains "$(grep '^disk0: ' "$LAB_WORK/stdout")" "its overlay is full"
    assert_lacks "$LAB_WORK/stdout" "loop"
    session=$(ls /mnt/azilr)
    assert_manifest whole.img.root.manifest "/mnt/azilr/$session/volumes/disk1"
    expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
    assert_nothing_left
done
