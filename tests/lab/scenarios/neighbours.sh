#!/bin/bash
# The host has an iSCSI disk, a volume group and an array of its own, in use; they are the same before, during and after.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

cd "$LAB_WORK" || exit
make_disk_linux backup.img
truncate -s 96M own.img vg.img md.img
mkfs.ext4 -q own.img
own=iqn.2026-11.com.example:own
start_azure -- "$PWD/backup.img"

step "the host's own storage"
# a target of its own on the simulator's tgtd, which is another machine's for all that azilr knows
tgt_socket=$(azure_fact tgt_ipc_socket)
tgt_control=$(azure_fact tgt_control_port)
tgt() { testside env TGT_IPC_SOCKET="$tgt_socket" tgtadm -C "$tgt_control" --lld iscsi "$@"; }
tgt_target 99 $own ownuser ownsecret12345 "$PWD/own.img"
tgt --op update --mode logicalunit --tid 99 --lun 1 --params vendor_id=LAB
port=13260
systemctl start iscsid
iscsiadm -m node -T $own -p 127.0.0.1:$port -o new
for setting in authmethod=CHAP username=ownuser password=ownsecret12345; do
    testside iscsiadm -m node -T $own -o update -n "node.session.auth.${setting%%=*}" -v "${setting#*=}"
done
iscsiadm -m node -T $own --login
take_down() {
    umount "$LAB_WORK/own" || true
    iscsiadm -m node -T $own --logout
    iscsiadm -m node -T $own -o delete
    rm -rf /etc/iscsi/nodes /etc/iscsi/ifaces /etc/iscsi/send_targets
    umount "$LAB_WORK/vg" || true
    vgchange -q -an labvg
    vgremove -q -f labvg
    losetup -d "$loop"
    rm -f /etc/lvm/archive/labvg* /etc/lvm/backup/labvg
}
cleanup_fn take_down
udevadm settle
retry_until 10 test -b /dev/sda
mkdir own vg
mount /dev/sda own
loop=$(losetup -f --show vg.img)
vgcreate -q labvg "$loop"
lvcreate -q -y -l 100%FREE -n lv labvg
mkfs.ext4 -q /dev/labvg/lv
mount /dev/labvg/lv vg
host_snapshot before

step "a backup beside it"
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_eq "$(blockdev --getro /dev/sda)" 0 "the host's own disk"
assert_eq "$(blockdev --getro /dev/sdb)" 1 "the backup's disk"
echo still-writable > own/file
echo still-writable > vg/file
assert_manifest backup.img.root.manifest /mnt/azilr/*/volumes/disk0p2
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_contains "$(iscsiadm -m session)" $own
sync
echo still-writable >> own/file
assert_nothing_left
