#!/bin/bash
# Ways to say what to unmount, files in use, disks that a person mounted by hand, a session that cannot be revoked, two at once.
# weight=112
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux
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

step "or in a mount namespace that is out of sight, as a container's is"
expect_exit 0 azilr unmount "$two" "${sign_in[@]}"
expect_exit 0 azilr mount "$second" "${sign_in[@]}"
# with a file open: mounts there that nobody uses go with the directory that they are on
unshare -m sh -c "cd /mnt/azilr/$two/volumes/disk0p2 && exec sleep 1000" &
user=$!
retry_until 5 grep -q "^sleep" "/proc/$user/comm"
expect_exit 7 azilr unmount "$two" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "in use"
kill $user
wait $user || true

step "without a token all goes but the registration, and a further unmount revokes it"
expect_exit 3 azilr unmount --all
assert_contains "$LAB_WORK/stderr" "could not be revoked"
[ ! -e "/mnt/azilr" ] || fail "the directory is still there"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" incomplete
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "the tunnel is gone: status says so, and unmount does not wait for it"
expect_exit 0 azilr mount "$first" "${sign_in[@]}"
systemctl stop 'azilr-keeper-*' 'azilr-tunnel-*'
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" broken
start=$SECONDS
expect_exit 0 azilr unmount --all "${sign_in[@]}"
[ $((SECONDS - start)) -lt 60 ] || fail "it took $((SECONDS - start)) s"
assert_nothing_left

step "a state file that is damaged hides no other session, and is named"
expect_exit 0 azilr mount "$first" "${sign_in[@]}" --json
one=$(json_get "$LAB_WORK/stdout" id)
mkdir /run/azilr/sessions/torn
echo '{"undo": [' > /run/azilr/sessions/torn/state.json
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" damaged
assert_contains "$LAB_WORK/stdout" "$one"
expect_exit 1 azilr unmount torn "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" /run/azilr/sessions/torn/state.json
rm -r /run/azilr/sessions/torn
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "where /mnt is a link, as on some systems"
mkdir "$LAB_WORK/mnt"
umount /mnt 2> /dev/null || true
rmdir /mnt
ln -s "$LAB_WORK/mnt" /mnt
cleanup_fn sh -c 'rm /mnt && mkdir /mnt'
expect_exit 0 azilr mount "$first" "${sign_in[@]}"
assert_manifest "$disk.root.manifest" "$LAB_WORK/mnt/azilr/$one/volumes/disk0p2"
expect_exit 0 azilr unmount "/mnt/azilr/$one" "${sign_in[@]}"
rm /mnt
mkdir /mnt
assert_nothing_left

step "after a reboot, what it did not undo is known and goes"
expect_exit 0 azilr mount "$first" "${sign_in[@]}"
for mount in $(awk '$5 ~ "^/mnt/azilr/" { print $5 }' /proc/self/mountinfo | sort -r); do umount "$mount"; done
iscsiadm -m session --logout
systemctl stop 'azilr-keeper-*' 'azilr-tunnel-*'
rm -rf /run/azilr
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" incomplete
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
