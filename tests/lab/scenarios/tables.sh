#!/bin/bash
# Partition tables that the kernel does not take, or not as they were meant: a damaged GPT whose backup is good, one for
# sectors of 4096 bytes, one without its MBR, one that is cut off; tables in volumes in partitions; those of Windows' own
# volume managers. What can be read is shown, and of the rest it is said that something is missing.
# weight=74
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate sfdisk sgdisk
cd "$LAB_WORK" || exit
mkdir small
seq 1 20000 > small/numbers
echo 'the yearly report' > small/report
manifest small > part.manifest
truncate -s 8M part.img
mke2fs -q -t ext4 -d small part.img

# disk NAME [SFDISK-SCRIPT]: a GPT with one partition, which holds the files.
disk() {
    truncate -s 12M "$1.img"
    sfdisk -q --label gpt "$1.img" <<< "${2-start=1MiB, size=8MiB, name=data}"
    dd if=part.img of="$1.img" bs=1M seek=1 conv=notrunc status=none
}

# zero NAME FIRST COUNT: these sectors of 512 bytes are lost.
zero() { dd if=/dev/zero of="$1.img" bs=512 seek="$2" count="$3" conv=notrunc status=none; }

step "tables that are damaged, or written for other sectors"
disk primary
zero primary 1 1
disk entries
zero entries 2 8
disk no-mbr
zero no-mbr 0 1
disk both
zero both 1 33
zero both $((12 * 2048 - 33)) 33
disk cut-off
truncate -s 6M cut-off.img
truncate -s 12M empty.img
sgdisk -o empty.img > sgdisk.log
truncate -s 12M sectors.img
loop=$(losetup -f --show --sector-size 4096 sectors.img)
sgdisk -n 1:1M:+8M "$loop" >> sgdisk.log
_detach "$loop"
dd if=part.img of=sectors.img bs=1M seek=1 conv=notrunc status=none
assert_eq "$(blkid -p -o value -s PTTYPE sectors.img)" PMBR "what it looks like with 512 bytes"

step "Windows' own"
disk ldm 'start=1MiB, size=8MiB, type=AF9B60A0-1431-4F62-BC68-3311714A69AD
type=5808C8AA-7E8F-42E0-85D2-E1E90434CFB3'
disk spaces 'start=1MiB, size=8MiB, type=E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D'

step "a table in a volume in a partition, on which is a physical volume again"
lvm_on() { # COMMAND DEVICE [ARGUMENTS]
    local command=$1 device=$2
    shift 2
    "$command" --devices "$device" -q --config 'backup { backup = 0 archive = 0 } devices { scan_lvs = 1 }' "$@" > /dev/null
}
# volume_in IMAGE MIB VG FILE: on a partition of the image a volume of so many MiB, which holds what is in the file
volume_in() {
    local loop
    truncate -s $(($2 + 8))M "$1"
    sfdisk -q --label gpt "$1" <<< 'type=V'
    loop=$(_attach "$1")
    lvm_on vgcreate "${loop}p1" "$3" "${loop}p1"
    lvm_on lvcreate "${loop}p1" -y -Wn -n files -L "$2M" "$3"
    dd if="$4" of="/dev/$3/files" bs=1M conv=fsync status=none
    lvm_on vgchange "${loop}p1" -an "$3"
    _detach "$loop"
}
volume_in inner.img 8 vginner part.img
# only the backup of the table inside is left
zero inner 1 33
volume_in stacked.img 16 vgouter inner.img
rm -f /etc/lvm/{archive,backup}/vg{outer,inner}*

step "a tower of tables, each in the partition of the one before; and one whose partitions are the whole of it"
/usr/bin/python3 - << 'PYTHON'
import struct

def mbr(entries):
    table = bytearray(512)
    for i, (start, count) in enumerate(entries):
        struct.pack_into("<B3sB3sII", table, 446 + 16 * i, 0, b"\0\0\0", 0x83, b"\0\0\0", start, count)
    table[510:] = b"\x55\xaa"
    return table

SECTORS = 8 << 11
with open("tower.img", "wb") as disk:
    disk.truncate(SECTORS * 512)
    for level in range(64):
        disk.seek(level * 512)
        disk.write(mbr([(1, SECTORS - level - 1)]))
with open("itself.img", "wb") as disk:
    disk.truncate(SECTORS * 512)
    disk.write(mbr([(0, SECTORS), (1, SECTORS), (SECTORS - 1, 0xffffffff)]))
PYTHON

step "nine root file systems, which is one more than are shown as trees, and a BIOS boot partition"
mkdir -p root/etc root/usr
echo 'ID=debian' > root/etc/os-release
truncate -s 4M root.part
mke2fs -q -t ext4 -d root root.part
truncate -s 40M roots.img
{
    for i in 1 2 3 4 5 6 7 8 9; do echo "start=$((i * 4 - 3))MiB, size=4MiB"; done
    echo 'start=37MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649'
} | sfdisk -q --label gpt roots.img
for i in 1 2 3 4 5 6 7 8 9; do dd if=root.part of=roots.img bs=1M seek=$((i * 4 - 3)) conv=notrunc status=none; done

images=(primary entries no-mbr both cut-off empty sectors ldm spaces stacked tower itself roots)
images=("${images[@]/%/.img}")
start_azure -- "${images[@]/#/$PWD/}"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before
mark_kernel_log

step "mount"
start=$SECONDS
expect_exit 6 azilr mount web01 "${point_options[@]}" --timeout 300 --json
took=$((SECONDS - start))
[ $took -lt 300 ] || fail "the mount took $took s, with a time-out of 300"
cp "$LAB_WORK/stdout" result.json
volumes=$(json_get result.json directory)/volumes

shown() { # WHAT VOLUME
    assert_eq "$(volume "$2" status)" mounted "$1: $(volume "$2" reason)"
    assert_manifest part.manifest "$volumes/$2"
    ! touch "$volumes/$2/new" 2> /dev/null || fail "$2 can be written to"
    echo "TABLE pass: $1"
}

told() { # WHAT VOLUME STATUS REASON
    assert_eq "$(volume "$2" status)" "$3" "$1"
    assert_contains "$(volume "$2" reason)" "$4"
    echo "TABLE pass: $1"
}

shown "GPT, its header damaged" disk0p1
shown "GPT, its entries damaged" disk1p1
shown "GPT without MBR" disk2p1
shown "GPT for sectors of 4096 bytes" disk6p1
for name in disk0 disk1 disk2 disk6; do told "$name, the disk itself" $name member "does not take, opened"; done
told "GPT, both copies damaged" disk3 failed "neither that nor the backup"
told "GPT, cut off" disk4 failed "not all of the disk"
told "GPT without partitions" disk5 skipped "without partitions"
told "a BIOS boot partition" disk12p10 skipped "BIOS boot partition"
told "a dynamic disk" disk7p1 failed "dynamic disk"
told "a dynamic disk's database" disk7p2 skipped "dynamic disk"
told "a Storage Spaces pool" disk8p1 failed "Storage Spaces"
shown "LVM in a partition in a volume in a partition" vginner-files
[ -n "$(/usr/bin/python3 -SE -c 'import json
print([v for v in json.load(open("result.json"))["volumes"] if v["name"].startswith("disk10") and "levels deep" in (v["reason"] or "")] or "")')" ] ||
    fail "the tower has no end"
echo "TABLE pass: a tower of tables"
! grep -q '"name": *"disk11p1p1p1' result.json || fail "a partition that is its own"

for i in 0 7 8; do /usr/bin/python3 -SE -c 'import json,sys
root = json.load(open("result.json"))["roots"][int(sys.argv[1])]
print(root["status"], root["volume"], root["directory"], root["reason"])' $i; done > roots
assert_contains roots "mounted disk12p1 $(json_get result.json directory)/root None"
assert_contains roots "mounted disk12p8 $(json_get result.json directory)/root8 None"
assert_contains roots "failed disk12p9 None no more than 8"
azilr status > shown.txt
assert_contains shown.txt "disk12p9 is not shown as a tree: no more than 8"

step "a device of device-mapper's in between keeps nothing from being unmounted, nor the host from being as it was"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
kernel_log > kernel.log
! grep -E 'BUG:|Oops|call trace|Call Trace|general protection|hung task|panic' kernel.log || fail "the kernel stumbled"
