#!/bin/bash
# The whole way and back: a VM's newest recovery point is opened by the VM's name, its files are what
# went into the backup, nothing can be written, no secret is in sight, and after the unmount the host
# and Azure are as they were.
# machine=qemu: it traces execve
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux
secrets_watch_start "$(cat "$azure/token")" "$(cat "$azure/client-secret")"

step "mount"
expect_exit 0 azilr mount web01 "${point_options[@]}" --initiator-name "$initiator"
assert_contains "$LAB_WORK/stderr" "Opening the recovery point"
assert_contains "$LAB_WORK/stderr" "2 mounted read-only"
session=$(ls /mnt/azilr)
volumes=/mnt/azilr/$session/volumes
assert_contains "$LAB_WORK/stdout" "$volumes/disk0p2"
# the password of the provision is known only now; what it could be seen in is looked at below
azure_secrets > "$LAB_WORK/handed-out"

step "the files are those of the backup"
assert_manifest "$disk.efi.manifest" "$volumes/disk0p1"
assert_manifest "$disk.root.manifest" "$volumes/disk0p2"

step "and can't be written, nor run, nor used as devices"
for volume in disk0p1 disk0p2; do
    options=$(awk -v at="$volumes/$volume" '$5 == at { print $6 }' /proc/self/mountinfo)
    for option in ro nosuid nodev noexec; do assert_contains ",$options," ",$option,"; done
done
if touch "$volumes/disk0p2/new" 2> "$LAB_WORK/touch"; then fail "a file could be made"; fi
for device in /dev/sda /dev/sda1 /dev/sda2; do
    assert_eq "$(blockdev --getro $device)" 1 "$device"
    if dd if=/dev/zero of=$device count=1 oflag=direct 2> /dev/null; then fail "$device could be written"; fi
done
assert_eq "$(stat -c '%a %U' "/mnt/azilr/$session")" "700 root" "the directory is root's alone"

step "nobody else was told of the disks"
assert_eq "$(links_of_host 'sd*')" "" "links to the backup's disks"
assert_eq "$(multipathd show paths | grep -w sda || true)" "" "multipathd saw the disk"
# a person finds them by the session
assert_eq "$(readlink -f "/dev/disk/by-azilr/$session/lun1")" /dev/sda
assert_eq "$(readlink -f "/dev/disk/by-azilr/$session/lun1-part2")" /dev/sda2
# and nobody is waiting for them to be closed
udevadm settle
assert_eq "$(find /run/udev/watch -name 'b8:*')" "" "udev watches the disks"

step "the disk is read far ahead, and with many commands under way"
assert_eq "$(blockdev --getra /dev/sda)" 8192 "units of 512 bytes"
assert_contains "$(< /sys/block/sda/queue/scheduler)" "[none]"
assert_eq "$(< /sys/block/sda/device/queue_depth)" 128

step "under the given initiator name, over verified TLS"
assert_contains "$(iscsiadm -m session -P1)" "Iface Initiatorname: $initiator"
assert_contains "$(ss -Htlnp)" '127.0.0.1:5365'

step "status, as text and as JSON"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "mounted"
expect_exit 0 azilr status --json
assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.id)" "$session"
assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.status)" mounted
assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.volumes.1.mount_point)" "$volumes/disk0p2"
assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.initiator_name)" "$initiator"

step "a second mount of the same point is told where the first is"
expect_exit 7 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "/mnt/azilr/$session"
assert_manifest "$disk.root.manifest" "$volumes/disk0p2"

step "no secret in any file of the session, in a log, or in /proc"
awk 'length >= 10' "$LAB_WORK/handed-out" >> "$LAB_WORK/secrets"
assert_no_secret_in /run/azilr /var/lib/azilr "$LAB_WORK/stdout" "$LAB_WORK/stderr" /tmp
journalctl -b --no-pager > "$LAB_WORK/journal"
assert_no_secret_in "$LAB_WORK/journal"
for pid in $(pgrep -x azilr); do assert_no_secret_in "/proc/$pid/cmdline" "/proc/$pid/environ"; done
# open-iscsi has to have the CHAP secret, in a file of root's
for file in $(grep -rlF node.session.auth.password /etc/iscsi/nodes); do
    assert_eq "$(stat -c '%a %U' "$file")" "600 root" "$file"
done

step "unmount"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_contains "$LAB_WORK/stdout" "unmounted $volumes/disk0p2"
assert_contains "$LAB_WORK/stdout" "revoked the access"
secrets_watch_stop
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "nothing is open"
assert_nothing_left
