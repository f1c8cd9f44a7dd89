#!/bin/bash
# The guest's own tree on btrfs: the root in a subvolume as Ubuntu has it, and in a snapshot that is the default
# subvolume as SLES has it; subvolumes are put where the fstab has them, by path and by number.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
requires mkfs.btrfs btrfs

cd "$LAB_WORK" || exit

# A btrfs over the whole of IMAGE, mounted on DIR
new_btrfs() {
    truncate -s 256M "$1"
    mkfs.btrfs -q "$1"
    mkdir "$2"
    mount -o loop "$1" "$2"
    cleanup_fn umount -q "$2"
}

subvolume_id() { btrfs subvolume show "$1" | awk '/Subvolume ID:/ { print $3 }'; }

new_btrfs ubuntu.img ubuntu
uuid=$(findmnt -n -o UUID --mountpoint "$PWD/ubuntu")
for name in @ @home @vault; do btrfs -q subvolume create "ubuntu/$name"; done
make_tree ubuntu/@
mkdir -p ubuntu/@/vault ubuntu/@/trap ubuntu/@/gone
echo 'of home' > ubuntu/@home/file
echo 'of the vault' > ubuntu/@vault/file
ln -s /etc ubuntu/link
cat > ubuntu/@/etc/fstab << FSTAB
UUID=$uuid / btrfs defaults,subvol=@ 0 1
UUID=$uuid /home btrfs defaults,subvol=@home 0 2
UUID=$uuid /vault btrfs subvolid=$(subvolume_id ubuntu/@vault) 0 0
UUID=$uuid /trap btrfs subvol=/link 0 0
UUID=$uuid /gone btrfs subvolid=123456 0 0
FSTAB
umount ubuntu

new_btrfs sles.img sles
uuid=$(findmnt -n -o UUID --mountpoint "$PWD/sles")
btrfs -q subvolume create sles/@
btrfs -q subvolume create sles/@/home
btrfs -q subvolume create sles/@/.snapshots
mkdir sles/@/.snapshots/1
btrfs -q subvolume create sles/@/.snapshots/1/snapshot
snapshot=sles/@/.snapshots/1/snapshot
make_tree $snapshot
mkdir $snapshot/.snapshots
echo sles01 > $snapshot/etc/hostname
echo 'of home' > sles/@/home/file
cat > $snapshot/etc/fstab << FSTAB
UUID=$uuid / btrfs defaults 0 0
UUID=$uuid /home btrfs subvol=/@/home 0 0
UUID=$uuid /.snapshots btrfs subvol=/@/.snapshots 0 0
FSTAB
btrfs subvolume set-default "$(subvolume_id $snapshot)" sles
umount sles

start_azure -- "$PWD"/{ubuntu,sles}.img
systemctl start iscsid
host_snapshot before

step "mount"
expect_exit 0 azilr mount web01 "${point_options[@]}" --json
cp stdout result.json
top=$(json_get result.json directory)

step "the root in a subvolume"
assert_eq "$(json_get result.json roots.0.volume)" disk0
assert_eq "$(json_get result.json roots.0.subvolume)" /@
assert_eq "$(cat "$top/root/etc/hostname")" web01
assert_eq "$(cat "$top/root/home/file")" 'of home'
assert_eq "$(cat "$top/root/vault/file")" 'of the vault'
[ ! -e "$top/root/trap/passwd" ] || fail "a subvolume that is a link out of the volume"
assert_eq "$(json_get result.json roots.0.mounts.2.status)" failed
assert_contains "$(json_get result.json roots.0.mounts.3.reason)" "no subvolume 123456"

step "the root in the default subvolume"
assert_eq "$(json_get result.json roots.1.volume)" disk1
assert_eq "$(json_get result.json roots.1.subvolume)" /@/.snapshots/1/snapshot
assert_eq "$(cat "$top/root2/etc/hostname")" sles01
assert_eq "$(cat "$top/root2/home/file")" 'of home'
assert_eq "$(cat "$top/root2/.snapshots/1/snapshot/etc/hostname")" sles01
if touch "$top/root2/home/new" 2> /dev/null; then fail "a file could be made"; fi

step "unmount"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
