#!/bin/bash
# Disks as Linux servers have them, one recovery point of them all: volume groups over several disks, thin, with a disk
# missing, on an array, inside of one another, twice; arrays whole and degraded; partitions on these; a volume in an
# encrypted one; dirty journals; btrfs and NTFS. All of it is shown with the files that went in, and none of it is written
# to; what is broken keeps none of the rest.
# weight=190
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate mdadm cryptsetup thin_check mkntfs ntfs-3g
cd "$LAB_WORK" || exit
mkdir small
echo 'the yearly report' > small/report
seq 1 20000 > small/numbers
mkdir small/empty

# Only these devices, and no trace in /etc/lvm.
lvm_on() { # COMMAND DEVICES [ARGUMENTS]: DEVICES is a list with commas
    local command=$1 devices=$2
    shift 2
    "$command" --devices "$devices" -q --config 'backup { backup = 0 archive = 0 } devices { scan_lvs = 1 }' "$@" \
        > /dev/null
}

fill() { # DEVICE MANIFEST [TEXT]: makes a file system with a tree of its own
    mke2fs -q -t ext4 "$1"
    echo "${3-$2}" > small/which
    _fill "$1" small "$2"
}

done_with() {
    local loop
    for loop in "$@"; do _detach "$loop"; done
}

step "a volume group over two disks, one volume on both"
blank_disks vg1.img vg2.img
lvm_on vgcreate "${loops[0]},${loops[1]}" vgdata "${loops[@]}"
lvm_on lvcreate "${loops[0]},${loops[1]}" -y -n home -L 20M vgdata "${loops[0]}"
lvm_on lvcreate "${loops[0]},${loops[1]}" -y -n a-b -l 100%FREE vgdata
fill /dev/vgdata/home vg.home.manifest
fill /dev/vgdata/a-b vg.a-b.manifest
sync
# another VM's disks, say, attached to this one before these files
cp --sparse=always vg1.img copy1.img
cp --sparse=always vg2.img copy2.img
cp vg.home.manifest copy.home.manifest
fill /dev/vgdata/home vg.home.manifest "not what the copy has"
lvm_on vgchange "${loops[0]},${loops[1]}" -an vgdata
done_with "${loops[@]}"

step "a volume group inside of a volume, in which a volume is partitioned"
blank_disks nested.img
lvm_on vgcreate "${loops[0]}" vgouter "${loops[0]}"
lvm_on lvcreate "${loops[0]}" -y -n pv -l 100%FREE vgouter
lvm_on vgcreate /dev/vgouter/pv vginner /dev/vgouter/pv
lvm_on lvcreate /dev/vgouter/pv -y -n disk -l 100%FREE vginner
echo 'start=1M, size=24M, name=data' | sfdisk -q --no-reread --no-tell-kernel --label gpt /dev/vginner/disk
loops[1]=$(losetup -f --show -o 1M --sizelimit 24M /dev/vginner/disk)
fill "${loops[1]}" nested.manifest
_detach "${loops[1]}"
lvm_on vgchange /dev/vgouter/pv -an vginner
lvm_on vgchange "${loops[0]}" -an vgouter
done_with "${loops[0]}"

step "physical volumes that make no sense, and that LVM fails on"
blank_disks absurd.img fatal.img
lvm_on vgcreate "${loops[0]}" vgabsurd "${loops[0]}"
lvm_on vgcreate "${loops[1]}" vgfatal "${loops[1]}"
lvm_on vgcfgbackup "${loops[0]}" -f absurd.meta vgabsurd
# 512 times that is more than there are bytes
sed -i 's/pe_start = .*/pe_start = 18014398509481985/' absurd.meta
lvm_on vgcfgrestore "${loops[0]}" -y --force -f absurd.meta vgabsurd
done_with "${loops[@]}"

step "thin volumes"
blank_disks thin.img
lvm_on vgcreate "${loops[0]}" vgthin "${loops[0]}"
lvm_on lvcreate "${loops[0]}" -y --type thin-pool -n pool -L 32M vgthin
lvm_on lvcreate "${loops[0]}" -y --thin -n thin -V 64M vgthin/pool
fill /dev/vgthin/thin thin.manifest
lvm_on vgchange "${loops[0]}" -an vgthin
done_with "${loops[@]}"

step "a volume group of which a disk is missing"
blank_disks part1.img part2.img
lvm_on vgcreate "${loops[0]},${loops[1]}" vgpart "${loops[@]}"
lvm_on lvcreate "${loops[0]},${loops[1]}" -y -n here -L 20M vgpart "${loops[0]}"
lvm_on lvcreate "${loops[0]},${loops[1]}" -y -n gone -L 20M vgpart "${loops[1]}"
fill /dev/vgpart/here part.here.manifest
fill /dev/vgpart/gone part.gone.manifest
lvm_on vgchange "${loops[0]},${loops[1]}" -an vgpart
done_with "${loops[@]}"

step "LVM on an array of two"
blank_disks md1.img md2.img
mdadm --create /dev/md/made --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web01 --name=data \
    --assume-clean "${loops[@]}"
udevadm settle
md=$(readlink -f /dev/md/made)
lvm_on vgcreate "$md" vgmd "$md"
lvm_on lvcreate "$md" -y -n lv -L 20M vgmd
fill /dev/vgmd/lv md.manifest
lvm_on vgchange "$md" -an vgmd
mdadm --stop --quiet "$md"
done_with "${loops[@]}"

step "an array of two volumes"
blank_disks under.img
lvm_on vgcreate "${loops[0]}" vgunder "${loops[0]}"
for lv in one two; do lvm_on lvcreate "${loops[0]}" -y -Wn -n $lv -L 20M vgunder; done
mdadm --create /dev/md/made --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web01 --name=inside \
    --assume-clean /dev/vgunder/one /dev/vgunder/two
udevadm settle
fill /dev/md/made inside.manifest
mdadm --stop --quiet /dev/md/made
lvm_on vgchange "${loops[0]}" -an vgunder
done_with "${loops[@]}"

step "an array of three, partitioned, one of them missing"
blank_disks r1.img r2.img r3.img
mdadm --create /dev/md/made --quiet --run --level=5 --raid-devices=3 --homehost=web01 --name=five --assume-clean "${loops[@]}"
udevadm settle
md=$(readlink -f /dev/md/made)
sfdisk -q --label dos "$md" <<< 'type=83'
udevadm settle
fill "${md}p1" r5.manifest
mdadm --stop --quiet "$md"
done_with "${loops[@]}"

step "an encrypted one"
echo -n 'correct horse' > key
echo -n 'battery staple' > other-key
chmod 600 key other-key
truncate -s 48M luks.img
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key luks.img
loop=$(losetup -f --show luks.img)
cryptsetup open --key-file key "$loop" made
fill /dev/mapper/made luks.manifest
cryptsetup close made
_detach "$loop"

step "a dirty journal, btrfs, NTFS"
make_disk_ext4_dirty dirty.img
make_disk_btrfs btrfs.img
truncate -s 24M ntfs.img
mkntfs -q -F ntfs.img
mkdir mnt
ntfs-3g ntfs.img mnt
echo ntfs > small/which
cp -a small/. mnt/
echo 'Any data on this drive can be lost' > mnt/DATALOSS_WARNING_README.txt
manifest mnt > ntfs.manifest
umount mnt

step "BitLocker"
recovery=471207-278498-422125-177177-561902-537405-468006-693451
echo -n $recovery > recovery
chmod 600 recovery
truncate -s 24M bitlocker.img
testside "$AZILR_LAB/bitlocker" bitlocker.img 'pa$$ word' $recovery > table
loop=$(losetup -f --show bitlocker.img)
sed "s#%s#$loop#" table | testside dmsetup create lab-plain
udevadm settle
mkntfs -q -Q -F /dev/mapper/lab-plain 2> /dev/null
ntfs-3g /dev/mapper/lab-plain mnt
echo bitlocker > small/which
cp -a small/. mnt/
manifest mnt > bitlocker.manifest
umount mnt
retry_until 10 sh -c '! pgrep -x ntfs-3g'
"$AZILR_LAB/ntfs-in-use" live ntfs.img
retry_until 10 dmsetup remove lab-plain
_detach "$loop"

# The journal's device is there on this host by the same number, as on the VM itself, and has what the file system would
# have replayed.
step "ext4 with a dirty journal on another device"
truncate -s 16M journal.live
truncate -s 48M outside.live
journal=$(losetup -f --show journal.live)
cleanup_fn losetup -d "$journal"
mke2fs -q -O journal_dev -b 4096 "$journal"
loop=$(losetup -f --show outside.live)
mke2fs -q -t ext4 -b 4096 -J "device=$journal" "$loop"
mount -o commit=300 "$loop" mnt
echo early > mnt/early
sync -f mnt
manifest mnt > outside.manifest
echo late > mnt/late
sync mnt/late
cp --sparse=always outside.live outside.img
cp --sparse=always journal.live journal.dirty
umount mnt
_detach "$loop"
cat journal.dirty > "$journal"
sync "$journal"
rm outside.live

rm -f /etc/lvm/{archive,backup}/vg*
start_azure -- \
    "$PWD"/{vg1,vg2,thin,part1,md1,md2,r1,r3,luks,dirty,btrfs,ntfs,nested,copy2,copy1,absurd,fatal,bitlocker,outside,under}.img
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before

# LVM as it is where a physical volume makes it fail (that of LUN 17), and where it does not bring up volumes at first.
lvm_again() {
    local command
    for command in pvs lvchange; do [ ! -e /sbin/$command.lab ] || mv /sbin/$command.lab /sbin/$command; done
    rm -f /run/lab-lvchange
}
cleanup_fn lvm_again
mv /sbin/pvs /sbin/pvs.lab
mv /sbin/lvchange /sbin/lvchange.lab
cat > /sbin/pvs << 'SH'
#!/bin/sh
fatal=$(readlink -f /dev/disk/by-azilr/*/lun17)
case $* in *"|^$fatal\$|"*) echo 'Segmentation fault' >&2; exit 139 ;; esac
exec lvm pvs "$@"
SH
cat > /sbin/lvchange << 'SH'
#!/bin/sh
case $* in *' -ay '*) [ -e /run/lab-lvchange ] || { : > /run/lab-lvchange; echo 'not yet' >&2; exit 5; } ;; esac
exec lvm lvchange "$@"
SH
chmod +x /sbin/pvs /sbin/lvchange
secrets_watch_where_traced "correct horse" "battery staple" $recovery
journal_before=$(sha256sum < "$journal")

step "mount"
expect_exit 6 azilr mount web01 "${point_options[@]}" --key-file other-key --key-file key --key-file recovery --json
cp "$LAB_WORK/stdout" result.json
secrets_watch_stop
[ -e /run/lab-lvchange ] || fail "lvchange was not kept from its work"
lvm_again
volumes=$(json_get result.json directory)/volumes

mounted() { # LAYOUT VOLUME MANIFEST
    assert_eq "$(volume "$2" status)" mounted "$2: $(volume "$2" reason)"
    assert_manifest "$3" "$volumes/$2"
    ! touch "$volumes/$2/new" 2> /dev/null || fail "$2 can be written to"
    echo "LAYOUT pass: $1"
}

mounted "LVM, one disk of two" vgdata-home vg.home.manifest
mounted "LVM, over both disks" vgdata-a-b vg.a-b.manifest
mounted "LVM, thin" vgthin-thin thin.manifest
mounted "LVM, a disk missing, what is whole" vgpart-here part.here.manifest
mounted "LVM on md raid1" vgmd-lv md.manifest
mounted "md raid1 on LVM" md-inside inside.manifest
mounted "md raid5, degraded, partitioned" md-fivep1 r5.manifest
assert_contains "$(volume md-fivep1 note)" "1 of its 3 members missing"
mounted "a copy of a volume group" vgdata-home-2 copy.home.manifest
assert_contains "$(volume vgdata-home-2 note)" disk13
assert_contains "$(volume vgdata-home-2 note)" disk14
mounted "a partition of a volume in a group in a volume" vginner-diskp1 nested.manifest
assert_eq "$(echo "$volumes"/*inner*)" "$volumes/vginner-diskp1" "the group inside of a volume"
mounted "ext4 in LUKS2" disk8-unlocked luks.manifest
mounted "ext4, dirty journal replayed" disk9 dirty.img.root.manifest
mounted "btrfs" disk10 btrfs.img.root.manifest
mounted "NTFS" disk11 ntfs.manifest
mounted "NTFS in BitLocker" disk17-unlocked bitlocker.manifest
mounted "ext4, journal on another device" disk18 outside.manifest
assert_contains "$(volume disk18 note)" "its journal is on another device, and was not replayed"
assert_eq "$(sha256sum < "$journal")" "$journal_before" "the journal's device of this host"
assert_eq "$(volume vgpart-gone status)" failed
assert_contains "$(volume vgpart-gone reason)$(volume vgpart-gone note)" "missing"
echo "LAYOUT pass: LVM, a disk missing, what is not whole is told"
assert_eq "$(volume disk9 note)" None
assert_contains "$(volume disk11 note)" "temporary disk"
assert_contains "$(volume disk11 note)" "its journal was not replayed"
assert_contains "$(volume disk15 reason)" "makes no sense"
assert_contains "$(volume disk16 reason)" "Segmentation fault"
echo "LAYOUT pass: what LVM cannot read keeps none of the rest"
for name in disk{0,1,2,3,4,5,6,7,8,12,13,14,17,19} vgouter-pv vginner-disk vgunder-one vgunder-two md-five; do
    assert_eq "$(volume $name status)" member "$name: $(volume $name reason)"
done

step "nothing else of this host took any of it"
udevadm settle
assert_eq "$(find /dev/disk -path '*/by-azilr' -prune -o -type l -printf '%l\n' | grep -E '/(sd|dm-|md)' || true)" "" \
    "links to the backup's devices"
assert_eq "$(multipathd show paths 2> /dev/null | grep -w 'sd[a-z]' || true)" "" "multipathd"
cat /proc/mdstat
grep -E 'read-only' /proc/mdstat
! grep -E 'resync|recovery' /proc/mdstat || fail "an array is being rebuilt"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" vgdata-home

step "unmount"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
