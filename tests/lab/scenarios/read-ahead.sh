#!/bin/bash
# Volumes are mounted by way of loop devices, read-only ones, through which the kernel reads ahead from one file into the
# next: nobody on the host takes them for something of his own, they keep others off the devices below, and they are gone
# with the mount however it ends.
# weight=70
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

cd "$LAB_WORK" || exit
make_disk_linux clean
make_disk_ext4_dirty dirty
make_disk_xfs xfs
make_disk_lvm lvm
make_disk_btrfs btrfs
mkdir files
for i in {100..399}; do head -c 3000 /dev/urandom > files/$i; done
truncate -s 32M many
mke2fs -q -t ext4 -d files many
start_azure -- clean dirty xfs lvm btrfs many
azure_set polls_before_success=0

loops() { losetup -n -O NAME,BACK-FILE,RO,AUTOCLEAR | sort; }
source_of() { findmnt -n -o SOURCE --mountpoint "$volumes/$1"; }
backing_of() { cat "/sys/block/$(basename "$(source_of "$1")")/loop/backing_file"; }

mount_all() {
    expect_exit 0 azilr mount web01 "${point_options[@]}" --json "$@"
    session=$(json_get "$LAB_WORK/stdout" id)
    volumes=/mnt/azilr/$session/volumes
}

step "all but btrfs, each on its own device"
loops > loops.before
mount_all
cp "$LAB_WORK/stdout" mounted.json
assert_eq "$(backing_of disk0p1)" /dev/sda1
assert_eq "$(backing_of disk0p2)" /dev/sda2
for volume in disk1 vgdata-home vgdata-root; do assert_contains "$(backing_of $volume)" /dev/dm-; done
assert_lacks "$(source_of disk4)" loop
assert_manifest clean.root.manifest "$volumes/disk0p2"
assert_manifest dirty.root.manifest "$volumes/disk1"
assert_manifest xfs.root.manifest "$volumes/disk2"
assert_manifest lvm.root.manifest "$volumes/vgdata-root"
assert_manifest btrfs.root.manifest "$volumes/disk4"
/usr/bin/python3 - mounted.json << 'PYTHON'
import json, subprocess, sys
for volume in json.load(open(sys.argv[1]))["volumes"]:
    if volume["status"] == "mounted":
        source = subprocess.run(["findmnt", "-n", "-o", "SOURCE", "--mountpoint", volume["mount_point"]],
                                check=True, capture_output=True, text=True).stdout.strip()
        assert source == (volume["loop"] or volume["device"]), (source, volume)
PYTHON

step "read-only but where a journal was to be replayed, and away with their last user"
read -r _ _ read_only autoclear <<< "$(loops | grep "/dev/sda2 ")"
assert_eq "$read_only $autoclear" "1 1"
assert_eq "$(blockdev --getro "$(source_of disk0p2)")" 1

step "read ahead by the device below, and little by the file"
assert_eq "$(blockdev --getra /dev/sda2)" 8192 "units of 512 bytes"
assert_eq "$(blockdev --getra "$(backing_of vgdata-root)")" 8192
assert_eq "$(blockdev --getra "$(source_of disk0p2)")" 256

step "what lies behind one file is there already for the next"
forget() { sync; echo 3 > /proc/sys/vm/drop_caches; }
reads() { awk '{ print $1 }' /sys/block/sdf/stat; }
read_files() { cat "$volumes"/disk5/[1-9]* | cmp - <(cat files/[1-9]*); }
forget
before=$(reads)
read_files
through_loop=$(($(reads) - before))
echo "300 files by way of the loop device: $through_loop reads"

step "udev and its rules leave them alone"
udevadm settle
for volume in disk0p1 disk0p2 disk1 vgdata-root; do
    udevadm info -q property "$(source_of $volume)" > properties
    for property in AZILR=1 SYSTEMD_READY=0 UDISKS_IGNORE=1; do assert_contains properties "$property"; done
    assert_lacks properties ID_FS_TYPE
    assert_eq "$(links_of_host "$(basename "$(source_of $volume)")")" "" "links to $(source_of $volume)"
done
# one of somebody else is his own business
truncate -s 8M own
mke2fs -q -t ext4 -U 0e1b5a4e-8d1c-4c7e-9d3a-1f2e3d4c5b6a own
own=$(losetup -f --show own)
cleanup_fn losetup -d "$own"
retry_until 10 test -e /dev/disk/by-uuid/0e1b5a4e-8d1c-4c7e-9d3a-1f2e3d4c5b6a

step "nobody else can claim what is below"
if testside python3 -c 'import os; os.open("/dev/sda2", os.O_RDONLY | os.O_EXCL)' 2> claim; then fail "it could be claimed"; fi
assert_contains claim "busy"

step "who uses a loop device uses the backup"
sh -c 'exec sleep 1000' < "$(source_of disk0p2)" &
user=$!
expect_exit 7 azilr unmount "$session" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "sleep"
kill $user
wait $user || true

step "all go with the mount"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_eq "$(loops | grep -v "^$own " || true)" "$(< loops.before)"

step "also lazily, with their last user"
mount_all
(cd "$volumes/disk1" && exec sleep 1000) &
user=$!
retry_until 5 test "$(readlink "/proc/$user/cwd")" != "$PWD"
expect_exit 7 azilr unmount "$session" --lazy "${sign_in[@]}"
assert_eq "$(loops | grep -c ' /dev/')" 1 "loop devices"
kill $user
wait $user || true
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_eq "$(loops | grep -v "^$own " || true)" "$(< loops.before)"

step "a volume that somebody unmounts by hand, and whose loop device somebody else has then, is in nobody's use"
mount_all
taken=$(source_of disk5)
umount "$volumes/disk5"
truncate -s 8M other
losetup "$taken" other
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_eq "$(losetup -n -O BACK-FILE "$taken")" "$PWD/other"
losetup -d "$taken"

step "--read-ahead file does without"
mount_all --read-ahead file
assert_eq "$(source_of disk0p2)" /dev/sda2
assert_eq "$(loops | grep -c ' /dev/' || true)" 0 "loop devices"
assert_manifest dirty.root.manifest "$volumes/disk1"
forget
before=$(reads)
read_files
echo "the same from the device: $(($(reads) - before)) reads"
[ $(($(reads) - before)) -gt $((through_loop * 4)) ] || fail "no more than by way of the loop device"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
expect_exit 2 azilr mount web01 "${point_options[@]}" --read-ahead far

