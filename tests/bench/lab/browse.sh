#!/bin/bash
# From the script in hand to mounted, and back: one disk beside the bare commands by hand, and 32 disks over four targets. Then
# what the command itself costs.
# timeout=1500
# weight=600
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
. /src/tests/bench/lab/common.sh

rounds=3
cd "$LAB_WORK" || exit
mkdir small
images=()
for i in {0..31}; do
    echo "disk $i" > small/which
    truncate -s 16M "disk$i.img"
    mke2fs -q -t ext4 -d small "disk$i.img"
    images+=("$PWD/disk$i.img")
done

by_hand() { # DISKS TARGET...: in the order of the commands that nobody can do without
    local disks devices=()
    mapfile -t devices < <(printf '/dev/sd%s\n' {a..z} a{a..f} | head -n "$1")
    disks=$1
    shift
    hand_prepare "$@"
    timed "hand.login.$disks" hand_login
    timed "hand.scan.$disks" hand_scan
    timed "hand.settle.$disks" hand_settle "${devices[@]}"
    timed "hand.mount.$disks" hand_mount "${devices[@]}"
    timed "hand.unmount.$disks" hand_unmount
    timed "hand.logout.$disks" hand_logout
    hand_forget
}

# of azilr's own process and what it waited for, apart: getrusage(2) of both
costs() { # NAME CMD...
    /usr/bin/python3 -SE /src/tests/bench/costs.py "$@"
}

by_azilr() { # DISKS
    timed "azilr.mount.$1" azilr_mount
    # where its time goes, stage by stage
    sed 's/^/  /' "$LAB_WORK/mount.err"
    [ "$(find /mnt/azilr/*/volumes -mindepth 1 -maxdepth 1 | wc -l)" = "$1" ] || fail "not all $1 disks"
    timed "azilr.unmount.$1" azilr_unmount
}

systemctl start iscsid
start_azure -- "${images[0]}"
azure_set polls_before_success=0
start_portal
azure_register "$initiator"
# the first of all loads modules and fills the page cache
azilr_mount
azilr_unmount
for ((round = 0; round < rounds; round++)); do
    step "round $((round + 1)), 1 disk"
    by_hand 1 "$(script_value TargetNodeAddress)"
    by_azilr 1
done
step "the command itself"
for ((round = 0; round < rounds; round++)); do
    costs version azilr --version
    costs mount azilr mount --script "$script" --password-file "$LAB_WORK/password" --ca-file "$azure/ca.pem" --initiator-name "$initiator"
    costs status azilr status
    costs unmount azilr unmount --all
done
kill $_portal_pid
stop_azure
cp "$LAB_WORK/hosts" /etc/hosts

start_azure -- "${images[@]}"
azure_set polls_before_success=0 multi_target=4
start_portal
azure_register "$initiator"
azilr_mount
mapfile -t targets < <(iscsiadm -m node | awk '{ print $2 }' | sort -u)
azilr_unmount
for ((round = 0; round < rounds; round++)); do
    step "round $((round + 1)), 32 disks"
    by_hand 32 "${targets[@]}"
    by_azilr 32
done
