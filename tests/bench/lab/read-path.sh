#!/bin/bash
# Reads over links of 0, 5, 20 and 50 ms and 1 Gbit/s, through azilr, and through a mount by hand with a distribution's defaults.
# timeout=1500
# weight=900
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
. /src/tests/bench/lab/common.sh

# Fewer than a real tree has where time is stretched: it is the round trips that are counted.
files=1000 megabytes=64 reads=200
if [ $dilation != 1 ]; then files=200 megabytes=24 reads=40; fi

make_image() {
    local tree=$LAB_WORK/tree i
    mkdir -p "$tree"
    head -c ${megabytes}M /dev/urandom > "$tree/large"
    for ((i = 0; i < files; i++)); do
        [ $((i % 50)) != 0 ] || mkdir "$tree/d$((i / 50))"
        head -c $((1000 + i * 7919 % 12000)) /dev/urandom > "$tree/d$((i / 50))/f$i"
    done
    truncate -s 128M "$LAB_WORK/disk.img"
    mke2fs -q -t ext4 -d "$tree" "$LAB_WORK/disk.img"
    rm -r "$tree"
}

sequential() { dd if="$1/large" of=/dev/null bs=1M status=none; }
tree() { tar -C "$1" --exclude=large -cf - . | wc -c > /dev/null; }
random() {
    /usr/bin/python3 -SE -c "
import os, random, sys
random.seed(7)
file = os.open(sys.argv[1] + '/large', os.O_RDONLY)
for _ in range($reads):
    os.pread(file, 4096, random.randrange($megabytes << 8) << 12)
" "$1"
}

measure() { # WHO DIRECTORY
    local rtt what
    for rtt in 0 5 20 50; do
        slow_link $rtt
        for what in sequential tree random; do
            forget_caches
            timed "$what.$rtt.$1" $what "$2"
        done
    done
    slow_link 0
}

make_image
start_azure -- "$LAB_WORK/disk.img"
azure_set polls_before_success=0
start_portal
cleanup_fn slow_link 0
systemctl start iscsid
azure_register "$initiator"

step "by hand"
hand_prepare
hand_login
hand_scan
hand_settle
hand_mount
measure hand "$LAB_WORK/mnt"
hand_unmount
hand_logout
hand_forget

step "azilr"
azilr_mount
measure azilr /mnt/azilr/*/volumes/disk0
azilr_unmount
figure dilation $dilation
figure files $files
figure megabytes $megabytes
figure reads $reads
