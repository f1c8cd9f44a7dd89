#!/bin/bash
# 1, 8 and 32 disks, the last over four targets, on a line on which each answer takes 100 ms: all of them come, are looked
# at and mounted at once, which takes the time of the slowest and not the sum, and go again.
# weight=160
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

cd "$LAB_WORK" || exit
mkdir small
make_small_disk() { # IMAGE TEXT
    echo "$2" > small/which
    truncate -s 16M "$1"
    mke2fs -q -t ext4 -d small "$1"
}
images=()
for i in {0..31}; do
    make_small_disk "disk$i.img" "this is disk $i"
    images+=("$PWD/disk$i.img")
done

# mount_disks COUNT TARGETS: mounts that many, checks each, and prints the times; what the mount said is in COUNT.said.
mount_disks() {
    local count=$1 targets=$2 i session volumes start end disks
    step "$count disks over $targets targets"
    start_azure -- "${images[@]:0:$count}"
    azure_set polls_before_success=0 multi_target="$targets"
    start=${EPOCHREALTIME/./}
    expect_exit 0 azilr mount web01 "${point_options[@]}"
    end=${EPOCHREALTIME/./}
    cp "$LAB_WORK/stderr" "$count.said"
    session=$(ls /mnt/azilr)
    volumes=/mnt/azilr/$session/volumes
    assert_eq "$(find "$volumes" -mindepth 1 -maxdepth 1 | wc -l)" "$count" "volumes"
    for ((i = 0; i < count; i++)); do assert_eq "$(< "$volumes/disk$i/which")" "this is disk $i"; done
    # the disks below are read-only too
    mapfile -t disks < <(findmnt -rno SOURCE,TARGET | awk -v start="$volumes/" 'index($2, start) == 1 { print $1 }')
    assert_eq "$(sort -u <<< "$(printf '%s\n' "${disks[@]}")" | wc -l)" "$count" "disks"
    blockdev --getro "${disks[@]}" > read_only
    assert_eq "$(sort read_only | uniq -c | xargs)" "$count 1" "read-only disks"
    awk "BEGIN { printf \"TIME mount %d disks, %d targets: %.1f s\n\", $count, $targets, ($end - $start) / 1e6 }"
    start=${EPOCHREALTIME/./}
    expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
    end=${EPOCHREALTIME/./}
    awk "BEGIN { printf \"TIME unmount %d disks, %d targets: %.1f s\n\", $count, $targets, ($end - $start) / 1e6 }"
    assert_nothing_left
    stop_azure
}

systemctl start iscsid
slow_network 50
cleanup_fn mend_network
host_snapshot before
mount_disks 1 1
mount_disks 8 2
mount_disks 32 4

# On this line a step waits for answers nearly all its time, so that 32 disks one after the other would take 32 times as
# long; what is left is the work of the guest's one processor.
for what in "Finding the disks" "Looking at what is on them" "Mounting the volumes"; do
    one=$(sed -n "s/^ *\([0-9.]*\) s  $what:.*/\1/p" 1.said) all=$(sed -n "s/^ *\([0-9.]*\) s  $what:.*/\1/p" 32.said)
    echo "TIME $what: 1 disk $one s, 32 disks $all s"
    awk -v one="$one" -v all="$all" 'BEGIN { exit !(one > 0 && all > 0 && all < 12 * one) }' || fail "$what: $one s with 1 disk, $all s with 32"
done
