#!/bin/bash
# Over a hundred damaged volumes at once, and partition tables that make no sense: azilr comes through in time, shows what
# can be shown, says of the rest why not, and leaves nothing behind. The host's kernel does not stumble either.
# weight=185
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires mkntfs mkfs.exfat mkudffs genisoimage lvcreate mdadm cryptsetup sfdisk
cd "$LAB_WORK" || exit

step "good volumes of each kind"
mkdir small
seq 1 5000 > small/numbers
mkdir small/directory
echo deep > small/directory/file
new() { rm -f "$1"; truncate -s "$2" "$1"; }
new ext4.img 8M
mke2fs -q -t ext4 -d small ext4.img
# one whose journal is to be replayed
new ext4dirty.live 8M
# without checksums, so that damage gets past the first look
mke2fs -q -t ext4 -O ^metadata_csum -d small ext4dirty.live
mkdir live
mount -o loop,commit=300 ext4dirty.live live
sync -f live
echo 'written just before the backup' > "live/last minute"
sync "live/last minute"
cp --sparse=always ext4dirty.live ext4dirty.img
dumpe2fs -h ext4dirty.img 2> /dev/null | grep -q needs_recovery || fail "there is nothing to replay"
umount live
new xfs.img 16M
TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q xfs.img
new btrfs.img 17M
mkfs.btrfs -q --mixed -r small btrfs.img
new vfat.img 4M
mkfs.vfat vfat.img > /dev/null
new ntfs.img 4M
mkntfs -q -F ntfs.img
new exfat.img 4M
mkfs.exfat exfat.img > /dev/null
new udf.img 4M
mkudffs --utf8 udf.img > /dev/null
genisoimage -quiet -R -o iso9660.img small
new lvm.img 8M
loop=$(losetup -f --show lvm.img)
pvcreate --devices "$loop" -q "$loop" > /dev/null
# nobody but this scenario activates it, however late
vgcreate --devices "$loop" -q --setautoactivation n --config 'backup { backup = 0 archive = 0 }' vgdamaged "$loop" > /dev/null
lvcreate --devices "$loop" -q -y -an -Zn --config 'backup { backup = 0 archive = 0 }' -n lv -l 1 vgdamaged > /dev/null
# udev has activated it, as it does with any of this host's own, and LVM kept a copy of its metadata
udevadm settle
vgchange --devices "$loop" -q -an vgdamaged > /dev/null
_detach "$loop"
rm -f /etc/lvm/{archive,backup}/vgdamaged*
new md.img 4M
loop=$(losetup -f --show md.img)
mdadm --create /dev/md/made --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --assume-clean "$loop" missing
udevadm settle
mdadm --stop --quiet /dev/md/made
_detach "$loop"
new luks.img 17M
echo -n key > key
chmod 600 key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key luks.img

step "and damaged ones"
"$AZILR_LAB/damage" damaged.img damaged.list {ext4,ext4dirty,xfs,btrfs,vfat,ntfs,exfat,udf,iso9660,lvm,md,luks}.img
cases=$(wc -l < damaged.list)
# an extended partition that leads back to itself, one that leads nowhere, a GPT whose entries overlap and go past the end
python3 - << 'PYTHON'
import struct, uuid, zlib

def mbr(entries):
    table = bytearray(512)
    for i, (kind, start, count) in enumerate(entries):
        struct.pack_into("<B3sB3sII", table, 446 + 16 * i, 0, b"\0\0\0", kind, b"\0\0\0", start, count)
    table[510:] = b"\x55\xaa"
    return table

def write(name, size, parts):
    with open(name, "wb") as disk:
        disk.truncate(size)
        for at, data in parts:
            disk.seek(at)
            disk.write(data)

S = 512
write("loop-ebr.img", 8 << 20, [(0, mbr([(5, 64, 8000)])), (64 * S, mbr([(0x83, 64, 64), (5, 0, 8000)]))])
write("lost-ebr.img", 8 << 20, [(0, mbr([(5, 64, 8000)])), (64 * S, mbr([(0x83, 64, 64), (5, 0xfffffff0, 8000)]))])
write("huge-mbr.img", 8 << 20, [(0, mbr([(0x83, 1, 0xffffffff), (0x83, 0xffffff00, 1), (0x83, 0, 0), (0x83, 64, 64)]))])
write("same-mbr.img", 8 << 20, [(0, mbr([(0x83, 64, 9000)] * 4))])

def gpt(size, entries, count=128, entry_size=128):
    table = b"".join(uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le + uuid.uuid5(uuid.NAMESPACE_DNS, str(i)).bytes_le +
                     struct.pack("<QQQ", a, b, 0) + "x".encode("utf-16le") * 36 for i, (a, b) in enumerate(entries))
    table = table.ljust(128 * 128, b"\0")
    head = bytearray(struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, size // S - 1, 34, size // S - 34,
                                 uuid.uuid5(uuid.NAMESPACE_DNS, "disk").bytes_le, 2, count, entry_size, zlib.crc32(table[:count * entry_size])))
    struct.pack_into("<I", head, 16, zlib.crc32(head))
    return [(0, mbr([(0xee, 1, size // S - 1)])), (S, bytes(head)), (2 * S, table)]

SIZE = 8 << 20
write("overlap-gpt.img", SIZE, gpt(SIZE, [(64, 8000), (128, 9000), (64, 8000), (8000, 64), (16000, 99999999999)]))
write("absurd-gpt.img", SIZE, gpt(SIZE, [(64, 8000)], count=0x7fffffff, entry_size=128))
write("wide-gpt.img", SIZE, gpt(SIZE, [(64, 8000)], count=4, entry_size=0x10000))
PYTHON
tables=(loop-ebr lost-ebr huge-mbr same-mbr overlap-gpt absurd-gpt wide-gpt)
for name in "${tables[@]}"; do
    # the file system of what does come of it is the same one each time: duplicate ids
    dd if=ext4.img of=$name.img bs=512 seek=64 conv=notrunc status=none
done
make_disk_ext4 good.img
echo "CASES: $((cases + ${#tables[@]}))"
[ $((cases + ${#tables[@]})) -ge 100 ] || fail "too few cases"

tables=("${tables[@]/%/.img}")
start_azure -- "$PWD/good.img" "$PWD/damaged.img" "${tables[@]/#/$PWD/}"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before
mark_kernel_log

step "mount"
start=$SECONDS
expect_exit 6 azilr mount web01 "${point_options[@]}" --key-file key --timeout 400 --json
took=$((SECONDS - start))
[ $took -lt 400 ] || fail "the mount took $took s, with a time-out of 400"
echo "TIME mount of $cases damaged volumes: $took s"
cp "$LAB_WORK/stdout" result.json
volumes=$(json_get result.json directory)/volumes
assert_manifest good.img.root.manifest "$volumes/disk0"
/usr/bin/python3 - << 'PYTHON'
import json
volumes = {v["name"]: v for v in json.load(open("result.json"))["volumes"]}
outcomes = {}
for line in open("damaged.list"):
    number, kind, what = line.rstrip("\n").split(" ", 2)
    volume = volumes[f"disk1p{number}"]
    said = volume["reason"] or volume["note"] or ""
    print(f"CASE {number} {kind}, {what}: {volume['status']} {said}")
    assert volume["status"] != "found", volume
    assert volume["status"] != "failed" or said, volume
    outcomes.setdefault(kind, {}).setdefault(volume["status"], []).append(number)
for kind, by_status in outcomes.items():
    print("OUTCOME", kind, {status: len(numbers) for status, numbers in by_status.items()})
PYTHON
! grep -E 'MemAvailable: +[0-9]{1,4} kB' /proc/meminfo || fail "out of memory"

step "what is shown can be looked at without harm"
# errors are fine, and are what the damage is; a hang or a crash is not
for directory in "$volumes"/*; do
    timeout 20 sh -c 'find "$1" -xdev -ls -type f -size -1000k -exec cat {} + > /dev/null 2>&1' sh "$directory" || [ $? != 124 ] ||
        fail "reading $directory hangs"
done

step "unmount"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
kernel_log > kernel.log
! grep -E 'BUG:|Oops|call trace|Call Trace|general protection|hung task|panic' kernel.log || fail "the kernel stumbled"
