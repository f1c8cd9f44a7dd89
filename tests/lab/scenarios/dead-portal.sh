#!/bin/bash
# A portal that went silent keeps no unmount for ever, with files in use or not.
# timeout=600
# weight=60
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
make_disk_lvm_small "$disk"
start_azure -- "$disk"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before

cleanup_fn mend_network

took_less_than() { # SECONDS WHAT
    local took=$((SECONDS - start))
    echo "# $2: $took s"
    [ $took -lt "$1" ] || fail "$2 took $took s"
}

step "the portal is silent, and nobody uses the files"
expect_exit 0 azilr mount web01 "${point_options[@]}"
cut_network
start=$SECONDS
expect_exit 0 azilr unmount --all "${sign_in[@]}"
took_less_than 90 "unmount with a silent portal"
assert_contains "$LAB_WORK/stdout" "by force: "
mend_network
assert_nothing_left

step "the same by force, with a process that waits for the disk"
expect_exit 0 azilr mount web01 "${point_options[@]}"
cut_network
dd if="$(lsblk -lnpo NAME,VENDOR | awk '/MABILR/ { print $1; exit }')" of=/dev/null iflag=direct count=1 2> "$LAB_WORK/dd" &
reader=$!
retry_until 10 grep -q "State:.D" "/proc/$reader/status"
start=$SECONDS
expect_exit 0 azilr unmount --all --force "${sign_in[@]}"
took_less_than 90 "unmount --force with a silent portal and a reader"
assert_contains "$LAB_WORK/stdout" "by force"
status=0
wait $reader || status=$?
[ $status != 0 ] || fail "the reader got something"
mend_network
assert_nothing_left
