#!/bin/bash
# Backups in use on stacks: who uses them is named whatever the use is, --lazy lets them go on until they end, --force gives
# them I/O errors and takes all away under them.
# weight=50
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
requires mdadm lvcreate losetup dmsetup

disk=$LAB_WORK/disk.img
make_disk_lvm_small "$disk"
make_disk_md "$disk.1" "$disk.2"
make_disk_btrfs "$disk.3"
start_azure -- "$disk" "$disk.1" "$disk.2" "$disk.3"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before

# mounted_at PATTERN: of the volumes, the directory of that whose line in the table of mounts has it.
mounted_at() { awk -v what="$1" '/ \/mnt\/azilr\/[^ ]*\/volumes\// && $0 ~ what { print $5; exit }' /proc/self/mountinfo; }

# A process with a file open, which reads it when it is told to and says what it got.
hold() { # NAME FILE
    mkfifo "$LAB_WORK/$1.go"
    /usr/bin/python3 -SE -c '
import sys
file = open(sys.argv[1], "rb", 0)
print("open", flush=True)
open(sys.argv[2]).read()
try:
    print(f"read {len(file.read(4096))}", flush=True)
except OSError as error:
    print(error.strerror, flush=True)
' "$2" "$LAB_WORK/$1.go" > "$LAB_WORK/$1.said" &
    holders+=($!)
    retry_until 20 grep -q open "$LAB_WORK/$1.said"
}
reads() { # NAME: what it got
    : > "$LAB_WORK/$1.go"
    retry_until 30 grep -qv open "$LAB_WORK/$1.said"
    tail -n 1 "$LAB_WORK/$1.said"
}
let_go() {
    for holder in "${holders[@]}"; do
        kill "$holder" 2> /dev/null || true
        wait "$holder" || true
    done
    holders=()
    rm -f "$LAB_WORK"/*.go
}
holders=()
cleanup_fn let_go
mount_all() {
    expect_exit 0 azilr mount web01 "${point_options[@]}"
    session=$(ls /mnt/azilr)
    lvm=$(mounted_at '/volumes/vgdata-root ') md=$(mounted_at '/volumes/md-') btrfs=$(mounted_at ' btrfs ')
    for volume in "$lvm" "$md" "$btrfs"; do
        [ -n "$volume" ] || fail "not all volumes: $(cat /proc/self/mountinfo)"
    done
}
none_of_it_runs() { ! azilr status | grep -q "$session"; }

step "a loop device, and one of device-mapper, on what is mounted: named, and nothing is taken down"
mount_all
big=$md/$(cd "$md" && find . -type f -size +8k | head -n 1)
loop=$(losetup -r -f --show "$big")
expect_exit 7 azilr unmount --all "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "${loop#/dev/}"
losetup -d "$loop"
part=$(lsblk -lnpo NAME,TYPE | awk '$2 == "part" { print $1; exit }')
dmsetup create lab-user --readonly --table "0 8 linear $part 0"
expect_exit 7 azilr unmount --all "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "lab-user"
udevadm settle
retry_until 10 dmsetup remove lab-user
assert_eq "$(mounted_at ' btrfs ') $(mounted_at '/volumes/md-')" "$btrfs $md"

step "--lazy, with a file of btrfs in use: out of sight at once, read to the end, and gone with its user"
name=$(cd "$btrfs" && find . -type f -size +8k | head -n 1)
hold lazy "$btrfs/$name"
expect_exit 7 azilr unmount "$session" --lazy "${sign_in[@]}"
[ ! -e "/mnt/azilr/$session" ] || fail "it is still in sight"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "taken out of sight while it was in use"
echo 3 > /proc/sys/vm/drop_caches
assert_eq "$(reads lazy)" "read 4096"
let_go
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_nothing_left

step "--force, with files of LVM, RAID and btrfs in use: they get errors, and what their users hold goes after them"
mount_all
hold lvm "$lvm/etc/os-release"
hold md "$big"
hold btrfs "$btrfs/$name"
start=$SECONDS
expect_exit 7 azilr unmount "$session" --force "${sign_in[@]}"
echo "# by force, with three in use: $((SECONDS - start)) s"
assert_contains "$LAB_WORK/stdout" "by force"
assert_contains "$LAB_WORK/stdout" "revoked the access"
[ ! -e "/mnt/azilr" ] || fail "it is still in sight"
assert_eq "$(find /sys/class/iscsi_session -mindepth 1)" "" "iSCSI sessions"
echo 3 > /proc/sys/vm/drop_caches
for name in lvm md btrfs; do
    said=$(reads $name)
    echo "# $name: $said"
    case $said in
    "Input/output error" | "No such device"* | "Structure needs cleaning") ;;
    *) fail "a reader on $name got '$said'" ;;
    esac
done
let_go
retry_until 20 sh -c '! dmsetup ls | grep -q azilr'
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
none_of_it_runs || fail "status still knows it"
assert_nothing_left
