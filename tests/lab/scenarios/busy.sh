#!/bin/bash
# Users of every kind are named before anything is taken down, and --lazy and --force do what they say.
# weight=47
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
dirty=$LAB_WORK/dirty.img
make_disk_ext4 "$disk"
make_disk_ext4_dirty "$dirty"
start_azure -- "$disk" "$dirty"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before
first=$(azure_fact recovery_points.0.id)

open_point() {
    expect_exit 0 azilr mount "$1" "${sign_in[@]}" --json
    id=$(json_get "$LAB_WORK/stdout" id)
    tree=/mnt/azilr/$id
    volume=$tree/volumes/disk0
    file=$(find "$volume" -xdev -type f -size +0 | LC_ALL=C sort | head -n 1)
}
mounts() { grep -c " /mnt/azilr/" /proc/self/mountinfo; }
users=()
user() { "$@" <&0 & users+=($!); }
runs_in() { [ "$(cat "/proc/$1/comm")" = "$2" ] && [ "$(readlink "/proc/$1/cwd")" = "$3" ]; }
end_users() {
    # without a process to wait for, wait would wait for the simulator too
    [ ${#users[@]} -gt 0 ] || return 0
    kill -KILL "${users[@]}" 2> /dev/null || true
    wait "${users[@]}" 2> /dev/null || true
    users=()
}
cleanup_fn end_users
# what a step that failed has left would keep the simulator from ending
cleanup_fn sh -c 'umount "$1"; timeout 60 azilr unmount --all --force --keep-access' sh "$LAB_WORK/by-hand"

step "every user is named, hostile names are safe, and nothing is taken down"
open_point "$first"
count=$(mounts)
mkdir "$LAB_WORK/by-hand"
mount --bind "$volume" "$LAB_WORK/by-hand"
cp /bin/sleep "$LAB_WORK/odd"$'\e'"[2Jname"
user setpriv --reuid=65534 --clear-groups sleep 1000 < "$file"
user sh -c "cd '$volume' && exec '$LAB_WORK/odd'*name 1000"
# python3's own mmap would keep the file open as well
user python3 -c "import ctypes, os, time
libc, file = ctypes.CDLL(None), os.open('$file', os.O_RDONLY)
libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0))
os.close(file)
time.sleep(1000)"
user unshare -m sh -c "mount --bind '$tree/volumes/disk1' /srv && exec sleep 1000"
user sleep 1000 < "$(readlink -f "/dev/disk/by-azilr/$id/lun1")"
retry_until 20 runs_in "${users[1]}" "odd"$'\e'"[2Jname" "$volume"
retry_until 10 sh -c "grep -q '$file' /proc/${users[2]}/maps && ! readlink /proc/${users[2]}/fd/* | grep -q '$file'"
retry_until 10 grep -q " /srv " "/proc/${users[3]}/mountinfo"
expect_exit 7 azilr unmount "$id" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "(sleep, of nobody) has $file open"
assert_contains "$LAB_WORK/stderr" '(odd\x1b[2Jname, of root) is in '"$volume"
assert_contains "$LAB_WORK/stderr" "process ${users[2]} (python3, of root) has $file in memory"
assert_contains "$LAB_WORK/stderr" "it is mounted on /srv too, in the mount namespace of process ${users[3]}"
assert_contains "$LAB_WORK/stderr" "process ${users[4]} (sleep, of root) has the device /dev/sd"
assert_contains "$LAB_WORK/stderr" "something that azilr has not mounted is on $LAB_WORK/by-hand"
assert_contains "$LAB_WORK/stdout" "nothing was taken down"
assert_lacks "$LAB_WORK/stderr" $'\e'
assert_eq "$(mounts)" "$count" "mounts"
assert_manifest "$disk.root.manifest" "$volume"

step "a list of many is cut for a person, and whole for a program"
for _ in 1 2 3 4 5 6 7 8; do user sleep 1000 < "$file"; done
expect_exit 7 azilr unmount "$id" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "and 4 more"
expect_exit 7 azilr unmount "$id" "${sign_in[@]}" --json
assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.status)" busy
assert_contains "$(json_get "$LAB_WORK/stdout" sessions.0.users)" "\"pid\": ${users[12]}"
expect_exit 0 azilr status
assert_lacks "$LAB_WORK/stdout" incomplete
end_users
umount "$LAB_WORK/by-hand"

step "one's own shell in the tree, too"
(cd "$volume" && expect_exit 7 azilr unmount . "${sign_in[@]}")

step "--lazy: out of sight at once; the disks stay for the last user, and go with a further unmount"
user sh -c "cd '$volume' && exec sleep 1000"
user sleep 1000 < "$tree/volumes/disk1"
retry_until 20 runs_in "${users[0]}" sleep "$volume"
expect_exit 7 azilr unmount "$id" --lazy "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "process ${users[0]} (sleep, of root) is in"
assert_contains "$LAB_WORK/stderr" "process ${users[1]} (sleep, of root) has"
[ ! -e /mnt/azilr ] || fail "the tree is still in sight"
assert_manifest "$disk.root.manifest" "/proc/${users[0]}/cwd/"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "out of sight"
expect_exit 7 azilr unmount "$id" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "process ${users[0]} "
end_users
expect_exit 0 azilr unmount "$id" "${sign_in[@]}"
assert_nothing_left

step "--force: users get I/O errors, and all is gone"
open_point "$first"
user sh -c "cd '$volume' && exec sleep 1000"
user sleep 1000 < "$tree/volumes/disk1"
retry_until 20 runs_in "${users[0]}" sleep "$volume"
expect_exit 2 azilr unmount "$id" --force --lazy
expect_exit 0 azilr unmount "$id" --force "${sign_in[@]}"
assert_contains "$LAB_WORK/stdout" "by force: took $volume out of the tree"
kill -0 "${users[@]}" || fail "a user was ended"
echo 3 > /proc/sys/vm/drop_caches
! find "/proc/${users[0]}/cwd/" -type f -exec cat {} + > /dev/null 2>&1 || fail "a user could still read"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "nothing is open"
end_users
assert_nothing_left
