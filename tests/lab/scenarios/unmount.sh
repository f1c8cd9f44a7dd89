#!/bin/bash
# Ways to say what to unmount, files in use, disks that a person mounted by hand, a session that cannot be revoked, two at once.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
make_disk_linux "$disk"
start_azure -- "$disk"
systemctl start iscsid
host_snapshot before
first=$(azure_fact recovery_points.0.id)
second=$(azure_fact recovery_points.1.id)

step "nothing is open"
expect_exit 0 azilr unmount --all
expect_exit 4 azilr unmount
expect_exit 4 azilr unmount web01
expect_exit 4 azilr unmount /mnt/azilr/none
expect_exit 2 azilr unmount web01 --all

step "two points of one VM at once: a name alone is not enough"
expect_exit 0 azilr mount "$first" "${sign_in[@]}" --json
one=$(json_get "$LAB_WORK/stdout" id)
expect_exit 0 azilr mount "$second" "${sign_in[@]}" --json
two=$(json_get "$LAB_WORK/stdout" id)
expect_exit 2 azilr unmount web01 "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "$one"
expect_exit 2 azilr unmount "${sign_in[@]}"
expect_exit 0 azilr unmount "$one" "${sign_in[@]}"
assert_manifest "$disk.root.manifest" "/mnt/azilr/$two/volumes/disk0p2"

step "a file in use: said, and everything below it stays"
(cd "/mnt/azilr/$two/volumes/disk0p2" && exec sleep 1000) &
user=$!
retry_until 5 test "$(readlink "/proc/$user/cwd")" != "$PWD"
expect_exit 7 azilr unmount "$two" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "in use"
assert_contains "$LAB_WORK/stderr" "disk0p2"
assert_manifest "$disk.root.manifest" "/mnt/azilr/$two/volumes/disk0p2"
kill $user
wait $user || true

step "a disk of the backup mounted elsewhere by hand: the same"
mkdir "$LAB_WORK/by-hand"
mount --bind "/mnt/azilr/$two/volumes/disk0p2" "$LAB_WORK/by-hand"
expect_exit 7 azilr unmount "$two" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "$LAB_WORK/by-hand"
umount "$LAB_WORK/by-hand"

step "without a token all goes but the registration, and a further unmount revokes it"
expect_exit 3 azilr unmount --all
assert_contains "$LAB_WORK/stderr" "could not be revoked"
[ ! -e "/mnt/azilr" ] || fail "the directory is still there"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" incomplete
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "after a reboot, what it did not undo is known and goes"
expect_exit 0 azilr mount "$first" "${sign_in[@]}"
for mount in $(awk '$5 ~ "^/mnt/azilr/" { print $5 }' /proc/self/mountinfo); do umount "$mount"; done
iscsiadm -m session --logout
pkill -x azilr
rm -rf /run/azilr
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" incomplete
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
