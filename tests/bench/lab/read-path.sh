#!/bin/bash
# Reads over links of 0, 5, 20 and 50 ms and 1 Gbit/s, through azilr in either way to read ahead, and through a mount by hand with a
# distribution's defaults.
# timeout=3000
# weight=1500
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
. /src/tests/bench/lab/common.sh

# Fewer than a real tree has where time is stretched: it is the round trips that are counted.
files=2000 reads=200
if [ $dilation != 1 ]; then files=200 reads=20; fi
# As long as a large file takes at the link's speed, and not so long where it takes many times that.
megabytes=192 megabytes_by_hand=16
if [ $dilation != 1 ]; then megabytes=96; fi

make_image() {
    local tree=$LAB_WORK/tree i
    mkdir -p "$tree"
    head -c ${megabytes}M /dev/urandom > "$tree/large"
    for ((i = 0; i < files; i++)); do
        [ $((i % 50)) != 0 ] || mkdir "$tree/d$((i / 50))"
        head -c $((1000 + i * 7919 % 12000)) /dev/urandom > "$tree/d$((i / 50))/f$i"
    done
    truncate -s $((megabytes + 64))M "$LAB_WORK/disk.img"
    mke2fs -q -t ext4 -d "$tree" "$LAB_WORK/disk.img"
    rm -r "$tree"
}

sequential() { dd if="$1/large" of=/dev/null bs=128k count=$(($2 * 8)) status=none; }
tree() { tar -C "$1" --exclude=large -cf - . | wc -c > /dev/null; }
random() { # DIRECTORY SIZE [SEED]
    /usr/bin/python3 -SE -c "
import os, random, sys
random.seed(int(sys.argv[3]))
file = os.open(sys.argv[1] + '/large', os.O_RDONLY)
for _ in range($reads):
    os.pread(file, 4096, random.randrange($megabytes << 8) << 12)
" "$1" "$2" "${3-7}"
}
# eight of them at the same time
parallel() {
    local seed pids=()
    for seed in {1..8}; do
        random "$1" "$2" "$seed" &
        pids+=($!)
    done
    wait "${pids[@]}"
}

measure() { # WHO DIRECTORY MEGABYTES
    local rtt what
    figure "megabytes.$1" "$3"
    for rtt in 0 5 20 50; do
        slow_link $rtt
        for what in sequential tree random parallel; do
            forget_caches
            timed "$what.$rtt.$1" $what "$2" "$3"
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

step "the link itself, by one plain TCP connection"
for rtt in 5 20 50; do
    slow_link $rtt
    timed "sequential.$rtt.plain" /usr/bin/python3 -SE /src/tests/bench/lab/plain_tcp.py 127.0.0.3 $megabytes
done
slow_link 0
figure megabytes.plain $megabytes

step "by hand"
hand_prepare
hand_login
hand_scan
hand_settle
hand_mount
measure hand "$LAB_WORK/mnt" $megabytes_by_hand
hand_unmount
hand_logout
hand_forget

for how in volume file; do
    step "azilr, --read-ahead $how"
    azilr_mount --read-ahead $how
    measure $how /mnt/azilr/*/volumes/disk0 $megabytes
    azilr_unmount
done
figure dilation $dilation
figure files $files
figure reads $reads
