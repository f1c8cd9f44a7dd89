#!/bin/bash
# Mounts of 1 to 64 disks, and of one disk with 1 to 64 volumes.
# timeout=2400
# weight=1500
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
. /src/tests/bench/lab/common.sh

cd "$LAB_WORK" || exit
mkdir small

make_disks() {
    local i
    for i in {0..63}; do
        echo "disk $i" > small/which
        truncate -s 8M "disk$i.img"
        mke2fs -q -t ext4 -O '^has_journal' -d small "disk$i.img"
    done
}

make_volumes() { # COUNT: partitions of 4 MiB, each with a file system
    local i
    truncate -s $(($1 * 4 + 4))M "volumes$1.img"
    { echo 'label: gpt'; for ((i = 0; i < $1; i++)); do echo "start=$((2048 + i * 8192)), size=8192, type=L"; done; } |
        sfdisk -q "volumes$1.img"
    for ((i = 0; i < $1; i++)); do
        mke2fs -q -t ext4 -O '^has_journal' -E "offset=$(((2048 + i * 8192) * 512))" -d small "volumes$1.img" 4M
    done
}

# one NAME TARGETS IMAGE...: figures of a mount and an unmount
one() {
    local name=$1 targets=$2
    shift 2
    step "$name"
    start_azure -- "$@"
    azure_set polls_before_success=0 multi_target="$targets"
    start_portal
    azure_register "$initiator"
    timed "$name.mount" /usr/bin/python3 -SE /src/tests/bench/costs.py "$name" azilr mount --script "$script" \
        --password-file "$LAB_WORK/password" --ca-file "$azure/ca.pem" --initiator-name "$initiator"
    timed "$name.unmount" azilr_unmount
    kill $_portal_pid
    stop_azure
    cp "$LAB_WORK/hosts" /etc/hosts
}

systemctl start iscsid
make_disks
for count in 1 2 4 8 16 32 64; do
    images=()
    for ((i = 0; i < count; i++)); do images+=("$PWD/disk$i.img"); done
    one "disks.$count" $((count < 4 ? 1 : 4)) "${images[@]}"
done
for count in 1 2 4 8 16 32 64; do
    make_volumes $count
    one "volumes.$count" 1 "$PWD/volumes$count.img"
done
