#!/bin/bash
# On the very VM that was backed up: the host runs the volume group, the array, the xfs and the btrfs of which the recovery
# point holds a copy, and goes on writing to them. Both are there side by side, and the host's own come to no harm.
# timeout=480
# weight=200
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate mdadm
cd "$LAB_WORK" || exit
lvm_cache=(--config 'backup { backup = 0 archive = 0 }')

step "the host's own"
truncate -s 48M vg.live md1.live md2.live
truncate -s 16M rest.live
truncate -s 320M xfs.live
truncate -s 128M btrfs.live
vg=$(losetup -f --show vg.live)
rest=$(losetup -f --show rest.live)
md1=$(losetup -f --show md1.live)
md2=$(losetup -f --show md2.live)
pvcreate -q "${lvm_cache[@]}" "$vg" > /dev/null
vgcreate -q "${lvm_cache[@]}" vgdata "$vg" > /dev/null
lvcreate -q -y "${lvm_cache[@]}" -n home -l 100%FREE vgdata > /dev/null
# one that is not active, and that LVM remembers
pvcreate -q "$rest" > /dev/null
vgcreate -q --setautoactivation n vgrest "$rest" > /dev/null
lvcreate -q -y -n idle -l 100%FREE vgrest > /dev/null
mke2fs -q -t ext2 /dev/vgrest/idle
vgchange -q -an vgrest > /dev/null
mdadm --create /dev/md/data --quiet --run --level=1 --raid-devices=2 --homehost=web01 --name=data --assume-clean \
    "$md1" "$md2"
udevadm settle
mke2fs -q -t ext4 /dev/vgdata/home
mke2fs -q -t ext4 /dev/md/data
mkfs.xfs -q xfs.live
mkfs.btrfs -q btrfs.live
mkdir host-vg host-md host-xfs host-btrfs
mount /dev/vgdata/home host-vg
mount /dev/md/data host-md
mount -o loop xfs.live host-xfs
mount -o loop btrfs.live host-btrfs

take_down_host() {
    umount host-vg host-md host-xfs host-btrfs
    vgchange -q "${lvm_cache[@]}" -an vgdata > /dev/null
    mdadm --stop --quiet /dev/md/data
    losetup -d "$vg" "$rest" "$md1" "$md2"
    udevadm settle
    # LVM's own, of its looks at a group that it had no copy of yet
    rm -f /etc/lvm/{archive,backup}/{vgdata,vgrest}*
}
cleanup_fn take_down_host

step "the backup of it, taken while it runs"
for name in vg md xfs btrfs; do
    seq 1 30000 > host-$name/numbers
    echo "$name as it was" > host-$name/file
    sync -f host-$name
    echo 'in the journal' > "host-$name/last minute"
    sync "host-$name/last minute"
    manifest host-$name > $name.manifest
done
for image in vg md1 md2 xfs btrfs rest; do cp --sparse=always $image.live $image.img; done

step "the host goes on"
for name in vg md xfs btrfs; do
    echo "$name as it is now" > host-$name/file
    rm "host-$name/last minute"
done
write_on() {
    local i=0
    while :; do
        i=$((i + 1))
        seq $i $((i + 3000)) > "$1/busy.$((i % 10))" || echo "cannot write to $1"
        sync -f "$1"
        sleep 0.2
    done
}
writers=()
for name in vg md xfs btrfs; do
    write_on host-$name > $name.writer 2>&1 &
    writers+=($!)
done
stop_writers() { kill "${writers[@]}" 2> /dev/null; wait "${writers[@]}" 2> /dev/null || true; }
cleanup_fn stop_writers

host_facts() {
    vgs --noheadings -o vg_name,vg_uuid,vg_attr,pv_count,lv_count 2>&1
    lvs --noheadings -o lv_full_name,lv_uuid,lv_attr,devices 2>&1
    mdadm --detail /dev/md/data | grep -vE 'Update Time|Events|State :'
    grep -A 2 '^md' /proc/mdstat
    btrfs filesystem show --mounted 2>&1 | grep -v used
    dmsetup ls | sort
    { find /dev/disk/by-uuid /dev/disk/by-label /dev/mapper /dev/md -printf '%p %l\n' 2> /dev/null || true; } | sort
}
udevadm settle
host_facts > facts.before

start_azure -- "$PWD"/{vg,md1,md2,xfs,btrfs,rest}.img
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before
dmesg --console-off 2> /dev/null || true
mark_kernel_log

step "mount"
expect_exit 0 azilr mount web01 "${point_options[@]}"
for group in vgdata vgrest; do
    assert_eq "$(grep -c "this host has the volume group $group too" "$LAB_WORK/stderr")" 1
done
volumes=/mnt/azilr/$(ls /mnt/azilr)/volumes
sed 's/^/SHOWN: /' "$LAB_WORK/stdout"
for pair in vg:vgdata-home md:md-data xfs:disk3 btrfs:disk4; do
    name=${pair%:*}
    shown=$volumes/${pair#*:}
    assert_manifest $name.manifest "$shown"
    assert_eq "$(cat "$shown/file")" "$name as it was"
    assert_eq "$(cat "host-$name/file")" "$name as it is now"
    echo "LAYOUT pass: $name beside the same of the host"
done

step "the host's own are as they were while the backup is mounted"
mdadm --detail /dev/md/data | grep -E 'State :' | tee state
# "active" while it is being written to
grep -qE 'State : (clean|active) *$' state || fail "the host's array is not as it was: $(cat state)"
assert_eq "$(readlink -f /dev/vgdata/home)" "$(findmnt -no SOURCE host-vg | xargs readlink -f)"
assert_eq "$(findmnt -no SOURCE -T host-btrfs)" "$(losetup -j btrfs.live -nO NAME)"

step "the host's LVM refuses to change the group of which it sees a copy, and with the manual's filter it does not"
expect_exit 5 lvchange -q "${lvm_cache[@]}" --addtag lab vgdata/home
filtered=(--config "${lvm_cache[1]} devices { filter = [ \"r|^/dev/disk/by-azilr/|\" ] }")
expect_exit 0 lvchange -q "${filtered[@]}" --addtag lab vgdata/home
assert_lacks "$LAB_WORK/stderr" duplicate
expect_exit 0 lvchange -q "${filtered[@]}" --deltag lab vgdata/home

step "nor to activate one, and with the manual's filter for all it does"
expect_exit 5 lvchange -q -ay vgrest/idle
filtered=(--config 'devices { global_filter = [ "r|^/dev/disk/by-azilr/|" ] }')
expect_exit 0 lvchange -q "${filtered[@]}" -ay vgrest/idle
expect_exit 0 lvchange -q "${filtered[@]}" -an vgrest/idle

step "unmount"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
stop_writers
writers=()
for name in vg md xfs btrfs; do assert_eq "$(cat $name.writer)" "" "the writer on $name"; done
assert_nothing_left
host_facts > facts.after
diff -u facts.before facts.after || fail "the host's own are not as they were"
step "and they are whole"
for name in vg md xfs btrfs; do
    manifest host-$name > $name.now
    sync -f host-$name
done
echo 3 > /proc/sys/vm/drop_caches
for name in vg md xfs btrfs; do assert_manifest $name.now host-$name; done
btrfs scrub start -B host-btrfs | grep -q 'no errors found' || fail "btrfs scrub"
# azilr's first try on an xfs, which finds out by this that there is a log to replay
kernel_log |
    grep -vE 'XFS \(sd[a-z]+\): log mount/recovery failed: error -30' > kernel.log
! grep -iE 'error|corrupt|warn|BUG|call trace|inconsisten' kernel.log || fail "the kernel complained"
umount host-vg host-md host-xfs
e2fsck -fn /dev/vgdata/home > /dev/null || fail "the host's ext4 on LVM is damaged"
e2fsck -fn /dev/md/data > /dev/null || fail "the host's ext4 on md is damaged"
xfs_repair -n xfs.live > /dev/null 2>&1 || fail "the host's xfs is damaged"
mount /dev/vgdata/home host-vg
mount /dev/md/data host-md
mount -o loop xfs.live host-xfs
