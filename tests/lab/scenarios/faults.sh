#!/bin/bash
# Faults at points of mount and unmount, and SIGKILL and SIGINT: after each, `unmount --all` leaves the host as it was.
#
# As many as fit in a minute, which ones by a seed.  By the name faults-KIND-I-N it is the Ith of N parts of all of them, on
# a disk of that kind, and by faults-KIND-I-N-SEED of one outcome a point: so tests/faults/run-all has it, which
# tests/faults/README.md tells of.
# timeout=40000
# weight=130
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

# LUKS, RAID and btrfs, each with little in it
make_disk_stack() {
    local image=$1 loop
    printf 'correct horse' > "$LAB_WORK/key"
    chmod 600 "$LAB_WORK/key"
    mkdir "$LAB_WORK/small"
    echo 'a file' > "$LAB_WORK/small/file"
    truncate -s 300M "$image"
    printf '%s\n' 'label: gpt' size=24M size=24M size=24M type=L | sfdisk -q "$image"
    loop=$(_attach "$image")
    testside cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$LAB_WORK/key" "${loop}p1"
    testside cryptsetup open --key-file "$LAB_WORK/key" "${loop}p1" lab-plain
    mke2fs -q -t ext4 /dev/mapper/lab-plain
    _fill /dev/mapper/lab-plain "$LAB_WORK/small" "$image.luks.manifest"
    testside cryptsetup close lab-plain
    mdadm --create /dev/md/azilr-make --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web01 \
        --assume-clean "${loop}p2" "${loop}p3"
    udevadm settle
    mke2fs -q -t ext4 /dev/md/azilr-make
    _fill /dev/md/azilr-make "$LAB_WORK/small" "$image.md.manifest"
    mdadm --stop --quiet /dev/md/azilr-make
    mkfs.btrfs -q "${loop}p4"
    _fill "${loop}p4" "$LAB_WORK/small" "$image.btrfs.manifest"
    _detach "$loop"
}

# one of them, by chance or as it is asked for: each mount of both would take twice the time
kinds=(lvm stack)
kind=${kinds[RANDOM % 2]}
# each state that is saved counts, but how it is written is walked natively
options=(--skip "(open|fchmod|write|fsync|unlink) [^ ]*/sessions/")
IFS=- read -r _ named part parts seed <<< "$LAB_NAME"
kind=${named:-$kind}
case $LAB_NAME in
faults) options+=(--seconds 60) ;;
faults-*-*-*-*) options+=(--seed "$seed" --shard "$part/$parts" --resume) ;;
*) options=(--all --seed 0 --shard "$part/$parts" --resume) ;;
esac
step "a disk with $kind"
disk=$LAB_WORK/disk.img
case $kind in
lvm) make_disk_lvm_small "$disk" ;;
stack) make_disk_stack "$disk" ;;
*) fail "$kind is neither lvm nor stack" ;;
esac
start_azure -- "$disk"
azure_set polls_before_success=0
# where it does not run, starting and stopping it are changes too
if [ "$kind" = lvm ]; then systemctl stop iscsid.socket iscsid.service; else systemctl start iscsid; fi
# without the package's rules azilr brings its own, which is a change too
mkdir "$LAB_WORK/rules"
mv /usr/lib/udev/rules.d/*azilr* "$LAB_WORK/rules/"
cleanup_fn sh -c "mv '$LAB_WORK'/rules/* /usr/lib/udev/rules.d/ && udevadm control --reload"
udevadm control --reload
# programs of a share are read anew for each start
# and where the confined tunnel sees them
export AZILR_FAULTS_PLACE=/var/lib/azilr-faults
mkdir -m 755 $AZILR_FAULTS_PLACE
cleanup_fn rm -r $AZILR_FAULTS_PLACE
cp /src/build/tests/faults/azilr $AZILR_FAULTS_PLACE/azilr
chmod 755 $AZILR_FAULTS_PLACE/azilr
cp -r /src/tests/faults "$LAB_WORK/walk"
/usr/bin/python3 -m compileall -q "$LAB_WORK/walk"
host_snapshot before

results=/out/$LAB_NAME.jsonl
[ ! -e "/src/build/faults/$LAB_NAME.jsonl" ] || cp "/src/build/faults/$LAB_NAME.jsonl" "$results"

step "the walk"
AZILR_FAULTS_CTL=$_sim/azure-sim-ctl AZILR_LAB_TESTSIDE=1 "$LAB_WORK/walk/walk" lab --results "$results" "${options[@]}" ||
    fail "something was left behind"

step "and to the last detail"
host_snapshot after
assert_host_same before after
assert_unwritten
